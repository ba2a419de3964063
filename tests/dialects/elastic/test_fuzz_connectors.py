"""Requests that nobody sends on purpose: none of them breaks the server, or gets an answer in another form than ours.

Each request takes a shape of the API and bends it: its path, its query, its headers, its body. What is asked for is
decided by a seed, so a failure can be repeated.
"""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import httpx
from tests.dialects.elastic.connector_labs import Lab

REQUESTS = 1_200
SEED = 9_200
CANARY = "C4NARY-of-the-fuzz"

CONNECTOR_PUTS = (
    "_check_in", "_last_sync", "_filtering/_activate", "_api_key_id", "_configuration", "_error", "_features",
    "_filtering",
    "_filtering/_validation", "_index_name", "_name", "_native", "_pipeline", "_scheduling", "_service_type", "_status",
)  # fmt: skip
JOB_PUTS = ("_cancel", "_check_in", "_claim", "_error", "_stats")
NAMES = (
    "name", "description", "index_name", "is_native", "service_type", "language", "configuration", "values", "error",
    "features", "filtering", "rules", "advanced_snippet", "validation", "pipeline", "scheduling", "status", "id",
    "job_type",
    "trigger_method", "worker_hostname", "sync_cursor", "deleted_document_count", "indexed_document_count",
    "indexed_document_volume", "total_document_count", "last_seen", "metadata", "last_synced", "last_sync_status",
    "value",
    "api_key_id", "api_key_secret_id", "odd", "", "$sealed",
)  # fmt: skip
WORDS = (
    "", "a", "dir", "s3", "postgresql", "web", "super-connector", "content-x", "fuzz-index", "UPPER", "..", "*", "full",
    "pending", "error", "connected", "2023-05-25T12:30:00.000Z", "0 0 0 * * ?", "61 0 0 * * ?", "true", "-1", "9" * 30,
    "x" * 5000, "\0", "ü", "日本", "😀", "/etc", "'; drop table jobs; --", "{{7*7}}", "********", CANARY,
)  # fmt: skip
GOOD: dict[str, Any] = {
    "scheduling": {"full": {"enabled": True, "interval": "0 0 0 * * ?"}},
    "configuration": {"password": {"label": "P", "sensitive": True, "value": CANARY}, "a": {"label": "A", "value": 1}},
    "validation": {"state": "valid", "errors": []},
    "rules": [{"id": "r", "field": "f", "order": 1, "policy": "include", "rule": "equals", "value": "v"}],
    "pipeline": {"extract_binary_content": True, "name": "p", "reduce_whitespace": True, "run_ml_inference": False},
    "features": {"sync_rules": {"basic": {"enabled": True}}},
    "is_native": False, "status": "configured", "error": "oh", "name": "named", "worker_hostname": "w", "value": "v",
    "deleted_document_count": 1, "indexed_document_count": 1, "indexed_document_volume": 1,
}  # fmt: skip
FITTING = {
    "_last_sync": ("error",), "_configuration": ("configuration",), "_error": ("error",), "_features": ("features",),
    "_filtering": ("rules",), "_validation": ("validation",), "_name": ("name",), "_native": ("is_native",),
    "_pipeline": ("pipeline",), "_scheduling": ("scheduling",), "_status": ("status",), "_claim": ("worker_hostname",),
    "_stats": ("deleted_document_count", "indexed_document_count", "indexed_document_volume"), "_secret": ("value",),
    "_connector": ("name", "is_native"), "_sync_job": (),
}  # fmt: skip
QUERIES = (
    "from=0", "size=1", "from=-1", "size=99999999999", "from=x", "include_deleted", "include_deleted=%ff", "hard=1",
    "pretty",
    "filter_path=**", "filter_path=a.*.b,-c", "filter_path=" + "**." * 20, "human=maybe", "odd=1", "index_name=a,b",
    "query=%00",
    "service_type=dir", "status=pending", "status=odd", "job_type=full,odd", "connector_id=fuzz", "&&=&", "%", "%zz=1",
    "delete_sync_jobs=true", "error_trace",
)  # fmt: skip
HEADERS: tuple[dict[str, str], ...] = (
    {}, {}, {}, {}, {"accept": "*/*"}, {"accept": "text/html"}, {"content-type": "text/plain"},
    {"content-encoding": "gzip"},
    {"content-type": "application/vnd.elasticsearch+json; compatible-with=9"}, {"authorization": "Basic AAAA"},
    {"content-type": "application/vnd.elasticsearch+x-ndjson; compatible-with=7"},
    {"accept": "application/json, text/html"},
)  # fmt: skip


