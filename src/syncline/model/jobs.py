"""The sync job: one attempt to make source and index agree; it ends. States are a table, moved by one function."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from syncline.model.errors import InternalError
from syncline.model.outcomes import Counters


class JobState(StrEnum):
    """Where a job stands."""

    PENDING = "pending"
    RUNNING = "running"
    STOPPING = "stopping"
    SUSPENDED = "suspended"
    SUCCEEDED = "succeeded"
    INCOMPLETE = "incomplete"
    FAILED = "failed"
    STOPPED = "stopped"


class JobEvent(StrEnum):
    """What can happen to a job."""

    CLAIM = "claim"
    STOP = "stop"
    SUSPEND = "suspend"
    FINISH = "finish"
    FINISH_WITH_SKIPS = "finish_with_skips"
    FAIL = "fail"
    HALT = "halt"  # the worker has let go after a stop


class JobType(StrEnum):
    """What a job covers. `full` lists everything; `incremental` reads from the cursor."""

    FULL = "full"
    INCREMENTAL = "incremental"
    ACCESS_CONTROL = "access_control"


class Trigger(StrEnum):
    """Why a job was started."""

    ON_DEMAND = "on_demand"
    SCHEDULED = "scheduled"
    EVENT = "event"


class WhenActive(StrEnum):
    """What becomes of a start while the connector has a job that has not ended."""

    REFUSE = "refuse"
    COALESCE = "coalesce"  # into the one that waits, or one that follows the one that runs
    QUEUE = "queue"  # behind all others


S, E = JobState, JobEvent
TRANSITIONS: Final[Mapping[tuple[JobState, JobEvent], JobState]] = {
    # while              on                     becomes
    (S.PENDING, E.CLAIM): S.RUNNING,
    (S.PENDING, E.STOP): S.STOPPED,
    (S.PENDING, E.FAIL): S.FAILED,
    (S.RUNNING, E.CLAIM): S.RUNNING,  # another attempt takes over from a dead one
    (S.RUNNING, E.STOP): S.STOPPING,
    (S.RUNNING, E.SUSPEND): S.SUSPENDED,
    (S.RUNNING, E.FINISH): S.SUCCEEDED,
    (S.RUNNING, E.FINISH_WITH_SKIPS): S.INCOMPLETE,
    (S.RUNNING, E.FAIL): S.FAILED,
    (S.SUSPENDED, E.CLAIM): S.RUNNING,
    (S.SUSPENDED, E.STOP): S.STOPPED,
    (S.STOPPING, E.STOP): S.STOPPING,
    (S.STOPPING, E.HALT): S.STOPPED,
    (S.STOPPING, E.FINISH): S.SUCCEEDED,  # it was done before it noticed
    (S.STOPPING, E.FINISH_WITH_SKIPS): S.INCOMPLETE,
    (S.STOPPING, E.FAIL): S.FAILED,
}

ACTIVE: Final = frozenset({S.PENDING, S.RUNNING, S.STOPPING, S.SUSPENDED})
ENDED: Final = frozenset(JobState) - ACTIVE


class IllegalTransition(InternalError):
    """A job in that state cannot take that event."""

    code = "job.illegal_transition"


def move(state: JobState, event: JobEvent) -> JobState:
    """The state after `event`; raises IllegalTransition when the table is silent."""
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise IllegalTransition(f"a {state} job cannot {event}") from None


@dataclass(slots=True, frozen=True)
class Candidate:
    """A job that could begin, as far as whoever starts jobs must know it. `not_before` is Unix seconds."""

    number: int
    connector: int
    index: str
    not_before: float


@dataclass(slots=True)
class Job:
    """One row of the job table. Times are Unix seconds (float, UTC); None: not yet.

    number   1, 2, 3 … within a data directory; people use it.  id: a UUID; programs use it.
    attempt  how often the job was claimed; `fence` rises with every claim of any job, so the store can refuse the late.
    wanted   the type that was asked for; None: whatever suits. `type` is what it became when it was claimed.
    cause    what triggered it, for people: "schedule nightly", "webhook", "after crawl".
    deaths   how many processes died under it by their own fault.
    not_before  it is not tried again before (Unix seconds).
    """

    number: int
    id: str
    connector_id: str
    type: JobType = JobType.FULL
    trigger: Trigger = Trigger.ON_DEMAND
    state: JobState = JobState.PENDING
    force: bool = False
    attempt: int = 0
    fence: int = 0
    created_at: float = 0.0
    started_at: float | None = None
    ended_at: float | None = None
    heartbeat_at: float | None = None
    worker: str = ""
    stop_requested: bool = False
    counters: Counters = field(default_factory=Counters)
    progress: dict[str, Any] = field(default_factory=dict)
    error: dict[str, Any] | None = None
    notes: list[str] = field(default_factory=list)
    index: str = ""
    wanted: JobType | None = None
    cause: str = ""
    requested_by: str = ""
    deaths: int = 0
    not_before: float = 0.0
    connector_number: int = 0

    @property
    def active(self) -> bool:
        """True until the job has ended."""
        return self.state in ACTIVE

    def duration_s(self, now: float) -> float:
        """Seconds since it started, up to its end; 0.0 before."""
        return 0.0 if self.started_at is None else (self.ended_at or now) - self.started_at
