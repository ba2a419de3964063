"""Stopping the jobs of a connector, and waiting until they have let go."""

from __future__ import annotations

import time
from typing import Final

from syncline.model.connectors import Connector
from syncline.model.errors import JobActive
from syncline.runner.lease import Lease
from syncline.server.operations import Call
from syncline.service import connectors, jobs
from syncline.wiring import Installation

PATIENCE_S: Final = 10.0  # a stop takes effect within two seconds (invariant 8)
POLL_S: Final = 0.02


def stop_jobs(call: Call, room: Installation, connector: Connector) -> None:
    """Stop every job of it that has not ended. Raises JobActive when one does not let go in time."""
    control = room.control()
    end = time.monotonic() + PATIENCE_S
    while True:
        for job in control.active_jobs(connector.number):
            jobs.stop(room, job.id)
        call.house.wake()
        if not control.active_jobs(connector.number) and Lease(room.lease_path(connector)).is_free():
            return
        if time.monotonic() >= end:
            connectors.check_idle(control, connector)
            raise JobActive(f"connector {connector.name!r} is busy in another process", remedy="Try again in a moment.")
        time.sleep(POLL_S)
