"""What is declared, as items that can be compared with what stands.

A secret is sealed for the thing that stands under that name. One that has not changed keeps its sealed text, so that it
is equal; any other is sealed for this process only and can be compared, but not shown and not stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from syncline.model.errors import CredentialsInvalid
from syncline.scheduler.dialects import parse
from syncline.service.declaration.current import SETTING, Current, longest_wait
from syncline.service.declaration.declared import Declared, named_schedules, trigger_key
from syncline.service.declaration.difference import FIXED, Item, What
from syncline.service.declaration.files import DeclarationInvalid, Fault, Path
from syncline.service.declaration.shape import ConnectorEntry, IndexEntry, ScheduleEntry, TriggerEntry, WebhookEntry
from syncline.store.relational.jobs import new_id
from syncline.store.secrets import SEALED, Secret, Vault, drafted


def wanted(declared: Declared, current: Current, vault: Vault) -> list[Item]:
    """Every item that the file declares. Raises DeclarationInvalid when one refers to a connector that neither is
    declared nor stands."""
    made = _Wanted(declared, current, vault)
    items = list(made.all())
    if made.faults:
        raise DeclarationInvalid.of(declared.read.name, made.faults)
    return items


class _Wanted:
    def __init__(self, declared: Declared, current: Current, vault: Vault) -> None:
        self._declared = declared
        self._current = current
        self._vault = vault
        self._standing = {item.at: item for item in current.items}
        self._known = {*declared.connectors, *current.names.values()}
        self.faults: list[Fault] = []

    def all(self) -> Iterator[Item]:
        """In no particular order."""
        declaration = self._declared.declaration
        for name, entry in declaration.indexes.items():
            yield self._index(name, entry)
        for name in sorted({entry.index for entry in declaration.connectors.values()} - declaration.indexes.keys()):
            stands = self._standing.get((What.INDEX, (name,)))  # it stays where it is
            place = {"destination": "embedded"} if stands is None else stands.fields
            yield Item(What.INDEX, (name,), {**place, "description": ""}, implied=True)
        for name, connector in declaration.connectors.items():
            yield self._connector(name, connector)
            yield from self._schedules(name, connector.schedule)
            yield from self._triggers(name, connector.triggers)
        for n, webhook in enumerate(declaration.webhooks):
            yield self._webhook(("webhooks", n), webhook)

    # --- indexes

    def _index(self, name: str, entry: IndexEntry) -> Item:
        place = self._declared.places[name]
        fields: dict[str, Any] = {"description": entry.description, "destination": entry.destination}
        id = self._id(What.INDEX, (name,), fields)
        config = drafted(id, place.values, place.secrets, self._secrets(id))
        fields |= {f"{SETTING}{setting}": value for setting, value in config.items()}
        shown = [field for field, value in fields.items() if not is_sealed(value)]
        return Item(What.INDEX, (name,), fields, id, outside=self._outside(("indexes", name), shown))

    # --- connectors

    def _connector(self, name: str, entry: ConnectorEntry) -> Item:
        settings = self._declared.settings[name]
        fields: dict[str, Any] = {
            "kind": settings.kind,
            "index": entry.index,
            "description": entry.description,
            "paused": entry.paused,
            "guard.max_deletes": entry.guard.max_deletes,
            "guard.max_percent": entry.guard.max_percent,
        }
        id = self._id(What.CONNECTOR, (name,), fields)
        config = drafted(id, settings.values, settings.secrets, self._secrets(id))
        fields |= {f"{SETTING}{setting}": value for setting, value in config.items()}
        shown = [field for field, value in fields.items() if not is_sealed(value)]
        return Item(What.CONNECTOR, (name,), fields, id, outside=self._outside(("connectors", name), shown))

    def _schedules(self, name: str, entries: Iterable[ScheduleEntry]) -> Iterator[Item]:
        for n, (called, entry) in enumerate(named_schedules(entries)):
            cron = parse(entry.cron, entry.dialect, entry.zone)
            fields = {
                "cron": cron.expression,
                "zone": entry.zone,
                "dialect": cron.dialect.value,
                "type": entry.type,
                "misfire": entry.misfire.value,
                "when_active": entry.when_active.value,
                "jitter": entry.jitter,
                "enabled": entry.enabled,
            }
            outside = self._outside(self._place(("connectors", name, "schedule"), n), fields, alone="cron")
            yield Item(What.SCHEDULE, (name, called), fields, outside=outside)

    def _triggers(self, name: str, entries: Iterable[TriggerEntry]) -> Iterator[Item]:
        for n, entry in enumerate(entries):
            path = self._place(("connectors", name, "triggers"), n)
            key = (name, *trigger_key(entry))
            id = self._id(What.TRIGGER, key)
            fields: dict[str, Any] = {"enabled": entry.enabled}
            refers: frozenset[str] = frozenset()
            if entry.watch is not None:
                settle, longest = entry.watch.settle, entry.watch.max_wait
                fields |= {"settle": settle, "max_wait": longest_wait(settle) if longest is None else longest}
            elif entry.after is not None:
                self._check_known((*path, "after", "connector"), entry.after.connector)
                fields["on"], refers = sorted(set(entry.after.on)), frozenset({entry.after.connector})
            elif entry.webhook is not None:
                fields["secret"] = self._sealed(id, "secret", entry.webhook.secret)
            yield Item(What.TRIGGER, key, fields, id, refers=refers)

    # --- webhooks

    def _webhook(self, path: Path, entry: WebhookEntry) -> Item:
        for n, name in enumerate(entry.connectors or ()):
            self._check_known((*path, "connectors", n), name)
        chosen = entry.connectors
        fields: dict[str, Any] = {
            "types": sorted(set(entry.types)),
            "connectors": None if chosen is None else sorted(set(chosen)),
            "description": entry.description,
            "enabled": entry.enabled,
        }
        outside = self._outside(path, ["url", *fields])
        id = self._id(What.WEBHOOK, (entry.url,))
        if entry.secret is not None:
            fields["secret"] = self._sealed(id, "secret", entry.secret)
        return Item(What.WEBHOOK, (entry.url,), fields, id, refers=frozenset(chosen or ()), outside=outside)

    # --- ids and secrets

    def _id(self, what: What, key: tuple[str, ...], fields: Mapping[str, Any] | None = None) -> str:
        """Of what stands under that key, or a new one when it must be made (anew)."""
        stands = self._standing.get((what, key))
        if stands is None or any((fields or {}).get(name) != stands.fields[name] for name in FIXED.get(what, ())):
            return new_id()
        return stands.id

    def _secrets(self, id: str) -> dict[str, Secret]:
        """What it holds, as far as it can be read."""
        with suppress(CredentialsInvalid):
            return self._vault.open(id, self._current.sealed.get(id, {})).secrets
        return {}

    def _sealed(self, id: str, place: str, value: str) -> Any:
        return drafted(id, {place: value}, (place,), self._secrets(id))[place]

    # --- places

    def _place(self, path: Path, n: int) -> Path:
        return (*path, n) if (*path, n) in self._declared.read.places else path

    def _outside(self, path: Path, fields: Iterable[str], *, alone: str = "") -> dict[str, str]:
        """What the file says of each field whose value came from outside; `alone` is the field that may stand without
        its name."""
        found: dict[str, str] = {}
        for field in fields:
            written = self._declared.expanded.from_outside((*path, *field.split(".", 1)))
            if written is None and field == alone:
                written = self._declared.expanded.written.get(path)
            if written is not None:
                found[field] = written
        return found

    def _check_known(self, path: Path, name: str) -> None:
        if name not in self._known:
            from difflib import get_close_matches

            near = get_close_matches(name, self._known, n=1)
            remedy = f"Did you mean {near[0]!r}?" if near else "Declare it, or leave this out."
            fault = self._declared.read.fault(path, f"there is no connector {name!r}", remedy)
            self.faults.append(fault)


def is_sealed(value: Any) -> bool:
    """True for what stands in place of a secret."""
    return isinstance(value, Mapping) and value.keys() == {SEALED}
