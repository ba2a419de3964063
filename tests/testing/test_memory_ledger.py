"""The ledger in memory keeps every law of a ledger, and says when the engine is wrong about it."""

from __future__ import annotations

import pytest

from syncline.model.documents import Document, Held, State
from syncline.model.errors import InternalError
from syncline.model.outcomes import Kind, Outcome
from syncline.model.ports import Batch, Mark, Put, Ticket
from syncline.testing import CrashAt, IndexMemory, MemoryLedger, SimulatedCrash
from syncline.testing.suites import LedgerSuite, StoreSuite

TICKET = Ticket(connector=1, job=1, fence=1)


class TestMemoryLedger(LedgerSuite):
    @pytest.fixture
    def ledger(self):
        index = IndexMemory()
        return lambda: MemoryLedger(index)


def test_a_store_suite_is_a_ledger_suite():
    assert StoreSuite is LedgerSuite


def begun(**options):
    ledger = MemoryLedger(**options)
    ledger.begin(TICKET)
    return ledger


def put(id, text="x", seq=None):
    document = Document(id, text=text, version="1")
    return Put(document, document.fingerprint(), seq)


def test_what_it_holds_can_be_read():
    ledger = begun()
    ledger.commit(TICKET, Batch(puts=[put("a"), put("b")], outcomes=[Outcome("a", Kind.INSERTED)]))
    assert {id: document.text for id, document in ledger.documents(1).items()} == {"a": "x", "b": "x"}
    assert ledger.ledger(1) == ledger.held(1, ["a", "b"])
    assert ledger.outcomes(1) == {"a": Outcome("a", Kind.INSERTED)}
    assert (ledger.documents(2), ledger.ledger(2), ledger.outcomes(2), ledger.withheld(2)) == ({}, {}, {}, {})


def test_what_it_holds_does_not_change_with_the_callers_copy():
    ledger, given = begun(), put("a")
    ledger.commit(TICKET, Batch(puts=[given]))
    given.document.text = "changed afterwards"
    given.document.metadata["x"] = 1
    assert ledger.documents(1)["a"] == Document("a", text="x", version="1")


def test_approved_deletions_are_told_until_the_list_is_replaced():
    ledger = begun()
    seq, _ = ledger.commit(TICKET, Batch(puts=[put("a"), put("b")]))
    ledger.withhold(TICKET, [seq], "too many")
    assert ledger.withheld(1) == {"a": "too many"}
    assert ledger.approve(1) == 1
    assert ledger.approved(1) == frozenset({seq})
    ledger.withhold(TICKET, [], "")
    assert ledger.approved(1) == frozenset()


@pytest.mark.parametrize(
    "batch",
    [
        Batch(puts=[put("held")]),
        Batch(puts=[put("held", seq=99)]),
        Batch(puts=[put("new", seq=1)]),
        Batch(puts=[put("new"), put("new")]),
        Batch(marks=[Mark(Held(0, "held", "1", b"", "", State.FAILED), None)]),
        Batch(marks=[Mark(Held(1, "held", "1", b"", "", State.FILTERED), 1)]),
        Batch(marks=[Mark(Held(0, "new", "1", b"", "", State.LIVE), None)]),
    ],
)
def test_a_batch_that_contradicts_the_ledger_is_refused_whole(batch):
    ledger = begun()
    ledger.commit(TICKET, Batch(puts=[put("held")]))
    before = ledger.ledger(1)
    batch.deletes, batch.job_cursor = [], "page 2"
    with pytest.raises(InternalError):
        ledger.commit(TICKET, batch)
    assert ledger.ledger(1) == before
    assert ledger.begin(TICKET).job_cursor is None
    assert ledger.commit(TICKET, Batch(puts=[put("next")])) == [2]


@pytest.mark.parametrize(("point", "durable"), [("ledger.commit.before", False), ("ledger.commit.after", True)])
def test_invariant_01_a_crash_leaves_all_of_a_batch_or_none(point, durable):
    index = IndexMemory()
    dying = begun(index=index, crash=CrashAt(point))
    batch = Batch(puts=[put("a")], outcomes=[Outcome("a", Kind.INSERTED)], job_cursor="page 2")
    with pytest.raises(SimulatedCrash):
        dying.commit(TICKET, batch)
    after = MemoryLedger(index)
    assert (set(after.documents(1)), set(after.outcomes(1))) == (({"a"}, {"a"}) if durable else (set(), set()))
    assert after.begin(TICKET).job_cursor == ("page 2" if durable else None)


def test_settling_is_counted():
    ledger = begun()
    ledger.settle()
    assert ledger.settled == 1
