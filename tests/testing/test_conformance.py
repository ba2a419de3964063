"""check_source finds every liar, and never raises."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest
from pydantic import BaseModel

from syncline import Document, source
from syncline.model.errors import DocumentRejected, SourceUnavailable
from syncline.model.news import Checkpoint, Complete, Entry, Gone, Page, Refused, Skipped
from syncline.testing import MemorySource, MemoryStream, check_source, open_source
from syncline.testing.laws import READING_LAWS
from syncline.testing.reading import Subject

DOCUMENTS = [Document(f"d{n}", text=f"text {n}") for n in range(6)]


class Listing(MemorySource):
    """An honest listing for liars to inherit from."""

    def __init__(self, **options):
        super().__init__(DOCUMENTS, page_size=2, **options)

    def list(self, memory, cursor):
        for item in super().list(memory, cursor):
            yield from self.say(item)

    def say(self, item):
        yield item

    def fetch(self, entries):
        for answer in super().fetch(entries):
            yield from self.answer(answer)

    def answer(self, answer):
        yield answer


class Stream(MemoryStream):
    """An honest stream for liars to inherit from."""

    def __init__(self):
        super().__init__(DOCUMENTS, page_size=2)

    def read(self, cursor):
        for item in super().read(cursor):
            yield from self.say(item, cursor)

    def say(self, item, cursor):
        yield item


LIARS = {}
COUNT = iter(range(10**9))


def lies_about(law, base=Listing):
    """Register a liar: a class of sources that break this law."""

    def register(methods):
        names = {
            name: value for name, value in vars(methods).items() if not name.startswith("__") or name == "__init__"
        }
        LIARS.setdefault(law, []).append(type(methods.__name__, (base,), names))
        return methods

    return register


@lies_about("it_is_a_source", base=object)
class Neither:
    def check(self): ...


@lies_about("it_is_a_source", base=Listing)
class Both:
    incremental = True

    def read(self, cursor):
        yield Complete()


@lies_about("check_passes")
class Unchecked:
    def check(self):
        raise SourceUnavailable("no")


@lies_about("it_says_only_what_it_may")
class Documents:
    def say(self, item):
        yield Document("x", text="x")
        yield item


@lies_about("it_says_only_what_it_may", base=Stream)
class Pages:
    def say(self, item, cursor):
        yield Page([])
        yield item


@lies_about("complete_comes_once")
class Endless:
    def say(self, item):
        if not isinstance(item, Complete):
            yield item


@lies_about("complete_comes_once")
class Twice:
    def say(self, item):
        yield from [item, item] if isinstance(item, Complete) else [item]


@lies_about("nothing_comes_after_complete", base=Stream)
class Afterword:
    def say(self, item, cursor):
        yield item
        if isinstance(item, Complete):
            yield Checkpoint("99")


@lies_about("an_incremental_source_gives_a_cursor", base=Stream)
class Forgetful:
    def say(self, item, cursor):
        yield item._replace(cursor=None) if isinstance(item, Complete) else item


@lies_about("ids_can_be_kept")
class LongIds:
    def say(self, item):
        yield (
            item._replace(entries=[e._replace(id=e.id * 4096) for e in item.entries])
            if isinstance(item, Page)
            else item
        )


@lies_about("ids_are_unique")
class Repeating:
    def say(self, item):
        yield item
        if isinstance(item, Page):
            yield item


@lies_about("versions_are_text")
class Numbers:
    def say(self, item):
        yield item._replace(entries=[e._replace(version=1) for e in item.entries]) if isinstance(item, Page) else item


@lies_about("the_same_place_gives_the_same_ids")
class Random:
    def say(self, item):
        number = next(COUNT)
        entries = [Entry(f"{e.id}-{number}", e.version) for e in getattr(item, "entries", ())]
        yield item._replace(entries=entries) if entries else item


@lies_about("unchanged_documents_keep_their_versions")
class Restless:
    def say(self, item):
        number = next(COUNT)
        entries = [Entry(e.id, str(number)) for e in getattr(item, "entries", ())]
        yield item._replace(entries=entries) if entries else item


@lies_about("the_place_keeps_its_name")
class Wandering:
    def say(self, item):
        yield item._replace(anchor=str(next(COUNT))) if isinstance(item, Complete) else item


@lies_about("what_is_left_out_is_named")
class SkippedAndListed:
    def say(self, item):
        yield Skipped("d1", "rule")
        yield item


@lies_about("what_is_left_out_is_named")
class Nameless:
    def say(self, item):
        yield Skipped("other", "")
        yield item


@lies_about("each_entry_is_answered_once")
class Silent:
    def answer(self, answer):
        if answer.id != "d1":
            yield answer


@lies_about("each_entry_is_answered_once")
class Stuttering:
    def answer(self, answer):
        yield from [answer, answer]


@lies_about("each_entry_is_answered_once")
class Chatty:
    def answer(self, answer):
        yield from [answer, Gone("somebody else")]


@lies_about("asking_for_nothing_gives_nothing")
class Eager:
    def fetch(self, entries):
        yield from MemorySource.fetch(self, entries or [Entry("d1", None)])


@lies_about("documents_are_well_formed")
class Malformed:
    def answer(self, answer):
        yield replace(answer, metadata={"x": object()})


@lies_about("documents_are_well_formed")
class Refusing:
    def answer(self, answer):
        yield Refused(answer.id, ValueError("not one of ours"))


@lies_about("documents_are_well_formed")
class Invalid:
    def answer(self, answer):
        yield Refused(answer.id, DocumentRejected("the text is an int", code="document.invalid"))


@lies_about("documents_have_a_body", base=Stream)
class Empty:
    def say(self, item, cursor):
        yield replace(item, text=None) if isinstance(item, Document) else item


@lies_about("documents_have_a_body")
class BadLoad:
    def answer(self, answer):
        yield replace(answer, text=None, load=lambda: None)


@lies_about("fetched_and_listed_versions_agree")
class TwoMinds:
    def answer(self, answer):
        yield replace(answer, version="other")


@lies_about("bodies_stay_as_they_are")
class Stamped:
    def answer(self, answer):
        yield replace(answer, metadata={"fetched": next(COUNT)})


@lies_about("bodies_stay_as_they_are", base=Stream)
class StampedStream:
    def say(self, item, cursor):
        yield replace(item, text=str(next(COUNT))) if isinstance(item, Document) else item


@lies_about("a_reading_may_be_left")
class Clinging:
    def say(self, item):
        try:
            yield item
        except GeneratorExit:
            raise OSError("you cannot leave me") from None


@lies_about("a_fetch_may_be_left")
class ClingingFetch:
    def answer(self, answer):
        try:
            yield answer
        except GeneratorExit:
            raise OSError("you cannot leave me") from None


@lies_about("two_readings_do_not_disturb_each_other")
class Jealous:
    reading = 0

    def list(self, memory, cursor):
        Jealous.reading += 1
        mine = Jealous.reading
        for item in MemorySource.list(self, memory, cursor):
            if isinstance(item, Page) and mine != Jealous.reading:
                continue
            yield item


@lies_about("memory_survives_json")
class NoJson:
    def say(self, item):
        yield item._replace(memory={"seen": {1, 2}}) if isinstance(item, Complete) else item


@lies_about("memory_survives_json")
class Absent:
    def list(self, memory, cursor):
        return MemorySource.list(self, None, cursor) if memory is None else iter([Complete("memory")])


@lies_about("a_checkpoint_can_be_gone_on_from")
class Starting:
    def list(self, memory, cursor):
        return MemorySource.list(self, memory, None)


@lies_about("a_checkpoint_can_be_gone_on_from")
class Leaping:
    def list(self, memory, cursor):
        return MemorySource.list(self, memory, cursor + "~" if cursor == "d1" else "d4" if cursor else None)


@lies_about("nothing_is_new_after_the_end", base=Stream)
class Repetitive:
    def read(self, cursor):
        return MemoryStream.read(self, None)


@lies_about("interrupting_an_idle_source_is_harmless")
class Touchy:
    def interrupt(self):
        raise RuntimeError("nothing to interrupt")


def prove(law, make):
    next(each for each in READING_LAWS if each.name == law).prove(Subject(make))


@pytest.mark.parametrize(
    ("law", "liar"), [(law, liar) for law, liars in LIARS.items() for liar in liars], ids=lambda value: str(value)[-50:]
)
def test_a_law_finds_its_liar(law, liar):
    with pytest.raises(Exception) as found:
        prove(law, liar)
    assert str(found.value)


def test_every_law_has_a_liar():
    without = {law.name for law in READING_LAWS} - set(LIARS)
    assert without == {"it_comes_to_its_end"}, "a reading without end needs a million pieces of news"


def test_a_reading_without_end_is_found_out(monkeypatch):
    monkeypatch.setattr("syncline.testing.reading.MAX_NEWS", 100)

    @source("endless")
    def endless(config):
        while True:
            yield Document("a", text="x")

    broken = {check.name for check in check_source(endless) if not check.passed}
    assert "it_comes_to_its_end" in broken


# --- check_source


class NotesConfig(BaseModel):
    count: int = 3


@source("notes", config=NotesConfig)
def notes(config):
    for n in range(config.count):
        yield Document(f"note-{n}", text=f"Note {n}.", version="1")


def test_a_good_source_passes_every_law():
    checks = check_source(notes, {"count": "5"})
    assert [check for check in checks if not check.passed] == []
    assert len(checks) == 3 + len(READING_LAWS)
    assert len({check.name for check in checks}) == len(checks) >= 12
    assert all(check.law.endswith(".") for check in checks)


@pytest.mark.parametrize(
    ("kind", "settings", "last"),
    [
        ("no_such_kind", {}, "kind_is_found"),
        (42, {}, "kind_is_found"),
        (notes, {"count": "many"}, "settings_are_valid"),
        (notes, {"cuont": 1}, "settings_are_valid"),
    ],
)
def test_a_source_that_cannot_be_opened_fails_there(kind, settings, last):
    checks = check_source(kind, settings)
    assert (checks[-1].name, checks[-1].passed) == (last, False)
    assert checks[-1].detail
    assert all(check.passed for check in checks[:-1])


def test_a_source_that_raises_fails_its_laws_with_what_it_said():
    @source("broken")
    def broken(config):
        yield Document("a", text="x")
        raise ConnectionError("refused")

    failed = {check.name: check.detail for check in check_source(broken) if not check.passed}
    assert "the source raised ConnectionError: refused [source.raised]" in failed["complete_comes_once"]


def test_a_place_that_cannot_be_read_is_not_tried_for_every_law():
    tries = []

    @source("broken")
    def broken(config):
        tries.append(1)
        raise ConnectionError("refused after a minute")
        yield

    check_source(broken)
    assert len(tries) == 1


def test_a_document_that_cannot_be_read_is_a_remark_and_breaks_no_law():
    @source("some")
    def some(config):
        yield Document("a", text="x")
        yield Refused("b", DocumentRejected("encrypted"))

    checks = {check.name: check for check in check_source(some)}
    assert all(check.passed for check in checks.values())
    assert "b: encrypted" in checks["documents_are_well_formed"].detail


def test_a_law_that_does_not_apply_says_so():
    details = {check.name: check.detail for check in check_source(notes)}
    assert details["each_entry_is_answered_once"] == "not needed: the source streams"


def test_a_source_is_opened_for_a_test_in_one_line():
    assert len(list(open_source(notes, count=2).read(None))) == 3
    assert len(list(open_source(notes, {"count": 4}).read(None))) == 5


def test_pytest_is_not_needed_to_use_the_doubles():
    code = "import sys, syncline.testing; print('pytest' in sys.modules, 'hypothesis' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["False", "False"]
