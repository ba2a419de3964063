"""The connector: the standing arrangement of a source, its settings, an index and its rules."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True, frozen=True)
class Guard:
    """How many deletions one job may make before they are withheld for approval (invariant 4).

    Deletions are withheld when they are more than `max_deletes` in number *and* more than `max_percent` of what the
    connector holds. Additions are never withheld.
    """

    max_deletes: int = 100
    max_percent: float = 25.0

    def withholds(self, deletes: int, held: int) -> bool:
        """True when `deletes` of `held` documents would be a surprise."""
        return deletes > self.max_deletes and deletes * 100.0 > self.max_percent * held


@dataclass(slots=True)
class Connector:
    """One row of the connector table.

    number     small integer that ties rows of the index to the connector; never reused.
    kind       name of a source kind ("folder") or an import path ("package.module:name").
    config     the validated settings, JSON; secrets are references, never values.
    config_by  version of Syncline that validated `config`.
    paused     schedules and triggers start no jobs; people still may.
    extras     what a dialect keeps with it, by the dialect's name; nothing reads it but the dialect.
    revision   rises with every change of it; 1 at first.
    """

    number: int
    id: str
    name: str
    index: str
    kind: str
    config: dict[str, Any] = field(default_factory=dict)
    config_by: str = ""
    guard: Guard = Guard()
    created_at: float = 0.0
    description: str = ""
    paused: bool = False
    extras: dict[str, Any] = field(default_factory=dict)
    revision: int = 1
    updated_at: float = 0.0
