"""What a request may not say, and that nothing comes of it."""

from __future__ import annotations

import json
import re
import socket

import httpx
import pytest

from syncline.server.app import create_app
from syncline.server.house import House
from syncline.server.settings import Settings

DEEP = "[" * 65 + "]" * 65
VERY_DEEP = b"[" * 200_000

BAD_BODIES = {
    "no JSON": (b"{", 400, "request.json"),
    "two values": (b"{} {}", 400, "request.json"),
    "NaN": (b'{"description": NaN}', 400, "request.json"),
    "Infinity": (b'{"description": -Infinity}', 400, "request.json"),
    "a float without end": (b'{"description": 1e999}', 400, "request.number"),
    "a huge number": (b'{"description": 123456789012345678901234567890}', 400, "request.number"),
    "a number of a million digits": (b"1" * 1_000_000, 400, "request.number"),
    "no UTF-8": (b'{"description": "\xff"}', 400, "request.encoding"),
    "UTF-16": ('{"description": "x"}'.encode("utf-16"), 400, "request.encoding"),
    "a NUL character": (b'{"description": "a\\u0000b"}', 400, "request.encoding"),
    "a NUL character in a name": (b'{"descri\\u0000ption": "x"}', 400, "request.encoding"),
    "half a character": (b'{"description": "\\ud800"}', 400, "request.encoding"),
    "deep": (f'{{"description": {DEEP}}}'.encode(), 400, "request.nesting"),
    "very deep": (VERY_DEEP, 400, "request.nesting"),
    "a list": (b"[]", 422, "request.invalid"),
    "text": (b'"x"', 422, "request.invalid"),
    "null": (b"null", 422, "request.invalid"),
    "nothing": (b"", 422, "request.invalid"),
    "an unknown field": (b'{"descriptoin": "x"}', 422, "request.invalid"),
    "a wrong type": (b'{"description": 7}', 422, "request.invalid"),
    "too long": (json.dumps({"description": "x" * 2001}).encode(), 422, "request.invalid"),
}


@pytest.fixture(scope="module")
def furnished(api):
    api.push_connector("target")
    api.ok("POST", "/v1/connectors/target/schedules", 201, json={"expression": "0 3 * * *"})
    return api


def refused(answer, status, code):
    told = answer.json()
    assert (answer.status_code, told["code"], told["status"]) == (status, code, status), told
    assert "Traceback" not in answer.text
    return told


@pytest.mark.parametrize("name", BAD_BODIES)
def test_a_bad_body_changes_nothing(furnished, name):
    raw, status, code = BAD_BODIES[name]
    before = furnished.dump()
    headers = {"content-type": "application/json"}
    answer = furnished.client.patch("/v1/connectors/target", content=raw, headers=headers)
    refused(answer, status, code)
    assert furnished.dump() == before


def test_every_operation_with_a_body_refuses_every_bad_one(furnished, remark):
    described = furnished.anybody.get("/openapi.json").json()
    before, asked, wrong = furnished.dump(), 0, []
    for path, item in described["paths"].items():
        for method, told in item.items():
            if "requestBody" not in told:
                continue
            at = path.replace("{connector}", "target").replace("{index}", "default").replace("{id}", "x" * 8)
            for name, (raw, status, code) in BAD_BODIES.items():
                if (name == "nothing" and not told["requestBody"].get("required")) or status == 422:
                    continue
                if told["operationId"] == "push_documents" and code == "request.encoding" and b"\\u" in raw:
                    continue  # its texts are looked at one by one
                answer = furnished.client.request(
                    method.upper(), at, content=raw, headers={"content-type": "application/json"}
                )
                asked += 1
                if (answer.status_code, answer.json()["code"]) != (status, code):
                    wrong.append((told["operationId"], name, answer.status_code, answer.text[:200]))
    remark(f"bad bodies: {asked} requests")
    assert wrong == []
    assert furnished.dump() == before


