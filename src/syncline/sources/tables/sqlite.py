"""SQLite: a file, read in one transaction, opened so that not a byte of it can change."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final, Protocol
from urllib.parse import quote

import apsw

from syncline.model.errors import SourceUnavailable
from syncline.sources.tables import problems
from syncline.sources.tables.problems import Trouble
from syncline.sources.tables.rows import AT_ONCE, RowSession
from syncline.sources.tables.session import Rows, Wanted
from syncline.sources.tables.shape import Column, Kind

_KINDS: Final = (  # the first that fits: what a declared type contains, and what it means
    ("JSON", Kind.JSON),
    ("INT", Kind.INTEGER),
    ("CHAR", Kind.TEXT),
    ("CLOB", Kind.TEXT),
    ("TEXT", Kind.TEXT),
    ("BLOB", Kind.BINARY),
    ("DATE", Kind.TIME),
    ("TIME", Kind.TIME),
    ("REAL", Kind.FLOAT),
    ("FLOA", Kind.FLOAT),
    ("DOUB", Kind.FLOAT),
)


class Settings(Protocol):
    """What opening needs; `config.py` says what it means."""

    path: str
    lock_timeout_s: float


class SQLite:
    """A file of SQLite, as a `Database`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._connection: apsw.Connection | None = None
        self._interrupted = False
        self.where = settings.path

    def open(self, wanted: Sequence[Wanted]) -> SQLiteSession:
        """See `Database.open`."""
        if self._interrupted:
            raise Trouble(problems.let_go(), whole=True)
        path = self._settings.path
        if not os.path.isfile(path):
            raise Trouble(problems.unreachable(path, "there is no such file"), whole=True)
        with translated(path):
            flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
            self._connection = apsw.Connection(f"file:{quote(path)}?mode=ro", flags=flags)
            self._connection.set_busy_timeout(int(self._settings.lock_timeout_s * 1000))
            return SQLiteSession(self._connection, path)

    def interrupt(self) -> None:
        """See `Database.interrupt`."""
        self._interrupted = True
        if self._connection is not None:
            with suppress(apsw.ConnectionClosedError):
                self._connection.interrupt()


class SQLiteSession(RowSession):
    """See `Session`."""

    def __init__(self, connection: apsw.Connection, path: str) -> None:
        self._connection = connection
        connection.execute("begin")
        connection.execute("select count(*) from sqlite_schema").fetchall()  # takes the snapshot
        status = os.stat(path)
        self.anchor = f"{status.st_dev}:{status.st_ino}"

    def select(self, what: str, sql: str, values: Sequence[Any] = ()) -> Rows:
        """See `RowSession.select`."""
        with translated(what):
            cursor = self._connection.cursor()
            try:
                found = cursor.execute(sql, tuple(values))
                rows: list[tuple[Any, ...]] = []
                for row in found:
                    rows.append(row)
                    if len(rows) == AT_ONCE:
                        yield rows
                        rows = []
                if rows:
                    yield rows
            finally:
                cursor.close(True)

    def describe(self, wanted: Wanted) -> tuple[str, list[Column], tuple[str, ...]]:
        """See `RowSession.describe`."""
        if wanted.query:
            source = f"({wanted.query}\n) q"
            return source, self._columns_of(wanted.name, source), ()
        source = ".".join(self.quoted(part) for part in self._name(wanted.name))
        told = [
            row
            for rows in self.select(
                wanted.name, f"select * from pragma_table_xinfo({_literal(self._name(wanted.name)[-1])})"
            )
            for row in rows
        ]
        if not told:
            raise Trouble(problems.table_missing(wanted.name), whole=False)
        key = tuple(row[1] for row in sorted(told, key=lambda row: row[5]) if row[5])
        columns = [Column(row[1], row[2], kind_of(row[2]), not (row[3] or _is_rowid(row, key))) for row in told]
        if (
            not key
            and not any(column.name.lower() == "rowid" for column in columns)
            and self._has_rowid(wanted.name, source)
        ):
            columns.insert(0, Column("rowid", "INTEGER", Kind.INTEGER, nullable=False))
            key = ("rowid",)
        return source, columns, key

    def quoted(self, name: str) -> str:
        """See `RowSession.quoted`."""
        return '"' + name.replace('"', '""') + '"'

    def mark(self, number: int) -> str:
        """See `RowSession.mark`."""
        return "?"

    def now(self, back_s: float) -> str:
        """See `RowSession.now`."""
        return f"select strftime('%Y-%m-%dT%H:%M:%S', 'now', '-{float(back_s)} seconds')"

    def finish(self) -> None:
        """See `Session.finish`."""
        with translated("the file"):
            self._connection.execute("commit")

    def close(self) -> None:
        """See `Session.close`."""
        self._connection.close(True)

    def _name(self, name: str) -> list[str]:
        for rows in self.select(name, "select 1 from sqlite_schema where name = ? collate nocase", (name,)):
            if rows:
                return [name]
        return name.split(".", 1)

    def _has_rowid(self, name: str, source: str) -> bool:
        with suppress(Trouble):
            for _ in self.select(name, f"select rowid from {source} limit 0"):
                pass
            kind = self._name(name)[-1]
            return any(
                self.select(
                    name, "select 1 from sqlite_schema where type = 'table' and name = ? collate nocase", (kind,)
                )
            )
        return False

    def _columns_of(self, what: str, source: str) -> list[Column]:
        """The columns of a query; what is no column of a table counts as text."""
        with translated(what):
            cursor = self._connection.cursor()
            cursor.execute(f"select * from {source} limit 1")
            try:
                told: Sequence[tuple[Any, ...]] = cursor.get_description()
            except apsw.ExecutionCompleteError:
                told = self._described(f"select * from (select 1) left join {source} on 1")[1:]
            finally:
                cursor.close(True)
        return [Column(name, type or "", kind_of(type) if type else Kind.TEXT) for name, type, *_ in told]

    def _described(self, sql: str) -> Sequence[tuple[Any, ...]]:
        cursor = self._connection.cursor()
        cursor.execute(sql)
        try:
            return cursor.get_description()
        finally:
            cursor.close(True)


def kind_of(declared: str) -> Kind:
    """The kind of a declared type. Source: "Determination Of Column Affinity" in SQLite's documentation."""
    upper = declared.upper()
    return next((kind for part, kind in _KINDS if part in upper), Kind.OTHER)


def _is_rowid(row: Sequence[Any], key: Sequence[str]) -> bool:
    return len(key) == 1 and row[5] == 1 and row[2].upper() == "INTEGER"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Errors of SQLite while `what` is read become Trouble."""
    try:
        yield
    except apsw.InterruptError as error:
        raise Trouble(problems.let_go(), whole=True) from error
    except (apsw.BusyError, apsw.LockedError) as error:
        raise Trouble(problems.locked(what), whole=True) from error
    except (apsw.NotADBError, apsw.CorruptError, apsw.IOError, apsw.CantOpenError, OSError) as error:
        raise Trouble(problems.unreadable(what, str(error)), whole=True) from error
    except apsw.Error as error:
        raise Trouble(_told(what, str(error)), whole=False) from error


def _told(what: str, said: str) -> SourceUnavailable:
    if "no such table" in said:
        return problems.table_missing(what)
    if re.search("no such column|has no column", said):
        return problems.column_gone(what, said)
    return problems.unreadable(what, said)
