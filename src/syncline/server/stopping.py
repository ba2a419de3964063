"""Stopping the jobs of a connector, and waiting until they have let go."""

from __future__ import annotations

from syncline.model.connectors import Connector
from syncline.server.operations import Call
from syncline.service import stopping
from syncline.wiring import Installation


def stop_jobs(call: Call, room: Installation, connector: Connector) -> None:
    """Stop every job of it that has not ended. Raises JobActive when one does not let go in time."""
    stopping.stop_jobs(room, connector, call.house.wake)
