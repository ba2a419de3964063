"""The key table. A secret is found by its SHA-256; in clear it is nowhere.

The row of a revoked key stays, without its sealed secret: so its id and its secret are never given out again, and the
jobs it asked for can still be told from others.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from typing import Any

from syncline.model.errors import UsageError
from syncline.model.keys import Key, Scope
from syncline.store.relational.database import load_queries, scalar
from syncline.store.relational.tables import Tables, dump

SQL = load_queries("keys.sql")
_NOBODY = hashlib.sha256(b"").digest()


class Keys:
    """The key table of a control plane."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._db = tables.db

    def add(self, key: Key, secret: str, sealed: Mapping[str, Any]) -> None:
        """Store a new one. Raises UsageError: "key.id_taken" or "key.secret_taken"."""
        digest = digest_of(secret)
        with self._tables.writing("add_key"):
            if scalar(self._db, SQL["digest"], (key.id,)) is not None:
                raise _id_taken(key.id)
            if self._db.execute(SQL["by_digest"], (digest,)).fetchone() is not None:
                raise _secret_taken()
            indexes = None if key.indexes is None else dump(list(key.indexes))
            row = (key.id, key.name, digest, dump(sealed), dump(list(key.scopes)), indexes, key.created_at)
            self._db.execute(SQL["add"], row)

    def all(self) -> list[Key]:
        """All of them, revoked ones too, oldest first."""
        with self._tables.reading():
            return [_key(row) for row in self._db.execute(SQL["all"])]

    def get(self, id: str) -> Key | None:
        """By id, revoked or not."""
        with self._tables.reading():
            row = self._db.execute(SQL["by_id"], (id,)).fetchone()
        return None if row is None else _key(row)

    def of_secret(self, secret: str) -> Key | None:
        """Whose secret it is, revoked or not."""
        digest = digest_of(secret)
        with self._tables.reading():
            row: Any = self._db.execute(SQL["by_digest"], (digest,)).fetchone()
        if not hmac.compare_digest(digest, _NOBODY if row is None else row[0]) or row is None:
            return None
        return _key(row[1:])

    def of_pair(self, id: str, secret: str) -> Key | None:
        """The key of that id if this is its secret, revoked or not."""
        with self._tables.reading():
            digest = scalar(self._db, SQL["digest"], (id,))
        same = hmac.compare_digest(digest_of(secret), digest or _NOBODY)
        return self.get(id) if same and digest is not None else None

    def sealed(self, id: str) -> dict[str, Any]:
        """Its sealed secret, as it was stored; empty when it is revoked or unknown."""
        with self._tables.reading():
            found = scalar(self._db, SQL["sealed"], (id,))
        sealed: dict[str, Any] = json.loads(found or "{}")
        return sealed

    def touch(self, id: str, now: float) -> None:
        """It was used."""
        with self._tables.writing("touch_key"):
            self._db.execute(SQL["touch"], (id, now))

    def revoke(self, id: str, now: float) -> None:
        """It is of no use from now on. Harmless when it is revoked already."""
        with self._tables.writing("revoke_key"):
            self._db.execute(SQL["revoke"], (id, now))


def digest_of(secret: str) -> bytes:
    """What a secret is found by."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def _key(row: Sequence[Any]) -> Key:
    id, name, scopes, indexes, created_at, last_used_at, revoked_at = row
    return Key(
        id=id,
        name=name,
        scopes=tuple(Scope(scope) for scope in json.loads(scopes)),
        indexes=None if indexes is None else tuple(json.loads(indexes)),
        created_at=created_at,
        last_used_at=last_used_at,
        revoked_at=revoked_at,
    )


def _id_taken(id: str) -> UsageError:
    return UsageError(f"there is a key with the id {id!r} already", code="key.id_taken", remedy="Choose another id.")


def _secret_taken() -> UsageError:
    return UsageError("this secret cannot be used", code="key.secret_taken", remedy="Choose another secret.")
