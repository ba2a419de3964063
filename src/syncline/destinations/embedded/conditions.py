"""Filters and access, compiled for tantivy. None of them adds to a score.

tree of conditions ──▶ one query
             └── leaves that only the documents themselves can answer: held against the truth, one batch after the
                 other, among those documents that the rest lets through; what is left is a set of numbers
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import tantivy
from tantivy import Occur, Query

from syncline.destinations.embedded import facts, matches
from syncline.destinations.embedded.fields import analyzer
from syncline.destinations.embedded.query import Clause, Question
from syncline.destinations.embedded.reading import NAMED, test_of, texts_of
from syncline.destinations.embedded.view import Snapshot
from syncline.destinations.embedded.words import Conditions, compile_words, silent
from syncline.model.errors import UsageError
from syncline.model.ports import DocumentFeed
from syncline.model.search import All, AnyOf, Condition, Filter, Not, Reader, principals

MOST_CONDITIONS: Final = 1024
MOST_VALUES: Final = 65_536  # in all lists together
DEEPEST: Final = 32
MOST_LOOKED_THROUGH: Final = 16  # conditions that need the documents themselves

_LOWEST, _HIGHEST = -(2**63), 2**63 - 1
_TEXTS: Final = 64  # documents whose texts are read at once
_HEADS: Final = 5_000  # the same without texts
_DISTINCT: Final = 50_000  # values of a field up to which they are looked through instead of its documents
_FACTS: Final = {"id": facts.id_fact, "title": facts.title_fact, "media_type": facts.media_fact, "url": facts.url_fact}
_STEMS: Final = {"id": ("i", "I"), "title": ("t", "T"), "media_type": ("m", "M"), "url": ("u", "U")}
_COMPARING: Final = ("range", "above", "below")
_MATCHING: Final = ("prefix", "contains", "words")


@dataclass(frozen=True, slots=True)
class Sight:
    """What conditions are looked up in."""

    snapshot: Snapshot
    feed: DocumentFeed
    connectors: Mapping[int, str]

    @property
    def schema(self) -> tantivy.Schema:
        """Of the index."""
        return self.snapshot.index.schema


def filter_conditions(
    filters: Iterable[Condition], sight: Sight, others: Conditions, any_of: bool = False
) -> Conditions:
    """What all the filters ask for. `others`: what the documents must satisfy besides, which spares looking at some;
    with `any_of` also one of the optional ones. Raises UsageError for a filter that makes no sense, or for too many."""
    asked = list(filters)
    _check_size(asked)
    quick = [one for one in asked if not any(map(_needs_documents, _leaves(one)))]
    conditions = _Compiler(sight, others, any_of).conditions(quick)
    if len(quick) == len(asked):
        return conditions
    slow = [one for one in asked if not any(one is other for other in quick)]
    return conditions + _Compiler(sight, [*others, *conditions], any_of).conditions(slow)


def access_conditions(reader: Reader, index: tantivy.Index, searcher: tantivy.Searcher) -> Conditions:
    """What keeps documents from a reader who may not see them; nothing while no document is restricted."""
    if reader.unrestricted:
        return []
    schema = index.schema
    conditions: Conditions = []
    if searcher.doc_freq("facts", facts.RESTRICTED):
        named = [(Occur.MustNot, query) for query in _naming(reader, facts.allow_fact, schema)]
        hidden = Query.boolean_query([(Occur.Must, with_any([facts.RESTRICTED], schema)), *named])
        conditions.append((Occur.MustNot, hidden))
    if searcher.doc_freq("facts", facts.DENYING):
        conditions += [(Occur.MustNot, query) for query in _naming(reader, facts.deny_fact, schema)]
    return conditions


def _naming(reader: Reader, fact: Callable[[str], str], schema: tantivy.Schema) -> Iterable[Query]:
    """Documents that name the reader; by groups that count for one connector only, those of that connector."""
    if names := principals(reader.user, reader.groups):
        yield with_any(map(fact, names), schema)
    for number, groups in reader.groups_of.items():
        if groups:
            of_it = (Occur.Must, with_any([facts.connector_fact(number)], schema))
            yield Query.boolean_query([of_it, (Occur.Must, with_any(map(fact, principals(None, groups)), schema))])


def joined(conditions: Conditions, any_of: bool = False) -> Query:
    """One query of them. With `any_of` one of the optional ones must match."""
    if not any_of and not any(occur == Occur.Must for occur, _ in conditions):
        conditions = [*conditions, (Occur.Must, Query.all_query())]
    return Query.boolean_query(conditions, minimum_number_should_match=1 if any_of else None)


# --- size ------------------------------------------------------------------------------------------------------------


def _check_size(asked: Sequence[Condition]) -> None:
    waiting: list[tuple[Any, int]] = [(one, 1) for one in asked]
    number = values = slow = 0
    while waiting:
        one, depth = waiting.pop()
        number += 1
        if isinstance(one, Filter):
            values += len(one.value) if isinstance(one.value, list | tuple | set | frozenset) else 1
            slow += _needs_documents(one)
        else:
            waiting += [(inner, depth + 1) for inner in _inner(one)]
        if number > MOST_CONDITIONS or depth > DEEPEST or values > MOST_VALUES or slow > MOST_LOOKED_THROUGH:
            raise UsageError(
                "The filters of the search are too many.",
                code="search.too_complex",
                remedy=f"Give at most {MOST_CONDITIONS:,} conditions, {DEEPEST} deep, with {MOST_VALUES:,} values, and "
                f"at most {MOST_LOOKED_THROUGH} that look into texts.",
            )


def _inner(one: Condition) -> Sequence[Condition]:
    match one:
        case All() | AnyOf():
            return one.conditions
        case Not():
            return (one.condition,)
        case Filter():
            return ()
    raise UsageError(f"{one!r:.200} is not a condition.", remedy="Use a Filter, All, AnyOf or Not.")


def _leaves(one: Condition) -> Iterable[Filter]:
    if isinstance(one, Filter):
        yield one
    for inner in _inner(one):
        yield from _leaves(inner)


def _needs_documents(one: Filter) -> bool:
    if one.field == "text":
        return one.op != "words"
    return one.op in ("prefix", "contains") and one.field != "connector"


# --- the tree --------------------------------------------------------------------------------------------------------


class _Compiler:
    """Conditions become queries. `others`: what documents must satisfy besides."""

    def __init__(self, sight: Sight, others: Conditions, any_of: bool) -> None:
        self._sight, self._schema = sight, sight.schema
        self._others, self._any_of = others, any_of

    def conditions(self, asked: Iterable[Condition]) -> Conditions:
        """One for each."""
        return [(Occur.Must, silent(self._tree(one))) for one in asked]

    def _tree(self, one: Condition) -> Query:
        match one:
            case Filter():
                return self._leaf(one)
            case All():
                return joined([(Occur.Must, self._tree(inner)) for inner in one.conditions])
            case AnyOf():
                return either([self._tree(inner) for inner in one.conditions])
            case Not():
                return joined([(Occur.MustNot, self._tree(one.condition))])

    def _leaf(self, one: Filter) -> Query:
        if one.op in ("eq", "in"):
            return self._equal(one, one.values())
        if one.op == "exists":
            return self._exists(one)
        if one.op in _COMPARING:
            return _range(one, self._sight.snapshot.index)
        if one.op not in _MATCHING:
            raise UsageError(
                f"{one.op!r} is not a filter.",
                remedy="Use eq, in, range, above, below, exists, prefix, contains or words.",
            )
        if not isinstance(one.value, str):
            raise UsageError(f"The filter {one.op} on {one.field} needs a text.", remedy="Give a string.")
        if one.op == "words":
            return self._words(one)
        if one.field == "connector":
            test = test_of(one)
            return with_any(
                self._connectors(name for name in self._sight.connectors.values() if test(name)), self._schema
            )
        return self._prefix(one) if one.op == "prefix" else self._contains(one)

    # --- exact values ---

    def _equal(self, one: Filter, values: Sequence[Any]) -> Query:
        if one.field == "text":
            return self._among(one)
        found = with_any(self._facts(one.field, values), self._schema)
        if one.field == "url" and "" in values:  # there is no fact of having none
            return either([found, joined([(Occur.MustNot, self._exists(Filter("url", "exists")))])])
        return found

    def _facts(self, field: str, values: Iterable[Any]) -> Iterable[str]:
        """The facts any of which satisfies an "eq" or an "in"."""
        if field == "connector":
            return self._connectors(values)
        if (named := _FACTS.get(field)) is not None:
            return [named(value) for value in values if isinstance(value, str)]
        return [fact for value in values if (fact := facts.value_fact(field, value)) is not None]

    def _connectors(self, names: Iterable[Any]) -> list[str]:
        wanted = [name for name in names if isinstance(name, str)]
        return [facts.connector_fact(number) for number, name in self._sight.connectors.items() if name in wanted]

    def _exists(self, one: Filter) -> Query:
        match one.field:
            case "connector" | "id":
                return Query.all_query()
            case "title" | "media_type":
                return joined([(Occur.MustNot, with_any([_FACTS[one.field]("")], self._schema))])
            case "url":
                return either([self._beginning(stem) for stem in _STEMS["url"]])
            case "text":
                return self._among(one)
            case _:
                return with_any([facts.key_fact(one.field)], self._schema)

    # --- texts ---

    def _words(self, one: Filter) -> Query:
        if one.field not in ("title", "text"):
            raise UsageError(f"The filter words cannot look into {one.field}.", remedy="Use it on title or text.")
        clauses = tuple(Clause("+", one.field, word, False) for word in one.value.split())
        if len(clauses) > MOST_CONDITIONS:
            raise UsageError(
                "The filter words has too many words.",
                code="search.too_complex",
                remedy=f"Give at most {MOST_CONDITIONS:,} words.",
            )
        words = compile_words(Question(False, clauses), self._schema, analyzer().analyze)
        return Query.empty_query() if words is None else joined(words.conditions)

    def _prefix(self, one: Filter) -> Query:
        """By the terms that can be read, and those documents whose value is known by its hash only."""
        if one.field == "text":
            return self._among(one)
        if not one.value and one.field in NAMED:
            return Query.all_query()
        readable, hashed = _stems(one.field)
        value = one.value if one.field in ("id", "title", "url") else facts.escaped(one.value)
        found = [self._among(one, self._beginning(hashed))]
        if facts.fits(value):
            found.append(self._beginning(readable + value))
        return either(found)

    def _contains(self, one: Filter) -> Query:
        """By looking through the values there are, if they are few enough, or else through the documents."""
        if one.field in ("id", "title", "url", "text"):
            return self._among(one)
        readable, hashed = _stems(one.field)
        known = self._sight.snapshot.searcher.terms_with_prefix("facts", readable, limit=_DISTINCT + 1)
        if len(known) > _DISTINCT:
            return self._among(one)
        test = test_of(one)
        fitting = [term for term, _ in known if test(facts.value_in(term, readable))]
        return either([with_any(fitting, self._schema), self._among(one, self._beginning(hashed))])

    def _beginning(self, stem: str) -> Query:
        return Query.fuzzy_term_query(self._schema, "facts", stem, distance=0, prefix=True)

    def _among(self, one: Filter, those: Query | None = None) -> Query:
        """Documents that satisfy the condition, found by looking at each of `those` that satisfies the others."""
        test, found, with_text = test_of(one), array("Q"), one.field == "text"
        candidates = joined([*self._others, (Occur.Must, silent(those or self._candidates(one.field)))], self._any_of)
        size = _TEXTS if with_text else _HEADS
        for page in matches.numbers(self._sight.snapshot, candidates):
            for start in range(0, len(page), size):
                documents = self._sight.feed.get(page[start : start + size], text=with_text)
                found.extend(n for n, stored in documents.items() if any(map(test, texts_of(stored, one.field))))
        return Query.term_set_query(self._schema, "n", found.tolist()) if found else Query.empty_query()

    def _candidates(self, field: str) -> Query:
        return Query.all_query() if field in NAMED else with_any([facts.key_fact(field)], self._schema)


# --- leaves ----------------------------------------------------------------------------------------------------------


def with_any(wanted: Iterable[str], schema: tantivy.Schema) -> Query:
    """Documents with one of these facts."""
    found = list(wanted)
    match len(found):
        case 0:
            return Query.empty_query()
        case 1:
            return Query.term_query(schema, "facts", found[0], "basic")
        case _:
            return Query.term_set_query(schema, "facts", found)


def either(queries: Sequence[Query]) -> Query:
    """Documents that match one of them."""
    if len(queries) == 1:
        return queries[0]
    return Query.boolean_query([(Occur.Should, query) for query in queries]) if queries else Query.empty_query()


def _stems(field: str) -> tuple[str, str]:
    return _STEMS.get(field) or facts.text_stems(field)


def _range(one: Filter, index: tantivy.Index) -> Query:
    low, high = _bounds(one)
    if one.field in NAMED:
        raise UsageError(f"{one.field} has no order to compare by.", remedy='Use "eq", "in" or "prefix".')
    given = [bound for bound in (low, high) if bound is not None]
    beyond = 0 if one.op == "range" else 1  # the value itself is left out
    if given and all(facts.order_of(bound) is not None for bound in given):
        path, lows, highs = facts.number_path(one.field), facts.order_of(low), facts.order_of(high)
    elif given and all(facts.moments(bound) is not None for bound in given):
        first, last = facts.moments(low), facts.moments(high)
        path = facts.date_path(one.field)
        lows, highs = first and first[beyond], last and last[1 - beyond]
    else:
        raise UsageError(
            f"The filter {one.op} on {one.field} cannot compare with {one.value!r:.200}.",
            remedy="Give numbers or ISO 8601 dates: a pair (low, high) for range, where null leaves one side open; one "
            "value for above and below.",
        )
    start = _LOWEST if lows is None else lows + beyond
    end = _HIGHEST if highs is None else highs - beyond
    return ordered_between(index, path, start, end)


def ordered_between(index: tantivy.Index, path: str, low: int, high: int) -> Query:
    """Documents with an ordered number of that path from `low` to `high`."""
    return index.parse_query(f"values.{path}:[{low} TO {high}]", ["facts"])


def _bounds(one: Filter) -> tuple[Any, Any]:
    """(low, high) of a comparison, None where it is open."""
    if one.op == "above":
        return one.value, None
    if one.op == "below":
        return None, one.value
    if not isinstance(one.value, Sequence) or isinstance(one.value, str | bytes) or len(one.value) != 2:
        raise UsageError(
            f"The filter range on {one.field} needs a low and a high value.",
            remedy="Give a pair (low, high) of two numbers or two ISO 8601 dates; null leaves one side open.",
        )
    low, high = one.value
    return low, high
