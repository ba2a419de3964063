"""The table and its statements: how it is called, made, and looked at when it is there already."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from syncline.destinations.postgresql import problems
from syncline.model.errors import ConfigInvalid

WRITERS: Final = "syncline_writers"
STAGE: Final = "syncline_stage"
NO_LANGUAGE: Final = "none"

LONGEST_SEARCHED: Final = 200_000  # characters; a tsvector holds a MiB at most

COLUMNS: Final[Mapping[str, str]] = {
    "connector": "bigint",
    "id": "text",
    "title": "text",
    "body": "text",
    "metadata": "jsonb",
    "dates": "jsonb",
    "url": "text",
    "media_type": "text",
    "allow": "text[]",
    "deny": "text[]",
    "checksum": "bigint",
    "written": "bigint",
}
_CHECKSUM: Final = (
    "hashtextextended(s.title, hashtextextended(s.body, hashtextextended(s.metadata::text, hashtextextended(s.url,"
    " hashtextextended(s.media_type, hash_array_extended(s.allow, hash_array_extended(s.deny, 0)))))))"
)
_FIRST_CHECKSUM: Final = (  # rows that were written by an earlier version have this one
    "hashtextextended(s.title || E'\\x1f' || s.body || E'\\x1f' || s.metadata::text || E'\\x1f' || s.url || E'\\x1f'"
    " || s.media_type || E'\\x1f' || s.allow::text || E'\\x1f' || s.deny::text, 0)"
)
_MADE_OF: Final = {
    "put": ("insert", "staged", "replacing"),
    "paste": ("insert", "by_column"),
    "paste_over": ("insert", "by_column", "replacing"),
}
# What is said of columns that are given, and of those that no document has: those are hashed once.
_WITH_LINKS: Final = {
    "{url}": "coalesce(urls, '')",
    "{allow}": "case when allows is null then '{}'::text[] else allows::text[] end",
}
_BARE: Final = {"{url}": "''::text", "{allow}": "'{}'::text[]"}


class Settings(Protocol):
    """See `config.py`."""

    url: str
    table: str
    language: str
    embedder: str
    embedder_settings: Mapping[str, Any]
    dimensions: int | None
    connect_timeout_s: float
    lock_timeout_s: float


class Table:
    """One table by the settings; says its statements."""

    def __init__(self, settings: Settings) -> None:
        schema, _, name = settings.table.rpartition(".")
        self.schema = schema or "public"
        self.name = f"{self.schema}.{name}"
        self.quoted = f"{quoted(self.schema)}.{quoted(name)}"
        self.writers = f"{quoted(self.schema)}.{WRITERS}"
        self.language = settings.language
        self.dimensions = settings.dimensions
        self._said = _loaded(self._pieces())
        for name, pieces in _MADE_OF.items():
            statement = "\n".join([self._said[piece] for piece in pieces])
            self._said[name] = _with(statement, _WITH_LINKS)
            self._said[f"{name}_bare"] = _with(statement, _BARE)

    @property
    def searched(self) -> bool:
        """Whether it has a full-text column."""
        return self.language != NO_LANGUAGE

    @property
    def columns(self) -> dict[str, str]:
        """Every column it must have, with its type."""
        extra = {"search": "tsvector"} if self.searched else {}
        vectors = {"embedding": f"vector({self.dimensions})"} if self.dimensions is not None else {}
        return {**COLUMNS, **extra, **vectors}

    def __getitem__(self, statement: str) -> str:
        return self._said[statement]

    def _pieces(self) -> dict[str, str]:
        extra = [name for name in self.columns if name not in COLUMNS]
        language = f"{literal(self.language)}::regconfig"
        title, body = (f"to_tsvector({language}, coalesce(s.{field}_words, ''))" for field in ("title", "body"))
        search = f"setweight({title}, 'A') || {body}"
        values = {"search": search, "embedding": f"s.embedding::vector({self.dimensions})"}
        return {
            "table": self.quoted,
            "writers": self.writers,
            "stage": STAGE,
            "name": literal(self.name),
            "language": language,
            "checksum": _CHECKSUM,
            "first_checksum": _FIRST_CHECKSUM,
            "extra_columns": "".join([f",\n    {name} {self.columns[name]}" for name in extra]),
            "extra_names": "".join([f", {name}" for name in extra]),
            "extra_values": "".join([f", {values[name]}" for name in extra]),
            "extra_sets": "".join([f", {name} = excluded.{name}" for name in extra]),
        }

    # --- making and checking ------------------------------------------------------------------------------------------

    async def exists(self, connection: Any) -> bool:
        """Whether the table is there."""
        return bool(await connection.fetchval(self["exists"], self.quoted))

    async def make(self, connection: Any) -> None:
        """Make it with its indexes, in the transaction under way."""
        if self.dimensions is not None and not await connection.fetchval(self["has_vectors"]):
            raise ConfigInvalid(
                "the database has no type vector",
                code="destination.no_vectors",
                remedy="Run `create extension vector` there (pgvector), or leave the embedder out.",
            )
        await connection.execute(self["make_table"])
        await connection.execute(self["make_index_of_age"])
        if self.searched:
            await connection.execute(self["make_index_of_words"])

    async def look_at(self, connection: Any) -> None:
        """Raises ConfigInvalid with everything that a table which is there lacks, column by column."""
        rows = await connection.fetch(self["columns"], self.quoted)
        faults = faults_of(rows, self.columns)
        if not faults and not await connection.fetchval(self["has_key"], self.quoted):
            statement = f"alter table {self.quoted} add unique (connector, id)"
            faults = {"connector, id": f"no unique constraint: {statement}"}
        if faults:
            told = "; ".join(f"{column}: {fault}" for column, fault in faults.items())
            raise ConfigInvalid(
                f"the table {self.name} cannot hold the documents of this index: {told}",
                code="destination.table_unfit",
                remedy="Change the table as it says, or name another one, which is made then.",
                columns=faults,
            )

    async def check_language(self, connection: Any) -> None:
        """Raises ConfigInvalid when the database has no such text search configuration."""
        if self.searched and not await connection.fetchval(self["has_language"], self.language):
            raise ConfigInvalid(
                f"the database has no text search configuration {self.language!r}",
                code="destination.no_language",
                remedy="Use one that `select cfgname from pg_ts_config` shows, or none.",
            )

    async def check_rights(self, connection: Any) -> None:
        """Raises DestinationError when this user may not write to it, or not make it."""
        query, what = ("may_write", self.quoted) if await self.exists(connection) else ("may_make", self.schema)
        if not await connection.fetchval(self[query], what):
            verb = "write to the table" if query == "may_write" else "make a table in the schema"
            raise problems.no_permission(f"this user may not {verb} {what}")


def faults_of(rows: Sequence[Mapping[str, Any]], wanted: Mapping[str, str]) -> dict[str, str]:
    """What is wrong with each column, and how it is put right."""
    there = {row["name"]: row for row in rows}
    faults: dict[str, str] = {}
    for name, type in wanted.items():
        row = there.get(name)
        if row is None:
            faults[name] = f"missing: alter table … add column {name} {type}"
        elif row["type"] != type:
            faults[name] = f"is {row['type']}, must be {type}"
        elif row["generated"]:
            faults[name] = "is generated, must be an ordinary column"
    for name, row in there.items():
        if name not in wanted and row["notnull"] and not row["filled"]:
            faults[name] = "must have a default, or may be NULL: nothing is written to it"
    return faults


def quoted(name: str) -> str:
    """An identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A string constant, whatever the server thinks of backslashes."""
    return "E'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def _loaded(pieces: Mapping[str, str]) -> dict[str, str]:
    """The statements by name, with the pieces put in."""
    with open(os.path.join(os.path.dirname(__file__), "statements.sql"), encoding="utf-8") as file:
        blocks = file.read().split("-- name: ")[1:]
    said = {}
    for block in blocks:
        name, _, statement = block.partition("\n")
        said[name.strip()] = _with(statement, {"{" + piece + "}": text for piece, text in pieces.items()}).strip()
    return said


def _with(statement: str, pieces: Mapping[str, str]) -> str:
    for piece, text in pieces.items():
        statement = statement.replace(piece, text)
    return statement
