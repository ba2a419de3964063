"""After any history of concurrent writers, one quiet job makes the index equal to the table (invariant 7).

Three writers insert, update, move keys, delete and re-insert in transactions of their own that commit late or never,
while jobs run: between any two pages of a listing they go on writing.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest

SCHEDULES = 200
LONG, SLICE = 10_000, 490  # the long form, in parts that can be run side by side

COLUMNS = "id int primary key, body text, at timestamptz not null"
MODES: list[dict[str, Any]] = [
    {},
    {"fetch_size": 3},
    {"changes": "scan", "fetch_size": 3},
    {"where": "body <> 'hidden'"},
    {"cursor": "at"},
    {"view": True},
    {"view": True, "cursor": "at", "metadata": []},
    {"several": True, "fetch_size": 2},
]


class Writers:
    """Three connections in transactions of their own, and a sequence with gaps."""

    def __init__(self, connections: list[Any], table: str, dice: random.Random) -> None:
        self.connections = connections
        self.open = [False] * len(connections)
        self.table = table
        self.dice = dice

    def act(self) -> None:
        """One step of one writer. What would have to wait for another writer is rolled back instead."""
        dice = self.dice
        number = dice.randrange(len(self.connections))
        try:
            if not self.open[number]:
                self.connections[number].execute("begin; set local lock_timeout = '1ms'")
                self.open[number] = True
            self.connections[number].execute(self._statement())
            if dice.random() < 0.5:
                self._end(number, "commit" if dice.random() < 0.85 else "rollback")
        except Exception:
            self._end(number, "rollback")

    def _statement(self) -> str:
        dice, table = self.dice, self.table
        id, other, body = dice.randrange(30), dice.randrange(30), dice.choice(["a", "b", "hidden", str(dice.random())])
        at = dice.choice(["now()", "date_trunc('second', now())", "clock_timestamp()"])
        insert = f"insert into {table} values ({id}, '{body}', {at}) on conflict do nothing"
        return dice.choice(
            [
                insert,
                insert,
                f"update {table} set body = '{body}', at = {at} where id = {id}",
                f"update {table} set body = '{body}', at = {at} where id between {id} and {id + 5}",
                f"update {table} set id = {other}, at = {at} where id = {id} and not exists"
                f" (select from {table} where id = {other})",
                f"delete from {table} where id = {id}",
                f"delete from {table} where id = {id}; {insert}",
                f"savepoint s; {insert}; rollback to s",
                f"savepoint s; update {table} set body = '{body}', at = {at} where id = {id}; release s",
            ]
        )

    def _end(self, number: int, how: str) -> None:
        self.connections[number].execute(how)
        self.open[number] = False

    def finish(self) -> None:
        for number, is_open in enumerate(self.open):
            if is_open:
                self._end(number, self.dice.choice(["commit", "rollback"]))


class Disturbed:
    """A source whose table is written to between any two things it says."""

    def __init__(self, inner: Any, act: Callable[[], None], dice: random.Random) -> None:
        self._inner, self._act, self._dice = inner, act, dice

    def check(self) -> None:
        self._inner.check()

    def list(self, memory: Any, cursor: Any) -> Iterator[Any]:
        for news in self._inner.list(memory, cursor):
            yield news
            while self._dice.random() < 0.6:
                self._act()

    def fetch(self, entries: Any) -> Iterator[Any]:
        if self._dice.random() < 0.3:
            self._act()
        yield from self._inner.fetch(entries)

    def sheet(self, entries: Any) -> Any:
        if self._dice.random() < 0.3:
            self._act()
        return self._inner.sheet(entries)


def play(seed: int, server: Any, admin: Any, connections: list[Any], world: Any) -> None:
    """One schedule. Raises AssertionError when the index is not the table at its end."""
    dice = random.Random(seed)
    mode = dict(dice.choice(MODES))
    table, view = f"s{seed}", f"v{seed}"
    admin.execute(f"create table {table} ({COLUMNS}); create view {view} as select * from {table}")
    writers = Writers(connections, table, dice)
    several, viewed = mode.pop("several", False), mode.pop("view", False)
    if several:
        settings = server.settings(tables=[table], **mode)
    elif viewed:
        settings = server.settings(table=view, id=["id"], **mode)
    else:
        settings = server.settings(table=table, **mode)
    settings.setdefault("metadata", [])
    world.connector = seed + 1
    try:
        for _ in range(dice.randrange(1, 4)):
            for _ in range(dice.randrange(12)):
                writers.act()
            source = Disturbed(server.source(**settings), writers.act, dice)
            ending = world.run(source)
            assert ending.error is None, ending.error
        writers.finish()
        world.run(server.source(**settings))
        compare(admin, world, table, f"{table}/" if several else "", mode.get("where", "true"), f"seed {seed}: {mode}")
        again = world.run(server.source(**settings))
        written = again.counters.inserted + again.counters.updated + again.counters.deleted
        assert written == 0, f"seed {seed}: {again.counters.as_dict()}"
    finally:
        writers.finish()
        admin.execute(f"drop table {table} cascade")


def compare(admin: Any, world: Any, table: str, prefix: str, where: str, told: str) -> None:
    rows = admin.value(
        f"select coalesce(json_object_agg(id, coalesce(body, '')), '{{}}')::text from {table} where {where}"
    )
    import json

    assert world.texts() == {prefix + id: body for id, body in json.loads(rows).items()}, told


def connections_of(server: Any) -> list[Any]:
    return [server.connect() for _ in range(3)]


def test_after_any_history_of_concurrent_writers_the_index_equals_the_table(
    server: Any, admin: Any, world: Any, remark: Callable[[str], None]
) -> None:
    connections = connections_of(server)
    for seed in range(SCHEDULES):
        play(seed, server, admin, connections, world)
    remark(f"tables: {SCHEDULES} schedules of concurrent writers, 0 misses")


@pytest.mark.slow
@pytest.mark.timeout(7_200)
@pytest.mark.parametrize("first", range(SCHEDULES, LONG, SLICE))
def test_the_same_for_many_more_histories(
    server: Any, admin: Any, world: Any, remark: Callable[[str], None], first: int
) -> None:
    connections = connections_of(server)
    for seed in range(first, first + SLICE):
        play(seed, server, admin, connections, world)
    remark(f"tables: {SLICE} more schedules of concurrent writers, 0 misses")


def test_partitions_and_children_are_one_table(server: Any, admin: Any, world: Any, make_table: Any) -> None:
    parted = make_table("id int primary key, body text) partition by range (id")
    admin.execute(
        f"create table {parted}_a partition of {parted} for values from (0) to (10);"
        f"create table {parted}_b partition of {parted} for values from (10) to (20);"
        f"insert into {parted} select n, 'x' from generate_series(1, 19) n"
    )
    parent = make_table("id int, body text")
    admin.execute(f"create table {parent}_c () inherits ({parent}); insert into {parent}_c values (1, 'c')")
    admin.execute(f"insert into {parent} values (2, 'p')")
    world.run(server.source(tables=[parted, parent], id=["id"]))
    assert len(world.texts()) == 21
    admin.execute(
        f"delete from {parted} where id = 11; update {parted} set id = 11 where id = 3; delete from {parent}_c"
    )
    ending = world.run(server.source(tables=[parted, parent], id=["id"]))
    assert "rows were written" in ending.remarks[0]
    assert f"{parted}/3" not in world.texts()
    assert (ending.counters.updated, ending.counters.deleted, len(world.texts())) == (0, 2, 19)
    admin.execute(f"create table {parted}_d partition of {parted} for values from (20) to (30)")
    admin.execute(f"insert into {parted} values (25, 'new')")
    ending = world.run(server.source(tables=[parted, parent], id=["id"]))
    assert "every row is read" in ending.remarks[0]
    assert ending.counters.inserted == 1


def test_rows_that_a_condition_lets_in_without_being_written_are_found(
    server: Any, admin: Any, world: Any, make_table: Any
) -> None:
    table, gate = make_table("id int primary key, body text"), make_table("id int")
    admin.execute(f"insert into {table} values (1, 'a'), (2, 'b'); insert into {gate} values (1)")
    settings = {"table": table, "where": f"id in (select id from {gate})"}
    world.run(server.source(**settings))
    admin.execute(f"update {gate} set id = 2")  # one row leaves, another one enters: their number stays
    ending = world.run(server.source(**settings))
    assert (ending.counters.inserted, ending.counters.deleted) == (1, 1)
    assert world.texts() == {"2": "b"}


def test_row_level_security_is_no_proof_by_number(server: Any, admin: Any, world: Any, make_table: Any) -> None:
    table = make_table("id int primary key, body text, owner text")
    user = server.name("owner")
    admin.execute(
        f"create role {user} login; grant select on {table} to {user}; alter table {table} enable row level security;"
        f"insert into {table} values (1, 'a', '{user}'), (2, 'b', 'x');"
        f"create policy p on {table} using (owner = current_setting('app.owner', true));"
        f"alter role {user} set app.owner = '{user}'"
    )
    world.run(server.source(table=table, user=user, body=["body"]))
    assert world.texts() == {"1": "a"}
    admin.execute(f"alter role {user} set app.owner = 'x'")
    world.run(server.source(table=table, user=user, body=["body"]))
    assert world.texts() == {"2": "b"}
    admin.execute(f"drop owned by {user}; drop role {user}")
