"""One attempt of a job in this process: claim, watch, run, write down how it ended."""

from __future__ import annotations

import os
from collections.abc import Callable

from syncline.engine.job import run_job
from syncline.engine.work import Ending, Work
from syncline.model.errors import SynclineError
from syncline.model.jobs import Job, JobEvent
from syncline.model.ports import Clock, JobBook
from syncline.model.reports import Progress
from syncline.runner.joblog import JobLog
from syncline.runner.watch import Watch

Build = Callable[[Job], Work]  # a Work whose stop, report and log are still to be filled in


def worker_name() -> str:
    """Who runs it, for people: host and process."""
    return f"{os.uname().nodename}:{os.getpid()}"


def run_inline(
    job: Job,
    book: JobBook,
    open_book: Callable[[], JobBook],
    build: Build,
    log: JobLog,
    clock: Clock,
    *,
    stop: Callable[[], bool],
    on_progress: Callable[[Progress], None] | None = None,
    on_hang: Callable[[], None] | None = None,
    suspend: Callable[[], bool] = lambda: False,
) -> Job:
    """Run a claimed job to its end, or until it is suspended, and return it as it then stands."""
    watch = Watch(job, open_book, clock, stop, on_hang, suspend)
    watch.start()
    log.note("job.started", attempt=job.attempt, type=job.type.value, trigger=job.trigger.value)
    try:
        ending = _run(job, build, watch, log, on_progress)
    finally:
        watch.finish()
    if ending.event is JobEvent.HALT and (watch.why is JobEvent.SUSPEND or suspend()):
        ending.event = JobEvent.SUSPEND
    return _end(job, book, ending, log, clock)


def _run(job: Job, build: Build, watch: Watch, log: JobLog, on_progress: Callable[[Progress], None] | None) -> Ending:
    try:
        work = build(job)
    except SynclineError as error:
        return Ending(JobEvent.FAIL, job.counters, error)
    watch.interruptible = (work.source, *work.transforms)

    def report(progress: Progress) -> None:
        watch.report(progress)
        if on_progress is not None:
            on_progress(progress)

    work.stop, work.report, work.log = watch.stopping, report, log.log
    try:
        return run_job(work)
    finally:
        for transform in work.transforms:
            transform.close()


def _end(job: Job, book: JobBook, ending: Ending, log: JobLog, clock: Clock) -> Job:
    error = None if ending.error is None else ending.error.as_dict()
    if ending.error is not None:
        log.log("error", "job.failed", code=ending.error.code, message=ending.error.message)
    event = ending.event
    if event is JobEvent.SUSPEND and book.stop_wanted(job):
        event = JobEvent.HALT  # who stops a job does not want it to be resumed
    if event is JobEvent.HALT:
        book.request_stop(job.number, clock())  # a stop asked for in this process may not have reached the table yet
    ended = book.end(job, event, clock(), ending.counters, error, ending.notes)
    log.close("job.ended", state=ended.state.value, **ending.counters.as_dict())
    return ended