@pytest.mark.parametrize("kind", ["", "text/plain", "application/xml", "application/json; charset=latin-1", "a/b/c"])
def test_another_media_type_is_refused(furnished, kind):
    headers = {"content-type": kind} if kind else {}
    answer = furnished.client.post("/v1/indexes", content=b'{"name": "x"}', headers=headers)
    refused(answer, 415, "request.media_type")


def test_json_with_a_charset_and_merge_patches_are_taken(furnished):
    for kind in ("application/json; charset=UTF-8", "application/merge-patch+json"):
        answer = furnished.client.patch(
            "/v1/connectors/target", content=b'{"description": "x"}', headers={"content-type": kind}
        )
        assert answer.status_code == 200


@pytest.mark.parametrize(
    ("target", "status", "code"),
    [
        ("/v1/connectors/%00", 400, "request.encoding"),
        ("/v1/connectors/%ff", 400, "request.encoding"),
        ("/v1/connectors?kind=%00", 400, "request.encoding"),
        ("/v1/connectors?kind=%c3%28", 400, "request.encoding"),
        ("/v1/connectors?limit=0", 422, "request.invalid"),
        ("/v1/connectors?limit=1001", 422, "request.invalid"),
        ("/v1/connectors?limit=1.0", 422, "request.invalid"),
        ("/v1/connectors?limit=%201", 422, "request.invalid"),
        ("/v1/connectors?limit=٣", 422, "request.invalid"),
        ("/v1/connectors?limit=99999999999999999999", 422, "request.invalid"),
        ("/v1/jobs?state=done", 422, "request.invalid"),
        ("/v1/jobs?unknown=1", 422, "request.invalid"),
        ("/v1/jobs?cursor=abc", 400, "cursor.invalid"),
        ("/v1/jobs?connector=none", 404, "not_found"),
        ("/v1/jobs/999999", 404, "not_found"),
        ("/v1/jobs/99999999999999999999999999999", 404, "not_found"),
        ("/v1/jobs/٣", 404, "not_found"),
        ("/v1/search?filter=x", 422, "request.invalid"),
        ("/v1/search?highlight=a", 422, "request.invalid"),
        ("/v1/nothing", 404, "request.path"),
        ("/v1/connectors/", 404, "request.path"),
        ("//v1/connectors", 404, "request.path"),
    ],
)
def test_a_bad_target_is_refused(furnished, target, status, code):
    before = furnished.dump()
    refused(furnished.client.get(target), status, code)
    assert furnished.dump() == before


def test_a_wrong_method_is_told_which_are_right(furnished):
    answer = furnished.client.put("/v1/connectors/target")
    refused(answer, 405, "request.method")
    assert answer.headers["allow"] == "DELETE, GET, PATCH"


