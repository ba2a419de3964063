"""What a row holds is what the document holds: every kind of value, and every way to make a document of it."""

from __future__ import annotations

from typing import Any

import pytest

from syncline.model.errors import ConfigInvalid

EVERYTHING = """
id int primary key, name text, body text, flag bool, small int2, big int8, price numeric(20, 4), ratio float8, day date,
at timestamptz, local timestamp, span interval, doc jsonb, tags text[], numbers int[], grid int[][], raw bytea,
uid uuid, mood {mood}, list jsonb, word json, gone text, chars char(4), net inet
"""
VALUES = r"""
values (1, 'A name', E'Line one\nline\ttwo \\ back', true, -7, 9007199254740993, 12345678901234.5678, 0.1, '2026-01-31',
'2026-01-31 12:00:00.5+02', '2026-01-31 12:00:00', '1 day 2 hours', '{"b": [1, {"c": "é"}], "a": null}',
array['x', 'a "quoted", one', ''], '{1,2}', '{{1,2},{3,4}}', '\x00ff', '11111111-2222-3333-4444-555555555555', 'glad',
'["p", "q"]', '"text"', null, 'ab', '10.0.0.1')
"""


@pytest.fixture
def mood(server: Any, admin: Any) -> Any:
    name = server.name("mood")
    admin.execute(f"create type {name} as enum ('glad', 'sad')")
    yield name
    admin.execute(f"drop type {name} cascade")


def test_every_kind_of_value_is_kept_faithfully(server: Any, world: Any, make_table: Any, mood: str) -> None:
    table = make_table(EVERYTHING.format(mood=mood), VALUES)
    assert world.run(server.source(table=table)).error is None
    document = world.documents()["1"]
    assert document.title == "A name"
    assert document.text == "Line one\nline\ttwo \\ back\nab  "
    assert document.metadata == {
        "id": 1,
        "flag": True,
        "small": -7,
        "big": 9007199254740993,
        "price": "12345678901234.5678",  # more digits than a double holds
        "ratio": 0.1,
        "day": "2026-01-31",
        "at": "2026-01-31T10:00:00.5+00:00",
        "local": "2026-01-31T12:00:00",
        "span": "P1DT2H",
        "doc": '{"a": null, "b": [1, {"c": "é"}]}',
        "tags": ["x", 'a "quoted", one', ""],
        "numbers": ["1", "2"],
        "grid": "{{1,2},{3,4}}",
        "raw": "AP8=",
        "uid": "11111111-2222-3333-4444-555555555555",
        "mood": "glad",
        "list": ["p", "q"],
        "word": "text",
        "net": "10.0.0.1",
    }


def test_numbers_that_json_has_not_stay_text(server: Any, world: Any, make_table: Any) -> None:
    table = make_table(
        "id int primary key, a numeric, b float8, c float8, d timestamptz, e numeric",
        "values (1, 'NaN', 'Infinity', 1e300, 'infinity', 10.50)",
    )
    world.run(server.source(table=table))
    told = world.documents()["1"].metadata
    assert told == {"id": 1, "a": "NaN", "b": "Infinity", "c": 1e300, "d": "infinity", "e": 10.5}


def test_a_very_large_text_is_kept_whole(server: Any, world: Any, make_table: Any) -> None:
    table = make_table("id int primary key, body text", "select 1, repeat('ünder ', 4000000)")
    world.run(server.source(table=table))
    assert world.texts()["1"] == "ünder " * 4_000_000


def test_a_binary_column_can_be_the_body(server: Any, make_table: Any) -> None:
    table = make_table("id int primary key, file bytea", r"values (1, '\x25504446')")
    source = server.source(table=table, body=["file"])
    entries = [entry for news in source.list(None, None) for entry in getattr(news, "entries", ())]
    (document,) = source.fetch(entries)
    assert document.content == b"%PDF"


def test_a_template_a_title_and_a_url_are_filled_from_columns(server: Any, world: Any, make_table: Any) -> None:
    table = make_table("id int primary key, q text, a text", "values (1, 'Why? é', 'Because {so}')")
    settings = {"title": "{id}: {q}", "template": "Q {q}\nA {a} {{x}}", "url": "https://e.org/{id}?q={q}"}
    world.run(server.source(table=table, **settings))
    document = world.documents()["1"]
    assert document.title == "1: Why? é"
    assert document.text == "Q Why? é\nA Because {so} {x}"
    assert document.url == "https://e.org/1?q=Why%3F%20%C3%A9"


