"""Documents and ledger in one transaction: the laws of every ledger and of every index, and who may write so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from tests.sources.tables.conftest import Server
from tests.store.postgres.conftest import base

from syncline.destinations import joined
from syncline.model.jobs import JobEvent
from syncline.model.outcomes import Kind
from syncline.model.ports import Batch, Ticket
from syncline.testing import MemorySheets
from syncline.testing.destination_suite import Desk
from syncline.testing.ledger_suite import puts
from syncline.testing.suites import DestinationLab, DestinationSuite, LedgerSuite

from .joint import Joint, JointLab, Together

__all__ = ["base"]


@pytest.fixture
def place(tmp_path: Path, base: Any, server: Server, admin: Any) -> Iterator[Joint]:
    made = Joint(tmp_path, base, server, admin, Together)
    yield made
    made.close()


class TestLedger(LedgerSuite):
    @pytest.fixture
    def ledger(self, place: Joint) -> Callable[[], Any]:
        return place.index


class TestIndex(DestinationSuite):
    """Every commit goes on beside its caller."""

    @pytest.fixture
    def lab(self, tmp_path: Path, place: Joint, monkeypatch: pytest.MonkeyPatch) -> DestinationLab:
        monkeypatch.setattr(joined, "BESIDE_ROWS", 1)
        return JointLab(tmp_path, place)


def test_documents_that_come_column_by_column_are_written_with_their_rows(place: Joint) -> None:
    desk = Desk(JointLab(place.folder, place))
    source = desk.source = MemorySheets(page_size=700)
    for n in range(2100):
        source.put(f"d{n:04}", f"text {n}")
    source.put("nul", "a\0b")
    ending = desk.run()
    assert (ending.event, ending.counters.inserted) == (JobEvent.FINISH, 2101)
    assert len(source.pasted) > 2000
    schema = f'"{place.base.schema}_1"'
    pairs = (
        f"select d.xmin::text = l.xmin::text as same, count(*) as n from {place.table} d"
        f" join {schema}.ledger l using (connector, id) group by 1"
    )
    assert [tuple(row) for row in place.ask(pairs)] == [(True, 2101)]
    told = [desk.index._ledger.outcomes_of(1, ids) for ids in (["d0000", "d2099", "nul"], list(source.documents))]
    assert [set(one.values()) for one in told] == [{Kind.INSERTED}] * 2
    assert [len(one) for one in told] == [3, 2101]
    source.put("d0000", "edited")
    source.remove("d0001")
    changed = desk.run().counters
    assert (changed.updated, changed.deleted, changed.kept) == (1, 1, 2099)
    assert desk.run().counters.changed == 0
    texts = dict(place.rows())
    assert (len(texts), texts["d0000"], texts["d2099"], texts["nul"]) == (2100, "edited", "text 2099", "a\ufffdb")


def test_documents_that_are_there_unknown_to_the_ledger_are_replaced(place: Joint) -> None:
    desk = Desk(JointLab(place.folder, place))
    source = desk.source = MemorySheets(page_size=700)
    for n in range(700):
        source.put(f"d{n:03}", f"text {n}")
    desk.ticket()
    place.admin.execute(
        f"insert into {place.table} (connector, id, title, body, metadata, url, media_type, allow, deny, checksum,"
        " written) values (1, 'd007', '', 'not known', '{}', '', '', '{}', '{}', 0, 0)"
    )
    begin = desk.index.destination.begin
    desk.index.destination.begin = lambda ticket, empty: begin(ticket, empty=False)  # else it would be removed
    assert desk.run().counters.inserted == 700
    assert len(place.slept) == 1
    assert desk.agrees()
    assert desk.run().counters.changed == 0


def test_the_ledger_is_read_while_a_commit_is_under_way(place: Joint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joined, "BESIDE_ROWS", 1)
    within, go_on = Event(), Event()

    def crash(point: str) -> None:
        if point == "joined.write.after" and not go_on.is_set():
            within.set()
            assert go_on.wait(60)

    index, ticket = place.index(crash=crash), Ticket(1, 1, 1)
    index.begin(ticket)
    go_on.set()
    index.commit(ticket, Batch(puts=puts("a"), recipe="r"))
    go_on.clear()
    land = index.begin_commit(ticket, Batch(puts=puts("b", "c"), recipe="r"))
    assert within.wait(60)
    assert set(index.held(1, ["a", "b"])) == {"a"}
    assert index.outcomes_of(1, ["a", "b"]) == {}
    go_on.set()
    seqs = land()
    assert index.count(1) == (3, 3)  # waits for what is under way
    assert [row.seq for row in index.held(1, ["b", "c"]).values()] == list(seqs)
    assert [id for id, _ in place.rows()] == ["a", "b", "c"]
