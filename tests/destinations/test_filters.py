"""Filters and access, against plain Python that says the same."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from syncline.destinations.embedded.facts import moments, order_of, value_fact
from syncline.model.errors import UsageError
from syncline.model.ports import StoredDocument
from syncline.model.search import Filter, Reader

CONNECTORS = {1: "folder", 2: "mail"}

# --- the model: what a filter means, in a few lines of Python ---------------------------------------------------------


def values_of(document: StoredDocument, field: str) -> list[Any]:
    special = {"connector": CONNECTORS[document.connector], "id": document.id}
    special |= {"title": document.title, "media_type": document.media_type}
    if field in special:
        return [special[field]]
    value = document.metadata.get(field)
    return [one for one in (value if isinstance(value, list) else [value]) if one is not None and one == one]


def same(a: Any, b: Any) -> bool:
    return isinstance(a, bool) == isinstance(b, bool) and a == b


def within(value: Any, low: Any, high: Any) -> bool:
    bounds = [bound for bound in (low, high) if bound is not None]
    if isinstance(bounds[0], str):
        moment = moments(value) if isinstance(value, str) else None
        return moment is not None and (
            (low is None or moments(low)[0] <= moment[0]) and (high is None or moment[0] <= moments(high)[1])
        )
    if isinstance(value, str | bool):
        return False
    number = nearest(value)
    return (low is None or nearest(low) <= number) and (high is None or number <= nearest(high))


def nearest(number: float) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def passes(document: StoredDocument, one: Filter) -> bool:
    values = values_of(document, one.field)
    match one.op:
        case "exists":
            return bool(values) and not (one.field in ("title", "media_type") and values == [""])
        case "range":
            return any(within(value, *one.value) for value in values)
        case _:
            wanted = one.value if one.op == "in" else [one.value]
            return any(same(value, want) for value in values for want in wanted)


def may_read(document: StoredDocument, reader: Reader) -> bool:
    if reader.unrestricted:
        return True
    names = {reader.user, f"user:{reader.user}"} if reader.user else set()
    names |= {name for group in reader.groups for name in (group, f"group:{group}")}
    return not names & set(document.deny) and (not document.allow or bool(names & set(document.allow)))


# --- what is drawn ---------------------------------------------------------------------------------------------------

STRINGS = st.sampled_from(["", "a", "A", "b c", "é", "3", "true", "2024-02-30", "\ud800", "x" * 300, "x" * 301])
NUMBERS = st.sampled_from(
    [0, 3, 3.0, -0.0, -2.5, 1e300, math.inf, -math.inf, math.nan, 2**53, 2**53 + 1, -(2**63), 2**64, 10**400]
)
DATES = st.sampled_from(
    ["2024-01-01", "2024-01-31", "2024-01-31T23:59:59.999999", "2024-02-01T00:30:00+01:00", "2024-01-31T12:00Z"]
)
SCALARS = STRINGS | NUMBERS | DATES | st.booleans() | st.none()
VALUES = SCALARS | st.lists(STRINGS | DATES, max_size=3)
KEYS = st.sampled_from(["k", "key with: space", "1 k", "ü"])
PRINCIPALS = st.sampled_from(["user:ann", "ann", "user:bob", "group:sales", "sales", "group:all"])

DOCUMENTS = st.fixed_dictionaries(
    {
        "connector": st.sampled_from([1, 2]),
        "title": STRINGS,
        "media_type": st.sampled_from(["", "text/plain", "text/html"]),
        "metadata": st.dictionaries(KEYS, VALUES, max_size=3),
        "allow": st.lists(PRINCIPALS, max_size=2).map(tuple),
        "deny": st.lists(PRINCIPALS, max_size=1).map(tuple),
    }
)
COMPARABLE = STRINGS | DATES | st.booleans() | NUMBERS
BOUNDS = st.one_of(
    st.tuples(NUMBERS.filter(lambda x: x == x) | st.none(), NUMBERS.filter(lambda x: x == x) | st.none()),
    st.tuples(DATES | st.none(), DATES | st.none()),
).filter(any)
FIELDS = KEYS | st.sampled_from(["connector", "id", "title", "media_type"])
FILTERS = st.one_of(
    st.builds(Filter, FIELDS, st.just("eq"), COMPARABLE | st.sampled_from(["folder", "text/html", "d1"])),
    st.builds(Filter, FIELDS, st.just("in"), st.lists(COMPARABLE, max_size=3)),
    st.builds(Filter, KEYS, st.just("range"), BOUNDS),
    st.builds(Filter, FIELDS, st.just("exists"), st.none()),
)
READERS = st.one_of(
    st.just(Reader(unrestricted=True)),
    st.builds(
        Reader, st.sampled_from([None, "ann", "bob", "zoe"]), st.lists(st.sampled_from(["sales", "all"])).map(tuple)
    ),
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    documents=st.lists(DOCUMENTS, min_size=5, max_size=60),
    questions=st.lists(st.tuples(st.lists(FILTERS, max_size=2), READERS), min_size=10, max_size=30),
    words=st.booleans(),
)
def test_filters_and_access_agree_with_the_model(desk, documents, questions, words):
    for id in list(desk.truth.numbers):
        desk.truth.delete(id)
    for number, document in enumerate(documents):
        desk.truth.put(f"d{number}", "some words", **document)
    desk.index.settle()
    for filters, reader in questions:
        expected = [
            document.id
            for _, document in sorted(desk.truth.documents.items())
            if may_read(document, reader) and all(passes(document, one) for one in filters)
        ]
        found = desk.ask("words" if words else "", *filters, reader=reader, limit=100)
        ids = [hit.id for hit in found.hits]
        assert (sorted(ids), found.total) == (sorted(expected), len(expected)), (filters, reader)
        assert words or ids == expected


# --- the same in plain sentences ------------------------------------------------------------------------------------


def put(desk, **metadata: Any) -> None:
    for id, value in metadata.items():
        desk.truth.put(id, "text", metadata={"k": value})
    desk.index.settle()


def test_three_is_three_point_zero_and_neither_true_nor_a_string(desk):
    put(desk, int=3, float=3.0, string="3", one=1, yes=True)
    assert desk.ids("", Filter("k", "eq", 3)) == ["int", "float"]
    assert desk.ids("", Filter("k", "eq", True)) == ["yes"]
    assert desk.ids("", Filter("k", "eq", 1)) == ["one"]


def test_large_integers_stay_distinct(desk):
    put(desk, a=2**53, b=2**53 + 1)
    assert desk.ids("", Filter("k", "eq", 2**53 + 1)) == ["b"]


def test_a_date_as_upper_end_means_its_whole_day(desk):
    put(desk, noon="2024-01-31T12:00:00", next="2024-02-01", number=20240131)
    assert desk.ids("", Filter("k", "range", ("2024-01-01", "2024-01-31"))) == ["noon"]
    assert desk.ids("", Filter("k", "range", (None, datetime(2024, 1, 31, 12, tzinfo=UTC)))) == ["noon"]
    assert desk.ids("", Filter("k", "range", (date(2024, 2, 1), None))) == ["next"]


@pytest.mark.parametrize(
    "wrong",
    [
        Filter("k", "range", ("a", "b")),
        Filter("k", "range", (True, 2)),
        Filter("k", "range", (1, "2024-01-01")),
        Filter("k", "range", (None, None)),
        Filter("k", "range", (math.nan, None)),
        Filter("k", "range", 5),
        Filter("k", "range", "ab"),
        Filter("title", "range", ("2024-01-01", None)),
        Filter("k", "in", "abc"),
        Filter("k", "in", 5),
        Filter("k", "in", [["nested"]]),
        Filter("k", "eq", None),
        Filter("k", "eq", ["a"]),
        Filter("k", "like", "a%"),
    ],
)
def test_a_senseless_filter_is_refused_with_a_remedy(desk, wrong):
    put(desk, a=1)
    with pytest.raises(UsageError) as refused:
        desk.ask("", wrong)
    assert refused.value.remedy.endswith(".")


def test_nobody_sees_public_documents_only_and_deny_wins(desk):
    desk.truth.put("public", "text")
    desk.truth.put("sales", "text", allow=("group:sales",))
    desk.truth.put("not bob", "text", allow=("group:sales",), deny=("user:bob",))
    desk.index.settle()
    assert desk.ids("text", reader=Reader()) == ["public"]
    assert desk.ids("text", reader=Reader("ann", ("sales",))) == ["public", "sales", "not bob"]
    assert desk.ids("text", reader=Reader("bob", ("sales",))) == ["public", "sales"]
    assert desk.ids("text", reader=Reader("ann", ("legal",))) == ["public"]


@given(st.integers() | st.floats(allow_nan=False), st.integers() | st.floats(allow_nan=False))
def test_the_order_of_numbers_is_kept(a, b):
    low, high = order_of(a), order_of(b)
    assert (low < high) == (nearest(a) < nearest(b))
    assert -(2**63) <= low < 2**63


@given(st.datetimes(), st.datetimes())
def test_the_order_of_dates_is_kept(a, b):
    assert (moments(a.isoformat())[0] < moments(b.isoformat())[0]) == (a < b)


@given(st.text(), st.text(), st.text(), st.text())
def test_no_two_facts_are_confused(key, value, other_key, other_value):
    if (key, value) != (other_key, other_value):
        assert value_fact(key, value) != value_fact(other_key, other_value)
