"""What stands, as items: read from the data directory without changing a byte of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from syncline.model.connectors import Connector
from syncline.model.indexes import Index
from syncline.model.schedules import Schedule
from syncline.model.triggers import MAX_WAIT_S, Trigger, TriggerKind
from syncline.model.webhooks import Webhook
from syncline.service.declaration.difference import Item, What
from syncline.store.relational.control import Control
from syncline.store.relational.declared import Declared
from syncline.store.relational.schedules import Schedules
from syncline.store.relational.triggers import Triggers
from syncline.store.relational.webhooks import Webhooks
from syncline.wiring import Installation

SETTING: Final = "settings."


@dataclass(slots=True)
class Current:
    """Everything that stands. `names` of connectors by id; `sealed` secrets by the id of what holds them."""

    items: list[Item] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    sealed: dict[str, Mapping[str, Any]] = field(default_factory=dict)


def standing(installation: Installation) -> Current:
    """What the data directory holds; nothing when there is none."""
    with installation.reading_control() as control:
        return Current() if control is None else _Reading(installation, control).all()


class _Reading:
    def __init__(self, installation: Installation, control: Control) -> None:
        self._installation = installation
        self._control = control
        self._current = Current()
        self._owned = Declared(control).all()

    def all(self) -> Current:
        current, connectors = self._current, self._control.connectors()
        current.names = {connector.id: connector.name for connector in connectors}
        documents = self._documents(connectors)
        for index in self._control.indexes():
            current.items.append(self._index(index))
        for connector in connectors:
            current.sealed[connector.id] = connector.config
            current.items.append(self._connector(connector, documents.get(connector.number, 0)))
            current.items += self._starters(connector)
        current.items += self._webhooks()
        return current

    def _documents(self, connectors: list[Connector]) -> dict[int, int]:
        """How many each connector holds, by its number."""
        held: dict[int, int] = {}
        for index in {connector.index for connector in connectors}:
            with self._installation.reading_truth(index) as truth:
                for connector in connectors if truth is not None else ():
                    if connector.index == index and truth is not None:
                        held[connector.number] = truth.count(connector.number)[1]
        return held

    def _index(self, index: Index) -> Item:
        fields = index_fields(index)
        self._current.sealed[index.id] = index.settings
        return Item(What.INDEX, (index.name,), fields, index.id, index.revision, index.id in self._owned)

    def _connector(self, connector: Connector, documents: int) -> Item:
        return Item(
            What.CONNECTOR,
            (connector.name,),
            connector_fields(connector),
            connector.id,
            connector.revision,
            connector.id in self._owned,
            documents=documents,
        )

    def _starters(self, connector: Connector) -> Iterator[Item]:
        for schedule in Schedules(self._control).of(connector.number):
            key, owned = (connector.name, schedule.name), schedule.id in self._owned
            yield Item(What.SCHEDULE, key, schedule_fields(schedule), schedule.id, schedule.revision, owned)
        seen: set[tuple[str, ...]] = set()
        for trigger in Triggers(self._control).of(connector.number):
            told = trigger_key(trigger, self._current.names)
            at, owned = (connector.name, *told, *([trigger.id] if told in seen else [])), trigger.id in self._owned
            seen.add(told)
            self._current.sealed[trigger.id] = trigger.settings
            yield Item(What.TRIGGER, at, trigger_fields(trigger), trigger.id, trigger.revision, owned)

    def _webhooks(self) -> Iterator[Item]:
        """Of several with one URL, the oldest can be declared; the others are told apart by their ids. Those of a
        dialect cannot be declared."""
        seen: set[str] = set()
        for webhook in (one for one in Webhooks(self._control).all() if not one.dialect):
            key = (webhook.url, webhook.id) if webhook.url in seen else (webhook.url,)
            seen.add(webhook.url)
            self._current.sealed[webhook.id] = webhook.sealed
            fields = webhook_fields(webhook, self._current.names)
            yield Item(What.WEBHOOK, key, fields, webhook.id, webhook.revision, webhook.id in self._owned)


# --- fields -----------------------------------------------------------------------------------------------------------


def index_fields(index: Index) -> dict[str, Any]:
    """Everything of an index that can be declared, but its name."""
    return {
        "description": index.description,
        "destination": index.destination,
        **{f"{SETTING}{name}": value for name, value in index.settings.items()},
    }


def connector_fields(connector: Connector) -> dict[str, Any]:
    """Everything of a connector that can be declared, but its name."""
    return {
        "kind": connector.kind,
        "index": connector.index,
        "description": connector.description,
        "paused": connector.paused,
        "guard.max_deletes": connector.guard.max_deletes,
        "guard.max_percent": float(connector.guard.max_percent),
        **{f"{SETTING}{name}": value for name, value in connector.config.items()},
    }


def schedule_fields(schedule: Schedule) -> dict[str, Any]:
    """Everything of a schedule that can be declared, but its name."""
    return {
        "cron": schedule.expression,
        "zone": schedule.zone,
        "dialect": schedule.dialect.value,
        "type": "auto" if schedule.type is None else schedule.type.value,
        "misfire": schedule.misfire.value,
        "when_active": schedule.when_active.value,
        "jitter": float(schedule.jitter_s),
        "enabled": schedule.enabled,
    }


def webhook_fields(webhook: Webhook, names: Mapping[str, str]) -> dict[str, Any]:
    """Everything of a webhook that can be declared, but its URL. Connectors by name; one that is gone has none."""
    chosen = webhook.connectors
    return {
        "types": sorted(webhook.types),
        "connectors": None if chosen is None else sorted(names[id] for id in chosen if id in names),
        "description": webhook.description,
        "enabled": webhook.enabled,
        "secret": webhook.sealed.get("secret"),
    }


def trigger_key(trigger: Trigger, names: Mapping[str, str]) -> tuple[str, ...]:
    """What tells it from other triggers of its connector: its kind, and whom it follows or what it is called."""
    if trigger.kind is TriggerKind.WATCH:
        return (trigger.kind.value,)
    if trigger.kind is TriggerKind.AFTER:
        other = str(trigger.settings.get("connector", ""))
        return trigger.kind.value, names.get(other, other)
    return trigger.kind.value, str(trigger.settings.get("name", ""))


def trigger_fields(trigger: Trigger) -> dict[str, Any]:
    """Everything of a trigger that can be declared, but what it is known by."""
    fields: dict[str, Any] = {"enabled": trigger.enabled}
    settings = trigger.settings
    if trigger.kind is TriggerKind.WATCH:
        return fields | {"settle": float(settings["settle_s"]), "max_wait": float(settings["max_wait_s"])}
    if trigger.kind is TriggerKind.AFTER:
        return fields | {"on": sorted(settings["on"])}
    return fields | {"secret": settings.get("secret")}


def longest_wait(settle_s: float) -> float:
    """How long a job waits for quiet at most, when nothing is said of it. Seconds."""
    return max(MAX_WAIT_S, settle_s)
