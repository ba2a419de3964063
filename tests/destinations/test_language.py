"""Trees of conditions, orders and facets, against plain Python that says the same; then in plain sentences."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.destinations.test_filters import (
    BOUNDS,
    COMPARABLE,
    CONNECTORS,
    DATES,
    KEYS,
    NUMBERS,
    PRINCIPALS,
    READERS,
    STRINGS,
    VALUES,
    may_read,
    nearest,
    same,
    within,
)

from syncline.destinations.embedded import conditions, sorting
from syncline.destinations.embedded.facts import escaped, moments, unescaped, value_fact, value_in, value_stems
from syncline.model.errors import UsageError
from syncline.model.ports import StoredDocument
from syncline.model.search import All, AnyOf, Facet, Filter, Not, Reader, Sort

NAMED = ("connector", "id", "title", "text", "media_type", "url")

# --- the model -------------------------------------------------------------------------------------------------------


def values_of(document: StoredDocument, field: str) -> list[Any]:
    if field == "connector":
        return [CONNECTORS[document.connector]]
    if field in NAMED:
        return [getattr(document, field)]
    value = document.metadata.get(field)
    return [one for one in (value if isinstance(value, list) else [value]) if one is not None and one == one]


def beyond(value: Any, bound: Any, sign: int) -> bool:
    if isinstance(bound, str):
        moment, edges = moments(value) if isinstance(value, str) else None, moments(bound)
        return moment is not None and (moment[0] > edges[1] if sign > 0 else moment[0] < edges[0])
    return not isinstance(value, str | bool) and sign * (nearest(value) > nearest(bound)) > (
        sign * (nearest(value) < nearest(bound))
    )


def passes(document: StoredDocument, one: Any) -> bool:
    match one:
        case All(inner):
            return all(passes(document, each) for each in inner)
        case AnyOf(inner):
            return any(passes(document, each) for each in inner)
        case Not(inner):
            return not passes(document, inner)
    values = values_of(document, one.field)
    texts = [value for value in values if isinstance(value, str)]
    match one.op:
        case "exists":
            return bool(values) and (one.field not in NAMED or values != [""])
        case "range":
            return any(within(value, *one.value) for value in values)
        case "above":
            return any(beyond(value, one.value, 1) for value in values)
        case "below":
            return any(beyond(value, one.value, -1) for value in values)
        case "prefix":
            return any(text.startswith(one.value) for text in texts)
        case "contains":
            return any(one.value.casefold() in text.casefold() for text in texts)
        case "words":
            return bool(one.value.split()) and set(one.value.lower().split()) <= set(texts[0].lower().split())
        case _:
            wanted = one.value if one.op == "in" else [one.value]
            return any(same(value, want) for value in values for want in wanted)


def key_of(value: Any) -> tuple[int, Any]:
    if isinstance(value, bool):
        return 3, value
    if isinstance(value, str):
        moment = moments(value)
        return (2, value) if moment is None else (1, moment[0])
    return 0, nearest(value)


def in_order(documents: list[StoredDocument], order: list[Sort]) -> list[StoredDocument]:
    def compare(document: StoredDocument, one: Sort) -> tuple[int, Any]:
        values = [value for value in values_of(document, one.field) if one.field not in NAMED or value]
        keys = [(2, value) if one.field in NAMED else key_of(value) for value in values]
        kind = min((kind for kind, _ in keys), default=4)
        inside = [value for other, value in keys if other == kind]
        return kind, (max(inside) if one.descending else min(inside)) if inside else 0

    for one in reversed(order):
        kinds: list[list[StoredDocument]] = [[], [], [], [], []]
        for document in documents:
            kinds[compare(document, one)[0]].append(document)
        for kind in kinds:
            kind.sort(key=lambda document: compare(document, one)[1], reverse=one.descending)
        documents = [document for kind in kinds for document in kind]
    return documents


def counted(documents: list[StoredDocument], field: str) -> Counter[Any]:
    """By (kind, value), so that True is not 1."""
    found: Counter[Any] = Counter()
    for document in documents:
        values = [value for value in values_of(document, field) if field not in NAMED or value]
        found.update({(isinstance(value, bool), isinstance(value, str), value) for value in values})
    return found


# --- what is drawn ---------------------------------------------------------------------------------------------------

WORDS = st.lists(st.sampled_from(["alpha", "Beta", "gamma", "BETA", "delta"]), max_size=4).map(" ".join)
URLS = st.sampled_from(["", "https://e.org/a", "https://e.org/a b", "https://e.org/" + "x" * 300, "file:///a"])
DOCUMENTS = st.fixed_dictionaries(
    {
        "text": WORDS,
        "connector": st.sampled_from([1, 2]),
        "title": STRINGS | WORDS,
        "media_type": st.sampled_from(["", "text/plain", "text/html; charset=utf-8"]),
        "url": URLS,
        "metadata": st.dictionaries(KEYS, VALUES, max_size=3),
        "allow": st.lists(PRINCIPALS, max_size=2).map(tuple),
        "deny": st.lists(PRINCIPALS, max_size=1).map(tuple),
    }
)
FIELDS = KEYS | st.sampled_from(NAMED)
PARTS = st.sampled_from(
    ["", "a", "A", "b ", "b c", "É", "x" * 250, "ta ga", "2024-01", "text/", "d1", "https://e", "ﬀ"]
)
TEXTS = STRINGS | WORDS | URLS | st.sampled_from(["folder", "text/html; charset=utf-8", "d1"])
LEAVES = st.one_of(
    st.builds(Filter, FIELDS, st.just("eq"), COMPARABLE | TEXTS),
    st.builds(Filter, FIELDS, st.just("in"), st.lists(COMPARABLE | TEXTS, max_size=3)),
    st.builds(Filter, KEYS, st.just("range"), BOUNDS),
    st.builds(Filter, KEYS, st.sampled_from(["above", "below"]), DATES | NUMBERS.filter(lambda x: x == x)),
    st.builds(Filter, FIELDS, st.just("exists"), st.none()),
    st.builds(Filter, FIELDS, st.sampled_from(["prefix", "contains"]), PARTS),
    st.builds(Filter, st.just("text"), st.just("words"), WORDS),
)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(All, st.lists(inner, max_size=3)),
        st.builds(AnyOf, st.lists(inner, max_size=3)),
        st.builds(Not, inner),
    ),
    max_leaves=5,
)
SORTS = st.lists(
    st.builds(Sort, KEYS | st.sampled_from(["connector", "id", "title", "media_type", "url"]), st.booleans()),
    max_size=3,
)
FACETS = st.lists(
    st.builds(Facet, KEYS | st.sampled_from(["connector", "id", "title", "media_type", "url"]), st.integers(0, 5)),
    max_size=2,
    unique_by=lambda facet: facet.field,
)
QUESTIONS = st.tuples(st.lists(TREES, max_size=2), READERS, SORTS, FACETS, st.booleans(), st.booleans())


def fill(desk, documents) -> list[StoredDocument]:
    for id in list(desk.truth.numbers):
        desk.truth.delete(id)
    for number, document in enumerate(documents):
        desk.truth.put(f"d{number}" if number % 3 else f"d {number}", **document)
        if number == len(documents) // 2:
            desk.index.settle()  # so that there are several segments
    desk.index.settle()
    return [document for _, document in sorted(desk.truth.documents.items())]


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(documents=st.lists(DOCUMENTS, min_size=5, max_size=40), questions=st.lists(QUESTIONS, min_size=5, max_size=12))
def test_everything_agrees_with_the_model(desk, documents, questions):
    stored = fill(desk, documents)
    for trees, reader, order, facets, worded, narrow in questions:
        matching = [one for one in stored if may_read(one, reader) and all(passes(one, tree) for tree in trees)]
        if worded:
            matching = [one for one in matching if "alpha" in one.text or "alpha" in one.title]
        narrowing(narrow)
        found = desk.ask("alpha" if worded else "", *trees, reader=reader, limit=100, sort=order, facets=facets)
        narrowing(False)
        asked = (trees, reader, order)
        assert found.total == len(matching), asked
        if order or not worded:
            assert [hit.id for hit in found.hits] == [one.id for one in in_order(matching, order)], asked
        assert desk.ask("alpha" if worded else "", *trees, reader=reader, limit=0).total == len(matching)
        for facet in facets:
            agree(found.facets[facet.field], counted(matching, facet.field), facet.limit)


def narrowing(on: bool) -> None:
    """Whether the index is asked which matches can be among the first, as it is with many."""
    sorting._MANY = 3 if on else 20_000
    sorting._BATCH = 2 if on else 5_000
    sorting._DISTINCT = 6 if on else 50_000
    conditions._DISTINCT = 2 if on else 50_000


def agree(pairs, expected: Counter[Any], limit: int) -> None:
    said = {(isinstance(value, bool), isinstance(value, str), value): count for value, count in pairs}
    assert len(said) == len(pairs) == min(limit, len(expected))
    assert all(expected[value] == count for value, count in said.items())
    assert [count for _, count in pairs] == [count for _, count in expected.most_common(limit)]


@given(st.text(), st.text())
def test_terms_can_be_read_back(text, more):
    assert unescaped(escaped(text)) == text
    assert escaped(text + more).startswith(escaped(text))
    assert not any(sign.isspace() for sign in escaped(text))


@given(st.text(max_size=20), st.text(max_size=40) | st.booleans() | st.integers() | st.floats(allow_nan=False))
def test_values_can_be_read_back_from_their_terms(key, value):
    term = value_fact(key, value)
    stem = next(stem for stem in value_stems(key) if term.startswith(stem))
    if term[0].islower():
        read = value_in(term, stem)
        assert (read, isinstance(read, bool)) == (value, isinstance(value, bool))


# --- in plain sentences ----------------------------------------------------------------------------------------------


def put(desk, **values: Any) -> None:
    for id, value in values.items():
        desk.truth.put(id, "word", metadata={"k": value})
    desk.index.settle()


def test_above_and_below_a_day_leave_the_whole_day_out(desk):
    put(desk, noon="2024-01-31T12:00:00Z", next="2024-02-01", before="2024-01-30T23:59:59.999999Z")
    assert desk.ids("", Filter("k", "above", "2024-01-31")) == ["next"]
    assert desk.ids("", Filter("k", "below", "2024-01-31")) == ["before"]
    assert desk.ids("", Filter("k", "above", 5)) == []


def test_not_finds_documents_without_the_field(desk):
    put(desk, a="red", b="blue", c=None)
    assert desk.ids("", Not(Filter("k", "eq", "red"))) == ["b", "c"]
    assert desk.ids("", All([Filter("k", "exists"), Not(Filter("k", "eq", "red"))])) == ["b"]
    assert desk.ids("", All()) == ["a", "b", "c"]
    assert desk.ids("", AnyOf()) == []


def test_conditions_add_nothing_to_the_score(desk):
    put(desk, a="red", b="blue")
    plain = desk.ask("word").hits[0].score
    assert {
        hit.score for hit in desk.ask("word", AnyOf([Filter("k", "eq", "red"), Filter("text", "words", "word")])).hits
    } == {plain}


def test_words_may_stand_in_any_order_and_all_must_be_there(desk):
    desk.truth.put("a", "the refund policy", "Nothing")
    desk.truth.put("b", "policy", "Refund e-mail")
    desk.truth.put("c", "refund", "mail e")
    desk.index.settle()
    assert desk.ids("", Filter("text", "words", "POLICY refund")) == ["a"]
    assert desk.ids("", Filter("title", "words", "e-mail")) == ["b"]
    assert desk.ids("", Filter("text", "words", "…")) == []
    assert desk.ids("", Filter("text", "contains", "fund POL")) == ["a"]


def test_missing_values_come_last_both_ways_and_equals_keep_their_order(desk):
    put(desk, a=2, b=None, c=1, d=2, e="x")
    assert desk.ids("", sort=[Sort("k")]) == ["c", "a", "d", "e", "b"]
    assert desk.ids("", sort=[Sort("k", True)]) == ["a", "d", "c", "e", "b"]
    assert desk.ids("", sort=[Sort("k"), Sort("id", True)]) == ["c", "d", "a", "e", "b"]
    assert desk.ids("", sort=[Sort("absent")]) == ["a", "b", "c", "d", "e"]


def test_the_score_can_be_one_order_among_others(desk):
    for id, text, k in (("a", "word word", 2), ("b", "word", 1), ("c", "word", 2), ("d", "word word", 1)):
        desk.truth.put(id, text, metadata={"k": k})
    desk.index.settle()
    assert desk.ids("word", sort=[Sort("score", True)]) == desk.ids("word")
    assert desk.ids("word", sort=[Sort("score", True), Sort("k")]) == ["d", "a", "b", "c"]
    assert desk.ids("word", sort=[Sort("k"), Sort("score", True)]) == ["d", "b", "a", "c"]
    assert desk.ids("word", sort=[Sort("score"), Sort("k")]) == ["b", "c", "d", "a"]
    by_field = desk.ask("word", sort=[Sort("k")]).hits
    assert {hit.id: hit.score for hit in by_field} == {hit.id: hit.score for hit in desk.ask("word").hits}


def test_pages_of_a_sorted_search_follow_one_another(desk):
    for number in range(500):
        desk.truth.put(f"{number:03}", "word", metadata={"k": number % 7, "day": f"2024-01-{number % 28 + 1:02}"})
    desk.index.settle()
    order = [Sort("k", True), Sort("day"), Sort("id", True)]
    whole = desk.ids("word", sort=order, limit=500)
    assert [id for at in range(0, 500, 90) for id in desk.ids("word", sort=order, limit=90, offset=at)] == whole
    expected = sorted((f"{n:03}" for n in range(500)), reverse=True)
    assert whole == sorted(expected, key=lambda name: (-(int(name) % 7), int(name) % 28))


def test_facets_count_what_the_reader_may_see_and_nothing_that_is_gone(desk):
    put(desk, a="Human Resources", b="Human Resources", c="Sales", d=["Sales", "Sales", 3.0], e="y" * 1000)
    desk.truth.put("secret", "word", metadata={"k": "Sales"}, allow=("ann",))
    desk.truth.delete("b")
    desk.index.settle()
    assert dict(desk.ask("", facets=[Facet("k")], reader=Reader()).facets["k"]) == {
        "Human Resources": 1, "Sales": 2, 3: 1, "y" * 1000: 1,
    }  # fmt: skip
    assert desk.ask("", facets=[Facet("k", 1)], reader=Reader("ann"), limit=0).facets == {"k": [("Sales", 3)]}
    assert desk.ask("", facets=[Facet("connector")]).facets == {"connector": [("folder", 5)]}
    assert desk.ask("…", facets=[Facet("k")]).facets == {"k": ()}


def test_a_hit_says_where_its_words_are(desk):
    desk.truth.put(
        "a", "A refund,  then the refund\npolicy", "Our re\u0301fund Policy", allow=("x",), deny=("y",), connector=2
    )
    desk.index.settle()
    hit = desk.ask("refund", whole=True, highlight=("<", ">")).hits[0]
    plain = hit.snippet.replace("<", "").replace(">", "")
    assert [plain[a:b] for a, b in hit.snippet_matches] == ["refund", "refund"]
    assert [hit.title[a:b] for a, b in hit.title_matches] == ["re\u0301fund"]
    assert (hit.allow, hit.deny, hit.connector_number, hit.media_type) == (("x",), ("y",), 2, "text/plain")
    assert hit.text == "A refund,  then the refund\npolicy"
    assert desk.ask("title:refund").hits[0].snippet_matches == ()
    assert desk.ask("text:refund").hits[0].title_matches == ()
    assert desk.ask("refund").hits[0].text == ""


@pytest.mark.parametrize(
    "wrong",
    [
        Filter("id", "above", 3),
        Filter("url", "range", ("a", "b")),
        Filter("text", "below", "2024-01-01"),
        Filter("k", "above", "x"),
        Filter("k", "above", None),
        Filter("k", "above", math.nan),
        Filter("k", "prefix", 3),
        Filter("k", "contains", None),
        Filter("k", "words", "a"),
        Filter("id", "words", "a"),
        Filter("text", "eq", None),
        Filter("text", "in", "abc"),
        ("k", "eq", 1),
        Not(("k", "eq", 1)),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_remedy(desk, wrong):
    put(desk, a=1)
    with pytest.raises(UsageError) as refused:
        desk.ask("", All([wrong]))
    assert refused.value.remedy.endswith(".")


def nested(depth: int) -> Any:
    one: Any = Filter("k", "exists")
    for _ in range(depth):
        one = Not(one)
    return one


@pytest.mark.parametrize(
    "too_much",
    [
        {"filters": [nested(32)]},
        {"filters": [All([Filter("k", "exists")] * 1024)]},
        {"filters": [Filter("k", "in", list(range(65_537)))]},
        {"filters": [AnyOf([Filter("text", "contains", "a")] * 17)]},
        {"filters": [Filter("text", "words", "a " * 1025)]},
        {"sort": [Sort("k")] * 11},
        {"facets": [Facet("k")] * 51},
        {"facets": [Facet("k", 10_001)]},
    ],
    ids=["deep", "many", "values", "looked through", "words", "sort", "facets", "values of a facet"],
)
def test_what_is_too_much_is_refused_and_says_so(desk, too_much):
    put(desk, a=1)
    filters = too_much.pop("filters", [])
    with pytest.raises(UsageError) as refused:
        desk.ask("", *filters, **too_much)
    assert refused.value.code == "search.too_complex"


def test_what_is_just_not_too_much_is_answered(desk):
    put(desk, a=1)
    assert desk.ids("", nested(30)) == ["a"]
    assert desk.ids("", All([Filter("k", "exists")] * 1023)) == ["a"]
    assert desk.ids("", Filter("k", "in", list(range(65_536)))) == ["a"]


@pytest.mark.parametrize("wrong", [{"sort": [Sort("text")]}, {"facets": [Facet("text")]}])
def test_texts_are_neither_sorted_by_nor_counted(desk, wrong):
    put(desk, a=1)
    with pytest.raises(UsageError):
        desk.ask("", **wrong)
