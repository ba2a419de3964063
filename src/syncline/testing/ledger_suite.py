"""What "ledger" means: the laws of the Ledger port, for every store alike. Names carry the invariants they prove."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from syncline.model.documents import Document, Held, State
from syncline.model.errors import JobFenced
from syncline.model.outcomes import Counters, Kind, Outcome
from syncline.model.ports import Batch, BeginsCommits, Ledger, Mark, Pasted, Put, Resume, TakesSheets, Tallies, Ticket
from syncline.model.sheets import Sheet

OpenLedger = Callable[[], Ledger]

ODD_IDS = ["a", "A", " ", "a/b/c.md", "ü", "漢字.txt", "🍒", "a'b\"c;--", "%_*?[", "\\", "\n\t", "x" * 4096, "é" * 2048]


def ticket(fence: int = 1, *, job: int = 1, connector: int = 1) -> Ticket:
    """Attempt `fence` of a job."""
    return Ticket(connector, job, fence)


def document(id: str, text: str = "text", **fields: Any) -> Document:
    """A document as the transforms leave it."""
    return Document(id=id, text=text, **{"version": "1", **fields})


def puts(*ids: str, text: str = "text", seqs: Iterable[int | None] = (), version: str | None = "1") -> list[Put]:
    """New documents; or updates of the rows `seqs`."""
    numbers = [*seqs, *[None] * len(ids)]
    made = [document(id, text, version=version) for id in ids]
    return [Put(one, one.fingerprint(), seq) for one, seq in zip(made, numbers, strict=False)]


def pasted_of(documents: Sequence[Document]) -> Pasted:
    """The same documents as columns."""
    sheet = Sheet(
        [one.id for one in documents],
        [one.version for one in documents],
        [one.title for one in documents],
        [one.text or "" for one in documents],
        [one.metadata_as_json() for one in documents],
    )
    return Pasted(sheet, sheet.fingerprints())


def filtered(id: str, seq: int | None = None, rule: str = "exclude *.bin") -> Mark:
    """A row for a document that a rule keeps out."""
    return Mark(Held(seq or 0, id, "1", b"", rule, State.FILTERED), seq)


def failed(id: str, seq: int | None = None) -> Mark:
    """A row for a document that could not be taken."""
    return Mark(Held(seq or 0, id, "1", b"", "", State.FAILED), seq)


def holding(ledger: Ledger, *ids: str, at: Ticket | None = None) -> dict[str, Held]:
    """Begin, put those documents, and return their rows."""
    at = at or ticket()
    ledger.begin(at)
    ledger.commit(at, Batch(puts=puts(*ids), recipe="r1"))
    return ledger.held(at.connector, ids)


def all_rows(ledger: Ledger, connector: int = 1, batch: int = 5000) -> list[Held]:
    """Every row, in the order they come."""
    return [row for rows in ledger.rows(connector, batch) for row in rows]


def bitmap(content: bytes) -> Callable[[Sequence[int]], bytes]:
    """A Batch.counted that does not look at the new rows."""
    return lambda _seqs: content


CHECKPOINT = Batch(
    puts=puts("a"),
    counted=bitmap(b"\x00\x01bitmap"),
    counters=Counters({"inserted": 1}),
    job_cursor="page 2",
    feed_cursor="lsn 17",
    anchor="device 5",
    memory={"etags": {"a": ["x", 1, None, True, 1.5, "ü"]}},
    recipe="r1",
)


class LedgerSuite:
    """Inherit, and give the fixture `ledger`: a function that opens a Ledger on the same, at first empty, state."""

    @pytest.fixture
    def ledger(self) -> OpenLedger:
        raise NotImplementedError("give the suite a fixture `ledger`: a function that opens a Ledger on the same state")

    # --- who may write

    def test_invariant_02_an_older_attempt_cannot_begin(self, ledger: OpenLedger) -> None:
        ledger().begin(ticket(2))
        with pytest.raises(JobFenced):
            ledger().begin(ticket(1))

    def test_invariant_02_an_older_attempt_cannot_write(self, ledger: OpenLedger) -> None:
        early, late = ledger(), ledger()
        early.begin(ticket(1))
        late.begin(ticket(2))
        with pytest.raises(JobFenced):
            early.commit(ticket(1), replace(CHECKPOINT, outcomes=[Outcome("a", Kind.INSERTED)]))
        assert late.held(1, ["a"]) == {}
        assert late.outcomes_of(1, ["a"]) == {}
        assert late.begin(ticket(3)) == Resume()

    def test_invariant_02_an_older_attempt_of_another_job_cannot_write(self, ledger: OpenLedger) -> None:
        one = ledger()
        one.begin(ticket(1, job=1))
        one.begin(ticket(2, job=2))
        with pytest.raises(JobFenced):
            one.commit(ticket(1, job=1), Batch(puts=puts("a")))

    def test_invariant_02_an_older_attempt_cannot_withhold(self, ledger: OpenLedger) -> None:
        one = ledger()
        row = holding(one, "a")["a"]
        one.begin(ticket(2))
        with pytest.raises(JobFenced):
            one.withhold(ticket(1), [row.seq], "too many")
        assert one.withheld_count(1) == 0

    def test_invariant_02_nobody_writes_without_having_begun(self, ledger: OpenLedger) -> None:
        with pytest.raises(JobFenced):
            ledger().commit(ticket(1), Batch(puts=puts("a")))
        ledger().begin(ticket(1))
        with pytest.raises(JobFenced):
            ledger().commit(ticket(2), Batch(puts=puts("a")))
        assert ledger().count(1) == (0, 0)

    def test_invariant_02_the_fence_is_durable(self, ledger: OpenLedger) -> None:
        ledger().begin(ticket(7))
        with pytest.raises(JobFenced):
            ledger().commit(ticket(6), Batch(puts=puts("a")))

    def test_invariant_02_a_refused_attempt_leaves_the_fence_alone(self, ledger: OpenLedger) -> None:
        one = ledger()
        one.begin(ticket(2))
        with pytest.raises(JobFenced):
            one.begin(ticket(1))
        assert len(one.commit(ticket(2), Batch(puts=puts("a")))) == 1

    def test_the_same_attempt_may_begin_again(self, ledger: OpenLedger) -> None:
        ledger().begin(ticket(1))
        ledger().commit(ticket(1), CHECKPOINT)
        assert ledger().begin(ticket(1)).job_cursor == "page 2"

    def test_connectors_have_fences_of_their_own(self, ledger: OpenLedger) -> None:
        one = ledger()
        one.begin(ticket(9, connector=1))
        one.begin(ticket(1, job=2, connector=2))
        assert len(one.commit(ticket(1, job=2, connector=2), Batch(puts=puts("a")))) == 1
        assert len(one.commit(ticket(9, connector=1), Batch(puts=puts("a")))) == 1

    # --- where was I

    def test_a_new_connector_is_told_that_nothing_is_known(self, ledger: OpenLedger) -> None:
        assert ledger().begin(ticket()) == Resume()

    def test_invariant_01_a_later_attempt_of_the_job_goes_on_from_its_last_commit(self, ledger: OpenLedger) -> None:
        one = ledger()
        one.begin(ticket(1))
        one.commit(ticket(1), CHECKPOINT)
        resume = ledger().begin(ticket(2))
        assert (resume.counted, resume.job_cursor) == (b"\x00\x01bitmap", "page 2")
        assert resume.counters == Counters({"inserted": 1})
        assert (resume.feed_cursor, resume.anchor, resume.memory) == ("lsn 17", "device 5", CHECKPOINT.memory)

    def test_invariant_05_a_job_that_died_at_its_very_end_still_knows_what_it_counted(self, ledger: OpenLedger) -> None:
        one = ledger()
        one.begin(ticket(1))
        one.commit(ticket(1), CHECKPOINT)
        one.commit(ticket(1), Batch(anchor="device 6", memory={}))
        resume = ledger().begin(ticket(2))
        assert (resume.counted, resume.counters) == (b"\x00\x01bitmap", Counters({"inserted": 1}))

    def test_a_later_job_counts_anew_and_keeps_what_belongs_to_the_connector(self, ledger: OpenLedger) -> None:
        one = ledger()
        one.begin(ticket(1))
        one.commit(ticket(1), CHECKPOINT)
        resume = ledger().begin(ticket(2, job=2))
        assert resume == Resume(feed_cursor="lsn 17", anchor="device 5", memory=CHECKPOINT.memory)

    def test_a_job_that_follows_never_sees_what_an_earlier_one_counted(self, ledger: OpenLedger) -> None:
        one = ledger()
        one.begin(ticket(1))
        one.commit(ticket(1), CHECKPOINT)
        one.begin(ticket(2, job=2))
        resume = ledger().begin(ticket(3, job=2))
        assert (resume.counted, resume.job_cursor, resume.counters) == (b"", None, Counters())

    def test_what_a_batch_leaves_out_stays_as_it_was(self, ledger: OpenLedger) -> None:
        one = ledger()
        one.begin(ticket(1))
        one.commit(ticket(1), CHECKPOINT)
        before = ledger().begin(ticket(2))
        one.commit(ticket(2), Batch(puts=puts("b")))
        assert ledger().begin(ticket(3)) == before

    def test_invariant_01_what_was_counted_speaks_of_the_rows_of_the_same_commit(self, ledger: OpenLedger) -> None:
        one = ledger()
        one.begin(ticket(1))
        batch = Batch(puts=puts("a", "b"), marks=[filtered("bin")], counted=lambda seqs: repr(list(seqs)).encode())
        seqs = one.commit(ticket(1), batch)
        assert ledger().begin(ticket(2)).counted == repr(seqs).encode()

    def test_a_later_checkpoint_replaces_the_earlier(self, ledger: OpenLedger) -> None:
        one = ledger()
        one.begin(ticket(1))
        one.commit(ticket(1), CHECKPOINT)
        later = Batch(counted=bitmap(b"2"), job_cursor="page 3", feed_cursor="lsn 18", anchor="device 6", memory={})
        one.commit(ticket(1), later)
        resume = ledger().begin(ticket(2))
        assert (resume.counted, resume.job_cursor, resume.feed_cursor) == (b"2", "page 3", "lsn 18")
        assert (resume.anchor, resume.memory) == ("device 6", {})

    def test_invariant_10_peeking_tells_what_a_new_job_would_be_told_and_claims_nothing(
        self, ledger: OpenLedger
    ) -> None:
        one = ledger()
        assert one.peek(1) == Resume()
        one.begin(ticket(1))
        one.commit(ticket(1), CHECKPOINT)
        assert ledger().peek(1) == Resume(feed_cursor="lsn 17", anchor="device 5", memory=CHECKPOINT.memory)
        assert len(one.commit(ticket(1), Batch(puts=puts("b")))) == 1
        assert ledger().begin(ticket(2)).job_cursor == "page 2"

    # --- rows

    def test_a_put_makes_a_row(self, ledger: OpenLedger) -> None:
        one = ledger()
        one.begin(ticket())
        put = puts("a", version="v7")[0]
        (seq,) = one.commit(ticket(), Batch(puts=[put], recipe="r1"))
        assert ledger().held(1, ["a"]) == {"a": Held(seq, "a", "v7", put.fingerprint, "r1", State.LIVE)}

    def test_a_document_without_a_version_has_a_row_without_one(self, ledger: OpenLedger) -> None:
        one = ledger()
        one.begin(ticket())
        one.commit(ticket(), Batch(puts=[*puts("none", version=None), *puts("empty", version="")]))
        rows = ledger().held(1, ["none", "empty"])
        assert (rows["none"].version, rows["empty"].version) == (None, "")

    def test_rows_that_do_not_exist_are_left_out(self, ledger: OpenLedger) -> None:
        one = ledger()
        holding(one, "a")
        assert set(one.held(1, ["b", "a", "c"])) == {"a"}
        assert one.held(1, []) == {}
        assert one.held(2, ["a"]) == {}

    def test_any_text_may_be_an_id(self, ledger: OpenLedger) -> None:
        rows = holding(ledger(), *ODD_IDS)
        assert set(rows) == set(ODD_IDS)
        assert {row.id for row in all_rows(ledger())} == set(ODD_IDS)

    def test_many_ids_are_found_whether_most_of_them_are_new_or_known(self, ledger: OpenLedger) -> None:
        one = ledger()
        known = [f"{n}" for n in range(0, 3000, 2)] + ["a b", "é", "漢字", "🍒"]
        holding(one, *known)
        for asked in (
            [f"{n}" for n in range(5000, 6000)],
            [f"{n}" for n in range(2000, 4000)],
            [f"{n}" for n in range(1, 3000, 2)],
            [*known, *(f"new {n}" for n in range(600))],
            [f"new {n}" for n in range(600)],
            [*(f"{n}x" for n in range(800)), "1000", "🍒", "é", "zz"],
            [f"{n}" for n in range(3000, 4000)] * 2,
        ):
            assert set(one.held(1, asked)) == set(known) & set(asked)
            assert one.held(2, asked) == {}

    def test_thousands_of_rows_are_held_written_and_found_at_once(self, ledger: OpenLedger) -> None:
        ids = [f"doc-{n}" for n in range(5000)]
        rows = holding(ledger(), *ids)
        assert list(map(int, sorted(row.seq for row in rows.values()))) == [row.seq for row in all_rows(ledger())]
        assert ledger().count(1) == (5000, 5000)

    def test_an_update_keeps_the_number_of_the_row(self, ledger: OpenLedger) -> None:
        one = ledger()
        before = holding(one, "a", "b")["a"]
        put = puts("a", text="new", seqs=[before.seq], version="2")[0]
        assert one.commit(ticket(), Batch(puts=[put], recipe="r2")) == [before.seq]
        assert one.held(1, ["a"])["a"] == Held(before.seq, "a", "2", put.fingerprint, "r2", State.LIVE)
        assert one.count(1) == (2, 2)

    def test_a_commit_answers_with_the_number_of_each_put_and_then_of_each_mark(self, ledger: OpenLedger) -> None:
        one = ledger()
        old = holding(one, "old")["old"]
        batch = Batch(puts=puts("new", "old", seqs=[None, old.seq]), marks=[filtered("bin"), failed("bad")])
        seqs = one.commit(ticket(), batch)
        rows = one.held(1, ["new", "old", "bin", "bad"])
        assert seqs == [rows[id].seq for id in ("new", "old", "bin", "bad")]
        assert len(set(seqs)) == 4

    def test_a_sheet_is_written_as_its_documents_are(self, ledger: OpenLedger) -> None:
        """And each of them has the outcome "inserted"."""
        one = ledger()
        if not (isinstance(one, TakesSheets) and one.takes_sheets):
            pytest.skip("this ledger takes no sheets")
        old = holding(one, "old")["old"]
        made = [document(id, f"text of {id}", title=id[:9], metadata={"n": n}) for n, id in enumerate(ODD_IDS)]
        pasted = [pasted_of(made[:3]), pasted_of(made[3:])]
        batch = Batch(puts=puts("old", seqs=[old.seq]), sheets=pasted, marks=[failed("bad")], recipe="r2")
        seqs = one.commit(ticket(), batch)
        rows = ledger().held(1, ["old", *ODD_IDS, "bad"])
        assert list(seqs) == [rows[id].seq for id in ("old", *ODD_IDS, "bad")]
        for wanted in made:
            row = Held(rows[wanted.id].seq, wanted.id, "1", wanted.fingerprint(), "r2", State.LIVE)
            assert rows[wanted.id] == row
        assert ledger().count(1) == (len(ODD_IDS) + 2, len(ODD_IDS) + 1)
        assert ledger().outcomes_of(1, ODD_IDS) == dict.fromkeys(ODD_IDS, Kind.INSERTED)

    def test_invariant_02_an_older_attempt_cannot_write_a_sheet(self, ledger: OpenLedger) -> None:
        early, late = ledger(), ledger()
        if not (isinstance(early, TakesSheets) and early.takes_sheets):
            pytest.skip("this ledger takes no sheets")
        early.begin(ticket(1))
        late.begin(ticket(2))
        batch = Batch(sheets=[pasted_of([document("a")])])
        with pytest.raises(JobFenced):
            early.commit(ticket(1), batch)
        assert late.held(1, ["a"]) == {}

    def test_a_commit_that_was_begun_is_durable_when_it_was_waited_for(self, ledger: OpenLedger) -> None:
        one = ledger()
        if not isinstance(one, BeginsCommits):
            pytest.skip("this ledger commits at once")
        rows = holding(one, "a")
        land = one.begin_commit(ticket(), Batch(puts=puts("b", "c"), job_cursor="page 3", recipe="r1"))
        assert one.held(1, ["a"]) == rows
        seqs = land()
        assert [row.seq for row in all_rows(ledger())] == [rows["a"].seq, *seqs]
        assert ledger().begin(ticket(2)).job_cursor == "page 3"

    def test_a_batch_without_rows_answers_with_no_numbers(self, ledger: OpenLedger) -> None:
        one = ledger()
        one.begin(ticket())
        assert one.commit(ticket(), Batch()) == []

    def test_deleted_documents_and_forgotten_rows_vanish(self, ledger: OpenLedger) -> None:
        one = ledger()
        rows = holding(one, "a", "b")
        one.commit(ticket(), Batch(marks=[filtered("bin")]))
        rows |= one.held(1, ["bin"])
        one.commit(ticket(), Batch(deletes=[rows["a"]], forgets=[rows["bin"]]))
        assert set(ledger().held(1, ["a", "b", "bin"])) == {"b"}
        assert ledger().count(1) == (1, 1)

    def test_the_number_of_a_row_is_never_used_again(self, ledger: OpenLedger) -> None:
        one = ledger()
        last = holding(one, "a", "b", "c")["c"]
        one.commit(ticket(), Batch(deletes=[last]))
        (seq,) = ledger().commit(ticket(), Batch(puts=puts("d")))
        assert seq > last.seq

    def test_the_number_of_a_row_is_never_used_again_when_all_are_gone(self, ledger: OpenLedger) -> None:
        one = ledger()
        rows = holding(one, "a", "b")
        one.commit(ticket(), Batch(deletes=list(rows.values())))
        (seq,) = ledger().commit(ticket(), Batch(puts=puts("a")))
        assert seq > max(row.seq for row in rows.values())

    def test_a_document_may_be_deleted_and_put_again_in_one_batch(self, ledger: OpenLedger) -> None:
        one = ledger()
        before = holding(one, "a")["a"]
        (seq,) = one.commit(ticket(), Batch(deletes=[before], puts=puts("a", text="again")))
        assert seq != before.seq
        assert one.held(1, ["a"])["a"].seq == seq
        assert one.count(1) == (1, 1)

    def test_deleting_a_row_by_an_old_number_leaves_the_new_row_alone(self, ledger: OpenLedger) -> None:
        one = ledger()
        before = holding(one, "a")["a"]
        one.commit(ticket(), Batch(deletes=[before]))
        one.commit(ticket(), Batch(puts=puts("a")))
        one.commit(ticket(), Batch(deletes=[before]))
        assert set(one.held(1, ["a"])) == {"a"}

    def test_a_mark_makes_a_row_without_a_document(self, ledger: OpenLedger) -> None:
        one = ledger()
        one.begin(ticket())
        one.commit(ticket(), Batch(marks=[filtered("bin", rule="exclude *.bin"), failed("bad")]))
        rows = ledger().held(1, ["bin", "bad"])
        assert (rows["bin"].state, rows["bin"].recipe) == (State.FILTERED, "exclude *.bin")
        assert (rows["bad"].state, rows["bad"].fingerprint) == (State.FAILED, b"")
        assert ledger().count(1) == (2, 0)

    def test_a_mark_may_give_a_document_a_newer_version(self, ledger: OpenLedger) -> None:
        one = ledger()
        before = holding(one, "a")["a"]
        newer = before._replace(version="2", recipe="r2")
        assert one.commit(ticket(), Batch(marks=[Mark(newer, before.seq)])) == [before.seq]
        assert one.held(1, ["a"])["a"] == newer
        assert one.count(1) == (1, 1)

    def test_a_row_without_a_document_may_gain_one(self, ledger: OpenLedger) -> None:
        one = ledger()
        one.begin(ticket())
        (seq,) = one.commit(ticket(), Batch(marks=[failed("a")]))
        assert one.commit(ticket(), Batch(puts=puts("a", seqs=[seq]))) == [seq]
        assert one.held(1, ["a"])["a"].state == State.LIVE
        assert one.count(1) == (1, 1)

    def test_rows_come_in_order_of_their_numbers_and_in_batches(self, ledger: OpenLedger) -> None:
        one = ledger()
        holding(one, *"hgfedcba")
        one.commit(ticket(), Batch(marks=[filtered("i")]))
        sizes = [len(rows) for rows in one.rows(1, 4)]
        found = all_rows(one, batch=4)
        assert sizes == [4, 4, 1]
        assert [row.id for row in found] == list("hgfedcbai")
        assert [row.seq for row in found] == sorted(row.seq for row in found)
        assert {row.id: row for row in found} == one.held(1, list("abcdefghi"))

    def test_every_name_is_told_whatever_is_in_it(self, ledger: OpenLedger) -> None:
        one = ledger()
        if not isinstance(one, Tallies):
            pytest.skip("this ledger tells no names")
        holding(one, *ODD_IDS)
        told = [names.decode().splitlines() if isinstance(names, bytes) else names for names in one.names(1)]
        assert [name for names in told for name in names] == list(ODD_IDS)
        assert list(one.names(7)) == []

    def test_a_connector_without_rows_has_no_batches_of_them(self, ledger: OpenLedger) -> None:
        assert list(ledger().rows(1)) == []
        assert ledger().count(1) == (0, 0)

    def test_rows_may_be_removed_while_they_are_read(self, ledger: OpenLedger) -> None:
        one = ledger()
        ids = [f"doc-{n:02}" for n in range(20)]
        holding(one, *ids)
        seen = []
        for rows in one.rows(1, 4):
            seen += [row.id for row in rows]
            one.commit(ticket(), Batch(deletes=rows[::2]))
        assert seen == ids
        assert one.count(1) == (10, 10)

    # --- outcomes

    def test_outcomes_belong_to_their_job(self, ledger: OpenLedger) -> None:
        one = ledger()
        one.begin(ticket())
        one.commit(
            ticket(), Batch(outcomes=[Outcome("a", Kind.INSERTED), Outcome("b", Kind.FAILED, "fetch", "x", "y")])
        )
        assert ledger().outcomes_of(1, ["a", "b", "c"]) == {"a": Kind.INSERTED, "b": Kind.FAILED}
        assert ledger().outcomes_of(2, ["a", "b"]) == {}
        assert ledger().outcomes_of(1, []) == {}

    def test_invariant_05_a_document_has_one_outcome_per_job(self, ledger: OpenLedger) -> None:
        one = ledger()
        one.begin(ticket())
        one.commit(ticket(), Batch(outcomes=[Outcome("a", Kind.FAILED, "fetch")]))
        one.commit(ticket(), Batch(outcomes=[Outcome("a", Kind.INSERTED)]))
        assert ledger().outcomes_of(1, ["a"]) == {"a": Kind.INSERTED}

    def test_outcomes_of_an_earlier_attempt_are_known_to_the_next(self, ledger: OpenLedger) -> None:
        one = ledger()
        one.begin(ticket(1))
        one.commit(ticket(1), Batch(outcomes=[Outcome("a", Kind.UPDATED)]))
        two = ledger()
        two.begin(ticket(2))
        assert two.outcomes_of(1, ["a"]) == {"a": Kind.UPDATED}

    # --- deletions that wait

    def test_nothing_is_withheld_at_first(self, ledger: OpenLedger) -> None:
        assert ledger().withheld_count(1) == 0
        assert ledger().approved(1) == frozenset()

    def test_withholding_replaces_the_list_and_approves_nothing(self, ledger: OpenLedger) -> None:
        one = ledger()
        seqs = [row.seq for row in holding(one, "a", "b", "c").values()]
        counts = []
        for waiting in (seqs, seqs[:1], []):
            one.withhold(ticket(), waiting, "more than 25 %")
            counts.append(ledger().withheld_count(1))
        assert counts == [3, 1, 0]
        assert ledger().approved(1) == frozenset()

    def test_invariant_04_withheld_documents_stay_where_they_are(self, ledger: OpenLedger) -> None:
        one = ledger()
        rows = holding(one, "a", "b")
        one.withhold(ticket(), [row.seq for row in rows.values()], "too many")
        assert ledger().count(1) == (2, 2)
        assert ledger().held(1, ["a", "b"]) == rows

    # --- two connectors, one index

    def test_invariant_11_two_connectors_with_the_same_ids_do_not_touch_each_other(self, ledger: OpenLedger) -> None:
        one, other = ticket(1, job=1, connector=1), ticket(2, job=2, connector=2)
        index = ledger()
        mine, theirs = holding(index, "a", "b", at=one), holding(index, "a", "b", at=other)
        assert not {row.seq for row in mine.values()} & {row.seq for row in theirs.values()}
        index.commit(other, Batch(deletes=[theirs["a"]], puts=puts("b", text="theirs", seqs=[theirs["b"].seq])))
        assert index.held(1, ["a", "b"]) == mine
        assert set(index.held(2, ["a", "b"])) == {"b"}
        assert (index.count(1), index.count(2)) == ((2, 2), (1, 1))
        assert [row.id for row in all_rows(index, 2)] == ["b"]

    def test_invariant_11_a_connector_cannot_delete_by_the_number_of_a_foreign_row(self, ledger: OpenLedger) -> None:
        one, other = ticket(1, job=1, connector=1), ticket(2, job=2, connector=2)
        index = ledger()
        mine = holding(index, "a", "b", at=one)
        index.begin(other)
        index.commit(other, Batch(deletes=[mine["a"]], forgets=[mine["b"]]))
        assert ledger().held(1, ["a", "b"]) == mine
        assert ledger().count(1) == (2, 2)

    def test_invariant_11_checkpoints_and_withheld_lists_are_separate(self, ledger: OpenLedger) -> None:
        one, other = ticket(1, job=1, connector=1), ticket(2, job=2, connector=2)
        index = ledger()
        index.begin(one)
        index.commit(one, CHECKPOINT)
        assert index.begin(other) == Resume()
        index.commit(other, Batch(job_cursor="theirs", feed_cursor="theirs", anchor="theirs"))
        index.withhold(one, [1, 2], "too many")
        index.withhold(other, [], "")
        assert (index.withheld_count(1), index.withheld_count(2)) == (2, 0)
        assert ledger().begin(ticket(3, job=1, connector=1)).job_cursor == "page 2"

    # --- search

    def test_invariant_09_settling_returns(self, ledger: OpenLedger) -> None:
        one = ledger()
        one.settle()
        holding(one, "a")
        one.settle()


StoreSuite = LedgerSuite
