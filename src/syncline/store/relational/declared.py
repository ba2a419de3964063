"""What declarations have made, or found as declared: a mark by the id of each thing, and nothing else of it.

Ids are never used again, so the mark of something that was removed in another way is harmless until it is swept.
"""

from __future__ import annotations

from collections.abc import Iterable

from syncline.store.relational.database import load_queries
from syncline.store.relational.tables import Tables

SQL = load_queries("declared.sql")


class Declared:
    """The table of one control plane. Use it from the thread of that connection."""

    def __init__(self, control: Tables) -> None:
        self._control = control

    def all(self) -> frozenset[str]:
        """The ids of everything that bears the mark."""
        with self._control.reading():
            return frozenset(id for (id,) in self._control.db.execute(SQL["all"]))

    def mark(self, ids: Iterable[str]) -> None:
        """They are declared."""
        with self._control.writing("mark_declared"):
            for id in ids:
                self._control.db.execute(SQL["mark"], (id,))

    def sweep(self, ids: Iterable[str]) -> None:
        """These are gone, or not declared any more."""
        with self._control.writing("sweep_declared"):
            for id in ids:
                self._control.db.execute(SQL["sweep"], (id,))
