"""A search, carried out: every document that may match is looked at once, the best ones are kept, and shown at last.

    targets ──docs(need)──▶ node.score ──▶ total, aggregations, heap of from + size ──at(places)──▶ hits

Memory is that of one page of documents and of the heap, whatever the number of matches; the totals are exact.
"""

from __future__ import annotations

import heapq
from array import array
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from syncline.dialects.elastic import query_aggs, query_dsl
from syncline.dialects.elastic.query_docs import Doc
from syncline.dialects.elastic.query_highlight import Highlighter
from syncline.dialects.elastic.query_leaves import Ground
from syncline.dialects.elastic.query_nodes import Everything, Node
from syncline.dialects.elastic.query_sort import Order, SortBy
from syncline.dialects.elastic.query_source import SourceFilter, fields_of
from syncline.dialects.elastic.query_targets import Target, needs_text

TRACKED: Final = 10_000  # hits that are counted when nobody says how many
_SHIFT: Final = 48  # of the target in a place among all targets


@dataclass(slots=True)
class Search:
    """What is asked for."""

    query: Any = None
    begin: int = 0
    size: int = 10
    sort: Sequence[SortBy] = ()
    after: Any = None
    tracked: int | None = TRACKED  # None: all of them; 0: do not count
    source: SourceFilter = field(default_factory=SourceFilter)
    fields: Sequence[str] = ()
    highlight: Any = None
    aggs: Any = None
    post_filter: Any = None
    min_score: float | None = None
    version: bool = False
    numbers: bool = False
    track_scores: bool = False


class Found(NamedTuple):
    """One match among the best. `place` is among all targets."""

    key: tuple[Any, ...]
    place: int
    score: float
    values: list[Any]


@dataclass(slots=True)
class Outcome:
    """What came of it. `places` of a scroll: all matches in order."""

    total: int = 0
    max_score: float | None = None
    hits: list[dict[str, Any]] = field(default_factory=list)
    aggregations: dict[str, Any] | None = None
    places: array[int] | None = None


