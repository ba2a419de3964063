"""Executions: what they count, when they are over, and what jobs leave to the next one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from syncline.model.connectors import Connector
from syncline.model.errors import JobActive
from syncline.model.jobs import JobState, WhenActive
from syncline.service import connectors, executions, jobs, pushing
from syncline.service.executions import Execution, Phase
from syncline.wiring import Installation


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Installation]:
    made = Installation(str(tmp_path / "state"))
    yield made
    made.close()


@pytest.fixture
def connector(room: Installation) -> Connector:
    return connectors.add(room, connectors.draft(room.control(), "push", {}, name="pushed"))


def push(room: Installation, connector: Connector, execution: Execution, *ids: str, text: str = "words") -> int:
    """Push documents in an execution; the number of the job that takes them over."""
    found = pushing.sort([{"id": id, "text": text} for id in ids], [])
    cause = executions.cause_of(execution.id)
    return pushing.hand_over(room, connector, found, cause=cause, same_cause=True).ordered.job.number


def run(room: Installation, number: int) -> JobState:
    """Run a job to its end."""
    done = jobs.attempt(room, number, suspend=jobs.never, on_hang=lambda: None)
    assert done is not None
    return done.state


def found(room: Installation, connector: Connector, execution: Execution) -> Execution:
    again = executions.get(room.control(), connector, execution.id)
    assert again is not None
    return again


def test_a_job_leaves_what_was_pushed_in_a_later_execution(room: Installation, connector: Connector) -> None:
    first = executions.open(room, connector)
    early = push(room, connector, first, "a", "b")
    assert pushing.close_execution(room, connector) is not None
    second = executions.open(room, connector)
    late = push(room, connector, second, "b", "c", text="other")  # before the first job has begun
    assert early != late
    assert run(room, early) is JobState.SUCCEEDED
    assert found(room, connector, first).phase is Phase.SUCCEEDED
    assert found(room, connector, first).counters.inserted == 1  # "b" belongs to whoever pushed it last
    assert found(room, connector, second).phase is Phase.OPEN
    assert run(room, late) is JobState.SUCCEEDED
    assert pushing.close_execution(room, connector) is not None
    over = found(room, connector, second)
    assert (over.phase, over.counters.inserted, over.counters.updated) == (Phase.SUCCEEDED, 2, 0)
    third = executions.open(room, connector)
    waiting = push(room, connector, third, "d")
    fourth_opened_early = pushing.close_execution(room, connector)
    assert fourth_opened_early is not None
    assert fourth_opened_early.phase is Phase.CLOSING
    fourth = executions.open(room, connector)
    last = push(room, connector, fourth, "e")
    run(room, waiting)
    run(room, last)
    pushing.close_execution(room, connector)
    assert [found(room, connector, one).counters.inserted for one in (third, fourth)] == [1, 1]


def test_one_is_open_at_a_time(room: Installation, connector: Connector) -> None:
    opened = executions.open(room, connector)
    with pytest.raises(JobActive) as caught:
        executions.open(room, connector)
    assert caught.value.details["job_id"] == opened.id
    closed = pushing.close_execution(room, connector)
    assert closed is not None
    assert (closed.phase, closed.counters.total) == (Phase.SUCCEEDED, 0)
    assert pushing.close_execution(room, connector) is None


def test_closing_takes_over_what_no_job_has(room: Installation, connector: Connector) -> None:
    """The process that had taken a push may have died before it asked for a job."""
    opened = executions.open(room, connector)
    number = push(room, connector, opened, "a")
    jobs.stop(room, str(number))
    closed = pushing.close_execution(room, connector)
    assert closed is not None
    assert closed.phase is Phase.CLOSING
    waiting = room.control().active_job(connector.number)
    assert waiting is not None
    assert waiting.cause == executions.cause_of(opened.id)
    run(room, waiting.number)
    assert found(room, connector, opened).counters.inserted == 1


def test_a_stopped_tail_is_told(room: Installation, connector: Connector) -> None:
    opened = executions.open(room, connector)
    number = push(room, connector, opened, "a")
    assert pushing.close_execution(room, connector) is not None
    jobs.stop(room, str(number))
    over = executions.settle(room, connector, found(room, connector, opened))
    assert over.phase is Phase.STOPPED


def test_outcomes_are_kept_until_they_are_counted(room: Installation, connector: Connector) -> None:
    opened = executions.open(room, connector)
    control = room.control()
    for n in range(3):
        run(room, push(room, connector, opened, str(n)))
    assert executions.counting(control, connector)
    kept, jobs.KEEP_OUTCOMES_OF = jobs.KEEP_OUTCOMES_OF, 1
    try:
        for n in range(3, 6):
            run(room, push(room, connector, opened, str(n)))
        assert executions.counters_of(room, connector, opened).inserted == 6
        pushing.close_execution(room, connector)
        assert found(room, connector, opened).counters.inserted == 6
        assert not executions.counting(control, connector)
    finally:
        jobs.KEEP_OUTCOMES_OF = kept


def test_jobs_of_other_causes_are_not_coalesced(room: Installation, connector: Connector) -> None:
    opened = executions.open(room, connector)
    own = push(room, connector, opened, "a")
    assert push(room, connector, opened, "b") == own
    other = jobs.start(room, connector, when_active=WhenActive.COALESCE, cause="api", same_cause=True)
    assert other.created
    assert jobs.start(room, connector, when_active=WhenActive.COALESCE, cause="api").job.number in (
        own,
        other.job.number,
    )


def test_a_removed_connector_leaves_none_behind(room: Installation, connector: Connector) -> None:
    opened = executions.open(room, connector)
    pushing.close_execution(room, connector)
    connectors.remove(room, connector)
    assert executions.get(room.control(), connector, opened.id) is None
    assert executions.newest(room.control(), connector) == []


def test_a_job_that_is_reading_leaves_an_execution_that_begins_meanwhile(
    room: Installation, connector: Connector, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = executions.open(room, connector)
    early = push(room, connector, first, *(f"a{n}" for n in range(250)))
    begun: list[Execution] = []
    build = jobs.build_work

    def built(*args: Any) -> Any:
        made = build(*args)
        assert pushing.close_execution(room, connector) is not None
        begun.append(executions.open(room, connector))
        push(room, connector, begun[0], "a1", "b", text="other")
        return made

    with monkeypatch.context() as patch:
        patch.setattr(jobs, "build_work", built)
        assert run(room, early) is JobState.SUCCEEDED
    while (waiting := room.control().active_job(connector.number)) is not None:
        assert run(room, waiting.number) is JobState.SUCCEEDED
    assert pushing.close_execution(room, connector) is not None
    over = [found(room, connector, one) for one in (first, begun[0])]
    assert [one.counters.inserted for one in over] == [249, 2]  # "a1" belongs to whoever pushed it last
