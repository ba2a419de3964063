"""A tally that is worked out ahead is what a tally is, or is not used."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from syncline.model.documents import Document, Held, State
from syncline.model.ports import Batch, Mark, Put, Tally, Ticket
from syncline.store.relational import truth as relational
from syncline.store.sqlite import truth
from syncline.store.sqlite.truth import Truth

TICKET = Ticket(1, 1, 1)


@pytest.fixture(autouse=True)
def _worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(truth, "AHEAD_ROWS", 1)
    monkeypatch.setattr(truth, "is_worth_it", lambda: True)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The threads that have counted."""
    names, tally = [], relational.Truth.tally

    def noted(self: Any, connector: int, recipe: str) -> Tally:
        names.append(threading.current_thread().name)
        return tally(self, connector, recipe)

    monkeypatch.setattr(relational.Truth, "tally", noted)
    return names


def puts(*ids: str) -> list[Put]:
    documents = [Document(id, text=id, version="1") for id in ids]
    return [Put(document, document.fingerprint(), None) for document in documents]


def filled(ledger: Callable[[], Truth]) -> Truth:
    made = ledger()
    made.begin(TICKET)
    made.commit(TICKET, Batch(puts=puts("a", "b", "c"), recipe="r"))
    return made


def test_it_is_counted_beside(ledger: Callable[[], Truth], counted: list[str]) -> None:
    one = filled(ledger)
    one.count_ahead(1, "r")
    assert one.tally(1, "r") == Tally(3, True, 3)
    assert counted == ["tally"]
    assert one.tally(1, "r") == Tally(3, True, 3)
    assert counted == ["tally", "MainThread"]  # once


@pytest.mark.parametrize("whose", ["ours", "of another connection"])
def test_what_is_written_meanwhile_is_counted(whose: str, ledger: Callable[[], Truth], counted: list[str]) -> None:
    one, other = filled(ledger), ledger()
    one.count_ahead(1, "r")
    writer = one if whose == "ours" else other
    writer.commit(TICKET, Batch(marks=[Mark(Held(0, "d", None, b"", "", State.FAILED), None)], recipe="r"))
    assert one.tally(1, "r") == Tally(4, False, 4)
    assert counted[-1] == "MainThread"


def test_of_something_else_it_is_counted_anew(ledger: Callable[[], Truth], counted: list[str]) -> None:
    one = filled(ledger)
    for asked, found in (((1, "other"), Tally(3, False, 3)), ((2, "r"), Tally(0, True, 0))):
        one.count_ahead(1, "r")
        assert one.tally(*asked) == found
        assert counted[-1] == "MainThread"


def test_a_small_truth_is_counted_when_it_is_asked(
    ledger: Callable[[], Truth], counted: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = filled(ledger)
    monkeypatch.setattr(truth, "AHEAD_ROWS", 5)
    one.count_ahead(1, "r")
    assert one.tally(1, "r").rows == 3
    assert counted == ["MainThread"]


def test_what_goes_wrong_there_is_left_to_whoever_asks(
    ledger: Callable[[], Truth], counted: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = filled(ledger)
    path, one.path = one.path, one.path + " is not there"
    one.count_ahead(1, "r")
    one.path = path
    assert one.tally(1, "r") == Tally(3, True, 3)
    assert counted == ["MainThread"]


def test_nothing_is_left_when_it_is_closed_or_asked_for_again(ledger: Callable[[], Truth]) -> None:
    one = filled(ledger)
    for _ in range(20):
        one.count_ahead(1, "r")
    one.close()
    assert [thread.name for thread in threading.enumerate() if thread.name == "tally"] == []
