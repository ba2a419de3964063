"""What "source" means: every law of a source, on a place that the author's lab can write to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import pytest

from syncline.model.documents import Document
from syncline.model.errors import SynclineError
from syncline.model.news import Complete, Gone, Unlisted
from syncline.model.ports import StreamSource
from syncline.testing.laws import READING_LAWS, DoesNotApply, Law, need
from syncline.testing.reading import Reading, Subject, answers_of, begin, read_all, with_body

CONTENTS = {
    "apple.txt": "An apple a day.",
    "berry.txt": "Berries of the forest.",
    "cherry.txt": "Cherries in a bowl.",
    "date.txt": "Dates from the oasis.",
    "élan.txt": "Ünïcödé in name and text: 漢字, emoji 🍒.",
}


class Lab(Protocol):
    """A place of the author's that tests may write to. Everything it does is done when the call returns.

    It may also have `broken()`: a source on a place that cannot be read (removed, refused, no credentials).
    """

    def open(self) -> Any:
        """A fresh source on the place."""

    def put(self, id_hint: str, content: str) -> str:
        """Make a document of that content; returns the id the source gives it, which may differ from the hint."""

    def change(self, id: str) -> None:
        """Change its content, in a way that the source can see."""

    def remove(self, id: str) -> None:
        """Take it away."""


class SourceSuite:
    """Inherit, and give the fixture `lab`: an empty Lab for each test.

    tells_of_removals  set it False for an incremental source that cannot say what is gone: full jobs delete for it.
    """

    tells_of_removals = True

    @pytest.fixture
    def lab(self) -> Lab:
        raise NotImplementedError("give the suite a fixture `lab`, see docs/writing-a-source.md")

    @pytest.fixture
    def ids(self, lab: Lab) -> list[str]:
        """Five documents in the lab's place."""
        return [lab.put(hint, content) for hint, content in CONTENTS.items()]

    # --- laws of reading, wherever it reads

    @pytest.mark.parametrize("law", READING_LAWS, ids=lambda law: str(law.name))
    def test_of_a_filled_place(self, law: Law, lab: Lab, ids: list[str]) -> None:
        prove(law, lab)

    @pytest.mark.parametrize("law", READING_LAWS, ids=lambda law: str(law.name))
    def test_of_an_empty_place(self, law: Law, lab: Lab) -> None:
        prove(law, lab)

    # --- laws of what is there

    def test_an_empty_place_lists_nothing_and_completes(self, lab: Lab) -> None:
        reading = read_all(lab.open())
        need(reading.ids() == [], f"an empty place lists {reading.ids()}")
        need(len(reading.completes()) == 1, "an empty place does not complete")

    def test_every_document_is_listed(self, lab: Lab, ids: list[str]) -> None:
        need(sorted(read_all(lab.open()).ids()) == sorted(ids), "it lists other documents than there are")

    def test_many_documents_are_all_listed_once(self, lab: Lab) -> None:
        ids = [lab.put(f"many-{n:03}.txt", f"Number {n}.") for n in range(60)]
        need(sorted(read_all(lab.open()).ids()) == sorted(ids), "of many documents, some are missing or come twice")

    def test_every_document_can_be_read(self, lab: Lab, ids: list[str]) -> None:
        need(set(documents(lab)) == set(ids), f"only these could be read: {sorted(documents(lab))}")

    def test_bodies_have_content(self, lab: Lab, ids: list[str]) -> None:
        for document in documents(lab).values():
            need(bool(document.text or document.content), f"{document.id!r} has an empty body")

    def test_different_contents_have_different_fingerprints(self, lab: Lab, ids: list[str]) -> None:
        prints = {document.fingerprint() for document in documents(lab).values()}
        need(len(prints) == len(ids), "two documents of different content look the same")

    def test_a_new_document_appears(self, lab: Lab, ids: list[str]) -> None:
        id = lab.put("new.txt", "News.")
        need(set(read_all(lab.open()).ids()) == {*ids, id}, "a new document is not listed, or others have gone")

    def test_a_removed_document_vanishes(self, lab: Lab, ids: list[str]) -> None:
        lab.remove(ids[0])
        need(set(read_all(lab.open()).ids()) == set(ids[1:]), "a removed document is still listed, or others have gone")

    def test_a_place_that_was_emptied_lists_nothing(self, lab: Lab, ids: list[str]) -> None:
        for id in ids:
            lab.remove(id)
        reading = read_all(lab.open())
        need(reading.ids() == [] and len(reading.completes()) == 1, "an emptied place still lists something")

    def test_a_document_that_comes_back_is_listed_again(self, lab: Lab, ids: list[str]) -> None:
        lab.remove(ids[0])
        read_all(lab.open())
        id = lab.put("apple.txt", "Back again.")
        need(id in read_all(lab.open()).ids(), "a document that came back is not listed")

    # --- laws of change

    def test_a_changed_document_has_another_version_and_another_fingerprint(self, lab: Lab, ids: list[str]) -> None:
        before, seen = read_all(lab.open()).versions(), documents(lab)
        lab.change(ids[0])
        after, now = read_all(lab.open()).versions(), documents(lab)
        if before[ids[0]] is not None:
            need(before[ids[0]] != after[ids[0]], "the document has changed and its version has not")
        need(seen[ids[0]].fingerprint() != now[ids[0]].fingerprint(), "the change cannot be seen in the document")

    def test_a_change_leaves_the_versions_of_others_alone(self, lab: Lab, ids: list[str]) -> None:
        before = read_all(lab.open()).versions()
        lab.change(ids[0])
        after = read_all(lab.open()).versions()
        need(set(ids[1:]) <= after.keys(), "one document has changed, and others are not listed any more")
        told = [id for id in ids[1:] if None not in (before[id], after[id])]  # None: compare by content
        others = [id for id in told if before[id] != after[id]]
        need(not others, f"one document has changed, and also the versions of {others}")

    def test_a_document_removed_after_it_was_listed_is_gone_when_fetched(self, lab: Lab, ids: list[str]) -> None:
        source = lab.open()
        if isinstance(source, StreamSource):
            pytest.skip("a stream has no fetch")
        entries = read_all(source).entries()
        lab.remove(ids[0])
        answers = {answer.id: answer for answer in answers_of(source, entries)}
        need(isinstance(answers[ids[0]], Gone), f"the answer was {type(answers[ids[0]]).__name__}, not Gone")
        need(all(isinstance(answers[id], Document) for id in ids[1:]), "others suffered with it")

    # --- laws of trouble

    def test_a_broken_place_fails_its_check_with_one_of_our_errors(self, lab: Lab) -> None:
        with pytest.raises(SynclineError):
            broken(lab)().check()

    def test_a_broken_place_is_never_read_to_its_end(self, lab: Lab) -> None:
        make, news = broken(lab), list[Any]()
        with pytest.raises(SynclineError):
            news.extend(begin(make()))  # what came before the error is kept
        need(not any(isinstance(item, Complete) for item in news), "it said Complete and failed afterwards")

    def test_a_healthy_place_has_no_part_that_cannot_be_listed(self, lab: Lab, ids: list[str]) -> None:
        need(not any(isinstance(item, Unlisted) for item in read_all(lab.open()).news), "a part could not be listed")

    # --- laws of incremental reading

    def test_an_incremental_read_tells_what_is_new_and_changed_only(self, lab: Lab, ids: list[str]) -> None:
        cursor = end_cursor(lab)
        lab.change(ids[1])
        id = lab.put("new.txt", "News.")
        news = read_all(lab.open(), cursor=cursor)
        need(set(news.ids()) == {ids[1], id}, f"it told of {sorted(set(news.ids()))}, not of {sorted((ids[1], id))}")

    def test_an_incremental_read_tells_what_is_gone(self, lab: Lab, ids: list[str]) -> None:
        cursor = end_cursor(lab)
        if not self.tells_of_removals:
            pytest.skip("this source cannot tell of removals")
        lab.remove(ids[0])
        news = read_all(lab.open(), cursor=cursor)
        need(set(news.tombstones()) == {ids[0]}, f"one document is gone, and it told of {news.tombstones()}")

    def test_an_incremental_read_goes_on_from_the_end_of_the_last(self, lab: Lab, ids: list[str]) -> None:
        cursor = end_cursor(lab)
        lab.change(ids[0])
        later = ended(read_all(lab.open(), cursor=cursor)).cursor
        lab.change(ids[1])
        news = read_all(lab.open(), cursor=later)
        need(news.ids() == [ids[1]], f"only {ids[1]!r} has changed since, and it told of {news.ids()}")

    def test_reading_without_a_cursor_always_tells_everything(self, lab: Lab, ids: list[str]) -> None:
        end_cursor(lab)
        lab.change(ids[0])
        need(sorted(read_all(lab.open()).ids()) == sorted(ids), "a full read after an incremental one is not full")