class Run:
    """One search over some targets."""

    def __init__(self, targets: Sequence[Target], search: Search, now: float) -> None:
        self.targets, self.search, self.now = targets, search, now
        self.grounds: list[Ground] = []
        self.nodes: list[Node] = []
        self.orders: list[Order] = []

    def outcome(self, *, scroll: bool = False) -> Outcome:
        """Do it. With `scroll` the places of all matches are kept. Raises Refused."""
        with ExitStack() as moments:
            for target in self.targets:
                moments.enter_context(target.moment())
            self._prepare()
            return self._all_in_order() if scroll else self._best()

    def _prepare(self) -> None:
        for target in self.targets:
            ground = Ground(target.fields, target.stats, self.now)
            self.grounds.append(ground)
            self.nodes.append(self._node(ground))
            self.orders.append(Order(self.search.sort, target.fields))

    def _node(self, ground: Ground) -> Node:
        return Everything() if self.search.query is None else query_dsl.compiled(ground, self.search.query)

    @property
    def _scored(self) -> bool:
        """Whether scores are shown or looked at."""
        search = self.search
        by_score = any(order.by_score for order in self.orders)
        return not search.sort or by_score or search.track_scores or search.min_score is not None

    # --- matches

    def _matches(self) -> Iterator[tuple[int, Doc, float]]:
        """(place among all targets, document, score) of everything that matches."""
        scored = self._scored
        reads = self._reads()
        for at, (target, node) in enumerate(zip(self.targets, self.nodes, strict=True)):
            above = at << _SHIFT
            text = needs_text(reads | node.names())
            for page in target.docs(node.need(), text=text):
                for doc in page:
                    if scored:
                        score = node.score(doc)
                        if score is not None and (self.search.min_score is None or score >= self.search.min_score):
                            yield above | doc.place, doc, score
                    elif node.matches(doc):
                        yield above | doc.place, doc, 0.0

    def _reads(self) -> frozenset[str]:
        """Fields that are read beside those of the query."""
        if self.search.aggs or self.search.post_filter:
            return frozenset("*")
        return frozenset(one.name for one in self.search.sort)

    def _filters(self) -> list[Node | None]:
        said = self.search.post_filter
        return [None if said is None else query_dsl.compiled(ground, said) for ground in self.grounds]

    # --- the best of them

    def _best(self) -> Outcome:
        plain = self._plainly()
        if plain is not None:
            return plain
        search = self.search
        outcome = Outcome()
        many = search.begin + search.size
        afters = [order.after(search.after, target.fields) if search.after is not None else None
                  for order, target in zip(self.orders, self.targets, strict=True)]  # fmt: skip
        filters = self._filters()
        aggregations = [
            query_aggs.parsed(ground, search.aggs)() if search.aggs else None for ground in self.grounds[:1]
        ]  # fmt: skip
        heap: list[_Worst] = []
        for place, doc, score in self._matches():
            if aggregations and aggregations[0] is not None:
                aggregations[0].take(doc)
            at = place >> _SHIFT
            condition = filters[at]
            if condition is not None and not condition.matches(doc):
                continue
            outcome.total += 1
            if self._scored and (outcome.max_score is None or score > outcome.max_score):
                outcome.max_score = score
            if many:
                self._keep(heap, many, self._found(at, doc, score, place), afters[at])
        best = sorted((*one.found[:2], one.found) for one in heap)
        outcome.hits = self._hits([one[2] for one in best][search.begin :])
        if aggregations and aggregations[0] is not None:
            outcome.aggregations = aggregations[0].result()
        return outcome

    def _found(self, at: int, doc: Doc, score: float, place: int) -> Found:
        if not self.search.sort:
            return Found((-score,), place, score, [])
        values = self.orders[at].values(doc, score, place)
        return Found(self.orders[at].key(values), place, score, values)

    def _keep(self, heap: list[_Worst], many: int, found: Found, after: tuple[Any, ...] | None) -> None:
        if after is not None and not after < found.key:
            return
        if len(heap) < many:
            heapq.heappush(heap, _Worst(found))
        elif found[:2] < heap[0].found[:2]:
            heapq.heapreplace(heap, _Worst(found))

    def _plainly(self) -> Outcome | None:
        """Every document in the order in which they lie, without looking at more than are shown."""
        search = self.search
        by_place = not search.sort or [one.name for one in search.sort] in (["_doc"], ["_shard_doc"])
        descending = any(one.descending for one in search.sort)
        whole = all(isinstance(node, Everything) for node in self.nodes)
        more = search.aggs or search.post_filter or search.min_score is not None
        if not whole or not by_place or more or descending or search.after is not None or len(self.targets) > 1:
            return None
        outcome = Outcome(sum(target.count() for target in self.targets))
        if outcome.total and not search.sort:
            outcome.max_score = self.nodes[0].score(Doc("", "", {}))
        score = outcome.max_score or 0.0
        founds = []
        for place in self._first_places():
            founds.append(Found((), place, score, [place] if search.sort else []))
        outcome.hits = self._hits(founds)
        return outcome

    def _first_places(self) -> list[int]:
        places: list[int] = []
        wanted = self.search.begin + self.search.size
        for page in self.targets[0].docs(None, text=False) if self.targets and self.search.size else ():
            places += [doc.place for doc in page]
            if len(places) >= wanted:
                break
        return places[self.search.begin : wanted]

    # --- all of them, for scrolls

    def _all_in_order(self) -> Outcome:
        """Places of all matches; by the order asked for, or else as they lie."""
        by_place = not self.search.sort or [one.name for one in self.search.sort] in (["_doc"], ["_shard_doc"])
        outcome = Outcome(places=array("q"))
        assert outcome.places is not None
        if by_place and (self.search.sort or not self._ranked()):
            for place, _, score in self._matches():
                outcome.places.append(place)
                outcome.max_score = score if outcome.max_score is None else max(outcome.max_score, score)
        else:
            founds = sorted(
                (found.key, found.place, found.score)
                for found in (self._found(place >> _SHIFT, doc, score, place) for place, doc, score in self._matches())
            )
            outcome.places.extend(place for _, place, _ in founds)
            outcome.max_score = max((score for _, _, score in founds), default=None)
        outcome.total = len(outcome.places)
        if not self._scored:
            outcome.max_score = None
        return outcome

    def _ranked(self) -> bool:
        """Whether scores tell documents apart."""
        return not all(isinstance(node, Everything) for node in self.nodes)

    # --- what is shown

    def show(self, places: Sequence[int]) -> list[dict[str, Any]]:
        """A page of a scroll: the documents that are still there, as they are now."""
        with ExitStack() as moments:
            for target in self.targets:
                moments.enter_context(target.moment())
            self._prepare()
            docs = self._docs(places)
            founds = [self._again(place, docs[place]) for place in places if place in docs]
            return [self._hit(found, docs[found.place]) for found in founds]

    def _again(self, place: int, doc: Doc) -> Found:
        at = place >> _SHIFT
        score = (self.nodes[at].score(doc) or 0.0) if self._scored else 0.0
        return Found((), place, score, self.orders[at].values(doc, score, place) if self.search.sort else [])

    def _docs(self, places: Sequence[int]) -> dict[int, Doc]:
        search = self.search
        found: dict[int, Doc] = {}
        for at, (target, node) in enumerate(zip(self.targets, self.nodes, strict=True)):
            reads = search.source.names() | frozenset(search.fields) | self._reads()
            if search.highlight is not None or self._scored:
                reads |= node.names() | (frozenset("*") if search.highlight is not None else frozenset())
            text = needs_text(reads)
            own = [place & ((1 << _SHIFT) - 1) for place in places if place >> _SHIFT == at]
            for place, doc in target.at(own, text=text).items():
                found[at << _SHIFT | place] = doc
        return found

    def _hits(self, founds: Sequence[Found]) -> list[dict[str, Any]]:
        docs = self._docs([found.place for found in founds])
        return [self._hit(found, docs[found.place]) for found in founds if found.place in docs]

    def _hit(self, found: Found, doc: Doc) -> dict[str, Any]:
        search = self.search
        shown: dict[str, Any] = {"_index": doc.index, "_id": doc.id}
        if search.version:
            shown["_version"] = doc.version
        if search.numbers:
            shown |= {"_seq_no": doc.number, "_primary_term": 1}
        shown["_score"] = found.score if self._scored else None
        if search.source.shown:
            shown["_source"] = search.source.of(doc.source)
        if search.fields and (picked := fields_of(doc.source, search.fields)):
            shown["fields"] = picked
        if search.highlight is not None:
            at = found.place >> _SHIFT
            marked = Highlighter(search.highlight, self.nodes[at], self.targets[at].fields).of(doc)
            if marked:
                shown["highlight"] = marked
        if search.sort:
            shown["sort"] = found.values
        return shown


class _Worst:
    """Orders a heap so that the worst match is on top."""

    __slots__ = ("found",)

    def __init__(self, found: Found) -> None:
        self.found = found

    def __lt__(self, other: _Worst) -> bool:
        return other.found[:2] < self.found[:2]


def hits_of(outcome: Outcome, search: Search, *, as_number: bool = False) -> dict[str, Any]:
    """`hits` of an answer."""
    hits: dict[str, Any] = {}
    if search.tracked != 0:
        above = search.tracked is not None and outcome.total > search.tracked
        value = search.tracked if above else outcome.total
        hits["total"] = value if as_number else {"value": value, "relation": "gte" if above else "eq"}
    return {**hits, "max_score": outcome.max_score, "hits": outcome.hits}


def answer(
    outcome: Outcome, search: Search, shards: int, took_ms: int, *, as_number: bool = False
) -> Mapping[str, Any]:
    """The whole answer."""
    body: dict[str, Any] = {
        "took": took_ms,
        "timed_out": False,
        "_shards": {"total": shards, "successful": shards, "skipped": 0, "failed": 0},
        "hits": hits_of(outcome, search, as_number=as_number),
    }
    if outcome.aggregations is not None:
        body["aggregations"] = outcome.aggregations
    return body
