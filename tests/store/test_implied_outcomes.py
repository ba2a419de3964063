"""Outcomes of documents that were inserted many at once are told from runs of ledger rows, and nobody can tell."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncline.model.documents import Document, Held, State
from syncline.model.outcomes import Kind, Outcome, combine
from syncline.model.ports import Batch, Mark, Put, Ticket
from syncline.store.relational import outcomes
from syncline.store.relational.shelf import Shelf
from syncline.store.sqlite import database
from syncline.store.sqlite.truth import Truth
from syncline.testing.ledger_suite import pasted_of

IDS = ["9", "10", "A", "a", "a/b", "aa", "b", "c", "z\nz", "ä", "ﬁ", "🦘"]
JOBS = (1, 2, 3, 4)
KINDS: list[tuple[Kind, ...]] = [(), (Kind.INSERTED,), (Kind.INSERTED, Kind.FAILED), (Kind.DELETED, Kind.FAILED)]


def connector_of(job: int) -> int:
    return 1 if job < 4 else 2


def inserted(*ids: str) -> list[Outcome]:
    return [Outcome(id, Kind.INSERTED, "index") for id in ids]


def documents(ids: Sequence[str]) -> list[Document]:
    return [Document(id, text=f"text of {id}", version="1") for id in ids]


class Played:
    """A truth, and what it should say: a row of its own for every outcome."""

    def __init__(self, truth: Any) -> None:
        self.truth = truth
        self.said: dict[int, dict[str, Outcome]] = {job: {} for job in JOBS}
        self.fences = itertools.count(1)

    def commit(self, job: int, batch: Batch, way: int = 0) -> None:
        """As the index in the file, one that lies elsewhere, or one that lies in the same database."""
        ticket = Ticket(connector_of(job), job, next(self.fences))
        self.truth.begin(ticket)
        if way == 1:
            rows = self.truth.announce(ticket, batch, [])
            self.truth.commit_announced(ticket, batch, rows)
        elif way == 2 and hasattr(self.truth, "commit_with"):
            self.truth.commit_with(ticket, batch, lambda transaction: None)
        else:
            self.truth.commit(ticket, batch)
        told = [outcome for pasted in batch.sheets for outcome in inserted(*pasted.sheet.ids)]
        self.said[job].update({outcome.id: outcome for outcome in told + batch.outcomes})

    def held(self, job: int, ids: Sequence[str]) -> dict[str, Held]:
        found: dict[str, Held] = self.truth.held(connector_of(job), sorted(ids))
        return found

    def note(self, batch: Batch, job: int, outcome: Outcome) -> None:
        """As the engine does it: a document has one outcome in a job."""
        earlier = self.said[job].get(outcome.id)
        kind = outcome.kind if earlier is None else combine(earlier.kind, outcome.kind)
        batch.outcomes.append(outcome._replace(kind=kind))

    # --- steps

    def paste(self, job: int, ids: set[str], how: int) -> None:
        new = sorted(ids - self.held(job, list(ids)).keys() - self.said[job].keys(), reverse=bool(how & 1))
        batch = Batch(recipe="r")
        if how & 2 and len(new) > 2:
            id = new.pop()
            batch.puts += [Put(one, one.fingerprint(), None) for one in documents([id])]
            batch.outcomes += inserted(id)
        if how & 4 and len(new) > 2:
            id = new.pop()
            batch.marks.append(Mark(Held(0, id, None, b"", "", State.FAILED), None))
            batch.outcomes.append(Outcome(id, Kind.FAILED, "fetch", "source.odd", "it is odd", "look"))
        middle = len(new) // 2
        batch.sheets += [pasted_of(documents(part)) for part in (new[:middle], new[middle:]) if part]
        self.commit(job, batch, how % 3)

    def update(self, job: int, ids: set[str], how: int) -> None:
        batch = Batch(recipe="r")
        for id, row in self.held(job, list(ids)).items():
            (document,) = documents([id])
            batch.puts.append(Put(document, document.fingerprint(), row.seq))
            code = "text.empty" if how & 1 else ""
            self.note(batch, job, Outcome(id, Kind.UPDATED, "index", code, "changed"))
        self.commit(job, batch)

    def fail(self, job: int, ids: set[str], how: int) -> None:
        batch = Batch()
        for id in self.held(job, list(ids)):
            self.note(batch, job, Outcome(id, Kind.FAILED, "fetch", "source.odd", "it is odd"))
        self.commit(job, batch)

    def delete(self, job: int, ids: set[str], how: int) -> None:
        rows = self.held(job, list(ids))
        batch = Batch(forgets=list(rows.values())) if how & 1 else Batch(deletes=list(rows.values()))
        for id in rows if not how & 2 else ():
            self.note(batch, job, Outcome(id, Kind.DELETED, "index", "", "gone"))
        self.commit(job, batch)

    def forget(self, job: int, ids: set[str], how: int) -> None:
        self.truth.forget_jobs([job])
        self.said[job] = {}

    def drop(self, job: int, ids: set[str], how: int) -> None:
        if how == 0:
            self.truth.drop_connector(connector_of(job))

    # --- what it says

    def check(self) -> None:
        for job, (kinds, code, troubles) in itertools.product(
            JOBS, itertools.product(KINDS, (None, "", "source.odd"), (False, True))
        ):
            expected = [one for one in self.of(job) if chosen(one, kinds, code, troubles)]
            assert self.pages(job, 3, kinds=kinds, code=code, troubles=troubles) == expected
        shelf = Shelf(self.truth)
        for job in JOBS:
            assert self.truth.outcomes(job) == self.of(job)
            assert self.truth.outcomes_of(job, IDS) == {one.id: one.kind for one in self.of(job)}
            assert shelf.outcomes(job, IDS) == self.said[job]
        for id in IDS:
            lines = [(job, self.said[job][id]) for job in (1, 2, 4) if id in self.said[job]]
            assert self.truth.history(id, [1, 2, 4]) == lines
        kinds_of = [(one.id, job, one.kind) for job in (2, 3) for one in self.of(job)]
        assert list(self.truth.kinds_in([2, 3])) == [(id, kind) for id, _, kind in sorted(kinds_of)]

    def of(self, job: int) -> list[Outcome]:
        return [self.said[job][id] for id in sorted(self.said[job])]

    def pages(self, job: int, limit: int, **wanted: Any) -> list[Outcome]:
        found: list[Outcome] = []
        while True:
            page = self.truth.outcomes(job, after=found[-1].id if found else "", limit=limit, **wanted)
            found += page
            if len(page) < limit:
                return found


def chosen(one: Outcome, kinds: Sequence[Kind], code: str | None, troubles: bool) -> bool:
    trouble = one.kind is Kind.FAILED or one.is_warning
    return (not kinds or one.kind in kinds) and code in (None, one.code) and (not troubles or trouble)


ACTIONS = [Played.paste] * 3 + [Played.update, Played.fail, Played.delete, Played.forget, Played.drop]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(ACTIONS),
        st.sampled_from(JOBS),
        st.sets(st.sampled_from(IDS), min_size=1),
        st.integers(0, 7),
    ),
    min_size=3,
    max_size=12,
)


def play(truth: Any, steps: Sequence[Any]) -> None:
    played = Played(truth)
    for action, job, ids, how in steps:
        action(played, job, ids, how)
    played.check()


@pytest.mark.parametrize("few", [0, 1000])
def test_random_histories_are_told_as_if_every_outcome_were_a_row(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr(outcomes, "FEW", few)
    folder, names = tmp_path_factory.mktemp("truths"), itertools.count()

    @settings(max_examples=60, deadline=None, print_blob=True)
    @given(STEPS)
    def run(steps: Sequence[Any]) -> None:
        truth = Truth(str(folder / f"{next(names)}.db"))
        truth.connection.execute("pragma synchronous = off")
        try:
            play(truth, steps)
        finally:
            truth.close()

    run()


def rows_of(truth: Any, table: str) -> list[Any]:
    return [tuple(row) for row in truth.connection.execute(f"select * from {table} order by 1, 2")]


def paste(truth: Any, ticket: Ticket, *ids: str) -> None:
    truth.commit(ticket, Batch(sheets=[pasted_of(documents(ids))], recipe="r"))


def test_a_job_that_inserts_everything_writes_one_row_for_all_outcomes(ledger: Callable[[], Any]) -> None:
    truth, ticket = ledger(), Ticket(1, 7, 1)
    truth.begin(ticket)
    for part in ("ab", "cd", "ef"):
        paste(truth, ticket, *part)
    assert (rows_of(truth, "insertions"), rows_of(truth, "outcomes")) == ([(1, 6, 1, 7)], [])
    assert ledger().outcomes(7) == inserted(*"abcdef")


def test_runs_of_other_jobs_and_connectors_are_apart(ledger: Callable[[], Any]) -> None:
    truth = ledger()
    for ticket, ids in ((Ticket(1, 1, 1), "ab"), (Ticket(2, 2, 1), "ab"), (Ticket(1, 3, 2), "cd")):
        truth.begin(ticket)
        paste(truth, ticket, *ids)
    assert rows_of(truth, "insertions") == [(1, 2, 1, 1), (3, 4, 2, 2), (5, 6, 1, 3)]
    assert [truth.outcomes(job) for job in (1, 2, 3)] == [inserted(*ids) for ids in ("ab", "ab", "cd")]
    assert truth.history("a", [1, 2, 3]) == [(1, inserted("a")[0]), (2, inserted("a")[0])]


def test_what_became_of_a_document_outlives_it(ledger: Callable[[], Any]) -> None:
    truth, first, second = ledger(), Ticket(1, 1, 1), Ticket(1, 2, 2)
    truth.begin(first)
    paste(truth, first, *"abc")
    truth.begin(second)
    gone = Outcome("b", Kind.DELETED, "index", "", "not there any more")
    truth.commit(second, Batch(deletes=[truth.held(1, ["b"])["b"]], outcomes=[gone]))
    truth.commit(second, Batch(sheets=[pasted_of(documents("d"))], recipe="r"))
    assert truth.history("b", [1, 2]) == [(1, inserted("b")[0]), (2, gone)]
    assert [row[:3] for row in rows_of(truth, "outcomes")] == [(1, "b", "inserted"), (2, "b", "deleted")]
    assert truth.outcomes(1) == inserted(*"abc")
    assert truth.drop_connector(1) == 3
    assert (truth.outcomes(1), truth.outcomes(2)) == (inserted(*"abc"), [gone, *inserted("d")])
    assert rows_of(truth, "insertions") == []


def test_jobs_that_are_forgotten_leave_nothing(ledger: Callable[[], Any]) -> None:
    truth = ledger()
    for job in (1, 2):
        truth.begin(Ticket(1, job, job))
        paste(truth, Ticket(1, job, job), f"a{job}", f"b{job}")
    truth.forget_jobs([1])
    assert (truth.outcomes(1), truth.outcomes(2)) == ([], inserted("a2", "b2"))
    truth.commit(Ticket(1, 2, 2), Batch(deletes=list(truth.held(1, ["a1", "a2"]).values())))
    assert [row[:2] for row in rows_of(truth, "outcomes")] == [(2, "a2")]
    truth.forget_jobs([2])
    assert rows_of(truth, "insertions") == rows_of(truth, "outcomes") == []


def test_pages_of_a_job_whose_documents_lie_far_apart(
    ledger: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ledger is walked as far as that pays; beyond, what the job has inserted is sorted."""
    monkeypatch.setattr(outcomes, "FEW", 5)
    truth, used = ledger(), []
    for job, ids in ((1, [f"m{n:04}" for n in range(400)]), (2, [f"{end}{n:02}" for end in "az" for n in range(20)])):
        truth.begin(Ticket(1, job, job))
        paste(truth, Ticket(1, job, job), *ids)
    many = Played(truth)
    ask = outcomes.Outcomes._ids
    monkeypatch.setattr(outcomes.Outcomes, "_ids", lambda self, *given: (used.append(given[0]), ask(self, *given))[1])
    assert [one.id for one in many.pages(2, 7)] == sorted(ids)
    assert used == ["walk", "walk", "walk", "gather", "walk", "walk", "walk"]


