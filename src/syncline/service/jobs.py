"""Jobs: started, resumed after a kill, planned, stopped, looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from syncline.engine.dry import EmptyLedger, plan_job
from syncline.engine.work import Work
from syncline.model.connectors import Connector
from syncline.model.errors import JobActive, JobFenced, SourceProtocolError, UsageError
from syncline.model.jobs import IllegalTransition, Job, JobEvent, JobState, JobType, Trigger, WhenActive
from syncline.model.outcomes import Counters, Kind, Outcome
from syncline.model.ports import Ledger, ListingSource, StreamSource, Ticket
from syncline.model.reports import Plan, Progress, SyncResult
from syncline.runner.inline import run_inline, worker_name
from syncline.runner.joblog import JobLog
from syncline.runner.tracing import JobTrace
from syncline.service import connectors, executions
from syncline.sources.push.source import PushSource
from syncline.store.relational.control import Control
from syncline.store.relational.jobs import Ordered
from syncline.store.relational.truth import Truth
from syncline.wiring import Installation

KEEP_OUTCOMES_OF = 100  # jobs of each connector whose outcomes stay on record


def never() -> bool:
    """Nobody stops it."""
    return False


@dataclass(slots=True)
class Order:
    """What a person asks for when they say sync or plan."""

    target: str
    index: str | None = None
    full: bool = False
    settings: Mapping[str, Any] | None = None
    trigger: Trigger = Trigger.ON_DEMAND
    on_progress: Callable[[Progress], None] | None = None
    on_start: Callable[[Job], None] | None = None
    stop: Callable[[], bool] = field(default=never)
    on_hang: Callable[[], None] | None = None
    suspend: Callable[[], bool] = field(default=never)


def start(
    installation: Installation,
    connector: Connector,
    *,
    wanted: JobType | None = None,
    force: bool = False,
    trigger: Trigger = Trigger.ON_DEMAND,
    when_active: WhenActive = WhenActive.REFUSE,
    cause: str = "",
    requested_by: str = "",
    same_cause: bool = False,
) -> Ordered:
    """Ask for a job; whoever runs jobs begins it when there is room. Raises JobActive when the connector has one that
    has not ended and `when_active` refuses, UsageError for a type that it cannot run. `same_cause`: it is coalesced
    only into one with the same cause."""
    if wanted is JobType.ACCESS_CONTROL:
        raise UsageError(
            f"jobs of connector {connector.name!r} cannot be of the type access_control",
            code="job.type_unsupported",
            remedy="Use full or incremental: permissions come with the documents.",
        )
    return installation.control().add_job(
        connector,
        wanted,
        trigger,
        force,
        installation.clock(),
        when_active=when_active,
        cause=cause,
        requested_by=requested_by,
        same_cause=same_cause,
    )


def attempt(
    installation: Installation, number: int, *, suspend: Callable[[], bool], on_hang: Callable[[], None]
) -> Job | None:
    """Run a job that waits, or that a dead process has left behind, to its end in this process. None when it cannot be
    had now: another process runs a job of its connector, or the job has ended."""
    control = installation.control()
    job = control.job(number)
    connector = control.connector(job.connector_id)
    if connector is None:
        return _without_connector(installation, job)
    lease = installation.lease_of(connector.number)
    if not lease.acquire():
        return None
    try:
        order = Order(connector.id, full=job.force, on_hang=on_hang, suspend=suspend)
        return _run_one(installation, connector, control.job(number), order)
    except JobActive:
        return None
    finally:
        lease.release()


def _without_connector(installation: Installation, job: Job) -> Job | None:
    """The connector was removed while the job waited."""
    control = installation.control()
    return control.request_stop(job.number, installation.clock()) if job.state is JobState.PENDING else None


def sync(installation: Installation, order: Order) -> SyncResult:
    """Run one job to its end in this process."""
    exists = installation.control() if installation.exists else None
    connector, changed = connectors.for_target(exists, order.target, order.index, order.settings)
    if changed:
        connector = connectors.store(installation, connector)
    lease = installation.lease_of(connector.number)
    if not lease.acquire():
        raise _busy(installation.control(), connector)
    try:
        job = _run(installation, connector, order)
    finally:
        lease.release()
    return SyncResult.of(job, connector, installation.clock())


def _run(installation: Installation, connector: Connector, order: Order) -> Job:
    installation.index(connector.index, create=True)
    return _run_one(installation, connector, _pending(installation, connector, order), order)


def _run_one(installation: Installation, connector: Connector, job: Job, order: Order) -> Job:
    control = installation.control()
    index = installation.index(connector.index, create=True)
    full = order.full or job.force
    type = _type(full or job.wanted is JobType.FULL, index.peek(connector.number).feed_cursor)
    job = control.claim(job.number, worker_name(), installation.clock(), type, full)
    if order.on_start is not None:
        order.on_start(job)

    def build(job: Job) -> Work:
        return build_work(installation, connector, index, job)

    log = JobLog(installation.log_path(job.number), installation.clock, job=job.number, connector=connector.name)
    with JobTrace(job, connector.name, order.on_progress) as trace:
        ended = run_inline(
            job,
            control,
            installation.open_control,
            build,
            log,
            installation.clock,
            stop=order.stop,
            on_progress=trace.report,
            on_hang=order.on_hang,
            suspend=order.suspend,
        )
        trace.ended(ended)
    executions.settle_all(installation, connector)
    if ended.counters.changed or ended.counters.failed:
        _forget_old(installation, connector)
    return ended


def _type(full: bool, feed_cursor: str | None) -> JobType:
    """Incremental when the source has left a cursor to go on from, unless everything was asked for."""
    return JobType.FULL if full or feed_cursor is None else JobType.INCREMENTAL


def _pending(installation: Installation, connector: Connector, order: Order) -> Job:
    """A job to claim: the one a dead process left behind, or a new one. The lease is ours, so nobody runs it."""
    control = installation.control()
    left = control.active_job(connector.number)
    if left is not None and left.state is JobState.STOPPING:
        bury(installation, connector, left)
        left = None
    if left is not None:
        return left
    return control.add_job(connector, None, order.trigger, order.full, installation.clock()).job


def bury(installation: Installation, connector: Connector, job: Job) -> Job:
    """Write down as stopped a job that was asked to stop and whose process is dead."""
    counters = durable_counters(installation, connector, job)
    return installation.control().end(job, JobEvent.HALT, installation.clock(), counters)


def durable_counters(installation: Installation, connector: Connector, job: Job) -> Counters:
    """What a job has made durable, as the truth knows it."""
    with installation.reading_truth(connector.index) as truth:
        found = None if truth is None else truth.progress_of(connector.number, job.number)
    return found or job.counters


def build_work(installation: Installation, connector: Connector, ledger: Ledger, job: Job) -> Work:
    """Everything one attempt needs."""
    source = open_source(installation, connector)
    # What is not told by a reading of everything counts as gone.
    if isinstance(source, PushSource) and (job.type is JobType.INCREMENTAL or not ledger.count(connector.number)[0]):
        source.limit = partial(executions.limit_of, installation.control(), connector, job)
    return Work(
        ticket=Ticket(connector.number, job.number, job.fence),
        source=source,
        ledger=ledger,
        clock=installation.clock,
        transforms=installation.transforms(connector),
        guard=connector.guard,
        force=job.force,
        incremental=job.type is JobType.INCREMENTAL,
        crash=installation.crash,
    )


def open_source(installation: Installation, connector: Connector) -> ListingSource | StreamSource:
    """The connector's source. Raises SourceProtocolError when it is neither kind of source."""
    source = installation.source(connector)
    if isinstance(source, ListingSource | StreamSource):
        return source
    raise SourceProtocolError(f"{connector.kind!r} is no source: it has neither list() and fetch() nor read()")


