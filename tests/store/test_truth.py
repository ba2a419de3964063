"""The SQLite truth keeps the laws of every ledger, and some of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from syncline.model.documents import Document, Held, State
from syncline.model.errors import DataDirectoryError, JobFenced
from syncline.model.ports import Batch, Put, Ticket
from syncline.store.sqlite.truth import Truth
from syncline.testing.suites import LedgerSuite


class TestTruth(LedgerSuite):
    @pytest.fixture
    def ledger(self, ledger: Callable[[], Truth]) -> Callable[[], Truth]:
        return ledger


def put(truth: Truth, ticket: Ticket, document: Document, seq: int | None = None) -> int:
    return truth.commit(ticket, Batch(puts=[Put(document, document.fingerprint(), seq)], recipe="r"))[0]


def test_a_number_is_never_used_twice_and_an_update_gets_a_new_one(ledger: Callable[[], Truth]) -> None:
    truth, ticket = ledger(), Ticket(1, 1, 1)
    truth.begin(ticket)
    seq = put(truth, ticket, Document("a", text="one"))
    put(truth, ticket, Document("a", text="two"), seq)
    held = truth.held(1, ["a"])["a"]
    truth.commit(ticket, Batch(deletes=[held]))
    put(truth, ticket, Document("a", text="three"))
    assert [(d.n, d.text) for d in truth.after(0, 10)] == [(3, "three")]
    assert truth.removed(10) == [1, 2]
    assert truth.newest() == 3


def test_text_that_is_no_unicode_is_stored_with_question_marks(ledger: Callable[[], Truth]) -> None:
    truth, ticket = ledger(), Ticket(1, 1, 1)
    truth.begin(ticket)
    put(truth, ticket, Document("a", text="half \ud800 pair", title="\udfff", metadata={"k": "\ud800"}))
    (stored,) = truth.after(0, 10)
    assert (stored.text, stored.title, stored.metadata) == ("half ? pair", "?", {"k": "?"})


def test_the_feed_hands_out_bounded_amounts_of_text(ledger: Callable[[], Truth]) -> None:
    truth, ticket = ledger(), Ticket(1, 1, 1)
    truth.begin(ticket)
    for name in "abcde":
        put(truth, ticket, Document(name, text=name * (5 << 20)))
    assert [d.id for d in truth.after(0, 100)] == ["a", "b"]
    assert [d.id for d in truth.after(2, 100)] == ["c", "d"]


def test_invariant_02_withholding_is_fenced_too(ledger: Callable[[], Truth]) -> None:
    truth = ledger()
    truth.begin(Ticket(1, 1, 1))
    truth.begin(Ticket(1, 2, 2))
    with pytest.raises(JobFenced):
        truth.withhold(Ticket(1, 1, 1), [1], "why")


def test_a_refresh_keeps_the_document_and_its_number(ledger: Callable[[], Truth]) -> None:
    from syncline.model.ports import Mark

    truth, ticket = ledger(), Ticket(1, 1, 1)
    truth.begin(ticket)
    seq = put(truth, ticket, Document("a", text="one", version="1"))
    held = truth.held(1, ["a"])["a"]
    truth.commit(ticket, Batch(marks=[Mark(held._replace(version="2"), seq)]))
    assert truth.held(1, ["a"])["a"] == Held(seq, "a", "2", held.fingerprint, "r", State.LIVE)
    assert [d.n for d in truth.after(0, 10)] == [1]


@pytest.mark.parametrize("content", [b"this is no database at all, but long enough to be looked at" * 20, b""])
def test_a_file_that_is_no_database_is_refused_with_a_remedy(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "truth.db").write_bytes(content)
    if content:
        with pytest.raises(DataDirectoryError) as caught:
            Truth(str(tmp_path / "truth.db"))
        assert caught.value.code == "data_dir.damaged"
    else:
        Truth(str(tmp_path / "truth.db")).close()  # as SQLite leaves it when it dies before the first write


def test_opening_and_closing_for_reading_leaves_every_byte(tmp_path: Path, ledger: Callable[[], Truth]) -> None:
    truth, ticket = ledger(), Ticket(1, 1, 1)
    truth.begin(ticket)
    put(truth, ticket, Document("a", text="one"))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir() if not path.name.endswith("-shm")}
    reader = Truth(str(tmp_path / "truth.db"), create=False, read_only=True)
    assert reader.count(1) == (1, 1)
    reader.close()
    assert before == {path.name: path.read_bytes() for path in tmp_path.iterdir() if not path.name.endswith("-shm")}
