"""What "destination" means: the laws of an index, wherever its documents lie. Names carry the invariants they prove.

The author supplies a lab; the suite supplies documents, jobs, kills and questions.

class TestVault(DestinationSuite):
    @pytest.fixture
    def lab(self, tmp_path): return DestinationLab(tmp_path, lambda crash: VaultDestination(settings, index="i"))
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

import pytest

from syncline.destinations.remote import RemoteIndex
from syncline.engine.job import run_job
from syncline.engine.work import Ending, Work
from syncline.model.connectors import Guard
from syncline.model.destinations import Destination
from syncline.model.documents import Document
from syncline.model.errors import JobFenced, UsageError
from syncline.model.jobs import JobEvent
from syncline.model.ports import Batch, CrashPoint, Ledger, Put, Ticket, Transform, no_crash
from syncline.model.search import All, AnyOf, Facet, Filter, Not, Reader, Request, Results, Sort
from syncline.store.sqlite.truth import Truth
from syncline.testing.clock import FakeClock
from syncline.testing.crashes import CrashRecorder, SimulatedCrash
from syncline.testing.memory import MemorySheets, MemorySource

OWNER = Reader(unrestricted=True)
CONNECTORS: Mapping[int, str] = {1: "one", 2: "two"}


class Index(Ledger, Protocol):
    """An index: a ledger that can be searched."""

    def search(self, request: Request, connectors: Mapping[int, str]) -> Results: ...
    def transforms(self) -> Sequence[Transform]: ...


class DestinationLab:
    """Indexes on one state: the truth in `folder`, and documents wherever `open` writes them.

    searches  False: the destination answers no searches; the laws about them are left out.
    ids       ids that it takes.
    """

    searches = True
    ids: Sequence[str] = (
        "a",
        "A",
        " ",
        "a/b/c.md",
        "ü",
        "漢字.txt",
        "🍒",
        "a'b\"c;--",
        "%_*?[",
        "\\",
        "\n\t",
        "x" * 500,
    )

    def __init__(self, folder: Any, open: Callable[[CrashPoint], Destination]) -> None:
        self.folder = os.fspath(folder)
        self._open = open
        self._closing: list[Any] = []

    def index(self, crash: CrashPoint = no_crash) -> Index:
        """One more, as another process would open it."""
        truth = Truth(os.path.join(self.folder, "truth.db"), crash=crash)
        destination = self._open(crash)
        self._closing += [truth, destination]
        return RemoteIndex(truth, destination, crash)

    def another(self, name: str) -> DestinationLab:
        """Another one, with a state of its own; for laws that need many. Raises NotImplementedError where there is
        only one place."""
        raise NotImplementedError(name)

    def close(self) -> None:
        """Let go of everything."""
        for one in self._closing:
            one.close()


class Desk:
    """One index at work: jobs and questions."""

    def __init__(self, lab: DestinationLab) -> None:
        self.lab = lab
        self.source: MemorySource = MemorySource(page_size=10)
        self._fences = itertools.count(1)
        self._jobs = itertools.count(1)
        self.index = lab.index()

    def ticket(self, connector: int = 1) -> Ticket:
        """The next attempt of another job; begun."""
        ticket = Ticket(connector, next(self._jobs), next(self._fences))
        self.index.begin(ticket)
        return ticket

    def put(self, *documents: Document, at: Ticket | None = None) -> Ticket:
        """Write them in one batch, new or again."""
        ticket = at or self.ticket()
        held = self.index.held(ticket.connector, [document.id for document in documents])
        puts = [
            Put(one, one.fingerprint(), held[one.id].seq if one.id in held else None)
            for one in _through(self.index.transforms(), documents)
        ]
        self.index.commit(ticket, Batch(puts=puts, recipe="r"))
        return ticket

    def delete(self, *ids: str, at: Ticket | None = None) -> Ticket:
        """Delete them in one batch."""
        ticket = at or self.ticket()
        self.index.commit(ticket, Batch(deletes=list(self.index.held(ticket.connector, ids).values())))
        return ticket

    def ask(self, text: str = "", *filters: Any, reader: Reader = OWNER, **rest: Any) -> Results:
        """What is found once everything is settled."""
        self.index.settle()
        return self.index.search(Request(text, filters=filters, reader=reader, **rest), CONNECTORS)

    def found(self, text: str = "", *filters: Any, **rest: Any) -> list[str]:
        """The ids."""
        return [hit.id for hit in self.ask(text, *filters, **rest).hits]

    def everything(self) -> dict[tuple[str, str], str]:
        """Text by (connector, id)."""
        return {(hit.connector, hit.id): hit.text for hit in self.ask(limit=1000, whole=True).hits}

    def run(self, job: int | None = None, connector: int = 1) -> Ending:
        """A job of the source, or that job once more."""
        self.job = next(self._jobs) if job is None else job
        work = Work(
            Ticket(connector, self.job, next(self._fences)),
            self.source,
            self.index,
            FakeClock(),
            transforms=self.index.transforms(),
            guard=Guard(1000, 100.0),
        )
        return run_job(work)

    def reopen(self, crash: CrashPoint = no_crash) -> None:
        """As another process would find it."""
        self.index = self.lab.index(crash)

    def agrees(self) -> bool:
        """Whether the index holds what the source does."""
        wanted = {(CONNECTORS[1], id): document.text for id, document in self.source.documents.items()}
        return self.everything() == wanted


def document(id: str, text: str = "some words", **fields: Any) -> Document:
    """As the transforms leave it."""
    return Document(id, text=text, **{"version": "1", **fields})


class DestinationSuite:
    """Inherit, and give the fixture `lab`."""

    @pytest.fixture
    def lab(self) -> DestinationLab:
        raise NotImplementedError("give the suite a fixture `lab`: a DestinationLab")

    @pytest.fixture
    def desk(self, lab: DestinationLab) -> Iterable[Desk]:
        if not lab.searches:
            pytest.skip("the destination answers no searches, by which this suite looks into it")
        yield Desk(lab)
        lab.close()

    # --- documents

    def test_a_document_is_found_with_everything_it_is_made_of(self, desk: Desk) -> None:
        fields: dict[str, Any] = {
            "title": "A title",
            "media_type": "text/markdown",
            "metadata": {"lang": "de", "year": 2024, "price": 1.5, "open": True, "tags": ["a", "b"]},
            "url": "https://example.com/a",
            "allow": ("user:ann",),
            "deny": ("user:bob",),
        }
        desk.put(document("a", "the text of it", **fields))
        (hit,) = desk.ask(whole=True).hits
        assert (hit.id, hit.connector, hit.connector_number, hit.text) == ("a", "one", 1, "the text of it")
        assert {name: getattr(hit, name) for name in fields} == fields

    def test_invariant_09_what_was_committed_is_found_by_the_next_search(self, desk: Desk) -> None:
        ticket = desk.put(document("a", "first words"), document("b", "other words"))
        assert desk.found("first") == ["a"]
        desk.put(document("a", "second words"), at=ticket)
        assert (desk.found("first"), desk.found("second")) == ([], ["a"])
        desk.delete("a", at=ticket)
        assert (desk.found("second"), desk.found("words")) == ([], ["b"])

    def test_an_update_replaces_everything(self, desk: Desk) -> None:
        ticket = desk.put(document("a", "old", title="Old", metadata={"k": "old"}, url="old", allow=("user:ann",)))
        desk.put(document("a", "new"), at=ticket)
        (hit,) = desk.ask(whole=True, reader=Reader()).hits
        assert (hit.text, hit.title, hit.metadata, hit.url, hit.allow) == ("new", "", {}, "", ())

    def test_a_document_may_be_deleted_and_put_again_in_one_batch(self, desk: Desk) -> None:
        ticket = desk.put(document("a", "before"))
        row = desk.index.held(1, ["a"])["a"]
        again = document("a", "after")
        desk.index.commit(ticket, Batch(deletes=[row], puts=[Put(again, again.fingerprint(), None)], recipe="r"))
        assert desk.everything() == {("one", "a"): "after"}

    def test_thousands_of_documents_are_written_at_once(self, desk: Desk) -> None:
        desk.put(*[document(f"d{n:04}", f"number{n}") for n in range(3000)])
        assert desk.ask(limit=1).total == 3000
        assert desk.found("number2999") == ["d2999"]

    def test_any_id_is_kept_as_it_is(self, desk: Desk) -> None:
        ids = list(desk.lab.ids)
        ticket = desk.put(*[document(id, f"text {n}") for n, id in enumerate(ids)])
        assert {id for _, id in desk.everything()} == set(ids)
        desk.delete(*ids[::2], at=ticket)
        assert {id for _, id in desk.everything()} == set(ids[1::2])

    def test_odd_texts_do_no_harm(self, desk: Desk) -> None:
        odd = {
            "nul": "before\0after nulword",
            "half": "a half \ud800 pair halfword",
            "controls": "\x01\x02\x03\x1f\x7f\x85\u2028 controlword",
            "copy": "\\N\t\\.\n\r\\\\ copyword",
            "signs": "'; drop table x; -- \"{}$$ %s signword",
            "wide": "漢字 ünïcödé 🍒 עברית wideword",
            "empty": "",
        }
        desk.put(*[document(id, text, title=text, metadata={"text": text, text[:20]: 1}) for id, text in odd.items()])
        assert set(desk.found(limit=100)) == set(odd)
        for word in ("nul", "half", "control", "copy", "sign", "wide"):
            assert len(desk.found(f"{word}word")) == 1
        assert desk.found("unicode") == ["wide"]
        texts = {id: text for (_, id), text in desk.everything().items()}
        assert all(texts[id] == odd[id] for id in ("copy", "signs", "wide", "empty"))

    def test_odd_metadata_does_no_harm(self, desk: Desk) -> None:
        odd = {
            "nan": float("nan"),
            "inf": float("-inf"),
            "big": 10**30,
            "deep": ["", "\0"],
            "none": None,
            "": "",
            "é": "é",
        }
        desk.put(document("a", metadata=odd), document("b", metadata={"big": 1}))
        assert desk.found("", Filter("é", "eq", "é")) == ["a"]
        assert desk.found("", Filter("big", "range", (10**29, None))) == ["a"]

    def test_a_huge_text_is_kept_and_its_beginning_is_found(self, desk: Desk) -> None:
        text = "firstword " + " ".join(f"w{n}" for n in range(400_000)) + " lastword"
        desk.put(document("huge", text), document("small"))
        assert desk.found("firstword") == ["huge"]
        assert desk.ask("firstword", whole=True).hits[0].text == text

    # --- who may write

    def test_invariant_02_a_late_attempt_writes_nothing(self, desk: Desk) -> None:
        early = desk.put(document("a", "early"))
        late_index = desk.index
        desk.reopen()
        desk.ticket()
        with pytest.raises(JobFenced):
            late_index.commit(early, Batch(puts=[Put(document("b"), b"f", None)], recipe="r"))
        with pytest.raises(JobFenced):
            late_index.commit(early, Batch(deletes=list(desk.index.held(1, ["a"]).values())))
        assert desk.everything() == {("one", "a"): "early"}

    def test_invariant_11_connectors_do_not_touch_each_others_documents(self, desk: Desk) -> None:
        one, two = desk.ticket(1), desk.ticket(2)
        desk.put(document("a", "mine"), document("b", "mine"), at=one)
        desk.put(document("a", "theirs"), at=two)
        assert desk.everything() == {("one", "a"): "mine", ("one", "b"): "mine", ("two", "a"): "theirs"}
        desk.delete("a", at=two)
        assert desk.everything() == {("one", "a"): "mine", ("one", "b"): "mine"}
        assert desk.found("", Filter("connector", "eq", "two")) == []
        assert sorted(desk.found("", Filter("connector", "eq", "one"))) == ["a", "b"]

    def test_invariant_11_a_connector_that_begins_anew_leaves_others_alone(self, desk: Desk) -> None:
        desk.put(document("a", "mine"), at=desk.ticket(1))
        desk.put(document("b", "theirs"), at=desk.ticket(2))
        desk.delete("b", at=desk.ticket(2))
        desk.ticket(2)
        assert desk.everything() == {("one", "a"): "mine"}

    # --- jobs, and kills

    def test_invariant_07_a_second_job_changes_nothing(self, desk: Desk) -> None:
        for n in range(25):
            desk.source.put(f"d{n:02}", f"text {n}")
        first, before = desk.run(), desk.everything()
        second = desk.run()
        assert (first.event, second.event) == (JobEvent.FINISH, JobEvent.FINISH)
        assert (first.counters.inserted, second.counters.kept, second.counters.changed) == (25, 25, 0)
        assert desk.everything() == before
        assert desk.agrees()

    def test_documents_that_come_as_columns_are_written_like_all_others(self, desk: Desk) -> None:
        fields: dict[str, Any] = {
            "title": "A title",
            "metadata": {"lang": "de", "price": 1.5, "tags": ["a", "b"], "day": "2024-05-01T12:00:00+00:00"},
            "url": "https://example.com/a",
            "allow": ("user:ann",),
        }
        desk.source = source = MemorySheets(page_size=10)
        source.put("full", "the text of it", **fields)
        for n, text in enumerate(_ODD_TEXTS):
            source.put(f"odd {n}", text, title=text, metadata={"text": text, text[:5]: 1})
        assert desk.run().counters.inserted == len(source.pasted) == 1 + len(_ODD_TEXTS)
        (hit,) = desk.ask("", Filter("id", "eq", "full"), whole=True).hits
        assert {name: getattr(hit, name) for name in fields} == fields
        assert desk.found("", Filter("day", "range", ("2024-05-01", "2024-05-01"))) == ["full"]
        texts = {id: text for (_, id), text in desk.everything().items()}
        for n, text in enumerate(_ODD_TEXTS):
            assert text.startswith("\0") or texts[f"odd {n}"] == text
            assert desk.found(f"word{n}") == [f"odd {n}"]
        source.put("full", "another text")
        source.remove("odd 0")
        desk.run()
        assert (desk.found("another"), desk.found("word0")) == (["full"], [])

    def test_invariants_01_02_05_07_a_job_killed_at_any_point_and_resumed_ends_as_if_it_had_not_been(
        self, lab: DestinationLab, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("syncline.destinations.remote.BESIDE_ROWS", 2)  # so that the writer is beside the job
        recorder, expected = _history(lab.another("undisturbed"), None)
        died = 0
        for crash in recorder.crashes(at_most=2):
            again = lab.another(f"{crash.point}-{crash.nth}")
            assert _history(again, crash)[1] == expected, f"died at {crash.point} (time {crash.nth})"
            died += 1
        assert died > 10
        lab.close()

    # --- who may see

    def test_only_those_who_may_see_a_document_find_it(self, desk: Desk) -> None:
        desk.put(
            document("public"),
            document("anns", allow=("user:ann",)),
            document("sales", allow=("group:sales", "user:ann")),
            document("not bob", deny=("user:bob",)),
            document("sales not bob", allow=("group:sales",), deny=("bob",)),
        )
        seen = [
            (Reader(), ["not bob", "public"]),
            (Reader("ann"), ["anns", "not bob", "public", "sales"]),
            (Reader("bob"), ["public"]),
            (Reader("bob", ("sales",)), ["public", "sales"]),
            (Reader("cid", ("sales",)), ["not bob", "public", "sales", "sales not bob"]),
            (Reader("cid", groups_of={1: ("sales",)}), ["not bob", "public", "sales", "sales not bob"]),
            (Reader("cid", groups_of={2: ("sales",)}), ["not bob", "public"]),
            (OWNER, ["anns", "not bob", "public", "sales", "sales not bob"]),
        ]
        for reader, ids in seen:
            assert sorted(desk.found("words", reader=reader)) == ids, reader
            assert desk.ask("", reader=reader, limit=1).total == len(ids), reader

    # --- questions

    def test_words_phrases_and_signs(self, desk: Desk) -> None:
        desk.put(
            document("a", "The refund policy of 2024, for e-mail orders.", title="Refunds"),
            document("b", "A policy without refund; draft."),
            document("c", "Something else", title="Policy"),
            document("d", "Café at the Straße"),
        )
        for question, ids in {
            "refund policy": ["a", "b", "c"],
            '"refund policy"': ["a"],
            "+refund -draft": ["a"],
            "refu*": ["a", "b"],
            "title:policy": ["c"],
            "text:policy": ["a", "b"],
            '"e mail"': ["a"],
            "e-mail": ["a"],
            "cafe": ["d"],
            "CAFÉ strasse": ["d"],
            "2024": ["a"],
            "nothing": [],
            "...": [],
            "-refund": ["c", "d"],
        }.items():
            assert sorted(desk.found(question)) == ids, question
        assert len(desk.found("*")) == 4
        assert desk.found("policy")[0] == "c"  # a title counts more

    def test_hits_show_why_they_were_found(self, desk: Desk) -> None:
        desk.put(document("a", "before it the  refund policy and what is behind", title="The policy"))
        (hit,) = desk.ask("policy", highlight=("<b>", "</b>")).hits
        assert "refund <b>policy</b> and" in hit.snippet
        plain = hit.snippet.replace("<b>", "").replace("</b>", "")
        assert [plain[begin:end] for begin, end in hit.snippet_matches] == ["policy"]
        assert [hit.title[begin:end] for begin, end in hit.title_matches] == ["policy"]
        assert hit.score > 0
        assert desk.ask("").hits[0].score == 0.0

    def test_conditions_on_metadata(self, desk: Desk) -> None:
        desk.put(
            document("a", metadata={"n": 1, "tag": ["x", "y"], "day": "2024-05-01", "ok": True, "s": "Prefix one"}),
            document("b", metadata={"n": 2.5, "tag": "y", "day": "2024-05-01T12:00:00Z", "ok": False, "s": "two"}),
            document("c", metadata={"n": "2", "tag": [], "day": "May", "s": "100% \\ _"}),
            document("d"),
        )
        for condition, ids in _CONDITIONS:
            assert sorted(desk.found("", condition)) == ids, condition

    def test_conditions_on_the_document_itself(self, desk: Desk) -> None:
        desk.put(
            document("a/one.md", "The text of it", title="First", media_type="text/markdown", url="https://x.org/1"),
            document("b/two.md", "Another text, of mine", title="Second title"),
        )
        for condition, ids in [
            (Filter("id", "prefix", "a/"), ["a/one.md"]),
            (Filter("id", "in", ["b/two.md", "c"]), ["b/two.md"]),
            (Filter("title", "eq", "First"), ["a/one.md"]),
            (Filter("title", "contains", "TITLE"), ["b/two.md"]),
            (Filter("title", "words", "title second"), ["b/two.md"]),
            (Filter("text", "words", "text of"), ["a/one.md", "b/two.md"]),
            (Filter("text", "words", "first"), []),
            (Filter("text", "contains", "text OF"), ["a/one.md"]),
            (Filter("media_type", "eq", "text/markdown"), ["a/one.md"]),
            (Filter("media_type", "exists"), ["a/one.md"]),
            (Filter("url", "prefix", "https://x"), ["a/one.md"]),
            (Not(Filter("url", "exists")), ["b/two.md"]),
        ]:
            assert sorted(desk.found("", condition)) == ids, condition

    @pytest.mark.parametrize(
        "condition",
        [
            Filter("n", "like", 1),
            Filter("n", "in", "text"),
            Filter("n", "eq", {"a": 1}),
            Filter("n", "range", 1),
            Filter("n", "range", (None, None)),
            Filter("n", "range", (1, "2024-01-01")),
            Filter("title", "above", 1),
            Filter("k", "words", "text"),
            Filter("k", "prefix", 1),
        ],
        ids=lambda condition: f"{condition.op}-{condition.field}",
    )
    def test_senseless_conditions_are_refused(self, desk: Desk, condition: Filter) -> None:
        desk.put(document("a"))
        with pytest.raises(UsageError):
            desk.ask("", condition)

    def test_results_come_in_the_order_asked_for(self, desk: Desk) -> None:
        desk.put(
            document("a", metadata={"n": 10, "s": "pear"}, title="b"),
            document("b", metadata={"n": 9.5, "s": "Apple"}, title="a"),
            document("c", metadata={"n": [11, 3]}),
            document("d", metadata={"s": "fig"}, title="a"),
        )
        for order, ids in [
            ([Sort("n")], "cbad"),
            ([Sort("n", descending=True)], "cabd"),
            ([Sort("s")], "bdac"),
            ([Sort("title"), Sort("id", descending=True)], "dbac"),
            ([Sort("id", descending=True)], "dcba"),
        ]:
            assert "".join(desk.found("", sort=order)) == ids, order
        assert "".join(desk.found("", sort=[Sort("id")], limit=2, offset=1)) == "bc"
        desk.put(document("b", metadata={}))
        assert "".join(desk.found()) == "acdb"  # by age: an update makes young

    def test_facets_count_all_matches(self, desk: Desk) -> None:
        desk.put(
            document("a", metadata={"tag": ["x", "y", "x"], "n": 1}),
            document("b", metadata={"tag": "y", "n": 1.0}),
            document("c", "other", metadata={"tag": "z"}),
        )
        results = desk.ask("words", limit=1, facets=[Facet("tag", 5), Facet("n"), Facet("none")])
        assert list(results.facets["tag"]) == [("y", 2), ("x", 1)]
        assert list(results.facets["n"]) == [(1, 2)]
        assert list(results.facets["none"]) == []
        assert results.total == 2

    def test_pages_fit_together(self, desk: Desk) -> None:
        desk.put(*[document(f"d{n:03}") for n in range(250)])
        pages = [desk.found("words", limit=60, offset=offset) for offset in range(0, 300, 60)]
        assert [len(page) for page in pages] == [60, 60, 60, 60, 10]
        assert len({id for page in pages for id in page}) == 250


_ODD_TEXTS: Sequence[str] = (
    "\0 before and \0 after word0",
    "\x1b\x1c \x1d\x1e \x1f word1",
    "\\N\t\\.\n\\.\n\r\\\\ word2",
    '"quoted", "" \'\' {} [] %s word3',
    "漢字 ünïcödé 🍒 עברית word4",
    "\x1d word5",
)
_CONDITIONS: Sequence[tuple[Any, list[str]]] = [
    (Filter("n", "eq", 1.0), ["a"]),
    (Filter("n", "in", (1, 2.5, "2")), ["a", "b", "c"]),
    (Filter("tag", "eq", "y"), ["a", "b"]),
    (Filter("ok", "eq", True), ["a"]),
    (Filter("ok", "eq", 1), []),
    (Filter("n", "range", (1, 2.5)), ["a", "b"]),
    (Filter("n", "range", (None, 2)), ["a"]),
    (Filter("n", "above", 1), ["b"]),
    (Filter("n", "below", 2.5), ["a"]),
    (Filter("day", "range", ("2024-05-01", "2024-05-01")), ["a", "b"]),
    (Filter("day", "range", ("2024-05-01T10:00:00+00:00", None)), ["b"]),
    (Filter("tag", "exists"), ["a", "b"]),
    (Filter("s", "prefix", "Pre"), ["a"]),
    (Filter("s", "contains", "TWO"), ["b"]),
    (Filter("s", "contains", "0% \\ _"), ["c"]),
    (Not(Filter("n", "exists")), ["d"]),
    (Not(Filter("tag", "eq", "x")), ["b", "c", "d"]),
    (All([Filter("tag", "eq", "y"), Filter("ok", "eq", False)]), ["b"]),
    (AnyOf([Filter("ok", "eq", True), Filter("id", "eq", "d")]), ["a", "d"]),
    (All(), ["a", "b", "c", "d"]),
    (AnyOf(), []),
    (Not(AnyOf([Filter("missing", "eq", 1), All([Filter("n", "eq", 1)])])), ["b", "c", "d"]),
]


def _through(transforms: Sequence[Transform], documents: Sequence[Document]) -> list[Document]:
    """The documents as the destination's own transforms leave them; none may be refused here."""
    for transform in transforms:
        answers = list(transform.apply(documents))
        assert all(isinstance(answer, Document) for answer in answers), answers
        documents = [answer for answer in answers if isinstance(answer, Document)]
    return list(documents)


