"""What a job needs to run, and how it ended."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from syncline.model.connectors import Guard
from syncline.model.errors import SynclineError
from syncline.model.jobs import JobEvent
from syncline.model.outcomes import Counters
from syncline.model.ports import Clock, CrashPoint, Ledger, ListingSource, StreamSource, Ticket, Transform, no_crash
from syncline.model.reports import Progress

LogLine = Callable[..., None]  # log(level, event, **fields)


def no_log(level: str, event: str, **fields: Any) -> None:
    """Nobody listens."""


def no_report(progress: Progress) -> None:
    """Nobody watches."""


def never() -> bool:
    """Nobody stops it."""
    return False


@dataclass(slots=True)
class Work:
    """One attempt of one job: everything comes in as an argument, time and crash points too."""

    ticket: Ticket
    source: ListingSource | StreamSource
    ledger: Ledger
    clock: Clock
    transforms: Sequence[Transform] = ()
    guard: Guard = field(default_factory=Guard)
    force: bool = False
    incremental: bool = False
    stop: Callable[[], bool] = never
    report: Callable[[Progress], None] = no_report
    log: LogLine = no_log
    crash: CrashPoint = no_crash

    @property
    def recipe(self) -> str:
        """Fingerprint of all transforms together."""
        return "+".join(transform.recipe for transform in self.transforms)


@dataclass(slots=True)
class Ending:
    """How the attempt ended. `error` speaks when `event` is FAIL; `notes` say what was not looked at, `remarks` what
    else the source had to say."""

    event: JobEvent
    counters: Counters
    error: SynclineError | None = None
    notes: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


class Stopped(Exception):
    """Somebody asked the job to stop."""
