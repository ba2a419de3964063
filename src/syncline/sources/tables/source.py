"""Tables as a listing source.

    memory ─▶ how is each table read? ─▶ tracked    rows written since the last job; the others by their number
                                     ├─ by cursor  key and cursor of every row; bodies of what differs
                                     └─ scanned    every row, hashed before it is parsed

Everything is read in one snapshot and in order of the key. A raw row travels in the token of its entry, so that a row
is read once; a Checkpoint every few MiB bounds how many of them wait, and lets an interrupted job go on from its key.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, Final, Protocol

import xxhash

from syncline.model.documents import Document
from syncline.model.errors import ConfigInvalid, DocumentRejected, SynclineError
from syncline.model.news import (
    SAME,
    Begin,
    Checkpoint,
    Complete,
    Entry,
    Fetched,
    Gone,
    Listed,
    Note,
    Page,
    Refused,
    Unchanged,
    Unlisted,
)
from syncline.sources.tables import problems
from syncline.sources.tables.documents import Mapper, mapping
from syncline.sources.tables.documents import Settings as MapperSettings
from syncline.sources.tables.names import prefix_of
from syncline.sources.tables.problems import Trouble
from syncline.sources.tables.session import Codec, Database, KeyOnly, Raw, Session, Wanted
from syncline.sources.tables.shape import Relation, seeds

CHECKPOINT_BYTES: Final = 8 << 20
CHECKPOINT_ROWS: Final = 20_000
PAGE_ROWS: Final = 4000
KEEP_HORIZON: Final = 10_000_000  # transactions after which the horizon moves on although nothing was written


class Settings(MapperSettings, Protocol):
    """What every dialect's settings have in common; `config.py` says what they mean."""

    table: str
    tables: Sequence[str]
    query: str
    id: Sequence[str]
    include: Sequence[str]
    exclude: Sequence[str]
    where: str
    cursor: str
    deletions: bool
    changes: str
    overlap_s: float
    accept_older_state: bool


@dataclass
class Table:
    """One relation while it is read."""

    relation: Relation
    prefix: str
    codec: Codec
    mapper: Mapper
    shape: str  # another one when everything has to be read again
    since: int | None = None  # horizon, when only what was written since has to be read


