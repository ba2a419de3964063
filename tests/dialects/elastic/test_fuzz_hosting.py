"""Odd requests of all kinds at the hosting half: no answer is a 5xx, and every error has the form of this dialect."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from tests.dialects.elastic.connector_labs import Lab

ROUNDS, REQUESTS = 8, 160
INDEX = "fuzzed"

SCALARS: list[Any] = [
    None,
    True,
    False,
    0,
    1,
    -1,
    3.5,
    1e300,
    1 << 62,
    "",
    "a",
    "red",
    "*",
    "?",
    "now",
    "now-1d/d",
    "2026-01-01",
    "5",
    "true",
    "a AND (b OR",
    '"',
    "-",
    "ü",
    "\u0000",
    "a" * 600,
    "1h",
    "75%",
    "2<-1",
    "body",
    "title^2",
    "_id",
    "_score",
    "n:[1 TO",
]
NAMES = [
    "a",
    "b",
    "body",
    "title",
    "n",
    "d",
    "_id",
    "_index",
    "o.x",
    "body.keyword",
    "*",
    "b*",
    "query",
    "value",
    "boost",
    "fields",
    "gte",
    "lt",
    "operator",
    "minimum_should_match",
    "type",
    "filter",
    "",
    "x" * 300,
]
KINDS = [
    "match_all",
    "match_none",
    "match",
    "match_phrase",
    "match_phrase_prefix",
    "match_bool_prefix",
    "multi_match",
    "term",
    "terms",
    "range",
    "bool",
    "exists",
    "ids",
    "prefix",
    "wildcard",
    "query_string",
    "simple_query_string",
    "constant_score",
    "dis_max",
    "fuzzy",
    "knn",
    "nested",
    "no_such",
]
PATHS = {
    "/": "GET HEAD",
    "/_license": "GET",
    "/_cluster/health": "GET",
    "/{i}": "PUT GET HEAD",
    "/{i}/_doc": "POST",
    "/{i}/_doc/{id}": "PUT POST GET HEAD DELETE",
    "/{i}/_create/{id}": "PUT POST",
    "/{i}/_source/{id}": "GET HEAD",
    "/{i}/_update/{id}": "POST",
    "/_mget": "POST GET",
    "/{i}/_mget": "POST",
    "/_bulk": "POST PUT",
    "/{i}/_bulk": "POST PUT",
    "/_search": "POST GET",
    "/{i}/_search": "POST GET",
    "/{i}/_count": "POST GET",
    "/_count": "POST",
    "/_search/scroll": "POST DELETE",
    "/_search/scroll/{id}": "GET DELETE",
    "/{i}/_delete_by_query": "POST",
    "/{i}/_refresh": "POST GET",
    "/{i}/_mapping": "GET PUT",
    "/{i}/_settings": "GET",
    "/_ingest/pipeline/{id}": "GET",
    "/{i}/_odd": "GET",
    "/{i}//{id}": "POST",
}
SEARCHES = ("/{i}/_search", "/{i}/_count", "/{i}/_search")
INDEXES = [
    INDEX,
    INDEX,
    INDEX,
    "other-fuzzed",
    "*",
    "_all",
    "fuzz*,-other*",
    "Upper",
    "a,b",
    ".hidden",
    "%00",
    "<a>",
    "",
    ".elastic-connectors",
    ".elastic-connectors-sync-jobs-v1",
    ".elastic-*",
    "%ff",
    "a" * 300,
]
PARAMETERS = [
    "refresh",
    "size",
    "from",
    "sort",
    "q",
    "_source",
    "_source_includes",
    "scroll",
    "routing",
    "version",
    "if_seq_no",
    "if_primary_term",
    "pipeline",
    "op_type",
    "track_total_hits",
    "filter_path",
    "pretty",
    "ignore_unavailable",
    "expand_wildcards",
    "default_operator",
    "df",
    "rest_total_hits_as_int",
    "no_such",
    "allow_no_indices",
]


class Dice:
    """Everything that is random, from one seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def one(self, items: list[Any]) -> Any:
        return self.random.choice(items)

    def chance(self, of: float) -> bool:
        return self.random.random() < of

    def json(self, depth: int = 0) -> Any:
        if depth > 3 or self.chance(0.5):
            return self.one(SCALARS)
        if self.chance(0.5):
            return [self.json(depth + 1) for _ in range(self.random.randrange(3))]
        return {self.one(NAMES): self.json(depth + 1) for _ in range(self.random.randrange(4))}

    def query(self, depth: int = 0) -> Any:
        if self.chance(0.1):
            return self.json()
        kind = self.one(KINDS)
        makers: dict[str, Callable[[], Any]] = {
            "bool": lambda: {
                part: [self.query(depth + 1) for _ in range(self.random.randrange(3))]
                if self.chance(0.7)
                else self.json()
                for part in self.random.sample(["must", "filter", "should", "must_not"], 2)
            },
            "dis_max": lambda: {"queries": [self.query(depth + 1)]},
            "constant_score": lambda: {"filter": self.query(depth + 1)},
            "query_string": lambda: (
                {"query": self.words(), "fields": self.json()} if self.chance(0.3) else {"query": self.words()}
            ),
            "simple_query_string": lambda: {"query": self.words()},
            "multi_match": lambda: {
                "query": self.one(SCALARS),
                "fields": [self.one(NAMES)],
                "type": self.one(SCALARS[:10]),
            },
            "exists": lambda: {"field": self.one(NAMES)},
            "ids": lambda: {"values": self.json()},
            "terms": lambda: {self.one(NAMES): [self.one(SCALARS), self.one(SCALARS)]},
            "match_all": dict,
            "term": lambda: {self.one(NAMES[:8]): self.one(["red", 1, True, "2026-01-01"])},
            "match": lambda: {self.one(NAMES[:8]): {"query": self.one(["red green", "1", 2.0]), "operator": "and"}},
            "range": lambda: {self.one(NAMES): {self.one(["gt", "gte", "lt", "lte", "odd"]): self.one(SCALARS)}},
        }
        if depth > 3 or self.chance(0.15):
            return {kind: self.json()}
        make = makers.get(kind, lambda: {self.one(NAMES): self.one([self.one(SCALARS), {"query": self.one(SCALARS)}])})
        return {kind: make()}

    def words(self) -> str:
        parts = [
            "red",
            "a:b",
            "AND",
            "OR",
            "NOT",
            "(",
            ")",
            '"x y"',
            "+",
            "-",
            "n:[1 TO 5]",
            "n:>3",
            "*",
            "r*",
            "a~2",
            "^2",
            "/x/",
            "\\",
            "{",
            "title:(a b)",
            "_exists_:n",
            "&&",
            "||",
            "!",
            ":",
            "é",
        ]
        return " ".join(self.one(parts) for _ in range(self.random.randrange(7)))

    def search(self) -> dict[str, Any]:
        parts: dict[str, Callable[[], Any]] = {
            "query": self.query,
            "size": lambda: self.one([0, 1, 10, -1, 10_001, "5", None]),
            "from": lambda: self.one([0, 3, -1, "x"]),
            "sort": lambda: self.one(
                [["n"], [{"d": "desc"}], "_score", [{"n": {"order": self.one(SCALARS)}}], self.json()]
            ),
            "_source": self.json,
            "fields": self.json,
            "post_filter": self.query,
            "search_after": self.json,
            "highlight": lambda: {"fields": {self.one(NAMES): {}, "body": {}}},
            "track_total_hits": lambda: self.one(SCALARS),
            "aggs": lambda: {
                "x": {
                    self.one(["terms", "avg", "stats", "filter", "odd"]): self.one(
                        [{"field": self.one(NAMES)}, self.json()]
                    )
                }
            },
            "min_score": lambda: self.one(SCALARS),
            "no_such": self.json,
        }
        chosen = ["query", *self.random.sample(sorted(parts), self.random.randrange(0, 3))]
        return {name: parts[name]() for name in chosen}

    def lines(self) -> bytes:
        lines: list[Any] = []
        for _ in range(self.random.randrange(4)):
            kind = self.one(["index", "create", "update", "delete", "odd"])
            meta = {
                "_id": self.one(["1", "2", 5, None, "", "x" * 600]),
                "_index": self.one([INDEX, "other-fuzzed", "Bad", "*", ""]),
            }
            lines.append({kind: meta if self.chance(0.8) else self.json()})
            lines.append({"doc": self.json()} if kind == "update" else {"a": self.json(), "body": self.one(SCALARS)})
        return b"".join(json.dumps(line).encode() + b"\n" for line in lines)

    def body(self, path: str) -> bytes:
        if self.chance(0.05):
            return self.one([b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"a":1,"a":2}', b"NaN", b"[" * 500, b'"x"'])
        if path.endswith("_bulk"):
            return self.lines()
        if path.endswith(("_search", "_count", "_delete_by_query")):
            whole = self.search()
            return json.dumps(
                whole if path.endswith("_search") or self.chance(0.2) else {"query": self.query()}
            ).encode()
        if path.endswith(("/{i}", "_mapping")):
            field = {"type": self.one(["text", "keyword", "long", "date", "nested", "odd", 5]), "fields": self.json()}
            mapping = {"properties": {self.one(NAMES): field}, self.one(["dynamic", "odd"]): self.one(SCALARS)}
            return json.dumps(mapping if "mapping" in path else {"mappings": mapping, "settings": self.json()}).encode()
        if path.endswith("_update/{id}"):
            return json.dumps(
                {"doc": self.json(), self.one(["upsert", "doc_as_upsert", "script", "odd"]): self.json()}
            ).encode()
        return json.dumps(self.json()).encode()


def asked(dice: Dice) -> tuple[str, str, list[tuple[str, str]], bytes]:
    path = dice.one(sorted(PATHS)) if dice.chance(0.5) else dice.one(list(SEARCHES))
    filled = path.replace("{i}", dice.one(INDEXES) if dice.chance(0.4) else INDEX).replace(
        "{id}", dice.one(["1", "2", "a%2Fb", "%20", "x" * 700, "_all", "é"])
    )
    verbs = "GET POST PUT DELETE HEAD PATCH" if dice.chance(0.03) else PATHS[path]
    method = dice.one(verbs.split())
    query = [
        (dice.one(PARAMETERS), str(dice.one(SCALARS)))
        for _ in range(dice.random.randrange(3) if dice.chance(0.25) else 0)
    ]
    return method, filled, query, dice.body(path)


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_no_request_is_answered_with_5xx_or_in_another_form(lab: Lab, seed: int, remark: Callable[[str], None]) -> None:
    dice = Dice(seed)
    for n in range(3):
        lab.es.index(
            index=INDEX, id=str(n), document={"n": n, "body": "red green", "d": "2026-01-01", "o": {"x": ["a", 1]}}
        )
    statuses: Counter[int] = Counter()
    for _ in range(REQUESTS):
        method, path, query, body = asked(dice)
        if method == "DELETE" and path in (f"/{INDEX}", "/*", "/_all"):
            continue
        media = "application/x-ndjson" if path.endswith("_bulk") else "application/json"
        answer = lab.raw.request(method, path, params=query, content=body, headers={"content-type": media})
        told = f"{method} {path} {query} {body[:2000]!r} -> {answer.status_code} {answer.text[:600]}"
        statuses[answer.status_code] += 1
        assert answer.status_code < 500, told
        assert answer.headers["x-elastic-product"] == "Elasticsearch"
        _check(answer, told)
    assert lab.es.ping()
    remark(f"hosting, fuzz: {sum(statuses.values())} odd requests, answered {dict(sorted(statuses.items()))}")


def _check(answer: httpx.Response, told: str) -> None:
    if answer.request.method == "HEAD" or answer.status_code < 400 or not answer.content:
        return
    body = answer.json()
    if "found" in body or "result" in body or body == {} or "succeeded" in body or "failures" in body:
        return  # what is not there is told so
    if "filter_path" in str(answer.request.url):
        return
    assert isinstance(body["error"], str | dict), told
    if isinstance(body["error"], dict):
        assert body["status"] == answer.status_code, told
        assert body["error"]["type"], told
        assert body["error"]["reason"], told
        assert body["error"]["root_cause"], told
