"""SQLite, MySQL and MariaDB, and whatever SQLAlchemy speaks to: the same laws, the same faults, the same histories."""

from __future__ import annotations

import itertools
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from syncline.model.errors import SynclineError
from syncline.model.jobs import JobEvent
from syncline.sources.registry import open_source, validate
from syncline.testing.suites import SourceSuite

NUMBERS = itertools.count(1)
DIALECTS = ["sqlite", "mysql", "sql on sqlite", "sql on mysql"]


def until(true: Callable[[], Any]) -> None:
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.02)


class File:
    """An SQLite file, written by the library of Python."""

    error: type[Exception] = sqlite3.Error
    text = "text"

    def __init__(self, path: str) -> None:
        self.path = path
        self._connection = sqlite3.connect(path, isolation_level=None, timeout=0.0)
        self._connection.execute("pragma journal_mode = wal")

    def execute(self, sql: str, *values: Any) -> list[Any]:
        return self._connection.execute(sql, values).fetchall()

    def connect(self) -> File:
        return File(self.path)

    def settings(self, **settings: Any) -> tuple[str, dict[str, Any]]:
        return "sqlite", {"path": self.path, **settings}

    def broken(self) -> tuple[str, dict[str, Any]]:
        return "sqlite", {"path": self.path + ".gone", "table": "t"}

    def close(self) -> None:
        self._connection.close()


class FileBySQL(File):
    def settings(self, **settings: Any) -> tuple[str, dict[str, Any]]:
        return "sql", {"dsn": f"sqlite:///{self.path}", **settings}

    def broken(self) -> tuple[str, dict[str, Any]]:
        return "sql", {"dsn": f"sqlite:///{self.path}/no/such.db", "table": "t"}


class Maria:
    """A database of a MariaDB server."""

    error: type[Exception] = Exception
    text = "varchar(200) character set utf8mb4 collate utf8mb4_bin"

    def __init__(self, server: dict[str, Any], database: str) -> None:
        import pymysql

        self.server, self.database = server, database
        self._connection = pymysql.connect(**server, autocommit=True, charset="utf8mb4")
        self._cursor = self._connection.cursor()
        self._cursor.execute(f"create database if not exists {database} character set utf8mb4")
        self._cursor.execute(f"use {database}")
        self._cursor.execute("set session innodb_lock_wait_timeout = 0")

    def execute(self, sql: str, *values: Any) -> list[Any]:
        self._cursor.execute(*((sql.replace("?", "%s"), values) if values else (sql,)))
        return list(self._cursor.fetchall())

    def connect(self) -> Maria:
        return Maria(self.server, self.database)

    def settings(self, **settings: Any) -> tuple[str, dict[str, Any]]:
        own = {"host": self.server["unix_socket"], "user": self.server["user"], "database": self.database}
        return "mysql", {**own, **settings}

    def broken(self) -> tuple[str, dict[str, Any]]:
        return "mysql", {**self.settings(table="t")[1], "user": "nobody", "password": "nothing"}

    def close(self) -> None:
        self._connection.close()


class MariaBySQL(Maria):
    def settings(self, **settings: Any) -> tuple[str, dict[str, Any]]:
        given = self.server
        dsn = f"mysql+pymysql://{given['user']}@localhost/{self.database}?unix_socket={given['unix_socket']}&charset=utf8mb4"
        return "sql", {"dsn": dsn, **settings}

    def broken(self) -> tuple[str, dict[str, Any]]:
        return "sql", {"dsn": "mysql+pymysql://nobody@127.0.0.1:1/none", "table": "t"}


@pytest.fixture(scope="session")
def maria(no_server: Callable[[str], None]) -> Iterator[dict[str, Any]]:
    """A MariaDB server of our own."""
    program = shutil.which("mariadbd") or shutil.which("mysqld") or shutil.which("mariadbd", path="/usr/sbin")
    if program is None:
        no_server("mariadbd is not installed (Debian: mariadb-server)")
    folder = Path(tempfile.mkdtemp(prefix="maria", dir="/tmp"))
    data, sock = folder / "data", folder / "sock"
    mine = ["--no-defaults", f"--datadir={data}", f"--tmpdir={folder}"]
    user = ["--user=root"] if os.geteuid() == 0 else []
    install = ["mariadb-install-db", *mine, *user, "--auth-root-authentication-method=normal", "--skip-test-db"]
    subprocess.run(install, check=True, capture_output=True)
    small = ["--innodb-buffer-pool-size=32M", "--innodb-flush-log-at-trx-commit=0", "--skip-networking"]
    with open(folder / "log", "wb") as log:
        running = subprocess.Popen([str(program), *mine, *user, *small, f"--socket={sock}"], stdout=log, stderr=log)
    until(lambda: sock.exists() or running.poll() is not None)
    assert running.poll() is None, (folder / "log").read_text()
    yield {"unix_socket": str(sock), "user": "root", "process": running}
    running.terminate()
    running.wait(60)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=DIALECTS)
