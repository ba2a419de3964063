"""A class with list and fetch, or with read, is a source too: held to its port, with only our errors coming out."""

from __future__ import annotations

import pytest

from syncline import Document, source
from syncline.model.errors import SourceProtocolError, UsageError
from syncline.model.news import Checkpoint, Complete, Entry, Gone, Page, Refused, Skipped
from syncline.model.ports import Interruptible, ListingSource, StreamSource


@source("photos")
class Photos:
    """Photos of an album."""

    news = (Page([Entry("a", "1"), Entry("b", None)]), Skipped("c", "*.raw"), Checkpoint("x"), Complete("album"))

    def __init__(self, config):
        self.config = config

    def list(self, memory, cursor):
        yield from self.news

    def fetch(self, entries):
        for entry in entries:
            yield Gone("b") if entry.id == "b" else Document(entry.id, content=b"pixels", version=entry.version)


@source("events")
class Events:
    incremental = True

    def __init__(self, config):
        pass

    def check(self):
        raise TimeoutError("no answer")

    def interrupt(self):
        pass

    def read(self, cursor):
        yield Document("a", text="x")
        yield Complete(cursor="1")


def opened(made):
    return made.kind.load_source()(None)


def saying(*news):
    """A listing that says these."""

    @source("other")
    class Other(Photos):
        pass

    Other.news = news
    return opened(Other)


def test_a_class_stays_a_class_and_gains_its_kind():
    assert isinstance(Photos(None), Photos)
    assert (Photos.kind.name, Photos.kind.title) == ("photos", "Photos of an album")


def test_a_listing_class_makes_a_listing_source():
    made = opened(Photos)
    assert isinstance(made, ListingSource)
    assert not isinstance(made, StreamSource)
    made.check()
    assert tuple(made.list(None, None)) == Photos.news
    assert [type(answer) for answer in made.fetch(Photos.news[0].entries)] == [Document, Gone]


def test_a_stream_class_makes_a_stream_source():
    made = opened(Events)
    assert isinstance(made, StreamSource)
    assert made.incremental
    assert list(made.read(None))[-1] == Complete(cursor="1")


def test_the_ability_to_be_interrupted_is_passed_through():
    assert isinstance(opened(Events), Interruptible)
    assert not isinstance(opened(Photos), Interruptible)


def test_whatever_is_raised_comes_out_as_one_of_ours():
    with pytest.raises(SourceProtocolError, match="TimeoutError: no answer"):
        opened(Events).check()

    @source("broken")
    class Broken(Photos):
        def __init__(self, config):
            raise OSError("no album")

    with pytest.raises(SourceProtocolError, match="OSError: no album"):
        opened(Broken)


@pytest.mark.parametrize(
    ("news", "named"),
    [
        (Document("a", text="x"), "a Document where Page"),
        ([Entry("a", "1")], "a list where Page"),
        (Page(iter(())), "not a list"),
        (Page([("a", "1")]), "holds a tuple"),
        (Page([Entry("", "1")]), "id is empty"),
        (Page([Entry(b"a", "1")]), "id is a bytes"),
        (Page([Entry("a", 1)]), "version is an int"),
        (Skipped("\ud800", "rule"), "lone surrogate"),
    ],
)
def test_what_a_listing_may_not_say_is_named(news, named):
    with pytest.raises(SourceProtocolError, match=named):
        list(saying(news).list(None, None))


@pytest.mark.parametrize(
    ("answer", "named"),
    [(None, "None where Document"), (Gone(7), "a Gone whose id"), (Refused("a", "no"), "SynclineError")],
)
def test_what_fetch_may_not_answer_is_named(answer, named):
    @source("other")
    class Other(Photos):
        def fetch(self, entries):
            yield answer

    with pytest.raises(SourceProtocolError, match=named):
        list(opened(Other).fetch([Entry("a", None)]))


def test_a_bad_document_fails_alone():
    @source("other")
    class Other(Photos):
        def fetch(self, entries):
            yield Document("a", text=1)
            yield Document("b", text="x")

    refused, good = opened(Other).fetch([Entry("a", None), Entry("b", None)])
    assert (refused.id, refused.error.code, good.id) == ("a", "document.invalid", "b")


def test_a_class_without_the_verbs_of_a_source_is_refused():
    with pytest.raises(UsageError, match="needs list and fetch, or read"):
        source("x")(type("Half", (), {"list": lambda self: []}))
    with pytest.raises(UsageError, match="a method check"):
        source("x", check=lambda config: None)(type("Whole", (), {"read": lambda self, cursor: []}))
