"""What is remembered of keys and values changes nothing: each document is laid out as if it were the first."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.destinations.truths import stored

from syncline.destinations.embedded import facts, terms
from syncline.destinations.embedded.terms import Terms
from syncline.model.ports import StoredDocument
from syncline.model.search import Facet, Filter, Sort


def facts_of(document: StoredDocument) -> Iterator[str]:
    """Every exact term of a document, by its definition."""
    yield facts.connector_fact(document.connector)
    yield facts.id_fact(document.id)
    yield facts.title_fact(document.title)
    yield facts.media_fact(document.media_type)
    if document.url:
        yield facts.url_fact(document.url)
    if document.allow:
        yield facts.RESTRICTED
        yield from map(facts.allow_fact, document.allow)
    if document.deny:
        yield facts.DENYING
        yield from map(facts.deny_fact, document.deny)
    for key, value in document.metadata.items():
        found = [fact for one in facts.each(value) if (fact := facts.value_fact(key, one)) is not None]
        if found:
            yield facts.key_fact(key)
            yield from found


def numbers_of(document: StoredDocument) -> dict[str, list[int]]:
    """Its ordered numbers and dates by path, by their definition."""
    found: dict[str, list[int]] = {}
    for key, value in document.metadata.items():
        for one in facts.each(value):
            moment = facts.moments(one) if isinstance(one, str) else None
            if moment is not None:
                found.setdefault(facts.date_path(key), []).append(moment[0])
            if (number := facts.order_of(one)) is not None:
                found.setdefault(facts.number_path(key), []).append(number)
    return found


SCALARS = st.one_of(
    st.sampled_from(["red", "1", "True", "new york", "2024-01-31", "2024-01-31T12:00:00Z", "2024-13-01", "", "x" * 64]),
    st.sampled_from(
        ["x" * 65, "2024-01-31T12:00:00." + "0" * 60, "\ud800", "\\41;", "a\x7fb", 2**63, -(2**63), 10**400]
    ),
    st.sampled_from([1, 1.0, True, False, 0, -0.0, None, float("nan"), float("inf"), 1e300, 0.1]),
    st.text(max_size=70),
    st.integers(),
    st.floats(),
)
METADATA = st.dictionaries(
    st.sampled_from(["k", "color", "a b", "x" * 300, ""]), SCALARS | st.lists(SCALARS, max_size=3), max_size=4
)


@given(st.lists(METADATA, max_size=8), st.booleans())
def test_documents_are_laid_out_by_definition_whatever_came_before(several, cramped):
    ours = Terms()
    if cramped:
        ours._room = 2
    for number, metadata in enumerate(several * 2):
        document = stored(number, f"id {number}", title="a title", metadata=metadata, url="u", allow=("user:a b",))
        said, numbers = ours.of(document)
        assert sorted({*said.split(" ")}) == sorted({*facts_of(document)})
        found: dict[str, Any] = json.loads(numbers) if numbers else {}
        listed = {path: value if isinstance(value, list) else [value] for path, value in found.items()}
        assert listed == numbers_of(document)


def test_what_is_remembered_is_bounded(monkeypatch):
    monkeypatch.setattr(terms, "_KEYS", 10)
    monkeypatch.setattr(terms, "_ROOM", 20)
    monkeypatch.setattr(terms, "_VALUES", 4)
    ours = Terms()
    for number in range(1000):
        ours.of(stored(number, str(number), metadata={f"k{number % 12}": str(number)}, media_type=f"text/{number}"))
    assert len(ours._keys) <= 10
    assert len(ours._media) <= 4
    assert sum(len(key.known) for key in ours._keys.values()) <= 20


@pytest.mark.parametrize("length", [facts.LONGEST_TEXT, facts.LONGEST_TEXT + 1])
def test_long_texts_are_found_sorted_and_counted_like_short_ones(desk, length):
    values = {id: f"{letter}".ljust(length, "z") for id, letter in (("1", "b"), ("2", "a"), ("3", "c"), ("4", "a"))}
    for id, value in values.items():
        desk.truth.put(id, "word", metadata={"k": value})
    desk.index.settle()
    assert desk.ids("", Filter("k", "eq", values["2"])) == ["2", "4"]
    assert desk.ids("", Filter("k", "in", [values["1"], values["3"]])) == ["1", "3"]
    assert desk.ids("", Filter("k", "prefix", "az")) == ["2", "4"]
    assert desk.ids("", Filter("k", "contains", "CZ")) == ["3"]
    assert desk.ids("", Filter("k", "exists")) == ["1", "2", "3", "4"]
    assert desk.ids("", sort=[Sort("k")]) == ["2", "4", "1", "3"]
    counted = desk.ask("", facets=[Facet("k", 5)]).facets["k"]
    assert dict(counted) == {values["2"]: 2, values["1"]: 1, values["3"]: 1}
