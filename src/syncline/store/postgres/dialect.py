"""SQL that was written for SQLite, as PostgreSQL understands it.

Most statements of `store/relational` need no more than other names for their parameters. Those that do have a text of
their own under the same name in `sql/`, which may begin with a line that says how many rows of parameters are sent:

    -- rows                       one statement for all: each parameter is an array, one value for each row
    -- copy TABLE (COLUMN, ...)   all rows at once, without a statement
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import cache
from typing import Final

from syncline.store.relational.database import Statement, load_queries

HERE: Final = os.path.join(os.path.dirname(__file__), "sql")
_QUOTED: Final = re.compile(r"('(?:[^']|'')*')")
_MARK: Final = re.compile(r"\?(\d*)")
_SCALAR_MAX: Final = re.compile(r"\bmax(?=\(\w+, )")  # max(a, b) is no aggregate
_CROSS_ON: Final = re.compile(r"\bcross join (\w+)\s+on\b")  # "in this order, please"
_OPTIONAL: Final = re.compile(r"\((\?\d+) is null or ")


@dataclass(slots=True, frozen=True)
class Text:
    """A statement as it is sent. `rows`: its parameters are arrays. `table`: it is no statement but a COPY."""

    sql: str
    rows: bool = False
    table: str = ""
    columns: tuple[str, ...] = ()


def text_of(statement: str) -> Text:
    """What is sent for a statement of the store."""
    if isinstance(statement, Statement):
        own = _own().get(statement.key)
        if own is not None:
            return own
    return _translated(str(statement))


@cache
def _own() -> dict[str, Text]:
    found = {}
    for file in sorted(os.listdir(HERE)):
        if file.endswith(".sql"):
            for statement in load_queries(file, HERE).values():
                found[statement.key] = _parsed(statement)
    return found


def _parsed(statement: str) -> Text:
    head, _, rest = statement.partition("\n")
    if head.startswith("-- copy "):
        table, _, names = head.removeprefix("-- copy ").partition(" ")
        columns = tuple(name.strip() for name in names.strip("() ").split(","))
        return Text("", table=table, columns=columns)
    return Text(_translated(rest).sql, rows=True) if head == "-- rows" else _translated(statement)


@cache
def _translated(sql: str) -> Text:
    sql = _reordered(sql)
    parts, highest = _QUOTED.split(sql), 0

    def numbered(match: re.Match[str]) -> str:
        nonlocal highest
        number = int(match[1]) if match[1] else highest + 1
        highest = max(highest, number)
        return f"${number}"

    for at in range(0, len(parts), 2):  # every other one is a quoted text
        parts[at] = _MARK.sub(numbered, parts[at])
    made = "".join(parts)
    for number in range(1, highest + 1):
        made = _typed(made, number)
    return Text(_CROSS_ON.sub(r"join \1 on", _SCALAR_MAX.sub("greatest", made)))


def _reordered(sql: str) -> str:
    """`(?1 is null or a = ?1)` the other way round: the type of a parameter is known by its first use."""
    at = 0
    while (found := _OPTIONAL.search(sql, at)) is not None:
        end = _closing(sql, found.start())
        rest = sql[found.end() : end]
        sql = f"{sql[: found.start()]}({rest} or {found[1]} is null{sql[end:]}"
        at = found.start() + 1
    return sql


def _closing(sql: str, at: int) -> int:
    depth = 0
    for position in range(at, len(sql)):
        depth += {"(": 1, ")": -1}.get(sql[position], 0)
        if depth == 0:
            return position
    raise ValueError(f"a parenthesis is not closed: {sql}")


def _typed(sql: str, number: int) -> str:
    """A parameter that is only asked whether it is null has no type: give it one."""
    name = rf"\${number}(?!\d)"
    uses, asked = re.findall(name, sql), re.findall(name + " is (?:not )?null", sql)
    return re.sub(name, f"${number}::text", sql) if uses and len(uses) == len(asked) else sql
