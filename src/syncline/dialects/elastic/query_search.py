"""`_search`, `_count` and scrolls over HTTP, and deleting what a query finds."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

from syncline.dialects.elastic import documents, query_request, scroll
from syncline.dialects.elastic import hosting_names as names
from syncline.dialects.elastic.query_dsl import compiled
from syncline.dialects.elastic.query_leaves import Ground
from syncline.dialects.elastic.query_nodes import Everything
from syncline.dialects.elastic.query_refusals import unparsed, unsupported
from syncline.dialects.elastic.query_run import Outcome, Run, Search, answer
from syncline.dialects.elastic.query_targets import Target, needs_text
from syncline.dialects.elastic.refusals import illegal, invalid
from syncline.dialects.elastic.scroll import Scrolls
from syncline.dialects.elastic.transport import Call, Reply, Route, Scope
from syncline.service import hosting
from syncline.service.hosting import Operation
from syncline.wiring import Installation

_SEARCH: Final = query_request.QUERY | names.FLAGS
_COUNT: Final = names.FLAGS | {
    "q", "df", "default_operator", "lenient", "analyze_wildcard", "analyzer", "min_score", "preference", "routing",
    "terminate_after",
}  # fmt: skip
_DELETE: Final = _COUNT | {
    "refresh", "conflicts", "wait_for_completion", "timeout", "scroll_size", "slices", "max_docs", "scroll", "sort",
    "requests_per_second", "search_timeout", "search_type", "request_cache", "stats", "version",
    "wait_for_active_shards",
}  # fmt: skip
_BATCH: Final = 500


class Searching:
    """The routes of searches; keeps the scrolls that are open."""

    def __init__(self, clock: Any) -> None:
        self._scrolls = Scrolls(clock)

    def routes(self) -> list[Route]:
        """All of them."""
        found = []
        for method in ("GET", "POST"):
            for within in ("", "/{index}"):
                found.append(Route(method, f"{within}/_search", self._search, _SEARCH, Scope.READ))
                found.append(Route(method, f"{within}/_count", _count, _COUNT, Scope.READ))
            for path in ("/_search/scroll", "/_search/scroll/{scroll_id}"):
                query = frozenset({"scroll", "scroll_id", "rest_total_hits_as_int"})
                found.append(Route(method, path, self._next, query, Scope.READ))
        for path in ("/_search/scroll", "/_search/scroll/{scroll_id}"):
            found.append(Route("DELETE", path, self._clear, frozenset({"scroll_id"}), Scope.READ, "always"))
        found.append(Route("POST", "/{index}/_delete_by_query", _delete_by_query, _DELETE))
        return found

    # --- searching

    def _search(self, call: Call) -> Reply:
        began = time.monotonic()
        search = query_request.parsed(call)
        keep = call.query.get("scroll")
        if keep is not None:
            _check_scroll(search)
        with call.room() as room:
            targets = names.targets(call, room, call.parts.get("index"))
            if search.aggs and len(targets) > 1:
                raise unsupported("aggregations over several indexes at once")
            if keep is not None:
                return self._first(call, room, targets, search, scroll.seconds(keep), began)
            outcome = Run(targets, search, call.host.clock()).outcome()
        return _answered(call, outcome, search, len(targets), began)

    def _first(
        self, call: Call, room: Installation, targets: Any, search: Search, keep_s: float, began: float
    ) -> Reply:
        now = call.host.clock()
        outcome = Run(targets, search, now).outcome(scroll=True)
        assert outcome.places is not None
        opened = self._scrolls.add(call.caller.key_id, [one.name for one in targets], search, outcome.places, keep_s)
        opened.max_score, opened.now = outcome.max_score, now
        page = self._scrolls.next_page(opened)
        outcome.hits = Run(targets, search, now).show(page)
        return _answered(call, outcome, search, len(targets), began, opened.id)

    # --- going on

    def _next(self, call: Call) -> Reply:
        began = time.monotonic()
        said = _scroll_body(call, ("scroll_id", "scroll"))
        id = said.get("scroll_id", call.parts.get("scroll_id", call.query.get("scroll_id")))
        if not isinstance(id, str) or not id:
            raise invalid("scrollId is missing")
        keep = said.get("scroll", call.query.get("scroll"))
        opened = self._scrolls.get(id, call.caller.key_id, None if keep is None else scroll.seconds(keep))
        page = self._scrolls.next_page(opened)
        with call.room() as room:
            targets = [names.target(call, room, names.one(call, room, name)) for name in opened.names]
            hits = Run(targets, opened.search, opened.now).show(page) if page else []
            while page and not hits:  # all of them have gone meanwhile: no page but the last one is empty
                page = self._scrolls.next_page(opened)
                hits = Run(targets, opened.search, opened.now).show(page) if page else []
        outcome = Outcome(len(opened.places), opened.max_score, hits)
        return _answered(call, outcome, opened.search, len(opened.names), began, opened.id)

    def _clear(self, call: Call) -> Reply:
        said = _scroll_body(call, ("scroll_id",))
        given = said.get("scroll_id", call.parts.get("scroll_id", call.query.get("scroll_id")))
        ids = given.split(",") if isinstance(given, str) else given
        if not isinstance(ids, list) or not ids or not all(isinstance(id, str) for id in ids):
            raise invalid("no scroll ids specified")
        owner = call.caller.key_id
        freed = self._scrolls.remove_all(owner) if ids == ["_all"] else self._scrolls.remove(ids, owner)
        return Reply({"succeeded": True, "num_freed": freed}, 200 if freed or ids == ["_all"] else 404)


def _scroll_body(call: Call, known: tuple[str, ...]) -> Mapping[str, Any]:
    body = call.json()
    body = {} if body is None else body
    if not isinstance(body, Mapping):
        raise unparsed("the body must be an object")
    odd = next((key for key in body if key not in known), None)
    if odd is not None:
        raise unparsed(f"unknown parameter [{odd:.100}] in the body")
    return body


def _check_scroll(search: Search) -> None:
    if search.begin:
        raise invalid("using [from] is not allowed in a scroll context")
    if search.size == 0:
        raise invalid("[size] cannot be [0] in a scroll context")
    if search.after is not None:
        raise invalid("`search_after` cannot be used in a scroll context.")
    if search.aggs or search.post_filter:
        raise unsupported("[aggs] or [post_filter] in a scroll")
    if search.tracked != 0:
        search.tracked = None


def _answered(
    call: Call, outcome: Outcome, search: Search, shards: int, began: float, scroll_id: str | None = None
) -> Reply:
    took = int((time.monotonic() - began) * 1000)
    body = answer(outcome, search, shards, took, as_number=call.flag("rest_total_hits_as_int"))
    return Reply(body if scroll_id is None else {"_scroll_id": scroll_id, **body})


# --- counting ---------------------------------------------------------------------------------------------------------


def _asked(call: Call, *more: str) -> tuple[Any, Mapping[str, Any]]:
    """The query, and the body."""
    body = call.json()
    body = {} if body is None else body
    if not isinstance(body, Mapping):
        raise unparsed("the body must be an object")
    odd = next((key for key in body if key not in ("query", *more)), None)
    if odd is not None:
        raise unparsed(f"request does not support [{odd:.200}]")
    for name in ("routing", "min_score", "terminate_after", "analyzer"):
        if call.query.get(name) not in (None, "", "0"):
            raise unsupported(f"[{name}] here")
    return query_request.query_of(call, body), body


def _count(call: Call) -> Reply:
    query, _ = _asked(call)
    with call.room() as room:
        targets = names.targets(call, room, call.parts.get("index"))
        found = sum(_counted(target, query, call.host.clock()) for target in targets)
    shards = {"total": len(targets), "successful": len(targets), "skipped": 0, "failed": 0}
    return Reply({"count": found, "_shards": shards})


def _counted(target: Target, query: Any, now: float) -> int:
    with target.moment():
        ground = Ground(target.fields, target.stats, now)
        node = Everything() if query is None else compiled(ground, query)
        if isinstance(node, Everything):
            return target.count()
        pages = target.docs(node.need(), text=needs_text(node.names()))
        return sum(node.matches(doc) for page in pages for doc in page)


# --- deleting what is found -------------------------------------------------------------------------------------------


def _delete_by_query(call: Call) -> Reply:
    began = time.monotonic()
    query, body = _asked(call, "conflicts", "max_docs")
    if query is None:
        raise invalid("query is missing")
    if not call.flag("wait_for_completion", True):
        raise unsupported("[wait_for_completion=false]")
    for name in ("max_docs", "sort"):
        if call.query.get(name) is not None or body.get(name) is not None:
            raise unsupported(f"[{name}] of a deletion by query")
    if call.query.get("conflicts", body.get("conflicts", "abort")) not in ("abort", "proceed"):
        raise illegal("conflicts may only be [proceed] or [abort]")
    mode = documents.refresh_mode(call)
    total = deleted = 0
    failures: list[dict[str, Any]] = []
    with call.room() as room:
        for named in names.several(call, room, call.parts["index"]):
            if named.index is None:
                raise illegal("documents of system indices cannot be deleted by query")
            writing = documents.Writing(room, named)
            ids = _ids_of(names.target(call, room, named), query, call.host.clock())
            total += len(ids)
            for begin in range(0, len(ids), _BATCH):
                batch = ids[begin : begin + _BATCH]
                for id, done in zip(batch, writing.write([Operation("delete", id) for id in batch]), strict=True):
                    deleted += done.result == "deleted"
                    if done.result != "deleted" and writing.is_foreign(id):
                        failures.append(_failure(named.name, id))
            if mode != "false":
                hosting.refresh(room, writing.index)
    return Reply(_deletion(total, deleted, failures[:100], began), 409 if failures else 200)


def _ids_of(target: Target, query: Any, now: float) -> list[str]:
    with target.moment():
        node = compiled(Ground(target.fields, target.stats, now), query)
        pages = target.docs(node.need(), text=needs_text(node.names()))
        return [doc.id for page in pages for doc in page if node.matches(doc)]


def _failure(index: str, id: str) -> dict[str, Any]:
    reason = f"the document [{id}] was brought by a connector of Syncline, and can only be removed by it"
    cause = {"type": "illegal_argument_exception", "reason": reason}
    return {"index": index, "id": id, "cause": cause, "status": 400}


def _deletion(total: int, deleted: int, failures: list[dict[str, Any]], began: float) -> dict[str, Any]:
    return {
        "took": int((time.monotonic() - began) * 1000),
        "timed_out": False,
        "total": total,
        "deleted": deleted,
        "batches": -(-total // _BATCH),
        "version_conflicts": 0,
        "noops": 0,
        "retries": {"bulk": 0, "search": 0},
        "throttled_millis": 0,
        "requests_per_second": -1.0,
        "throttled_until_millis": 0,
        "failures": failures,
    }
