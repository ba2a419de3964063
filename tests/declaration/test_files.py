"""Reading YAML strictly."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from syncline.model.errors import NotFound
from syncline.service.declaration.files import (
    MAX_BYTES,
    MAX_DEPTH,
    DeclarationInvalid,
    Yaml,
    found_at,
    read_bytes,
    read_file,
)


def read(text: str | bytes) -> Yaml:
    return read_bytes(text.encode() if isinstance(text, str) else text, "f.yaml", "/srv")


def refusal(text: str | bytes) -> str:
    with pytest.raises(DeclarationInvalid) as caught:
        read(text)
    return caught.value.message.split("\n", 1)[-1]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("true", True), ("False", False), ("on", "on"), ("Off", "Off"), ("yes", "yes"), ("no", "no"), ("y", "y"),
        ("1", 1), ("-3", -3), ("0", 0), ("1.5", 1.5), ("0123", "0123"), ("0x1f", "0x1f"), ("1e5", "1e5"),
        ("1_000", "1_000"), ("12:30", "12:30"), ("2026-11-22", "2026-11-22"),
        ("2026-11-22T10:00:00Z", "2026-11-22T10:00:00Z"),
        ("~", None), ("null", None), ("", None), ("'1'", "1"), ('"true"', "true"), ("!!str 1", "1"), (".inf", ".inf"),
        ("99999999999999999999999", "99999999999999999999999"), ("|\n  a\n  b\n", "a\nb\n"), ("0 3 * * *", "0 3 * * *"),
    ],
)  # fmt: skip
def test_scalars_mean_what_they_look_like(written, meant):
    assert read(f"a: {written}").values == {"a": meant}


def test_keys_are_always_text():
    assert read("{on: 1, 1: 2, null: 3, 1.0: 4}").values == {"on": 1, "1": 2, "null": 3, "1.0": 4}


def test_merge_keys_and_aliases_repeat_what_is_there():
    found = read("base: &b {x: 1, y: {z: 2}}\na: {<<: *b, x: 9}\nb: {<<: [*b, {q: 5}]}\nc: *b\n")
    assert found.values["a"] == {"x": 9, "y": {"z": 2}}
    assert found.values["b"] == {"x": 1, "y": {"z": 2}, "q": 5}
    assert found.values["c"] == {"x": 1, "y": {"z": 2}}
    assert found.faults == []


def test_duplicate_keys_are_told_with_both_lines():
    (fault,) = read("a:\n  b: 1\n  c: 2\n  b: 3\n").faults
    assert str(fault) == "4:3 a.b: the key 'b' stands here twice, first in line 2. Remove one of them."


def test_every_value_knows_where_it_stands():
    found = read("a:\n  - b\n  - {c: ä, d: 1}\n")
    assert found.place(("a", 1, "d")) == (3, 15)
    assert found.keys[("a", 1, "d")] == (3, 12)
    assert found.place(("a", 1, "nothing", "here")) == (3, 5)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: [1, 2\nb: 3\n", "f.yaml:2:2: did not find expected ',' or ']'"),
        ("a:\n\t- b", "f.yaml:2:1: found character that cannot start any token. Quote"),
        ("a: b: c", "f.yaml:1:5: mapping values are not allowed"),
        ("a: \x07", "f.yaml:1:4: the character U+0007 may not stand in YAML"),
        (b"a: \xc3\xa4\nb\xff", "f.yaml:2:2: is not UTF-8: byte 0xff"),
        ("a: 1\n---\nb: 2", "f.yaml:2:1: is a second document"),
        ("a: *nobody", "f.yaml:1:4: there is no anchor &nobody above"),
        ("&a [*a]", "f.yaml:1:5: *a stands inside of what it repeats"),
        ("[" * 5000, f"f.yaml:1:{MAX_DEPTH + 1}: is nested more than {MAX_DEPTH} deep"),
        ("{a: " * 5000, f"is nested more than {MAX_DEPTH} deep"),
        ("- " * 5000, f"is nested more than {MAX_DEPTH} deep"),
    ],
)
def test_what_is_no_yaml_is_told_with_line_and_column(text, told):
    assert told in refusal(text)


def test_tags_make_no_objects():
    found = read("a: !!python/object/apply:os.system ['true']\nb: !ENV HOME\n")
    assert [fault.message for fault in found.faults] == [
        "the tag !!python/object/apply:os.system is not known here",
        "the tag !ENV is not known here",
    ]


@pytest.mark.parametrize("form", ["[*{0}, *{0}]", "{{<<: [*{0}, *{0}]}}", "{{x: *{0}, y: *{0}}}"])
def test_a_small_file_cannot_unfold_to_a_large_one(form):
    lines = ["a0: &a0 {k: 1}", *(f"a{n}: &a{n} {form.format(f'a{n - 1}')}" for n in range(1, 60))]
    assert "aliases unfold to more than anybody declares" in refusal("\n".join(lines))


def test_a_file_may_not_be_larger_than_4_mib(tmp_path):
    file = tmp_path / "syncline.yaml"
    file.write_bytes(b"a: 1\n#" + b"x" * MAX_BYTES)
    with pytest.raises(DeclarationInvalid, match="larger than 4 MiB"):
        read_file(str(file))


def test_a_byte_order_mark_is_no_matter():
    assert read(b"\xef\xbb\xbfa: 1").values == {"a": 1}


def test_the_file_is_looked_for_where_one_is(tmp_path: Path):
    with pytest.raises(NotFound, match=r"there is no syncline\.yaml in"):
        found_at(None, str(tmp_path))
    (tmp_path / "syncline.yml").write_text("")
    assert found_at(None, str(tmp_path)) == "syncline.yml"
    assert found_at("-", str(tmp_path)) == "-"
    with pytest.raises(NotFound, match=r"there is no file other\.yaml"):
        found_at("other.yaml", str(tmp_path))


def test_a_directory_is_no_file(tmp_path: Path):
    with pytest.raises(DeclarationInvalid, match="cannot be read"):
        read_file(str(tmp_path))


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**17), 10**17) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs", "Cc"])),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text("abc <:-#'\"on1", max_size=5), inner, max_size=3),
    max_leaves=12,
)  # fmt: skip


@given(PLAIN)
def test_what_is_dumped_is_read_back(value):
    found = read(yaml.safe_dump(value, allow_unicode=True))
    assert found.values == value
    assert found.faults == []


@given(st.text("ab:-?[]{}&*!|>'\"%@#,\n \t<1\x85é", max_size=60))
def test_any_text_is_read_or_refused(text):
    try:
        found = read(text)
    except DeclarationInvalid as error:
        refused = error
    else:
        assert found.places[()] == found.place(("nothing",))
        return
    assert refused.details["faults"][0]["line"] >= 1
