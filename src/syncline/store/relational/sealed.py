"""Every place of the control plane that holds sealed secrets, for whoever seals them anew.

A row with a revision gets another one: who has read it before and writes it afterwards must be told, or the old sealed
text would come back.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from syncline.store.relational.database import load_queries
from syncline.store.relational.tables import Tables, dump

SQL = load_queries("sealed.sql")

# Another table takes its name here, and two statements in sealed.sql: what it holds, and how that is replaced.
TABLES: Final = ("connectors", "keys", "triggers", "webhooks", "answers", "records", "indexes")
PASSING: Final = frozenset({"answers"})  # what cannot be opened any more is forgotten there; nobody has to mend it


class Holder(NamedTuple):
    """One row that holds sealed secrets. `owner`: whom they are bound to."""

    table: str
    id: str
    owner: str
    settings: dict[str, Any]


class Sealed:
    """All sealed secrets of a control plane."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._db = tables.db

    def holders(self) -> list[Holder]:
        """Every row that holds any."""
        with self._tables.reading():
            rows: dict[str, list[Any]] = {table: self._db.execute(SQL[table]).fetchall() for table in TABLES}
        return [
            Holder(table, id, owner, json.loads(text)) for table, found in rows.items() for id, owner, text in found
        ]

    def replace(self, holder: Holder, settings: Mapping[str, Any]) -> None:
        """Store what it holds from now on."""
        with self._tables.writing("reseal"):
            self._db.execute(SQL[f"reseal {holder.table}"], (holder.id, dump(settings)))

    def forget(self, holder: Holder) -> None:
        """Drop a row of a table in PASSING."""
        with self._tables.writing("reseal"):
            self._db.execute(SQL[f"forget {holder.table}"], (holder.id,))

    def sweep(self) -> bool:
        """Let no old sealed text be left in the files of the database. False: some may be."""
        return self._tables.database.erase()
