"""Webhooks, what is to be delivered to them, and what came of it.

    events ──spread──▶ deliveries ──heads──▶ (an attempt is made elsewhere) ──record──▶ delivered | waiting | failed

`spread` moves the mark "webhooks" in the transaction that stores the deliveries, and no event can be stored twice for
one webhook: so each event becomes exactly one delivery for each webhook that wants it, whoever dies in between. The
mark exists as long as there is a webhook; without one, events are not kept for anybody here.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from syncline.model.errors import Conflict, NotFound
from syncline.model.events import Event
from syncline.model.shapes import iso
from syncline.model.webhooks import TEST_TYPE, Attempt, Delivery, DeliveryState, Verdict, Webhook
from syncline.store.relational.control import Control
from syncline.store.relational.database import load_queries, scalar
from syncline.store.relational.jobs import new_id
from syncline.store.relational.tables import dump

SQL = load_queries("webhooks.sql")
READER: Final = "webhooks"
DISABLED: Final = "the webhook was disabled"


class Head(NamedTuple):
    """The delivery that a webhook gets next."""

    webhook: Webhook
    delivery: Delivery

    @property
    def at(self) -> float:
        """When it is due."""
        return max(self.delivery.next_at or 0.0, self.webhook.not_before)


class Webhooks:
    """The tables of one control plane. Use it from the thread of that connection."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._db = control.db

    # --- webhooks ----------------------------------------------------------------------------------------------------

    def add(self, webhook: Webhook, now: float) -> Webhook:
        """Store a new one. It is told of what happens from now on."""
        row = (webhook.id, webhook.url, webhook.description, *_wishes(webhook), dump(webhook.sealed), webhook.enabled)
        with self._control.writing("add_webhook"):
            self._catch_up(now)
            self._control.set_mark(READER, self._control.newest_event())
            self._db.execute(SQL["add"], (*row, now))
            return self.get(webhook.id)

    def update(self, webhook: Webhook, now: float, revision: int | None = None) -> Webhook:
        """Store everything of it that people may change. What happened until now is delivered by the old rules; what
        still waits for a webhook that gets disabled has failed. Raises Conflict unless it still has that revision."""
        row = (webhook.url, webhook.description, *_wishes(webhook), dump(webhook.sealed), webhook.enabled)
        with self._control.writing("update_webhook"):
            self._catch_up(now)
            self._db.execute(SQL["update"], (webhook.number, *row, now, revision))
            if not self._db.changes():
                raise Conflict(f"webhook {webhook.id} has been changed or removed since")
            if not webhook.enabled:
                self._db.execute(SQL["fail_waiting"], (webhook.number, now, DISABLED))
            return self.get(webhook.id)

    def remove(self, number: int) -> None:
        """Forget it, and all its deliveries."""
        with self._control.writing("remove_webhook"):
            self._db.execute(SQL["remove"], (number,))
            self._db.execute(SQL["forget_mark"], (READER,))

    def disable(self, number: int, why: str, now: float) -> None:
        """It is not called any more, until a person enables it again. What waits for it has failed."""
        with self._control.writing("disable_webhook"):
            self._db.execute(SQL["disable"], (number, why, now))
            self._db.execute(SQL["fail_waiting"], (number, now, f"{DISABLED}: {why}"))

    def all(self) -> list[Webhook]:
        """Oldest first."""
        with self._control.reading():
            return [_webhook(row) for row in self._db.execute(SQL["webhooks"])]

    def get(self, id: str) -> Webhook:
        """By id. Raises NotFound."""
        with self._control.reading():
            row = self._db.execute(SQL["webhook"], (id,)).fetchone()
        if row is None:
            raise NotFound(f"there is no webhook {id!r}", remedy="List the webhooks to see their ids.")
        return _webhook(row)

    # --- from events to deliveries -----------------------------------------------------------------------------------

    def spread(self, now: float, limit: int = 500) -> int:
        """Turn up to `limit` new events into deliveries for the webhooks that want them; returns how many events."""
        if not self._fresh(1):
            return 0
        with self._control.writing("spread"):
            events = self._fresh(limit)
            wanting = [webhook for webhook in self.all() if webhook.enabled]
            for event in events:
                payload = payload_of(event)
                for webhook in wanting:
                    if webhook.wants(event):
                        self._add_delivery(webhook, event.seq, event.type, payload, now)
            if events:
                self._control.set_mark(READER, events[-1].seq)
        return len(events)

    def _fresh(self, limit: int) -> list[Event]:
        mark = self._control.mark(READER)
        return [] if mark is None else self._control.events(mark, limit)

    def _catch_up(self, now: float) -> None:
        while self.spread(now):
            pass

    def add_test(self, webhook: Webhook, now: float) -> Delivery:
        """A message that tells of nothing."""
        data = {"webhook_id": webhook.id, "message": "This is a test. Nothing has happened."}
        payload = dump({"type": TEST_TYPE, "timestamp": iso(now), "connector_id": "", "index": "", "data": data})
        with self._control.writing("add_test"):
            return self.delivery(self._add_delivery(webhook, None, TEST_TYPE, payload, now))

    def add_message(self, webhook: Webhook, id: str, type: str, payload: str, now: float) -> None:
        """A message that a dialect has made, which is sent like any other; one that is disabled has missed it."""
        with self._control.writing("add_message"):
            self._db.execute(SQL["add_delivery"], (id, webhook.number, None, type, payload, now))
            if not webhook.enabled:
                self._db.execute(SQL["fail_waiting"], (webhook.number, now, DISABLED))

    def _add_delivery(self, webhook: Webhook, event: int | None, type: str, payload: str, now: float) -> str:
        id = "msg_" + new_id().replace("-", "")
        self._db.execute(SQL["add_delivery"], (id, webhook.number, event, type, payload, now))
        return id

    # --- attempts ----------------------------------------------------------------------------------------------------

    def heads(self) -> list[Head]:
        """For each enabled webhook that has any, the delivery that is to be sent first; the earliest first."""
        with self._control.reading():
            rows = self._db.execute(SQL["heads"]).fetchall()
        heads = [Head(_webhook(row[:_WEBHOOK_COLUMNS]), _delivery(row[_WEBHOOK_COLUMNS:])) for row in rows]
        return sorted(heads, key=lambda head: (head.at, head.delivery.number))

    def record(self, delivery: Delivery, made: Attempt, verdict: Verdict, now: float) -> None:
        """What came of an attempt; `made.attempt` is counted here. A delivery that is gone meanwhile is passed over."""
        ended_at = None if verdict.state is DeliveryState.WAITING else now
        row = (delivery.number, verdict.state.value, verdict.next_at, ended_at, made.status, made.error)
        with self._control.writing("record_attempt"):
            attempt = scalar(self._db, SQL["tried"], row)
            if attempt is None:
                return
            seen = (delivery.number, attempt, made.at, made.status, made.error, made.took_s)
            self._db.execute(SQL["add_attempt"], seen)
            if verdict.state is DeliveryState.DELIVERED:
                self._db.execute(SQL["well"], (delivery.webhook,))
            else:
                self._failed(delivery, made, verdict, now)

    def _failed(self, delivery: Delivery, made: Attempt, verdict: Verdict, now: float) -> None:
        if delivery.type != TEST_TYPE:  # A test that fails says nothing of how long real messages have failed.
            self._db.execute(SQL["failing"], (delivery.webhook, made.at, verdict.hold_until))
        if verdict.disable:
            self.disable(delivery.webhook, verdict.disable, now)
        elif not self.get(delivery.webhook_id).enabled:
            self._db.execute(SQL["fail_waiting"], (delivery.webhook, now, DISABLED))

    def messages_since(self, number: int, since: float) -> int:
        """How many different messages were sent to that webhook since then, tests left out."""
        with self._control.reading():
            return int(scalar(self._db, SQL["messages_since"], (number, since, TEST_TYPE)))

    # --- the log -----------------------------------------------------------------------------------------------------

    def deliveries(
        self,
        webhook: int | None = None,
        state: DeliveryState | None = None,
        limit: int = 50,
        before: int | None = None,
    ) -> list[Delivery]:
        """Newest first, with numbers below `before`; None does not choose."""
        row: tuple[Any, ...] = (state, before, limit)
        query, row = ("deliveries", row) if webhook is None else ("deliveries_of", (*row, webhook))
        with self._control.reading():
            return [_delivery(found) for found in self._db.execute(SQL[query], row)]

    def delivery(self, id: str) -> Delivery:
        """By id. Raises NotFound."""
        with self._control.reading():
            row = self._db.execute(SQL["delivery"], (id,)).fetchone()
        if row is None:
            raise NotFound(f"there is no delivery {id!r}", remedy="List the deliveries to see their ids.")
        return _delivery(row)

    def attempts(self, delivery: int) -> list[Attempt]:
        """Of one delivery (by number), oldest first."""
        with self._control.reading():
            return [Attempt(*row) for row in self._db.execute(SQL["attempts"], (delivery,))]

    def replay(self, delivery: Delivery, now: float) -> Delivery:
        """Send it once more, whatever came of it, with the same id and all its attempts before it."""
        with self._control.writing("replay"):
            self._db.execute(SQL["replay"], (delivery.number, now))
            return self.delivery(delivery.id)

    def replay_failed(self, webhook: int, since: float, now: float, until: float | None = None) -> int:
        """Send once more what has failed of everything that happened since then, or up to `until`; returns how many."""
        with self._control.writing("replay_failed"):
            self._db.execute(SQL["replay_failed"], (webhook, since, now, TEST_TYPE, until))
            return int(self._db.changes())

    def forget(self, before: float, limit: int = 1000) -> int:
        """Drop deliveries that ended earlier, at most `limit`; returns how many."""
        with self._control.writing("forget_deliveries"):
            self._db.execute(SQL["forget"], (before, limit))
            return int(self._db.changes())


