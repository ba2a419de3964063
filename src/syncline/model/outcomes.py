"""Every document ends in one outcome per job (invariant 5); the counters are their sum."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import NamedTuple

from syncline.model.errors import SynclineError


class Kind(StrEnum):
    """How a document came out of a job."""

    INSERTED = "inserted"
    UPDATED = "updated"
    DELETED = "deleted"
    KEPT = "kept"
    FILTERED = "filtered"
    FAILED = "failed"
    WITHHELD = "withheld"  # a deletion that waits for approval; counted as withheld_deletes


class Outcome(NamedTuple):
    """What became of one document in one job. `code`, `message` and `remedy` speak when it failed, was filtered or
    warned; `message` alone says why it was updated or deleted."""

    id: str
    kind: Kind
    stage: str = ""
    code: str = ""
    message: str = ""
    remedy: str = ""

    @classmethod
    def failed(cls, id: str, error: SynclineError, stage: str) -> Outcome:
        """The outcome of a document that cannot be taken."""
        return cls(id, Kind.FAILED, stage, error.code, error.message, error.remedy)

    @property
    def is_warning(self) -> bool:
        """True for a document that was taken with a reservation."""
        return bool(self.code) and self.kind in (Kind.INSERTED, Kind.UPDATED)


_LATER: Mapping[tuple[Kind, Kind], Kind] = {
    # already in this job, and now   counts as
    (Kind.INSERTED, Kind.UPDATED): Kind.INSERTED,
    (Kind.DELETED, Kind.INSERTED): Kind.UPDATED,
}


def combine(earlier: Kind, later: Kind) -> Kind:
    """The one outcome of a document that came up twice in a job: the later one, except that a document inserted
    and then updated was inserted, and one deleted and then inserted was updated."""
    return _LATER.get((earlier, later), later)


class Counters:
    """Sums of outcomes. Keys are the names used in JSON, in the API and in the store."""

    NAMES = ("inserted", "updated", "deleted", "kept", "failed", "filtered", "withheld_deletes", "warnings")
    __slots__ = NAMES

    inserted: int
    updated: int
    deleted: int
    kept: int
    failed: int
    filtered: int
    withheld_deletes: int
    warnings: int

    def __init__(self, values: Mapping[str, int] | None = None) -> None:
        for name in self.NAMES:
            setattr(self, name, int((values or {}).get(name, 0)))

    def add(self, kind: Kind, n: int = 1) -> None:
        """Count `n` documents that came out as `kind`."""
        name = "withheld_deletes" if kind is Kind.WITHHELD else kind.value
        setattr(self, name, getattr(self, name) + n)

    def add_all(self, outcomes: Iterable[Outcome]) -> None:
        """Count each outcome, and its warning if it carries one."""
        for outcome in outcomes:
            self.add(outcome.kind)
            if outcome.is_warning:
                self.warnings += 1

    def as_dict(self) -> dict[str, int]:
        """All counters by name."""
        return {name: getattr(self, name) for name in self.NAMES}

    @property
    def changed(self) -> int:
        """Documents written or removed."""
        return self.inserted + self.updated + self.deleted

    @property
    def total(self) -> int:
        """Documents looked at: each counted once."""
        return self.changed + self.kept + self.failed + self.filtered + self.withheld_deletes

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Counters) and self.as_dict() == other.as_dict()

    def __repr__(self) -> str:
        return f"Counters({', '.join(f'{k}={v}' for k, v in self.as_dict().items() if v)})"
