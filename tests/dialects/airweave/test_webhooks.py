"""Webhooks: messages, subscriptions, and signatures that Svix's clients verify."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airweave.core.api_error import ApiError
from airweave.errors import NotFoundError, UnprocessableEntityError
from standardwebhooks import Webhook
from tests.dialects.airweave.labs import Lab, Site, until
from tests.outgoing.receivers import Receiver, Reply


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


def url(receiver: Receiver) -> str:
    return receiver.url("127.0.0.1")


def svix_signature(secret: str, headers: dict[str, str], body: bytes) -> str:
    """As Svix has it."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{headers['svix-id']}.{headers['svix-timestamp']}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def test_a_run_is_told_and_signed_as_svix_does(lab: Lab, receiver: Receiver) -> None:
    made = lab.sdk.webhooks.create_subscription(
        url=url(receiver), event_types=["sync.pending", "sync.running", "sync.completed"]
    )
    connection = lab.files(lab.folder({"a.md": "a", "b.md": "b"}))
    job = lab.ended(connection.id)

    def of_run() -> list[Any]:
        told = [(got, json.loads(got.body)) for got in list(receiver.got)]
        return [one for one in told if one[1].get("sync_job_id") == job.id]

    told = until(lambda: found if len(found := of_run()) == 3 else None, "three messages")
    assert {body["event_type"] for _, body in told} == {"sync.pending", "sync.running", "sync.completed"}
    secret = lab.sdk.webhooks.get_subscription(made.id, include_secret=True).secret
    for got, _ in told:
        assert got.headers["svix-signature"] == svix_signature(secret, got.headers, got.body)
        Webhook(secret).verify(got.body, got.headers)
    got, body = next(one for one in told if one[1]["event_type"] == "sync.completed")
    assert (body["entities_inserted"], body["entities_updated"], body["entities_skipped"]) == (2, 0, 0)
    assert (body["source_connection_id"], body["source_type"]) == (connection.id, "filesystem")
    assert body["collection_readable_id"] == connection.readable_collection_id
    message = lab.sdk.webhooks.get_message(got.headers["svix-id"], include_attempts=True)
    assert (message.event_type, message.payload) == ("sync.completed", body)
    (attempt,) = [one for one in message.delivery_attempts if one.endpoint_id == made.id]
    assert (attempt.status, attempt.response_status_code) == ("success", 200)
    detail = until(
        lambda: one if (one := lab.sdk.webhooks.get_subscription(made.id)).health_status == "healthy" else None
    )
    assert detail.secret is None
    assert len(detail.delivery_attempts) >= 3
    lab.sdk.webhooks.delete_subscription(made.id)


def test_messages_are_there_without_any_subscription(lab: Lab, site: Site) -> None:
    site.delay_s = 0.05
    connection = lab.sdk.source_connections.create(
        short_name="web", readable_collection_id=lab.collection(), config=site.config()
    )
    until(lambda: site.asked > 2, "pages")
    job = connection.sync.last_job
    lab.sdk.source_connections.cancel_job(source_connection_id=connection.id, job_id=job.id)
    lab.ended(connection.id)
    lab.sdk.source_connections.delete(connection.id)
    lab.sdk.collections.delete(connection.readable_collection_id)

    def types() -> list[str]:
        found = lab.sdk.webhooks.get_messages()
        mine = [one for one in found if one.payload.get("collection_readable_id") == connection.readable_collection_id]
        return [one.event_type for one in mine]

    expected = [
        "collection.created", "source_connection.created", "sync.pending", "sync.running", "sync.cancelling",
        "sync.cancelled", "source_connection.deleted", "collection.deleted",
    ]  # fmt: skip
    until(lambda: sorted(types()) == sorted(expected), "all messages")
    of_jobs = [type for type in reversed(types()) if type.startswith("sync.")]
    assert of_jobs == ["sync.pending", "sync.running", "sync.cancelling", "sync.cancelled"]
    some = lab.sdk.webhooks.get_messages(event_types=["collection.deleted", "collection.updated"])
    assert {one.event_type for one in some} <= {"collection.deleted", "collection.updated"}
    assert all(one.timestamp.tzinfo is not None for one in some)
    with pytest.raises(ApiError) as unknown:
        lab.sdk.webhooks.get_message("msg_unknown")
    assert unknown.value.status_code == 404


