"""Every statement of the store is one for PostgreSQL too, and the tables are those of SQLite."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any

import apsw
import pytest

from syncline.model.errors import InternalError, UsageError
from syncline.store.postgres import dialect, migrations
from syncline.store.postgres.database import Session
from syncline.store.postgres.errors import StoreError
from syncline.store.postgres.place import parsed
from syncline.store.postgres.wire import Link, call
from syncline.store.relational.database import HERE, load_queries
from syncline.store.sqlite.database import open_database

OF_TRUTHS = {"truth", "outcomes", "shelf", "hosted", "inbox"}
OF_TRUTH = {"joined.bytes_brought"}  # beside others that are not
ONLY_HERE = {
    ("indexes", "has_truth"), ("jobs", "reserved_by"), ("jobs", "reserved_until"), ("readers", "reader"),
    ("readers", "confirmed"), ("readers", "swept"), ("readers", "seen_at"), ("removed", "r"),
    ("turns", "slot"), ("turns", "token"),
}  # fmt: skip


@pytest.fixture
def link(base: Any) -> Any:
    store = base.store()
    store.make("index", "id", 1.0)
    made = Link(base.place)
    made.open()
    yield made
    made.close()


def statements() -> list[Any]:
    return [one for file in sorted(os.listdir(HERE)) if file.endswith(".sql") for one in load_queries(file).values()]


def test_every_statement_is_understood(base: Any, link: Any, remark: Any) -> None:
    wrong = []
    for statement in statements():
        text = dialect.text_of(statement)
        of_truth = statement.key in OF_TRUTH or statement.key.partition(".")[0] in OF_TRUTHS
        link.look_in(base.place.schemas(1 if of_truth else 0))
        if text.table:
            continue
        try:
            call(lambda sql=text.sql: link._connection.prepare(sql))  # type: ignore[misc]
        except Exception as error:
            wrong.append(f"{statement.key}: {error}")
    assert wrong == [], "give it a text of its own in store/postgres/sql"
    remark(f"PostgreSQL: {len(statements())} statements, {len(dialect._own())} of them in words of their own")


def test_no_statement_is_replaced_that_is_not_there() -> None:
    assert set(dialect._own()) <= {statement.key for statement in statements()}


def columns_of_sqlite(path: str, migrations: str) -> set[tuple[str, str]]:
    db: Any = open_database(path, migrations)
    try:
        return set(
            db.execute(
                "select m.name, c.name from sqlite_schema m join pragma_table_info(m.name) c"
                " where m.type = 'table' and m.name not like 'sqlite_%'"
            ).fetchall()
        )
    finally:
        db.close()


def test_the_tables_have_the_columns_of_those_in_sqlite(base: Any, link: Any, tmp_path: Any) -> None:
    for kind, schema in (("control", base.schema), ("truth", f"{base.schema}_1")):
        here = set(
            base.ask("select table_name, column_name from information_schema.columns where table_schema = $1", schema)
        )
        assert here - ONLY_HERE == columns_of_sqlite(str(tmp_path / f"{kind}.db"), kind), "add a migration here too"


def test_the_numbers_of_parameters_are_those_of_sqlite() -> None:
    sql = "select ? + ?5 + ?, '?' from t where (?1 is null or a = ?1 or (b = 1)) and ?9 is null"
    assert dialect.text_of(sql).sql == (
        "select $1 + $5 + $6, '?' from t where (a = $1 or (b = 1) or $1 is null) and $9::text is null"
    )
    assert apsw.Connection(":memory:").execute("select ?, ?5, ?", range(1, 7)).fetchone() == (1, 5, 6)


# --- where it lies ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["mysql://u@h/d", "postgresql://h:port/d", "postgresql://h/d?schema=Upper", "nothing"])
def test_a_wrong_url_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        parsed(url.replace("h/d", "u:CANARY@h/d"))
    assert caught.value.code == "store.url"
    assert "CANARY" not in str(caught.value.as_dict())


def test_the_schema_is_named_in_the_url_or_beside_it() -> None:
    place = parsed("postgres://u:secret@h:6000/d?schema=other&sslmode=require")
    assert (place.schema, place.shown) == ("other", "h:6000/d")
    assert place.dsn == "postgresql://u:secret@h:6000/d?sslmode=require"
    assert "secret" not in repr(place)
    assert parsed("postgresql://h/d").schema == "syncline"
    assert parsed("postgresql://h/d?schema=other", "third").schema == "third"


# --- what goes wrong --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "code"),
    [
        ("53100", "store.full"), ("25006", "store.read_only"), ("42501", "store.denied"), ("57014", "store.busy"),
        ("57P01", "store.unavailable"), ("XX001", "store.damaged"), ("40P01", "store.busy"),
        ("53300", "store.unavailable"), ("22012", "internal"),
    ],
)  # fmt: skip
def test_what_the_server_says_is_said_in_our_words(base: Any, link: Any, state: str, code: str) -> None:
    with pytest.raises(Exception) as caught:
        link.script(f"do $$ begin raise exception 'CANNOT' using errcode = '{state}'; end $$")
    assert caught.value.code == code  # type: ignore[attr-defined]


def test_a_server_that_is_not_there_is_told_at_once() -> None:
    place = parsed("postgresql://nobody:CANARY@127.0.0.1:1/none")
    with pytest.raises(StoreError) as caught:
        Link(place).open()
    assert caught.value.code == "store.unavailable"
    assert "CANARY" not in str(caught.value.as_dict())


def test_a_user_without_rights_is_told_what_is_missing(base: Any) -> None:
    base.run(f"create role {base.schema}_r login")
    try:
        store = base.store()
        store.place = parsed(base.url.replace("postgres@", f"{base.schema}_r@"), base.schema)
        with pytest.raises(StoreError) as caught:
            store.control()
        assert caught.value.code == "store.denied"
    finally:
        base.run(f"drop role {base.schema}_r")


def test_a_newer_schema_is_refused_and_not_touched(base: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from syncline.store.postgres import migrations

    base.store().make("index", "id", 1.0)
    base.run(f"update {base.schema}.meta set value = 99 where key = 'schema'")
    migrations.forget(base.place)
    with pytest.raises(StoreError) as caught:
        base.store().control()
    assert caught.value.code == "store.newer"
    base.run(f"update {base.schema}.meta set value = 1 where key = 'schema'")
    base.run(f"update {base.schema}_1.meta set value = 99 where key = 'schema'")
    migrations.forget(base.place)
    with pytest.raises(StoreError) as caught:
        base.store().truth("index")
    assert caught.value.code == "store.newer"


def test_what_only_reads_does_not_make_the_schema(base: Any) -> None:
    store = base.store()
    assert not store.exists
    assert store.indexes() == []
    assert base.ask("select 1 from pg_namespace where nspname = $1", base.schema) == []


def test_a_statement_that_failed_cannot_be_committed_over(base: Any) -> None:
    store = base.store()
    store.make("index", "id", 1.0)
    session = Session(base.place)

    def write() -> None:
        with session.writing("control.test"):
            session.execute("update indexes set description = 'changed'")
            with suppress(InternalError):
                session.execute("select 1 / 0")

    with pytest.raises(StoreError):
        write()
    assert session.execute("select description from indexes").get == ""
    session.close()


def test_who_waited_for_another_to_make_the_schema_finds_it_made(base: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    script = "create table meta (key text primary key, value bigint)"  # a large one would wake whoever waits
    monkeypatch.setattr(migrations, "scripts", lambda kind: (script,))
    links = [Link(base.place) for _ in range(2)]
    try:
        for link in links:
            link.open()
            link.look_in(base.place.schemas(0))
            assert migrations.version_of(link, base.place, base.schema, migrations.CONTROL) == 0
        waiting, quick = links
        waiting.script("begin")  # as if it waited for the lock from here on
        migrations.upgrade(quick, base.place, base.schema, migrations.CONTROL)
        migrations.write(waiting, base.place, base.schema, migrations.CONTROL)
        waiting.script("commit")
        assert migrations.version_of(waiting, base.place, base.schema, migrations.CONTROL) == 1
    finally:
        for link in links:
            link.close()


def test_what_is_left_for_afterwards_is_done_when_all_is_durable_and_else_never(base: Any) -> None:
    control, other, done = base.store().control(), base.store().control(), []
    control.afterwards(lambda: done.append("at once"))
    with control.writing("outer"):
        with control.writing("inner"):
            control.afterwards(lambda: done.append(other.ensure_index("second", 1.0)))  # waits for its turn
        assert len(done) == 1
    assert len(done) == 2
    assert [index.name for index in other.indexes()] == ["second"]
    with suppress(UsageError), control.writing("outer"):
        control.afterwards(lambda: done.append("never"))
        raise UsageError("no")
    with control.writing("next"):
        pass
    assert "never" not in done
    for one in (control, other):
        one.close()
