"""What happened, in order: read by live views, webhooks and triggers, each from its own mark."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from syncline.model.jobs import JobState


@dataclass(slots=True, frozen=True)
class Event:
    """One thing that happened. `seq` only grows and is never reused; `at` is Unix seconds.

    data  JSON-safe, free of secrets; for an event of a job, the job as the API shows it.
    """

    seq: int
    at: float
    type: str
    connector_id: str = ""
    index: str = ""
    job: int | None = None
    data: dict[str, Any] = field(default_factory=dict)


JOB_EVENTS: Final = tuple(f"job.{state.value}" for state in JobState)
DELETIONS_WITHHELD: Final = "deletions.withheld"
CREDENTIALS_NEEDED: Final = "credentials.needed"
SCHEDULE_SKIPPED: Final = "schedule.skipped"
EVENT_TYPES: Final = (*JOB_EVENTS, DELETIONS_WITHHELD, CREDENTIALS_NEEDED, SCHEDULE_SKIPPED)
