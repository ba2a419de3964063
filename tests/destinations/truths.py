"""Small truths for the text index to be derived from: one in memory, one in a file for several processes."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Sequence
from typing import Any

import xxhash

from syncline.model.ports import StoredDocument


def stored(n: int, id: str, text: str = "", title: str = "", **rest: Any) -> StoredDocument:
    """A document with sensible defaults."""
    fields = {"connector": 1, "metadata": {}, "media_type": "text/plain", "url": "", "allow": (), "deny": ()} | rest
    checksum = xxhash.xxh3_64_intdigest(
        repr((id, text, title, sorted(fields.items()))).encode("utf-8", "surrogatepass")
    )
    return StoredDocument(n=n, id=id, title=title, text=text, checksum=checksum, **fields)


class MemoryTruth:
    """A DocumentFeed over a dict, for any number of threads; also the side that writes."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self.documents: dict[int, StoredDocument] = {}
        self.numbers: dict[str, int] = {}
        self.gone: set[int] = set()
        self.last = 0
        self.mark = 0
        self.opened = 0

    def put(self, id: str, text: str = "", title: str = "", **rest: Any) -> int:
        """Insert or update; returns the new number."""
        with self._lock:
            self.delete(id)
            self.last += 1
            self.documents[self.last] = stored(self.last, id, text, title, **rest)
            self.numbers[id] = self.last
            return self.last

    def delete(self, id: str) -> None:
        with self._lock:
            if (n := self.numbers.pop(id, None)) is not None:
                del self.documents[n]
                self.gone.add(n)

    def open(self) -> MemoryTruth:
        self.opened += 1
        return self

    def newest(self) -> int:
        return self.last

    def after(self, n: int, limit: int) -> list[StoredDocument]:
        with self._lock:
            return [self.documents[k] for k in sorted(k for k in self.documents if k > n)[:limit]]

    def removed(self, limit: int) -> list[int]:
        with self._lock:
            return sorted(self.gone)[:limit]

    def confirmed(self) -> int:
        return self.mark

    def confirm(self, n: int, removed: Sequence[int]) -> None:
        with self._lock:
            self.mark = n
            self.gone -= set(removed)

    def get(self, numbers: Sequence[int], *, text: bool = True) -> dict[int, StoredDocument]:
        with self._lock:
            found = {n: self.documents[n] for n in numbers if n in self.documents}
        return found if text else {n: document._replace(text="") for n, document in found.items()}

    def close(self) -> None:
        self.opened -= 1

    def pairs(self) -> list[tuple[int, int]]:
        """What the index should hold."""
        return [(n, document.checksum) for n, document in sorted(self.documents.items())]


class FileTruth:
    """The same in a SQLite file: what several processes see."""

    def __init__(self, path: str) -> None:
        self._db = sqlite3.connect(path, timeout=120, isolation_level=None, check_same_thread=False)
        self._db.execute("pragma journal_mode = wal")
        self._db.executescript("""
            create table if not exists documents (n integer primary key autoincrement, id text unique, body text);
            create table if not exists gone (n integer primary key);
            create table if not exists mark (one integer primary key check (one = 1), n integer);
            insert or ignore into mark values (1, 0);
        """)

    def put(self, documents: dict[str, str]) -> None:
        """Insert or update them in one transaction."""
        self._db.execute("begin immediate")
        self._delete(list(documents))
        self._db.executemany("insert into documents (id, body) values (?, ?)", documents.items())
        self._db.execute("commit")

    def delete(self, ids: Sequence[str]) -> None:
        self._db.execute("begin immediate")
        self._delete(ids)
        self._db.execute("commit")

    def _delete(self, ids: Sequence[str]) -> None:
        text = json.dumps(ids)
        self._db.execute(
            "insert or ignore into gone select n from documents where id in (select value from json_each(?))", (text,)
        )
        self._db.execute("delete from documents where id in (select value from json_each(?))", (text,))

    def newest(self) -> int:
        row = self._db.execute("select seq from sqlite_sequence where name = 'documents'").fetchone()
        return row[0] if row else 0

    def after(self, n: int, limit: int) -> list[StoredDocument]:
        rows = self._db.execute("select n, id, body from documents where n > ? order by n limit ?", (n, limit))
        return [stored(*row) for row in rows]

    def removed(self, limit: int) -> list[int]:
        return [n for (n,) in self._db.execute("select n from gone order by n limit ?", (limit,))]

    def confirmed(self) -> int:
        return self._db.execute("select n from mark").fetchone()[0]

    def confirm(self, n: int, removed: Sequence[int]) -> None:
        self._db.execute("begin immediate")
        self._db.execute("update mark set n = ?", (n,))
        self._db.executemany("delete from gone where n = ?", [(n,) for n in removed])
        self._db.execute("commit")

    def get(self, numbers: Sequence[int], *, text: bool = True) -> dict[int, StoredDocument]:
        rows = self._db.execute(
            "select n, id, body from documents where n in (select value from json_each(?))", (json.dumps(numbers),)
        )
        return {row[0]: stored(*row) for row in rows}

    def close(self) -> None:
        self._db.close()

    def pairs(self) -> list[tuple[int, int]]:
        return [(document.n, document.checksum) for document in self.after(0, 10**9)]