def _forget_old(installation: Installation, connector: Connector) -> None:
    if executions.counting(installation.control(), connector):
        return  # what became of each document is still to be counted
    old = installation.control().job_numbers(connector.number)[KEEP_OUTCOMES_OF : KEEP_OUTCOMES_OF + 10]
    if old:
        installation.index(connector.index).truth.forget_jobs(old)


def _busy(control: Control, connector: Connector) -> JobActive:
    job = control.active_job(connector.number)
    if job is None:
        return JobActive(f"connector {connector.name!r} is busy in another process", remedy="Try again in a moment.")
    return JobActive(
        f"connector {connector.name!r} already runs job {job.number}",
        remedy=f"Wait for it, or stop it with `syncline job stop {job.number}`.",
        job_id=job.id,
        job_number=job.number,
    )


def plan(installation: Installation, order: Order) -> Plan:
    """What `sync` would do. Not one byte of state changes (invariant 10)."""
    with installation.reading_control() as control:
        connector, _ = connectors.for_target(control, order.target, order.index, order.settings)
    with installation.reading_truth(connector.index) as truth:
        return dry_run(installation, connector, truth or EmptyLedger(), order)


def dry_run(installation: Installation, connector: Connector, ledger: Ledger, order: Order) -> Plan:
    """The river against a ledger that writes nothing down."""
    incremental = not order.full and ledger.peek(connector.number).feed_cursor is not None
    work = Work(
        ticket=Ticket(connector.number, 0, 0),
        source=open_source(installation, connector),
        ledger=ledger,
        clock=installation.clock,
        transforms=installation.transforms(connector),
        guard=connector.guard,
        force=order.full,
        incremental=incremental,
        stop=order.stop,
        report=order.on_progress or (lambda _: None),
    )
    try:
        return plan_job(work)
    finally:
        for transform in work.transforms:
            transform.close()


