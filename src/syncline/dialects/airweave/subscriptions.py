"""Webhooks: subscriptions, and the messages that were sent to them."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

from pydantic import Field
from starlette.responses import Response

from syncline.dialects.airweave.calls import NAME, Call, answered
from syncline.dialects.airweave.faults import Fault, Invalid
from syncline.dialects.airweave.messages import EVENT_TYPES, KNOWN, MESSAGE, MESSAGE_ID_CHARS, begin, subscriptions
from syncline.dialects.airweave.reading import Body, Query
from syncline.dialects.airweave.times import aware, unix
from syncline.model.errors import ConfigInvalid, Conflict, NotFound
from syncline.model.webhooks import Attempt, Delivery, DeliveryState, Webhook
from syncline.outgoing.addresses import TargetRefused, TargetUnresolved
from syncline.outgoing.signing import MAX_KEY_BYTES, MIN_KEY_BYTES, PREFIX, key_of
from syncline.service import webhooks
from syncline.store.relational.jobs import new_id
from syncline.store.relational.records import Record, Records
from syncline.store.relational.webhooks import Webhooks
from syncline.wiring import Installation

MIN_SECRET_CHARS: Final = 24
MAX_TYPES: Final = 10
RECOVER_S: Final = 14 * 24 * 3600.0
SHOWN_DELIVERIES: Final = 20
LONG_S: Final = 3600.0
TRIES: Final = 5

# --- messages --------------------------------------------------------------------------------------------------------


class Types(Query):
    """Which messages."""

    event_types: list[str] | None = Field(default=None, max_length=100)


class Attempts(Query):
    """With what came of it or without."""

    include_attempts: bool = False


def list_messages(call: Call) -> Response:
    """Newest first, as many as are kept."""
    call.need_everything()
    wanted = call.query.event_types
    with call.room() as room:
        begin(room)
        found = [one for one in Records(room.control(), NAME).all(MESSAGE) if not wanted or one.body["type"] in wanted]
    return answered([_message(record) for record in reversed(found)])


def get_message(call: Call) -> Response:
    """By its id, or the id it was sent with."""
    call.need_everything()
    with call.room() as room:
        control = room.control()
        record = Records(control, NAME).get(MESSAGE, call.path["message_id"][:MESSAGE_ID_CHARS])
        if record is None:
            raise Fault(404, f"Message '{call.path['message_id']:.100}' not found")
        shown = _message(record)
        shown["delivery_attempts"] = _of_message(Webhooks(control), record.id) if call.query.include_attempts else None
    return answered(shown)


def _message(record: Record) -> dict[str, Any]:
    return {
        "id": record.id,
        "event_type": record.body["type"],
        "payload": record.body["payload"],
        "timestamp": aware(record.created_at),
        "channels": None,
        "tags": None,
    }


def _of_message(sending: Webhooks, id: str) -> list[dict[str, Any]]:
    shown: list[dict[str, Any]] = []
    for webhook in subscriptions(sending):
        with suppress(NotFound):
            delivery = sending.delivery(f"{id}{webhook.number:x}")
            shown += _attempts(webhook, delivery, sending.attempts(delivery.number))
    return shown


def _attempts(webhook: Webhook, delivery: Delivery, made: Sequence[Attempt]) -> list[dict[str, Any]]:
    return [
        {
            "id": f"atmpt_{delivery.id.removeprefix('msg_')}_{attempt.attempt}",
            "message_id": delivery.id[:MESSAGE_ID_CHARS],
            "endpoint_id": webhook.id,
            "response": attempt.error,
            "response_status_code": attempt.status or 0,
            "status": "failed" if attempt.error else "success",
            "timestamp": aware(attempt.at),
            "url": webhook.url,
        }
        for attempt in made
    ]


# --- subscriptions ---------------------------------------------------------------------------------------------------


class SubscriptionIn(Body):
    """A new subscription."""

    url: str = Field(min_length=1, max_length=2000)
    event_types: list[str] = Field(min_length=1, max_length=MAX_TYPES)
    secret: str | None = Field(default=None, min_length=MIN_SECRET_CHARS, max_length=200)


class SubscriptionChange(Body):
    """What may change of a subscription."""

    url: str | None = Field(default=None, min_length=1, max_length=2000)
    event_types: list[str] | None = Field(default=None, min_length=1, max_length=MAX_TYPES)
    disabled: bool | None = None
    recover_since: datetime | None = None


class Shown(Query):
    """With its secret or without."""

    include_secret: bool = False


class RecoverIn(Body):
    """From when to when."""

    since: datetime
    until: datetime | None = None


def _subscription(room: Installation, id: str) -> Webhook:
    with suppress(NotFound):
        webhook = webhooks.get(room, id)
        if webhook.dialect == NAME:
            return webhook
    raise Fault(404, f"Subscription '{id:.100}' not found")


def _shape(room: Installation, webhook: Webhook) -> dict[str, Any]:
    return {
        "id": webhook.id,
        "url": webhook.url,
        "filter_types": [type.removeprefix(f"{NAME}/") for type in webhook.types],
        "disabled": not webhook.enabled,
        "description": webhook.description or webhook.disabled_why or None,
        "created_at": aware(webhook.created_at),
        "updated_at": aware(webhook.updated_at),
        "health_status": _health(room, webhook),
    }


def _health(room: Installation, webhook: Webhook) -> str:
    if webhook.disabled_why:
        return "failing"
    if webhook.failing_since is not None:
        return "failing" if room.clock() - webhook.failing_since >= LONG_S else "degraded"
    done = Webhooks(room.control()).deliveries(webhook.number, DeliveryState.DELIVERED, 1)
    return "healthy" if done else "unknown"


def _types(said: Sequence[str]) -> list[str]:
    """Raises Invalid for one that there is not."""
    wrong = [type for type in said if type not in EVENT_TYPES]
    if wrong:
        raise Invalid([(["body", "event_types"], f"Unknown event type '{wrong[0]:.100}'", "literal_error")])
    return [f"{NAME}/{type}" for type in dict.fromkeys(said)]


def _url(said: str) -> str:
    if not said.lower().startswith(("http://", "https://")) or len(said.partition("://")[2]) < 1:
        raise Invalid([(["body", "url"], "Input should be a valid URL", "url_parsing")])
    return said


def _secret(said: str | None) -> str | None:
    """As signatures need it: "whsec_" and base64. Any other text is taken as the bytes of the key."""
    if said is None:
        return None
    plain = said.removeprefix(PREFIX)
    for secret in (f"{PREFIX}{plain}", f"{PREFIX}{base64.b64encode(said.encode()).decode()}"):
        with suppress(ConfigInvalid, binascii.Error):
            key_of(secret)
            return secret
    message = f"The secret must be {MIN_KEY_BYTES} to {MAX_KEY_BYTES} bytes"
    raise Invalid([(["body", "secret"], message, "value_error")])


def list_subscriptions(call: Call) -> Response:
    """Those that were made here, oldest first."""
    call.need_everything()
    with call.room() as room:
        return answered([_shape(room, webhook) for webhook in subscriptions(Webhooks(room.control()))])


def create_subscription(call: Call) -> Response:
    """Its secret is shown by `get` with include_secret."""
    call.need_everything()
    body: SubscriptionIn = call.body
    types, url, secret = _types(body.event_types), _url(body.url), _secret(body.secret)
    with call.room() as room:
        begin(room)
        try:
            webhook, _ = webhooks.add(room, url, types=types, secret=secret, known=KNOWN)
        except (TargetRefused, TargetUnresolved) as error:
            raise Fault(400, f"Webhook URL cannot be called: {error.message}") from None
        return answered(_shape(room, webhook))


def get_subscription(call: Call) -> Response:
    """With the last attempts, and its secret if that is asked for."""
    call.need_everything()
    with call.room() as room:
        sending, webhook = Webhooks(room.control()), _subscription(room, call.path["subscription_id"])
        shown = _shape(room, webhook)
        attempts: list[dict[str, Any]] = []
        for delivery in sending.deliveries(webhook.number, None, SHOWN_DELIVERIES):
            attempts += _attempts(webhook, delivery, sending.attempts(delivery.number))
        shown["delivery_attempts"] = attempts
        shown["secret"] = webhooks.secret_of(room, webhook) if call.query.include_secret else None
        return answered(shown)


def update_subscription(call: Call) -> Response:
    """What is left out stays. With `recover_since`, enabling it again sends what it has missed since."""
    call.need_everything()
    body: SubscriptionChange = call.body
    types = None if body.event_types is None else _types(body.event_types)
    url = None if body.url is None else _url(body.url)
    enabled = None if body.disabled is None else not body.disabled
    with call.room() as room:
        since = None if body.recover_since is None else _since(room, body.recover_since)
        for attempt in range(TRIES):
            webhook = _subscription(room, call.path["subscription_id"])
            try:
                changed = webhooks.update(room, webhook.id, url=url, types=types, enabled=enabled, known=KNOWN)
                break
            except (TargetRefused, TargetUnresolved) as error:
                raise Fault(400, f"Webhook URL cannot be called: {error.message}") from None
            except Conflict:
                if attempt == TRIES - 1:
                    raise
        if since is not None and enabled:
            webhooks.replay_failed(room, changed.id, since)
        return answered(_shape(room, changed))


def _since(room: Installation, moment: datetime) -> float:
    at = unix(moment)
    if at < room.clock() - RECOVER_S:
        raise Invalid([(["body", "since"], "Messages can be recovered for 14 days", "value_error")])
    return at


def delete_subscription(call: Call) -> Response:
    """With everything that was or was to be sent to it."""
    call.need_everything()
    with call.room() as room:
        webhook = _subscription(room, call.path["subscription_id"])
        shown = _shape(room, webhook)
        webhooks.remove(room, webhook.id)
    return answered(shown)


def recover(call: Call) -> Response:
    """Send again what has failed in that time."""
    call.need_everything()
    body: RecoverIn = call.body
    with call.room() as room:
        since = _since(room, body.since)
        until = None if body.until is None else unix(body.until)
        if until is not None and until < since:
            raise Invalid([(["body", "until"], "must not be before since", "value_error")])
        webhook = _subscription(room, call.path["subscription_id"])
        webhooks.replay_failed(room, webhook.id, since, until)
    return answered({"id": f"task_{new_id().replace('-', '')}", "status": "completed"})