def test_no_question_looks_at_the_whole_ledger(ledger: Callable[[], Any]) -> None:
    truth, plans = ledger(), {}
    asked = {
        "page": (1, "", None, None, None, 9), "walk": (1, 1, "", 9, 1, 9, 9), "beyond": (1, "", 9),
        "gather": (1, 1, "", 9), "extent": (1,), "others": (1, "[]", "[]", None), "of": (1, "[]"),
        "told_of": (1, "[]"), "kinds": ("[]",), "history": ("a", "[]"), "write_down": (1, "[]"), "extend": (1, 1, 2, 3),
    }  # fmt: skip
    for name, parameters in asked.items():
        steps = truth.connection.execute("explain query plan " + outcomes.SQL[name], parameters)
        plans[name] = "\n".join(step[3] for step in steps)
    for plan in plans.values():
        assert not {"SCAN ledger", "SCAN outcomes", "SCAN insertions"} & set(plan.splitlines())
    assert "USE TEMP B-TREE" not in plans["walk"] + plans["page"]


# --- files of older versions ------------------------------------------------------------------------------------------


def older(path: str, version: int = 4) -> None:
    """A file as a version without runs has left it: job 1 has inserted a, b and c."""
    file = apsw.Connection(path)
    for name in database._scripts("truth")[:version]:
        file.execute((Path(database.HERE) / "migrations" / name).read_text("utf-8"))
    file.execute(f"pragma user_version = {version}")
    file.execute(OLDER)
    file.close()


