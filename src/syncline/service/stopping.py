"""Stopping the jobs of a connector, and waiting until they have let go."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from syncline.model.connectors import Connector
from syncline.model.errors import JobActive
from syncline.service import connectors, jobs
from syncline.wiring import Installation

PATIENCE_S: Final = 10.0  # a stop takes effect within two seconds (invariant 8)
POLL_S: Final = 0.02


def stop_jobs(
    installation: Installation, connector: Connector, wake: Callable[[], None], patience_s: float = PATIENCE_S
) -> None:
    """Stop every job of it that has not ended; `wake` tells whoever runs jobs. Raises JobActive when one does not let
    go in time."""
    control = installation.control()
    end = time.monotonic() + patience_s
    while True:
        for job in control.active_jobs(connector.number):
            jobs.stop(installation, job.id)
        wake()
        if not control.active_jobs(connector.number) and installation.lease_of(connector.number).is_free():
            return
        if time.monotonic() >= end:
            connectors.check_idle(control, connector)
            raise JobActive(f"connector {connector.name!r} is busy in another process", remedy="Try again in a moment.")
        time.sleep(POLL_S)