class Fuzz:
    """Makes requests. `ids` are of things that may be there."""

    def __init__(self, seed: int, ids: list[str]) -> None:
        self.random = random.Random(seed)
        self.ids = ids

    def some(self, *makers: Callable[[], Any]) -> Any:
        return self.random.choice(makers)()

    def value(self, depth: int = 0) -> Any:
        scalars = (
            lambda: None, lambda: True, lambda: False, lambda: self.random.randint(-(1 << 70), 1 << 70),
            lambda: self.random.uniform(-1e9, 1e9), lambda: self.random.choice(WORDS),
            lambda: self.random.choice(WORDS),
        )  # fmt: skip
        if depth > 3:
            return self.some(*scalars)
        return self.some(
            *scalars,
            lambda: [self.value(depth + 1) for _ in range(self.random.randint(0, 3))],
            lambda: {self.random.choice(NAMES): self.value(depth + 1) for _ in range(self.random.randint(0, 4))},
        )

    def body(self, path: str) -> bytes | None:
        def fitting() -> bytes:
            wanted = FITTING.get(path.rpartition("/")[2], ("name",))
            chosen = {name: GOOD[name] for name in wanted}
            return json.dumps(chosen if wanted else {"id": self.random.choice(self.ids)}).encode()

        def near() -> bytes:
            chosen = {name: GOOD[name] for name in self.random.sample(list(GOOD), self.random.randint(1, 3))}
            if self.random.random() < 0.4:
                chosen[self.random.choice(NAMES)] = self.value()
            if "id" not in chosen and self.random.random() < 0.3:
                chosen["id"] = self.random.choice(self.ids)
            return json.dumps(chosen).encode()

        def broken() -> bytes:
            raw = bytearray(near())
            raw[self.random.randrange(len(raw))] = self.random.randrange(256)
            return bytes(raw)

        return self.some(  # type: ignore[no-any-return]
            lambda: None, lambda: b"", fitting, fitting, fitting, fitting, near, near, near, broken,
            lambda: json.dumps(self.value()).encode(),
            lambda: self.random.randbytes(20), lambda: b'{"a":' * 300,
        )  # fmt: skip

    def shape(self) -> tuple[str, str]:
        """Methods that the path knows, and the path."""
        names = (lambda: self.random.choice(self.ids),) * 3 + (lambda: self.random.choice(WORDS[:22]),)
        id = quote(self.some(*names), safe="" if self.random.random() < 0.9 else "/")
        put, job_put = self.random.choice(CONNECTOR_PUTS), self.random.choice(JOB_PUTS)
        shapes = (
            ("GET POST PUT", "/_connector"), ("GET PUT PUT DELETE", f"/_connector/{id}"), ("GET POST",
            "/_connector/_sync_job"),
            *(("PUT", f"/_connector/{id}/{put}"),) * 5, ("GET GET GET DELETE", f"/_connector/_sync_job/{id}"),
            *(("PUT", f"/_connector/_sync_job/{id}/{job_put}"),) * 3, ("POST", "/_connector/_secret"),
            ("GET PUT DELETE", f"/_connector/_secret/{id}"), ("PUT",
            f"/_connector/{id}/{self.random.choice(WORDS[1:8])}"),
            ("GET", "//" + id), ("GET", "/_connector/%ff"), ("PUT", "/_connector///"),
        )  # fmt: skip
        return self.random.choice(shapes)

    def request(self) -> tuple[str, str, dict[str, str], bytes | None]:
        methods, path = self.shape()
        known = self.random.random() < 0.9
        method = self.random.choice(methods.split() if known else ["GET", "PUT", "PATCH", "HEAD", "OPTIONS", "DELETE"])
        body = self.body(path)
        if self.random.random() < 0.3:
            path += "?" + "&".join(self.random.sample(QUERIES, self.random.randint(1, 3)))
        headers = dict(self.random.choice(HEADERS)) if self.random.random() < 0.4 else {}
        if body is not None:
            headers.setdefault("content-type", "application/json")
        return method, path, headers, body


def check(answer: httpx.Response) -> None:
    """It has the form that this dialect gives to what it answers."""
    assert answer.status_code < 500
    assert answer.headers["x-elastic-product"] == "Elasticsearch"
    if not answer.content:
        assert answer.request.method in ("HEAD", "OPTIONS")
        return
    body = answer.json()
    if answer.status_code < 400:
        assert isinstance(body, dict)
        return
    error = body["error"]
    if isinstance(error, str):
        assert answer.status_code in (400, 405, 406, 413, 415)
        assert set(body) <= {"error", "status"}
        return
    assert set(body) == {"error", "status"}
    assert body["status"] == answer.status_code
    assert isinstance(error["type"], str)
    assert isinstance(error["reason"], str)
    assert error["type"].endswith("_exception")
    assert error["root_cause"][0]["type"] == error["type"]
    assert "Traceback" not in answer.text


def test_no_request_breaks_it(lab: Lab, remark: Callable[[str], None]) -> None:
    """More of them: FUZZ_SEED=7 FUZZ_REQUESTS=20000 in the environment."""
    ids = [lab.connector(), lab.connector(service_type="web"), lab.files(lab.folder({"a.md": "text"})), "fuzz"]
    jobs = [lab.posted(ids[0]), lab.run(ids[2])["id"]]
    fuzz = Fuzz(int(os.environ.get("FUZZ_SEED", SEED)), [*ids, *jobs])
    seen: Counter[int] = Counter()
    for number in range(int(os.environ.get("FUZZ_REQUESTS", REQUESTS))):
        method, path, headers, body = fuzz.request()
        answer = lab.raw.request(method, f"{lab.url}{path}", headers=headers, content=body)
        told = (number, method, path, headers, body, answer.status_code, answer.text[:500])
        try:
            check(answer)
            assert CANARY not in answer.text or not shown_as_secret(answer), told
        except Exception as error:
            raise AssertionError(told) from error
        seen[answer.status_code] += 1
    assert {200, 201, 400, 401, 404, 405} <= seen.keys()
    assert seen[200] + seen[201] > REQUESTS // 10
    assert "Traceback" not in lab.served.errors
    remark(f"elastic: {seen.total()} bent requests: {dict(sorted(seen.items()))}")


def shown_as_secret(answer: httpx.Response) -> bool:
    """Whether the canary is the value of a field that says it is a secret; it may be a name, or part of a reason."""

    def look(value: Any) -> bool:
        if isinstance(value, dict):
            return (bool(value.get("sensitive")) and CANARY in str(value.get("value"))) or any(
                map(look, value.values())
            )
        return isinstance(value, list) and any(map(look, value))

    return answer.headers.get("content-type", "").startswith("application/") and look(answer.json())
