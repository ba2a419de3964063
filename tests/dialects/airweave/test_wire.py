"""What surrounds every operation: keys, slashes, forms of errors, headers."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from uuid import uuid4

import httpx
import pytest
from airweave.core.api_error import ApiError
from airweave.errors import NotFoundError
from tests.dialects.airweave.labs import WAIT_S, Lab

from syncline.dialects.airweave.app import ROUTES

LIMITS = ("ratelimit-limit", "ratelimit-remaining", "ratelimit-reset")


def asked(lab: Lab, headers: dict[str, str], path: str = "/sources") -> httpx.Response:
    return httpx.get(f"{lab.base_url}{path}", headers=headers, timeout=WAIT_S)


def test_a_request_without_a_key_is_401_and_one_with_a_wrong_key_403(lab: Lab) -> None:
    for headers in ({}, {"x-api-key": ""}, {"authorization": "Bearer"}):
        answer = asked(lab, headers)
        assert (answer.status_code, answer.json()) == (401, {"detail": "No valid authentication provided"})
    for headers in ({"x-api-key": "wrong"}, {"authorization": "Bearer wrong"}):
        answer = asked(lab, headers)
        assert (answer.status_code, answer.json()) == (403, {"detail": "Invalid or expired API key"})
    with pytest.raises(ApiError) as refused:
        lab.client("wrong").sources.list()
    assert refused.value.status_code == 403
    assert asked(lab, {"authorization": f"Bearer {lab.key('read')}"}).status_code == 200


def test_a_key_does_what_its_scopes_allow(lab: Lab) -> None:
    made = lab.files(lab.folder({"a.md": "a"}), sync_immediately=False)
    reader, writer = lab.client(lab.key("read")), lab.client(lab.key("write"))

    assert reader.source_connections.get(made.id).id == made.id
    assert reader.collections.search.instant(made.readable_collection_id, query="a").results == []
    for refused in (
        lambda: reader.source_connections.run(made.id),
        lambda: writer.collections.create(name="Something"),
        lambda: writer.source_connections.delete(made.id),
        lambda: writer.webhooks.get_subscriptions(),
    ):
        with pytest.raises(ApiError) as error:
            refused()
        assert error.value.status_code == 403
        assert isinstance(error.value.body["detail"], str)
    assert writer.source_connections.run(made.id).status == "pending"
    lab.ended(made.id)


def test_a_key_bound_to_an_index_sees_nothing_else(lab: Lab) -> None:
    mine, other = (lab.files(lab.folder(), sync_immediately=False) for _ in range(2))
    bound = lab.client(lab.key("admin", indexes=[mine.readable_collection_id]))

    assert [one.readable_id for one in bound.collections.list()] == [mine.readable_collection_id]
    assert [one.id for one in bound.source_connections.list()] == [mine.id]
    for hidden in (
        lambda: bound.collections.get(other.readable_collection_id),
        lambda: bound.source_connections.get(other.id),
        lambda: bound.source_connections.run(other.id),
    ):
        with pytest.raises(NotFoundError):
            hidden()
    for refused in (lambda: bound.collections.create(name="Another"), lambda: bound.webhooks.get_messages()):
        with pytest.raises(ApiError) as error:
            refused()
        assert error.value.status_code == 403


def test_both_forms_of_a_path_are_served_without_a_redirect(lab: Lab) -> None:
    for path in ("/sources", "/collections", "/source-connections", "/webhooks/messages", "/health"):
        plain, slashed = lab.raw.get(path), lab.raw.get(f"{path}/")
        assert (plain.status_code, slashed.status_code) == (200, 200)
        assert plain.json() == slashed.json()
    made = lab.raw.post("/collections/", json={"name": "Slashed"})
    assert made.status_code == 200
    assert lab.raw.delete(f"/collections/{made.json()['readable_id']}/").json()["name"] == "Slashed"


def test_every_answer_carries_the_limits(lab: Lab) -> None:
    for answer in (
        lab.raw.get("/sources"),
        lab.raw.get("/nothing"),
        lab.raw.post("/collections", content=b"{"),
        asked(lab, {}),
    ):
        assert [answer.headers[name] for name in LIMITS[:2]] == ["9999", "9999"]
        assert int(answer.headers["ratelimit-reset"]) > 1_700_000_000


def test_nothing_is_served_elsewhere(lab: Lab) -> None:
    for path in ("/", "/nothing", "/collections/a/b/c/d", "//sources", "/source-connections/x/y"):
        assert (lab.raw.get(path).status_code, lab.raw.get(path).json()) == (404, {"detail": "Not Found"})
    answer = lab.raw.put("/collections")
    assert (answer.status_code, answer.json()) == (405, {"detail": "Method Not Allowed"})
    assert answer.headers["allow"] == "GET, POST"


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"{", b"[]", b"null", b'"x"', b'{"name": NaN}', b'{"name": 1e999}', b"\xff\xfe", b'{"name": "a\\ud800bc"}',
        b'{"name": "a\\u0000bc"}', b"[" * 100_000, b'{"a":' * 100 + b"1" + b"}" * 100, b'{"n": ' + b"9" * 5000 + b"}",
    ],
    ids=range(13),
)  # fmt: skip
def test_bodies_that_are_no_proper_json_are_refused(lab: Lab, raw: bytes) -> None:
    answer = lab.raw.post("/collections", content=raw, headers={"content-type": "application/json"})
    assert (answer.status_code, set(answer.json())) == (422, {"errors", "detail"})


def test_a_body_that_is_too_large_is_refused(lab: Lab) -> None:
    answer = lab.raw.post("/collections", content=b'{"name": "' + b"x" * (10 << 20) + b'"}')
    assert answer.status_code == 413
    assert isinstance(answer.json()["detail"], str)


def test_the_server_is_well(lab: Lab) -> None:
    for path in ("/health", "/health/live", "/health/ready"):
        assert asked(lab, {}, path).json() == {"status": "healthy"}


def test_what_the_answers_hold_is_what_the_asynchronous_client_reads_too(lab: Lab) -> None:
    place = lab.folder({"a.md": "# Async\n\nawaited words"})

    async def work() -> None:
        sdk = lab.asynchronous()
        id = (await sdk.collections.create(name="Asynchronous")).readable_id
        assert id in [one.readable_id for one in await sdk.collections.list(limit=1000)]
        assert (await sdk.collections.update(id, name="Awaited")).name == "Awaited"
        assert (await sdk.collections.get(id)).status == "NEEDS SOURCE"
        assert (await sdk.sources.get("s3")).short_name in [one.short_name for one in await sdk.sources.list()]
        made = await sdk.source_connections.create(
            short_name="filesystem", readable_collection_id=id, config={"path": str(place)}, sync_immediately=False
        )
        connections = sdk.source_connections
        job = await connections.run(made.id, force_full_sync=True)
        while (newest := (await connections.get_source_connection_jobs(made.id))[0]).status not in ("completed",):
            assert newest.status != "failed"
            await asyncio.sleep(0.02)
        with pytest.raises(ApiError):
            await connections.cancel_job(source_connection_id=made.id, job_id=job.id)
        (found,) = (await sdk.collections.search.instant(id, query="awaited")).results
        assert found.name == "Async"
        for tier in (sdk.collections.search.classic, sdk.collections.search.agentic):
            with pytest.raises(ApiError) as unavailable:
                await tier(id, query="awaited")
            assert unavailable.value.status_code == 503
        assert (await connections.update(made.id, description="awaited")).description == "awaited"
        assert [one.id for one in await connections.list(collection=id)] == [made.id]
        assert (await connections.get(made.id)).entities.total_entities == 1
        hook = await sdk.webhooks.create_subscription(url="http://127.0.0.1:9/hook", event_types=["sync.failed"])
        assert (await sdk.webhooks.patch_subscription(hook.id, disabled=True)).disabled
        assert hook.id in [one.id for one in await sdk.webhooks.get_subscriptions()]
        assert (await sdk.webhooks.get_subscription(hook.id, include_secret=True)).secret.startswith("whsec_")
        messages = await sdk.webhooks.get_messages(event_types="collection.updated")
        assert (await sdk.webhooks.get_message(messages[0].id)).event_type == "collection.updated"
        with pytest.raises(ApiError) as disabled:
            await sdk.webhooks.recover_failed_messages(hook.id, since=messages[0].timestamp)
        assert disabled.value.status_code == 409
        assert (await sdk.webhooks.delete_subscription(hook.id)).id == hook.id
        assert (await connections.delete(made.id)).id == made.id
        assert (await sdk.collections.delete(id)).readable_id == id

    asyncio.run(work())


def test_errors_of_ours_keep_their_shape_to_themselves(lab: Lab) -> None:
    shapes: set[tuple[str, ...]] = set()
    for route in ROUTES:
        if route.right is None:
            continue
        path = route.path.format_map(_Nothing())
        body: Any = {} if route.body is not None else None
        answer = lab.raw.request(route.method, path, json=body)
        if answer.status_code >= 400:
            shapes.add(tuple(sorted(json.loads(answer.content))))
    assert shapes == {("detail",), ("detail", "errors")}


class _Nothing(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return str(uuid4())