def payload_of(event: Event) -> str:
    """The body of every message about it: JSON."""
    return dump(
        {
            "type": event.type,
            "timestamp": iso(event.at),
            "connector_id": event.connector_id,
            "index": event.index,
            "data": event.data,
        }
    )


def _wishes(webhook: Webhook) -> tuple[str, str | None]:
    connectors = None if webhook.connectors is None else dump(list(webhook.connectors))
    return dump(list(webhook.types)), connectors


_WEBHOOK_COLUMNS: Final = 14


def _webhook(row: Sequence[Any]) -> Webhook:
    (
        number, id, url, description, types, connectors, sealed, enabled, failing_since, disabled_why, not_before,
        revision, created_at, updated_at,
    ) = row  # fmt: skip
    return Webhook(
        number=number,
        id=id,
        url=url,
        description=description,
        types=tuple(json.loads(types)),
        connectors=None if connectors is None else tuple(json.loads(connectors)),
        sealed=json.loads(sealed),
        enabled=bool(enabled),
        failing_since=failing_since,
        disabled_why=disabled_why,
        not_before=not_before,
        revision=revision,
        created_at=created_at,
        updated_at=updated_at,
    )


def _delivery(row: Sequence[Any]) -> Delivery:
    number, id, webhook, webhook_id, event, type, payload, state, *rest = row
    return Delivery(number, id, webhook, webhook_id, event, type, payload, DeliveryState(state), *rest)
