"""What dialects share whose drivers hand over rows as tuples: hashing them, naming them, and asking for them by key."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import xxhash

from syncline.model.news import Entry
from syncline.sources.tables import problems
from syncline.sources.tables.names import name_of
from syncline.sources.tables.problems import Trouble
from syncline.sources.tables.session import KeyOnly, Rows, State, Wanted
from syncline.sources.tables.shape import Column, Kind, Relation, ordered
from syncline.sources.tables.values import json_value, moment, plain, shown

AT_ONCE: Final = 2000  # rows handed over together
LOOKED_UP: Final = 200  # keys in one statement
EVERYTHING_SETTLED: Final = "\U0010ffff"

_READ_BACK: Final[dict[str, Callable[[str], Any]]] = {
    "bytes": bytes.fromhex,
    "Decimal": Decimal,
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "UUID": UUID,
}


def packed(value: Any) -> Any:
    """A part of a key, as JSON keeps it."""
    if value is None or isinstance(value, (str, int, float)):
        return value
    text = value.hex() if isinstance(value, bytes) else value.isoformat() if hasattr(value, "isoformat") else str(value)
    return [type(value).__name__, text]


def unpacked(value: Any) -> Any:
    """What `packed` was given."""
    return _READ_BACK.get(value[0], str)(value[1]) if isinstance(value, list) else value


def key_text(value: Any) -> str:
    """A part of a key within an id."""
    return f"0x{value.hex()}" if isinstance(value, bytes) else shown(plain(value))


def converted(kind: Kind) -> Callable[[Any], Any]:
    """How a driver's value of that kind becomes plain."""
    if kind is Kind.JSON:
        return lambda value: json_value(value) if isinstance(value, str) else plain(value)
    if kind is Kind.TIME:
        return lambda value: moment(value) if isinstance(value, str) else plain(value)
    return plain


class RowCodec:
    """Rows of one relation, as tuples. A version is the XXH3-64 of their representation without the last NULLs."""

    def __init__(
        self,
        relation: Relation,
        prefix: str,
        seeds: Sequence[int],
        convert: Callable[[Kind], Callable[[Any], Any]] = converted,
    ) -> None:
        self.nameless = 0
        self._relation = relation
        self._prefix = prefix
        self._seeds = seeds
        self._convert = [convert(column.kind) for column in relation.columns]

    def page(self, raws: Sequence[tuple[Any, ...]]) -> list[Entry]:
        """See `Codec.page`."""
        found = [Entry(name, self._version(row), row) for row in raws if (name := self._name(row)) is not None]
        self.nameless += len(raws) - len(found)
        return found

    def ids(self, raws: Sequence[tuple[Any, ...]]) -> Sequence[str]:
        """See `Codec.ids`."""
        return [entry.id for entry in self.names(raws, "")]

    def names(self, raws: Sequence[tuple[Any, ...]], version: str) -> list[Entry]:
        """See `Codec.names`."""
        return [Entry(name, version, self._token(row)) for row in raws if (name := self._name(row)) is not None]

    def marks(self, raws: Sequence[tuple[Any, ...]]) -> list[tuple[Entry, str]]:
        """See `Codec.marks`."""
        at = self._relation.cursor
        assert at is not None
        convert = self._convert[at]
        named = [(name, row) for row in raws if (name := self._name(row)) is not None]
        self.nameless += len(raws) - len(named)
        last = -1 if at >= self._relation.key else at
        return [(Entry(name, None, self._token(row)), shown(convert(row[last]))) for name, row in named]

    def values(self, raw: tuple[Any, ...]) -> list[Any]:
        """See `Codec.values`."""
        return [None if value is None else convert(value) for convert, value in zip(self._convert, raw, strict=True)]

    def columns(self, raws: Sequence[tuple[Any, ...]]) -> Sequence[Sequence[Any]]:
        """See `Codec.columns`."""
        return [
            [None if value is None else convert(value) for value in column]
            for convert, column in zip(self._convert, zip(*raws, strict=True), strict=True)
        ]

    def key(self, raw: tuple[Any, ...]) -> list[Any]:
        """See `Codec.key`."""
        return [packed(value) for value in raw[: self._relation.key]]

    def _token(self, row: tuple[Any, ...]) -> KeyOnly:
        return KeyOnly(row[: self._relation.key])

    def _version(self, row: tuple[Any, ...]) -> str:
        count = len(row)
        while count and row[count - 1] is None:
            count -= 1
        told = repr(row if count == len(row) else row[:count])
        return xxhash.xxh3_64_hexdigest(told.encode("utf-8", "surrogatepass"), self._seeds[count])

    def _name(self, row: tuple[Any, ...]) -> str | None:
        key = row[: self._relation.key]
        return None if None in key else name_of(self._prefix, [key_text(part) for part in key])


