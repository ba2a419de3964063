"""What a dialect keeps beyond connectors, indexes and jobs: JSON documents by kind and id, each with a revision.

Only the dialect that writes a record reads it. Secrets in a body must be sealed by whoever puts them there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from syncline.model.errors import Conflict
from syncline.store.relational.database import load_queries, scalar
from syncline.store.relational.tables import Tables, dump

SQL = load_queries("records.sql")
PAGE: Final = 500


class Record(NamedTuple):
    """One of them. `number` grows with every new one; times are Unix seconds."""

    number: int
    kind: str
    id: str
    parent: str
    body: dict[str, Any]
    revision: int
    created_at: float
    updated_at: float


class Records:
    """The records of one dialect in one control plane. Use it from the thread of that connection."""

    def __init__(self, control: Tables, dialect: str) -> None:
        self._control = control
        self._dialect = dialect

    def add(self, kind: str, id: str, body: Mapping[str, Any], now: float, parent: str = "") -> Record | None:
        """A new one; None when there is one with that id."""
        with self._control.writing("add_record"):
            row = (self._dialect, kind, id, parent, dump(body), now)
            if scalar(self._control.db, SQL["add"], row) is None:
                return None
        return self.get(kind, id)

    def update(
        self, kind: str, id: str, body: Mapping[str, Any], now: float, revision: int | None = None
    ) -> Record | None:
        """Replace its body; None when there is none. Raises Conflict unless it still has that revision."""
        with self._control.writing("update_record"):
            row = (self._dialect, kind, id, dump(body), now, revision)
            if scalar(self._control.db, SQL["update"], row) is None:
                if self.get(kind, id) is None:
                    return None
                raise Conflict(f"{kind} {id!r:.200} has been changed since")
        return self.get(kind, id)

    def put(self, kind: str, id: str, body: Mapping[str, Any], now: float, parent: str = "") -> Record:
        """Add it, or replace its body."""
        with self._control.writing("put_record"):
            found = self.add(kind, id, body, now, parent) or self.update(kind, id, body, now)
        assert found is not None
        return found

    def get(self, kind: str, id: str) -> Record | None:
        """By kind and id."""
        with self._control.reading():
            row = self._control.db.execute(SQL["one"], (self._dialect, kind, id)).fetchone()
        return None if row is None else _record(row)

    def page(self, kind: str, after: int = 0, limit: int = PAGE, parent: str | None = None) -> list[Record]:
        """In the order in which they were added, those with a number above `after`; of one parent, or all."""
        name, more = ("page", ()) if parent is None else ("page_of", (parent,))
        with self._control.reading():
            rows = self._control.db.execute(SQL[name], (self._dialect, kind, after, limit, *more)).fetchall()
        return [_record(row) for row in rows]

    def newest(self, kind: str, parent: str, before: int | None = None, limit: int = PAGE) -> list[Record]:
        """Those of one parent, newest first, with numbers below `before`."""
        with self._control.reading():
            rows = self._control.db.execute(SQL["page_back"], (self._dialect, kind, before, limit, parent)).fetchall()
        return [_record(row) for row in rows]

    def all(self, kind: str, parent: str | None = None) -> Iterator[Record]:
        """Every one, in the order in which they were added, read page by page."""
        after = 0
        while found := self.page(kind, after, PAGE, parent):
            yield from found
            after = found[-1].number

    def count(self, kind: str, parent: str | None = None) -> int:
        """How many there are."""
        with self._control.reading():
            return int(scalar(self._control.db, SQL["count"], (self._dialect, kind, parent)))

    def any(self) -> bool:
        """Whether the dialect keeps anything."""
        with self._control.reading():
            return bool(scalar(self._control.db, SQL["any"], (self._dialect,)))

    def remove(self, kind: str, id: str) -> bool:
        """False when there was none."""
        with self._control.writing("remove_record"):
            self._control.db.execute(SQL["remove"], (self._dialect, kind, id))
            return bool(self._control.db.changes())

    def remove_of(self, kind: str, parent: str) -> int:
        """All that belong to it; returns how many there were."""
        with self._control.writing("remove_records"):
            self._control.db.execute(SQL["remove_of"], (self._dialect, kind, parent))
            return int(self._control.db.changes())


def _record(row: Sequence[Any]) -> Record:
    number, kind, id, parent, body, revision, created_at, updated_at = row
    return Record(number, kind, id, parent, json.loads(body), revision, created_at, updated_at)
