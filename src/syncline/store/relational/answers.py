"""Answers to requests that carried an Idempotency-Key, kept for a day."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from syncline.store.relational.database import load_queries
from syncline.store.relational.tables import Tables, dump

SQL = load_queries("answers.sql")
KEEP_S: Final = 24 * 3600.0
AT_WORK_S: Final = 600.0  # a request that has not ended by then died with its server


class Kept(NamedTuple):
    """A request that came before under the same name. `status` None: it is still at work."""

    request: bytes
    status: int | None
    headers: dict[str, str]
    body: bytes


class Answers:
    """The table of kept answers. `body` is stored as it is given: seal it first."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def begin(self, key_id: str, token: str, request: bytes, now: float) -> Kept | None:
        """Note that this request is at work. What came before it under that name, or None when it is the first."""
        with self._tables.writing("begin_answer"):
            self._tables.db.execute(SQL["forget"], (now - KEEP_S, now - AT_WORK_S))
            self._tables.db.execute(SQL["begin"], (key_id, token, request, now))
            if self._tables.db.changes():
                return None
            row: Any = self._tables.db.execute(SQL["find"], (key_id, token)).fetchone()
        return Kept(bytes(row[0]), row[1], json.loads(row[2]), bytes(row[3] or b""))

    def finish(self, key_id: str, token: str, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Keep what was answered."""
        with self._tables.writing("finish_answer"):
            self._tables.db.execute(SQL["finish"], (key_id, token, status, dump(dict(headers)), body))

    def drop(self, key_id: str, token: str) -> None:
        """Forget it: the request may be made again."""
        with self._tables.writing("drop_answer"):
            self._tables.db.execute(SQL["drop"], (key_id, token))

    def abandon(self) -> None:
        """Forget all that are at work: the server that worked on them is gone."""
        with self._tables.writing("abandon_answers"):
            self._tables.db.execute(SQL["abandon"])
