"""Text formats: encodings, Markdown, tables, JSON."""

from __future__ import annotations

import codecs

import pytest

from syncline.model.ports import Unwanted

GERMAN = "Die Rückgabe ist möglich, wenn die Ware ungeöffnet ist. Größe: 10 m². Das kostet 20 €.\n"
FRENCH = "Été comme hiver, les clients français reçoivent une réponse à l’heure.\n"
RUSSIAN = "Возврат возможен в течение тридцати дней после покупки товара.\n"
CZECH = "Příliš žluťoučký kůň úpěl ďábelské ódy. Vrácení zboží je možné.\n"
JAPANESE = "返品は三十日以内に可能です。カタカナとひらがなを含む文章。\n"
CHINESE = "退货必须在三十天内进行。这是一个中文文件的例子。\n"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (GERMAN, "utf-8"),
        (GERMAN, "utf-8-sig"),
        (GERMAN, "utf-16"),
        (GERMAN, "utf-16-le"),
        (GERMAN, "utf-16-be"),
        (GERMAN, "utf-32"),
        (GERMAN, "utf-32-le"),
        (GERMAN, "utf-32-be"),
        (GERMAN, "cp1252"),
        (FRENCH, "cp1252"),
        (CZECH, "cp1250"),
        (RUSSIAN, "cp1251"),
        (RUSSIAN, "koi8-r"),
        (RUSSIAN, "utf-16-le"),
        (JAPANESE, "shift_jis"),
        (JAPANESE, "euc_jp"),
        (JAPANESE, "iso2022_jp"),
        (JAPANESE, "utf-16"),
        (CHINESE, "gbk"),
        (CHINESE, "utf-16-be"),
    ],
)
def test_text_is_read_in_any_encoding(read, text, encoding):
    content = (text * 20).encode(encoding)
    answer = read("notes.txt", content)
    assert answer.text == text * 20
    assert answer.warning is None
    assert answer.content is None
    assert answer.media_type == "text/plain"


def test_the_charset_that_the_source_names_decides_where_the_bytes_do_not(read):
    answer = read("a", b"Zwrot" + b"\xb3", media_type="text/plain; charset=ISO-8859-2")
    assert answer.text == "Zwrotł"


def test_a_stray_byte_does_not_turn_the_rest_into_nonsense(read):
    answer = read("log.txt", (GERMAN * 5).encode() + b"\xff" + GERMAN.encode())
    assert GERMAN * 5 in answer.text
    assert answer.warning == ("extract.encoding", "1 characters could not be decoded")


def test_a_nul_beyond_the_head_is_replaced_and_one_in_the_head_makes_it_binary(read):
    assert read("a.log", b"x" * 9000 + b"\0end").text == "x" * 9000 + "\ufffdend"
    assert read("a.log", b"one\0two\0three") == Unwanted(
        "a.log", "no text in application/octet-stream", "filtered.no_text"
    )


def test_long_text_is_read_like_short_text(read):
    body = (GERMAN * 60_000)[:1_900_000]
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "cp1252", "utf-32-le"):
        answer = read("big.txt", body.encode(encoding))
        assert answer.text == body, encoding


def test_a_file_name_is_the_title_of_what_has_none_and_other_ids_are_not(read):
    assert read("docs/prices.csv", b"name,price\nhammer,12\n").title == "prices.csv"
    assert read("https://example.org/a/terms.txt?v=2", b"words").title == "terms.txt"
    assert read("customers/42", b"words").title == ""
    assert read("a.txt", b"words", title="Given").title == "Given"


def test_tables_keep_their_text(read):
    answer = read("prices.tsv", b"name\tprice\nhammer\t12\n")
    assert answer.text == "name\tprice\nhammer\t12\n"
    assert answer.media_type == "text/tab-separated-values"


@pytest.mark.parametrize(
    ("markdown", "title"),
    [
        ("# Refunds\n\ntext", "Refunds"),
        ("intro\n\n## Second level first ##\n", "Second level first"),
        ("Refunds\n=======\n\ntext", "Refunds"),
        ("\n\nRefunds\n---\ntext", "Refunds"),
        ("```\n# not this\n```\n# But this\n", "But this"),
        ("~~~\n# not\n```\n# this\n~~~\n# But this\n", "But this"),
        ("# The **bold** `code` [link](http://x.org) title\n", "The bold code link title"),
        ("#hashtag is no heading\n", "a.md"),
        ("just text\n\n---\n\nmore", "a.md"),
        ("\ufeff# With a mark\n", "With a mark"),
        ("# \n\n# Second\n", "Second"),
        ("", "a.md"),
    ],
)
def test_the_first_heading_of_markdown_is_its_title(read, markdown, title):
    answer = read("a.md", markdown.encode())
    assert answer.title == title
    assert answer.text == markdown.removeprefix("\ufeff")


@pytest.mark.parametrize(
    "line", ["**a" * 400_000, "`a" * 400_000 + "``", "[" * 400_000, "[a](" * 400_000, "#" * 400_000]
)
@pytest.mark.timeout(60)  # what is quadratic in 400,000 characters takes hours
def test_a_heading_of_any_length_is_read_in_one_pass(read, line):
    answer = read("a.md", f"# {line}\n".encode())
    assert len(answer.title) <= 500


