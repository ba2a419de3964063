"""Jobs of the table and jobs that a dialect keeps as records, in one order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from syncline.model.connectors import Connector
from syncline.model.jobs import JobType, Trigger, WhenActive
from syncline.service import connectors
from syncline.store.relational.joined import Joined, Wanted
from syncline.store.relational.records import Records
from syncline.wiring import Installation


class Desk:
    """A control plane with one connector, and a clock that goes on by itself."""

    def __init__(self, place: Path) -> None:
        self.room = Installation(str(place))
        self.control = self.room.control()
        self.joined = Joined(self.control, "other")
        self.records = Records(self.control, "other")
        self.connector = connectors.add(self.room, Connector(0, "c-1", "mine", "default", "folder", {"path": "/srv"}))
        self.now = 100.0

    def later(self) -> float:
        self.now += 1
        return self.now

    def ours(self, wanted: JobType | None = None, trigger: Trigger = Trigger.ON_DEMAND) -> str:
        job = self.control.add_job(
            self.connector, wanted, trigger, False, self.later(), when_active=WhenActive.QUEUE
        ).job
        return job.id

    def theirs(self, status: str = "pending", type: str = "full", parent: str = "p", index: str = "default") -> str:
        id = f"r-{self.now}"
        body = {"doc": {"status": status, "job_type": type}, "index": index}
        self.records.add("job", id, body, self.later(), parent)
        return id

    def ids(self, begin: int = 0, many: int = 100, **wanted: object) -> list[str]:
        return [place.id for place in self.joined.jobs(Wanted(**wanted), begin, many)]  # type: ignore[arg-type]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.room.close()


def test_both_are_listed_newest_first_and_page_by_page(desk: Desk) -> None:
    made = [desk.ours(), desk.theirs(), desk.theirs(), desk.ours(), desk.theirs(), desk.ours()]
    assert desk.ids() == made[::-1]
    assert [desk.ids(begin, 2) for begin in (0, 2, 4, 6)] == [made[:3:-1], made[3:1:-1], made[1::-1], []]
    assert desk.joined.count_jobs(Wanted()) == 6


def test_they_are_chosen_by_what_each_calls_it(desk: Desk) -> None:
    full, incremental, whatever = desk.ours(JobType.FULL), desk.ours(JobType.INCREMENTAL), desk.ours()
    pending, running, other = (
        desk.theirs(),
        desk.theirs("in_progress", "incremental"),
        desk.theirs(parent="q", index="x"),
    )
    assert desk.ids(states=["pending"], words=["pending"]) == [other, pending, whatever, incremental, full]
    assert desk.ids(types=["incremental"]) == [running, incremental]
    assert desk.ids(parent="q", connectors=[]) == [other]
    assert desk.ids(parent="p", connectors=[desk.connector.number], types=["full"]) == [pending, whatever, full]
    assert desk.ids(indexes=["x"]) == [other]
    assert desk.joined.count_jobs(Wanted(states=[], words=["in_progress"])) == 1


def test_what_is_hidden_is_not_listed(desk: Desk) -> None:
    first, second = desk.ours(), desk.ours()
    assert desk.joined.hide([desk.connector.number], "p", desk.later()) == 2
    third = desk.ours()
    assert desk.ids() == [third]
    assert desk.joined.count_jobs(Wanted()) == 1
    run = desk.records.get("run", first)
    assert run is not None
    assert (run.body, run.parent) == ({"hidden": True}, "p")
    assert desk.joined.connectors_of_runs("p") == [desk.connector.number]
    assert desk.joined.connectors_of_runs("q") == []
    assert second not in desk.ids()


def test_the_newest_jobs_tell_of_a_connector(desk: Desk) -> None:
    def claim(id: str) -> int:
        number = desk.control.find_job(id).number
        desk.control.claim(number, "w", desk.later(), JobType.FULL)
        return number

    begun = claim(desk.ours(trigger=Trigger.SCHEDULED))
    waiting = desk.control.find_job(desk.ours(JobType.INCREMENTAL, Trigger.SCHEDULED)).number
    assert sorted(desk.joined.newest([desk.connector.number])) == [begun, waiting]
    assert desk.joined.newest([]) == []
