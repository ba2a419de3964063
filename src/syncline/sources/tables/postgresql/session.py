"""One snapshot of a PostgreSQL database."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from typing import Any, Final, Protocol

import xxhash

from syncline.model.news import Entry
from syncline.sources.tables import problems
from syncline.sources.tables.buckets import Buckets, Layout, shift_for
from syncline.sources.tables.names import parts_of
from syncline.sources.tables.postgresql import buckets, catalog
from syncline.sources.tables.postgresql.catalog import Described, kind_of, literal, quoted
from syncline.sources.tables.postgresql.problems import translated
from syncline.sources.tables.postgresql.text import CopyCodec, key_of, lines_of
from syncline.sources.tables.postgresql.wire import Wire
from syncline.sources.tables.problems import Trouble
from syncline.sources.tables.session import Rows, State, Wanted
from syncline.sources.tables.shape import Column, Kind, Relation, ordered

# Whatever the server, the database and the user say: the same row reads the same.
SETTINGS: Final = """
set local client_encoding = 'UTF8'; set local datestyle = 'ISO, YMD'; set local timezone = 'UTC';
set local intervalstyle = 'iso_8601'; set local extra_float_digits = 1; set local bytea_output = 'hex';
set local lc_monetary = 'C'; set local xmlbinary = 'base64'; set local standard_conforming_strings = on;
set local idle_in_transaction_session_timeout = 0
"""
AS_THEY_LIE: Final = "set local max_parallel_workers_per_gather = 0; set local synchronize_seqscans = off"
ANYHOW: Final = "set local max_parallel_workers_per_gather to default; set local synchronize_seqscans to default"
_NOT_TO_BE_LOCKED: Final = frozenset({"42809", "42501"})  # no table; or only some of its columns may be read
AT_ONCE: Final = 4000  # rows handed over together
FAR: Final = 1 << 31  # transaction numbers in a row are compared modulo 2^32


class Settings(Protocol):
    """What connecting needs; `config.py` says what it means."""

    host: str
    port: int
    database: str
    user: str
    password: str | None
    dsn: str | None
    sslmode: Any
    fetch_size: int
    connect_timeout_s: float
    lock_timeout_s: float


class PostgreSQL:
    """A PostgreSQL server, as a `Database`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._wire: Wire | None = None
        self._interrupted = False
        host = settings.host or os.environ.get("PGHOST", "localhost")
        self.where = "the given dsn" if settings.dsn else f"{host}:{settings.port}/{settings.database}"

    def open(self, wanted: Sequence[Wanted]) -> PgSession:
        """See `Database.open`."""
        if self._interrupted:
            raise Trouble(problems.let_go(), whole=True)
        wire = self._wire = Wire(self._connect)
        try:
            self._open(wire)
            session = PgSession(wire, self._settings)
            session.begin(wanted)
        except BaseException:
            wire.close()
            raise
        return session

    def interrupt(self) -> None:
        """See `Database.interrupt`."""
        self._interrupted = True
        if self._wire is not None:
            self._wire.abort()

    async def _connect(self) -> Any:
        import asyncpg

        given = self._settings
        common: dict[str, Any] = {"timeout": given.connect_timeout_s, "statement_cache_size": 0}
        if given.dsn:
            return await asyncpg.connect(given.dsn, **common)
        return await asyncpg.connect(
            host=given.host or None,
            port=given.port,
            database=given.database,
            user=given.user or None,
            password=given.password,
            ssl=None if given.host.startswith("/") else given.sslmode,
            **common,
        )

    def _open(self, wire: Wire) -> None:
        try:
            wire.open()
        except ImportError as error:
            raise Trouble(problems.driver_missing("asyncpg", "postgres"), whole=True) from error
        except ConnectionAbortedError as error:
            raise Trouble(problems.let_go(), whole=True) from error
        except Exception as error:
            state = getattr(error, "sqlstate", None) or ""
            if state.startswith("28"):
                raise Trouble(problems.refused(self.where), whole=True) from None
            why = type(error).__name__ if self._settings.dsn else str(error).partition("\n")[0][:200]
            raise Trouble(problems.unreachable(self.where, why or type(error).__name__), whole=True) from None


