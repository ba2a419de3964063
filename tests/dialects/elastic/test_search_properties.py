"""The query DSL against a plain evaluator that was written from its description, on documents of all shapes."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncline.dialects.elastic.query_docs import Doc
from syncline.dialects.elastic.query_dsl import compiled, least_of
from syncline.dialects.elastic.query_fields import Fields
from syncline.dialects.elastic.query_globs import Glob
from syncline.dialects.elastic.query_leaves import Ground
from syncline.dialects.elastic.query_nodes import AllOf, AnyId, AnyWord, Need, OneOf
from syncline.dialects.elastic.query_values import span

WORDS = ("red", "green", "blue", "Red-green", "café", "x1", "東京")
NOW = 1_795_305_600.0  # 2026-11-22


class Flat:
    """Every word is as rare as any other."""

    def idf(self, word: str) -> float:
        return 1.0


GROUND = Ground(Fields(), Flat(), NOW)

texts = st.lists(st.sampled_from(WORDS), max_size=5).map(" ".join)
scalars = st.one_of(texts, st.integers(-3, 3), st.booleans(), st.none(), st.sampled_from(["2026-01-01", "2026-06-15"]))
values = st.one_of(scalars, st.lists(scalars, max_size=3))
names = st.sampled_from(["a", "b", "c"])
sources = st.dictionaries(names, st.one_of(values, st.dictionaries(names, values, max_size=2)), max_size=3)
fields = st.sampled_from(["a", "b", "c", "a.b", "b.c"])

leaves = st.one_of(
    st.just({"match_all": {}}),
    st.builds(
        lambda f, t, o: {"match": {f: {"query": t, "operator": o}}}, fields, texts, st.sampled_from(["or", "and"])
    ),
    st.builds(lambda f, t: {"match_phrase": {f: t}}, fields, texts),
    st.builds(lambda f, v: {"term": {f: v}}, fields, st.one_of(st.sampled_from(["red", "x1"]), st.integers(-3, 3))),
    st.builds(lambda f, v: {"term": {f"{f}.keyword": v}}, fields, texts),
    st.builds(lambda f, v: {"terms": {f"{f}.keyword": v}}, fields, st.lists(texts, max_size=3)),
    st.builds(lambda f, lo, hi: {"range": {f: {"gte": lo, "lt": hi}}}, fields, st.integers(-3, 3), st.integers(-3, 3)),
    st.builds(lambda f: {"exists": {"field": f}}, fields),
    st.builds(lambda f, t: {"prefix": {f"{f}.keyword": t}}, fields, st.sampled_from(["", "r", "red", "caf"])),
    st.builds(lambda f, t: {"wildcard": {f"{f}.keyword": t}}, fields, st.sampled_from(["*", "r*d", "?ed*", "*é*"])),
    st.builds(lambda ids: {"ids": {"values": ids}}, st.lists(st.sampled_from(["0", "1", "2"]), max_size=2)),
)
queries = st.recursive(
    leaves,
    lambda inner: st.builds(
        lambda must, should, never, least: {
            "bool": {
                "must": must,
                "should": should,
                "must_not": never,
                **({"minimum_should_match": least} if least else {}),
            }
        },
        st.lists(inner, max_size=2),
        st.lists(inner, max_size=2),
        st.lists(inner, max_size=1),
        st.sampled_from([None, 1, 2, "50%", "-1"]),
    ),
    max_leaves=6,
)


# --- the plain evaluator ----------------------------------------------------------------------------------------------


def at(node: Any, path: list[str]) -> list[Any]:
    if isinstance(node, list):
        return [value for one in node for value in at(one, path)]
    if not path:
        return [] if node is None or isinstance(node, dict) else [node]
    return at(node[path[0]], path[1:]) if isinstance(node, dict) and path[0] in node else []


def folded(text: str) -> list[str]:
    plain = text.lower().replace("é", "e").replace("東", " 東 ").replace("京", " 京 ")
    return re.findall(r"[^\W_]+", plain)


def is_day(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value) is not None


def is_text(value: Any) -> bool:
    return isinstance(value, str) and not is_day(value)


def same_value(value: Any, said: Any) -> bool:
    """A value that is no text, and what is asked for."""
    if isinstance(value, bool):
        return str(value).lower() == str(said).lower()
    if isinstance(value, str):
        return value == said
    return not isinstance(said, bool) and str(value) == str(said)


def holds(query: dict[str, Any], id: str, source: dict[str, Any]) -> bool:
    ((kind, body),) = query.items()
    return bool(PLAIN[kind](body, id, source))


def field_of(body: dict[str, Any]) -> tuple[list[str], Any, bool]:
    ((name, said),) = body.items()
    whole = name.endswith(".keyword")
    return name.removesuffix(".keyword").split("."), said, whole


def plain_match(body: dict[str, Any], id: str, source: dict[str, Any]) -> bool:
    path, said, _ = field_of(body)
    wanted, every = folded(said["query"]), said["operator"] == "and"
    found = at(source, path)
    held = {word for value in found if is_text(value) for word in folded(value)}
    hits = [word in held for word in wanted]
    if wanted and (all(hits) if every else any(hits)):
        return True
    return any(same_value(value, said["query"]) for value in found if not is_text(value))


def plain_phrase(body: dict[str, Any], id: str, source: dict[str, Any]) -> bool:
    path, said, _ = field_of(body)
    wanted = folded(said)
    for value in at(source, path):
        if not is_text(value) and same_value(value, said):
            return True
        words = folded(value) if is_text(value) else []
        if wanted and any(words[n : n + len(wanted)] == wanted for n in range(len(words))):
            return True
    return False


def plain_term(body: dict[str, Any], id: str, source: dict[str, Any]) -> bool:
    path, said, whole = field_of(body)
    if whole:
        return any(value == said for value in at(source, path) if isinstance(value, str))
    return any(str(said) in folded(v) if is_text(v) else same_value(v, said) for v in at(source, path))


def plain_terms(body: dict[str, Any], id: str, source: dict[str, Any]) -> bool:
    path, said, _ = field_of(body)
    return any(value in said for value in at(source, path) if isinstance(value, str))


def plain_range(body: dict[str, Any], id: str, source: dict[str, Any]) -> bool:
    path, said, _ = field_of(body)
    numbers = [value for value in at(source, path) if isinstance(value, int) and not isinstance(value, bool)]
    return any(said["gte"] <= value < said["lt"] for value in numbers)


def plain_exists(body: dict[str, Any], id: str, source: dict[str, Any]) -> bool:
    def something(node: Any) -> bool:
        if isinstance(node, dict):
            return any(something(one) for one in node.values())
        return any(something(one) for one in node) if isinstance(node, list) else node is not None

    path = body["field"].split(".")
    if len(path) == 1:
        return something(source.get(path[0]))
    return bool(at(source, path)) or something((source.get(path[0]) or {}).get(path[1])) if isinstance(
        source.get(path[0]), dict
    ) else False  # fmt: skip


def plain_prefix(body: dict[str, Any], id: str, source: dict[str, Any]) -> bool:
    path, said, _ = field_of(body)
    return any(value.startswith(said) for value in at(source, path) if isinstance(value, str))


def plain_wildcard(body: dict[str, Any], id: str, source: dict[str, Any]) -> bool:
    path, said, _ = field_of(body)
    like = re.compile(re.escape(said).replace(r"\*", ".*").replace(r"\?", "."))
    return any(like.fullmatch(value) for value in at(source, path) if isinstance(value, str))


def plain_bool(body: dict[str, Any], id: str, source: dict[str, Any]) -> bool:
    must, should, never = (body.get(part, []) for part in ("must", "should", "must_not"))
    least: Any = body.get("minimum_should_match", 1 if should and not must else 0)
    if least == "50%":
        least = len(should) // 2
    elif least == "-1":
        least = max(0, len(should) - 1)
    return (
        all(holds(one, id, source) for one in must)
        and not any(holds(one, id, source) for one in never)
        and sum(holds(one, id, source) for one in should) >= least
    )


PLAIN: dict[str, Callable[[Any, str, dict[str, Any]], bool]] = {
    "match_all": lambda body, key, source: True,
    "match": plain_match,
    "match_phrase": plain_phrase,
    "term": plain_term,
    "terms": plain_terms,
    "range": plain_range,
    "exists": plain_exists,
    "prefix": plain_prefix,
    "wildcard": plain_wildcard,
    "ids": lambda body, key, source: key in body["values"],
    "bool": plain_bool,
}


# --- laws -------------------------------------------------------------------------------------------------------------


@settings(max_examples=1500)
@given(queries, sources)
def test_a_document_matches_when_the_description_says_so(query: dict[str, Any], source: dict[str, Any]) -> None:
    node, doc = compiled(GROUND, query), Doc("i", "1", source)
    expected = holds(query, "1", source)
    assert (node.score(doc) is not None) == expected
    assert node.matches(Doc("i", "1", source)) == expected


def has(need: Need | None, id: str, source: Any) -> bool:
    """Whether the text index would name a document: it knows every word of every text, and the id."""
    match need:
        case None:
            return True
        case AnyId(ids):
            return id in ids
        case AnyWord(_, words):
            return not words_of_all(source).isdisjoint(words)
        case AllOf(needs):
            return all(has(one, id, source) for one in needs)
        case OneOf(needs):
            return any(has(one, id, source) for one in needs)


def words_of_all(node: Any) -> set[str]:
    if isinstance(node, dict):
        return set().union(*map(words_of_all, node.values()))
    if isinstance(node, list):
        return set().union(*map(words_of_all, node))
    return set(folded(node)) if isinstance(node, str) else set()


@settings(max_examples=1500)
@given(queries, sources)
def test_no_document_that_matches_is_passed_over(query: dict[str, Any], source: dict[str, Any]) -> None:
    node = compiled(GROUND, query)
    if node.matches(Doc("i", "1", source)):
        assert has(node.need(), "1", source)


@settings(max_examples=500)
@given(st.text("ab*?\\", max_size=8), st.text("ab*", max_size=8))
def test_patterns_are_those_of_a_regular_expression(pattern: str, text: str) -> None:
    regex, at = "", 0
    while at < len(pattern):
        if pattern[at] == "\\" and at + 1 < len(pattern):
            at += 1
            regex += re.escape(pattern[at])
        else:
            regex += {"*": ".*", "?": "."}.get(pattern[at], re.escape(pattern[at]))
        at += 1
    assert Glob(pattern).fullmatch(text) == (re.fullmatch(regex, text) is not None)


@pytest.mark.parametrize(
    ("said", "count", "least"),
    [(2, 5, 2), ("3", 2, 3), ("-1", 4, 3), ("75%", 4, 3), ("-25%", 4, 3), ("2<75%", 2, 2), ("2<75%", 8, 6), (0, 3, 0),
     ("2<-25% 9<-3", 8, 6), ("2<-25% 9<-3", 12, 9), ("-9", 3, 0)],
)  # fmt: skip
def test_how_many_must_match(said: Any, count: int, least: int) -> None:
    assert least_of(said, 1)(count) == least


DAY = 86_400_000_000
MIDNIGHT = int(NOW) * 1_000_000


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2026-11-22", MIDNIGHT, MIDNIGHT + DAY - 1),
        ("2026-11-22T00:00:00Z", MIDNIGHT, MIDNIGHT + 999_999),
        ("2026-11-22T01:00:00.500+01:00", MIDNIGHT + 500_000, MIDNIGHT + 500_999),
        ("now", MIDNIGHT, MIDNIGHT),
        ("now-1d", MIDNIGHT - DAY, MIDNIGHT - DAY),
        ("now-300s", MIDNIGHT - 300_000_000, MIDNIGHT - 300_000_000),
        ("now/d", MIDNIGHT, MIDNIGHT + DAY - 1),
        ("2026-11-01||+21d/d", MIDNIGHT, MIDNIGHT + DAY - 1),
        ("2026-10-31||+1M", MIDNIGHT + 8 * DAY, MIDNIGHT + 9 * DAY - 1),
        (1_795_305_600_000, MIDNIGHT, MIDNIGHT + 999),
        ("1795305600000", MIDNIGHT, MIDNIGHT + 999),
    ],
)
def test_dates_and_their_math(text: Any, first: int, last: int) -> None:
    assert span(text, NOW) == (first, last)


@pytest.mark.parametrize(
    "text",
    ["", "x", "2026-13", "2026-02-30", "now+1", "now-1q", "2026-1-1", "99999-01-01", "now+999999y", True, None, [],
     float("nan")],
)  # fmt: skip
def test_what_is_no_date(text: Any) -> None:
    assert span(text, NOW) is None
