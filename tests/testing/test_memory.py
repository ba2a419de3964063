"""The sources in memory keep every law of a source; so does a generator with the decorator."""

from __future__ import annotations

import pytest

from syncline import Checkpoint, Document, Tombstone, source
from syncline.model.errors import SourceProtocolError, SourceUnavailable
from syncline.model.news import Begin, Complete, Entry, Gone, Page
from syncline.model.ports import ListingSource, StreamSource
from syncline.testing import MemorySource, MemoryStream, open_source
from syncline.testing.suites import SourceSuite


class MemoryLab:
    """A lab around one of the memory sources; every open gives the same one, as the same place."""

    def __init__(self, place):
        self.place = place

    def open(self):
        return self.place

    def put(self, id_hint, content):
        return self.place.put(id_hint, content)

    def change(self, id):
        self.place.put(id, self.place.documents[id].text + " Changed.")

    def remove(self, id):
        self.place.remove(id)


class TestMemorySource(SourceSuite):
    @pytest.fixture
    def lab(self):
        return MemoryLab(MemorySource(page_size=2))


class TestMemorySourceWithoutVersions(SourceSuite):
    @pytest.fixture
    def lab(self):
        return MemoryLab(MemorySource(page_size=2, versioned=False))


class TestMemoryStream(SourceSuite):
    @pytest.fixture
    def lab(self):
        return MemoryLab(MemoryStream(page_size=2))


class TestMemoryStreamWithoutCursors(SourceSuite):
    @pytest.fixture
    def lab(self):
        return MemoryLab(MemoryStream(incremental=False))


class GeneratorLab(MemoryLab):
    """The same place behind a generator (config)."""

    def open(self):
        @source("notes")
        def notes(config):
            yield from self.place.documents.values()

        return open_source(notes)

    def broken(self):
        def refuse(config=None):
            raise SourceUnavailable("the place is gone")

        def breaks(config):
            yield Document("a", text="x")
            raise ConnectionError("the place is gone")

        return open_source(source("notes", check=refuse)(breaks))


class FeedLab(GeneratorLab):
    """The same place behind a generator (config, cursor)."""

    def open(self):
        @source("feed")
        def feed(config, cursor):
            for item in self.place.read(cursor):
                if not isinstance(item, Complete):
                    yield item
                elif item.cursor != "0":
                    yield Checkpoint(item.cursor)

        return open_source(feed)


class TestGeneratorSource(SourceSuite):
    @pytest.fixture
    def lab(self):
        return GeneratorLab(MemorySource())


class TestIncrementalGeneratorSource(SourceSuite):
    @pytest.fixture
    def lab(self):
        return FeedLab(MemoryStream(page_size=2))


def test_a_memory_source_lists_and_a_memory_stream_streams():
    assert isinstance(MemorySource(), ListingSource)
    assert not isinstance(MemorySource(), StreamSource)
    assert isinstance(MemoryStream(), StreamSource)
    assert not isinstance(MemoryStream(), ListingSource)


def test_pages_are_as_long_as_asked_for_with_checkpoints_between_them():
    place = MemorySource([Document(f"d{n}", text="x") for n in range(5)], page_size=2)
    assert [len(item.entries) if isinstance(item, Page) else type(item) for item in place.list(None, None)] == [
        Begin,
        2,
        Checkpoint,
        2,
        Checkpoint,
        1,
        Complete,
    ]


def test_memory_goes_round():
    place = MemorySource()
    (_, first) = place.list(None, None)
    (_, second) = place.list(first.memory, None)
    assert (first.memory, second.memory) == ({"listings": 1}, {"listings": 2})


def test_touching_gives_a_new_version_and_the_same_content():
    place = MemorySource([Document("a", text="x")])
    before = place.documents["a"]
    place.touch("a")
    after = place.documents["a"]
    assert before.version != after.version
    assert before.fingerprint() == after.fingerprint()


def test_it_remembers_what_was_fetched_and_hands_out_copies():
    place = MemorySource([Document("a", text="x")])
    document, gone = place.fetch([Entry("a", "1"), Entry("b", "1")])
    document.text = "changed by the reader"
    assert gone == Gone("b")
    assert place.fetched == ["a", "b"]
    assert place.documents["a"].text == "x"


def test_a_document_may_bring_its_own_version():
    assert MemorySource([Document("a", text="x", version="etag")]).documents["a"].version == "etag"


def test_a_stream_tells_each_changed_document_once_as_it_is_now():
    place = MemoryStream()
    place.put("a", "1")
    place.put("b", "1")
    cursor = list(place.read(None))[-1].cursor
    place.put("a", "2")
    place.put("a", "3")
    place.remove("b")
    place.put("c", "1")
    place.remove("c")
    news = list(place.read(cursor))
    assert [(type(item), item.id) for item in news[:-1]] == [(Document, "a"), (Tombstone, "b"), (Tombstone, "c")]
    assert news[0].text == "3"


def test_a_stream_refuses_a_cursor_it_never_gave():
    for cursor in ("99", "x", "-1"):
        with pytest.raises(SourceProtocolError, match="no cursor of this stream"):
            list(MemoryStream().read(cursor))
