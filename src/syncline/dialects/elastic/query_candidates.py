"""Which documents are worth a look: the text index names those that may match, the query itself decides."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from syncline.destinations.embedded import facts
from syncline.destinations.embedded.guard import guarded
from syncline.dialects.elastic.query_nodes import AllOf, AnyId, AnyWord, Need, OneOf

if TYPE_CHECKING:
    from syncline.destinations.embedded.view import Snapshot

PAGE: Final = 50_000
MOST_WORDS: Final = 500


def narrowed(need: Need | None, foreign: bool) -> Need | None:
    """What of it the text index can tell. With `foreign` there are documents with only title and body in it."""
    if need is None or isinstance(need, AnyId):
        return need
    if isinstance(need, AnyWord):
        return None if (foreign and need.field not in ("title", "body")) or len(need.words) > MOST_WORDS else need
    inner = [narrowed(one, foreign) for one in need.needs]
    if isinstance(need, OneOf):
        return None if None in inner else OneOf(tuple(one for one in inner if one is not None))
    known = tuple(one for one in inner if one is not None)
    return AllOf(known) if known else None


def numbers(snapshot: Snapshot, need: Need) -> Iterator[list[int]]:
    """The numbers of all documents in the text index that have it, in order, in pages. Raises Broken."""
    import tantivy

    last = 0
    wanted = _query(need, snapshot.index.schema)
    while True:
        above = tantivy.Query.range_query(
            snapshot.index.schema, "n", tantivy.FieldType.Unsigned, lower_bound=last, include_lower=False
        )
        both = tantivy.Query.boolean_query([(tantivy.Occur.Must, wanted), (tantivy.Occur.Must, above)])
        with guarded("cannot read the text index"):
            hits = snapshot.searcher.search(
                both, PAGE, count=False, order_by_field="n", order=tantivy.Order.Asc
            ).hits  # fmt: skip
        found = [int(n) for n, _ in hits]
        if found:
            yield found
        if len(found) < PAGE:
            return
        last = found[-1]


def _query(need: Need, schema: Any) -> Any:
    import tantivy

    Query, Occur = tantivy.Query, tantivy.Occur  # noqa: N806
    match need:
        case AnyWord(_, words):
            parts = [(Occur.Should, Query.term_set_query(schema, name, list(words))) for name in ("title", "body")]
            return Query.boolean_query(parts)
        case AnyId(ids):
            return Query.term_set_query(schema, "facts", [facts.id_fact(id) for id in ids])
        case AllOf(needs):
            return Query.boolean_query([(Occur.Must, _query(one, schema)) for one in needs])
        case OneOf(needs):
            if not needs:
                return Query.empty_query()
            return Query.boolean_query([(Occur.Should, _query(one, schema)) for one in needs])
    raise AssertionError(need)


class Rarity:
    """How rare words are, by a snapshot of the text index; a `Stats`."""

    def __init__(self, snapshot: Snapshot | None) -> None:
        self._snapshot = snapshot
        self._known: dict[str, float] = {}

    def idf(self, word: str) -> float:
        """ln(1 + (N - n + 0.5) / (n + 0.5)), n of N documents having it in the title, or in the text."""
        found = self._known.get(word)
        if found is None:
            found = self._known[word] = self._measured(word)
        return found

    def _measured(self, word: str) -> float:
        if self._snapshot is None:
            return 1.0
        searcher = self._snapshot.searcher
        with guarded("cannot read the text index"):
            having = max(searcher.doc_freq("title", word), searcher.doc_freq("body", word))
            every = max(int(searcher.num_docs), having)
        return math.log(1 + (every - having + 0.5) / (having + 0.5))
