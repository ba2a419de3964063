"""A search request: what its body and its parameters ask for, and what of it is refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from syncline.dialects.elastic import query_sort, query_source
from syncline.dialects.elastic.query_refusals import unparsed, unsupported
from syncline.dialects.elastic.query_run import TRACKED, Search
from syncline.dialects.elastic.query_values import number, spelled
from syncline.dialects.elastic.refusals import Refused, illegal
from syncline.dialects.elastic.transport import MAX_WINDOW, Call

_IGNORED: Final = frozenset(  # they have no effect on what is found here
    {"preference", "request_cache", "batched_reduce_size", "ccs_minimize_roundtrips", "max_concurrent_shard_requests",
     "pre_filter_shard_size", "allow_partial_search_results", "timeout", "typed_keys", "ignore_throttled",
     "force_synthetic_source", "stats", "include_named_queries_score"}
)  # fmt: skip
_Q: Final = frozenset({"q", "df", "default_operator", "lenient", "analyze_wildcard", "analyzer"})
_OWN: Final = frozenset(
    {"from", "size", "sort", "_source", "_source_includes", "_source_excludes", "track_total_hits", "track_scores",
     "version", "seq_no_primary_term", "scroll", "rest_total_hits_as_int", "search_type", "routing", "explain",
     "terminate_after", "stored_fields", "docvalue_fields", "min_score"}
)  # fmt: skip
QUERY: Final = _IGNORED | _Q | _OWN
_REFUSED: Final = {  # by what is harmless in them
    "explain": (False,), "profile": (False,), "terminate_after": (0,), "collapse": (), "rescore": (), "suggest": (),
    "knn": (), "script_fields": (), "runtime_mappings": ({},), "indices_boost": ([], {}), "slice": (), "pit": (),
    "retriever": (), "rank": (), "docvalue_fields": ([],), "stored_fields": (), "sub_searches": (),
}  # fmt: skip
_BODY: Final = frozenset(
    {"query", "from", "size", "sort", "_source", "fields", "highlight", "aggs", "aggregations", "track_total_hits",
     "track_scores", "version", "seq_no_primary_term", "search_after", "post_filter", "min_score", "timeout", "stats",
     "ext", *_REFUSED}
)  # fmt: skip


def parsed(call: Call) -> Search:
    """What the request asks for. Raises Refused."""
    body = call.json()
    body = {} if body is None else body
    if not isinstance(body, Mapping):
        raise unparsed("the body of a search must be an object")
    odd = next((key for key in body if key not in _BODY), None)
    if odd is not None:
        raise unparsed(f"unknown key [{odd:.200}] in the body of a search")
    for name, harmless in _REFUSED.items():
        if body.get(name) is not None and body[name] not in harmless:
            raise unsupported(f"[{name}] in a search")
    _check_query(call)
    search = Search(
        query=query_of(call, body),
        sort=query_sort.of_text(call.query["sort"]) if call.query.get("sort") else query_sort.parsed(body.get("sort")),
        after=body.get("search_after"),
        source=query_source.of_query(call.query, query_source.parsed(body.get("_source"))),
        fields=query_source.field_patterns(body.get("fields")),
        highlight=body.get("highlight"),
        aggs=_one_of(body, "aggs", "aggregations"),
        post_filter=body.get("post_filter"),
    )
    search.begin, search.size = _window(call, body, search)
    search.tracked = _tracked(call, body)
    for name in ("version", "track_scores"):
        setattr(search, name, _flag(call, body, name))
    search.numbers = _flag(call, body, "seq_no_primary_term")
    least = body.get("min_score", call.query.get("min_score"))
    if least is not None:
        found = number(least)
        if found is None:
            raise unparsed("[min_score] must be a number")
        search.min_score = float(found)
    return search


def _one_of(body: Mapping[str, Any], *names: str) -> Any:
    given = [body[name] for name in names if body.get(name) is not None]
    if len(given) > 1:
        raise unparsed(f"[{names[0]}] and [{names[1]}] cannot both be given")
    return given[0] if given else None


def _check_query(call: Call) -> None:
    for name in ("routing", "docvalue_fields"):
        if call.query.get(name):
            raise unsupported(f"[{name}] in a search")
    if call.query.get("stored_fields") not in (None, "", "_none_"):
        raise unsupported("[stored_fields] in a search")
    if call.flag("explain"):
        raise unsupported("[explain] in a search")
    if call.whole("terminate_after", 0):
        raise unsupported("[terminate_after] in a search")
    if call.query.get("search_type", "query_then_fetch") not in ("query_then_fetch", "dfs_query_then_fetch"):
        raise illegal(f"No search type for [{call.query['search_type']:.100}]")
    if call.query.get("analyzer"):
        raise unsupported("[analyzer] in a search")


def query_of(call: Call, body: Mapping[str, Any]) -> Any:
    """The query: of the body, or else of the parameter `q`."""
    said = call.query.get("q")
    if said is None:
        return body.get("query")
    query: dict[str, Any] = {
        "query": said,
        "default_operator": call.query.get("default_operator", "or"),
        "lenient": call.flag("lenient"),
        "analyze_wildcard": call.flag("analyze_wildcard"),
    }
    if call.query.get("df"):
        query["default_field"] = call.query["df"]
    return {"query_string": query}


def _window(call: Call, body: Mapping[str, Any], search: Search) -> tuple[int, int]:
    found = []
    for name, otherwise in (("from", 0), ("size", 10)):
        value: Any = call.whole(name, otherwise) if name in call.query else body.get(name, otherwise)
        many = number(value)
        if many is None or isinstance(value, float):
            raise unparsed(f"[{name}] must be a whole number: [{spelled(value):.100}]")
        if name == "from" and many == -1:
            many = 0
        if many < 0:
            raise illegal(f"[{name}] parameter cannot be negative, found [{many}]")
        found.append(int(many))
    begin, size = found
    if search.after is not None and begin:
        raise illegal("`from` parameter must be set to 0 when `search_after` is used")
    if search.after is not None and not search.sort:
        raise illegal("Sort must contain at least one field when `search_after` is used.")
    if begin + size > MAX_WINDOW:
        raise illegal(
            f"Result window is too large, from + size must be less than or equal to: [{MAX_WINDOW}] but was "
            f"[{begin + size}]. Use a scroll, or search_after."
        )
    return begin, size


def _tracked(call: Call, body: Mapping[str, Any]) -> int | None:
    said: Any = call.query.get("track_total_hits", body.get("track_total_hits", TRACKED))
    if said in ("true", "") or said is True:
        return None
    if said == "false" or said is False:
        return 0
    found = number(said)
    if found is None or found != int(found) or found < 0:
        raise illegal(f"[track_total_hits] parameter must be true, false or a number, found [{spelled(said):.100}]")
    return None if call.flag("rest_total_hits_as_int") else int(found) or 0


def _flag(call: Call, body: Mapping[str, Any], name: str) -> bool:
    if name in call.query:
        return call.flag(name)
    said = body.get(name, False)
    if not isinstance(said, bool):
        raise unparsed(f"[{name}] must be true or false")
    return said


__all__ = ["QUERY", "Refused", "parsed", "query_of"]
