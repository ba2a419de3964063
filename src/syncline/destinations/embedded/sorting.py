"""Results in an order of fields, over all matches: page by page, keeping the best, so that memory stays bounded.

Numbers come before dates, dates before other texts, texts before booleans, and documents without the field last,
whichever way each of them is sorted. Of a list counts the value that comes first. Equals keep the order of their
numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from tantivy import Occur, Query

from syncline.destinations.embedded import facts, matches
from syncline.destinations.embedded.conditions import Sight, either, ordered_between, with_any
from syncline.destinations.embedded.matches import both
from syncline.destinations.embedded.reading import NAMED, values_of
from syncline.model.errors import UsageError
from syncline.model.ports import StoredDocument
from syncline.model.search import Sort

MOST_KEYS: Final = 10

_BATCH: Final = 5_000  # documents read at once
_DISTINCT: Final = 50_000  # texts up to which they are put in order instead of the documents
_MANY: Final = 20_000  # matches from which on it pays to look for those that can be among the first
_NUMBER, _DATE, _TEXT, _BOOLEAN = range(4)
_LOWEST, _HIGHEST = -(2**63), 2**63 - 1

Key = tuple[int, Any]  # what kind of value it is, and the value as it is compared


class _Row(NamedTuple):
    n: int
    keys: tuple[Key | None, ...]


def check_sort(order: Sequence[Sort]) -> None:
    """Raises UsageError for what cannot be sorted by."""
    if len(order) > MOST_KEYS:
        raise UsageError(
            f"{len(order)} fields to sort by are too many.",
            code="search.too_complex",
            remedy=f"Sort by at most {MOST_KEYS} fields.",
        )
    if any(one.field == "text" for one in order):
        raise UsageError("Results cannot be sorted by their texts.", remedy="Sort by another field, such as title.")


def best(sight: Sight, query: Query, order: Sequence[Sort], total: int, wanted: int) -> list[int]:
    """The numbers of the first `wanted` matches in that order. `total` is how many there are."""
    scored = any(one.field == "score" for one in order)
    kept: list[_Row] = []
    for part in _foremost(sight, query, order, total, wanted):
        for page in matches.numbers(sight.snapshot, part.query, most=part.most):
            scores = matches.scored(sight.snapshot, query, page) if scored else {}
            for start in range(0, len(page), _BATCH):
                kept += _rows(sight, order, page[start : start + _BATCH], scores)
                kept = _sorted(kept, order)[:wanted]
    return [row.n for row in kept]


def _rows(sight: Sight, order: Sequence[Sort], numbers: list[int], scores: Mapping[int, float]) -> list[_Row]:
    only_scores = all(one.field == "score" for one in order)
    documents = {} if only_scores else sight.feed.get(numbers, text=False)
    return [_Row(n, tuple(_key(sight, one, documents.get(n), scores.get(n, 0.0)) for one in order)) for n in numbers]


def _key(sight: Sight, one: Sort, stored: StoredDocument | None, score: float) -> Key | None:
    if one.field == "score":
        return _NUMBER, score
    if stored is None:
        return None
    if one.field == "connector":
        return _TEXT, sight.connectors.get(stored.connector, str(stored.connector))
    if one.field in NAMED:
        text = getattr(stored, one.field)
        return (_TEXT, text) if text else None
    keys = [key for value in values_of(stored, one.field) if (key := _key_of(value)) is not None]
    kind = min((kind for kind, _ in keys), default=None)
    choose = max if one.descending else min
    return None if kind is None else (kind, choose(value for other, value in keys if other == kind))


def _key_of(value: Any) -> Key | None:
    match value:
        case str():
            moment = facts.moments(value)
            return (_TEXT, value) if moment is None else (_DATE, moment[0])
        case bool():
            return _BOOLEAN, value
        case int() | float():
            number = facts.order_of(value)
            return None if number is None else (_NUMBER, number)
    return None


def _sorted(rows: list[_Row], order: Sequence[Sort]) -> list[_Row]:
    """By each key, the last one first; sorting is stable."""
    for at in range(len(order) - 1, -1, -1):
        by_kind: list[list[_Row]] = [[], [], [], [], []]
        for row in rows:
            key = row.keys[at]
            by_kind[_BOOLEAN + 1 if key is None else key[0]].append(row)
        for kind in range(_BOOLEAN + 1):
            by_kind[kind].sort(key=lambda row: row.keys[at][1], reverse=order[at].descending)  # type: ignore[index]
        rows = [row for group in by_kind for row in group]
    return rows


# --- fewer to look at ------------------------------------------------------------------------------------------------


class _Part(NamedTuple):
    """Some of the matches; of them only the first `most` by number, if that is given."""

    query: Query
    most: int | None = None


def _foremost(sight: Sight, query: Query, order: Sequence[Sort], total: int, wanted: int) -> Sequence[_Part]:
    """The matches, or, if they are many, those that can be among the first `wanted`, which the index can tell: it
    counts numbers and dates below any value, and texts one by one if there are few."""
    first = order[0]
    if total <= _MANY or first.field in NAMED or first.field == "score":
        return [_Part(query)]
    found = _by_numbers(sight, query, first, wanted)
    if found is None:
        return [_Part(query)]
    before, edge = found
    if len(order) > 1:
        return [_Part(either([before, edge]))]
    return [_Part(before), _Part(edge, wanted)]  # equals keep the order of their numbers


def _by_numbers(sight: Sight, query: Query, first: Sort, wanted: int) -> tuple[Query, Query] | None:
    """Fewer than `wanted` matches that come first, and those equal to each other that come next; None when the field
    cannot be cut so."""
    index = sight.snapshot.index
    for path in (facts.number_path(first.field), facts.date_path(first.field)):
        having = matches.count(sight.snapshot, both(query, ordered_between(index, path, _LOWEST, _HIGHEST)))
        if having >= wanted:
            return _narrowed(sight, query, path, first.descending, wanted)
        if having:
            return None
    return _by_texts(sight, query, first, wanted)


def _narrowed(sight: Sight, query: Query, path: str, descending: bool, wanted: int) -> tuple[Query, Query]:
    """Bisects for the value that the last of the `wanted` has."""

    def reaching(value: int) -> Query:
        ends = (value, _HIGHEST) if descending else (_LOWEST, value)
        return both(query, ordered_between(sight.snapshot.index, path, *ends))

    low, high = _LOWEST, _HIGHEST
    while low < high:
        middle = (low + high + descending) // 2
        enough = matches.count(sight.snapshot, reaching(middle)) >= wanted
        if descending:
            low, high = (middle, high) if enough else (low, middle - 1)
        else:
            low, high = (low, middle) if enough else (middle + 1, high)
    return _split(reaching(low), None if low in (_LOWEST, _HIGHEST) else reaching(low + 1 if descending else low - 1))


def _by_texts(sight: Sight, query: Query, first: Sort, wanted: int) -> tuple[Query, Query] | None:
    readable, hashed = facts.text_stems(first.field)
    search = sight.snapshot.searcher.terms_with_prefix
    known = search("facts", readable, query, _DISTINCT + 1)
    if len(known) > _DISTINCT or search("facts", hashed, query, 1):
        return None
    terms = [term for term, count in known if count]
    terms.sort(key=lambda term: str(facts.value_in(term, readable)), reverse=first.descending)
    low, high = 0, len(terms)  # so many of them are needed
    while low < high:
        middle = (low + high) // 2
        if matches.count(sight.snapshot, both(query, with_any(terms[:middle], sight.schema))) >= wanted:
            high = middle
        else:
            low = middle + 1
    whole = both(query, with_any(terms[:low], sight.schema))
    if matches.count(sight.snapshot, whole) < wanted:
        return None
    return _split(whole, both(query, with_any(terms[: low - 1], sight.schema)) if low > 1 else None)


def _split(whole: Query, before: Query | None) -> tuple[Query, Query]:
    """What comes before, and the rest."""
    if before is None:
        return Query.empty_query(), whole
    return before, Query.boolean_query([(Occur.Must, whole), (Occur.MustNot, before)])