def test_a_subscription_is_made_shown_changed_and_removed(lab: Lab, receiver: Receiver) -> None:
    plain = "a-secret-of-mine-that-is-long-enough"
    made = lab.sdk.webhooks.create_subscription(url=url(receiver), event_types=["sync.failed"], secret=plain)

    assert (made.filter_types, made.disabled, made.health_status) == (["sync.failed"], False, "unknown")
    assert made.created_at.tzinfo is not None
    secret = lab.sdk.webhooks.get_subscription(made.id, include_secret=True).secret
    assert base64.b64decode(secret.removeprefix("whsec_")) == plain.encode()
    assert made.id in [one.id for one in lab.sdk.webhooks.get_subscriptions()]
    changed = lab.sdk.webhooks.patch_subscription(made.id, event_types=["sync.completed"], disabled=True)
    assert (changed.filter_types, changed.disabled, changed.url) == (["sync.completed"], True, made.url)
    native = lab.native.get(f"/v1/webhooks/{made.id}").json()
    assert (native["types"], native["enabled"]) == (["airweave/sync.completed"], False)
    assert lab.sdk.webhooks.delete_subscription(made.id).id == made.id
    for ask in (lab.sdk.webhooks.get_subscription, lab.sdk.webhooks.delete_subscription):
        with pytest.raises(NotFoundError):
            ask(made.id)


def test_what_was_missed_is_sent_when_it_is_asked_for(lab: Lab, receiver: Receiver) -> None:
    since = datetime.now(UTC) - timedelta(seconds=5)
    made = lab.sdk.webhooks.create_subscription(url=url(receiver), event_types=["sync.completed"])
    lab.sdk.webhooks.patch_subscription(made.id, disabled=True)
    connection = lab.files(lab.folder({"a.md": "a"}))
    job = lab.ended(connection.id)
    until(
        lambda: any(
            one.payload.get("sync_job_id") == job.id
            for one in lab.sdk.webhooks.get_messages(event_types="sync.completed")
        ),
        "the message",
    )
    assert receiver.got == []

    lab.sdk.webhooks.patch_subscription(made.id, disabled=False, recover_since=since)

    until(lambda: receiver.got, "the message")
    receiver.got.clear()
    task = lab.sdk.webhooks.recover_failed_messages(made.id, since=since, until=datetime.now(UTC))
    assert task.status == "completed"
    lab.sdk.webhooks.delete_subscription(made.id)


def test_an_endpoint_that_fails_is_degraded_and_tried_again(lab: Lab, receiver: Receiver) -> None:
    receiver.reply = Reply(500, body=b"out of order")
    made = lab.sdk.webhooks.create_subscription(url=url(receiver), event_types=["collection.created"])
    id = lab.collection()
    until(lambda: receiver.got, "the call")

    shown = until(
        lambda: one if (one := lab.sdk.webhooks.get_subscription(made.id)).health_status == "degraded" else None
    )
    assert {one.status for one in shown.delivery_attempts} == {"failed"}
    assert shown.delivery_attempts[0].response_status_code == 500
    lab.sdk.webhooks.delete_subscription(made.id)
    lab.sdk.collections.delete(id)


@pytest.mark.parametrize(
    "body",
    [
        {"event_types": ["sync.completed"]},
        {"url": "not a url", "event_types": ["sync.completed"]},
        {"url": "https://example.com/", "event_types": []},
        {"url": "https://example.com/", "event_types": ["sync.done"]},
        {"url": "https://example.com/", "event_types": ["sync.completed"] * 11},
        {"url": "https://example.com/", "event_types": ["sync.completed"], "secret": "short"},
        {"url": "https://example.com/", "event_types": ["sync.completed"], "secret": "x" * 150},
    ],
    ids=lambda body: "-".join(f"{key}{len(str(value))}" for key, value in body.items()),
)
def test_subscriptions_that_cannot_be_are_refused(lab: Lab, body: dict[str, Any]) -> None:
    answer = lab.raw.post("/webhooks/subscriptions", json=body)
    assert (answer.status_code, set(answer.json())) == (422, {"errors", "detail"})


def test_urls_that_nobody_should_call_are_refused(lab: Lab) -> None:
    for wrong in ("http://169.254.169.254/latest", "http://no-such-host.invalid/hook"):
        with pytest.raises(ApiError) as refused:
            lab.sdk.webhooks.create_subscription(url=wrong, event_types=["sync.completed"])
        assert refused.value.status_code == 400
        assert isinstance(refused.value.body["detail"], str)


def test_only_two_weeks_can_be_recovered(lab: Lab, receiver: Receiver) -> None:
    made = lab.sdk.webhooks.create_subscription(url=url(receiver), event_types=["sync.completed"])
    with pytest.raises(UnprocessableEntityError):
        lab.sdk.webhooks.recover_failed_messages(made.id, since=datetime.fromtimestamp(time.time() - 15 * 86400, UTC))
    with pytest.raises(NotFoundError):
        lab.sdk.webhooks.recover_failed_messages("unknown", since=datetime.now(UTC))
    lab.sdk.webhooks.delete_subscription(made.id)


def test_types_are_those_of_the_client() -> None:
    from airweave.types.event_type import EventType

    from syncline.dialects.airweave.messages import EVENT_TYPES

    assert set(EVENT_TYPES) == set(EventType.__args__[0].__args__)
