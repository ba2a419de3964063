"""Removing what may be busy: jobs are stopped, have let go, and then everything goes."""

from __future__ import annotations

from collections.abc import Callable

from syncline.model.connectors import Connector
from syncline.model.indexes import Index
from syncline.service import connectors, indexes
from syncline.service.stopping import stop_jobs
from syncline.wiring import Installation


def remove_connector(installation: Installation, connector: Connector, wake: Callable[[], None]) -> int:
    """Remove it with its documents, jobs or not; returns how many went. `wake` tells whoever runs jobs. Raises
    JobActive when a job does not let go in time."""
    stop_jobs(installation, connector, wake)
    return connectors.remove(installation, connector)


def remove_index(installation: Installation, index: Index, wake: Callable[[], None]) -> None:
    """Remove it with everything that feeds it. Raises JobActive when a job does not let go in time."""
    for connector in indexes.feeding(installation, index):
        stop_jobs(installation, connector, wake)
    indexes.remove(installation, index, cascade=True)
