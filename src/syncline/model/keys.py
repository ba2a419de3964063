"""The key: who may ask for what. Its secret is never part of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from syncline.model.errors import Category, Mender, SynclineError


class Scope(StrEnum):
    """What a key may do. Each scope includes those before it."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"

    def covers(self, other: Scope) -> bool:
        """True when whoever has this scope may do what needs the other."""
        order = list(Scope)
        return order.index(self) >= order.index(other)


@dataclass(slots=True, frozen=True)
class Key:
    """One row of the key table, or the root key. Times are Unix seconds (UTC); None: never.

    scopes        what it may do; none: it is known, and allowed nothing.
    indexes       names of the indexes it may use; None: all, also those that are made later.
    last_used_at  to the minute; not kept for the root key.
    root          it is the root key, which lives outside of the table.
    """

    id: str
    name: str = ""
    scopes: tuple[Scope, ...] = ()
    indexes: tuple[str, ...] | None = None
    created_at: float = 0.0
    last_used_at: float | None = None
    revoked_at: float | None = None
    root: bool = False

    def may(self, scope: Scope) -> bool:
        """True when a scope it has covers this one."""
        return any(own.covers(scope) for own in self.scopes)

    def sees(self, index: str) -> bool:
        """True when it may use the index of that name."""
        return self.indexes is None or index in self.indexes


class Unauthorized(SynclineError):
    """The request carries no key that is known."""

    code = "auth.invalid"
    category = Category.CREDENTIALS
    mender = Mender.YOU
    default_remedy = "Send the secret of a key that has not been revoked; `syncline keys create` makes one."


class Forbidden(SynclineError):
    """The key is known, and may not do this."""

    code = "auth.scope"
    category = Category.PERMISSION
    mender = Mender.YOU
    default_remedy = "Use a key that may, or have one made: `syncline keys create --scopes ...`."
