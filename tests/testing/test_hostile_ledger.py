"""The hostile ledger fails where its plan says, before or after writing, and is otherwise the ledger it covers."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import pytest

from syncline.model.documents import Document
from syncline.model.errors import DestinationError, JobFenced
from syncline.model.ports import Batch, Put, Ticket
from syncline.testing import HostileLedger, IndexMemory, LedgerFault, MemoryLedger, Strike, strikes
from syncline.testing.suites import LedgerSuite

TICKET = Ticket(1, 1, 1)


class TestWithoutAPlan(LedgerSuite):
    @pytest.fixture
    def ledger(self):
        index = IndexMemory()
        return lambda: HostileLedger(MemoryLedger(index), [])


def batch(id):
    document = Document(id, text="x")
    return Batch(puts=[Put(document, document.fingerprint(), None)])


@pytest.mark.parametrize(
    ("fault", "error", "written"),
    [
        (LedgerFault.FAIL, DestinationError, False),
        (LedgerFault.AMBIGUOUS, DestinationError, True),
        (LedgerFault.FENCE, JobFenced, False),
    ],
)
def test_a_commit_fails_before_or_after_it_was_made(fault, error, written):
    ledger = HostileLedger(MemoryLedger(), [Strike(fault, nth=2)])
    ledger.begin(TICKET)
    ledger.commit(TICKET, batch("a"))
    with pytest.raises(error):
        ledger.commit(TICKET, batch("b"))
    ledger.commit(TICKET, batch("c"))
    assert set(ledger.documents(1)) == ({"a", "b", "c"} if written else {"a", "c"})
    assert (ledger.calls["commit"], len(ledger.struck)) == (3, 1)


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("begin", (TICKET,)),
        ("peek", (1,)),
        ("held", (1, ["a"])),
        ("count", (1,)),
        ("rows", (1,)),
        ("outcomes_of", (1, ["a"])),
        ("withhold", (TICKET, [], "")),
        ("withheld_count", (1,)),
        ("approved", (1,)),
        ("settle", ()),
    ],
)
def test_any_call_may_fail(method, arguments):
    ledger = HostileLedger(MemoryLedger(), [Strike(LedgerFault.FAIL, 1, method)])
    with pytest.raises(DestinationError):
        getattr(ledger, method)(*arguments)


def test_optional_abilities_are_passed_through():
    @runtime_checkable
    class Shelf(Protocol):
        def documents(self, connector: int) -> dict[str, Document]: ...
        def nothing_like_it(self) -> None: ...

    @runtime_checkable
    class Readable(Protocol):
        def documents(self, connector: int) -> dict[str, Document]: ...

    ledger = HostileLedger(MemoryLedger(), [])
    assert isinstance(ledger, Readable)
    assert not isinstance(ledger, Shelf)
    ledger.settle()
    assert ledger.settled == 1


def test_a_plan_drawn_twice_from_one_seed_is_the_same():
    assert strikes(3) == strikes(3)
    assert any(strikes(seed) for seed in range(10))