def _history(lab: DestinationLab, crash: Any) -> tuple[CrashRecorder, Any]:
    """A first job, edits of every kind, and a second one that dies at `crash`, is resumed, and followed by a third.
    How it ended; without a crash also which points were passed."""
    desk = Desk(lab)
    desk.source = MemorySheets(page_size=10)
    for n in range(30):
        desk.source.put(f"d{n:02}", f"text {n}")
    desk.run()
    for n in range(0, 12, 2):
        desk.source.put(f"d{n:02}", f"edited {n}")
    for n in range(1, 12, 3):
        desk.source.remove(f"d{n:02}")
    for n in range(40, 52):
        desk.source.put(f"d{n:02}", f"new {n}")
    recorder = CrashRecorder()
    desk.reopen(crash or recorder)
    try:
        ending = desk.run()
        assert crash is None, "it was to die"
        desk.reopen()
    except SimulatedCrash:
        desk.source.remove("d41")  # whatever was written of it has to go
        desk.source.put("d42", "edited after the kill")
        desk.reopen()
        ending = desk.run(desk.job)
        desk.run()  # a resumed job need not see what changed before the place where it goes on
        assert desk.agrees()
        desk.source.put("d41", "new 41")
        desk.source.put("d42", "new 42")
    assert ending.event is JobEvent.FINISH
    desk.run()
    assert desk.agrees()
    third = desk.run()
    assert third.counters.changed == 0
    outcome = desk.everything()
    lab.close()
    return recorder, outcome
