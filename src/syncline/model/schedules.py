"""The schedule: when a connector starts jobs by itself, and what becomes of a run that came too late or too early."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from syncline.model.errors import ConfigInvalid
from syncline.model.jobs import JobType

GRACE_S: Final = 60.0  # a run that is later than this was missed


class Dialect(StrEnum):
    """Whose words an expression is written in."""

    UNIX = "unix"  # five fields, as in a crontab
    QUARTZ = "quartz"  # six or seven fields, seconds first
    AWS = "aws"  # cron(...), rate(...), at(...)


class Misfire(StrEnum):
    """What becomes of due times that nobody was there for: one run for all of them, or none."""

    RUN_ONCE = "run_once"
    SKIP = "skip"


class Overlap(StrEnum):
    """What becomes of a due time while the connector has a job that has not ended."""

    SKIP = "skip"
    COALESCE = "coalesce"  # into the job that waits, or one that follows the one that runs


class ScheduleInvalid(ConfigInvalid):
    """A schedule cannot be understood, or would never run. `details["field"]` names the part that is wrong."""

    code = "schedule.invalid"
    default_remedy = "Correct the schedule; docs/schedules.md shows how one is written."


@dataclass(slots=True)
class Schedule:
    """One row of the schedule table. Times are Unix seconds (float, UTC).

    connector  number of its connector.   name: unique within the connector, "" if it has none.
    type       of the jobs it starts; None: whatever suits the connector.
    jitter_s   a run begins up to so many seconds after it is due; each due time has its own delay, always the same.
    next_at    when it is due next, without jitter; None: never again.
    last_at    the last due time that a job was to be started for.   last_job: the number of the last job it started.
    revision   rises with every change that somebody makes to it, not with its runs; 1 at first.
    """

    number: int
    id: str
    connector: int
    name: str
    expression: str
    dialect: Dialect
    zone: str = "UTC"
    type: JobType | None = None
    misfire: Misfire = Misfire.RUN_ONCE
    when_active: Overlap = Overlap.SKIP
    jitter_s: float = 0.0
    enabled: bool = True
    next_at: float | None = None
    last_at: float | None = None
    last_job: int | None = None
    revision: int = 1
    created_at: float = 0.0
    updated_at: float = 0.0
