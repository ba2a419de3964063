"""A table is verified by checksums that the server computes, and only what differs is read (invariants 1, 4, 7, 10).

Few buckets are allowed here, so that many rows share one. `Reading` counts the rows that came over the wire.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from syncline.model.connectors import Guard
from syncline.model.documents import Document
from syncline.model.errors import DocumentRejected
from syncline.model.jobs import JobEvent
from syncline.model.news import Checkpoint, Complete, Page, Refused, Unchanged
from syncline.sources.tables import buckets, source
from syncline.sources.tables.buckets import Buckets, Layout, Sum
from syncline.sources.tables.names import name_of
from syncline.sources.tables.postgresql import buckets as statements
from syncline.sources.tables.postgresql.session import PgSession

HISTORIES = 40
ANY_DELETION = Guard(max_percent=100)


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "SMALL", 0)
    monkeypatch.setattr(source, "MOST", 8)
    monkeypatch.setattr(source, "FEWEST", 4)
    monkeypatch.setattr(source, "PORTION_ROWS", 20)


class Reading:
    """A source that counts what it said: whole rows, and whether others were said to be unchanged. `act` is called
    before it goes on after each page."""

    def __init__(self, inner: Any, act: Callable[[], object] = lambda: None) -> None:
        self._inner, self._act = inner, act
        self.rows = 0
        self.unchanged: int | None = None

    def check(self) -> None:
        self._inner.check()

    def list(self, memory: Any, cursor: Any) -> Iterator[Any]:
        for news in self._inner.list(memory, cursor):
            yield news
            if isinstance(news, Page):
                self.rows += sum(isinstance(entry.token, bytes) for entry in news.entries)
                self._act()
            elif isinstance(news, Unchanged):
                self.unchanged = news.total

    def fetch(self, entries: Any) -> Iterator[Any]:
        yield from self._inner.fetch(entries)

    def sheet(self, entries: Any) -> Any:
        return self._inner.sheet(entries)


class Refuses:
    """A transform that cannot take documents of that text, while it is armed."""

    recipe = "refuses"

    def __init__(self) -> None:
        self.armed = False

    def apply(self, documents: Sequence[Document]) -> Iterator[Any]:
        for document in documents:
            if self.armed and document.text == "poison":
                yield Refused(document.id, DocumentRejected("it is poison", code="document.unreadable"), "transform")
            else:
                yield document

    def close(self) -> None:
        """Nothing to let go of."""


class Killed(BaseException):
    """The process ends here."""


def remembered(world: Any) -> dict[str, Any]:
    return dict(world.truth.peek(world.connector).memory)


def buckets_of(world: Any, table: str) -> dict[str, Any]:
    return dict(remembered(world)["tables"][table].get("buckets", {}))


# --- any history ------------------------------------------------------------------------------------------------------

KEYS = {
    "integer": ("id bigint primary key", lambda dice: (dice.randrange(-40, 40),)),
    "scattered": ("id bigint primary key", lambda dice: (dice.choice([-(2**63), 2**63 - 1, dice.randrange(60)]),)),
    "text": (
        "id text primary key",
        lambda dice: (dice.choice(["", "%", "a,b", "ä", "\\", '"', *map(str, range(50))]),),
    ),
    "composite": (
        "a int, b text, primary key (a, b)",
        lambda dice: (dice.randrange(6), dice.choice(["", ",", *"abcdefg"])),
    ),
    "nullable": ("id int unique", lambda dice: (dice.choice([None, *range(40)]),)),
}
NAMES = {"composite": ["a", "b"]}
BODIES = [None, "", "a", "b", "a\tb", '"a"', "\\N", "NULL", "poison", "(1,a)", "hidden"]


class History:
    """One table, edited at random; and jobs, some of which fail, are killed, or refuse documents."""

    def __init__(self, seed: int, server: Any, admin: Any, world: Any) -> None:
        self.dice = dice = random.Random(seed)
        self.server, self.admin, self.world = server, admin, world
        self.kind = dice.choice(sorted(KEYS))
        columns, self.key = KEYS[self.kind]
        self.names = NAMES.get(self.kind, ["id"])
        self.table = f"h{seed}"
        admin.execute(f"create table {self.table} ({columns}, body text, extra text)")
        self.read = self.table
        if dice.random() < 0.4 or self.kind == "nullable":
            self.read = f"hv{seed}"
            admin.execute(f"create view {self.read} as select * from {self.table}")
        self.settings: dict[str, Any] = {"id": self.names, "body": ["body"], "fetch_size": dice.choice([5, 50_000])}
        self.settings |= dice.choice([{}, {}, {"where": "body is distinct from 'hidden'"}, {"deletions": False}])
        self.several = dice.random() < 0.3
        self.settings |= {"tables": [self.read, f"h{seed}"][: 1 + (self.read != self.table)]} if self.several else {}
        self.settings |= {} if self.several else {"table": self.read}
        self.refuses = Refuses()
        self.verified = self.spared = 0

    def edit(self) -> None:
        """One statement; values come again, so that rows become what they have been."""
        dice, table, key = self.dice, self.table, self.key(self.dice)
        places = ", ".join(f"${n + 1}" for n in range(len(key)))
        names = ", ".join(self.names)
        body, extra = dice.choice(BODIES), dice.choice([None, "", "x"])
        same = " and ".join(f"{name} is not distinct from ${n + 1}" for n, name in enumerate(self.names))
        n = len(key)
        values = (*key, body, extra)
        kind = dice.random()
        if kind < 0.45:
            told = f"insert into {table} ({names}, body, extra) values ({places}, ${n + 1}, ${n + 2})"
            self.admin.value(f"{told} on conflict do nothing", *values)
        elif kind < 0.7:
            self.admin.value(f"update {table} set body = ${n + 1}, extra = ${n + 2} where {same}", *values)
        elif kind < 0.85:
            self.admin.value(f"delete from {table} where {same}", *key)
        else:
            move = f"update {table} set ({names}) = (select {places}) where ctid = (select max(ctid) from {table})"
            self.admin.value(f"{move} and not exists (select from {table} where {same})", *key)

    def save(self) -> None:
        self.admin.execute(
            f"drop table if exists {self.table}_was; create table {self.table}_was as table {self.table}"
        )

    def take_back(self) -> None:
        """Make all rows, or some of them, what they were when they were saved."""
        table, names = self.table, ", ".join(self.names)
        some = self.dice.choice(
            ["true", f"hashtext(row({names})::text) % 2 = 0", f"hashtext(row({names})::text) % 2 = 1"]
        )
        self.admin.execute(
            f"begin; delete from {table} where {some};"
            f" insert into {table} select * from {table}_was where {some} on conflict do nothing; commit"
        )

    def source(self, changes: str) -> Reading:
        def act() -> None:
            if self.dice.random() < 0.2:
                self.edit()

        return Reading(self.server.source(**self.settings, changes=changes), act)

    def job(self, changes: str, **given: Any) -> Any:
        reading = self.source(changes)
        ending = self.world.run(reading, **{"transforms": [self.refuses], "guard": ANY_DELETION, **given})
        self.count(reading, ending)
        return ending

    def count(self, reading: Reading, ending: Any) -> None:
        if any("as checksums of the server say" in remark for remark in ending.remarks):
            self.verified += 1
            self.spared += reading.unchanged or 0

    def troubled(self, changes: str) -> None:
        """A job that is killed at a commit, and perhaps goes on later; or that fails; or that refuses documents."""
        trouble, left = self.dice.choice(["killed", "failed", "refused", "stopped"]), self.dice.randrange(1, 6)

        def count() -> bool:
            nonlocal left
            left -= 1
            return left < 0

        def kill(point: str) -> None:
            if count():
                raise Killed

        if trouble == "refused":
            self.refuses.armed = True
            self.job(changes, force=self.dice.random() < 0.1)
            self.refuses.armed = False
        elif trouble == "killed":
            with Survived():
                self.job(changes, crash=kill)
                return
            for _ in range(self.dice.randrange(4)):
                self.edit()
            if self.dice.random() < 0.6:
                self.resume(changes)
        elif trouble == "stopped":
            self.job(changes, stop=count)
        else:
            self.job(changes, guard=Guard(max_deletes=0, max_percent=0))

    def resume(self, changes: str) -> None:
        reading = self.source(changes)
        ending = self.world.attempt(self.world.job, reading, transforms=[self.refuses], guard=ANY_DELETION)
        self.count(reading, ending)

    def expected(self) -> dict[str, tuple[str, str | None]]:
        condition = self.settings.get("where", "true")
        listed = ", ".join([*self.names, "body", "extra"])
        query = f"select json_agg(json_build_array({listed})) from {self.table} where {condition}"
        rows = json.loads(self.admin.value(f"select coalesce(({query})::text, '[]')"))
        found = {}
        for prefix in [f"{name}/" for name in self.settings["tables"]] if self.several else [""]:
            for *key, body, extra in rows:
                if None not in key:
                    found[name_of(prefix, [str(part) for part in key])] = (body or "", extra)
        return found

    def indexed(self) -> dict[str, tuple[str, str | None]]:
        documents = self.world.documents().items()
        return {id: (document.text, document.metadata.get("extra")) for id, document in documents}

    def play(self) -> None:
        dice = self.dice
        for _ in range(dice.randrange(60)):
            self.edit()
        self.job("scan")
        for _ in range(dice.randrange(1, 5)):
            self.save()
            for _ in range(dice.choice([0, 1, 1, 2, 4])):
                self.edit()
            changes = dice.choice(["scan", "auto"])
            if dice.random() < 0.5:
                self.troubled(changes)
            else:
                self.job(changes)
            if dice.random() < 0.7:
                self.take_back()


class Survived:
    """A block that may be ended by Killed; what follows in the block is skipped then."""

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, kind: Any, *_: object) -> bool:
        return kind is Killed


def test_after_any_history_a_verification_makes_the_index_equal_to_the_table(
    server: Any, admin: Any, world: Any, remark: Callable[[str], None]
) -> None:
    verified = spared = 0
    for seed in range(HISTORIES):
        world.connector = seed + 1
        history = History(seed, server, admin, world)
        history.play()
        told = f"seed {seed}: {history.kind} {history.settings}"
        history.dice.random = lambda: 1.0  # type: ignore[method-assign]  # nobody writes any more
        history.job("scan")
        assert history.indexed() == history.expected(), told
        again = history.job("scan")
        assert again.counters.inserted + again.counters.updated + again.counters.deleted == 0, told
        verified, spared = verified + history.verified, spared + history.spared
        admin.execute(f"drop table {history.table} cascade; drop table {history.table}_was")
    remark(f"tables: {HISTORIES} histories, {verified} jobs by checksums, which spared the reading of {spared:,} rows")
    assert verified > HISTORIES * 2
    assert spared > HISTORIES * 20


# --- what each change costs -------------------------------------------------------------------------------------------

ROWS = "select n, 'row ' || n, null::text from generate_series(0, 63) n"  # eight buckets of eight rows
CHANGES = {
    "nothing": ("select 1", 0),
    "one value": ("update {t} set body = 'new' where id = 9", 8),
    "NULL becomes an empty text": ("update {t} set extra = '' where id = 9", 8),
    "two rows of a bucket change places": (
        "update {t} a set body = b.body from {t} b where (a.id, b.id) in ((8, 9), (9, 8))",
        8,
    ),
    "two rows of two buckets change places": (
        "update {t} a set body = b.body from {t} b where (a.id, b.id) in ((1, 9), (9, 1))",
        16,
    ),
    "a row is deleted": ("delete from {t} where id = 9", 7),
    "a bucket is deleted": ("delete from {t} where id between 8 and 15", 0),
    "a row moves to another bucket": ("delete from {t} where id = 17; update {t} set id = 17 where id = 9", 15),
    "another key in the same bucket": ("delete from {t} where id = 10; update {t} set id = 10 where id = 9", 7),
    "a row is added above": ("insert into {t} values (64, 'above')", 1),
    "a row is added below": ("insert into {t} values (-1, 'below')", 1),
    "rows are written without a change": ("update {t} set body = body", 0),
    "the table is rewritten": (
        "alter table {t} set (fillfactor = 40); create index on {t} (body); cluster {t} using {t}_pkey",
        0,
    ),
    "most of the table": ("update {t} set body = 'new' where id > 20", 64),
    "everything is deleted": ("delete from {t}", 0),
}


def indexed(world: Any) -> dict[str, tuple[str, Any]]:
    return {id: (document.text, document.metadata.get("extra")) for id, document in world.documents().items()}


def table_of(admin: Any, table: str, prefix: str = "") -> dict[str, tuple[str, Any]]:
    rows = admin.value(f"select coalesce(json_agg(json_build_array(id, body, extra)), '[]')::text from {table}")
    return {f"{prefix}{id}": (body or "", extra) for id, body, extra in json.loads(rows)}


@pytest.fixture
def table(make_table: Any) -> str:
    """Sixty-four rows."""
    name: str = make_table("id int primary key, body text, extra text", ROWS)
    return name


@pytest.fixture
def verify(server: Any, world: Any) -> Callable[..., Any]:
    """Run a job that verifies the table: its ending, and how many rows it read."""

    def run(table: str, *, job: int = 0, **given: Any) -> tuple[Any, int]:
        settings = {"changes": "scan", "body": ["body"], **given.pop("settings", {})}
        reading = Reading(server.source(**{"table": table, **settings}), given.pop("act", lambda: None))
        given = {"guard": ANY_DELETION, **given}
        ending = world.attempt(job, reading, **given) if job else world.run(reading, **given)
        return ending, reading.rows

    return run


@pytest.mark.parametrize("what", CHANGES)
def test_only_the_buckets_that_a_change_touches_are_read(
    what: str, table: str, verify: Any, admin: Any, world: Any
) -> None:
    assert verify(table)[1] == 64
    sql, rows = CHANGES[what]
    admin.execute(sql.format(t=table))
    ending, read = verify(table)
    assert (ending.error, read) == (None, rows), ending.remarks
    assert indexed(world) == table_of(admin, table)
    ending, read = verify(table)
    assert read == 0
    assert ending.counters.kept == len(world.texts())


VALUES = {
    "text": [None, "", " ", "a", "a ", " a", "\\N", '""'],
    "varchar(9)": [None, "", " ", "a", "a "],
    "bpchar": [None, "", " ", "a", "a "],
    "char(3)": [None, "", "a"],
    "numeric": [None, "1", "1.0", "1.00", "NaN"],
    "float8": [None, "0", "-0", "1e-5", "NaN"],
    "boolean": [None, "t", "f"],
    "json": [None, "{}", "{ }", '{"a": 1}', '{"a": 1, "a": 1}'],
    "jsonb": [None, "{}", '{"a": 1}', '{"a": 1.0}', "null"],
    "text[]": [None, "{}", "{NULL}", '{"NULL"}', '{""}', "{a,b}", '{"a,b"}', "[0:1]={a,b}"],
    "varchar(9)[]": [None, "{}", "{a}"],
    "bytea": [None, "", r"\x00", r"\x0000"],
    "interval": [None, "1 day", "24 hours"],
    "timestamptz": [None, "2026-01-01", "2026-01-01 00:00:00.000001", "infinity"],
    "{pair}": [None, "(,)", "(1,)", "(,1)"],
}


def test_a_change_of_any_value_of_any_type_is_seen(
    server: Any, make_table: Any, verify: Any, admin: Any, world: Any
) -> None:
    pair = server.name("pair")
    admin.execute(f"create type {pair} as (a int, b int)")
    types = [type.format(pair=pair) for type in VALUES]
    columns = ", ".join(f"c{n} {type}" for n, type in enumerate(types))
    table = make_table(f"id int primary key, {columns}", "select n from generate_series(0, 63) n")
    settings = {"body": ["c0", "c1"]}
    verify(table, settings=settings)
    shown: set[str] = {admin.value(f"select {table}::text from {table} where id = 9")}
    for n, values in enumerate(VALUES.values()):
        for value in values[1:] + values[:1]:
            told = "null" if value is None else "'" + value + "'"
            admin.execute(f"update {table} set c{n} = {told} where id = 9")
            line = admin.value(f"select {table}::text from {table} where id = 9")
            assert verify(table, settings=settings)[1] == 8, (types[n], value)
            shown.add(line)
    assert len(shown) == 1 + sum(len(values) - 1 for values in VALUES.values())
    admin.execute(f"update {table} set c0 = 'a', c1 = '' where id = 9")
    verify(table, settings=settings)
    admin.execute(f"update {table} set c0 = '', c1 = 'a' where id = 9")
    assert verify(table, settings=settings)[1] == 8
    assert verify(table, settings=settings)[1] == 0
    admin.execute(f"drop type {pair} cascade")


def test_a_note_says_what_was_done(table: str, verify: Any, admin: Any) -> None:
    assert "every row is read" in verify(table)[0].remarks[0]
    told = f"{table}: 8 of 8 ranges of the key are as they were, as checksums of the server say"
    assert verify(table)[0].remarks == [told]
    admin.execute(f"update {table} set body = 'new' where id in (1, 60)")
    told = f"{table}: 6 of 8 ranges of the key are as they were, as checksums of the server say"
    assert verify(table)[0].remarks == [f"{told}; the rows of the others are read"]


def test_a_table_that_grows_gets_wider_ranges_and_what_was_there_is_not_read(
    table: str, verify: Any, admin: Any, world: Any
) -> None:
    verify(table)
    assert buckets_of(world, table)["layout"] == [False, 3, False]
    admin.execute(f"insert into {table} select n, 'more' from generate_series(64, 120) n")
    assert verify(table)[1] == 57
    assert buckets_of(world, table)["layout"] == [False, 4, False]
    admin.execute(f"delete from {table} where id > 10")
    assert verify(table)[1] == 11
    admin.execute(f"insert into {table} values (9223372036854775807 % 2147483648, 'far'), (-2147483648, 'away')")
    verify(table)
    assert indexed(world) == table_of(admin, table)
    assert verify(table)[1] == 0


def test_keys_that_lie_in_heaps_are_grouped_by_a_hash(
    make_table: Any, verify: Any, admin: Any, world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(buckets, "FULL", 10)
    rows = f"{ROWS} union all select 1000000000000000000 + n, 'far', null from generate_series(0, 63) n"
    table = make_table("id bigint primary key, body text, extra text", rows)
    verify(table)
    assert buckets_of(world, table)["layout"] == [True, 61, False]
    admin.execute(f"update {table} set body = 'new' where id = 9")
    ending, read = verify(table)
    assert 0 < read < 64
    assert "7 of 8 groups of rows are as they were" in ending.remarks[0]
    assert indexed(world) == table_of(admin, table)


def test_a_server_without_bit_xor_adds(
    table: str, verify: Any, admin: Any, world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    verify(table)
    monkeypatch.setattr(statements, "HAS_BIT_XOR", 10**9)
    assert verify(table)[1] == 64  # XORed and added hashes are not compared
    assert buckets_of(world, table)["layout"] == [False, 3, True]
    admin.execute(f"update {table} set body = 'new' where id = 9; insert into {table} values (64, 'above')")
    assert verify(table)[1] == 16 + 1  # with the new row the ranges are twice as wide
    assert verify(table)[1] == 0
    assert indexed(world) == table_of(admin, table)


# --- what makes them void ---------------------------------------------------------------------------------------------

VOID: dict[str, tuple[str, dict[str, Any]]] = {
    "another mapping": ("", {"title": "body"}),
    "another condition": ("", {"where": "id >= 0"}),
    "fewer columns": ("", {"exclude": ["extra"]}),
    "another type": ("alter table {t} alter extra type varchar(9)", {}),
    "another column": ("alter table {t} add more text", {}),
    "another name": ("alter table {t} rename extra to other", {}),
}


@pytest.mark.parametrize("what", VOID)
def test_whatever_changes_rows_or_documents_makes_the_checksums_void(
    what: str, table: str, verify: Any, admin: Any
) -> None:
    sql, settings = VOID[what]
    verify(table)
    assert verify(table)[1] == 0
    if sql:
        admin.execute(sql.format(t=table))
    ending, read = verify(table, settings=settings)
    assert (ending.error, read) == (None, 64)
    assert verify(table, settings=settings)[1] == 0


def test_another_server_version_makes_them_void(table: str, verify: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    verify(table)
    monkeypatch.setattr(statements, "RULE", "2")  # stands beside the version
    assert verify(table)[1] == 64


@pytest.mark.parametrize("changes", ["auto", "scan"])
def test_nothing_that_is_remembered_holds_for_ids_that_get_a_prefix(
    changes: str, table: str, verify: Any, admin: Any, world: Any
) -> None:
    verify(table)
    verify(table, settings={"table": "", "tables": [table], "changes": changes})
    assert indexed(world) == table_of(admin, table, f"{table}/")


def test_ordinary_jobs_of_a_tracked_table_ask_for_no_checksums(table: str, verify: Any, world: Any) -> None:
    verify(table, settings={"changes": "auto"})
    assert verify(table, settings={"changes": "auto"})[1] == 0
    assert buckets_of(world, table) == {}


def test_a_view_is_verified_by_checksums_without_being_asked_to(
    table: str, verify: Any, admin: Any, world: Any
) -> None:
    admin.execute(f"create view {table}_v as select id, body, extra from {table} where body <> 'hidden'")
    settings = {"id": ["id"], "changes": "auto"}
    assert verify(f"{table}_v", settings=settings)[1] == 64
    admin.execute(f"update {table} set body = 'hidden' where id = 9; update {table} set body = 'new' where id = 10")
    assert verify(f"{table}_v", settings=settings)[1] == 7
    assert indexed(world) == table_of(admin, f"{table}_v")
    query = {"table": "", "query": f"select * from {table}_v", **settings}
    verify("", settings=query)
    assert verify("", settings=query)[1] == 0


def test_a_small_table_is_read(table: str, verify: Any, world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "SMALL", 65)
    verify(table)
    assert buckets_of(world, table) == {}
    assert verify(table)[1] == 64


def test_rows_without_an_id_are_counted_though_they_are_not_read(
    make_table: Any, verify: Any, admin: Any, world: Any
) -> None:
    table = make_table("id int unique, body text, extra text", ROWS)
    admin.execute(f"insert into {table} values (null, 'nobody'), (null, 'nowhere')")
    settings = {"id": ["id"]}
    verify(table, settings=settings)
    ending, read = verify(table, settings=settings)
    assert read == 0
    assert ending.remarks[-1] == f"{table}: 2 rows without an id (NULL) were left out"
    assert len(world.texts()) == 64


def test_a_second_row_with_the_same_id_ends_the_job(make_table: Any, verify: Any, admin: Any) -> None:
    table = make_table("id int, body text, extra text", ROWS)
    verify(table, settings={"id": ["id"]})
    admin.execute(f"insert into {table} values (9, 'twice')")
    assert verify(table, settings={"id": ["id"]})[0].error.code == "source.id_not_unique"


# --- what is forgotten, and when --------------------------------------------------------------------------------------


def killed_after(commits: int) -> Callable[[str], None]:
    left = commits

    def crash(point: str) -> None:
        nonlocal left
        left -= point == "engine.commit.after"
        if left < 0:
            raise Killed

    return crash


@pytest.mark.parametrize("goes_on", [True, False])
def test_rows_that_become_what_they_were_after_a_job_was_killed_are_read_again(
    goes_on: bool, table: str, verify: Any, admin: Any, world: Any
) -> None:
    verify(table)
    admin.execute(f"update {table} set body = 'new' where id in (9, 30)")

    def crash(point: str) -> None:
        if point == "engine.commit.after" and "new" in world.texts().values():
            raise Killed

    with pytest.raises(Killed):
        verify(table, crash=crash)
    admin.execute(f"update {table} set body = 'row ' || id")
    ending, read = verify(table, job=world.job if goes_on else 0)
    assert (ending.error, read) == (None, 16)
    assert indexed(world) == table_of(admin, table)
    assert verify(table)[1] == 0


def test_a_job_that_is_killed_in_a_bucket_goes_on_and_finishes(
    table: str, verify: Any, admin: Any, world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "CHECKPOINT_ROWS", 1)
    verify(table)
    for commits in range(8):
        admin.execute(
            f"update {table} set body = body || '.' where id in (9, 20, 30); delete from {table} where id = {commits}"
        )
        with Survived():
            verify(table, crash=killed_after(commits))
        admin.execute(
            f"update {table} set body = body || '!' where id = 31; delete from {table} where id = {40 + commits}"
        )
        verify(table, job=world.job)
        verify(table)
        assert indexed(world) == table_of(admin, table), commits
        assert verify(table)[1] == 0


def test_rows_read_by_an_earlier_attempt_are_not_covered_by_checksums_of_a_later_one(
    table: str, verify: Any, admin: Any, world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "CHECKPOINT_ROWS", 1)
    with pytest.raises(Killed):
        verify(table, settings={"fetch_size": 8}, crash=killed_after(3))
    assert 0 < len(world.texts()) < 64
    admin.execute(f"update {table} set body = 'later' where id = 1")
    assert 0 < verify(table, job=world.job, settings={"fetch_size": 8})[1] < 64
    verify(table)
    assert indexed(world) == table_of(admin, table)


def test_checksums_of_an_attempt_that_was_killed_are_of_no_use(
    table: str, make_table: Any, verify: Any, admin: Any, world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make_table("id int primary key, body text, extra text", ROWS)
    both = {"table": "", "tables": [table, other]}
    verify("", settings=both)
    admin.execute(f"update {table} set body = 'first' where id = 9; update {other} set body = 'new' where id = 9")
    with pytest.raises(Killed):
        verify("", settings=both, crash=killed_after(3))
    admin.execute(f"update {table} set body = 'second' where id = 9")
    with monkeypatch.context() as patched:
        patched.setattr(PgSession, "checksums", lambda *_: None)
        verify("", settings=both, job=world.job)
    admin.execute(f"update {table} set body = 'first' where id = 9")
    verify("", settings=both)
    assert indexed(world) == table_of(admin, table, f"{table}/") | table_of(admin, other, f"{other}/")


def test_rows_that_become_what_they_were_after_a_document_failed_are_read_again(
    table: str, verify: Any, admin: Any, world: Any
) -> None:
    refuses = Refuses()
    verify(table, transforms=[refuses])
    admin.execute(f"update {table} set body = 'new' where id = 9; update {table} set body = 'poison' where id = 10")
    refuses.armed = True
    assert verify(table, transforms=[refuses])[0].event is JobEvent.FINISH_WITH_SKIPS
    admin.execute(f"update {table} set body = 'row ' || id")
    ending, _ = verify(table, transforms=[refuses])
    assert ending.event is JobEvent.FINISH
    assert indexed(world) == table_of(admin, table)


def test_other_settings_for_a_job_that_fails_do_not_leave_documents_of_theirs(
    table: str, verify: Any, admin: Any, world: Any
) -> None:
    verify(table)
    with pytest.raises(Killed):
        verify(table, settings={"body": ["extra"]}, crash=killed_after(2))
    verify(table)
    assert indexed(world) == table_of(admin, table)


def test_a_table_that_was_given_up_for_a_job_that_fails_is_read_when_it_comes_back(
    table: str, make_table: Any, verify: Any, admin: Any, world: Any
) -> None:
    other = make_table("id int primary key, body text, extra text", ROWS)
    both = {"table": "", "tables": [table, other]}
    verify("", settings=both)
    with pytest.raises(Killed):
        verify("", settings={"table": "", "tables": [other]}, crash=killed_after(1))
    assert len(world.texts()) == 64
    admin.execute(f"delete from {other} where id < 64")  # as many as were taken out of the index
    verify("", settings=both)
    assert indexed(world) == table_of(admin, table, f"{table}/")


def test_an_ordinary_job_forgets_only_the_buckets_that_it_touches(
    table: str, verify: Any, admin: Any, world: Any
) -> None:
    auto = {"changes": "auto"}
    verify(table)
    admin.execute(f"update {table} set body = 'new' where id = 9; delete from {table} where id = 63")
    assert verify(table, settings=auto)[1] == 1
    assert verify(table, settings=auto)[1] == 0
    admin.execute(f"update {table} set body = 'row 9' where id = 9")  # as when it was verified
    assert verify(table)[1] == 15
    assert indexed(world) == table_of(admin, table)
    assert verify(table)[1] == 0


def test_a_row_that_is_gone_and_back_does_not_hide_one_that_goes(
    table: str, verify: Any, admin: Any, world: Any
) -> None:
    verify(table)
    admin.execute(f"delete from {table} where id = 9")
    verify(table, settings={"changes": "auto"})
    admin.execute(f"insert into {table} values (9, 'row 9'); delete from {table} where id = 63")
    verify(table)
    assert indexed(world) == table_of(admin, table)


@pytest.mark.parametrize("changes", ["auto", "scan"])
def test_rows_that_go_one_after_the_other_are_all_found(
    changes: str, table: str, verify: Any, admin: Any, world: Any
) -> None:
    verify(table, settings={"changes": changes})
    for id in (9, 63, 30, 31):  # what a ledger row was called is not used again
        admin.execute(f"delete from {table} where id = {id}")
        assert verify(table, settings={"changes": changes})[0].counters.deleted == 1
    assert indexed(world) == table_of(admin, table)


def test_a_plan_forgets_nothing(table: str, verify: Any, server: Any, admin: Any, world: Any) -> None:
    verify(table)
    before = remembered(world)
    admin.execute(f"update {table} set body = 'new' where id = 9")
    plan = world.plan(server.source(table=table, changes="scan", body=["body"]))
    assert plan.update == ["9"]
    assert remembered(world) == before


def test_force_reads_everything_again(table: str, verify: Any) -> None:
    verify(table)
    assert verify(table, force=True)[0].counters.kept == 64


@pytest.mark.parametrize("changes", ["auto", "scan"])
def test_a_full_job_passes_over_nothing(
    changes: str, table: str, verify: Any, server: Any, admin: Any, world: Any
) -> None:
    settings = {"table": table, "changes": changes, "body": ["body"]}
    for _ in range(2):
        assert world.run(server.source(**settings)).error is None
    world.truth.connection.execute("update ledger set fingerprint = x'00' where id = '9'")
    assert world.run(server.source(**settings)).counters.kept == 64
    admin.execute(f"delete from {table} where id = 7")
    full = world.run(server.source(**settings), force=True)
    assert (full.counters.updated, full.counters.deleted, full.counters.kept) == (1, 1, 62)
    assert full.remarks == [f"{table}: every row is read and hashed (as was asked for); what is not among them is gone"]
    assert verify(table, settings=settings)[1] == 0
    assert indexed(world) == table_of(admin, table)


def test_without_deletions_a_verification_finds_what_is_gone(table: str, verify: Any, admin: Any, world: Any) -> None:
    settings = {"deletions": False}
    verify(table, settings=settings)
    admin.execute(f"delete from {table} where id = 9")
    assert verify(table, settings=settings)[0].counters.deleted == 1


# --- several tables, and what cannot be asked -------------------------------------------------------------------------


def test_of_several_tables_each_is_read_in_its_way(
    table: str, make_table: Any, verify: Any, admin: Any, world: Any
) -> None:
    other = make_table("id int primary key, body text, extra text", ROWS)
    admin.execute(f"create view {table}_v as select * from {table}")
    settings = {"table": "", "tables": [f"{table}_v", other], "id": ["id"], "changes": "auto"}
    verify("", settings=settings)
    admin.execute(f"update {table} set body = 'new' where id = 9; delete from {table} where id = 1")
    admin.execute(f"update {other} set body = 'new' where id = 30; delete from {other} where id = 2")
    ending, read = verify("", settings=settings)
    assert read == 15 + 1
    assert "3 of 4 ranges" in ending.remarks[0]
    assert "1 rows were written" in ending.remarks[1]
    assert indexed(world) == table_of(admin, table, f"{table}_v/") | table_of(admin, other, f"{other}/")
    admin.execute(f"drop view {table}_v")
    assert verify("", settings=settings)[0].event is JobEvent.FINISH_WITH_SKIPS
    admin.execute(f"create view {table}_v as select * from {table}; update {table} set body = 'newer' where id = 9")
    assert verify("", settings=settings)[1] == 15
    assert indexed(world) == table_of(admin, table, f"{table}_v/") | table_of(admin, other, f"{other}/")


def test_where_the_server_cannot_compute_them_every_row_is_read_as_before(
    table: str, verify: Any, server: Any, admin: Any, world: Any
) -> None:
    verify(table)
    user = server.name("reader")
    function = "function pg_catalog.hashtextextended(text, bigint)"
    admin.execute(
        f"create role {user} login; grant select on {table} to {user}; revoke execute on {function} from public"
    )
    try:
        admin.execute(f"update {table} set body = 'new' where id = 9")
        ending, read = verify(table, settings={"user": user})
        assert (ending.error, read) == (None, 64)
        assert buckets_of(world, table) == {}
    finally:
        admin.execute(f"grant execute on {function} to public")
    verify(table, settings={"user": user})
    assert verify(table, settings={"user": user})[1] == 0
    admin.execute(f"drop owned by {user}; drop role {user}")


def test_what_lies_outside_of_the_snapshot_is_recognised_in_a_plan(table: str, admin: Any) -> None:
    plan = admin.value(f"explain (format json) select * from {table}")
    assert statements.is_suitable(plan)
    assert not statements.is_suitable(plan.replace("Seq Scan", "Foreign Scan"))
    assert not statements.is_suitable(plan.replace("Seq Scan", "Custom Scan"))


def test_a_query_that_is_dear_to_compute_is_computed_once(table: str, verify: Any, admin: Any, world: Any) -> None:
    body = f"(select string_agg(b.body, ' ' order by b.id) from {table} b where b.id < a.id)"
    settings = {"table": "", "query": f"select id, {body} as body, extra from {table} a", "id": ["id"]}
    assert verify("", settings=settings)[1] == 64
    assert buckets_of(world, "the query") == {}
    assert verify("", settings=settings)[1] == 64


# --- memory -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["n", "n * 7919", "md5(n::text)"])
def test_what_is_remembered_is_a_few_dozen_kilobytes(
    key: str, make_table: Any, server: Any, monkeypatch: pytest.MonkeyPatch, remark: Callable[[str], None]
) -> None:
    monkeypatch.undo()
    type = "text" if "md5" in key else "bigint"
    table = make_table(f"id {type} primary key, body text", f"select {key}, 'b' from generate_series(1, 50000) n")
    *_, complete = server.source(table=table, changes="scan").list(None, None)
    assert isinstance(complete, Complete)
    told = complete.memory["tables"][table]["buckets"]  # type: ignore[index]
    assert 700 < len(Buckets.unpacked(told).sums) <= 2048
    size = len(json.dumps(told))
    remark(f"tables: {size:,} characters are remembered of the buckets of 50,000 rows by {key}")
    assert size < 40_000


def test_checkpoints_that_forget_carry_the_whole_memory(table: str, server: Any, admin: Any) -> None:
    *_, complete = server.source(table=table, changes="scan").list(None, None)
    admin.execute(f"update {table} set body = 'new' where id = 9")
    news = list(server.source(table=table, changes="scan").list(complete.memory, None))
    first = next(n for n, one in enumerate(news) if isinstance(one, Checkpoint))
    assert first < next(n for n, one in enumerate(news) if isinstance(one, Page))
    memory = news[first].memory
    assert {**memory, "tables": None} == {**complete.memory, "tables": None}
    left = Buckets.unpacked(memory["tables"][table]["buckets"])
    assert sorted(left.sums) == [0, 2, 3, 4, 5, 6, 7]


def test_packed_buckets_are_the_same_again_and_folding_does_not_depend_on_the_way() -> None:
    dice = random.Random(7)
    for _ in range(200):
        numbers = {
            dice.choice([dice.randrange(-(2**63), 2**63), dice.randrange(-9, 9)]) for _ in range(dice.randrange(9))
        }
        sums = {number: Sum(dice.randrange(1, 2**40), dice.randrange(2**64)) for number in numbers}
        made = Buckets(Layout(dice.random() < 0.5, dice.randrange(4), dice.random() < 0.5), sums)
        assert Buckets.unpacked(json.loads(json.dumps(made.packed()))) == made
        assert made.coarser(9) == made.coarser(5).coarser(9)
        assert made.coarser(9).rows == made.rows
        assert len(made.no_more_than(2).sums) <= 2
        assert made.differing(made) == set()
        if numbers:
            one = dice.choice(sorted(numbers))
            other = Buckets(made.layout, {**sums, one: sums[one]._replace(hash=sums[one].hash ^ 1)})
            assert made.differing(other) == {one}
            assert made.coarser(9).differing(other.coarser(9)) == {one >> 9 - made.layout.shift}