FRONT = """---
title: "Refund policy"
authors:
  - Ann Lee
  - Bo
date: 2024-05-01
lastmod: 2024-05-02T10:00:00+02:00
tags: [money, "customer care"]
description: How to get it back # not how long
nested:
  deeper: value
draft: false
---

# Heading

Body
"""


def test_front_matter_becomes_title_and_metadata_and_leaves_the_text(read):
    answer = read("a.md", FRONT.encode())
    assert answer.title == "Refund policy"
    assert answer.text == "# Heading\n\nBody\n"
    assert answer.metadata == {
        "author": "Ann Lee, Bo",
        "created": "2024-05-01",
        "modified": "2024-05-02T08:00:00Z",
        "tags": ["money", "customer care"],
        "description": "How to get it back",
    }


def test_what_the_source_says_wins_over_what_the_content_says(read):
    answer = read("a.md", FRONT.encode(), title="Ours", metadata={"author": "us", "team": "x"})
    assert answer.title == "Ours"
    assert answer.metadata["author"] == "us"
    assert answer.metadata["team"] == "x"
    assert answer.metadata["created"] == "2024-05-01"


@pytest.mark.parametrize(
    "text", ["---\n\nA line between rules\n\n---\n", "---\ntitle: never closed\n", "--- x\na: b\n---\n"]
)
def test_what_only_looks_like_front_matter_stays(read, text):
    assert read("a.md", text.encode()).text == text


def test_json_reads_as_values_behind_their_keys(read):
    answer = read(
        "a.json",
        b'{"title": "Hammer", "price": 12.50, "tags": ["tool", "steel"], "maker": {"name": "Acme"}, '
        b'"parts": [{"id": 1}, {"id": 2}], "sold": null, "new": true}',
    )
    assert answer.title == "Hammer"
    assert answer.text == (
        "title: Hammer\nprice: 12.50\ntags: tool, steel\nmaker:\n  name: Acme\n"
        "parts:\n  id: 1\n\n  id: 2\nsold: \nnew: true"
    )


def test_json_lines_read_line_by_line(read):
    answer = read("a.jsonl", b'{"name": "one"}\n\n{"name": "two"}\nnot json\n')
    assert answer.text == "name: one\n\nname: two\n\nnot json"
    assert answer.warning == ("extract.invalid", "1 lines are not valid JSON; indexed as plain text")


@pytest.mark.parametrize("content", [b'{"a": ', b"[" * 50_000, b'{"a": 1} trailing', b"{'a': 1}"])
def test_invalid_json_is_indexed_as_plain_text_with_a_warning(read, content):
    answer = read("a.json", content)
    assert answer.text == content.decode().strip()
    assert answer.warning == ("extract.invalid", "not valid JSON; indexed as plain text")


def test_numbers_of_json_keep_their_spelling(read):
    digits = "9" * 6000
    assert (
        read("a.json", f'{{"a": 1e400, "b": 0.10, "c": {digits}}}'.encode()).text == f"a: 1e400\nb: 0.10\nc: {digits}"
    )


def test_halves_of_characters_in_json_do_not_get_into_the_index(read):
    assert (
        read("a.json", rb'{"a": "\ud83d\ude00", "b": "\ud83d x", "c": "\u0000"}').text
        == "a: 😀\nb: \ufffd x\nc: \ufffd"
    )


def test_large_json_is_read_by_a_child_and_very_large_json_stays_as_it_is(read):
    lines = b",".join(b'{"n": %d, "pad": "%s"}' % (n, b"x" * 100) for n in range(12_000))
    large = read("a.json", b'{"title": "Large", "items": [' + lines + b"]}")
    assert large.title == "Large"
    assert large.text.startswith("title: Large\nitems:\n  n: 0\n")
    assert large.warning is None
    very_large = read("a.json", b'{"title": "x", "pad": "' + b"y" * (17 << 20) + b'"}')
    assert very_large.text.startswith('{"title"')
    assert very_large.warning is not None
    assert very_large.warning[0] == "extract.plain"


def test_notebooks_give_what_was_written_in_them(read):
    answer = read(
        "a.ipynb",
        b'{"nbformat": 4, "cells": [{"cell_type": "markdown", "source": ["# Study\\n", "of prices"]}, '
        b'{"cell_type": "code", "source": "x = 1", "outputs": [{"data": {"image/png": "iVBOR"}}]}]}',
    )
    assert answer.title == "Study"
    assert answer.text == "# Study\nof prices\n\nx = 1"


def test_empty_files_are_documents_without_text_and_without_a_warning(read):
    for id in ("a.txt", "a.md", "a.pdf", "a.docx", "a.html", "a.json", "no-extension"):
        answer = read(id, b"")
        assert (answer.text, answer.warning, answer.content) == ("", None, None)


@pytest.mark.parametrize("content", [b" \n\t\n", codecs.BOM_UTF8, "\u200b\u200b".encode()])
def test_text_with_nothing_to_see_is_a_warning(read, content):
    answer = read("a.txt", content)
    assert answer.warning == ("extract.empty", f"no text found in {len(content)} bytes")