class PgSession:
    """See `Session`."""

    anchor = ""
    state = State()

    def __init__(self, wire: Wire, settings: Settings) -> None:
        self._wire = wire
        self._settings = settings
        self._names: dict[str, str] = {}  # quoted, by what is wanted
        self._missed: dict[str, Trouble] = {}
        self._unlocked: set[str] = set()
        self._place = ""
        self._tracks = False
        self._adds = False  # hashes, because there is no bit_xor
        self.method = ""

    # --- beginning and ending ----------------------------------------------------------------------------------------

    def begin(self, wanted: Sequence[Wanted]) -> None:
        """Lock first and take the snapshot then: a table that is rewritten in between would look empty."""
        with translated("the database"):
            relations = self._resolve(wanted)
            self._wire.execute("begin isolation level repeatable read, read only;" + SETTINGS)
            self._wire.execute(f"set local lock_timeout = '{int(self._settings.lock_timeout_s * 1000)}ms'")
            for name, locked in relations.items():
                self._lock(name, locked)
            self._look_around()

    def _resolve(self, wanted: Sequence[Wanted]) -> dict[str, list[str]]:
        """What has to be locked for each of what is wanted. A missing table is remembered for `survey`."""
        found: dict[str, list[str]] = {}
        for item in wanted:
            if item.query:
                found[item.name] = self._tables_of(item)
                continue
            name = self._wire.value(catalog.RESOLVE, item.name)
            if name is None:
                self._missed[item.name] = Trouble(problems.table_missing(item.name), whole=False)
            else:
                self._names[item.name] = name
                found[item.name] = [name]
        return found

    def _tables_of(self, item: Wanted) -> list[str]:
        """The tables and views behind a query, as far as we may lock them."""
        self._wire.execute("begin read only")
        try:
            with suppress(Exception):  # what is wrong with the query is told by `survey`
                self._wire.columns(f"select * from ({item.query}\n) q")
            told = self._wire.value(
                "select coalesce(json_agg(c.oid::regclass::text), '[]')::text from pg_locks l join pg_class c on"
                " c.oid = l.relation where l.pid = pg_backend_pid() and c.relkind in ('r', 'p', 'v')"
                " and c.oid >= 16384 and has_table_privilege(c.oid, 'select')"
            )
            return list(json.loads(told))
        except Exception:
            return []
        finally:
            self._wire.execute("rollback")

    def _lock(self, name: str, relations: Sequence[str]) -> None:
        for relation in relations:
            try:
                with self._part(), translated(name):
                    self._wire.execute(f"lock table {relation} in access share mode")
            except Trouble as trouble:
                if trouble.whole:
                    raise
                self._unlocked.add(name)
                if getattr(trouble.__cause__, "sqlstate", "") not in _NOT_TO_BE_LOCKED:
                    self._missed[name] = trouble

    def _look_around(self) -> None:
        place = json.loads(self._wire.value(catalog.PLACE))  # takes the snapshot
        system = ""
        with suppress(Trouble), self._part(), translated("the control file"):
            system = self._wire.value(catalog.SYSTEM) or ""
        self.anchor = f"{system.partition('/')[0]}/{place['database']}" if system else ""
        self.state = State(f"{system}/{place['database']}", int(place["xmin"]), int(place["xmax"]))
        self._tracks = bool(place["postgresql"])
        self._place = f"{system}/{place['database']}/{place['started']}/{place['version']}"
        self._adds = int(place["version"]) < buckets.HAS_BIT_XOR
        self.method = f"{buckets.RULE}/{place['version']}"

    @contextmanager
    def part(self) -> Iterator[None]:
        """See `Session.part`."""
        with self._part():
            yield

    @contextmanager
    def _part(self) -> Iterator[None]:
        self._quietly("savepoint part")
        try:
            yield
        except Trouble as trouble:
            if not trouble.whole:
                self._quietly("rollback to part; release part")
            raise
        self._quietly("release part")

    def _quietly(self, sql: str) -> None:
        with translated("the database"):
            self._wire.execute(sql)

    def finish(self) -> None:
        """See `Session.finish`."""
        self._quietly("commit")

    def close(self) -> None:
        """See `Session.close`."""
        self._wire.close()

    # --- what is there -----------------------------------------------------------------------------------------------

    def survey(self, wanted: Wanted) -> Relation:
        """See `Session.survey`."""
        if wanted.name in self._missed:
            raise self._missed[wanted.name]
        with translated(wanted.name):
            relation = self._of_query(wanted) if wanted.query else self._of_table(wanted)
            self._wire.execute(self._select(relation, relation.columns, self._conditions(relation)) + " limit 0")
            if not wanted.query and wanted.name in self._unlocked:
                self._see_that_it_stands(wanted.name)
        return relation

    def _see_that_it_stands(self, name: str) -> None:
        """Of a table that could not be locked before the snapshot was taken: it was not rewritten since."""
        file = "pg_relation_filenode(oid) is distinct from nullif(relfilenode, 0)"
        if self._wire.value(f"select {file} from pg_class where oid = {literal(self._names[name])}::regclass"):
            raise Trouble(problems.rewritten(name), whole=False)

    def _of_query(self, wanted: Wanted) -> Relation:
        told = self._wire.columns(f"select * from ({wanted.query}\n) q")
        columns = [
            Column(name, type, kind_of(type.removesuffix("[]"), "A" if type.endswith("[]") else ""))
            for name, type in told
        ]
        return self._relation(wanted, f"({wanted.query}\n) q", columns, wanted.id)

    def _of_table(self, wanted: Wanted) -> Relation:
        name = self._names[wanted.name]
        described = Described.of(self._wire.value(catalog.RELATION.replace("$1", literal(name))))
        columns = [
            Column(c["name"], c["type"], kind_of(c["base"], c["category"]), not c["notnull"]) for c in described.columns
        ]
        key = wanted.id or described.key()
        if not key:
            raise Trouble(problems.no_key(wanted.name), whole=False)
        tracked = self._tracks and described.stores_rows() and wanted.name not in self._unlocked
        return self._relation(
            wanted,
            name,
            columns,
            key,
            indexed=described.has_index(key),
            tracked=tracked,
            countable=not wanted.where and not described.told["secured"],
            identity=f"{self._place}{described.identity()}" if tracked else "",
        )

    def _relation(
        self,
        wanted: Wanted,
        source: str,
        columns: Sequence[Column],
        key: Sequence[str],
        *,
        identity: str = "",
        **found: Any,
    ) -> Relation:
        by_name = {column.name: column for column in columns}
        needed = [*key, *([wanted.cursor] if wanted.cursor else []), *wanted.include]
        if missing := [name for name in needed if name not in by_name]:
            raise Trouble(problems.column_missing(wanted.name, missing), whole=False)
        shown = [name for name in by_name if (not wanted.include or name in needed) and name not in wanted.exclude]
        names = ordered(shown if not wanted.cursor else list(dict.fromkeys([*shown, wanted.cursor])), key)
        return Relation(
            name=wanted.name,
            source=source,
            columns=tuple(by_name[name] for name in names),
            key=len(key),
            where=wanted.where,
            cursor=names.index(wanted.cursor) if wanted.cursor else None,
            identity=xxhash.xxh3_128_hexdigest(identity.encode()) if identity else "",
            **{"indexed": False, **found},
        )

    def codec(self, relation: Relation, prefix: str, seeds: Sequence[int]) -> CopyCodec:
        """See `Session.codec`."""
        return CopyCodec(relation, prefix, seeds)

    # --- reading -----------------------------------------------------------------------------------------------------

    def census(self, relation: Relation, horizon: int) -> tuple[int, int]:
        """See `Session.census`."""
        written = self._written(horizon)
        where = self._conditions(relation, keyed=True)
        query = (
            f"select count(*) filter (where not ({written})) || ' ' || count(*) filter (where {written})"
            f" from {relation.source}{where}"
        )
        with translated(relation.name):
            old, new = self._wire.value(query).split()
        return int(old), int(new)

    def rows(self, relation: Relation, after: Sequence[Any] | None, since: int | None) -> Rows:
        """See `Session.rows`. With an index on the key, a statement for every `fetch_size` rows; else one for all."""
        limit = self._settings.fetch_size if relation.indexed and since is None else 0
        more = [self._written(since)] if since is not None else []
        last = None if after is None else [str(part) for part in after]
        while True:
            conditions = [*more, *([self._beyond(relation, last)] if last is not None else [])]
            where = self._conditions(relation, *conditions, keyed=since is not None)
            order = self._order(relation) if since is None else ""  # to sort what was written serves nobody
            query = self._select(relation, relation.columns, where) + order
            count, line = 0, b""
            with closing(self._lines(relation, query + (f" limit {limit}" if limit else ""))) as blocks:
                for lines in blocks:
                    count, line = count + len(lines), lines[-1]
                    for start in range(0, len(lines), AT_ONCE):
                        yield lines[start : start + AT_ONCE]
            if not limit or count < limit:
                return
            last = key_of(line, relation.key)

    def keys(self, relation: Relation, before: int | None) -> Rows:
        """See `Session.keys`."""
        columns = list(relation.keys)
        if relation.cursor is not None and relation.cursor >= relation.key:
            columns.append(relation.columns[relation.cursor])
        more = [f"not ({self._written(before)})"] if before is not None else []
        where = self._conditions(relation, *more, keyed=before is not None)
        query = self._select(relation, columns, where)
        if before is None:
            yield from self._lines(relation, query + self._order(relation))
        else:
            yield from self._as_they_lie(relation, query)

    def _as_they_lie(self, relation: Relation, query: str) -> Rows:
        """The lines of rows in the order of the table, which is mostly that in which the ledger has them."""
        self._quietly(AS_THEY_LIE)
        yield from self._lines(relation, query)
        self._quietly(ANYHOW)

    def again(self, relation: Relation, entries: Sequence[Entry], prefix: str) -> Iterator[list[bytes]]:
        """See `Session.again`."""
        keys = []
        for entry in entries:
            if isinstance(entry.token, bytes):
                keys.append(key_of(entry.token, relation.key))
            else:
                keys.append(list(entry.token or parts_of(prefix, entry.id, relation.key) or ()))
        rows = ", ".join(self._tuple(relation, key) for key in keys if len(key) == relation.key)
        if rows:
            names = ", ".join(quoted(column.name) for column in relation.keys)
            where = self._conditions(relation, f"({names}) in (values {rows})")
            yield from self._lines(relation, self._select(relation, relation.columns, where) + self._order(relation))

    def settled(self, relation: Relation, overlap_s: float) -> str:
        """See `Session.settled`."""
        assert relation.cursor is not None
        column = relation.columns[relation.cursor]
        if column.kind is not Kind.TIME:
            return "\U0010ffff"
        then = f"now() at time zone 'UTC' - make_interval(secs => {float(overlap_s)})"
        query = f"select to_char({then}, 'YYYY-MM-DD\"T\"HH24:MI:SS')"
        with translated(relation.name):
            return str(self._wire.value(query))

    def _lines(self, relation: Relation, query: str) -> Rows:
        with translated(relation.name), closing(self._wire.copy(query)) as blocks:
            for block in blocks:
                yield lines_of(block)

    # --- checksums ---------------------------------------------------------------------------------------------------

    def checksums(self, relation: Relation, layout: Layout | None, most: int) -> Buckets | None:
        """See `Checksums.checksums`."""
        if not self._tracks:  # it may only look like PostgreSQL
            return None
        try:
            with self._part(), translated(relation.name):
                if not relation.tracked and not self._is_suitable(relation):
                    return None
                self._wire.execute(buckets.BY_HASHING)
                found = None
                if layout is not None:
                    found = self._sums(relation, replace(layout, adds=self._adds), most)
                if found is None or found.is_uneven:
                    found = self._laid_out(relation, most)
                self._wire.execute(buckets.AS_BEFORE)
                return found and found.no_more_than(most)
        except Trouble as trouble:
            if trouble.whole:
                raise
            return None

    def _laid_out(self, relation: Relation, most: int) -> Buckets | None:
        if buckets.has_ranges(relation):
            told = self._wire.value(buckets.extremes(relation, self._conditions(relation)))
            lowest, highest = map(int, told.split()) if told else (0, 0)
            layout = Layout(False, shift_for(lowest, highest, most), self._adds)
            found = self._sums(relation, layout, most)
            if found is not None and not found.is_uneven:
                return found
        return self._sums(relation, buckets.hashed_layout(most, self._adds), most)

    def _sums(self, relation: Relation, layout: Layout, most: int) -> Buckets | None:
        query = buckets.sums(relation, layout, self._conditions(relation), most)
        return buckets.read_sums(self._answer(relation, query), layout, most)

    def _is_suitable(self, relation: Relation) -> bool:
        query = self._select(relation, relation.columns, self._conditions(relation))
        return buckets.is_suitable(self._wire.value("explain (format json) " + query))

    def bucket_census(
        self, relation: Relation, layout: Layout, horizon: int, most: int
    ) -> Mapping[int, tuple[int, int]] | None:
        """See `Checksums.bucket_census`."""
        where = self._conditions(relation)
        query = buckets.census(relation, layout, where, self._written(horizon), most)
        self._quietly(buckets.BY_HASHING)
        found = buckets.read_census(self._answer(relation, query), most)
        self._quietly(buckets.AS_BEFORE)
        return found

    def inside(self, relation: Relation, layout: Layout, numbers: Collection[int]) -> Rows:
        """See `Checksums.inside`."""
        where = self._conditions(relation, buckets.inside(relation, layout, numbers), keyed=True)
        query = self._select(relation, relation.columns, where) + self._order(relation)
        for lines in self._lines(relation, query):
            for start in range(0, len(lines), AT_ONCE):
                yield lines[start : start + AT_ONCE]

    def keys_outside(self, relation: Relation, layout: Layout, numbers: Collection[int]) -> Rows:
        """See `Checksums.keys_outside`."""
        more = [f"not {buckets.inside(relation, layout, numbers)}"] if numbers else []
        where = self._conditions(relation, *more, keyed=True)
        yield from self._as_they_lie(relation, self._select(relation, relation.keys, where))

    def _answer(self, relation: Relation, query: str) -> Iterator[bytes]:
        """The lines of a short answer. Through COPY, because asyncpg asks for the rows of a SELECT in a way that keeps
        the server from using several processes."""
        with closing(self._lines(relation, query)) as blocks:
            for lines in blocks:
                yield from lines

    # --- SQL ---------------------------------------------------------------------------------------------------------

    def _select(self, relation: Relation, columns: Sequence[Column], where: str) -> str:
        names = ", ".join(quoted(column.name) for column in columns)
        return f"select {names} from {relation.source}{where}"

    def _order(self, relation: Relation) -> str:
        return " order by " + ", ".join(quoted(column.name) for column in relation.keys)

    def _conditions(self, relation: Relation, *more: str, keyed: bool = False) -> str:
        conditions = [f"({relation.where}\n)"] if relation.where else []
        if keyed:
            conditions += [f"{quoted(column.name)} is not null" for column in relation.keys if column.nullable]
        conditions += more
        return " where " + " and ".join(conditions) if conditions else ""

    def _beyond(self, relation: Relation, key: Sequence[str]) -> str:
        names = ", ".join(quoted(column.name) for column in relation.keys)
        return f"({names}) > {self._tuple(relation, key)}"

    def _tuple(self, relation: Relation, key: Sequence[str]) -> str:
        parts = [f"{literal(part)}::{column.type}" for part, column in zip(key, relation.keys, strict=True)]
        return f"({', '.join(parts)})"

    def _written(self, horizon: int) -> str:
        """Whether a row was written by a transaction that is not before the horizon."""
        if self.state.newest - horizon >= FAR or horizon % (1 << 32) < 3:
            return "true"
        return f"age(xmin) <= age('{horizon % (1 << 32)}'::xid)"
