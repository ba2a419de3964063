"""Values from outside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncline.service.declaration.expand import Expanded, escaped, expand
from syncline.service.declaration.files import read_bytes

ENVIRON = {"A": "one", "EMPTY": "", "B_2": "two"}


def expanded(text: str, folder: str = "/srv") -> Expanded:
    return expand(read_bytes(text.encode(), "f.yaml", folder), ENVIRON)


def value(text: str) -> Any:
    found = expanded(f"a: '{text}'")
    assert found.faults == []
    return found.values["a"]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("${A}", "one"), ("x${A}y${B_2}z", "xoneytwoz"), ("${EMPTY}", ""), ("${NOPE:-d}", "d"), ("${EMPTY:-d}", "d"),
        ("${A:-d}", "one"), ("${NOPE:-}", ""), ("${NOPE:-a:-b}", "a:-b"), ("$${A}", "${A}"), ("$$${A}", "$${A}"),
        ("$A", "$A"), ("cost: 5$", "cost: 5$"), ("{A}", "{A}"), ("$${", "${"),
    ],
)  # fmt: skip
def test_references_are_replaced(written, meant):
    assert value(written) == meant


def test_references_are_replaced_in_every_text_but_in_no_key():
    found = expanded("${A}: ['${A}', {x: '${B_2}'}, 5]")
    assert found.values == {"${A}": ["one", {"x": "two"}, 5]}
    assert found.written == {("${A}", 0): "${A}", ("${A}", 1, "x"): "${B_2}"}


def test_an_expanded_text_is_not_expanded_again():
    assert expand(read_bytes(b"a: ${X}", "f", "/"), {"X": "${A}", "A": "no"}).values == {"a": "${A}"}


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("${NOPE}", "the variable NOPE is not set. Set it, or give a default: ${NOPE:-…}."),
        ("${A", "${A refers to nothing. Write ${NAME}"),
        ("${}", "${} refers to nothing"),
        ("${A-d}", "${A-d} refers to nothing"),
        ("${file:/nope/nothing}", "the file /nope/nothing cannot be read: No such file or directory"),
        ("${file:}", "cannot be read: Is a directory"),
    ],
)
def test_what_is_missing_is_told_with_its_place(written, told):
    (fault,) = expanded(f"a:\n  b: '{written}'").faults
    assert told in str(fault)
    assert str(fault).startswith("2:6 a.b: ")


def test_files_count_from_the_declaration_and_lose_one_newline(tmp_path: Path):
    (tmp_path / "secrets").mkdir()
    for name, content in (("one", b"hunter2\n"), ("two", b"a\nb\r\n"), ("three", b"x\n\n"), ("bad", b"\xff")):
        (tmp_path / "secrets" / name).write_bytes(content)
    text = "a: ['${file:secrets/one}', '${file: secrets/two}', '${file:./secrets/three}']"
    found = expanded(text, str(tmp_path))
    assert found.values == {"a": ["hunter2", "a\nb", "x\n"]}
    assert "is not UTF-8" in expanded("a: ${file:secrets/bad}", str(tmp_path)).faults[0].message


def test_what_was_put_in_can_be_hidden():
    found = expanded("a: ['${A}', '${NOPE:-default}', '${B_2}']")
    assert found.hide("one and 'two' and default") == "*** and '***' and default"
    assert found.from_outside(("a",)) == "${A}"
    assert found.from_outside(("b",)) is None


@given(st.text("${}:-A \\file", max_size=20))
def test_an_escaped_text_means_itself(text):
    read = read_bytes(b"a: x", "f", "/")
    read.values = {"a": escaped(text)}
    assert expand(read, ENVIRON).values == {"a": text}
