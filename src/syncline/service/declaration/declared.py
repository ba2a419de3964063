"""A declaration, understood: a file with everything in its place, checked by those who know what it names.

    file ──▶ values ──▶ expanded ──▶ Declaration ──▶ settings by their source kind, expressions, names ──▶ Declared

Every fault that can be found without changing anything is found here, and all of them are told at once.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from syncline.model.errors import SynclineError
from syncline.service.declaration.expand import Expanded, expand
from syncline.service.declaration.files import DeclarationInvalid, Path, Yaml
from syncline.service.declaration.shape import (
    ConnectorEntry,
    Declaration,
    IndexEntry,
    ScheduleEntry,
    TriggerEntry,
    faulted,
    parsed,
)
from syncline.store.secrets import values_of

MAX_NAME_CHARS: Final = 200
TRIGGERS: Final = ("watch", "after", "webhook")


class Settings(NamedTuple):
    """Validated settings of one connector, in clear; `secrets` names those that are."""

    kind: str
    values: dict[str, Any]
    secrets: tuple[str, ...]


@dataclass(slots=True)
class Declared:
    """What a file declares. `settings` by name of the connector, `places` (of destinations) by name of the index."""

    read: Yaml
    expanded: Expanded
    declaration: Declaration
    settings: dict[str, Settings] = field(default_factory=dict)
    places: dict[str, Settings] = field(default_factory=dict)

    @property
    def connectors(self) -> Mapping[str, ConnectorEntry]:
        """By name."""
        return self.declaration.connectors


def understood(read: Yaml, environ: Mapping[str, str]) -> Declared:
    """What the file declares. Raises DeclarationInvalid with everything that is wrong."""
    expanded = expand(read, environ)
    declaration, told = parsed(expanded.values)
    faulted(read, [(path, expanded.hide(message), remedy, at_key) for path, message, remedy, at_key in told])
    if declaration is None:
        raise _invalid(read, expanded)
    declared = Declared(read, expanded, declaration)
    _Checks(declared).all()
    if read.faults or expanded.faults:
        raise _invalid(read, expanded)
    return declared


def _invalid(read: Yaml, expanded: Expanded) -> DeclarationInvalid:
    """A value that could not be had is the fault; that it is missing elsewhere is not told on top of it."""
    missing = {fault.path for fault in expanded.faults}
    return DeclarationInvalid.of(read.name, [*expanded.faults, *(f for f in read.faults if f.path not in missing)])


class _Checks:
    """What needs more knowledge than the shape of the file."""

    def __init__(self, declared: Declared) -> None:
        self._declared = declared
        self._read = declared.read
        self._entries = declared.declaration.connectors

    def all(self) -> None:
        """Add every fault to those of the file."""
        for name, index in self._declared.declaration.indexes.items():
            self._index_name(name, ("indexes", name))
            self._place(name, index, ("indexes", name))
        for name, entry in self._entries.items():
            path: Path = ("connectors", name)
            self._name(name, path)
            self._index_name(entry.index, (*path, "index"))
            self._settings(name, entry, path)
            self._schedules(entry.schedule, (*path, "schedule"))
            self._triggers(entry, (*path, "triggers"))
        self._circles()
        self._webhooks()

    # --- connectors

    def _name(self, name: str, path: Path) -> None:
        if not name.strip() or len(name) > MAX_NAME_CHARS or not name.isprintable():
            self._wrong(path, "cannot be the name of a connector", "Use letters, digits and -.", at_key=True)

    def _index_name(self, name: str, path: Path) -> None:
        from syncline.wiring import checked_index

        self._told(path, checked_index, name)

    def _place(self, name: str, entry: IndexEntry, path: Path) -> None:
        """The same for the settings of a destination."""
        from syncline.destinations.kinds import find
        from syncline.sources.authoring import guarded_call, secret_texts
        from syncline.sources.registry import secret_fields, validate

        kind = self._told((*path, "destination"), find, entry.destination)
        if kind is None:
            return
        try:
            fields = secret_fields(kind)
            secrets = secret_texts(values_of(entry.settings, fields))
            values = guarded_call(validate, kind, entry.settings, secrets=secrets)
            self._declared.places[name] = Settings(entry.destination, values, fields)
        except SynclineError as error:
            self._refused(error, (*path, "settings"))

    def _settings(self, name: str, entry: ConnectorEntry, path: Path) -> None:
        """Validate them as they would be with `connector add`; every wrong one is a fault at its own place."""
        from syncline.sources.authoring import guarded_call, secret_texts
        from syncline.sources.registry import find, secret_fields, validate

        kind = self._kind(entry.kind)
        if self._told((*path, "kind"), find, kind) is None:
            return
        settings = self._placed(kind, entry.settings)
        try:
            fields = secret_fields(kind)
            secrets = secret_texts(values_of(settings, fields))
            values = guarded_call(validate, kind, settings, secrets=secrets)
            self._declared.settings[name] = Settings(kind, values, fields)
        except SynclineError as error:
            self._refused(error, (*path, "settings"))

    def _kind(self, kind: str) -> str:
        """A file beside the declaration is meant from there."""
        from syncline.sources.registry import address

        module, colon, name = kind.rpartition(":")
        if colon and (module.endswith(".py") or "/" in module):
            return address(f"{os.path.join(self._read.folder, os.path.expanduser(module))}:{name}")
        return kind

    def _placed(self, kind: str, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Relative paths of folders count from the file."""
        path = settings.get("path")
        if kind == "folder" and isinstance(path, str) and path and not path.startswith("~"):
            return {**settings, "path": os.path.join(self._read.folder, path)}
        return dict(settings)

    def _refused(self, error: SynclineError, path: Path) -> None:
        fields: Mapping[str, str] = error.details.get("fields") or {}
        for said, words in fields.items():
            self._setting(said, words, path)
        if not fields:
            self._wrong(path, error.message, _own_remedy(error))

    def _setting(self, said: str, words: str, path: Path) -> None:
        """One setting that is wrong, told where it stands, or where it is missed."""
        at = (*path, *_parts(said))
        written = self._declared.expanded.from_outside(at) if said else None
        if written is not None:
            words = words.partition(", not ")[0] if words.startswith("must") else "is not accepted"
            words = f"{words}; its value comes from {written}"
        words, question, guess = words.partition("; did you mean ")
        remedy = f"Did you mean {guess}" if question else ""
        if at[: len(path) + 1] in self._read.places:
            self._wrong(at, words, remedy, at_key=bool(question) or words == "is not a setting")
        else:
            self._wrong(path, f"the setting {said!r} {words}" if said else words, remedy)

    # --- what starts jobs

    def _schedules(self, schedules: Iterable[ScheduleEntry], path: Path) -> None:
        from syncline.scheduler.dialects import parse

        names: set[str] = set()
        for n, (name, entry) in enumerate(named_schedules(schedules)):
            at = self._item(path, n)
            if name in names:
                self._wrong((*at, "name"), f"another schedule of this connector is called {name!r}", "Choose another.")
            names.add(name)
            try:
                parse(entry.cron, entry.dialect, entry.zone)
            except SynclineError as error:
                part = str(error.details.get("field", ""))
                self._wrong((*at, part if part in ("zone", "dialect") else "cron"), error.message, _own_remedy(error))

    def _triggers(self, connector: ConnectorEntry, path: Path) -> None:
        from syncline.outgoing.signing import key_of

        seen: set[tuple[str, ...]] = set()
        for n, entry in enumerate(connector.triggers):
            at = self._item(path, n)
            said = [kind for kind in TRIGGERS if getattr(entry, kind) is not None]
            if len(said) != 1:
                what = f"says {' and '.join(said)}" if said else "says nothing"
                self._wrong(at, what, "Say exactly one of watch, after and webhook; begin each with a dash.")
                continue
            if entry.watch is not None and connector.kind != "folder":
                remedy = "Give the connector a schedule, or a webhook trigger."
                self._wrong((*at, "watch"), "only folders can be watched", remedy)
            if entry.webhook is not None:
                self._told((*at, "webhook", "secret"), key_of, entry.webhook.secret)
            key = trigger_key(entry)
            if key in seen:
                self._wrong(
                    at, f"says {' '.join(filter(None, key))} again", "Remove one, or give it a name of its own."
                )
            seen.add(key)

    def _circles(self) -> None:
        """Connectors that follow each other would never come to rest."""
        after = {
            name: [entry.after.connector for entry in connector.triggers if entry.after is not None and entry.enabled]
            for name, connector in self._entries.items()
        }
        for name in after:
            round_trip = next(_rounds(name, after), None)
            if round_trip is not None and name == min(round_trip):
                told = " → ".join([*round_trip, name])
                self._wrong(("connectors", name, "triggers"), f"runs in a circle: {told}", "Break it in one place.")

    # --- webhooks

    def _webhooks(self) -> None:
        from syncline.outgoing.addresses import spelled_out
        from syncline.outgoing.signing import key_of

        urls: dict[str, int] = {}
        for n, entry in enumerate(self._declared.declaration.webhooks):
            path: Path = ("webhooks", n)
            spelled = self._told((*path, "url"), spelled_out, entry.url)
            if spelled is not None:
                entry.url = spelled.url
            if entry.url in urls:
                self._wrong((*path, "url"), f"is the URL of webhooks[{urls[entry.url]}], too", "Remove one of them.")
            urls.setdefault(entry.url, n)
            if entry.secret is not None:
                self._told((*path, "secret"), key_of, entry.secret)

    # --- faults

    def _item(self, path: Path, n: int) -> Path:
        """Where the n-th entry stands; one that stands alone needs no list."""
        return (*path, n) if (*path, n) in self._read.places else path

    def _told(self, path: Path, check: Callable[[Any], Any], value: Any) -> Any:
        """What the check returns (True for None); None when it raises, which is a fault then."""
        try:
            answer = check(value)
        except SynclineError as error:
            self._wrong(path, error.message, _own_remedy(error), at_key=path[0] == "indexes")
            return None
        return True if answer is None else answer

    def _wrong(self, path: Path, message: str, remedy: str = "", *, at_key: bool = False) -> None:
        hide = self._declared.expanded.hide
        self._read.faults.append(self._read.fault(path, hide(message), hide(remedy), at_key=at_key))