def stop(installation: Installation, ref: str) -> Job:
    """Ask a job to stop. One whose process is dead is stopped at once."""
    control = installation.control()
    job = control.find_job(ref)
    if not job.active:
        return job
    with suppress(IllegalTransition):  # it has come to its end in this moment
        control.request_stop(job.number, installation.clock())
    job, connector = control.job(job.number), control.connector(job.connector_id)
    if job.state is not JobState.STOPPING or connector is None:
        return job
    lease = installation.lease_of(connector.number)
    if lease.acquire():
        try:
            with suppress(IllegalTransition, JobFenced):  # its process has written that down before it let go
                bury(installation, connector, job)
        finally:
            lease.release()
    return control.job(job.number)


def outcomes(
    installation: Installation, job: Job, *, kinds: Sequence[Kind], code: str | None, after: str, limit: int
) -> list[Outcome]:
    """What became of single documents in a job."""
    with _truth_of(installation, job) as truth:
        if truth is None:
            return []
        return truth.outcomes(job.number, kinds=kinds, code=code, after=after, limit=limit)


def troubles(installation: Installation, job: Job | None, limit: int) -> list[tuple[Job, Outcome]]:
    """Failed documents and warnings of one job, or of the newest job of each connector."""
    chosen = [job] if job is not None else _newest_jobs(installation)
    found: list[tuple[Job, Outcome]] = []
    for one in chosen:
        with _truth_of(installation, one) as truth:
            if truth is not None:
                found += [(one, o) for o in truth.outcomes(one.number, troubles=True, limit=limit - len(found))]
    return found


def _newest_jobs(installation: Installation) -> list[Job]:
    with installation.reading_control() as control:
        if control is None:
            return []
        return [job for one in control.connectors() for job in control.jobs(one.number, limit=1)]


@contextmanager
def _truth_of(installation: Installation, job: Job) -> Iterator[Truth | None]:
    with installation.reading_control() as control:
        connector = None if control is None else control.connector(job.connector_id)
    if connector is None:
        yield None
        return
    with installation.reading_truth(connector.index) as truth:
        yield truth
