"""Destinations on a real server: each test has tables of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from tests.sources.tables.conftest import Server, admin, server

from syncline.destinations.postgresql import KIND
from syncline.destinations.postgresql.destination import PostgreSQLDestination
from syncline.destinations.remote import RemoteIndex
from syncline.sources.registry import validate
from syncline.store.sqlite.truth import Truth

__all__ = ["admin", "server"]


def url_of(given: dict[str, Any], **other: Any) -> str:
    """Where the server is, as a URL."""
    given = {**given, **other}
    login = quote(str(given["user"])) + (f":{quote(given['password'])}" if given.get("password") else "")
    host = str(given.get("host") or "localhost")
    query = {"port": given["port"], "host": host} if host.startswith("/") else {}
    at = "" if query else f"{host}:{given['port']}"
    return f"postgresql://{login}@{at}/{given['database']}" + (f"?{urlencode(query)}" if query else "")


class Place:
    """A schema of its own, and indexes in it. `index` opens one more on the same state, as another process would."""

    def __init__(self, folder: Path, server: Server, admin: Any) -> None:
        self.folder, self.server, self.admin = folder, server, admin
        self.schema = server.name("place")
        self.slept: list[float] = []
        self._opened: list[Any] = []
        admin.execute(f"create schema {self.schema}")

    @property
    def table(self) -> str:
        return f"{self.schema}.documents"

    @property
    def url(self) -> str:
        return url_of(self.server.given)

    def settings(self, **settings: Any) -> dict[str, Any]:
        return {"url": self.url, "table": self.table, **settings}

    def destination(self, *, index: str = "index", crash: Any = None, **settings: Any) -> PostgreSQLDestination:
        values = validate(KIND, self.settings(**settings))
        more = {} if crash is None else {"crash": crash}
        made = PostgreSQLDestination(SimpleNamespace(**values), index=index, sleep=self.slept.append, **more)
        self._opened.append(made)
        return made

    def index(self, name: str = "index", *, crash: Any = None, **settings: Any) -> RemoteIndex:
        more = {} if crash is None else {"crash": crash}
        truth = Truth(str(self.folder / f"{name}.db"), **more)
        self._opened.append(truth)
        return RemoteIndex(truth, self.destination(index=name, crash=crash, **settings), **more)

    def rows(self, columns: str = "id, body", where: str = "true") -> list[Any]:
        """What lies in the table, by connector and id."""
        query = f"select {columns} from {self.table} where {where} order by connector, id"
        return [tuple(row) for row in self.ask(query)]

    def count(self) -> int:
        """How many rows it has; none when it is not there."""
        if not self.ask("select to_regclass($1) as found", self.table)[0]["found"]:
            return 0
        return int(self.ask(f"select count(*) as n from {self.table}")[0]["n"])

    def kill_in_the_middle(self, running: subprocess.Popen[Any], rows: int, pause_s: float) -> bool:
        """Kill a process that fills the table, so long after there were so many rows. False: it had ended."""
        end = time.monotonic() + 60
        while time.monotonic() < end and running.poll() is None and self.count() < rows:
            time.sleep(0.003)
        time.sleep(pause_s)
        running.send_signal(signal.SIGKILL)
        return running.wait() == -signal.SIGKILL

    def ask(self, query: str, *given: Any) -> list[Any]:
        return self.admin.call(lambda: self.admin._connection.fetch(query, *given))

    def close(self) -> None:
        for one in self._opened:
            one.close()
        self.admin.execute(f"drop schema if exists {self.schema} cascade")


@pytest.fixture
def place(tmp_path: Path, server: Server, admin: Any) -> Iterator[Place]:
    made = Place(tmp_path, server, admin)
    yield made
    made.close()


@pytest.fixture
def open_ledger(place: Place) -> Callable[[], RemoteIndex]:
    return place.index


@pytest.fixture(scope="session")
def vectors(admin: Any) -> bool:
    """Whether the server has pgvector."""
    try:
        admin.execute("create extension if not exists vector")
    except Exception:
        if os.environ.get("CI"):
            raise
        return False
    return True