LabSource = Callable[[], Any]


def prove(law: Law, lab: Lab) -> None:
    """Prove one law of reading, or skip it when it speaks of an ability the source does not have."""
    try:
        law.prove(Subject(lab.open))
    except DoesNotApply as reason:
        pytest.skip(str(reason))


def documents(lab: Lab) -> dict[str, Document]:
    """Every document of the place, with its body, by id."""
    source = lab.open()
    answers = answers_of(source, read_all(source).entries())
    return {answer.id: with_body(answer) for answer in answers if isinstance(answer, Document)}


def broken(lab: Lab) -> LabSource:
    """How to open a source that must fail; skips when the lab has none."""
    make: LabSource | None = getattr(lab, "broken", None)
    if make is None:
        pytest.skip("the lab has no broken()")
    return make


def ended(reading: Reading) -> Complete:
    """The Complete of a reading. Raises LawBroken when there is none."""
    need(len(reading.completes()) == 1, "it did not come to Complete")
    return reading.completes()[0]


def end_cursor(lab: Lab) -> str:
    """Where an incremental read goes on from now; skips when the source has no cursors."""
    source = lab.open()
    if not (isinstance(source, StreamSource) and source.incremental):
        pytest.skip("the source is not incremental")
    cursor = ended(read_all(source)).cursor
    need(isinstance(cursor, str), f"the cursor of Complete is {cursor!r}")
    return str(cursor)
