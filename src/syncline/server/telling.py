"""What jobs do, told in the log of the server: also of jobs that run in processes of their own, or in commands."""

from __future__ import annotations

import logging
from typing import Any, Final

from syncline.model.events import CREDENTIALS_NEEDED, DELETIONS_WITHHELD, Event
from syncline.model.jobs import ENDED, JobState
from syncline.store.relational.control import Control

LEVELS: Final = {
    f"job.{JobState.FAILED}": logging.ERROR,
    f"job.{JobState.INCOMPLETE}": logging.WARNING,
    DELETIONS_WITHHELD: logging.WARNING,
    CREDENTIALS_NEEDED: logging.WARNING,
}
_ENDS: Final = frozenset(f"job.{state}" for state in ENDED)

logger = logging.getLogger(__name__)


class Teller:
    """Logs every event from now on, under its type."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._seq = control.newest_event()

    def step(self) -> None:
        """Log what is new."""
        while found := self._control.events(self._seq):
            for event in found:
                self._seq = event.seq
                logger.log(LEVELS.get(event.type, logging.INFO), event.type, extra={"fields": fields_of(event)})


def fields_of(event: Event) -> dict[str, Any]:
    """What a line says of it: ids and figures, and of an error its code and message."""
    data = event.data
    fields: dict[str, Any] = {
        "job": event.job,
        "job_id": data.get("id"),
        "connector": data.get("connector"),
        "connector_id": event.connector_id or None,
        "index": event.index or None,
        "trigger": data.get("trigger"),
        "attempt": data.get("attempt"),
    }
    if event.type in _ENDS:
        error = data.get("error") or {}
        names = ("duration_s", "inserted", "updated", "deleted", "kept", "failed", "filtered", "withheld_deletes")
        fields |= {name: data.get(name) for name in names}
        fields |= {"code": error.get("code"), "message": error.get("message")}
    return fields
