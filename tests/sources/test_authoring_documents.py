"""Which documents may be kept: one pure function says so, quickly."""

from __future__ import annotations

import datetime
import timeit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncline.model.documents import Document
from syncline.model.errors import DocumentRejected
from syncline.sources.authoring import id_fault, validate_document

GOOD = [
    Document("a"),
    Document("a", text=""),
    Document("a", text="x", title="t", version="1"),
    Document("a", content=b"x", media_type="text/plain", url="https://example.org/a"),
    Document("a", load=lambda: b"x", version=""),
    Document("漢字/ü.md", text="ünïcödé 🍒", title="Ü", version="ä"),
    Document("a", metadata={"s": "x", "i": 1, "f": 1.5, "b": True, "n": None, "l": ["x", "ü"], "t": ("x",), "e": []}),
    Document("a", text="x", allow=("user:ann",), deny=["group:sales"]),
    Document("x" * 4096),
    Document("é" * 2048),
]

BAD = [
    (Document(None), "the id is None, not text"),
    (Document(b"a"), "the id is a bytes, not text"),
    (Document(""), "the id is empty"),
    (Document("a\0b"), "the id contains a NUL character"),
    (Document("é" * 2049), "the id is longer than 4096 bytes"),
    (Document("\udcff"), "the id is not valid Unicode: it contains a lone surrogate"),
    (Document("a", text=b"x"), "the text is a bytes, not text"),
    (Document("a", text="\ud800"), "the text is not valid Unicode: it contains a lone surrogate"),
    (Document("a", content="x"), "the content is a str, not bytes"),
    (Document("a", load=b"x"), "load is a bytes, not a function"),
    (Document("a", title=None), "the title is None, not text"),
    (Document("a", url=None), "the url is None, not text"),
    (Document("a", version=7), "the version is an int, not text"),
    (Document("a", version=datetime.date(2026, 1, 1)), "the version is a date, not text"),
    (Document("a", allow="user:ann"), "allow must be a tuple of principals such as 'user:ann'"),
    (Document("a", deny=None), "deny must be a tuple of principals such as 'user:ann'"),
    (Document("a", metadata=None), "the metadata is None, not a dict"),
    (Document("a", metadata=[1]), "the metadata is a list, not a dict"),
    (Document("a", metadata={1: "x"}), "the metadata has the key 1; keys are non-empty text"),
    (Document("a", metadata={"": "x"}), "the metadata has the key ''; keys are non-empty text"),
    (Document("a", metadata={"x": float("nan")}), "the metadata 'x' is nan, which JSON cannot hold"),
    (Document("a", metadata={"x": "\ud800"}), "the metadata 'x' is a str, not text"),
    (Document("a", metadata={"x": {"y": 1}}), "the metadata 'x' is a dict, not text"),
    (Document("a", metadata={"x": [1]}), "the metadata 'x' is a list, not text"),
    (Document("a", metadata={"at": datetime.date(2026, 1, 1)}), "give value.isoformat()"),
]


@pytest.mark.parametrize("document", GOOD, ids=lambda d: f"{d.id[:5]}-{len(d.metadata)}")
def test_a_good_document_has_no_fault(document):
    assert validate_document(document) is None


@pytest.mark.parametrize(("document", "fault"), BAD, ids=[fault[:40] for _, fault in BAD])
def test_a_bad_document_is_rejected_in_plain_words(document, fault):
    error = validate_document(document)
    assert isinstance(error, DocumentRejected)
    assert error.code == "document.invalid"
    assert fault in error.message


@settings(deadline=None)
@given(st.text(max_size=20))
def test_every_id_that_utf8_can_hold_is_good_except_empty_ones_and_nul(text):
    holds = all(not "\ud800" <= letter <= "\udfff" for letter in text)
    assert (id_fault(text) is None) == (holds and text != "" and "\0" not in text)


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=())), st.text(), st.none() | st.text())
def test_the_quick_way_and_the_thorough_way_agree(text, title, version):
    document = Document("a", text=text, title=title, version=version)
    thorough = Document("a", text=text, title=title, version=version, allow=["user:ann"])  # a list: not the quick way
    assert (validate_document(document) is None) == (validate_document(thorough) is None)


def test_a_plain_document_is_looked_at_quickly():
    document = Document("docs/a.md", text="word " * 1000, title="A title", version="17")
    best = min(timeit.repeat(lambda: validate_document(document), number=1000, repeat=20)) / 1000
    assert best < 20e-6, "ten times and more slower than it was made: half a microsecond"
