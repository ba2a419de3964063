"""What a document is taken for: by the source's word, by its name, by its bytes."""

from __future__ import annotations

import pytest
from tests.transforms import files

from syncline.model.documents import Document
from syncline.model.ports import Unwanted
from syncline.transforms.extract import wanted

PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)


@pytest.mark.parametrize(
    ("id", "rule"),
    [
        ("photo.png", "no text in image/png"),
        ("a/b/SONG.MP3", "no text in audio/mpeg"),
        ("backup.tar.gz", "no text in application/gzip"),
        ("https://example.org/pictures/a.jpg?size=large#top", "no text in image/jpeg"),
        ("a.md", None),
        ("a.pdf", None),
        ("a.doc", None),
        ("README", None),
        ("a.unheard-of", None),
        ("https://example.zip", None),
        ("customers/42", None),
        ("", None),
        (".", None),
    ],
)
def test_an_extension_alone_may_say_that_a_document_need_not_be_fetched(id, rule):
    assert wanted(id) == rule


def test_formats_without_text_are_unwanted_by_name_by_the_sources_word_or_by_their_bytes(read):
    rule = "no text in image/png"
    assert read("a.png", b"whatever") == Unwanted("a.png", rule, "filtered.no_text")
    assert read("a", b"whatever", media_type="image/png") == Unwanted("a", rule, "filtered.no_text")
    assert read("a", PNG) == Unwanted("a", rule, "filtered.no_text")
    assert read("a.txt", PNG) == Unwanted("a.txt", rule, "filtered.no_text")


def test_an_archive_is_unwanted_only_when_it_is_no_document(read):
    archive = files.zipped({"a.txt": "words"})
    assert read("a.docx", archive) == Unwanted("a.docx", "no text in application/zip", "filtered.no_text")
    assert read("a", archive) == Unwanted("a", "no text in application/zip", "filtered.no_text")
    assert read("a", files.docx(files.paragraph("words"))).text == "words"


def test_documents_of_the_nineties_are_unwanted_by_a_rule_that_says_why(read):
    content = files.ole({"WordDocument": b"\xec\xa5"})
    rule = "no reader for Word 97 files (application/msword)"
    assert read("a.doc", content) == Unwanted("a.doc", rule, "filtered.no_reader")


@pytest.mark.parametrize(
    ("id", "content", "media_type"),
    [
        ("a.txt", files.pdf([["words"]]), "application/pdf"),
        ("a.docx", files.pdf([["words"]]), "application/pdf"),
        ("a.pdf", files.docx(files.paragraph("words")), files_type := "application/vnd.openxmlformats-officedocument."
         "wordprocessingml.document"),
        ("a.xlsx", files.docx(files.paragraph("words")), files_type),
        ("a.doc", files.docx(files.paragraph("words")), files_type),
        ("a.doc", rb"{\rtf1 words}", "application/rtf"),
        ("a.doc", b"<html><body>words</body></html>", "text/html"),
        ("a.xls", b"words", "text/plain"),
        ("a.txt", rb"{\rtf1 words}", "application/rtf"),
        ("a", b"  <!DOCTYPE html><p>words", "text/html"),
        ("a", b"\xef\xbb\xbf<?xml version='1.0'?><a>words</a>", "application/xml"),
        ("a", b"words", "text/plain"),
        ("a.unheard-of", b"words", "text/plain"),
    ],
)  # fmt: skip
def test_the_bytes_win_over_a_wrong_name(read, id, content, media_type):
    answer = read(id, content)
    assert (answer.text, answer.media_type) == ("words", media_type)


@pytest.mark.parametrize(
    ("id", "given", "media_type"),
    [
        ("a.md", "text/html; charset=utf-8", "text/html"),
        ("a.md", "text/plain", "text/markdown"),
        ("a.md", "application/octet-stream", "text/markdown"),
        ("a", "text/x-unheard-of", "text/x-unheard-of"),
        ("a", "application/vnd.api+json", "application/vnd.api+json"),
        ("a.png", "text/plain", "text/plain"),
        ("a.csv", "application/vnd.ms-excel", "text/plain"),
    ],
)
def test_the_sources_word_wins_over_the_name_unless_it_says_nothing(read, id, given, media_type):
    assert read(id, b"words", media_type=given).media_type == media_type


@pytest.mark.parametrize("content", [bytes(range(256)) * 8, b"\x00\x01\x02", bytes(5000)])
def test_unknown_binary_is_unwanted(read, content):
    assert read("a", content) == Unwanted("a", "no text in application/octet-stream", "filtered.no_text")


def test_bytes_in_no_encoding_are_unwanted_unless_the_name_says_that_they_are_text(read):
    noise = bytes((7 * n * n + 13 * n) % 255 + 1 for n in range(300))
    assert read("a", noise) == Unwanted("a", "no text in application/octet-stream", "filtered.no_text")
    answer = read("a.txt", noise)
    assert answer.warning == ("extract.encoding", "in no encoding known here; read as Windows-1252")


def test_text_that_the_source_gives_passes_as_it_is(extract):
    given = Document("a.png", b"pixels", text="words", media_type="image/png")
    assert list(extract.apply([given])) == [Document("a.png", None, text="words", media_type="image/png")]
    assert list(extract.apply([Document("a")])) == [Document("a", text="")]
