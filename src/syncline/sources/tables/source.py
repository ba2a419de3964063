"""Tables as a listing source.

    memory ─▶ how is each table read? ─▶ tracked     rows written since the last job; the others by their number
                                     ├─ by cursor   key and cursor of every row; bodies of what differs
                                     ├─ by buckets  rows of those that have another checksum; the others by their number
                                     └─ scanned     every row, hashed before it is parsed

Everything is read in one snapshot and in order of the key. A raw row travels in the token of its entry, so that a row
is read once; a Checkpoint every few MiB bounds how many of them wait, and lets an interrupted job go on from its key.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import pairwise
from typing import Any, Final, NamedTuple, Protocol

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
    Names,
    Note,
    Page,
    Refused,
    Unchanged,
    Unlisted,
)
from syncline.model.sheets import Sheet
from syncline.sources.tables import problems
from syncline.sources.tables.buckets import FEWEST, MOST, Buckets
from syncline.sources.tables.documents import Mapper, mapping
from syncline.sources.tables.documents import Settings as MapperSettings
from syncline.sources.tables.memory import Memory, with_buckets
from syncline.sources.tables.names import prefix_of
from syncline.sources.tables.problems import Trouble
from syncline.sources.tables.session import Checksums, Codec, Database, KeyOnly, Raw, Rows, Session, Wanted
from syncline.sources.tables.shape import Relation, seeds

CHECKPOINT_BYTES: Final = 8 << 20
CHECKPOINT_ROWS: Final = 20_000
PAGE_ROWS: Final = 4000
PORTION_ROWS: Final = 50_000  # rows of buckets that one statement reads
SMALL: Final = 1000  # rows; of a smaller table no buckets are remembered
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
        self.afresh = False

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

    def sheet(self, entries: Sequence[Entry]) -> Sheet | None:
        """See `FillsSheets`: rows at hand of one table."""
        table = self._table_of(entries[0].id) if entries and self._session is not None else None
        if table is None or (table.prefix and not all(entry.id.startswith(table.prefix) for entry in entries)):
            return None
        ids, versions, tokens = zip(*entries, strict=True)
        if not {type(None), KeyOnly}.isdisjoint(map(type, tokens)):
            return None
        if SAME in versions:
            versions = tuple(map(_version_of, entries))
        try:
            return table.mapper.sheet(ids, versions, table.codec.columns(tokens))
        except Exception:  # one of them cannot be read: asked for one by one, that one tells why
            return None

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
        told = f"{by_count[-1]}\0{relation.identity}\0{relation.where}\0{wanted.query}\0{prefix}"
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


class Kept(NamedTuple):
    """Rows of a table that are there as they were, and are not read: how many, and their keys if they are needed."""

    table: Table
    rows: int
    keys: Callable[[], Rows]


class Listing:
    """One listing, in one session.

    A checkpoint says which tables are `done`, how far the one it is `at` has been scanned, and what is to be remembered
    of the state the first attempt began with. A table of which only some rows were read is never done before Complete:
    the rows that were not named are kept at the very end.
    """

    def __init__(self, source: TableSource, session: Session, memory: dict[str, Any], resumed: dict[str, Any]) -> None:
        self._source = source
        self._settings = source.settings
        self._session = session
        self._memory = Memory(memory)
        self._most = max(FEWEST, MOST // len(source.wanted))  # buckets of a table
        self._resumed = resumed
        self._done: list[str] = list(resumed.get("done", ()))
        self._after: dict[str, Any] = dict(resumed.get("tables", {}))
        self._newest = int(resumed.get("newest", session.state.newest))
        self._kept: list[Kept] = []
        self._bytes = self._rows = 0
        self._paged = False

    def run(self) -> Iterator[Listed]:
        """Table by table; what has to be counted, at the end."""
        self._see_that_time_went_on()
        yield from self._forget_others()
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
        if self._kept:
            yield Unchanged(self._total(), self._ids, self._by_name)
        if self._paged:
            yield Checkpoint(self._cursor())  # whatever waits is fetched while the snapshot lasts
        self._session.finish()
        yield Complete(self._session.anchor, self._remembered(), proved=True)

    def _see_that_time_went_on(self) -> None:
        state = self._session.state
        told = self._memory.told
        older = told.get("lineage") == state.lineage and state.newest < told.get("newest", 0)
        if older and not self._settings.accept_older_state:
            raise problems.older_state(self._source.where)

    def _unlisted(self, wanted: Wanted, trouble: Trouble) -> Unlisted:
        if trouble.whole or not self._source.several:
            raise trouble.error from trouble.__cause__
        self._after.pop(wanted.name, None)
        if wanted.name in self._memory.tables:
            self._after[wanted.name] = self._memory.tables[wanted.name]
        return Unlisted(prefix_of(wanted.name, several=True), trouble.error)

    # --- one table ---------------------------------------------------------------------------------------------------

    def _one(self, wanted: Wanted) -> Iterator[Listed]:
        table = self._source.table(self._session, wanted)
        name = wanted.name
        if self._after.get(name, {}).get("shape") != table.shape:
            self._after[name] = {"shape": table.shape}
            if table.relation.tracked:
                self._after[name]["horizon"] = self._session.state.horizon
        self._after[name] = with_buckets(self._after[name], None, "")  # those of an earlier attempt are out of date
        table.since, why = self._since(name, table)
        if table.since is not None:
            yield from self._written_since(name, table)
        elif self._has_cursor(name, table):
            yield from self._by_cursor(name, table)
            self._done.append(name)
        else:
            yield from self._everything(name, table, why)
        if table.codec.nameless:
            yield Note(f"{name}: {table.codec.nameless:,} rows without an id (NULL) were left out")

    def _has_cursor(self, name: str, table: Table) -> bool:
        scans = self._settings.changes == "scan" or self._source.afresh
        return table.relation.cursor is not None and not scans and self._is_known(name, table)

    def _is_known(self, name: str, table: Table) -> bool:
        return bool(self._memory.tables.get(name, {}).get("shape") == table.shape)

    def _since(self, name: str, table: Table) -> tuple[int | None, str]:
        """The horizon before which nothing has to be read; None and why when there is none."""
        earlier = self._memory.tables.get(name)
        if self._source.afresh:
            return None, "as was asked for"
        if self._settings.changes == "scan":
            return None, "as the settings want it"
        if earlier is None:
            return None, "for the first time"
        if not self._is_known(name, table):
            return None, "the table, its columns, the settings or the server are not what they were"
        if not table.relation.tracked or "horizon" not in earlier:
            return None, "the database does not say which rows were written"
        return int(earlier["horizon"]), ""

    def _everything(self, name: str, table: Table, why: str) -> Iterator[Listed]:
        """By the checksums of buckets, if most of them are as they were; else row by row."""
        likeness = self._likeness(table)
        known = self._memory.buckets(name, likeness)
        found = self._checksums(name, table, known)
        if self._source.afresh:
            known = None
        if found is not None and known is not None and known.is_comparable(found):
            shift = max(known.layout.shift, found.layout.shift)
            then, now = known.coarser(shift), found.coarser(shift)
            differing = then.differing(now)
            if now.rows_of(differing) * 2 <= now.rows:
                yield from self._by_buckets(name, table, then, now, differing)
                self._after[name] = with_buckets(self._after[name], found, likeness)
                return
        yield from self._forget(name, None)
        yield Note(f"{name}: every row is read and hashed ({why}); what is not among them is gone")
        yield from self._scan(name, table)
        self._done.append(name)
        if found is not None and found.rows >= SMALL:
            self._after[name] = with_buckets(self._after[name], found, likeness)

    def _goes_on(self, name: str, table: Table) -> bool:
        return self._resumed.get("at") == name and self._resumed.get("shape") == table.shape

    def _scan(self, name: str, table: Table) -> Iterator[Listed]:
        settled = self._settled(table)
        last: Entry | None = None
        after = self._resumed["key"] if self._goes_on(name, table) else None
        with closing(self._session.rows(table.relation, after, None)) as rows:
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
        old, new = yield from self._census(name, table)
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
            self._after[name] = self._memory.tables[name]  # nothing new to remember
        if left := self._memory.buckets(name, self._likeness(table)):
            self._after[name] = with_buckets(self._after[name], left, self._likeness(table))
        kept = Kept(table, old, lambda: self._session.keys(relation, table.since))
        if by_number:
            self._kept.append(kept)
        else:
            yield from self._names(kept)

    def _census(self, name: str, table: Table) -> Generator[Listed, None, tuple[int, int]]:
        """(rows written before the horizon, other rows). Buckets with any but the first are forgotten, and those from
        which something is gone."""
        assert table.since is not None
        relation = table.relation
        known = self._memory.buckets(name, self._likeness(table)) if relation.countable else None
        counted = None
        if known is not None and isinstance(self._session, Checksums):
            counted = self._session.bucket_census(relation, known.layout, table.since, self._most)
        if known is None or counted is None:
            yield from self._forget(name, None)
            return self._session.census(relation, table.since)
        touched = {number for number, one in known.sums.items() if counted.get(number) != (one.rows, 0)}
        if touched:
            yield from self._forget(name, known.without(touched), self._likeness(table))
        return sum(old for old, _ in counted.values()), sum(new for _, new in counted.values())

    def _total(self) -> int | None:
        """How many rows are kept; None when they have not all been counted in order to find what is gone."""
        if not self._settings.deletions and any(kept.table.since is not None for kept in self._kept):
            return None
        return sum(kept.rows for kept in self._kept)

    def _ids(self) -> Iterator[Names]:
        with _plainly():
            for kept in self._kept:
                with closing(kept.keys()) as rows:
                    for raws in rows:
                        yield kept.table.codec.ids(raws)

    def _by_name(self) -> Iterator[Page]:
        with _plainly():
            for kept in self._kept:
                yield from self._names(kept)

    def _names(self, kept: Kept) -> Iterator[Page]:
        with closing(kept.keys()) as rows:
            for raws in _pieces(rows):
                yield self._page(kept.table.codec.names(raws, SAME))

    # --- by checksums of buckets -------------------------------------------------------------------------------------

    def _likeness(self, table: Table) -> str:
        """Another one when the same row may have another checksum, or give another document."""
        if not isinstance(self._session, Checksums):
            return ""
        relation = table.relation
        kinds = " ".join(column.kind for column in relation.columns)
        seed = seeds(relation, mapping(self._settings))[-1]
        told = (self._session.method, table.prefix, seed, kinds, relation.source, relation.where)
        return xxhash.xxh3_64_hexdigest("\0".join(map(str, told)).encode())

    def _checksums(self, name: str, table: Table, known: Buckets | None) -> Buckets | None:
        """What the rows are now. They are asked for before any row is read: where a relation shows more than the
        snapshot, a change in between is found by the next job. None when they would serve nobody, or cannot be had."""
        serves = self._settings.changes == "scan" or not table.relation.tracked or known is not None
        if not serves or self._goes_on(name, table) or self._has_marks(table):
            return None
        if not isinstance(self._session, Checksums):
            return None
        return self._session.checksums(table.relation, known.layout if known else None, self._most)

    def _by_buckets(
        self, name: str, table: Table, then: Buckets, now: Buckets, differing: Collection[int]
    ) -> Iterator[Listed]:
        session = self._session
        assert isinstance(session, Checksums)
        in_all = len(then.sums.keys() | now.sums.keys())
        which = "groups of rows" if now.layout.hashed else "ranges of the key"
        others = "; the rows of the others are read" if differing else ""
        same = f"{in_all - len(differing):,} of {in_all:,} {which} are as they were"
        yield Note(f"{name}: {same}, as checksums of the server say{others}")
        if differing:
            yield from self._forget(name, then.without(differing), self._likeness(table))
        at_once = PORTION_ROWS if table.relation.indexed else now.rows  # what has no index is computed once
        for numbers in _portions(now, differing, at_once):
            last: Entry | None = None
            with closing(session.inside(table.relation, now.layout, numbers)) as rows:
                for raws in rows:
                    entries = self._unique(name, table.codec.page(raws), last)
                    last = entries[-1]
                    yield self._page(entries, len(raws))
                    if self._full(raws):
                        yield Checkpoint(self._cursor())
        table.codec.nameless += now.nameless
        keys = partial(session.keys_outside, table.relation, now.layout, differing)
        self._kept.append(Kept(table, now.rows - now.rows_of(differing), keys))

    def _forget(self, name: str, left: Buckets | None, likeness: str = "") -> Iterator[Checkpoint]:
        """Of the buckets of the table, only those that are left are remembered from now on. See `memory.py`."""
        if self._memory.has_buckets(name):
            self._memory.replace(name, left, likeness)
            yield Checkpoint(self._cursor(), self._memory.told)

    def _forget_others(self) -> Iterator[Checkpoint]:
        wanted = {wanted.name for wanted in self._source.wanted}
        for name in self._memory.tables.keys() - wanted:
            yield from self._forget(name, None)

    # --- by a cursor column ------------------------------------------------------------------------------------------

    def _by_cursor(self, name: str, table: Table) -> Iterator[Listed]:
        assert table.relation.cursor is not None
        yield from self._forget(name, None)
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
        return self._session.settled(table.relation, self._settings.overlap_s) if self._has_marks(table) else None

    def _has_marks(self, table: Table) -> bool:
        relation = table.relation
        return relation.cursor is not None and not relation.tracked and self._settings.changes != "scan"

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
        if self._after == self._memory.tables and self._memory.told.get("lineage") == state.lineage:
            return dict(self._memory.told)
        return {"tables": self._after, "lineage": state.lineage, "newest": self._newest}


def _portions(buckets: Buckets, numbers: Collection[int], at_once: int) -> Iterator[list[int]]:
    """Those that have rows, in order, each time for so many rows at the most."""
    portion: list[int] = []
    rows = 0
    for number in sorted(set(numbers) & buckets.sums.keys()):
        rows += buckets.sums[number].rows
        if portion and rows > at_once:
            yield portion
            portion, rows = [], buckets.sums[number].rows
        portion.append(number)
    if portion:
        yield portion


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
