"""Connectors and jobs of the control plane and those that a dialect keeps as records, listed together.

Such a dialect keeps three kinds of records: "connector" ({"doc", "link"}), "job" ({"doc", "index"}, whose parent is its
connector) for jobs that others run, and "run" ({"doc", "hidden"}) for what it knows of a job of ours, by that job's id.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from syncline.store.relational.database import load_queries, scalar
from syncline.store.relational.tables import Tables, dump
from syncline.store.relational.truth import Truth

SQL = load_queries("joined.sql")
RECORD: Final = 0
TABLE: Final = 1


class Listed(NamedTuple):
    """A connector record as far as lists must know it. `linked` is the id of the connector of ours behind it; it was
    called `named` and described as `described` when they were joined."""

    id: str
    index_name: str | None
    name: str | None
    description: str | None
    service_type: str | None
    deleted: bool
    linked: str | None
    named: str | None
    described: str | None


class Place(NamedTuple):
    """A job in a list: in the table of jobs, or a record."""

    kept: int
    number: int
    id: str
    created_at: float

    @property
    def is_ours(self) -> bool:
        """Whether it is in the table of jobs."""
        return self.kept == TABLE


class Wanted(NamedTuple):
    """Which jobs. None does not choose.

    parent      of records.                        connectors  numbers, of jobs of ours.
    words       of the state of records.           states      of jobs of ours.
    """

    parent: str | None = None
    connectors: Sequence[int] | None = None
    words: Sequence[str] | None = None
    states: Sequence[str] | None = None
    types: Sequence[str] | None = None
    indexes: Sequence[str] | None = None


class Joined:
    """Both, of one dialect in one control plane."""

    def __init__(self, control: Tables, dialect: str) -> None:
        self._control = control
        self._dialect = dialect

    def connectors(self) -> list[Listed]:
        """Every connector record."""
        with self._control.reading():
            rows: Any = self._control.db.execute(SQL["connectors"], (self._dialect,)).fetchall()
        return [Listed._make((*row[:5], bool(row[5]), *row[6:])) for row in rows]

    def jobs(self, wanted: Wanted, begin: int, many: int) -> list[Place]:
        """Newest first, `many` of them from the one at `begin`."""
        with self._control.reading():
            records: Any = self._control.db.execute(
                SQL["record_jobs"], (*self._records(wanted), begin + many)
            ).fetchall()
            table: Any = self._control.db.execute(SQL["table_jobs"], (*self._table(wanted), begin + many)).fetchall()
        found = sorted((Place(*row) for row in (*records, *table)), key=lambda one: (-one.created_at, -one.number))
        return found[begin : begin + many]

    def count_jobs(self, wanted: Wanted) -> int:
        """How many there are."""
        with self._control.reading():
            records = scalar(self._control.db, SQL["count_record_jobs"], self._records(wanted))
            table = scalar(self._control.db, SQL["count_table_jobs"], self._table(wanted))
        return int(records) + int(table)

    def _records(self, wanted: Wanted) -> tuple[Any, ...]:
        return (self._dialect, wanted.parent, _list(wanted.words), _list(wanted.types), _list(wanted.indexes))

    def _table(self, wanted: Wanted) -> tuple[Any, ...]:
        return (
            self._dialect, _list(wanted.connectors), _list(wanted.states), _list(wanted.types), _list(wanted.indexes),
        )  # fmt: skip

    def connectors_of_runs(self, parent: str) -> list[int]:
        """Numbers of the connectors whose jobs were run for that one."""
        with self._control.reading():
            rows: Any = self._control.db.execute(SQL["runs"], (self._dialect, parent))
            return [number for (number,) in rows]

    def hide(self, connectors: Sequence[int], parent: str, now: float) -> int:
        """Take the jobs of these connectors out of every list; returns how many."""
        with self._control.writing("hide_jobs"):
            self._control.db.execute(SQL["hide"], (self._dialect, dump(list(connectors)), parent, now))
            return int(self._control.db.changes())

    def newest(self, connectors: Sequence[int]) -> list[int]:
        """Numbers of the newest jobs of each connector: begun, ended, and scheduled ones of both kinds."""
        with self._control.reading():
            rows: Any = self._control.db.execute(SQL["newest"], (dump(list(connectors)),))
            return [number for (number,) in rows]


def bytes_brought(truth: Truth, connector: int, job: int) -> int:
    """How many bytes of text there are in the documents that this job was the last to write."""
    with truth.database.reading():
        return int(scalar(truth.database.db, SQL["bytes_brought"], (connector, job)))


def _list(values: Sequence[Any] | None) -> str | None:
    return None if values is None else dump(list(values))
