"""Sync jobs: our jobs in Airweave's words, with counters that are true whatever became of them."""

from __future__ import annotations

from typing import Any, Final

from syncline.dialects.airweave.times import naive
from syncline.model.jobs import Job, JobState

STATUS: Final = {
    JobState.PENDING: "pending",
    JobState.RUNNING: "running",
    JobState.STOPPING: "cancelling",
    JobState.SUSPENDED: "pending",
    JobState.SUCCEEDED: "completed",
    JobState.INCOMPLETE: "completed",
    JobState.FAILED: "failed",
    JobState.STOPPED: "cancelled",
}
API_KEY_INVALID: Final = "api_key_invalid"
WITHHELD: Final = "Look at them with `syncline approve CONNECTOR --list`; then approve, or bring the documents back."


def refused(job: Job | None) -> bool:
    """Whether it failed because a secret is missing, wrong or expired."""
    return job is not None and job.state is JobState.FAILED and (job.error or {}).get("category") == "credentials"


def details(job: Job) -> dict[str, Any]:
    """One job as a source connection shows its last one. A failed one has no end: Airweave gives it none."""
    ended = None if job.state is JobState.FAILED else job.ended_at
    took = None if ended is None else round(max(0.0, ended - (job.started_at or ended)), 6)
    return {
        "id": job.id,
        "status": STATUS[job.state],
        "started_at": naive(job.started_at),
        "completed_at": naive(ended),
        "duration_seconds": took,
        "entities_inserted": job.counters.inserted,
        "entities_updated": job.counters.updated,
        "entities_deleted": job.counters.deleted,
        "entities_failed": job.counters.failed,
        "error": _error(job),
        "error_category": API_KEY_INVALID if refused(job) else None,
    }


def shape(job: Job, connection_id: str) -> dict[str, Any]:
    """One job."""
    return {**details(job), "source_connection_id": connection_id, "error_details": _error_details(job)}


def _error(job: Job) -> str | None:
    return str(job.error.get("message") or "The sync failed") if job.error else None


def _error_details(job: Job) -> dict[str, Any] | None:
    """What we know more: a stable code, and what to do; and deletions that wait for somebody's approval."""
    if not job.error:
        waiting = job.counters.withheld_deletes
        return {"code": "deletion.withheld", "withheld_deletions": waiting, "remedy": WITHHELD} if waiting else None
    return {name: job.error[name] for name in ("code", "category", "remedy") if job.error.get(name)}
