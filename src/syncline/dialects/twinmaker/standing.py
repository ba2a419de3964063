"""Where a sync job stands, in TwinMaker's words."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from syncline.dialects.aws import Fault
from syncline.dialects.twinmaker import synced
from syncline.dialects.twinmaker.place import DIALECT, SOURCE, Place
from syncline.model.connectors import Connector
from syncline.service import following

INVALID: Final = "ValidationException"


def deleting(job: Connector | None) -> bool:
    """Whether DeleteSyncJob has been called, and it is not gone yet."""
    return job is not None and bool(job.extras.get(DIALECT, {}).get("deleting"))


def state_of(place: Place, synced: bool) -> str:
    """Of an entity or component type."""
    return "DELETING" if synced and deleting(place.job) else "ACTIVE"


def check_let_go(place: Place, what: str) -> None:
    """Raises Fault while what the sync job has brought may not be deleted by hand."""
    if not deleting(place.job):
        raise Fault(INVALID, f"{what} is synced from {SOURCE} and can only be deleted there.")


def status(place: Place, job: Connector) -> dict[str, Any]:
    """A SyncJobStatus."""
    if deleting(job):
        return {"state": "DELETING"}
    stands = following.standing(place.room, job)
    if stands.stuck:
        return {"state": "ERROR", "error": _error(stands.error, stands.complete)}
    state = "ACTIVE" if stands.complete else "INITIALIZING" if stands.begun else "CREATING"
    if stands.error is not None:
        return {"state": state, "error": _error(stands.error, stands.complete)}
    if stands.withheld:
        shelf = synced.shelf(place)
        first = next(iter(shelf.withheld(job.number, "", 1)), None) if shelf else None
        why = f": {first.reason}" if first is not None else ""
        told = f"{stands.withheld} deletions are withheld{why}. `syncline approve {job.name!r}` carries them out."
        return {"state": state, "error": {"code": "SYNC_DELETING_ERROR", "message": told}}
    return {"state": state}


def updated(place: Place, job: Connector) -> float:
    """When its status last changed, as far as is known: Unix seconds."""
    newest = next(iter(place.control.jobs(job.number, limit=1)), None)
    moments = [job.updated_at, job.created_at]
    if newest is not None:
        moments += [newest.created_at, newest.started_at or 0.0, newest.ended_at or 0.0]
    return max(moments)


def _error(error: dict[str, Any] | None, complete: bool) -> dict[str, str]:
    told = error or {}
    code = "SYNC_PROCESSING_ERROR" if complete else "SYNC_INITIALIZING_ERROR"
    message = " ".join(filter(None, (told.get("message"), told.get("remedy"))))
    return {"code": code, "message": message[:2048]}


def seconds(iso: Any, otherwise: float) -> float:
    """Unix seconds of an ISO 8601 time."""
    try:
        return datetime.fromisoformat(iso).timestamp()
    except (TypeError, ValueError):
        return otherwise
