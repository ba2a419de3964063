"""What is said to be unchanged is kept without a look, if the numbers agree; else by name, else one by one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from tests.engine.conftest import CONNECTOR

from syncline.model.documents import Document
from syncline.model.errors import DocumentRejected
from syncline.model.jobs import JobEvent
from syncline.model.news import SAME, Checkpoint, Complete, Entry, Gone, Note, Page, Refused, Unchanged
from syncline.model.ports import Batch, Mark
from syncline.planning.seen import Seen
from syncline.store.sqlite.truth import Truth


class Table:
    """Rows with versions, which names only those that changed since the last Complete."""

    def __init__(self, rows: dict[str, str]) -> None:
        self.rows = rows
        self.asked: list[str] = []
        self.bad: set[str] = set()
        self.counts = True

    def check(self) -> None: ...

    def list(self, memory: Any, cursor: Any) -> Iterator[Any]:
        before: dict[str, str] = (memory or {}).get("rows", {})
        new = {id: text for id, text in self.rows.items() if before.get(id) != text}
        old = [id for id in self.rows if id not in new]

        def names() -> Iterator[Sequence[str]]:
            self.asked.append("names")
            yield old

        def pages() -> Iterator[Page]:
            self.asked.append("pages")
            yield Page([Entry(id, SAME) for id in old])

        yield Note("by memory")
        yield Page([Entry(id, text) for id, text in new.items()])
        yield Checkpoint("here")
        yield Unchanged(len(old) if self.counts else None, names, pages)
        yield Complete(memory={"rows": dict(self.rows)}, proved=True)

    def fetch(self, entries: Sequence[Entry]) -> Iterator[Any]:
        for entry in entries:
            self.asked.append(entry.id)
            if entry.id in self.bad:
                yield Refused(entry.id, DocumentRejected("bad"))
            elif entry.id in self.rows:
                yield Document(entry.id, text=self.rows[entry.id], version=self.rows[entry.id])
            else:
                yield Gone(entry.id)


@pytest.fixture
def table(world: Any) -> Table:
    made = Table({f"d{n}": f"text {n}" for n in range(40)})
    assert world.run(made).counters.inserted == 40
    made.asked.clear()
    return made


def test_when_the_numbers_agree_nothing_is_named(world: Any, table: Table) -> None:
    ending = world.run(table)
    assert (ending.counters.kept, ending.counters.total, table.asked) == (40, 40, [])
    assert ending.remarks == ["by memory"]


def test_new_and_changed_documents_do_not_disturb_the_numbers(world: Any, table: Table) -> None:
    table.rows |= {"d3": "changed", "new": "here"}
    ending = world.run(table)
    assert (ending.counters.inserted, ending.counters.updated, ending.counters.kept) == (1, 1, 39)
    assert set(table.asked) == {"d3", "new"}
    assert world.documents() == table.rows


def test_a_removal_is_found_by_names(world: Any, table: Table) -> None:
    table.rows.pop("d7")
    table.rows["d3"] = "changed"
    ending = world.run(table)
    assert (ending.counters.deleted, ending.counters.updated, ending.counters.kept) == (1, 1, 38)
    assert table.asked == ["d3", "names"]
    assert world.documents() == table.rows


def test_a_plan_says_the_same_and_changes_nothing(world: Any, table: Table) -> None:
    table.rows |= {"d3": "changed", "new": "here"}
    table.rows.pop("d7")
    before = world.contents()
    plan = world.plan(source=table)
    assert (plan.insert, plan.update, plan.delete, plan.keep) == (["new"], ["d3"], ["d7"], 38)
    assert plan.complete
    assert plan.notes == ["by memory"]
    assert world.contents() == before


def test_a_name_that_the_ledger_does_not_hold_is_not_lost(world: Any, table: Table) -> None:
    row = world.truth.held(1, ["d5"])["d5"]
    with world.truth.writing("test"):
        world.truth._delete([(row.seq, 1)])
    ending = world.run(table)
    assert table.asked == ["names", "pages", "d5"]
    assert (ending.counters.inserted, ending.counters.kept) == (1, 39)


def test_a_failed_document_is_tried_again_and_the_memory_waits_for_it(world: Any, table: Table) -> None:
    table.rows["d3"] = "changed"
    table.bad = {"d3"}
    assert world.run(table).counters.failed == 1
    assert world.documents()["d3"] == "text 3"
    table.bad = set()
    assert world.run(table).counters.updated == 1
    assert world.documents() == table.rows


def test_a_new_document_that_failed_is_tried_again(world: Any, table: Table) -> None:
    table.rows["new"] = "here"
    table.bad = {"new"}
    assert world.run(table).counters.failed == 1
    table.bad = set()
    assert world.run(table).counters.inserted == 1
    assert world.documents() == table.rows


def test_a_row_that_failed_makes_the_ledger_look_at_every_one(world: Any, table: Table) -> None:
    row = world.truth.held(1, ["d5"])["d5"]
    ticket = world.work(0).ticket
    world.truth.begin(ticket)
    world.truth.commit(ticket, Batch(marks=[Mark(row._replace(state=3), row.seq)]))
    ending = world.run(table)
    assert table.asked == ["pages", "d5"]
    assert ending.counters.inserted + ending.counters.updated == 1


def test_other_transforms_make_the_ledger_look_at_every_one(world: Any, table: Table, picky: Any) -> None:
    ending = world.run(table, transforms=[picky()])
    assert ending.counters.updated == 40
    assert world.documents() == {id: text.upper() for id, text in table.rows.items()}


def test_force_reads_every_document_again(world: Any, table: Table) -> None:
    world.run(table, force=True)
    assert table.asked[0] == "pages"
    assert len(table.asked) == 41


def test_without_a_count_nothing_is_deleted(world: Any, table: Table) -> None:
    table.counts = False
    table.rows.pop("d7")
    assert world.run(table).counters.kept == 40
    assert len(world.documents()) == 40


def test_an_attempt_that_is_repeated_counts_each_document_once(world: Any, table: Table) -> None:
    table.rows["new"] = "here"
    ending = world.run(table)
    again = world.attempt(world.job, table)
    assert again.counters.as_dict() == ending.counters.as_dict()
    assert again.event is JobEvent.FINISH


def test_another_connector_of_the_index_is_not_touched(world: Any, table: Table) -> None:
    from syncline.engine.job import run_job

    other = Table({f"o{n}": "other" for n in range(10)})
    run_job(world.work(90, other, connector=2))
    table.rows.pop("d1")
    ending = world.run(table)
    assert (ending.counters.deleted, ending.counters.kept) == (1, 39)
    assert len(world.documents(2)) == 10
    assert run_job(world.work(91, other, connector=2)).counters.kept == 10


def test_seen_up_to_a_number_is_every_number_up_to_it() -> None:
    for number in (0, 1, 7, 8, 9, 1000):
        seen = Seen()
        seen.add(5)
        seen.add_up_to(number)
        expected = {5, *range(1, number + 1)}
        assert {n for n in range(2000) if n in seen} == expected
        assert seen.without(range(1, 1500)) == sorted(set(range(1, 1500)) - expected)
        seen.add(1200)
        assert 1200 in seen


def test_counting_begins_before_the_source_is_asked(world: Any, table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[int] = []
    monkeypatch.setattr(Truth, "count_ahead", lambda _, connector, recipe: begun.append(connector))
    world.run(table)
    assert begun == []  # it is not known to pass over anything
    rereading: Any = table
    rereading.afresh = False
    world.run(table)
    assert (begun, rereading.afresh) == ([CONNECTOR], False)
    world.run(table, force=True)
    assert (begun, rereading.afresh) == ([CONNECTOR], True)
    world.run(table, connector=9)
    assert begun == [CONNECTOR]  # nothing is remembered
