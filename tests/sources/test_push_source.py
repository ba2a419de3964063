"""The inbox of a pushing connector is a source like any other."""

from __future__ import annotations

from functools import partial

import pytest

from syncline.model.documents import Document
from syncline.model.errors import SourceProtocolError, SourceUnavailable
from syncline.sources.push.config import PushConfig
from syncline.sources.push.source import PushSource
from syncline.sources.registry import open_source, validate
from syncline.store.sqlite.inbox import Inbox
from syncline.testing.suites import SourceSuite


class PushLab:
    """An inbox in a file, and another connector's beside it that must not be seen."""

    def __init__(self, folder):
        self.path = str(folder / "truth.db")
        self.unusable = str(folder / "unusable.db")
        self.inbox = Inbox(self.path, 7)
        self.other = Inbox(self.path, 8)
        self.other.take([Document("of another", text="hidden")], [])
        self.changes = 0

    def open(self):
        return PushSource(PushConfig(), inbox=partial(Inbox, self.path, 7, read_only=True))

    def put(self, id_hint, content):
        self.inbox.take([Document(id_hint, text=content)], [])
        return id_hint

    def change(self, id):
        self.changes += 1
        self.inbox.take([Document(id, text=f"changed {self.changes}")], [])

    def remove(self, id):
        self.inbox.take([], [id])

    def broken(self):
        with open(self.unusable, "wb") as file:
            file.write(b"this is no database, " * 400)
        return PushSource(PushConfig(), inbox=partial(Inbox, self.unusable, 7, read_only=True))


class TestPush(SourceSuite):
    @pytest.fixture
    def lab(self, tmp_path):
        return PushLab(tmp_path)


@pytest.fixture
def lab(tmp_path):
    return PushLab(tmp_path)


def test_what_was_pushed_comes_out_as_it_went_in(lab):
    whole = Document(
        "a", content=b"\x00bytes", title="T", media_type="text/plain", metadata={"n": 1, "tags": ["x"]}, url="https://e",
        allow=("user:ann",), deny=("group:x",),
    )  # fmt: skip
    lab.inbox.take([whole, Document("b", text="")], [])
    first, second = [news for news in lab.open().read(None) if isinstance(news, Document)]
    first.version = None
    assert first == whole
    assert (second.text, second.content) == ("", None)


def test_pushing_the_same_again_writes_nothing(lab):
    document = Document("a", text="x", metadata={"n": 1})
    assert lab.inbox.take([document], []) == (1, 0)
    before = lab.inbox.newest()
    assert lab.inbox.take([Document("a", text="x", metadata={"n": 1})], ["never there"]) == (0, 2)
    assert lab.inbox.newest() == before


def test_a_document_that_is_pushed_again_while_everything_is_read_is_told_of(lab):
    for n in range(450):
        lab.put(f"d{n:03}", "old")
    reading = lab.open().read(None)
    told = [next(reading)]
    lab.put("d449", "new")
    told += list(reading)
    last = [news.text for news in told if isinstance(news, Document) and news.id == "d449"]
    assert last == ["new"]


def test_an_incremental_reading_ends_though_more_keeps_coming(lab):
    lab.put("first", "x")
    cursor = list(lab.open().read(None))[-1].cursor
    for n in range(250):
        lab.put(f"d{n}", "x")
    told = 0
    for news in lab.open().read(cursor):
        if isinstance(news, Document):
            told += 1
            lab.put(f"later {told}", "x")
    assert told <= 400


def test_deletions_are_forgotten_once_they_have_been_taken_over(lab):
    lab.put("a", "x")
    lab.remove("a")
    done = lab.inbox.newest()
    lab.inbox.take([Document("b", text="y")], [], done=done)
    assert [row.id for page in lab.inbox.after(0) for row in page] == ["b"]


def test_the_inbox_of_another_connector_stays_when_one_is_dropped(lab):
    lab.put("a", "x")
    lab.inbox.drop()
    assert lab.inbox.totals() == (0, 0)
    assert lab.other.totals()[0] == 1


def test_a_cursor_of_something_else_is_refused(lab):
    with pytest.raises(SourceProtocolError, match="cursor"):
        list(lab.open().read("page 7"))


def test_without_an_inbox_nothing_can_be_read():
    source = open_source("push", validate("push", {}))
    with pytest.raises(SourceUnavailable, match="inbox"):
        source.check()
