"""Which values a field has among all matches, and how often: read off the terms of the index, not the documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from tantivy import Query

from syncline.destinations.embedded import facts
from syncline.destinations.embedded.conditions import Sight
from syncline.destinations.embedded.reading import values_of
from syncline.model.errors import UsageError
from syncline.model.search import Facet

MOST_FACETS: Final = 50
MOST_VALUES: Final = 10_000  # of one facet

_ASKED: Final = 20  # documents asked for a value that the index knows by its hash only
_NAMED: Final = {"id": "i", "title": "t", "media_type": "m", "url": "u"}

Counted = Sequence[tuple[Any, int]]


def check_facets(wanted: Sequence[Facet]) -> None:
    """Raises UsageError for what cannot be counted."""
    if len(wanted) > MOST_FACETS or any(not 0 <= one.limit <= MOST_VALUES for one in wanted):
        raise UsageError(
            "The facets of the search are too many.",
            code="search.too_complex",
            remedy=f"Ask for at most {MOST_FACETS} facets, with 0 to {MOST_VALUES:,} values each.",
        )
    if any(one.field == "text" for one in wanted):
        raise UsageError("Texts cannot be counted as a facet.", remedy="Use a metadata field.")


def count_facets(sight: Sight, query: Query, wanted: Sequence[Facet]) -> Mapping[str, Counted]:
    """The most frequent values of each field among the matches; of equally frequent ones numbers after texts, in the
    order of the terms. A document with the same value twice counts once."""
    return {one.field: _count(sight, query, one) for one in wanted}


def _count(sight: Sight, query: Query, one: Facet) -> Counted:
    found: list[tuple[int, str, str]] = []
    for stem in _stems(one.field):
        terms = sight.snapshot.searcher.terms_with_prefix("facts", stem, query, one.limit + 1) if one.limit else []
        found += [(-count, term, stem) for term, count in terms if count and term != _empty(one.field)]
    found.sort()
    counted = ((_value(sight, one.field, term, stem), -minus) for minus, term, stem in found[: one.limit])
    return [(value, count) for value, count in counted if value is not None]


def _stems(field: str) -> Sequence[str]:
    if field == "connector":
        return ("c",)
    kind = _NAMED.get(field)
    return (kind, kind.upper()) if kind else facts.value_stems(field)


def _empty(field: str) -> str | None:
    """The term that says that there is no value."""
    return _NAMED.get(field)


def _value(sight: Sight, field: str, term: str, stem: str) -> Any:
    if field == "connector":
        return sight.connectors.get(int(term[1:]), term[1:])
    if term[0].isupper():
        return _looked_up(sight, field, term)
    return term[1:] if field in ("id", "title", "url") else facts.value_in(term, stem)


def _looked_up(sight: Sight, field: str, term: str) -> Any:
    """The value behind a hash, from a document that has it; None when all that had it have gone."""
    query = Query.term_query(sight.schema, "facts", term, "basic")
    hits = sight.snapshot.searcher.search(query, _ASKED, count=False).hits
    numbers = sight.snapshot.searcher.fast_field_values("n", [address for _, address in hits])
    for stored in sight.feed.get([int(n or 0) for n in numbers], text=False).values():
        for value in values_of(stored, field):
            if facts.fact_of(field, value) == term:
                return value
    return None