def test_a_template_with_an_unknown_column_names_the_known_ones(server: Any, make_table: Any) -> None:
    table = make_table("id int primary key, q text")
    with pytest.raises(ConfigInvalid, match="'nope'") as caught:
        server.source(table=table, template="{nope}").check()
    assert caught.value.code == "config.column_missing"
    assert "id, q" in caught.value.remedy


IDS = [
    ("a text, b text, primary key (a, b)", "values ('x,y', 'z'), ('x', 'y,z'), ('', '%'), ('%', '')", 4),
    ("a text primary key", "values (''), ('%'), ('%25'), ('a,b'), ('tab\there'), (E'new\\nline'), ('\\N'), ('x/y')", 8),
    ("a uuid primary key", "values ('11111111-2222-3333-4444-555555555555')", 1),
    ("a timestamptz, b int, primary key (b, a)", "values ('2026-01-01', 1), ('2026-01-01', 2)", 2),
    ("a bytea primary key", r"values ('\x00'), ('\x5c4e')", 2),
    ("a text primary key", "values (repeat('é', 1200)), (repeat('é', 1200) || 'x'), (repeat('k', 2600))", 3),
]


@pytest.mark.parametrize(("columns", "rows", "count"), IDS)
@pytest.mark.parametrize("several", [False, True])
def test_any_key_gives_ids_that_lead_back_to_their_rows(
    columns: str, rows: str, count: int, several: bool, server: Any, world: Any, admin: Any, make_table: Any
) -> None:
    table = make_table(f"{columns}, body text default 'first'")
    admin.execute(f"insert into {table} {rows}")
    settings = {"tables": [table]} if several else {"table": table}
    world.run(server.source(**settings, fetch_size=1))
    assert len(world.texts()) == count
    source = server.source(**settings)
    entries = [entry for news in source.list(None, None) for entry in getattr(news, "entries", ())]
    assert {document.id for document in source.fetch(entries)} == set(world.texts())
    admin.execute(f"delete from {table} where ctid = (select min(ctid) from {table})")
    ending = world.run(server.source(**settings))
    assert (ending.counters.deleted, ending.counters.kept) == (1, count - 1)


def test_rows_without_an_id_are_left_out_and_counted(server: Any, world: Any, make_table: Any) -> None:
    table = make_table("a int, body text", "values (1, 'x'), (null, 'y'), (null, 'z')")
    ending = world.run(server.source(table=table, id=["a"]))
    assert set(world.texts()) == {"1"}
    assert any("2 rows without an id" in remark for remark in ending.remarks)


def test_two_rows_with_one_id_end_the_job_before_one_hides_the_other(server: Any, world: Any, make_table: Any) -> None:
    table = make_table("a int, body text", "values (1, 'x'), (2, 'y'), (2, 'z')")
    ending = world.run(server.source(table=table, id=["a"]))
    assert ending.error is not None
    assert ending.error.code == "source.id_not_unique"


def test_a_table_without_a_key_asks_for_one(server: Any, make_table: Any) -> None:
    table = make_table("a int, body text")
    with pytest.raises(ConfigInvalid) as caught:
        server.source(table=table).check()
    assert caught.value.code == "config.no_key"


def test_names_with_capitals_and_spaces_are_found(server: Any, admin: Any, world: Any) -> None:
    name = server.name("My Table")
    admin.execute(f'create table "{name}" ("The Id" int primary key, "Body" text)')
    admin.execute(f"""insert into "{name}" values (1, 'x')""")
    for told in (name, f"public.{name}", f'public."{name}"', f'"{name}"'):
        server.source(table=told).check()
    world.run(server.source(table=name, body=["Body"]))
    assert world.texts() == {"1": "x"}
    admin.execute(f'drop table "{name}"')


def test_only_the_chosen_columns_are_read(server: Any, admin: Any, world: Any, make_table: Any) -> None:
    table = make_table("id int primary key, a text, b text, secret text", "values (1, 'x', 'y', 'no')")
    user = server.name("reader")
    admin.execute(f"create role {user} login; grant select (id, a, b) on {table} to {user}")
    assert world.run(server.source(table=table, exclude=["secret"], user=user)).error is None
    assert world.texts() == {"1": "x\ny"}
    other = world.run(server.source(table=table, include=["b"], user=user))
    assert other.counters.updated == 1
    assert world.texts() == {"1": "y"}
    admin.execute(f"drop owned by {user}; drop role {user}")
