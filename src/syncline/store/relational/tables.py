"""The control plane's database, shared by the tables in it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from syncline.store.relational.database import Database, load_queries

SQL = load_queries("control.sql")


class Tables:
    """The control plane, opened. Use it from one thread."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.path = database.path
        self.db: Any = database.db
        self._later: list[Callable[[], object]] = []

    def writing(self, name: str) -> AbstractContextManager[None]:
        """All or nothing. Inside of another `writing` it is part of that one."""
        within = self.database.writing(f"control.{name}")
        return within if self.db.in_transaction else self._outermost(within)

    @contextmanager
    def _outermost(self, within: AbstractContextManager[None]) -> Iterator[None]:
        self._later.clear()
        with within:
            yield
        later, self._later = self._later, []
        for action in later:
            action()

    def afterwards(self, action: Callable[[], object]) -> None:
        """Do it when what is being written is durable, and not at all if it never is; at once when nothing is being
        written. For what waits for the turn to write by itself."""
        if self.db.in_transaction:
            self._later.append(action)
        else:
            action()

    def reading(self) -> AbstractContextManager[None]:
        """Errors of the database are ours within."""
        return self.database.reading()

    def moment(self) -> AbstractContextManager[None]:
        """All that is read within is of one moment."""
        return self.database.moment()

    def version(self) -> int:
        """A number that is another one after another connection has written. Costs a few microseconds."""
        return self.database.version()

    def close(self) -> None:
        """Let go of the database."""
        self.database.close()


def dump(value: Any) -> str:
    """JSON as it is stored."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
