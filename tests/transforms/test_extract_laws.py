"""What holds for every input: one answer for each document, no exception, and the same bytes read the same."""

from __future__ import annotations

import copy
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.transforms import files
from tests.transforms.test_extract_formats import HTML, MAIL, RTF

from syncline.model.documents import Document
from syncline.model.news import Refused
from syncline.model.ports import Unwanted
from syncline.transforms.extract import Extract, Limits
from syncline.transforms.extract.errors import REMEDIES

SAMPLES = {
    "a.txt": "Grüße aus dem Süden".encode("cp1252"),
    "a.md": b"---\ntitle: T\ntags: [a]\n---\n# Head\n\ntext [a](b)\n",
    "a.json": b'{"title": "T", "a": [1, {"b": null}]}',
    "a.jsonl": b'{"a": 1}\n{"a": 2}\n',
    "a.ipynb": b'{"nbformat": 4, "cells": [{"cell_type": "markdown", "source": ["# T"]}]}',
    "a.html": HTML.encode(),
    "a.xml": b"<?xml version='1.0'?><a><title>T</title>x</a>",
    "a.pdf": files.pdf([["one", "two"], ["three"]], b"/Title(T)"),
    "a.docx": files.docx(files.paragraph("words", "Title")),
    "a.pptx": files.pptx([("T", "words", "notes")]),
    "a.xlsx": files.xlsx({"S": files.row(1, "words", 1.5)}),
    "a.xls": files.xls("S", [(0, 0, "words")]),
    "a.odt": files.opendocument("text", "<text:h>T</text:h><text:p>words</text:p>"),
    "a.epub": files.epub({"c.xhtml": "<p>words"}),
    "a.eml": MAIL.encode(),
    "a.rtf": RTF,
}
EXTENSIONS = [
    "txt",
    "md",
    "csv",
    "json",
    "jsonl",
    "html",
    "xml",
    "pdf",
    "docx",
    "xlsx",
    "xls",
    "eml",
    "rtf",
    "zip",
    "zz",
    "",
]
LAWS = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@pytest.fixture(scope="module")
def extract():
    transform = Extract(Limits(wall_s=10, max_text_chars=20_000), workers=1)
    yield transform
    transform.close()


def check(extract: Extract, documents: list[Document]) -> None:
    """One answer for each; each of the kind and shape that was promised."""
    answers = list(extract.apply(documents))
    assert sorted(answer.id for answer in answers) == sorted(document.id for document in documents)
    for answer in answers:
        if isinstance(answer, Refused):
            assert answer.error.code in REMEDIES
            assert answer.error.code not in ("extract.timeout", "extract.unavailable", "extract.interrupted")
        elif isinstance(answer, Unwanted):
            assert answer.rule.startswith(("no text in ", "no reader for "))
        else:
            assert answer.content is None
            assert len(answer.text) <= 20_000
            answer.text.encode()
            answer.title.encode()
            assert "\n" not in answer.title
            assert all(isinstance(value, (str, int, list)) for value in answer.metadata.values())


@LAWS
@given(st.lists(st.tuples(st.sampled_from(EXTENSIONS), st.binary(max_size=400)), max_size=4))
def test_any_bytes_under_any_name_get_one_answer(extract, drawn):
    check(extract, [Document(f"{n}.{extension}", content) for n, (extension, content) in enumerate(drawn)])


@LAWS
@given(
    st.lists(
        st.tuples(st.sampled_from(["txt", "md", "json", "jsonl", "html", "xml", "eml"]), st.text(max_size=300)),
        max_size=4,
    )
)
def test_any_text_under_any_name_gets_one_answer(extract, drawn):
    documents = [Document(f"{n}.{ext}", text.encode("utf-8", "replace")) for n, (ext, text) in enumerate(drawn)]
    check(extract, documents)


@LAWS
@given(st.sampled_from(sorted(SAMPLES)), st.data())
def test_real_files_that_are_cut_anywhere_get_one_answer(extract, id, data):
    content = SAMPLES[id]
    check(extract, [Document(id, content[: data.draw(st.integers(0, len(content)))])])


@LAWS
@given(st.sampled_from(sorted(SAMPLES)), st.data())
def test_real_files_with_changed_bytes_get_one_answer(extract, id, data):
    content = bytearray(SAMPLES[id])
    for at, byte in data.draw(st.lists(st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255)), max_size=20)):
        content[at] = byte
    check(extract, [Document(id, bytes(content))])


@LAWS
@given(st.text(alphabet="-:#[]\"'\n abtile=`~|>", max_size=200))
def test_markdown_is_never_lost(extract, text):
    (answer,) = extract.apply([Document("a.md", text.encode())])
    assert text.endswith(answer.text.lstrip()) or answer.text == text


@given(st.sampled_from(["utf-8", "utf-16", "utf-8-sig", "utf-32"]), st.text(min_size=1, max_size=200))
def test_text_with_a_mark_or_in_utf_8_comes_out_as_it_went_in(extract, encoding, text):
    text = text.replace("\0", "").replace("\x1b", "").removeprefix("\ufeff") or "x"
    (answer,) = extract.apply([Document("a.txt", text.encode(encoding, "replace"))])
    if isinstance(answer, Document):
        assert answer.text == text.encode(encoding, "replace").decode(encoding).removeprefix("\ufeff")


def test_the_same_bytes_read_the_same_in_any_child_after_any_other_document():
    documents = [Document(id, content) for id, content in SAMPLES.items()]
    first = Extract(workers=1)
    forwards = {answer.id: answer for answer in first.apply(copy.deepcopy(documents))}
    backwards = {answer.id: answer for answer in first.apply(copy.deepcopy(documents[::-1]))}
    first.close()
    assert forwards == backwards
    for document in documents:
        fresh = Extract(workers=1)
        (answer,) = fresh.apply([copy.deepcopy(document)])
        fresh.close()
        assert answer == forwards[document.id]
        assert isinstance(answer, Document)


def test_extract_imports_nothing_that_only_some_documents_need():
    heavy = [
        "selectolax",
        "pypdfium2",
        "python_calamine",
        "charset_normalizer",
        "zipfile",
        "email",
        "subprocess",
        "hashlib",
    ]
    program = (
        f"import sys, syncline.transforms.extract as e; e.Extract(); print([m for m in {heavy} if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"