def test_a_body_that_is_too_large_is_refused_while_it_comes(furnished):
    large = b'{"description": "' + b"x" * furnished.settings.max_body + b'"}'
    headers = {"content-type": "application/json"}
    refused(
        furnished.client.patch("/v1/connectors/target", content=large, headers=headers), 413, "request.too_large"
    )  # fmt: skip

    host, port = furnished.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as wire:  # an endless body, without its length
        head = "PATCH /v1/connectors/target HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
        wire.sendall(f"{head}authorization: {furnished.client.headers['authorization']}\r\n".encode())
        wire.sendall(b"transfer-encoding: chunked\r\n\r\n")
        answer = b""
        try:
            for _ in range(200):
                wire.sendall(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
        except OSError:
            pass  # it has answered and closed
        try:
            answer = wire.recv(4096)
        except OSError:
            answer = b""
    assert answer.startswith(b"HTTP/1.1 413") or answer == b""
    assert furnished.client.get("/healthz").status_code == 200


def test_a_large_body_of_somebody_unknown_is_not_even_read(furnished):
    large = b"x" * (1 << 20)
    answer = furnished.anybody.post("/v1/indexes", content=large, headers={"content-type": "application/json"})
    refused(answer, 401, "auth.missing")
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_a_request_carries_its_id_through(furnished):
    assert furnished.client.get("/healthz", headers={"x-request-id": "mine-1.2"}).headers["x-request-id"] == "mine-1.2"
    for bad in ("a b", "x" * 129, 'a"b'):
        assert furnished.client.get("/healthz", headers={"x-request-id": bad}).headers["x-request-id"] != bad
    missing = furnished.client.get("/v1/nothing", headers={"x-request-id": "mine-2"})
    assert missing.json()["request_id"] == missing.headers["x-request-id"] == "mine-2"


def test_any_host_is_taken(furnished):
    assert furnished.client.get("/v1/indexes", headers={"host": "elsewhere.example:1"}).status_code == 200


def test_it_says_that_it_is_well(furnished):
    assert furnished.anybody.get("/healthz").json() == {"status": "ok"}
    ready = furnished.anybody.get("/readyz")
    assert (ready.status_code, ready.json()["ready"]) == (200, True)
    assert set(ready.json()["checks"].values()) == {"ok"}
    assert furnished.anybody.get("/version").json()["name"] == "syncline"
    assert "syncline_http_requests_total" in furnished.anybody.get("/metrics").text


def asked(app, path, **headers):
    """One request to an application without a server."""
    import asyncio

    async def ask():
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.get(path, headers=headers)

    return asyncio.run(ask())


def test_a_server_that_cannot_work_says_so(tmp_path):
    house = House(Settings(str(tmp_path / "state")))
    app = create_app(house)
    answer = asked(app, "/readyz")
    assert (answer.status_code, answer.json()["ready"]) == (503, False)
    assert answer.json()["checks"]["supervisor"] == "has ended"
    house.close()
    (tmp_path / "state" / "control.db").write_bytes(b"this is no database, " * 400)
    assert asked(app, "/readyz").json()["checks"]["tables"] == "data_dir.damaged"
    house.close()


def test_metrics_need_a_key_when_the_server_was_told_so(tmp_path):
    house = House(Settings(str(tmp_path / "state"), root_key="root:root-secret-for-tests", metrics_need_key=True))
    app = create_app(house)
    refused(asked(app, "/metrics"), 401, "auth.missing")
    assert asked(app, "/metrics", authorization="Bearer root-secret-for-tests").status_code == 200
    house.close()


def test_many_indexes_do_not_stay_open(furnished):
    for n in range(30):
        furnished.ok("POST", "/v1/indexes", 201, json={"name": f"many-{n}"})
        furnished.ok("POST", "/v1/search", json={"index": f"many-{n}"})
    rooms = list(furnished.house._rooms.queue)
    assert max(len(room._indexes) for room in rooms) <= 4


def test_every_operation_refuses_what_it_does_not_know(furnished, remark):
    """An unknown parameter, an unknown field, a name that nobody has: each is told, and nothing comes of it."""
    described = furnished.anybody.get("/openapi.json").json()
    before, asked_for, wrong = furnished.dump(), 0, []

    def expect(operation, status, code, method, path, **more):
        nonlocal asked_for
        asked_for += 1
        answer = furnished.client.request(method, path, **more)
        if (answer.status_code, answer.json().get("code")) != (status, code):
            wrong.append((operation, path, answer.status_code, answer.text[:200]))

    for path, item in described["paths"].items():
        for method, told in item.items():
            name, at = told["operationId"], path.replace("{connector}", "target").replace("{index}", "default")
            at = at.replace("{job}", "1").replace("{kind}", "push").replace("{id}", "nobody")
            method = method.upper()
            expect(name, 422, "request.invalid", method, f"{at}?surprise=1")
            if "requestBody" in told:
                expect(name, 422, "request.invalid", method, at, json={"surprise": 1})
            if "{" in path and name != "get_source":
                nobody = re.sub(r"\{\w+\}", "nobody", path)
                query = "?id=x" if name == "why_document" else ""
                body = {"json": _body(name)} if "requestBody" in told else {}
                expect(name, 404, "not_found", method, nobody + query, **body)
    remark(f"unknown things: {asked_for} requests")
    assert wrong == []
    assert furnished.dump() == before


def _body(operation):
    return {
        "create_schedule": {"expression": "0 3 * * *"},
        "create_trigger": {"kind": "webhook"},
        "push_documents": {"documents": [{"id": "a", "text": "x"}]},
    }.get(operation, {})
