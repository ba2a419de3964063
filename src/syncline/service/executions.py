"""Executions: long-lived runs of a connector that is pushed to, as other systems know them. Somebody opens one, pushes
documents in it, and closes it; our jobs are what takes the documents over meanwhile.

    open ──close──▶ closing ──the last of its jobs has ended──▶ over: succeeded | incomplete | failed | stopped

An execution names its jobs by their cause, and is counted from what became of documents in them: each document once.
All of it is in the control plane before anybody is told, so that a restart changes nothing. One is open at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from itertools import groupby
from typing import Any, Final

from syncline.model.connectors import Connector
from syncline.model.errors import JobActive
from syncline.model.jobs import Job, JobState
from syncline.model.outcomes import Counters, Kind, combine
from syncline.store.relational.control import Control
from syncline.store.relational.jobs import new_id
from syncline.store.relational.records import Record, Records
from syncline.wiring import Installation

KEEPER: Final = "executions"  # of the records
_ALL: Final = "execution"
_OPEN: Final = "open"  # by the id of the connector
_COUNTING: Final = "counting"  # those that are not over
AT_ONCE: Final = 1000
EXACT_CHANGES: Final = 50_000  # up to so many, documents are told apart also while it goes on


class Phase(StrEnum):
    """Where an execution stands. The last four: it is over."""

    OPEN = "open"
    CLOSING = "closing"
    SUCCEEDED = "succeeded"
    INCOMPLETE = "incomplete"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass(slots=True)
class Execution:
    """One of them. Times are Unix seconds.

    number      grows with every new one of any connector.
    after_job   the newest job of the connector when it was opened: it lies behind that one in the history.
    after_push  the number of what was pushed last before that.
    error       of the job that could not take over what was pushed; only when it has failed.
    """

    id: str
    number: int
    connector_id: str
    opened_at: float
    after_job: int = 0
    after_push: int = 0
    phase: Phase = Phase.OPEN
    closed_at: float | None = None
    ended_at: float | None = None
    counters: Counters = field(default_factory=Counters)
    error: dict[str, Any] | None = None
    requested_by: str = ""

    @property
    def over(self) -> bool:
        """Nothing of it changes any more."""
        return self.phase not in (Phase.OPEN, Phase.CLOSING)


def cause_of(id: str) -> str:
    """The cause of the jobs that belong to it."""
    return f"execution {id}"


def id_in(cause: str) -> str | None:
    """The execution that a job belongs to; None: to none."""
    word, _, id = cause.partition(" ")
    return id if word == "execution" and id else None


# --- opened and closed -----------------------------------------------------------------------------------------------


def open(installation: Installation, connector: Connector, *, requested_by: str = "") -> Execution:
    """A new one. Raises JobActive, which names it, while one is open."""
    control, now = installation.control(), installation.clock()
    records, pushed = Records(control, KEEPER), _pushed(installation, connector)
    with control.writing("open_execution"):
        newest = control.job_numbers(connector.number)[:1]
        found = Execution(new_id(), 0, connector.id, now, newest[0] if newest else 0, pushed)
        found.requested_by = requested_by
        if records.add(_OPEN, connector.id, {"execution": found.id}, now, connector.id) is None:
            raise _is_open(connector, _current(records, connector))
        records.add(_COUNTING, found.id, {}, now, connector.id)
        added = records.add(_ALL, found.id, _body(found), now, connector.id)
    assert added is not None
    return _execution(added)


def close(installation: Installation, connector: Connector) -> Execution | None:
    """Close the one that is open; None when none is. See `pushing.close_execution`."""
    control, now = installation.control(), installation.clock()
    records = Records(control, KEEPER)
    with control.writing("close_execution"):
        found = _current(records, connector)
        if found is None:
            return None
        records.remove(_OPEN, connector.id)
        found.phase, found.closed_at = Phase.CLOSING, now
        records.update(_ALL, found.id, _body(found), now)
    return found


def settle(installation: Installation, connector: Connector, execution: Execution) -> Execution:
    """The execution, over if it is closing and the last of its jobs has ended."""
    control = installation.control()
    if execution.phase is not Phase.CLOSING:
        return execution
    jobs = jobs_of(control, connector, execution)
    if any(job.active for job in jobs):
        return execution
    counters = _counted(installation, connector, execution, jobs)
    records, now = Records(control, KEEPER), installation.clock()
    with control.writing("settle_execution"):
        found = records.get(_ALL, execution.id)
        if found is None or _execution(found).over:
            return execution if found is None else _execution(found)
        over = _execution(found)
        over.phase, over.error = _ending(jobs, counters)
        over.counters = counters
        over.ended_at = max([over.closed_at or now, *(job.ended_at or 0.0 for job in jobs)])
        records.remove(_COUNTING, over.id)
        records.update(_ALL, over.id, _body(over), now)
    return over


def settle_all(installation: Installation, connector: Connector) -> None:
    """Those of the connector that can be over are. Costs one look where there are none."""
    if connector.kind != "push":
        return
    for record in Records(installation.control(), KEEPER).all(_COUNTING, connector.id):
        found = get(installation.control(), connector, record.id)
        if found is not None:
            settle(installation, connector, found)


def forget(control: Control, connector: Connector) -> None:
    """All of a connector that is being removed."""
    records = Records(control, KEEPER)
    with control.writing("forget_executions"):
        for kind in (_OPEN, _COUNTING, _ALL):
            records.remove_of(kind, connector.id)


# --- looked at -------------------------------------------------------------------------------------------------------


def current(control: Control, connector: Connector) -> Execution | None:
    """The one that is open."""
    return _current(Records(control, KEEPER), connector)


def get(control: Control, connector: Connector, id: str) -> Execution | None:
    """By id; None for one of another connector."""
    found = Records(control, KEEPER).get(_ALL, id)
    return _execution(found) if found is not None and found.parent == connector.id else None


def newest(control: Control, connector: Connector, before: int | None = None, limit: int = 100) -> list[Execution]:
    """Newest first, with numbers below `before`."""
    return [_execution(one) for one in Records(control, KEEPER).newest(_ALL, connector.id, before, limit)]


def counting(control: Control, connector: Connector) -> bool:
    """Whether one of them is not over: what became of single documents in its jobs is still wanted."""
    return connector.kind == "push" and Records(control, KEEPER).count(_COUNTING, connector.id) > 0


def limit_of(control: Control, connector: Connector, job: Job) -> int | None:
    """The number above which this job leaves what was pushed to others: it belongs to an execution that was opened
    after the job was asked for. None: there is none."""
    later = [get(control, connector, one.id) for one in Records(control, KEEPER).all(_COUNTING, connector.id)]
    return min((one.after_push for one in later if one is not None and one.after_job >= job.number), default=None)


def jobs_of(control: Control, connector: Connector, execution: Execution) -> list[Job]:
    """Its jobs, oldest first."""
    return control.caused(connector.number, cause_of(execution.id), execution.after_job)


def counters_of(installation: Installation, connector: Connector, execution: Execution) -> Counters:
    """How many documents came out of it in which way, so far. Each counts once, but a large one that goes on may count
    those twice that were pushed twice."""
    if execution.over:
        return execution.counters
    jobs = jobs_of(installation.control(), connector, execution)
    told = _sum(jobs)
    return told if told.changed + told.failed > EXACT_CHANGES else _counted(installation, connector, execution, jobs)


def _counted(installation: Installation, connector: Connector, execution: Execution, jobs: Sequence[Job]) -> Counters:
    """Each document once, whatever number of jobs had to do with it."""
    with installation.reading_truth(connector.index) as truth:
        if truth is None or not jobs:
            return Counters()
        counters, failed = _folded(truth.kinds_in([job.number for job in jobs]))
    # Jobs try again what has failed before; that belongs to the execution it was pushed in.
    with closing(installation.inbox(connector, read_only=True)) as inbox:
        for begin in range(0, len(failed), AT_ONCE):
            standing = inbox.standing(failed[begin : begin + AT_ONCE])
            counters.failed -= sum(one.seq <= execution.after_push for one in standing.values())
    return counters


def _folded(kinds: Iterable[tuple[str, Kind]]) -> tuple[Counters, list[str]]:
    """The sums, and who has failed."""
    counters, failed = Counters(), list[str]()
    for id, of_one in groupby(kinds, key=lambda pair: pair[0]):
        (_, kind), *later = of_one
        for _, next_kind in later:
            kind = combine(kind, next_kind)
        counters.add(kind)
        if kind is Kind.FAILED:
            failed.append(id)
    return counters, failed


def _pushed(installation: Installation, connector: Connector) -> int:
    with closing(installation.inbox(connector, read_only=True)) as inbox:
        return inbox.newest()


def _sum(jobs: Iterable[Job]) -> Counters:
    total = Counters()
    for job in jobs:
        for name in Counters.NAMES:
            setattr(total, name, getattr(total, name) + getattr(job.counters, name))
    return total


def _ending(jobs: Sequence[Job], counters: Counters) -> tuple[Phase, dict[str, Any] | None]:
    """How it ends: as its last job did, unless documents have failed."""
    last = jobs[-1] if jobs else None
    if last is not None and last.state is JobState.FAILED:
        return Phase.FAILED, last.error
    if last is not None and last.state is JobState.STOPPED:
        return Phase.STOPPED, None
    return Phase.INCOMPLETE if counters.failed else Phase.SUCCEEDED, None


# --- as they are kept ------------------------------------------------------------------------------------------------


def _current(records: Records, connector: Connector) -> Execution | None:
    found = records.get(_OPEN, connector.id)
    named = None if found is None else records.get(_ALL, str(found.body["execution"]))
    return None if named is None else _execution(named)


def _body(execution: Execution) -> dict[str, Any]:
    body = asdict(execution)
    for known in ("id", "number", "connector_id"):
        del body[known]
    return {**body, "counters": execution.counters.as_dict()}


def _execution(record: Record) -> Execution:
    body = dict(record.body)
    counters, phase = Counters(body.pop("counters")), Phase(body.pop("phase"))
    return Execution(record.id, record.number, record.parent, counters=counters, phase=phase, **body)


def _is_open(connector: Connector, execution: Execution | None) -> JobActive:
    id = execution.id if execution is not None else ""
    return JobActive(
        f"connector {connector.name!r} has the execution {id}, which is open", remedy="Close it first.", job_id=id
    )
