"""Messages of what happens, and their way to the subscriptions.

    events of jobs ──turn──┐
                           ├──▶ message (a record) ──▶ a delivery for each subscription that wants it ──▶ sent
    what requests do ──────┘

A subscription is a webhook of ours whose event types are Airweave's ("airweave/sync.completed"): calling, signing,
retrying and giving up are those of every webhook. The id of a delivery begins with that of its message.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from syncline.dialects.airweave.calls import NAME, ORGANIZATION
from syncline.dialects.airweave.jobs import STATUS
from syncline.dialects.airweave.known import collection_name, keep, own, readable_id, refused, sync_id
from syncline.dialects.airweave.sources import short_name
from syncline.dialects.airweave.times import aware
from syncline.dialects.host import Host
from syncline.dialects.names import as_uuid
from syncline.model.connectors import Connector
from syncline.model.errors import SynclineError
from syncline.model.events import CREDENTIALS_NEEDED, Event
from syncline.model.indexes import Index
from syncline.model.jobs import JobState
from syncline.model.webhooks import Webhook
from syncline.service import connectors as connector_service
from syncline.store.relational.control import Control
from syncline.store.relational.jobs import new_id
from syncline.store.relational.records import Records
from syncline.store.relational.webhooks import Webhooks
from syncline.wiring import Installation

EVENT_TYPES: Final = (
    *("sync.pending", "sync.running", "sync.cancelling", "sync.completed", "sync.failed", "sync.cancelled"),
    *("entity.batch_processed", "query.processed", "access_control.batch_processed"),
    *("collection.created", "collection.updated", "collection.deleted"),
    *("source_connection.created", "source_connection.auth_completed", "source_connection.deleted"),
    *("organization.created", "organization.deleted", "organization.member_added", "organization.member_removed"),
    *("search.started", "search.completed", "search.failed"),
    *("search.reranking", "search.thinking", "search.tool_called"),
)
KNOWN: Final = tuple(f"{NAME}/{type}" for type in EVENT_TYPES)
OF_STATE: Final = {f"job.{state.value}": f"sync.{word}" for state, word in STATUS.items()} | {
    f"job.{JobState.SUSPENDED.value}": ""
}

MESSAGE: Final = "message"
STATE: Final = "state"
KEEP: Final = 1000
KEEP_MORE: Final = 100  # old ones are dropped so many at a time
BATCH: Final = 200
MESSAGE_ID_CHARS: Final = 31


# --- told ------------------------------------------------------------------------------------------------------------


def begin(room: Installation) -> None:
    """From now on messages are made of what jobs do. Harmless when they are already."""
    control = room.control()
    with control.writing("airweave_begin"):
        if control.mark(NAME) is None:
            control.set_mark(NAME, control.newest_event())
            Records(control, NAME).put(STATE, "messages", {}, room.clock())


def of_collection(index: Index) -> dict[str, Any]:
    """What a message tells of a collection."""
    return {
        "collection_id": index.id,
        "collection_name": collection_name(index),
        "collection_readable_id": readable_id(index),
    }


def of_connection(control: Control, connector: Connector) -> dict[str, Any]:
    """What a message tells of a connection."""
    index = control.index(connector.index)
    return {
        "source_connection_id": as_uuid(connector.id),
        "source_type": short_name(connector.kind),
        "is_authenticated": True,
        **(of_collection(index) if index is not None else {}),
    }


def tell(room: Installation, type: str, about: Mapping[str, Any], at: float | None = None) -> None:
    """Keep a message, and have it sent to those who want it."""
    control, now = room.control(), room.clock()
    payload = {"event_type": type, "timestamp": aware(now if at is None else at), "organization_id": ORGANIZATION}
    with control.writing("airweave_message"):
        id = f"msg_{new_id().replace('-', '')[: MESSAGE_ID_CHARS - 4]}"
        Records(control, NAME).put(MESSAGE, id, {"type": type, "payload": {**payload, **about}}, now)
        body = json.dumps({**payload, **about}, ensure_ascii=False, separators=(",", ":"))
        sending = Webhooks(control)
        for webhook in subscriptions(sending):
            if f"{NAME}/{type}" in webhook.types and webhook.created_at <= (now if at is None else at):
                sending.add_message(webhook, f"{id}{webhook.number:x}", type, body, now)


def subscriptions(sending: Webhooks) -> list[Webhook]:
    """The webhooks that are told in Airweave's words, oldest first."""
    return [webhook for webhook in sending.all() if webhook.dialect == NAME]


# --- turned ----------------------------------------------------------------------------------------------------------


def turn(host: Host) -> None:
    """Make messages of what has happened since the last time; pause the connectors whose credentials were refused."""
    with host.room() as room:
        control = room.control()
        while _turned(room, control):
            pass
        _forget(control)


def _turned(room: Installation, control: Control) -> bool:
    """A page of events, in one transaction with the mark; False when there is nothing new."""
    mark = control.mark(NAME)
    if mark is None or not control.events(mark, 1):
        return False
    with control.writing("airweave_turn"):
        events = control.events(control.mark(NAME) or 0, BATCH)
        for event in events:
            _follow(room, control, event)
        if events:
            control.set_mark(NAME, events[-1].seq)
    return bool(events)


def _follow(room: Installation, control: Control, event: Event) -> None:
    if type := OF_STATE.get(event.type):
        tell(room, type, _of_job(control, event), event.at)
    elif event.type == CREDENTIALS_NEEDED:
        with suppress(SynclineError):  # somebody changes it in this moment, and has seen why
            _hold(room, control, event)


def _of_job(control: Control, event: Event) -> dict[str, Any]:
    data = event.data
    connector = control.connector(event.connector_id)
    index = control.index(event.index)
    error = data.get("error")
    return {
        "sync_id": sync_id(event.connector_id),
        "sync_job_id": data.get("id"),
        "collection_id": None if index is None else index.id,
        "source_connection_id": as_uuid(event.connector_id),
        "source_type": "" if connector is None else short_name(connector.kind),
        "collection_name": event.index if index is None else collection_name(index),
        "collection_readable_id": event.index if index is None else readable_id(index),
        **{f"entities_{what}": data.get(what, 0) for what in ("inserted", "updated", "deleted")},
        "entities_skipped": data.get("failed", 0),
        "chunks_written": data.get("inserted", 0) + data.get("updated", 0),
        "error": error.get("message") if isinstance(error, Mapping) else None,
    }


def _hold(room: Installation, control: Control, event: Event) -> None:
    """No schedule runs it, until its credentials are replaced. Only what was made here is held."""
    connector = control.connector(event.connector_id)
    if connector is None or NAME not in connector.extras or refused(control, connector) is None:
        return
    keep(connector, {"held": not connector.paused or own(connector).get("held")}, same=True)
    connector_service.update(room, connector, paused=True)


def _forget(control: Control) -> None:
    records = Records(control, NAME)
    if records.count(MESSAGE) <= KEEP + KEEP_MORE:
        return
    with control.writing("airweave_forget"):
        for record in records.page(MESSAGE, 0, records.count(MESSAGE) - KEEP):
            records.remove(MESSAGE, record.id)
