"""One search over one snapshot: words, filters and access become one tantivy query; the truth tells the hits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import tantivy

from syncline.destinations.embedded import matches
from syncline.destinations.embedded.conditions import Sight, access_conditions, filter_conditions, joined
from syncline.destinations.embedded.facets import check_facets, count_facets
from syncline.destinations.embedded.fields import analyzer
from syncline.destinations.embedded.guard import guarded
from syncline.destinations.embedded.query import parse
from syncline.destinations.embedded.snippets import extracted, found_in
from syncline.destinations.embedded.sorting import best, check_sort
from syncline.destinations.embedded.view import Snapshot
from syncline.destinations.embedded.words import Words, compile_words
from syncline.model.errors import UsageError
from syncline.model.ports import DocumentFeed, StoredDocument
from syncline.model.search import Hit, Request, Results, Sort

MAX_LIMIT, MAX_OFFSET = 1000, 10_000

# Documents with the same score come in order of number, except a crowd of them that reaches across one of the places
# 100, 200, 300 …: it keeps the order of the index, which is that of the numbers within each segment. So every page can
# be told from the hits up to the next such place, and pages asked for one by one fit together.
_FENCE = 100
_BY_RANK = Sort("score", descending=True)

Scored = Sequence[tuple[float, int]]  # (score, n)
Addressed = Sequence[tuple[float, tantivy.DocAddress]]


def answer(snapshot: Snapshot, request: Request, feed: DocumentFeed, connectors: Mapping[int, str]) -> Results:
    """The page of results asked for. Raises UsageError for a senseless request and Broken when tantivy fails."""
    _check(request)
    sight = Sight(snapshot, feed, connectors)
    with guarded("cannot put the question to the text index"):
        words = compile_words(parse(request.text), sight.schema, analyzer().analyze)
        if words is None:
            return Results(facets={one.field: () for one in request.facets})
        query = _query(words, sight, request)
        total, page = _page(sight, query, request, words.ranked)
        facets = count_facets(sight, query, request.facets)
    found = feed.get([n for _, n in page])
    hits = [_hit(found[n], score, words, request, connectors) for score, n in page if n in found]
    return Results(total, hits, facets)


def _check(request: Request) -> None:
    if not (0 <= request.limit <= MAX_LIMIT and 0 <= request.offset <= MAX_OFFSET):
        raise UsageError(
            f"limit {request.limit} and offset {request.offset} are out of range.",
            remedy=f"Ask for 0 to {MAX_LIMIT} results, from offset 0 to {MAX_OFFSET:,}.",
        )
    check_sort(request.sort)
    check_facets(request.facets)


def _query(words: Words, sight: Sight, request: Request) -> tantivy.Query:
    snapshot = sight.snapshot
    fixed = [*words.conditions, *access_conditions(request.reader, snapshot.index, snapshot.searcher)]
    filters = filter_conditions(request.filters, sight, fixed, words.any_of)
    return joined([*fixed, *filters], words.any_of)


def _page(sight: Sight, query: tantivy.Query, request: Request, ranked: bool) -> tuple[int, Scored]:
    snapshot = sight.snapshot
    if request.limit == 0:
        return matches.count(snapshot, query), []
    if not request.sort or (ranked and list(request.sort) == [_BY_RANK]):
        return _by_score(snapshot, query, request) if ranked else _by_number(snapshot, query, request)
    total, end = matches.count(snapshot, query), request.offset + request.limit
    page = best(sight, query, request.sort, total, end)[request.offset :]
    scores = matches.scores_of(snapshot, query, page) if ranked else {}
    return total, [(scores.get(n, 0.0), n) for n in page]


def _by_number(snapshot: Snapshot, query: tantivy.Query, request: Request) -> tuple[int, Scored]:
    found = snapshot.searcher.search(
        query, request.limit, order_by_field="n", order=tantivy.Order.Asc, offset=request.offset
    )
    return _count(found), [(0.0, n) for n, _ in found.hits]


def _by_score(snapshot: Snapshot, query: tantivy.Query, request: Request) -> tuple[int, Scored]:
    end = request.offset + request.limit
    found = snapshot.searcher.search(query, -(-end // _FENCE) * _FENCE + 1)
    hits: Addressed = found.hits
    first, last = _with_equals(hits, request.offset, min(end, len(hits)))
    numbers = snapshot.searcher.fast_field_values("n", [address for _, address in hits[first:last]])
    crowds = {hits[at][0] for at in range(_FENCE, len(hits), _FENCE) if hits[at - 1][0] == hits[at][0]}
    places = range(first, last)
    ranked = sorted(
        (-hits[at][0], at if hits[at][0] in crowds else n, int(n or 0)) for at, n in zip(places, numbers, strict=True)
    )
    return _count(found), [(-minus, n) for minus, _, n in ranked[request.offset - first : end - first]]


def _with_equals(hits: Addressed, first: int, last: int) -> tuple[int, int]:
    """The places of a page, widened to those next to it with the same score."""
    if first >= last:
        return first, first
    while first > 0 and hits[first - 1][0] == hits[first][0]:
        first -= 1
    while last < len(hits) and hits[last][0] == hits[last - 1][0]:
        last += 1
    return first, last


def _count(found: tantivy.SearchResult) -> int:
    count: int = found.count  # type: ignore[attr-defined]  # the stubs forgot it
    return count


def _hit(stored: StoredDocument, score: float, words: Words, request: Request, connectors: Mapping[int, str]) -> Hit:
    extract = extracted(stored.text, words.wanted, request.snippet_chars)
    return Hit(
        id=stored.id,
        connector=connectors.get(stored.connector, str(stored.connector)),
        score=score,
        title=stored.title,
        snippet=extract.marked(request.highlight),
        metadata=stored.metadata,
        url=stored.url,
        connector_number=stored.connector,
        media_type=stored.media_type,
        allow=stored.allow,
        deny=stored.deny,
        text=stored.text if request.whole else "",
        title_matches=found_in(stored.title, words.wanted_in_title),
        snippet_matches=extract.matches,
    )
