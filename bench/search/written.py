"""What a second sync of unchanged input wrote: every file of the data directory, before and after.

`PRAGMA data_version` is asked on one connection that stays open over the sync: it moves when anybody else commits.
While it is open SQLite keeps what was committed in the `-wal` file beside the database, so the size of that file is
what the sync wrote.
"""

from __future__ import annotations

import os
import sqlite3
from dataclasses import dataclass
from types import TracebackType

import xxhash

from bench.floors import walk
from bench.report import FileChange

_SQLITE = b"SQLite format 3\0"
_PASSING = ("-shm", ".lock")  # working files: of no lasting content of their own


@dataclass
class _Database:
    """One connection, kept open."""

    connection: sqlite3.Connection
    version: int
    rows: dict[str, int]


class Watch:
    """Looks at a data directory on entering; `changes` is filled on leaving."""

    def __init__(self, data_dir: str) -> None:
        self._dir = data_dir
        self.changes: list[FileChange] = []

    def __enter__(self) -> Watch:
        self._before = _files(self._dir)
        databases = filter(self._is_database, self._before)
        self._databases = {name: _open(os.path.join(self._dir, name)) for name in databases}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        moved = {name: self._close(database) for name, database in self._databases.items()}
        after = _files(self._dir)
        for name in sorted(self._before.keys() | after.keys()):
            size_before, digest_before = self._before.get(name, (0, b""))
            size_after, digest_after = after.get(name, (0, b""))
            change = FileChange(name, size_before, size_after, digest_before == digest_after)
            if name in moved:
                change.rows_before = self._databases[name].rows
                change.written, change.rows_after = moved[name]
            self.changes.append(change)

    def _is_database(self, name: str) -> bool:
        with open(os.path.join(self._dir, name), "rb") as file:
            return file.read(len(_SQLITE)) == _SQLITE

    def _close(self, database: _Database) -> tuple[bool, dict[str, int]]:
        answer = _version(database.connection) != database.version, _rows(database.connection)
        database.connection.close()
        return answer


def _files(folder: str) -> dict[str, tuple[int, bytes]]:
    found = {}
    for path, size in walk(folder):
        if not path.endswith(_PASSING):
            digest = xxhash.xxh3_128()
            with open(path, "rb") as file:
                while block := file.read(1 << 20):
                    digest.update(block)
            found[os.path.relpath(path, folder)] = (size, digest.digest())
    return found


def _open(path: str) -> _Database:
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)
    return _Database(connection, _version(connection), _rows(connection))


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("pragma data_version").fetchone()[0])


def _rows(connection: sqlite3.Connection) -> dict[str, int]:
    names = connection.execute("select name from sqlite_schema where type = 'table' order by name").fetchall()
    return {name: int(connection.execute(f'select count(*) from "{name}"').fetchone()[0]) for (name,) in names}