class TableSource:
    """Rows as documents. `database` opens the sessions."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self.settings = settings
        self._database = database
        self._session: Session | None = None
        self._tables: dict[str, Table] = {}  # by prefix

    @cached_property
    def wanted(self) -> list[Wanted]:
        """What the settings ask for, table by table."""
        given = self.settings
        names = [given.table] if given.table else list(given.tables)
        asked = [("the query", given.query)] if given.query else [(name, "") for name in names]
        return [
            Wanted(name, query, tuple(given.id), tuple(given.include), tuple(given.exclude), given.where, given.cursor)
            for name, query in asked
        ]

    @property
    def several(self) -> bool:
        """Whether ids begin with the name of their table."""
        return bool(self.settings.tables)

    @property
    def where(self) -> str:
        """The database, for messages."""
        return self._database.where

    # --- the verbs of a source ---------------------------------------------------------------------------------------

    def check(self) -> None:
        """Raises CredentialsInvalid, SourceUnavailable or ConfigInvalid when not every table can be read."""
        with self._opened() as session:
            for wanted in self.wanted:
                self.table(session, wanted)

    def list(self, memory: Mapping[str, Any] | None, cursor: str | None) -> Iterator[Listed]:
        """Every row, or everything that tells the engine so, then Complete. See `check` for what is raised."""
        resumed = json.loads(cursor) if cursor else {}
        with self._opened() as session:
            listing = Listing(self, session, dict(memory or {}), resumed)
            yield Begin(session.anchor)
            yield from listing.run()

    def fetch(self, entries: Sequence[Entry]) -> Iterator[Fetched]:
        """The documents: of rows at hand when they are in the snapshot that is being listed, else read by key."""
        if self._session is not None:
            with _plainly():
                yield from self._fetch(self._session, entries, fresh=False)
        elif entries:
            with self._opened() as session:
                self._tables = {}
                for wanted in self.wanted:
                    self.table(session, wanted)
                yield from self._fetch(session, entries, fresh=True)

    def interrupt(self) -> None:
        """Let go of the database, from another thread."""
        self._database.interrupt()

    # --- sessions and tables -----------------------------------------------------------------------------------------

    @contextmanager
    def _opened(self) -> Iterator[Session]:
        with _plainly():
            session = self._database.open(self.wanted)
            try:
                self._session = session
                yield session
            finally:
                self._session = None
                session.close()

    def table(self, session: Session, wanted: Wanted) -> Table:
        """One relation, ready to be read. Raises Trouble."""
        relation = session.survey(wanted)
        prefix = prefix_of(wanted.name, self.several)
        by_count = seeds(relation, mapping(self.settings))
        told = f"{by_count[-1]}\0{relation.identity}\0{relation.where}\0{wanted.query}"
        shape = xxhash.xxh3_64_hexdigest(told.encode())
        try:
            mapper = Mapper(relation, self.settings)
        except ConfigInvalid as error:
            raise Trouble(error, whole=False) from error
        table = Table(relation, prefix, session.codec(relation, prefix, by_count), mapper, shape)
        self._tables[prefix] = table
        return table

    # --- bodies ------------------------------------------------------------------------------------------------------

    def _fetch(self, session: Session, entries: Sequence[Entry], *, fresh: bool) -> Iterator[Fetched]:
        missing: dict[str, list[Entry]] = {}
        for entry in entries:
            table = self._table_of(entry.id)
            if table is None:
                yield Gone(entry.id)
            elif fresh or not _is_row(entry.token):
                missing.setdefault(table.prefix, []).append(entry)
            else:
                yield _document(table, entry.id, _version_of(entry), entry.token)
        for prefix, some in missing.items():
            yield from self._read_again(session, self._tables[prefix], some)

    def _table_of(self, id: str) -> Table | None:
        if not self.several:
            return self._tables.get("")
        return self._tables.get(id[: id.find("/") + 1])

    def _read_again(self, session: Session, table: Table, entries: Sequence[Entry]) -> Iterator[Fetched]:
        waiting = {entry.id: entry for entry in entries}
        for raws in session.again(table.relation, entries, table.prefix):
            for found in table.codec.page(raws):
                entry = waiting.pop(found.id, None)
                if entry is not None:
                    version = found.version if entry.version == SAME or _is_hash(entry) else entry.version
                    yield _document(table, found.id, version, found.token)
        for id in waiting:
            yield Gone(id)


class Listing:
    """One listing, in one session.

    A checkpoint says which tables are `done`, how far the one it is `at` has been scanned, and what is to be remembered
    of the state the first attempt began with. A table of which only the written rows were read is never done before
    Complete: the rows that were not named are kept at the very end.
    """

    def __init__(self, source: TableSource, session: Session, memory: dict[str, Any], resumed: dict[str, Any]) -> None:
        self._source = source
        self._settings = source.settings
        self._session = session
        self._memory = memory
        self._before: Mapping[str, Any] = memory.get("tables", {})
        self._resumed = resumed
        self._done: list[str] = list(resumed.get("done", ()))
        self._after: dict[str, Any] = dict(resumed.get("tables", {}))
        self._newest = int(resumed.get("newest", session.state.newest))
        self._counted: list[tuple[Table, int]] = []
        self._bytes = self._rows = 0
        self._paged = False

    def run(self) -> Iterator[Listed]:
        """Table by table; what has to be counted, at the end."""
        self._see_that_time_went_on()
        for wanted in self._source.wanted:
            if wanted.name in self._done:
                continue
            try:
                with self._session.part():
                    yield from self._one(wanted)
            except Trouble as trouble:
                if self._paged and trouble.error.code != problems.INTERRUPTED:
                    yield Checkpoint(self._cursor())  # the rows at hand are taken before the error is told
                yield self._unlisted(wanted, trouble)
        if self._counted:
            total = sum(old for _, old in self._counted) if self._settings.deletions else None
            yield Unchanged(total, self._ids, self._by_name)
        if self._paged:
            yield Checkpoint(self._cursor())  # whatever waits is fetched while the snapshot lasts
        self._session.finish()
        yield Complete(self._session.anchor, self._remembered(), proved=True)

    def _see_that_time_went_on(self) -> None:
        state = self._session.state
        older = self._memory.get("lineage") == state.lineage and state.newest < self._memory.get("newest", 0)
        if older and not self._settings.accept_older_state:
            raise problems.older_state(self._source.where)

    def _unlisted(self, wanted: Wanted, trouble: Trouble) -> Unlisted:
        if trouble.whole or not self._source.several:
            raise trouble.error from trouble.__cause__
        self._after.pop(wanted.name, None)
        if wanted.name in self._before:
            self._after[wanted.name] = self._before[wanted.name]
        return Unlisted(prefix_of(wanted.name, several=True), trouble.error)

    # --- one table ---------------------------------------------------------------------------------------------------

    def _one(self, wanted: Wanted) -> Iterator[Listed]:
        table = self._source.table(self._session, wanted)
        name = wanted.name
        if self._after.get(name, {}).get("shape") != table.shape:
            self._after[name] = {"shape": table.shape}
            if table.relation.tracked:
                self._after[name]["horizon"] = self._session.state.horizon
        table.since, why = self._since(name, table)
        if table.since is not None:
            yield from self._written_since(name, table)
        elif table.relation.cursor is not None and self._settings.changes != "scan" and self._is_known(name, table):
            yield from self._by_cursor(name, table)
            self._done.append(name)
        else:
            yield Note(f"{name}: every row is read and hashed ({why}); what is not among them is gone")
            yield from self._scan(name, table)
            self._done.append(name)
        if table.codec.nameless:
            yield Note(f"{name}: {table.codec.nameless:,} rows without an id (NULL) were left out")

    def _is_known(self, name: str, table: Table) -> bool:
        return bool(self._before.get(name, {}).get("shape") == table.shape)

    def _since(self, name: str, table: Table) -> tuple[int | None, str]:
        """The horizon before which nothing has to be read; None and why when there is none."""
        earlier = self._before.get(name)
        if self._settings.changes == "scan":
            return None, "as the settings want it"
        if earlier is None:
            return None, "for the first time"
        if not self._is_known(name, table):
            return None, "the table, its columns, the settings or the server are not what they were"
        if not table.relation.tracked or "horizon" not in earlier:
            return None, "the database does not say which rows were written"
        return int(earlier["horizon"]), ""

    def _scan(self, name: str, table: Table) -> Iterator[Listed]:
        going_on = self._resumed.get("at") == name and self._resumed.get("shape") == table.shape
        settled = self._settled(table)
        last: Entry | None = None
        with closing(self._session.rows(table.relation, self._resumed["key"] if going_on else None, None)) as rows:
            for raws in rows:
                entries = self._unique(name, table.codec.page(raws), last)
                if not entries:
                    continue
                last = entries[-1]
                yield self._page(entries if settled is None else _by_mark(table, entries, settled), len(raws))
                if self._full(raws):
                    yield Checkpoint(self._cursor(name, table, last.token))

    def _written_since(self, name: str, table: Table) -> Iterator[Listed]:
        assert table.since is not None
        relation = table.relation
        old, new = self._session.census(relation, table.since)
        by_number = relation.countable or not self._settings.deletions
        gone = "by their number, else by id" if by_number else "by id"
        gone = f"what is gone is found {gone}" if self._settings.deletions else "what is gone is not looked for"
        yield Note(f"{name}: {new:,} rows were written since the last job, as their row versions say; {gone}")
        if new:
            with closing(self._session.rows(relation, None, table.since)) as rows:
                for raws in rows:
                    yield self._page(table.codec.page(raws), len(raws))
                    if self._full(raws):
                        yield Checkpoint(self._cursor())
        elif self._session.state.horizon - table.since < KEEP_HORIZON:
            self._after[name] = self._before[name]  # nothing new to remember
        if by_number:
            self._counted.append((table, old))
        else:
            yield from self._names(table)

    def _ids(self) -> Iterator[Sequence[str]]:
        with _plainly():
            for table, _ in self._counted:
                with closing(self._session.keys(table.relation, table.since)) as rows:
                    for raws in rows:
                        yield table.codec.ids(raws)

    def _by_name(self) -> Iterator[Page]:
        with _plainly():
            for table, _ in self._counted:
                yield from self._names(table)

    def _names(self, table: Table) -> Iterator[Page]:
        with closing(self._session.keys(table.relation, table.since)) as rows:
            for raws in _pieces(rows):
                yield self._page(table.codec.names(raws, SAME))

    # --- by a cursor column ------------------------------------------------------------------------------------------

    def _by_cursor(self, name: str, table: Table) -> Iterator[Listed]:
        assert table.relation.cursor is not None
        column = table.relation.columns[table.relation.cursor].name
        yield Note(f"{name}: changes are found by {column}, what is gone by id")
        settled = self._settled(table) or ""
        last: Entry | None = None
        with closing(self._session.keys(table.relation, None)) as rows:
            for raws in _pieces(rows):
                marks = table.codec.marks(raws)
                entries = [entry._replace(version=_mark(table, mark, settled)) for entry, mark in marks]
                if self._unique(name, entries, last):
                    last = entries[-1]
                    yield self._page(entries, len(raws))

    def _settled(self, table: Table) -> str | None:
        """Cursor below which a version can be trusted; None when there is no cursor to go by."""
        if table.relation.cursor is None or table.relation.tracked or self._settings.changes == "scan":
            return None
        return self._session.settled(table.relation, self._settings.overlap_s)

    # --- bookkeeping -------------------------------------------------------------------------------------------------

    def _page(self, entries: list[Entry], scanned: int = 0) -> Page:
        self._paged = True
        return Page(entries, scanned)

    def _unique(self, name: str, entries: list[Entry], last: Entry | None) -> list[Entry]:
        """Raises Trouble when two rows have the same id: neither would be safe."""
        ids = {entry.id for entry in entries}
        if len(ids) < len(entries):
            named = sorted(entry.id for entry in entries)
            twice = next(one for one, other in pairwise(named) if one == other)
            raise Trouble(problems.not_unique(name, twice), whole=False)
        if last is not None and last.id in ids:
            raise Trouble(problems.not_unique(name, last.id), whole=False)
        return entries

    def _full(self, raws: Sequence[Raw]) -> bool:
        """Whether so many rows wait that they have to be taken now."""
        self._rows += len(raws)
        self._bytes += sum(map(len if isinstance(raws[0], bytes) else _size, raws)) if raws else 0
        if self._rows < CHECKPOINT_ROWS and self._bytes < CHECKPOINT_BYTES:
            return False
        self._rows = self._bytes = 0
        return True

    def _cursor(self, at: str = "", table: Table | None = None, raw: Raw | None = None) -> str:
        told: dict[str, Any] = {"done": self._done, "tables": self._after, "newest": self._newest}
        if table is not None:
            told |= {"at": at, "key": table.codec.key(raw), "shape": table.shape}
        return json.dumps(told)

    def _remembered(self) -> dict[str, Any]:
        state = self._session.state
        if not state.lineage:
            return {"tables": self._after}
        if self._after == self._before and self._memory.get("lineage") == state.lineage:
            return self._memory
        return {"tables": self._after, "lineage": state.lineage, "newest": self._newest}


def _pieces(rows: Iterable[list[Raw]]) -> Iterator[list[Raw]]:
    """The same, no more than a page at once."""
    for raws in rows:
        for start in range(0, len(raws), PAGE_ROWS):
            yield raws[start : start + PAGE_ROWS]


def _is_row(token: Any) -> bool:
    return token is not None and type(token) is not KeyOnly


def _is_hash(entry: Entry) -> bool:
    return entry.version is not None and not entry.version.startswith("=")


def _version_of(entry: Entry) -> str | None:
    return None if entry.version == SAME else entry.version


def _mark(table: Table, mark: str, settled: str | None) -> str | None:
    """A version made of the cursor; None while the same cursor may still be given to another change."""
    return None if settled is None or not mark or mark >= settled else f"={table.shape}:{mark}"


def _by_mark(table: Table, entries: list[Entry], settled: str) -> list[Entry]:
    at = table.relation.cursor
    assert at is not None
    marks = (_text(table.codec.values(entry.token)[at]) for entry in entries)
    return [entry._replace(version=_mark(table, mark, settled)) for entry, mark in zip(entries, marks, strict=True)]


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _size(raw: Raw) -> int:
    return len(raw) if isinstance(raw, bytes) else 64 + sum(len(v) if isinstance(v, (str, bytes)) else 16 for v in raw)


def _document(table: Table, id: str, version: str | None, raw: Raw) -> Document | Refused:
    try:
        return table.mapper.document(id, version, table.codec.values(raw))
    except Exception as error:
        what = f"a value of the row cannot be read: {type(error).__name__}: {error}"[:300]
        return Refused(id, DocumentRejected(what, code="document.unreadable"))


@contextmanager
def _plainly() -> Iterator[None]:
    """Whoever is outside sees only errors of the family."""
    try:
        yield
    except Trouble as trouble:
        cause: SynclineError = trouble.error
        raise cause from trouble.__cause__
