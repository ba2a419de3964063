"""Webhooks: addresses of others that are told of events. They hear of every index; so must the key that makes them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field
from starlette.responses import Response

from syncline.model.keys import Scope
from syncline.model.webhooks import Delivery, DeliveryState
from syncline.server.operations import FIRST, Body, Call, Cursor, Limit, Operations, answered, made, tagged
from syncline.server.paging import Pages
from syncline.server.parameters import Path
from syncline.service import webhooks

operations = Operations("webhooks")

WebhookRef = Annotated[str, Path(description="Id of a webhook.")]
DeliveryRef = Annotated[str, Path(description="Id of a delivery.")]


class WebhookIn(Body):
    """A new webhook."""

    url: str = Field(min_length=1, max_length=2000, description="Where messages are sent to.")
    types: list[str] = Field(default_factory=list, max_length=100, description="Event types it wants; empty: all.")
    connectors: list[str] | None = Field(default=None, max_length=1000, description="Names or ids; null: all.")
    description: str = Field(default="", max_length=2000, description="For people.")
    enabled: bool = True


class WebhookChange(Body):
    """What may change of a webhook. What is left out stays; `connectors` null means all of them."""

    url: str | None = Field(default=None, min_length=1, max_length=2000)
    types: list[str] | None = Field(default=None, max_length=100)
    connectors: list[str] | None = Field(default=None, max_length=1000)
    description: str | None = Field(default=None, max_length=2000)
    enabled: bool | None = None


@operations("GET", "/v1/webhooks", "List webhooks", scope=Scope.ADMIN, answers="WebhookPage")
def list_webhooks(call: Call, limit: Limit = FIRST, cursor: Cursor = None) -> Response:
    """Oldest first, without their secrets."""
    call.caller.need_all_indexes()
    with call.room() as room:
        found = webhooks.all(room)
    return answered(Pages("webhooks", cursor).cut(found, limit, lambda one: one.number, webhooks.shape, 0))


@operations(
    "POST", "/v1/webhooks", "Make a webhook", scope=Scope.ADMIN, answers="WebhookMade", status=201, tells=(404,)
)
def create_webhook(call: Call, body: WebhookIn) -> Response:
    """The signing secret is in this answer and never again."""
    call.caller.need_all_indexes()
    with call.room() as room:
        webhook, secret = webhooks.add(
            room,
            body.url,
            types=body.types,
            connectors=body.connectors,
            description=body.description,
            enabled=body.enabled,
        )
    return made({**webhooks.shape(webhook), "secret": secret}, f"/v1/webhooks/{webhook.id}")


@operations("GET", "/v1/webhooks/{id}", "Show a webhook", scope=Scope.ADMIN, answers="Webhook")
def get_webhook(call: Call, id: WebhookRef) -> Response:
    """Without its secret."""
    call.caller.need_all_indexes()
    with call.room() as room:
        return call.shown(webhooks.shape(webhooks.get(room, id)))


@operations("PATCH", "/v1/webhooks/{id}", "Change a webhook", scope=Scope.ADMIN, answers="Webhook")
def update_webhook(call: Call, id: WebhookRef, body: WebhookChange) -> Response:
    """What is left out stays. Enabling it forgets that it has failed."""
    call.caller.need_all_indexes()
    given: dict[str, Any] = {name: getattr(body, name) for name in body.model_fields_set}
    with call.room() as room:
        expected = call.expected(webhooks.get(room, id).revision)
        return tagged(webhooks.shape(webhooks.update(room, id, revision=expected, **given)))


@operations("DELETE", "/v1/webhooks/{id}", "Remove a webhook", scope=Scope.ADMIN, answers="Removed")
def delete_webhook(call: Call, id: WebhookRef) -> Response:
    """With everything that was or was to be delivered."""
    call.caller.need_all_indexes()
    with call.room() as room:
        call.expected(webhooks.get(room, id).revision)
        webhooks.remove(room, id)
    return answered({"id": id, "removed": True})


@operations(
    "POST",
    "/v1/webhooks/{id}/rotate-secret",
    "Give a webhook a new secret",
    scope=Scope.ADMIN,
    answers="WebhookMade",
)
def rotate_webhook_secret(call: Call, id: WebhookRef) -> Response:
    """The new one is in this answer and never again. For a day messages carry signatures of both."""
    call.caller.need_all_indexes()
    with call.room() as room:
        webhook, secret = webhooks.rotate_secret(room, id)
    return answered({**webhooks.shape(webhook), "secret": secret})


@operations(
    "POST",
    "/v1/webhooks/{id}/test",
    "Send a test message",
    scope=Scope.ADMIN,
    answers="Delivery",
    status=202,
    tells=(409,),
)
def test_webhook(call: Call, id: WebhookRef) -> Response:
    """Sent once. Its delivery says what came of it."""
    call.caller.need_all_indexes()
    with call.room() as room:
        sent = webhooks.send_test(room, id)
    return answered(webhooks.delivery_shape(sent), 202, {"location": f"/v1/deliveries/{sent.id}"})


@operations(
    "GET", "/v1/webhooks/{id}/deliveries", "List deliveries of a webhook", scope=Scope.ADMIN, answers="DeliveryPage"
)
def list_deliveries(
    call: Call,
    id: WebhookRef,
    state: Literal["waiting", "delivered", "failed"] | None = None,
    limit: Limit = FIRST,
    cursor: Cursor = None,
) -> Response:
    """Newest first."""
    call.caller.need_all_indexes()
    pages = Pages("deliveries", cursor, webhook=id, state=state)
    chosen = None if state is None else DeliveryState(state)
    with call.room() as room:
        found = webhooks.deliveries(room, id, state=chosen, limit=limit + 1, before=pages.after(0) or None)
    return answered(pages.page(found, limit, _number, webhooks.delivery_shape))


def _number(delivery: Delivery) -> int:
    return delivery.number


@operations("GET", "/v1/deliveries/{id}", "Show a delivery", scope=Scope.ADMIN, answers="Delivery")
def get_delivery(call: Call, id: DeliveryRef) -> Response:
    """With its payload and every attempt."""
    call.caller.need_all_indexes()
    with call.room() as room:
        return call.shown(webhooks.delivery_shape(*webhooks.delivery(room, id)))


@operations(
    "POST",
    "/v1/deliveries/{id}/replay",
    "Send a message again",
    scope=Scope.ADMIN,
    answers="Delivery",
    status=202,
    tells=(409,),
)
def replay_delivery(call: Call, id: DeliveryRef) -> Response:
    """With the same webhook-id, so that whoever has it already can tell."""
    call.caller.need_all_indexes()
    with call.room() as room:
        return answered(webhooks.delivery_shape(webhooks.replay(room, id)), 202)
