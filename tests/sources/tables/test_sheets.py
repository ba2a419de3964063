"""Rows as columns give the same documents as rows one by one: what a reader sees, and every hash of it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncline.sources.tables.documents import Mapper
from syncline.sources.tables.postgresql.text import CopyCodec
from syncline.sources.tables.rows import RowCodec
from syncline.sources.tables.shape import Column, Kind, Relation
from syncline.sources.tables.values import moment, moments
from syncline.store.relational.truth import checksum

COLUMNS = (
    Column("id", "bigint", Kind.INTEGER, nullable=False),
    Column("title", "text", Kind.TEXT),
    Column("body", "text", Kind.TEXT),
    Column("at", "timestamptz", Kind.TIME),
    Column("price", "numeric", Kind.DECIMAL),
    Column("ratio", "float8", Kind.FLOAT),
    Column("flag", "boolean", Kind.BOOLEAN),
    Column("attrs", "jsonb", Kind.JSON),
    Column("tags", "text[]", Kind.ARRAY),
    Column("kind %s", "uuid", Kind.OTHER),
    Column("raw", "bytea", Kind.BINARY),
)
RELATION = Relation("t", "t", COLUMNS, 1, indexed=True)
SETTINGS: list[dict[str, Any]] = [
    {},
    {"title": "{title} ({id})", "body": ["body", "price"], "url": "https://x/{kind %s}/{title}"},
    {"template": "{{{title}}}: {body}", "metadata": ["price", "ratio"]},
    {"template": "nothing in braces", "metadata": []},
    {"title": "at", "body": ["attrs"], "groups": "tags", "names": {"price": "cost"}},
    {"metadata": ["flag"], "body": ["title", "body", "tags"]},
]
DEFAULTS = {"title": "", "body": [], "metadata": None, "template": "", "url": "", "names": {}, "groups": ""}

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
VALUES = [
    st.integers(-(10**18), 10**18).map(str),
    texts,
    texts,
    st.sampled_from(
        [
            "2026-01-31 10:00:00+00",
            "2026-01-31 10:00:00.123456+00",
            "2026-01-31 10:00:00",
            "infinity",
            "0044-03-15 10:00:00+00 BC",
            "12026-01-31 10:00:00+00",
            "2026-01-31",
        ]
    ),
    st.sampled_from(["1.50", "0.00", "-0.00", "0", "NaN", "Infinity", "12345678901234567890.1", "-7"]),
    st.sampled_from(["0", "-0", "1.5", "NaN", "-Infinity", "1e+300", "-0.1"]),
    st.sampled_from(["t", "f"]),
    st.sampled_from(['{"a": "b\\\\nc"}', '["x", "y"]', "3", "1.10", '"text"', "null", "true", "[1, 2]"]),
    st.sampled_from(["{}", "{a,b}", '{"a b","c\\\\"d"}', "{NULL}", "{{a},{b}}"]),
    texts,
    st.binary(max_size=4).map(lambda data: "\\x" + data.hex()),
]
ESCAPES = {"\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r", "\b": "\\b", "\f": "\\f", "\v": "\\v"}
rows = st.lists(st.tuples(VALUES[0], *(st.none() | value for value in VALUES[1:])), min_size=1, max_size=6) | st.lists(
    st.tuples(*VALUES), min_size=1, max_size=6
)


def line(row: tuple[str | None, ...]) -> bytes:
    fields = ("\\N" if value is None else "".join(ESCAPES.get(one, one) for one in value) for value in row)
    return "\t".join(fields).encode()


def same(mapper: Mapper, codec: Any, raws: list[Any]) -> None:
    entries = codec.page(raws)
    ids, versions, tokens = zip(*entries, strict=True)
    sheet = mapper.sheet(ids, versions, codec.columns(tokens))
    assert sheet is not None
    documents = [mapper.document(id, version, codec.values(raw)) for id, version, raw in entries]
    for document in documents:
        document.text = document.text or ""
    made = list(sheet.documents())
    assert [one.metadata_as_json() for one in made] == [one.metadata_as_json() for one in documents]
    assert sheet.metadata == [one.metadata_as_json() for one in documents]
    for one, other in zip(made, documents, strict=True):
        other.metadata = one.metadata  # NaN is not equal to itself
    assert made == documents
    assert sheet.fingerprints() == [document.fingerprint() for document in documents]
    signed = [number - (1 << 64) if number >= 1 << 63 else number for number in map(checksum, documents)]
    assert list(sheet.checksums()) == signed


@pytest.mark.parametrize("number", range(len(SETTINGS)))
@given(rows=rows)
def test_rows_that_copy_wrote_are_the_same_documents_as_columns(number: int, rows: Any) -> None:
    mapper = Mapper(RELATION, SimpleNamespace(**DEFAULTS | SETTINGS[number]))
    same(mapper, CopyCodec(RELATION, "", range(len(COLUMNS) + 1)), [line(row) for row in rows])


anything = st.none() | texts | st.integers() | st.floats(allow_nan=False) | st.booleans() | st.binary(max_size=3)
of_a_driver = [VALUES[7] if column.kind is Kind.JSON else anything for column in COLUMNS[1:]]


@pytest.mark.parametrize("number", range(len(SETTINGS)))
@given(rows=st.lists(st.tuples(st.integers(), *of_a_driver), min_size=1, max_size=6))
def test_rows_of_a_driver_are_the_same_documents_as_columns(number: int, rows: Any) -> None:
    mapper = Mapper(RELATION, SimpleNamespace(**DEFAULTS | SETTINGS[number]))
    same(mapper, RowCodec(RELATION, "t/", range(len(COLUMNS) + 1)), rows)


def test_binary_bodies_and_two_columns_of_one_name_are_taken_row_by_row() -> None:
    for settings in ({"body": ["raw"]}, {"metadata": ["price", "ratio"], "names": {"price": "ratio"}}):
        mapper = Mapper(RELATION, SimpleNamespace(**DEFAULTS | settings))
        codec = CopyCodec(RELATION, "", range(len(COLUMNS) + 1))
        raws = [line(("1", *["x"] * 2, *[None] * 8))]
        assert mapper.sheet(["1"], [None], codec.columns(raws)) is None


@given(column=st.lists(VALUES[3], min_size=1, max_size=5) | st.sampled_from([["2026-01-31 10:00:00-05"] * 3]))
def test_moments_are_moments(column: list[str]) -> None:
    assert moments(column) == [moment(text) for text in column]


@pytest.mark.parametrize("prefix", ["", "shop.orders/", "über/", "two\nlines/"])
def test_ids_are_told_alike_whatever_the_table_is_called(prefix: str) -> None:
    id, body = Column("id", "bigint", Kind.INTEGER, nullable=False), Column("body", "text", Kind.TEXT)
    codec = CopyCodec(Relation("t", "t", (id, body), key=1, indexed=True), prefix, range(3))
    raws = [b"1\tone", b"22\ttwo", b"333\t\\N"]
    expected = [f"{prefix}{number}" for number in (1, 22, 333)]
    for some in (raws, [raw.partition(b"\t")[0] for raw in raws], []):
        told = codec.ids(some)
        ids = told.decode().split("\n")[:-1] if isinstance(told, bytes) else list(told)
        assert ids == [entry.id for entry in codec.names(some, "")] == expected[: len(some)]
    assert [entry.id for entry in codec.page(raws)] == expected
