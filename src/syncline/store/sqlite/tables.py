"""One connection to the control plane, shared by the tables in it."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import apsw

from syncline.model.ports import CrashPoint, no_crash
from syncline.store.sqlite.database import load_queries, open_database, transaction

SQL = load_queries("control.sql")


class Tables:
    """The control plane's file, opened. One connection: use it from one thread."""

    def __init__(
        self, path: str, *, create: bool = True, read_only: bool = False, crash: CrashPoint = no_crash
    ) -> None:
        self.path = path
        self._crash = crash
        self.db: apsw.Connection = open_database(path, "control", create=create, read_only=read_only)

    def writing(self, name: str) -> AbstractContextManager[None]:
        """All or nothing. Inside of another `writing` it is part of that one."""
        if self.db.in_transaction:
            return nullcontext()
        return transaction(self.db, self.path, f"control.{name}", self._crash)

    def version(self) -> int:
        """A number that is another one after another connection has written. Costs a few microseconds."""
        return int(self.db.pragma("data_version"))

    def close(self) -> None:
        """Let go of the file."""
        self.db.close()


def dump(value: Any) -> str:
    """JSON as it is stored."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