OLDER = """
insert into state (connector, fence, job) values (1, 1, 1);
insert into ledger (seq, connector, id, version, fingerprint, recipe, state, n, job)
values (1, 1, 'a', '1', x'00', 'r', 1, 1, 1), (2, 1, 'b', '1', x'00', 'r', 1, 2, 1),
    (3, 1, 'c', '1', x'00', 'r', 1, 3, 1);
insert into outcomes (job, id, kind, stage, code, message, remedy)
select 1, id, 'inserted', 'index', '', '', '' from ledger;
update meta set value = 4 where key in ('next_n', 'next_seq')
"""


def test_a_file_of_an_older_version_keeps_what_it_says(tmp_path: Path) -> None:
    path = str(tmp_path / "truth.db")
    older(path.replace("truth", "old"), 4)
    (tmp_path / "truth.db").write_bytes((tmp_path / "old.db").read_bytes())
    before = (tmp_path / "truth.db").read_bytes()
    reader = Truth(path, create=False, read_only=True)
    assert reader.outcomes(1) == inserted(*"abc")
    assert reader.history("b", [1, 2]) == [(1, inserted("b")[0])]
    reader.close()
    assert (tmp_path / "truth.db").read_bytes() == before
    truth = Truth(path)
    goes_on_as_before(truth)
    truth.close()


def goes_on_as_before(truth: Any) -> None:
    assert truth.outcomes(1) == inserted(*"abc")
    truth.begin(Ticket(1, 2, 2))
    paste(truth, Ticket(1, 2, 2), *"de")
    truth.commit(Ticket(1, 2, 2), Batch(deletes=list(truth.held(1, ["a", "d"]).values())))
    assert (truth.outcomes(1), truth.outcomes(2)) == (inserted(*"abc"), inserted(*"de"))
    assert truth.history("a", [1, 2]) == [(1, inserted("a")[0])]
    assert list(truth.kinds_in([1, 2])) == [(id, Kind.INSERTED) for id in "abcde"]
