"""The truth in PostgreSQL keeps the laws of every ledger, and those of the SQLite truth."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.store.test_truth import (
    put,
    test_a_number_is_never_used_twice_and_an_update_gets_a_new_one,
    test_a_refresh_keeps_the_document_and_its_number,
    test_invariant_02_withholding_is_fenced_too,
    test_text_that_is_no_unicode_is_stored_with_question_marks,
    test_the_feed_hands_out_bounded_amounts_of_text,
)

from syncline.model.documents import Document
from syncline.model.outcomes import Kind, Outcome
from syncline.model.ports import Batch, Put, Ticket
from syncline.store.postgres.errors import StoreError, StoreUnavailable
from syncline.store.postgres.truth import Truth
from syncline.store.postgres.wire import Link
from syncline.testing.suites import LedgerSuite

__all__ = [
    "test_a_number_is_never_used_twice_and_an_update_gets_a_new_one",
    "test_a_refresh_keeps_the_document_and_its_number",
    "test_invariant_02_withholding_is_fenced_too",
    "test_text_that_is_no_unicode_is_stored_with_question_marks",
    "test_the_feed_hands_out_bounded_amounts_of_text",
]


class TestTruth(LedgerSuite):
    @pytest.fixture
    def ledger(self, ledger: Callable[[], Truth]) -> Callable[[], Truth]:
        return ledger


def test_a_nul_in_a_text_becomes_a_replacement_character(ledger: Callable[[], Truth]) -> None:
    truth, ticket = ledger(), Ticket(1, 1, 1)
    truth.begin(ticket)
    put(truth, ticket, Document("a", text="a\0b", title="\0", metadata={"k": "\0"}))
    (stored,) = truth.after(0, 10)
    assert (stored.text, stored.title, stored.metadata) == ("a\ufffdb", "\ufffd", {"k": "\0"})


def test_an_id_that_no_index_of_the_database_can_hold_is_refused_in_words(ledger: Callable[[], Truth]) -> None:
    import random

    dice = random.Random(1)
    truth, ticket = ledger(), Ticket(1, 1, 1)
    truth.begin(ticket)
    with pytest.raises(StoreError) as caught:
        put(truth, ticket, Document("".join(chr(dice.randrange(33, 126)) for _ in range(4096)), text="x"))
    assert caught.value.code == "store.id_too_long"
    put(truth, ticket, Document("b", text="x"))


# --- readers ----------------------------------------------------------------------------------------------------------


def test_each_reader_follows_at_its_own_pace_and_removals_wait_for_the_slowest(base: Any, tmp_path: Path) -> None:
    from syncline.store.postgres.store import Store

    forgotten: list[str] = []
    stores = [
        Store(base.place, lambda index, n=n: str(tmp_path / f"{n}" / index), forgotten.append)  # type: ignore[misc]
        for n in range(2)
    ]
    stores[0].make("index", "id", 1.0)
    fast, slow = (store.truth("index") for store in stores)
    assert (fast.confirmed(), slow.confirmed()) == (0, 0)
    ticket = Ticket(1, 1, 1)
    fast.begin(ticket)
    seq = put(fast, ticket, Document("a", text="one"))
    put(fast, ticket, Document("a", text="two"), seq)
    assert fast.removed(10) == slow.removed(10) == [1]
    fast.confirm(2, [1])
    assert (fast.confirmed(), fast.removed(10)) == (2, [])
    assert (slow.confirmed(), slow.removed(10)) == (0, [1])
    slow.confirm(2, [1])
    assert base.ask(f'select count(*) from "{base.schema}_1".removed') == [(0,)]
    assert len(forgotten) == 2  # each began anew once
    for truth in (fast, slow):
        truth.close()
    for store in stores:
        store.close()


def test_a_reader_that_was_away_for_too_long_is_struck_off_and_begins_anew(base: Any, tmp_path: Path) -> None:
    from syncline.store.postgres.store import Store

    forgotten: list[str] = []
    stores = [
        Store(base.place, lambda index, n=n: str(tmp_path / f"{n}" / index), lambda index, n=n: forgotten.append(n))  # type: ignore[misc]
        for n in range(2)
    ]
    stores[0].make("index", "id", 1.0)
    here, away = (store.truth("index") for store in stores)
    assert (here.confirmed(), away.confirmed()) == (0, 0)
    ticket = Ticket(1, 1, 1)
    here.begin(ticket)
    seq = put(here, ticket, Document("a", text="one"))
    base.run(f"update \"{base.schema}_1\".readers set seen_at = 0 where reader = '{away._reader}'")
    put(here, ticket, Document("a", text="two"), seq)
    here.confirm(2, [1])
    assert base.ask(f'select count(*) from "{base.schema}_1".readers') == [(1,)]
    assert base.ask(f'select count(*) from "{base.schema}_1".removed') == [(0,)]
    forgotten.clear()
    with pytest.raises(StoreError):
        away.confirm(1, [])
    assert away.confirmed() == 0
    assert forgotten == [1]
    for one in (here, away, *stores):
        one.close()


# --- a connection that is lost ----------------------------------------------------------------------------------------


def batch(*ids: str) -> Batch:
    documents = [Document(id, text=id, version="1") for id in ids]
    puts = [Put(document, document.fingerprint(), None) for document in documents]
    return Batch(puts=puts, outcomes=[Outcome(id, Kind.INSERTED) for id in ids], recipe="r")


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_commit_whose_answer_was_lost_is_made_once(
    ledger: Callable[[], Truth], monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    truth, ticket, lost = ledger(), Ticket(1, 1, 1), []
    truth.begin(ticket)
    script = Link.script

    def losing(link: Link, sql: str) -> str:
        if sql != "commit" or lost:
            return script(link, sql)
        lost.append(link)
        if when == "after":
            script(link, sql)
        link.close()
        raise StoreUnavailable("the connection was lost")

    monkeypatch.setattr(Link, "script", losing)
    seqs = truth.commit(ticket, batch("a", "b"))
    assert lost
    assert {row.seq for row in truth.held(1, ["a", "b"]).values()} == set(seqs)
    assert truth.count(1) == (2, 2)
    assert [document.id for document in truth.after(0, 10)] == ["a", "b"]
    assert truth.outcomes_of(1, ["a", "b"]) == {"a": Kind.INSERTED, "b": Kind.INSERTED}


def test_connections_that_are_cut_are_made_again(ledger: Callable[[], Truth], base: Any) -> None:
    truth, ticket = ledger(), Ticket(1, 1, 1)
    truth.begin(ticket)
    for number in range(5):
        assert base.cut() > 0
        truth.commit(ticket, batch(f"d{number}"))
        base.cut()
        assert truth.count(1) == (number + 1, number + 1)


def test_a_connection_that_is_cut_within_a_transaction_leaves_nothing_and_it_is_tried_again(
    base: Any, tmp_path: Path
) -> None:
    cuts = iter([True, True, False])

    def crash(point: str) -> None:
        if point == "truth.commit.inside" and next(cuts, False):
            base.cut()

    store = base.store(crash=crash)
    store.make("index", "id", 1.0)
    truth, ticket = store.truth("index"), Ticket(1, 1, 1)
    truth.begin(ticket)
    truth.commit(ticket, batch("a", "b"))
    assert truth.count(1) == (2, 2)
    assert len(truth.after(0, 10)) == 2
    truth.close()
