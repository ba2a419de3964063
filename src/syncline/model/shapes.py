"""JSON shapes that everybody shows alike: the API, live views, webhooks, the command line."""

from __future__ import annotations

from typing import Any

from syncline.model.jobs import Job


def iso(at: float | None) -> str | None:
    """ISO 8601 in UTC with milliseconds, "2025-01-31T12:00:00.000Z"; None for None."""
    if at is None:
        return None
    from datetime import UTC, datetime

    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def job_shape(job: Job, connector: str, now: float) -> dict[str, Any]:
    """One job; `connector` is the name of its connector, `now` Unix seconds for a duration that still grows."""
    return {
        "number": job.number,
        "id": job.id,
        "connector": connector,
        "connector_id": job.connector_id,
        "index": job.index,
        "type": job.type.value,
        "trigger": job.trigger.value,
        "cause": job.cause,
        "state": job.state.value,
        "created_at": iso(job.created_at or None),
        "started_at": iso(job.started_at),
        "ended_at": iso(job.ended_at),
        "duration_s": round(job.duration_s(now), 3),
        "attempt": job.attempt,
        **job.counters.as_dict(),
        "error": job.error,
        "notes": list(job.notes),
    }