class RowSession(ABC):
    """See `Session`; for databases that do not say which rows were written."""

    anchor = ""
    state = State()
    page_rows = 0  # rows that one statement reads; 0: all of them

    # --- what a dialect brings ---------------------------------------------------------------------------------------

    @abstractmethod
    def select(self, what: str, sql: str, values: Sequence[Any] = ()) -> Rows:
        """Rows of a statement whose placeholders stand for `values`. Raises Trouble about `what`."""

    @abstractmethod
    def describe(self, wanted: Wanted) -> tuple[str, list[Column], tuple[str, ...]]:
        """What stands after FROM, the columns in their order, and the key, if it is known. Raises Trouble."""

    @abstractmethod
    def quoted(self, name: str) -> str:
        """An identifier."""

    @abstractmethod
    def mark(self, number: int) -> str:
        """The placeholder of value `number`, from 0."""

    @abstractmethod
    def now(self, back_s: float) -> str:
        """A SELECT of the time `back_s` seconds ago in UTC as YYYY-MM-DDTHH:MM:SS."""

    # --- Session -----------------------------------------------------------------------------------------------------

    def survey(self, wanted: Wanted) -> Relation:
        """See `Session.survey`."""
        source, columns, found = self.describe(wanted)
        key = wanted.id or found
        if not key:
            raise Trouble(problems.no_key(wanted.name), whole=False)
        by_name = {column.name: column for column in columns}
        needed = [*key, *([wanted.cursor] if wanted.cursor else []), *wanted.include]
        if missing := [name for name in needed if name not in by_name]:
            raise Trouble(problems.column_missing(wanted.name, missing), whole=False)
        shown_names = [
            name for name in by_name if (not wanted.include or name in needed) and name not in wanted.exclude
        ]
        names = ordered(list(dict.fromkeys([*shown_names, *needed])), key)
        relation = Relation(
            name=wanted.name,
            source=source,
            columns=tuple(by_name[name] for name in names),
            key=len(key),
            indexed=tuple(key) == found and not any(by_name[name].nullable for name in key),
            where=wanted.where,
            cursor=names.index(wanted.cursor) if wanted.cursor else None,
        )
        for _ in self.select(wanted.name, self._read(relation, relation.columns, "1 = 0")):
            pass  # it may be read, and its condition makes sense
        return relation

    def codec(self, relation: Relation, prefix: str, seeds: Sequence[int]) -> RowCodec:
        """See `Session.codec`."""
        return RowCodec(relation, prefix, seeds)

    def census(self, relation: Relation, horizon: int) -> tuple[int, int]:
        """Never asked for: nothing is tracked."""
        raise NotImplementedError

    def rows(self, relation: Relation, after: Sequence[Any] | None, since: int | None) -> Rows:
        """See `Session.rows`."""
        last = (
            None if after is None else [self.bound(c, unpacked(p)) for c, p in zip(relation.keys, after, strict=True)]
        )
        yield from self._by_key(relation, relation.columns, last)

    def keys(self, relation: Relation, before: int | None) -> Rows:
        """See `Session.keys`."""
        columns = list(relation.keys)
        if relation.cursor is not None and relation.cursor >= relation.key:
            columns.append(relation.columns[relation.cursor])
        yield from self._by_key(relation, columns, None)

    def again(self, relation: Relation, entries: Sequence[Entry], prefix: str) -> Iterator[list[Any]]:
        """See `Session.again`."""
        keys = [entry.token[: relation.key] for entry in entries if entry.token]
        for start in range(0, len(keys), LOOKED_UP):
            values: list[Any] = []
            wanted = " or ".join([self._is(relation, key, values) for key in keys[start : start + LOOKED_UP]])
            yield from self.select(relation.name, self._read(relation, relation.columns, f"({wanted})"), values)

    def settled(self, relation: Relation, overlap_s: float) -> str:
        """See `Session.settled`."""
        assert relation.cursor is not None
        if relation.columns[relation.cursor].kind in (Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT, Kind.BINARY):
            return EVERYTHING_SETTLED
        (rows,) = self.select(relation.name, self.now(overlap_s))
        return str(rows[0][0])

    @contextmanager
    def part(self) -> Iterator[None]:
        """See `Session.part`; a failed SELECT leaves these sessions as they were."""
        yield

    # --- SQL ---------------------------------------------------------------------------------------------------------

    def bound(self, column: Column, value: Any) -> Any:
        """A part of a key as a value of a statement."""
        return value

    def limited(self, sql: str, count: int) -> str:
        """The statement for its first `count` rows."""
        return f"{sql} limit {count}"

    def _by_key(self, relation: Relation, columns: Sequence[Column], last: Sequence[Any] | None) -> Rows:
        limit = self.page_rows if relation.indexed else 0
        while True:
            values: list[Any] = []
            beyond = [] if last is None else [self._beyond(relation, last, values)]
            sql = self._read(relation, columns, *beyond)
            count = 0
            row: tuple[Any, ...] = ()
            with closing(self.select(relation.name, self.limited(sql, limit) if limit else sql, values)) as found:
                for rows in found:
                    count, row = count + len(rows), rows[-1]
                    yield rows
            if not limit or count < limit:
                return
            last = [self.bound(column, value) for column, value in zip(relation.keys, row, strict=False)]

    def _read(self, relation: Relation, columns: Sequence[Column], *conditions: str) -> str:
        names = ", ".join(self.quoted(column.name) for column in columns)
        order = ", ".join(self.quoted(column.name) for column in relation.keys)
        given = [f"({relation.where}\n)"] if relation.where else []
        where = " where " + " and ".join([*given, *conditions]) if given or conditions else ""
        return f"select {names} from {relation.source}{where} order by {order}"

    def _is(self, relation: Relation, key: Sequence[Any], values: list[Any]) -> str:
        parts = []
        for column, value in zip(relation.keys, key, strict=True):
            parts.append(f"{self.quoted(column.name)} = {self.mark(len(values))}")
            values.append(self.bound(column, value))
        return "(" + " and ".join(parts) + ")"

    def _beyond(self, relation: Relation, key: Sequence[Any], values: list[Any]) -> str:
        """Behind that key: `a > x or a = x and (b > y or …)`, which every database understands, and in front of it
        `a >= x`, which lets it use an index."""
        column = self.quoted(relation.columns[0].name)
        values.append(key[0])
        first = f"{column} >= {self.mark(len(values) - 1)}"
        return f"{first} and {self._further(relation, key, 0, values)}"

    def _further(self, relation: Relation, key: Sequence[Any], at: int, values: list[Any]) -> str:
        name = self.quoted(relation.columns[at].name)
        values.append(key[at])
        more = f"{name} > {self.mark(len(values) - 1)}"
        if at + 1 == relation.key:
            return more
        values.append(key[at])
        same = f"{name} = {self.mark(len(values) - 1)}"
        return f"({more} or ({same} and {self._further(relation, key, at + 1, values)}))"
