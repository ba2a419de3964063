"""What must be done so that what stands agrees with what is declared. Pure: no I/O, no clock.

    declared ─┬─▶ only there    create          the same key, other fields ─▶ update, or replace
    current ──┴─▶ only there    remove, or left alone

An item is known by its key, never by its id. Secrets are sealed in it, and nothing here can open them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, NamedTuple

from syncline.store.secrets import SEALED

HIDDEN: Final = "(secret)"
CHANGED: Final = "(secret changed)"


class What(StrEnum):
    """The kinds of item, in the order in which they are made."""

    INDEX = "index"
    CONNECTOR = "connector"
    SCHEDULE = "schedule"
    TRIGGER = "trigger"
    WEBHOOK = "webhook"


class Action(StrEnum):
    """What becomes of an item."""

    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"  # removed, and made again under the same name
    REMOVE = "remove"
    LEAVE = "leave"  # it is not declared, and stays as it is


FIXED: Final = {
    What.CONNECTOR: ("kind", "index"),
    What.INDEX: ("destination",),
}  # fields that never change; another value is another item
OPTIONAL: Final = frozenset({"secret"})  # fields that are not compared when they are not declared


@dataclass(slots=True, frozen=True)
class Item:
    """One thing that is declared, or that stands.

    key        what it is known by; of what belongs to a connector, the connector's name comes first.
    fields     everything that is compared, JSON-safe, secrets sealed.
    id         of what stands, or is to be made.      revision  of what stands.
    owned      it stands, and an earlier apply made it or found it declared.
    implied    it is declared only by being used.
    refers     names of connectors that it refers to.
    outside    by field, what the file says where the value came from outside; it is shown in place of the value.
    documents  that go when it is removed.
    """

    what: What
    key: tuple[str, ...]
    fields: Mapping[str, Any]
    id: str = ""
    revision: int = 0
    owned: bool = False
    implied: bool = False
    refers: frozenset[str] = frozenset()
    outside: Mapping[str, str] = field(default_factory=dict)
    documents: int = 0

    @property
    def at(self) -> tuple[What, tuple[str, ...]]:
        """Kind and key: the same for what is declared and what stands."""
        return self.what, self.key

    @property
    def connector(self) -> str:
        """Name of the connector it belongs to; "" when it belongs to none."""
        return self.key[0] if self.what in (What.SCHEDULE, What.TRIGGER) else ""

    @property
    def name(self) -> str:
        """What tells it from others of its kind. What came from outside is shown as the file has it."""
        if "url" in self.outside:
            return self.outside["url"]
        return " ".join(part for part in self.key[1 if self.connector else 0 :] if part)


def told(item: Item) -> str:
    """ "schedule nightly of handbook", for people; not cleaned for terminals."""
    of = f" of {item.connector}" if item.connector else ""
    return f"{item.what.value} {item.name}".rstrip() + of


class FieldChange(NamedTuple):
    """One field, as it may be shown: JSON-safe, secrets as words. `old` is None for what is created."""

    field: str
    old: Any
    new: Any


@dataclass(slots=True, frozen=True)
class Change:
    """One step. `declared` is None for what is removed or left alone, `current` for what is created."""

    action: Action
    declared: Item | None
    current: Item | None
    fields: tuple[FieldChange, ...] = ()
    allowed: bool = True  # False: it removes something, and that was not asked for

    @property
    def item(self) -> Item:
        """Whatever there is of it, what is declared first."""
        found = self.declared or self.current
        assert found is not None
        return found

    @property
    def removes(self) -> bool:
        """True when something that stands is gone afterwards."""
        return self.action in (Action.REPLACE, Action.REMOVE)


def difference(declared: Sequence[Item], current: Sequence[Item], *, prune: bool = False) -> list[Change]:
    """Every step, in the order in which they must be taken: making first, what is used before what uses it; then
    removing, in reverse. What is equal has none.

    Only with `prune` is anything removed or replaced, and only what an apply made is removed: what people made by hand
    is left alone. Without it, a replacement is in the answer with `allowed` false.
    """
    held = {item.at: item for item in current}
    gone = _replaced(declared, held)
    making = [_wanted(item, held, gone, prune) for item in sorted(declared, key=_order)]
    removing = _undeclared(declared, current, gone, prune)
    return [change for change in making if change is not None] + removing


def _order(item: Item) -> tuple[int, tuple[str, ...]]:
    return list(What).index(item.what), item.key


def _replaced(declared: Iterable[Item], held: Mapping[Any, Item]) -> frozenset[str]:
    """Names of the connectors that must be made anew."""
    pairs = ((item, held[item.at]) for item in declared if item.what is What.CONNECTOR and item.at in held)
    return frozenset(new.key[0] for new, old in pairs if _differing(new, old).intersection(FIXED[What.CONNECTOR]))


def _wanted(item: Item, held: Mapping[Any, Item], gone: frozenset[str], prune: bool) -> Change | None:
    """The step for one declared item; None when there is nothing to do."""
    old = None if prune and item.connector in gone else held.get(item.at)
    if old is None:
        return Change(Action.CREATE, item, None, tuple(_shown(item, None, sorted(item.fields))))
    if item.implied and not (prune and old.owned):
        return None
    differing = _differing(item, old)
    fields = tuple(_shown(item, old, sorted(differing)))
    if differing.intersection(FIXED.get(item.what, ())):
        return Change(Action.REPLACE, item, old, fields, allowed=prune)
    if differing or (prune and item.refers & gone):  # what it refers to has another id by then
        return Change(Action.UPDATE, item, old, fields)
    return None


def _differing(new: Item, old: Item) -> set[str]:
    names = new.fields.keys() | {name for name in old.fields if name not in OPTIONAL}
    return {name for name in names if new.fields.get(name) != old.fields.get(name)}


def _undeclared(declared: Sequence[Item], current: Sequence[Item], gone: frozenset[str], prune: bool) -> list[Change]:
    """What stands and is not declared, what uses something before what is used."""
    wanted = {item.at for item in declared}
    changes: list[Change] = []
    leaving = set(gone) if prune else set()
    used: set[str] = set()
    rest = [item for item in current if item.at not in wanted]
    for item in sorted(rest, key=_order, reverse=True):
        if item.what is What.CONNECTOR and prune and item.owned:
            leaving.add(item.key[0])
    for item in current:
        if item.what is What.CONNECTOR and item.key[0] not in leaving:
            used.add(str(item.fields["index"]))
    for item in sorted(rest, key=_order, reverse=True):
        if item.connector in leaving:
            continue  # it goes with its connector
        removable = prune and item.owned and not (item.what is What.INDEX and item.key[0] in used)
        changes.append(Change(Action.REMOVE if removable else Action.LEAVE, None, item))
    return sorted(changes, key=lambda change: change.action is Action.LEAVE)


# --- what may be shown ------------------------------------------------------------------------------------------------


def _shown(new: Item, old: Item | None, names: Iterable[str]) -> Iterable[FieldChange]:
    for name in names:
        before = None if old is None else old.fields.get(name)
        after = new.fields.get(name)
        if name in new.outside:
            yield FieldChange(name, None if before is None else "(something else)", new.outside[name])
        elif old is not None and opened(before) == opened(after):
            yield FieldChange(name, opened(before), CHANGED)
        else:
            yield FieldChange(name, opened(before), opened(after))


def opened(value: Any) -> Any:
    """The value as it may be shown: words in place of secrets."""
    if isinstance(value, Mapping):
        if value.keys() == {SEALED}:
            return HIDDEN
        return {name: opened(item) for name, item in value.items()}
    return [opened(item) for item in value] if isinstance(value, (list, tuple)) else value