def _own_remedy(error: SynclineError) -> str:
    """What it says beyond what every error of its class says."""
    return "" if error.remedy == error.default_remedy else error.remedy


def named_schedules(schedules: Iterable[ScheduleEntry]) -> Iterator[tuple[str, ScheduleEntry]]:
    """Each with its name; the first may have none, the others are called by their number then."""
    for n, entry in enumerate(schedules, 1):
        yield entry.name or ("" if n == 1 else str(n)), entry


def trigger_key(entry: TriggerEntry) -> tuple[str, ...]:
    """What tells it from other triggers of its connector."""
    if entry.after is not None:
        return ("after", entry.after.connector)
    return ("watch",) if entry.watch is not None else ("webhook", entry.webhook.name if entry.webhook else "")


def _rounds(start: str, after: Mapping[str, list[str]]) -> Iterator[list[str]]:
    """Ways from a connector back to itself, each connector visited once."""
    seen, ways = {start}, [[start]]
    while ways:
        way = ways.pop()
        for name in after.get(way[-1], ()):
            if name == start:
                yield way
            elif name not in seen:
                seen.add(name)
                ways.append([*way, name])


def _parts(said: str) -> Path:
    """ "logins[0].password" as it stands in the file."""
    names = said.replace("[", ".[").split(".") if said else []
    return tuple(int(name[1:-1]) if name.startswith("[") else name for name in names if name)