def base(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """An empty database of each dialect."""
    if "mysql" in request.param:
        given = {key: value for key, value in request.getfixturevalue("maria").items() if key != "process"}
        made: Any = (MariaBySQL if "sql on" in request.param else Maria)(given, f"d{os.getpid()}_{next(NUMBERS)}")
    else:
        made = (FileBySQL if "sql on" in request.param else File)(str(tmp_path / "the base.db"))
    yield made
    made.close()


def source_of(base: Any, **settings: Any) -> Any:
    kind, given = base.settings(**settings)
    return open_source(kind, validate(kind, given))


class Lab:
    def __init__(self, base: Any) -> None:
        self.base = base
        self.edits = 0
        base.execute(f"create table docs (id {base.text} primary key, body {base.text} not null, edit int)")

    def open(self) -> Any:
        return source_of(self.base, table="docs", fetch_size=2)

    def broken(self) -> Any:
        kind, given = self.base.broken()
        return open_source(kind, validate(kind, given))

    def put(self, id_hint: str, content: str) -> str:
        self.edits += 1
        self.base.execute("insert into docs values (?, ?, ?)", id_hint, content, self.edits)
        return id_hint

    def change(self, id: str) -> None:
        self.edits += 1
        self.base.execute("update docs set body = ? where id = ?", f"Edit {self.edits}.", id)

    def remove(self, id: str) -> None:
        self.base.execute("delete from docs where id = ?", id)


class TestLaws(SourceSuite):
    @pytest.fixture
    def lab(self, base: Any) -> Any:
        return Lab(base)


# --- histories --------------------------------------------------------------------------------------------------------

SCHEDULES = 12
LONG = 1000


def play(seed: int, base: Any, writers: list[Any], world: Any) -> None:
    """Writers that commit late, or never, while jobs run; then a quiet job."""
    dice = random.Random(seed)
    table = f"t{seed}"
    base.execute(
        f"create table {table} (a int not null, b int not null, body {base.text}, edit int, primary key (a, b))"
    )
    mode = dice.choice(
        [{}, {"fetch_size": 3}, {"cursor": "edit"}, {"query": f"select * from {table}", "id": ["a", "b"]}]
    )
    mode.setdefault("table", "" if "query" in mode else table)
    settings = {"body": ["body"], "metadata": [], **mode}
    edits = itertools.count(1)
    world.connector = seed + 1

    def act() -> None:
        writer = dice.choice(writers)
        a, b, edit = dice.randrange(5), dice.randrange(5), next(edits)
        with suppress(base.error):
            writer.execute(
                dice.choice(
                    [
                        "begin",
                        "commit",
                        "commit",
                        "rollback",
                        f"insert into {table} values ({a}, {b}, 'n {edit}', {edit})",
                        f"insert into {table} values ({a}, {b}, 'n {edit}', {edit})",
                        f"update {table} set body = 'u {edit}', edit = {edit} where a = {a}",
                        f"update {table} set a = {b}, b = {a}, edit = {edit} where a = {a} and b = {b}",
                        f"delete from {table} where a = {a} and b = {b}",
                    ]
                )
            )

    for _ in range(dice.randrange(1, 4)):
        for _ in range(dice.randrange(15)):
            act()
        ending = world.run(Disturbed(source_of(base, **settings), act, dice))
        assert ending.error is None, ending.error
    for writer in writers:
        with suppress(base.error):
            writer.execute("commit")
    world.run(source_of(base, **settings))
    rows = base.execute(f"select a, b, body from {table}")
    assert world.texts() == {f"{a},{b}": body for a, b, body in rows}, f"seed {seed}: {mode}"
    counters = world.run(source_of(base, **settings)).counters.as_dict()
    assert not counters["inserted"] + counters["updated"] + counters["deleted"], f"seed {seed}: {counters}"


class Disturbed:
    def __init__(self, inner: Any, act: Callable[[], None], dice: random.Random) -> None:
        self._inner, self._act, self._dice = inner, act, dice

    def list(self, memory: Any, cursor: Any) -> Iterator[Any]:
        for news in self._inner.list(memory, cursor):
            yield news
            while self._dice.random() < 0.6:
                self._act()

    def fetch(self, entries: Any) -> Any:
        return self._inner.fetch(entries)

    def check(self) -> None:
        self._inner.check()


def test_after_any_history_of_concurrent_writers_the_index_equals_the_table(base: Any, world: Any) -> None:
    writers = [base.connect() for _ in range(3)]
    for seed in range(SCHEDULES):
        play(seed, base, writers, world)
    for writer in writers:
        writer.close()


@pytest.mark.slow
@pytest.mark.timeout(14_400)
def test_the_same_for_many_more_histories(base: Any, world: Any) -> None:
    writers = [base.connect() for _ in range(3)]
    for seed in range(SCHEDULES, LONG):
        play(seed, base, writers, world)
    for writer in writers:
        writer.close()


# --- values -----------------------------------------------------------------------------------------------------------


def test_sqlite_keeps_what_a_row_holds_whatever_its_declared_type(tmp_path: Path, world: Any) -> None:
    base = File(str(tmp_path / "b.db"))
    base.execute("create table t (name text, n, r real, raw blob, doc json, at datetime, gone text)")
    row = ("A name", 2**62, 0.1, b"\x00\xff", '["p", "q"]', "2026-01-31 10:00:00", None)
    base.execute("insert into t values (?, ?, ?, ?, ?, ?, ?)", *row)
    base.execute("insert into t (name, n) values ('second', 'text in n')")
    world.run(source_of(base, table="t"))
    first, second = (world.documents()[str(n)] for n in (1, 2))
    assert first.title == "A name"
    expected = {"rowid": 1, "n": 2**62, "r": 0.1, "raw": "AP8=", "doc": ["p", "q"], "at": "2026-01-31T10:00:00"}
    assert first.metadata == expected
    assert second.metadata == {"rowid": 2, "n": "text in n"}


def test_mysql_keeps_what_a_row_holds(maria: dict[str, Any], world: Any) -> None:
    base = Maria({key: value for key, value in maria.items() if key != "process"}, f"v{os.getpid()}")
    base.execute(
        "create table t (id bigint unsigned primary key, title varchar(50), body longtext, price decimal(20,4),"
        " r double, flag tinyint(1), at timestamp(3) null, day date, raw varbinary(10),"
        " mood enum('glad','sad'), gone int)"
    )
    base.execute("set time_zone = '+02:00'")
    row = (
        2**63 + 1,
        "T",
        "line\none ü 🍒",
        "12345678901234.5678",
        0.1,
        1,
        "2026-01-31 12:00:00.500",
        "2026-01-31",
        b"\x00\xff",
        "glad",
        None,
    )
    base.execute("insert into t values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", *row)
    world.run(source_of(base, table="t"))
    document = world.documents()[str(2**63 + 1)]
    assert (document.title, document.text) == ("T", "line\none ü 🍒")
    assert document.metadata == {
        "id": 2**63 + 1,
        "price": "12345678901234.5678",
        "r": 0.1,
        "flag": 1,
        "at": "2026-01-31T10:00:00.500",
        "day": "2026-01-31",
        "raw": "AP8=",
        "mood": "glad",
    }
    base.close()


# --- faults -----------------------------------------------------------------------------------------------------------


def test_a_table_that_is_gone_leaves_its_documents_and_the_others_go_on(base: Any, world: Any) -> None:
    for table in ("one", "two"):
        base.execute(f"create table {table} (id int primary key, body {base.text})")
        base.execute(f"insert into {table} values (1, 'a'), (2, 'b')")
    settings = {"tables": ["one", "two"]}
    assert world.run(source_of(base, **settings)).counters.inserted == 4
    base.execute("drop table one")
    base.execute("insert into two values (3, 'c')")
    ending = world.run(source_of(base, **settings))
    assert (ending.event, ending.counters.deleted) == (JobEvent.FINISH_WITH_SKIPS, 0)
    assert set(world.texts()) == {"one/1", "one/2", "two/1", "two/2", "two/3"}
    with pytest.raises(SynclineError) as caught:
        source_of(base, **settings).check()
    assert caught.value.code == "source.table_missing"


def test_a_renamed_column_fails_the_job_and_deletes_nothing(base: Any, world: Any) -> None:
    base.execute(f"create table t (id int primary key, body {base.text})")
    base.execute("insert into t values (1, 'a'), (2, 'b')")
    world.run(source_of(base, table="t", body=["body"]))
    base.execute("alter table t rename column body to content")
    ending = world.run(source_of(base, table="t", body=["body"]))
    assert ending.error is not None
    assert ending.error.code == "config.column_missing"
    assert len(world.texts()) == 2


def test_a_condition_with_odd_characters_is_passed_as_it_is(base: Any, world: Any) -> None:
    base.execute(f"create table t (id int primary key, body {base.text})")
    base.execute("insert into t values (1, '50% :off?'), (2, 'b')")
    world.run(source_of(base, table="t", where="body like '50% :off?'"))
    assert set(world.texts()) == {"1"}


def test_a_query_over_no_rows_completes(base: Any, world: Any) -> None:
    base.execute(f"create table t (id int primary key, body {base.text})")
    ending = world.run(source_of(base, query="select id, body from t", id=["id"]))
    assert (ending.event, ending.counters.total) == (JobEvent.FINISH, 0)


BUSY = {
    "sqlite": "with recursive c(x) as (select 1 union all select x + 1 from c) select 1 as id, count(*) as n from c",
    "mysql": "select 1 as id, sleep(600) as n",
}


def test_a_stop_is_obeyed_while_the_database_is_busy(
    base: Any, world: Any, request: pytest.FixtureRequest, remark: Callable[[str], None]
) -> None:
    name = request.node.callspec.params["base"]
    source = source_of(base, query=BUSY["mysql" if "mysql" in name else "sqlite"], id=["id"])
    asked = threading.Event()
    begun: list[float] = []

    def stop() -> None:
        time.sleep(0.5)
        asked.set()
        begun.append(time.monotonic())
        source.interrupt()

    watch = threading.Thread(target=stop)
    watch.start()
    ending = world.run(source, stop=asked.is_set)
    ended = time.monotonic()
    watch.join()
    remark(f"tables: a stop while {name} was busy took {ended - begun[0]:.2f} s")
    assert ending.event is JobEvent.HALT


def test_mysql_lost_permissions_and_killed_connections_have_codes(maria: dict[str, Any], world: Any) -> None:
    given = {key: value for key, value in maria.items() if key != "process"}
    base = Maria(given, f"f{os.getpid()}")
    base.execute("create table t (id int primary key, body varchar(200))")
    base.execute("insert into t select seq, repeat(md5(seq), 5) from seq_1_to_20000")
    base.execute("create user reader@localhost")
    base.execute(f"grant select on {base.database}.t to reader@localhost")
    assert world.run(source_of(base, table="t", user="reader")).counters.inserted == 20_000
    base.execute(f"revoke select on {base.database}.t from reader@localhost")
    ending = world.run(source_of(base, table="t", user="reader"))
    assert ending.error is not None
    assert ending.error.code in ("source.permission_denied", "source.table_missing")

    def kill() -> None:
        for (number,) in base.execute("select id from information_schema.processlist where id <> connection_id()"):
            base.execute(f"kill {number}")

    base.execute("delete from t where id < 100")
    struck = source_of(base, table="t", fetch_size=5000)
    ending = world.run(Struck(struck, kill))
    assert ending.error is not None
    assert ending.error.code == "source.connection_lost"
    assert len(world.texts()) == 20_000
    base.close()


class Struck:
    def __init__(self, inner: Any, act: Callable[[], None]) -> None:
        self._inner, self._act = inner, act

    def check(self) -> None:
        self._inner.check()

    def list(self, memory: Any, cursor: Any) -> Iterator[Any]:
        struck = False
        for news in self._inner.list(memory, cursor):
            yield news
            if hasattr(news, "entries") and not struck:
                struck = True
                self._act()

    def fetch(self, entries: Any) -> Any:
        return self._inner.fetch(entries)


def test_an_sqlite_file_is_not_changed_by_a_byte(tmp_path: Path, world: Any) -> None:
    path = tmp_path / "plain.db"
    connection = sqlite3.connect(path)
    connection.execute("create table t (id integer primary key, body text)")
    connection.execute("insert into t values (1, 'x')")
    connection.commit()
    connection.close()
    before = path.read_bytes()
    world.run(open_source("sqlite", validate("sqlite", {"path": str(path), "table": "t"})))
    assert path.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir() if p.name.startswith("plain")) == ["plain.db"]


def test_a_file_that_is_no_database_fails_the_job(tmp_path: Path, world: Any) -> None:
    path = tmp_path / "x.db"
    path.write_bytes(b"this is no database at all, not a bit of one" * 100)
    ending = world.run(open_source("sqlite", validate("sqlite", {"path": str(path), "table": "t"})))
    assert ending.error is not None
    assert ending.error.code == "source.unreadable"


@pytest.mark.parametrize(("kind", "module", "extra"), [("mysql", "pymysql", "mysql"), ("sql", "sqlalchemy", "sql")])
def test_without_the_driver_the_error_says_what_to_install(
    kind: str, module: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    settings = {"database": "d"} if kind == "mysql" else {"dsn": "sqlite://"}
    with pytest.raises(SynclineError) as caught:
        open_source(kind, validate(kind, {**settings, "table": "t"})).check()
    assert caught.value.code == "source.extra_missing"
    assert caught.value.remedy == f"pip install 'syncline[{extra}]'"
