"""What goes wrong while documents and ledger are written in one transaction: afterwards both are there, or neither."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Timer
from types import SimpleNamespace
from typing import Any

import pytest
from tests.sources.tables.conftest import Server, make_server
from tests.sources.tables.test_postgresql_faults import cluster
from tests.store.postgres.conftest import base

from syncline.destinations.postgresql.destination import PostgreSQLDestination
from syncline.engine import desk as engine_desk
from syncline.model.documents import Document, State
from syncline.model.errors import ConfigInvalid, DestinationError, JobFenced
from syncline.model.jobs import JobEvent
from syncline.model.outcomes import Kind, Outcome
from syncline.model.ports import Batch, Put, Ticket
from syncline.runner.joblog import read_log
from syncline.service import care, indexes, jobs, landing
from syncline.store.postgres.errors import StoreUnavailable
from syncline.store.postgres.place import SCHEMA_VARIABLE, VARIABLE
from syncline.store.postgres.wire import Link
from syncline.testing.crashes import CrashAt, SimulatedCrash
from syncline.testing.destination_suite import Desk
from syncline.wiring import Installation, NearIndex

from .conftest import url_of
from .joint import Joint
from .test_faults import (
    desk_of,
    test_a_column_that_is_dropped_during_a_job_is_told_and_seen_at_the_next_begin,
    test_a_lost_permission_is_told_and_nothing_is_believed,
    test_a_table_dropped_between_jobs_is_told_and_never_filled_by_half,
    test_a_table_dropped_during_a_job_is_told,
    test_a_table_that_is_held_is_waited_for_and_then_told,
    test_a_table_with_rows_of_somebody_else_is_left_alone,
    test_a_transaction_that_the_server_gives_up_is_done_again,
    test_another_database_is_noticed,
    test_invariant_07_what_cannot_be_written_fails_the_job_and_is_written_by_the_next,
    test_two_indexes_cannot_write_to_one_table,
    trigger,
)

__all__ = [
    "base",
    "cluster",
    "desk_of",
    "make_server",
    "test_a_column_that_is_dropped_during_a_job_is_told_and_seen_at_the_next_begin",
    "test_a_lost_permission_is_told_and_nothing_is_believed",
    "test_a_table_dropped_between_jobs_is_told_and_never_filled_by_half",
    "test_a_table_dropped_during_a_job_is_told",
    "test_a_table_that_is_held_is_waited_for_and_then_told",
    "test_a_table_with_rows_of_somebody_else_is_left_alone",
    "test_a_transaction_that_the_server_gives_up_is_done_again",
    "test_another_database_is_noticed",
    "test_invariant_07_what_cannot_be_written_fails_the_job_and_is_written_by_the_next",
    "test_two_indexes_cannot_write_to_one_table",
]
POINTS = (
    "truth.commit.before",
    "joined.write.before",
    "postgresql.write.copied",
    "joined.write.after",
    "truth.commit.inside",
    "truth.commit.after",
)


@pytest.fixture
def place(tmp_path: Path, base: Any, server: Server, admin: Any) -> Iterator[Joint]:
    made = Joint(tmp_path, base, server, admin)
    yield made
    made.close()


def batch(text: str, *ids: str, deletes: Any = (), seqs: Any = None) -> Batch:
    documents = [Document(id, text=text, version="1") for id in ids]
    puts = [Put(one, one.fingerprint(), (seqs or {}).get(one.id)) for one in documents]
    outcomes = [Outcome(id, Kind.INSERTED) for id in ids]
    return Batch(puts=puts, deletes=list(deletes), outcomes=outcomes, job_cursor=text, recipe="r")


def both(place: Joint) -> tuple[dict[str, str], list[str], str | None]:
    """What lies in the table, what the ledger calls live, and the checkpoint; read past everything under test."""
    ids = [id for id, state in place.ledger() if state == State.LIVE]
    ((cursor,),) = place.ask(f'select job_cursor from "{place.base.schema}_1".state')
    return dict(place.rows()), ids, cursor


# --- both or neither --------------------------------------------------------------------------------------------------


def test_invariant_01_documents_and_ledger_are_written_by_one_transaction_and_once(place: Joint) -> None:
    index, ticket = place.index(), Ticket(1, 1, 1)
    index.begin(ticket)
    assert index.apart == ""
    index.commit(ticket, batch("one", "a", "b"))
    schema = f'"{place.base.schema}_1"'
    wrote = {
        xmin
        for (xmin,) in place.ask(
            f"select xmin::text from {place.table} union all select xmin::text from {schema}.ledger"
        )
    }
    assert len(wrote) == 1
    ((meta,),) = place.ask(f"select xmin::text from {schema}.state")
    assert wrote == {meta}  # the checkpoint, too
    assert place.ask(f"select count(*) as n from {schema}.documents")[0]["n"] == 0


@pytest.mark.parametrize("point", POINTS)
def test_invariants_01_05_a_process_that_dies_at_any_point_leaves_both_or_neither(place: Joint, point: str) -> None:
    index, ticket = place.index(), Ticket(1, 1, 1)
    index.begin(ticket)
    index.commit(ticket, batch("old", "a", "b", "c"))
    rows = index.held(1, ["a", "b", "c"])
    crash = CrashAt(point)
    dying, ticket = place.index(crash=lambda where: armed and crash(where)), Ticket(1, 2, 2)
    armed = False
    dying.begin(ticket)
    armed = True
    seqs = {id: rows[id].seq for id in "a"}
    with pytest.raises(SimulatedCrash):
        dying.commit(ticket, batch("new", "a", "d", deletes=[rows["b"]], seqs=seqs))
    before = ({"a": "old", "b": "old", "c": "old"}, ["a", "b", "c"], None)
    after = ({"a": "new", "c": "old", "d": "new"}, ["a", "c", "d"], "new")
    assert both(place) == (after if point == "truth.commit.after" else before)
    recorded = place.index().outcomes_of(2, ["a", "d"])
    assert len(recorded) == (2 if point == "truth.commit.after" else 0)
    assert place.ask("select count(*) as n from pg_locks where locktype = 'advisory'")[0]["n"] == 0


def test_an_attempt_that_died_while_they_were_apart_is_put_right_by_one_that_joins(place: Joint) -> None:
    desk = Desk(SimpleNamespace(index=lambda crash=None: place.index(crash=crash), searches=True))  # type: ignore[arg-type]
    for n in range(10):
        desk.source.put(f"d{n}", f"text {n}")
    desk.index = dying = place.index(crash=CrashAt("remote.write.after"))
    dying.why_apart = lambda: "it is to be so"
    with pytest.raises(SimulatedCrash):
        desk.run()
    assert len(place.rows()) == 10
    assert {state for _, state in place.ledger()} <= {State.FAILED}
    desk.source.remove("d1")
    desk.source.put("d2", "edited")
    desk.reopen()
    desk.run(desk.job)
    assert desk.run().event is JobEvent.FINISH
    assert desk.agrees()
    assert desk.run().counters.changed == 0
    assert sorted(id for id, _ in place.rows()) == both(place)[1]


# --- connections, and servers -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("point", ["joined.write.before", "postgresql.write.copied", "truth.commit.inside"])
def test_a_connection_that_is_cut_within_leaves_nothing_and_both_are_written_again(place: Joint, point: str) -> None:
    cuts: list[int] = []

    def crash(where: str) -> None:
        if where == point and len(cuts) < 2:
            cuts.append(place.base.cut())

    index, ticket = place.index(crash=crash), Ticket(1, 1, 1)
    index.begin(ticket)
    seqs = index.commit(ticket, batch("one", "a", "b"))
    assert len(cuts) == 2
    assert all(cuts)
    assert both(place) == ({"a": "one", "b": "one"}, ["a", "b"], "one")
    assert sorted(row.seq for row in index.held(1, ["a", "b"]).values()) == sorted(seqs)


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_answer_to_a_commit_that_is_lost_is_asked_after(
    place: Joint, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    index, ticket, lost = place.index(), Ticket(1, 1, 1), []
    index.begin(ticket)
    script, parts = Link.script, []
    part = PostgreSQLDestination._write

    def losing(link: Link, sql: str) -> str:
        if sql != "commit" or lost:
            return script(link, sql)
        lost.append(link)
        if when == "after":
            script(link, sql)
        link.close()
        raise StoreUnavailable("the connection was lost")

    async def counted(*given: Any) -> None:
        parts.append(1)
        await part(*given)

    monkeypatch.setattr(Link, "script", losing)
    monkeypatch.setattr(PostgreSQLDestination, "_write", counted)
    index.commit(ticket, batch("one", "a", "b"))
    assert len(lost) == 1
    assert len(parts) == (2 if when == "before" else 1)
    assert both(place) == ({"a": "one", "b": "one"}, ["a", "b"], "one")


def test_a_server_stopped_in_the_middle_of_a_commit_leaves_both_or_neither_and_the_job_goes_on(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = cluster.server.connect()
    connection.execute("create database joined encoding 'UTF8' template template0")
    url = url_of({**cluster.server.given, "database": "joined"})
    monkeypatch.setenv(VARIABLE, url)
    monkeypatch.setenv(SCHEMA_VARIABLE, "store_joined")
    monkeypatch.setattr(engine_desk, "BATCH_ROWS", 10)
    docs = folder_of(tmp_path, 60)
    passed: list[str] = []

    def crash(where: str) -> None:
        passed.append(where)
        if (where, passed.count(where)) in (("truth.commit.inside", 2), ("truth.commit.after", 3)):
            cluster.stop(cluster.primary)
            Timer(0.5, cluster.start, [cluster.primary]).start()

    here = Installation(str(tmp_path / "state"), crash=crash)
    indexes.add(here, "shop", destination="postgresql", settings={"url": url, "table": "documents"})
    result = jobs.sync(here, jobs.Order(str(docs), index="shop"))
    assert (result.status, result.counters.inserted, result.error) == ("succeeded", 60, None)
    opened = here.index("shop")
    assert isinstance(opened, NearIndex)
    assert opened.apart == ""
    assert care.verify(here, "shop", repair=False, source=True).problems == []
    assert here.control().job(result.number).attempt == 1
    here.close()


# --- kill -9 ----------------------------------------------------------------------------------------------------------

LOAD = """
import sys
from syncline.engine import desk
from syncline.service import jobs
from syncline.wiring import Installation
desk.BATCH_ROWS = 20
print("begun", flush=True)
jobs.sync(Installation(sys.argv[1]), jobs.Order(sys.argv[2], index="shop"))
"""


def folder_of(tmp_path: Path, count: int) -> Path:
    docs = tmp_path / "docs"
    docs.mkdir()
    for number in range(count):
        (docs / f"{number:04}.txt").write_text(f"word {number} " * 20)
    return docs


def test_invariants_01_05_07_a_load_that_is_killed_again_and_again_is_resumed_and_ends_whole(
    place: Joint, tmp_path: Path, remark: Callable[[str], None]
) -> None:
    docs = folder_of(tmp_path, 1500)
    here = place.base.installation()
    indexes.add(here, "shop", destination="postgresql", settings=place.settings())
    kills, between = 0, set()
    for round in range(6):
        was = len(place.rows("id")) if kills else 0
        command = [sys.executable, "-c", LOAD, here.data_dir, str(docs)]
        running = subprocess.Popen(command, env={**os.environ, **place.base.environ}, stdout=subprocess.PIPE)
        kills += place.kill_in_the_middle(running, was + 100, 0.007 * round)
        wait_for_silence(place)
        documents, ledger, _ = both(place)
        assert sorted(documents) == ledger  # both, or neither
        between.add(len(ledger))
    assert kills >= 4
    assert len(between) >= 4
    result = jobs.sync(here, jobs.Order(str(docs), index="shop"))
    assert result.status == "succeeded"
    assert both(place)[0] == {path.name: path.read_text() for path in docs.iterdir()}
    assert result.counters.total == 1500
    assert care.verify(here, "shop", repair=False, source=True).problems == []
    assert jobs.sync(here, jobs.Order(str(docs), index="shop")).counters.changed == 0
    remark(f"one transaction: a load of 1,500 files was killed {kills} times, at {sorted(between)} documents")


def wait_for_silence(place: Joint) -> None:
    """Until the server has noticed that a process is gone."""
    name, end = f"syncline {place.base.schema}", time.monotonic() + 60
    while place.ask("select 1 from pg_stat_activity where application_name = $1 and xact_start is not null", name):
        assert time.monotonic() < end
        time.sleep(0.02)


# --- who may write ----------------------------------------------------------------------------------------------------


def test_invariant_02_a_late_attempt_is_refused_by_the_table_even_where_the_ledger_would_let_it(place: Joint) -> None:
    index, ticket = place.index(), Ticket(1, 1, 1)
    index.begin(ticket)
    index.commit(ticket, batch("one", "a"))
    place.admin.execute(f"update {place.schema}.syncline_writers set fence = 9 where connector = 1")
    with pytest.raises(JobFenced):
        index.commit(ticket, batch("two", "b"))
    assert both(place) == ({"a": "one"}, ["a"], "one")


def test_two_installations_cannot_write_to_one_table(place: Joint, tmp_path: Path) -> None:
    docs = folder_of(tmp_path, 3)
    here = place.base.installation("here")
    indexes.add(here, "shop", destination="postgresql", settings=place.settings())
    assert jobs.sync(here, jobs.Order(str(docs), index="shop")).counters.inserted == 3
    schema = os.environ[SCHEMA_VARIABLE]
    try:
        os.environ[SCHEMA_VARIABLE] = place.base.schema + "_99"  # dropped with the others
        there = place.base.installation("there")
        indexes.add(there, "shop", destination="postgresql", settings=place.settings())
        refused = jobs.sync(there, jobs.Order(str(docs), index="shop"))
    finally:
        os.environ[SCHEMA_VARIABLE] = schema
    assert refused.error is not None
    assert refused.error["code"] == "destination.table_taken"
    assert len(place.rows()) == 3
    with pytest.raises(ConfigInvalid):
        there.index("shop").begin(Ticket(1, 99, 99))


# --- rights -----------------------------------------------------------------------------------------------------------


MAKES = "grant create on database postgres to {name}"
LOOKS = "grant usage on schema {schema} to {name}"


class Roles:
    """Users of the server that are gone afterwards."""

    def __init__(self, place: Joint) -> None:
        self._place, self._made = place, []  # type: ignore[var-annotated]

    def make(self, stem: str, *statements: str) -> str:
        name = self._place.server.name(stem)
        self._made.append(name)
        self._place.admin.execute(f"create user {name}")
        for statement in statements:
            self._place.admin.execute(statement.format(name=name, schema=self._place.schema))
        return name

    def url(self, name: str) -> str:
        return url_of(self._place.server.given, user=name, password=None)

    def close(self) -> None:
        self._place.base.cut()
        for name in self._made:
            self._place.admin.execute(f"drop owned by {name} cascade; drop user {name}")


@pytest.fixture
def roles(place: Joint) -> Iterator[Roles]:
    made = Roles(place)
    yield made
    made.close()


def test_a_store_whose_user_may_not_write_there_stays_apart_and_says_so_once(
    place: Joint, roles: Roles, desk_of: Any
) -> None:
    place.base.url = roles.url(roles.make("keeper", MAKES))
    lines: list[str] = []
    desk = desk_of()
    ending = desk.run()
    assert (ending.event, desk.index.apart) == (JobEvent.FINISH, may_not(place))
    assert desk.agrees()
    assert [line for line in desk.index.remarks() if may_not(place) in line] == []  # it was said in the log of the job
    desk.source.put("d00", "edited")
    assert desk.run().counters.updated == 1
    assert desk.agrees()
    first = place.index()
    first.begin(Ticket(7, 50, 50))
    lines += first.remarks()
    first.begin(Ticket(7, 51, 51))
    assert lines == [f"documents and ledger are written one after the other, not in one transaction: {may_not(place)}"]
    keeper = place.base.url.split("//")[1].split("@")[0]
    place.admin.execute(f"grant usage on schema {place.schema} to {keeper}")
    assert place.index().why_apart() == may_not(place)
    place.admin.execute(f"grant all on all tables in schema {place.schema} to {keeper}")
    assert place.index().why_apart() == ""  # the tables belong to a superuser: there is nothing to be gained


def test_the_log_of_the_first_job_says_why_they_are_apart(
    place: Joint, roles: Roles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, roles.url(roles.make("keeper", MAKES)))
    docs, here = folder_of(tmp_path, 2), place.base.installation()
    indexes.add(here, "shop", destination="postgresql", settings=place.settings())
    first, second = [jobs.sync(here, jobs.Order(str(docs), index="shop")) for _ in range(2)]
    assert (first.counters.inserted, second.counters.kept) == (2, 2)
    lines = [json.loads(line) for line in read_log(here.log_path(first.number))]
    assert [line["message"] for line in lines if line["event"] == "index.remark"] == [
        f"documents and ledger are written one after the other, not in one transaction: {may_not(place)}"
    ]
    assert list(read_log(here.log_path(second.number))) == []


def test_checking_an_index_says_whether_they_are_apart(
    place: Joint, roles: Roles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = roles.make("keeper", MAKES)
    monkeypatch.setenv(VARIABLE, roles.url(keeper))
    docs, here = folder_of(tmp_path, 2), place.base.installation()
    shop = indexes.add(here, "shop", destination="postgresql", settings=place.settings())
    assert landing.check(here, shop) == []  # there is no table yet
    jobs.sync(here, jobs.Order(str(docs), index="shop"))
    why = f"documents and ledger are written one after the other, not in one transaction: {may_not(place)}"
    assert landing.check(here, shop) == [why]
    place.admin.execute(f"grant usage on schema {place.schema} to {keeper}")
    place.admin.execute(f"grant all on all tables in schema {place.schema} to {keeper}")
    assert landing.check(here, shop) == []


def may_not(place: Joint) -> str:
    return f"the user of the store may not write to the table {place.table}, or to syncline_writers beside it"


def test_a_store_with_greater_rights_than_the_owner_of_the_table_stays_apart(
    place: Joint, roles: Roles, desk_of: Any
) -> None:
    writer = roles.make("writer", "grant all on schema {schema} to {name}")
    desk = desk_of(url=roles.url(writer))
    place.admin.execute(f"create table {place.schema}.who (name text); grant all on {place.schema}.who to public")
    desk.ticket()
    connection = place.server.connect(user=writer, password=None)
    connection.execute(
        f"create function {place.schema}.spy() returns trigger language plpgsql as $$ begin"
        f" insert into {place.schema}.who values (current_user); return null; end $$;"
        f"create trigger spy after insert on {place.table} for each statement execute function {place.schema}.spy()"
    )
    assert desk.run().event is JobEvent.FINISH
    assert "belongs to another user" in desk.index.apart
    assert {name for (name,) in place.ask(f"select name from {place.schema}.who")} == {writer}
    assert desk.agrees()


def test_another_user_whose_tables_the_store_may_write_to_and_who_may_act_as_the_store_is_joined(
    place: Joint, roles: Roles, desk_of: Any
) -> None:
    keeper = roles.make("keeper", MAKES, LOOKS)
    writer = roles.make("writer", "grant all on schema {schema} to {name}", f"grant {keeper} to {{name}}")
    place.base.url = roles.url(keeper)
    desk = desk_of(url=roles.url(writer))
    desk.ticket()
    assert desk.index.apart == may_not(place)
    connection = place.server.connect(user=writer, password=None)
    connection.execute(f"grant all on all tables in schema {place.schema} to {keeper}")
    assert desk.run().event is JobEvent.FINISH
    assert desk.index.apart == ""
    assert desk.agrees()
    connection.execute(f"alter table {place.table} enable row level security")
    assert "row security" in place.index(url=roles.url(writer)).why_apart()
    place.admin.execute(f"revoke {keeper} from {writer}")
    assert "belongs to another user" in place.index(url=roles.url(writer)).why_apart()


def test_a_right_that_is_taken_away_during_a_job_makes_them_part(place: Joint, roles: Roles) -> None:
    keeper = roles.make("keeper", MAKES, LOOKS)
    place.base.url = roles.url(keeper)
    place.index().begin(Ticket(1, 1, 1))
    place.admin.execute(f"grant all on all tables in schema {place.schema} to {keeper}")
    index, ticket = place.index(), Ticket(1, 2, 2)
    index.begin(ticket)
    index.commit(ticket, batch("one", "a"))
    assert index.apart == ""
    place.admin.execute(f"revoke insert on {place.table} from {keeper}")
    index.commit(ticket, batch("two", "b"))
    assert "permission denied" in index.apart
    assert both(place) == ({"a": "one", "b": "two"}, ["a", "b"], "two")


def test_a_user_of_the_destination_who_may_not_write_gains_nothing_from_the_store(
    place: Joint, roles: Roles, desk_of: Any
) -> None:
    writer = roles.make("writer", "grant all on schema {schema} to {name}")
    desk_of().run()
    place.admin.execute(f"grant select on {place.table} to {writer}")
    place.admin.execute(f"grant all on {place.schema}.syncline_writers to {writer}")
    index, ticket = place.index(url=roles.url(writer)), Ticket(1, 99, 99)
    index.begin(ticket)
    assert "may not write" in index.apart
    with pytest.raises(DestinationError) as refused:
        index.commit(ticket, batch("two", "b"))
    assert refused.value.code == "destination.permission_denied"


# --- where ------------------------------------------------------------------------------------------------------------


def test_another_database_of_the_same_server_stays_apart(place: Joint, admin: Any) -> None:
    name = place.server.name("other")
    admin.execute(f"create database {name}")
    index, ticket = place.index(url=url_of(place.server.given, database=name), table="documents"), Ticket(1, 1, 1)
    try:
        index.begin(ticket)
        assert index.apart == "documents and store lie in different databases"
        index.commit(ticket, batch("one", "a"))
        assert [id for id, _ in place.ledger()] == ["a"]
        other = place.server.connect(database=name)
        assert other.value("select id from documents") == "a"
    finally:
        index.destination.close()
        admin.execute(f"drop database {name} with (force)")


def test_names_that_a_trigger_of_the_table_does_not_qualify_are_found_as_its_user_would(place: Joint) -> None:
    index, ticket = place.index(url=place.url + f"&options=-csearch_path%3D{place.schema}"), Ticket(1, 1, 1)
    index.begin(ticket)
    place.admin.execute(
        f"create table {place.schema}.ledger (said text);"  # a name that the store has, too
        f"create function {place.schema}.note() returns trigger language plpgsql as $$ begin"
        " insert into ledger values (current_setting('timezone')); return null; end $$;"
        f"create trigger note after insert on {place.table} for each row execute function {place.schema}.note()"
    )
    index.commit(ticket, batch("one", "a", "b"))
    index.commit(ticket, batch("two", "c"))
    assert index.apart == ""
    assert [tuple(row) for row in place.ask(f"select said from {place.schema}.ledger")] == [("UTC",)] * 3
    assert [id for id, _ in place.ledger()] == ["a", "b", "c"]


def test_vectors_are_written_where_their_type_lies_in_another_schema(place: Joint, vectors: bool) -> None:
    if not vectors:
        pytest.skip("NOT TESTED: the server has no pgvector")
    settings = {"embedder": "tests.destinations.postgresql.test_joined_faults:embed", "dimensions": 2}
    index, ticket = place.index(**settings), Ticket(1, 1, 1)
    index.begin(ticket)
    (transform,) = index.transforms()
    (document,) = transform.apply([Document("a", text="four", version="1")])
    assert isinstance(document, Document)
    index.commit(ticket, Batch(puts=[Put(document, b"f", None)], recipe="r"))
    assert index.apart == ""
    assert place.rows("id, embedding::text") == [("a", "[4,1]")]


def embed(texts: list[str]) -> list[list[float]]:
    return [[float(len(text)), 1.0] for text in texts]


def test_a_conflict_with_others_is_tried_again_and_told_in_the_end(place: Joint) -> None:
    index, ticket = place.index(), Ticket(1, 1, 1)
    index.begin(ticket)
    trigger(place, "40001", until=1_000_000)
    with pytest.raises(DestinationError) as told:
        index.commit(ticket, batch("one", "a"))
    assert (told.value.code, len(place.slept)) == ("destination.conflict", 3)
    assert both(place) == ({}, [], None)
