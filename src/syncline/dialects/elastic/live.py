"""Documents as they are now: what is stored, and over it what Syncline knows better of what it runs itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from syncline.dialects.elastic import blank, indices, sources, timetable, words
from syncline.dialects.elastic.stamps import stamp
from syncline.model.connectors import Connector
from syncline.model.jobs import ACTIVE, Job, JobState, JobType, Trigger
from syncline.model.outcomes import Counters
from syncline.store.secrets import MASK, masked
from syncline.wiring import Installation

HEARTBEAT_S: Final = 300.0  # how often whoever runs connectors says so
MIB: Final = 1 << 20


# --- connectors -------------------------------------------------------------------------------------------------------


def of_connector(room: Installation, connector: Connector) -> dict[str, Any]:
    """The document of a connector that was made elsewhere, without what is live."""
    index = room.control().index(connector.index)
    settings = masked(connector.config)
    given = {
        "index_name": connector.index if index is None else indices.theirs(index),
        "name": connector.name,
        "service_type": sources.word_for(connector.kind, settings),
    }
    if connector.description:
        given["description"] = connector.description
    doc = blank.connector(given, stamp(connector.created_at) or "")
    return doc | {"configuration": sources.fields_of(connector.kind, settings, MASK), "status": words.CONFIGURED}


def overlay(
    room: Installation, connector: Connector, doc: dict[str, Any], link: Mapping[str, Any], newest: Sequence[Job]
) -> dict[str, Any]:
    """The document with what is known of the connector now; `newest` are its newest jobs."""
    if connector.name != link.get("name"):
        doc["name"] = connector.name
    if connector.description != link.get("description", ""):
        doc["description"] = connector.description
    if connector.revision != link.get("revision") and not link.get("foreign"):
        _follow_settings(connector, doc)
    doc["scheduling"] = timetable.shown(room, connector, doc["scheduling"], link.get("schedules", {}))
    doc["last_seen"] = _seen(room.clock(), connector, doc.get("last_seen"))
    touched = link.get("touched", {})
    doc.update(_sync_info(newest, touched.get("sync", 0.0)))
    doc.update(_state(newest, touched.get("state", 0.0)))
    return doc


def _follow_settings(connector: Connector, doc: dict[str, Any]) -> None:
    """It has been changed elsewhere: what its settings are now."""
    type = sources.TYPES.get(doc.get("service_type") or "")
    if type is None:
        return
    for name, value in sources.values_of(type, masked(connector.config)).items():
        field = doc["configuration"].get(name)
        if field is not None and not field.get("sensitive"):
            field["value"] = value


def _seen(now: float, connector: Connector, held: Any) -> str:
    """Whoever runs it lives while this is answered, and says so every five minutes."""
    heartbeat = stamp(max(now // HEARTBEAT_S * HEARTBEAT_S, connector.created_at)) or ""
    return max(heartbeat, held) if isinstance(held, str) else heartbeat


def _sync_info(newest: Sequence[Job], since: float) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, type in (
        ("last_sync_scheduled_at", JobType.FULL),
        ("last_incremental_sync_scheduled_at", JobType.INCREMENTAL),
    ):
        scheduled = [job for job in newest if job.trigger is Trigger.SCHEDULED and (job.wanted or JobType.FULL) is type]
        if scheduled and scheduled[-1].created_at > since:
            found[name] = stamp(scheduled[-1].created_at)
    begun = [job for job in newest if job.started_at is not None]
    if begun and _at(begun[-1]) > since:
        found |= {"last_sync_status": words.STATUS[begun[-1].state], "last_sync_error": error_of(begun[-1])}
    ended = [job for job in begun if job.ended_at is not None]
    if ended and _at(ended[-1]) > since:
        counters = ended[-1].counters
        found |= {
            "last_deleted_document_count": counters.deleted,
            "last_indexed_document_count": counters.inserted + counters.updated,
            "last_synced": stamp(ended[-1].ended_at),
        }
    return found


def _state(newest: Sequence[Job], since: float) -> dict[str, Any]:
    begun = [job for job in newest if job.started_at is not None]
    if not begun or _at(begun[-1]) <= since:
        return {}
    error = error_of(begun[-1])
    return {"status": words.CONNECTED if error is None else words.ERROR, "error": error}


def _at(job: Job) -> float:
    return job.ended_at or job.started_at or job.created_at


def error_of(job: Job) -> str | None:
    """Why it failed, in a sentence; None when it did not."""
    if job.state is not JobState.FAILED:
        return None
    error = job.error or {}
    message, remedy = error.get("message") or "the sync failed", error.get("remedy")
    return f"{message}. {remedy}" if remedy else str(message)


# --- sync jobs --------------------------------------------------------------------------------------------------------


def job(found: Job, snapshot: Mapping[str, Any], run: Mapping[str, Any], tally: Mapping[str, int]) -> dict[str, Any]:
    """The document of one of our jobs. `run` is what the dialect keeps with it, `tally` what it has brought: "total"
    and "bytes"."""
    counters = found.counters
    ended = stamp(found.ended_at)
    doc = {
        "connector": dict(snapshot),
        "created_at": stamp(found.created_at),
        "deleted_document_count": counters.deleted,
        "indexed_document_count": counters.inserted + counters.updated,
        "indexed_document_volume": -(-tally.get("bytes", 0) // MIB),
        "job_type": words.type_of(found),
        "last_seen": stamp(max(found.heartbeat_at or found.created_at, run.get("seen", 0.0))),
        "metadata": {**_told(found, counters), **run.get("metadata", {})},
        "status": words.STATUS[found.state],
        "total_document_count": tally.get("total", 0),
        "trigger_method": words.trigger_of(found),
        "started_at": stamp(found.started_at),
        "completed_at": ended,
        "error": error_of(found),
        "worker_hostname": found.worker or None,
    }
    if found.stop_requested:
        doc["cancelation_requested_at"] = stamp(run.get("cancel")) or ended
    if found.state is JobState.STOPPED:
        doc["canceled_at"] = ended
    return {name: value for name, value in doc.items() if value is not None}


def _told(found: Job, counters: Counters) -> dict[str, Any]:
    """What this dialect has no word for."""
    told: dict[str, Any] = {"syncline": {"job": found.number, **counters.as_dict()}}
    if found.notes:
        told["syncline"]["notes"] = list(found.notes)
    return told


def total_of(found: Job) -> int | None:
    """Documents of the connector after a job that looked at all of them; None when it did not."""
    counters = found.counters
    if found.state in ACTIVE or found.type is not JobType.FULL or found.started_at is None:
        return None
    return counters.inserted + counters.updated + counters.kept + counters.withheld_deletes
