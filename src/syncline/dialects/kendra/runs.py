"""StartDataSourceSyncJob, StopDataSourceSyncJob, ListDataSourceSyncJobs.

What Kendra calls a sync job is our job. A data source that is pushed to (CUSTOM) has executions instead, which clients
open and close; jobs that belong to none of them, because somebody else has started them, are shown beside them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import islice
from typing import Any, Final, NamedTuple

from syncline.dialects.aws import Fault
from syncline.dialects.kendra.ending import is_deleting
from syncline.dialects.kendra.ground import Function, Ground, Pages, Place, Request, extras_of, one_line
from syncline.model.connectors import Connector
from syncline.model.errors import JobActive
from syncline.model.jobs import ACTIVE, Job, JobState, WhenActive
from syncline.model.outcomes import Counters
from syncline.service import executions, jobs, pushing
from syncline.service.executions import Execution, Phase

MOST: Final = 10
AT_ONCE: Final = 50
LOOSE_PUSH: Final = "push without execution"  # the cause of jobs that Kendra's clients know nothing of
INDEXING: Final = frozenset({"indexing", "done"})  # stages in which nothing is read any more
_ROOM: Final = 1 << 40  # executions in the history between two jobs

_STATUS: Final[Mapping[JobState, str]] = {
    JobState.PENDING: "SYNCING",
    JobState.SUSPENDED: "SYNCING",
    JobState.RUNNING: "SYNCING",
    JobState.STOPPING: "STOPPING",
    JobState.SUCCEEDED: "SUCCEEDED",
    JobState.INCOMPLETE: "INCOMPLETE",
    JobState.FAILED: "FAILED",
    JobState.STOPPED: "ABORTED",
}
_PHASE: Final[Mapping[Phase, str]] = {
    Phase.OPEN: "SYNCING",
    Phase.CLOSING: "SYNCING_INDEXING",
    Phase.SUCCEEDED: "SUCCEEDED",
    Phase.INCOMPLETE: "INCOMPLETE",
    Phase.FAILED: "FAILED",
    Phase.STOPPED: "ABORTED",
}
_CALLERS_FAULT: Final = frozenset({"config", "credentials", "permission", "document"})


class Run(NamedTuple):
    """One row of the history. `place` is higher for newer ones; `shape` is asked for only when it is shown."""

    place: int
    status: str
    started_at: float
    shape: Callable[[], dict[str, Any]]


def operations(ground: Ground) -> dict[str, Function]:
    """The three."""
    return {
        "StartDataSourceSyncJob": partial(start, ground),
        "StopDataSourceSyncJob": partial(stop, ground),
        "ListDataSourceSyncJobs": partial(history, ground),
    }


# --- started and stopped ---------------------------------------------------------------------------------------------


def start(ground: Ground, request: Request) -> dict[str, Any]:
    """A job, or an open execution. Its row is there when this returns."""
    with ground.at(request, request["IndexId"]) as place:
        connector = place.data_source(request["Id"])
        if is_deleting(ground, place, connector):
            raise Fault("ConflictException", f"Data source {request['Id']} is being deleted.")
        try:
            id = _started(place, connector, request.key_id)
        except JobActive as active:
            known = active.details.get("job_id", "")
            raise Fault("ResourceInUseException", f"Data source {request['Id']} is running: {known}.") from active
    ground.host.wake()
    return {"ExecutionId": id}


def _started(place: Place, connector: Connector, key_id: str) -> str:
    """Raises JobActive."""
    if connector.kind == "push":
        return executions.open(place.room, connector, requested_by=key_id).id
    active = place.room.control().active_jobs(connector.number)
    # One that only indexes what it has read does not keep another one from being started.
    behind = all(status_of(job) == "SYNCING_INDEXING" for job in active)
    ordered = jobs.start(
        place.room,
        connector,
        force=bool(extras_of(connector).get("force")),
        when_active=WhenActive.QUEUE if behind else WhenActive.REFUSE,
        cause="kendra",
        requested_by=key_id,
    )
    return ordered.job.id


def stop(ground: Ground, request: Request) -> None:
    """Nothing to stop is no error. An open execution comes to its regular end."""
    with ground.at(request, request["IndexId"]) as place:
        connector = place.data_source(request["Id"])
        if connector.kind == "push":
            pushing.close_execution(place.room, connector)
        else:
            for job in place.room.control().active_jobs(connector.number):
                if status_of(job) != "SYNCING_INDEXING":
                    jobs.stop(place.room, job.id)
    ground.host.wake()


# --- the history -----------------------------------------------------------------------------------------------------


def history(ground: Ground, request: Request) -> dict[str, Any]:
    """Newest first."""
    status, times = request.get("StatusFilter"), request.get("StartTimeFilter") or {}
    since, until = (times[one].timestamp() if one in times else None for one in ("StartTime", "EndTime"))
    with ground.at(request, request["IndexId"]) as place:
        connector = place.data_source(request["Id"])
        pages = Pages(request, request["IndexId"], request["Id"], status, since, until, default=MOST)
        found = (
            run for run in _runs(place, connector, pages.after or None, status) if _fits(run, status, since, until)
        )
        rows = list(islice(found, pages.limit + 1))
        shown, token = pages.cut(rows, [row.place for row in rows])
        return {"History": [run.shape() for run in shown], "NextToken": token}


def _fits(run: Run, status: str | None, since: float | None, until: float | None) -> bool:
    """Whether it passes the filters. Clients send whole seconds: a bound stands for all of its second."""
    if status is not None and run.status != status:
        return False
    began = int(run.started_at)
    return (since is None or began >= int(since)) and (until is None or began <= int(until))


def _runs(place: Place, connector: Connector, before: int | None, status: str | None) -> Iterator[Run]:
    """All of the connector, newest first, below that place."""
    if connector.kind != "push":
        yield from _job_runs(place, connector, before, status)
        return
    others, own = _job_runs(place, connector, before, status), _execution_runs(place, connector, before)
    yield from _merged(others, own)


def _merged(left: Iterator[Run], right: Iterator[Run]) -> Iterator[Run]:
    a, b = next(left, None), next(right, None)
    while a is not None or b is not None:
        if b is None or (a is not None and a.place > b.place):
            assert a is not None
            yield a
            a = next(left, None)
        else:
            yield b
            b = next(right, None)


def _job_runs(place: Place, connector: Connector, before: int | None, status: str | None) -> Iterator[Run]:
    control = place.room.control()
    number = None if before is None else -(-before // _ROOM)
    states = [None] if status is None else [state for state in JobState if _may_be(state, status)]
    if len(states) > 1 or (states and states[0] in ACTIVE):  # few, and at hand
        found = reversed(control.active_jobs(connector.number))
        chosen = [job for job in found if _is_shown(job) and (number is None or job.number < number)]
        yield from (_job_run(connector, job) for job in chosen)
        return
    while page := control.jobs(connector.number, states[0] if states else None, AT_ONCE, before=number):
        yield from (_job_run(connector, job) for job in page if _is_shown(job))
        number = page[-1].number


def _may_be(state: JobState, status: str) -> bool:
    return _STATUS[state] == status or (state is JobState.RUNNING and status == "SYNCING_INDEXING")


def _is_shown(job: Job) -> bool:
    return executions.id_in(job.cause) is None and job.cause != LOOSE_PUSH


def _execution_runs(place: Place, connector: Connector, before: int | None) -> Iterator[Run]:
    control, number = place.room.control(), None
    while page := executions.newest(control, connector, number, AT_ONCE):
        for found in page:
            run = _execution_run(place, connector, found)
            if before is None or run.place < before:
                yield run
        number = page[-1].number


# --- shapes ----------------------------------------------------------------------------------------------------------


def status_of(job: Job) -> str:
    """A DataSourceSyncJobStatus."""
    if job.state is JobState.RUNNING and job.progress.get("stage") in INDEXING:
        return "SYNCING_INDEXING"
    return _STATUS[job.state]


def _job_run(connector: Connector, job: Job) -> Run:
    status = status_of(job)
    return Run(job.number * _ROOM, status, job.created_at, partial(_job_shape, connector, job, status))


def _job_shape(connector: Connector, job: Job, status: str) -> dict[str, Any]:
    return {
        "ExecutionId": job.id,
        "StartTime": job.created_at,
        "EndTime": job.ended_at,
        "Status": status,
        "Metrics": _metrics(job.counters, scanned=connector.kind != "push"),
        **(_error(job.error) if job.state is JobState.FAILED else _reservation(job)),
    }


def _execution_run(place: Place, connector: Connector, execution: Execution) -> Run:
    found = executions.settle(place.room, connector, execution)  # its last job may have been killed before it could
    return Run(
        found.after_job * _ROOM + found.number,
        _PHASE[found.phase],
        found.opened_at,
        partial(_execution_shape, place, connector, found),
    )


def _execution_shape(place: Place, connector: Connector, execution: Execution) -> dict[str, Any]:
    return {
        "ExecutionId": execution.id,
        "StartTime": execution.opened_at,
        "EndTime": execution.ended_at,
        "Status": _PHASE[execution.phase],
        "Metrics": _metrics(executions.counters_of(place.room, connector, execution), scanned=False),
        **(_error(execution.error) if execution.phase is Phase.FAILED else {}),
    }


def _metrics(counters: Counters, *, scanned: bool) -> dict[str, str]:
    """In digits, as clients expect them."""
    met = counters.inserted + counters.updated + counters.kept + counters.failed + counters.filtered
    told = {
        "DocumentsAdded": counters.inserted,
        "DocumentsModified": counters.updated,
        "DocumentsDeleted": counters.deleted,
        "DocumentsFailed": counters.failed,
        **({"DocumentsScanned": met} if scanned else {}),
    }
    return {name: str(count) for name, count in told.items()}


def _error(error: Mapping[str, Any] | None) -> dict[str, Any]:
    said = error or {}
    category = said.get("category", "internal")
    message = f"{said.get('message', 'The sync job has failed')}. {said.get('remedy') or ''}".replace("..", ".")
    return {
        "ErrorCode": "InvalidRequest" if category in _CALLERS_FAULT else "InternalError",
        "ErrorMessage": one_line(message),
        "DataSourceErrorCode": None if category == "internal" else one_line(str(said.get("code", ""))),
    }


def _reservation(job: Job) -> dict[str, Any]:
    """Why a job is incomplete though no document has failed."""
    if job.state is not JobState.INCOMPLETE:
        return {}
    waiting = job.counters.withheld_deletes
    withheld = [f"{waiting} deletions are withheld until somebody approves them."] if waiting else []
    return {"ErrorMessage": one_line(" ".join([*withheld, *job.notes]))}


__all__ = ["LOOSE_PUSH", "operations", "status_of"]
