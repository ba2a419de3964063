"""The store in a real PostgreSQL: a schema for each test, and everything in it dropped afterwards."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.destinations.postgresql.conftest import url_of
from tests.sources.tables.conftest import Server, admin, server

from syncline.store.postgres import migrations
from syncline.store.postgres.place import SCHEMA_VARIABLE, VARIABLE, Place, parsed
from syncline.store.postgres.store import Store
from syncline.wiring import Installation

__all__ = ["admin", "server"]


class Base:
    """One database for the store. `environ` names it; `installation` is one more server's view of it."""

    def __init__(self, server: Server, admin: Any, folder: Path) -> None:
        self.url = url_of(server.given)
        self.schema = server.name("store")
        self.environ = {VARIABLE: self.url, SCHEMA_VARIABLE: self.schema}
        self._admin, self._folder = admin, folder
        self._opened: list[Any] = []

    @property
    def place(self) -> Place:
        return parsed(self.url, self.schema)

    def store(self, **more: Any) -> Store:
        made = Store(self.place, lambda index: str(self._folder / index), lambda index: None, **more)
        self._opened.append(made)
        return made

    def installation(self, name: str = "state", **more: Any) -> Installation:
        made = Installation(str(self._folder / name), **more)
        self._opened.append(made)
        return made

    def ask(self, query: str, *given: Any) -> list[Any]:
        return [tuple(row) for row in self._admin.call(lambda: self._admin._connection.fetch(query, *given))]

    def run(self, statement: str) -> None:
        self._admin.execute(statement)

    def cut(self) -> int:
        """End every connection to this store, as a restart of the server would; returns how many there were."""
        ends = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1"
        return len(self.ask(ends, f"syncline {self.schema}"))

    def close(self) -> None:
        for one in self._opened:
            one.close()
        self.cut()
        found = self.ask("select nspname from pg_namespace where nspname ~ $1", f"^{self.schema}(_[0-9]+)?$")
        for (name,) in found:
            self.run(f'drop schema if exists "{name}" cascade')
        migrations.forget(self.place)


@pytest.fixture
def base(server: Server, admin: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Base]:
    made = Base(server, admin, tmp_path)
    for name, value in made.environ.items():
        monkeypatch.setenv(name, value)
    yield made
    made.close()


@pytest.fixture
def environ(base: Base) -> Callable[[], dict[str, str]]:
    """The environment of a process that uses the store."""
    return lambda: {**os.environ, **base.environ}


@pytest.fixture
def ledger(base: Any) -> Iterator[Callable[[], Any]]:
    store, opened = base.store(), []
    store.make("index", "id", 1.0)

    def open() -> Any:
        opened.append(store.truth("index"))
        opened[-1].confirmed()  # a reader from now on
        return opened[-1]

    yield open
    for truth in opened:
        truth.close()
