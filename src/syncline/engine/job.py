"""One attempt of one job, from claim to ending."""

from __future__ import annotations

from syncline.engine.desk import Desk
from syncline.engine.meter import Meter
from syncline.engine.river import River
from syncline.engine.sweep import ELSEWHERE, Sweep
from syncline.engine.work import Ending, Stopped, Work
from syncline.model.destinations import Remarks
from syncline.model.errors import (
    DestinationError,
    InternalError,
    JobFenced,
    SourceProtocolError,
    SourceUnavailable,
    SynclineError,
)
from syncline.model.garbage import collected_rarely
from syncline.model.jobs import JobEvent
from syncline.model.ports import Resume


def run_job(work: Work) -> Ending:
    """Make source and index agree. Never raises for anything that a job may meet: it is in the Ending."""
    try:
        resume = work.ledger.begin(work.ticket)
    except SynclineError as error:
        return Ending(JobEvent.FAIL, Resume().counters, error)
    work.crash("engine.begin.after")
    for remark in work.ledger.remarks() if isinstance(work.ledger, Remarks) else ():
        work.log("info", "index.remark", message=remark)
    with collected_rarely():
        return Attempt(work, resume).run()


class Attempt:
    """The rooms of the engine, joined for one attempt."""

    def __init__(self, work: Work, resume: Resume) -> None:
        self._work = work
        self._resume = resume
        self._desk = Desk(work, resume)
        self._meter = Meter(work.clock, work.report, lambda: self._desk.counters)
        self._river = River(work, self._desk, resume, self._meter)
        self._withheld = 0
        self._trusted = True

    def run(self) -> Ending:
        """Read, sweep, remember, settle."""
        try:
            self._read()
            event, error = self._verdict(), None
        except Stopped:
            event, error = self._give_up(JobEvent.HALT, None)
        except SynclineError as known:
            # After a stop an error is what letting go of a blocking call looks like.
            stopped = isinstance(known, SourceUnavailable) and self._work.stop()
            event, error = self._give_up(JobEvent.HALT, None) if stopped else self._give_up(JobEvent.FAIL, known)
        except Exception as unknown:
            event, error = self._give_up(JobEvent.FAIL, _our_fault(unknown))
        return Ending(event, self._desk.counters, error, self._notes(), self._river.remarks)

    def _read(self) -> None:
        self._meter.stage("listing")
        self._river.run()
        complete = self._river.complete
        if complete is None:
            raise SourceProtocolError(
                "the source stopped without saying that it had come to its end; nothing was deleted",
                code="source.no_proof",
            )
        if not self._work.incremental:
            self._meter.stage("deleting")
            self._desk.flush()
            self._desk.ahead = False  # the ledger is read and written by turns
            sweep = Sweep(self._work, self._desk, self._river, self._resume)
            sweep.run(complete)
            self._withheld, self._trusted = sweep.withheld, sweep.trusted
        else:  # nothing was listed that could be found again
            self._trusted = self._resume.anchor in ("", complete.anchor)
        self._river.check_stop()
        self._desk.close(
            complete,
            self._river.feed_cursor if self._trusted else None,
            self._resume,
            trusted=self._trusted and not self._withheld,
        )
        self._meter.stage("indexing")
        self._work.ledger.settle()
        self._meter.stage("done")

    def _verdict(self) -> JobEvent:
        """Invariant 6: anything that was not taken, or not looked at, makes the job incomplete."""
        skipped = self._desk.counters.failed or self._withheld or self._river.blind or not self._trusted
        return JobEvent.FINISH_WITH_SKIPS if skipped else JobEvent.FINISH

    def _give_up(self, event: JobEvent, error: SynclineError | None) -> tuple[JobEvent, SynclineError | None]:
        """Keep what was decided so far; it is searchable like everything else that was written (invariant 9)."""
        if isinstance(error, JobFenced | DestinationError):
            self._desk.let_land()
        if isinstance(error, JobFenced):
            return event, error
        try:
            if isinstance(error, DestinationError):
                # Whether the last commit arrived is not known here; what is durable is.
                self._desk.counters = self._work.ledger.begin(self._work.ticket).counters
            else:
                self._desk.flush()
            self._work.ledger.settle()
        except SynclineError as worse:
            return JobEvent.FAIL, error or worse
        return event, error

    def _notes(self) -> list[str]:
        notes = [f"{news.prefix or 'everything'}: {news.error.message}" for news in self._river.blind]
        return notes if self._trusted else [ELSEWHERE, *notes]


def _our_fault(error: Exception) -> SynclineError:
    wrapped = InternalError(f"{type(error).__name__}: {error}")
    wrapped.__cause__ = error
    return wrapped
