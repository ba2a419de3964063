"""What stands, written as a declaration. Applying it to where it came from changes nothing.

Values that are as they would be anyway are left out. Secrets are not written: `${NAME}` stands for each, and a comment
lists the names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final
from urllib.parse import urlsplit

import yaml

from syncline.model.errors import SynclineError
from syncline.scheduler.dialects import guess
from syncline.service.declaration.current import SETTING, longest_wait, standing
from syncline.service.declaration.difference import Item, What, told
from syncline.service.declaration.expand import escaped
from syncline.service.declaration.shape import (
    AfterEntry,
    ConnectorEntry,
    GuardEntry,
    IndexEntry,
    ScheduleEntry,
    TriggerEntry,
    WatchEntry,
    WebhookEntry,
    WebhookTriggerEntry,
    spelled,
)
from syncline.service.declaration.wanted import is_sealed
from syncline.wiring import Installation

HEAD: Final = "# What this installation holds; `syncline apply` brings it back. See docs/declaring.md.\n"
SECRETS: Final = "#\n# Secrets are not written here. Set these variables, or put ${file:PATH} in their places:\n"


def exported(installation: Installation) -> str:
    """The text of a syncline.yaml. Raises DataDirectoryError."""
    items = standing(installation).items
    return _Writing(items).text()


class _Indented(yaml.SafeDumper):
    """Lists are set in, as people write them."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        """What stands twice is written twice."""
        return True


class _Writing:
    def __init__(self, items: Sequence[Item]) -> None:
        self._items = items
        self._variables: dict[str, str] = {}  # name of the variable: where its value goes

    def text(self) -> str:
        """Comments and the document."""
        table = self._table()
        body = yaml.dump(
            table, Dumper=_Indented, sort_keys=False, allow_unicode=True, default_flow_style=False, width=100
        )
        named = [f"#   {name:<32} {place}\n" for name, place in self._variables.items()]
        return "".join([HEAD, *([SECRETS, *named] if named else []), "\n", body])

    def _table(self) -> dict[str, Any]:
        connectors = {item.key[0]: self._connector(item) for item in self._of(What.CONNECTOR)}
        parts = {
            "indexes": {item.key[0]: self._index(item) for item in self._of(What.INDEX)},
            "connectors": connectors,
            "webhooks": list(self._webhooks()),
        }
        return {"version": 1, **{name: part for name, part in parts.items() if part}}

    def _of(self, what: What, connector: str = "") -> list[Item]:
        return [item for item in self._items if item.what is what and item.connector == connector]

    def _index(self, item: Item) -> dict[str, Any]:
        fields = self._plain(item)
        own = {key: fields[key] for key in ("description", "destination")}
        settings = {key.removeprefix(SETTING): value for key, value in fields.items() if key.startswith(SETTING)}
        settings = {key: value for key, value in settings.items() if not _is_default(item, key)}
        return {**_without_defaults(own, IndexEntry), **({"settings": settings} if settings else {})}

    def _connector(self, item: Item) -> dict[str, Any]:
        name, fields = item.key[0], self._plain(item)
        settings = {key.removeprefix(SETTING): value for key, value in fields.items() if key.startswith(SETTING)}
        guard = {key.removeprefix("guard."): value for key, value in fields.items() if key.startswith("guard.")}
        own = {key: fields[key] for key in ("kind", "index", "description", "paused")}
        parts = {
            "settings": {key: value for key, value in settings.items() if not _is_default(item, key)},
            "guard": _without_defaults(guard, GuardEntry),
            "schedule": self._schedules(name),
            "triggers": [
                self._trigger(one)
                for one in self._of(What.TRIGGER, name)
                if len(one.key) <= 2 + (one.key[1] != "watch")
            ],
        }
        return {**_without_defaults(own, ConnectorEntry), **{key: part for key, part in parts.items() if part}}

    def _schedules(self, connector: str) -> Any:
        """One without a name stands alone; the expression alone says it all if the rest is as usual."""
        found = sorted(self._of(What.SCHEDULE, connector), key=lambda item: item.key)
        written = [self._schedule(item) for item in found]
        return written[0] if len(found) == 1 and not found[0].key[1] else written

    def _schedule(self, item: Item) -> Any:
        fields = self._plain(item)
        if _is_guessed(item.fields):
            del fields["dialect"]
        fields["jitter"] = spelled(fields["jitter"]) if fields["jitter"] else 0.0
        told = _without_defaults({"name": escaped(item.key[1]), **fields}, ScheduleEntry)
        return told["cron"] if told.keys() == {"cron"} else told

    def _trigger(self, item: Item) -> Any:
        """As short as it can be told: "watch", {"after": "tickets"}, or with everything that is not as usual."""
        fields, kind = self._plain(item), item.key[1]
        enabled = {} if fields.pop("enabled") else {"enabled": False}
        if kind == "watch":
            times = {name: spelled(fields[name]) for name in ("settle", "max_wait") if not is_usual(item, name)}
            return {"watch": times, **enabled} if times or enabled else "watch"
        if kind == "after":
            other = escaped(item.key[2])
            return {"after": other if is_usual(item, "on") else {"connector": other, **fields}, **enabled}
        return {"webhook": _without_defaults({"name": escaped(item.key[2]), **fields}, WebhookTriggerEntry), **enabled}

    def _webhooks(self) -> Iterator[dict[str, Any]]:
        for item in self._of(What.WEBHOOK):
            if len(item.key) == 1:
                yield _without_defaults({"url": escaped(item.key[0]), **self._plain(item)}, WebhookEntry)

    # --- values

    def _plain(self, item: Item) -> dict[str, Any]:
        """The fields as they are written: nothing is expanded in them, and secrets are variables."""
        return {name: self._written(value, item, name) for name, value in item.fields.items()}

    def _written(self, value: Any, item: Item, place: str) -> Any:
        if is_sealed(value):
            return self._variable(item, place)
        if isinstance(value, Mapping):
            return {name: self._written(inner, item, f"{place}.{name}") for name, inner in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._written(inner, item, f"{place}.{n}") for n, inner in enumerate(value)]
        return escaped(value) if isinstance(value, str) else value

    def _variable(self, item: Item, place: str) -> str:
        said = " ".join([*item.key, place.removeprefix(SETTING)])
        if item.what is What.WEBHOOK:
            said = f"webhook {urlsplit(item.key[0]).hostname} secret"
        base = re.sub(r"[^A-Z0-9]+", "_", said.upper()).strip("_")
        base = f"_{base}" if base[:1].isdigit() else base or "SECRET"
        name, n = base, 2
        while name in self._variables:
            name, n = f"{base}_{n}", n + 1
        said = f"{told(item)}: {place}"
        self._variables[name] = "".join(char if char.isprintable() else " " for char in said)
        return f"${{{name}}}"


def _without_defaults(values: Mapping[str, Any], model: Any) -> dict[str, Any]:
    fields = model.model_fields
    return {
        name: value
        for name, value in values.items()
        if name not in fields or fields[name].is_required() or value != _plain_default(fields[name])
    }


def _plain_default(field: Any) -> Any:
    default = field.get_default(call_default_factory=True)
    return getattr(default, "value", default)


def is_usual(item: Item, field: str) -> bool:
    """True when the field has the value it would have if nothing were said of it."""
    if field.startswith(SETTING):
        return _is_default(item, field.removeprefix(SETTING))
    if field == "dialect":
        return _is_guessed(item.fields)
    if field == "max_wait":
        return bool(item.fields[field] == longest_wait(item.fields["settle"]))
    table, _, part = field.rpartition(".")
    model = GuardEntry if table else _model(item, part)
    known = getattr(model, "model_fields", {}).get(part)
    return known is not None and not known.is_required() and _same(_plain_default(known), item.fields[field])


def _same(usual: Any, value: Any) -> bool:
    """Equal, in any order."""
    if isinstance(usual, list) and isinstance(value, list):
        usual, value = sorted(usual), sorted(value)
    return bool(usual == value)


def _is_guessed(fields: Mapping[str, Any]) -> bool:
    """True when the expression tells its dialect."""
    with suppress(SynclineError):
        return bool(guess(fields["cron"]).value == fields["dialect"])
    return False


def _is_default(item: Item, setting: str) -> bool:
    """True when the kind of source or destination would fill in that value by itself."""
    from syncline.destinations import kinds
    from syncline.sources.registry import find

    with suppress(SynclineError):
        if item.what is What.INDEX:
            kind: Any = kinds.find(item.fields["destination"])
        else:
            kind = find(item.fields["kind"])
        field = kind.load_config().model_fields.get(setting)
        if field is not None and not field.is_required():
            return bool(_plain_default(field) == item.fields[f"{SETTING}{setting}"])
    return False


_MODELS: Final[Mapping[What, Any]] = {
    What.INDEX: IndexEntry,
    What.CONNECTOR: ConnectorEntry,
    What.SCHEDULE: ScheduleEntry,
    What.TRIGGER: TriggerEntry,
    What.WEBHOOK: WebhookEntry,
}
_TRIGGERS: Final[Mapping[str, Any]] = {"watch": WatchEntry, "after": AfterEntry, "webhook": WebhookTriggerEntry}


def _model(item: Item, field: str) -> Any:
    """What declares that field of it."""
    return _TRIGGERS[item.key[1]] if item.what is What.TRIGGER and field != "enabled" else _MODELS[item.what]
