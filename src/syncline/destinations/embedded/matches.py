"""All matches of a query, however many: page by page in order of their numbers, so that memory stays bounded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import tantivy
from tantivy import Occur, Query

from syncline.destinations.embedded.view import Snapshot
from syncline.destinations.embedded.words import silent

PAGE: Final = 50_000


def count(snapshot: Snapshot, query: Query) -> int:
    """How many documents match."""
    found: int = snapshot.searcher.search(query, 1).count  # type: ignore[attr-defined]  # the stubs forgot it
    return found


def numbers(snapshot: Snapshot, query: Query, most: int | None = None) -> Iterator[list[int]]:
    """The numbers of all matches, or of so many, ascending, in pages."""
    last, left = 0, most
    while left is None or left > 0:
        page = PAGE if left is None else min(PAGE, left)
        left = None if left is None else left - page
        rest = both(query, between(snapshot, last + 1, None))
        hits = snapshot.searcher.search(rest, page, count=False, order_by_field="n", order=tantivy.Order.Asc).hits
        if hits:
            yield [int(n) for n, _ in hits]
            last = int(hits[-1][0])
        if len(hits) < page:
            return


def scored(snapshot: Snapshot, query: Query, page: Sequence[int]) -> dict[int, float]:
    """The score of each match with a number between the first and the last of a page."""
    return _scores(snapshot, both(query, between(snapshot, page[0], page[-1])), len(page))


def scores_of(snapshot: Snapshot, query: Query, numbers: Sequence[int]) -> dict[int, float]:
    """The score of each of these matches."""
    if not numbers:
        return {}
    these = silent(Query.term_set_query(snapshot.index.schema, "n", list(numbers)))
    return _scores(snapshot, both(query, these), len(numbers))


def _scores(snapshot: Snapshot, query: Query, most: int) -> dict[int, float]:
    hits = snapshot.searcher.search(query, most + 1, count=False).hits
    known = snapshot.searcher.fast_field_values("n", [address for _, address in hits])
    return {int(n or 0): float(score) for (score, _), n in zip(hits, known, strict=True)}


def between(snapshot: Snapshot, low: int | None, high: int | None) -> Query:
    """Documents with a number from `low` to `high`."""
    return silent(
        Query.range_query(snapshot.index.schema, "n", tantivy.FieldType.Unsigned, lower_bound=low, upper_bound=high)
    )


def both(one: Query, other: Query) -> Query:
    """Documents that match both."""
    return Query.boolean_query([(Occur.Must, one), (Occur.Must, other)])
