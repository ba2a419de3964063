"""What a database must be able to do for us: one small set of verbs, one implementation for each dialect.

A session is one connection and one snapshot. Everything in it reads the same state, in order of the key, and writes
nothing. A row is *raw* until somebody wants its values: whatever is cheapest to hash, with the key in front.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from syncline.model.news import Entry, Names
from syncline.sources.tables.buckets import Buckets, Layout
from syncline.sources.tables.shape import Relation

Raw = Any  # one row as the driver hands it over: bytes, or a tuple
Rows = Generator[list[Raw], None, None]


class KeyOnly(tuple[Any, ...]):
    """The token of an entry of which only the key was read, as `Codec.key` gives it."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the settings ask for: a table by its name, or a query."""

    name: str
    query: str = ""
    id: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    where: str = ""
    cursor: str = ""


@dataclass(frozen=True, slots=True)
class State:
    """The state a snapshot shows.

    lineage  another one when the numbers of an earlier state cannot be compared with this one; "" when it has none.
    horizon  everything written before it is in this state, and nothing of it will ever be undone.
    newest   nothing in this state was written at or after it; only grows within a lineage.
    """

    lineage: str = ""
    horizon: int = 0
    newest: int = 0


class Codec(Protocol):
    """Reads the raw rows of one relation."""

    def page(self, raws: Sequence[Raw]) -> list[Entry]:
        """An entry for each row, its version a hash of all of it and its token the row. Rows whose key has a NULL are
        left out, and counted in `nameless`."""
        ...

    def ids(self, raws: Sequence[Raw]) -> Names:
        """The ids of rows of which only the key was read."""
        ...

    def names(self, raws: Sequence[Raw], version: str) -> list[Entry]:
        """An entry with that version for each row of which only the key was read."""
        ...

    def marks(self, raws: Sequence[Raw]) -> list[tuple[Entry, str]]:
        """The same without a version, for rows of which key and cursor were read, each with its cursor as text."""
        ...

    def values(self, raw: Raw) -> Sequence[Any]:
        """The values of all columns, plain (see `values.py`)."""
        ...

    def columns(self, raws: Sequence[Raw]) -> Sequence[Sequence[Any]]:
        """The same of many rows, column by column."""
        ...

    def key(self, raw: Raw) -> list[Any]:
        """The key as JSON keeps it, for a checkpoint."""
        ...

    nameless: int


class Session(Protocol):
    """One connection, one snapshot. Every verb raises Trouble."""

    anchor: str  # identity of the database
    state: State

    def survey(self, wanted: Wanted) -> Relation:
        """What is there to read."""
        ...

    def codec(self, relation: Relation, prefix: str, seeds: Sequence[int]) -> Codec:
        """How its rows are read."""
        ...

    def census(self, relation: Relation, horizon: int) -> tuple[int, int]:
        """(rows written before `horizon`, other rows) of a tracked relation."""
        ...

    def rows(self, relation: Relation, after: Sequence[Any] | None, since: int | None) -> Rows:
        """Whole rows by key: those after a key (as `Codec.key` gave it); or in any order those not written before
        `since`."""
        ...

    def keys(self, relation: Relation, before: int | None) -> Rows:
        """Keys only (and the cursor, if the relation has one): of all rows by key, or in any order of those written
        before `before`."""
        ...

    def again(self, relation: Relation, entries: Sequence[Entry], prefix: str) -> Iterator[list[Raw]]:
        """The whole rows of those entries; what is gone is left out. May be called while `rows` or `keys` is read."""
        ...

    def settled(self, relation: Relation, overlap_s: float) -> str:
        """Rows whose cursor, as text, is below it get no second change with the same cursor any more. For cursors that
        are times it lies `overlap_s` seconds before now; for others everything is below it."""
        ...

    def part(self) -> AbstractContextManager[None]:
        """What fails inside leaves the session as it was before."""
        ...

    def finish(self) -> None:
        """Prove that the snapshot held until now."""
        ...

    def close(self) -> None:
        """Let go of everything."""
        ...


@runtime_checkable
class Checksums(Protocol):
    """Optional for a session: the database computes checksums of the buckets of a relation (see `buckets.py`)."""

    method: str  # another one when the same rows may get other checksums

    def checksums(self, relation: Relation, layout: Layout | None, most: int) -> Buckets | None:
        """All buckets of the snapshot, no more than `most`; laid out as `layout` says or coarser, unless that does not
        fit any more. None: the database cannot compute them."""
        ...

    def bucket_census(
        self, relation: Relation, layout: Layout, horizon: int, most: int
    ) -> Mapping[int, tuple[int, int]] | None:
        """As `Session.census`, by bucket. None when there are too many for the layout."""
        ...

    def inside(self, relation: Relation, layout: Layout, numbers: Collection[int]) -> Rows:
        """Whole rows of those buckets, by key."""
        ...

    def keys_outside(self, relation: Relation, layout: Layout, numbers: Collection[int]) -> Rows:
        """Keys of the rows of all other buckets, in any order."""
        ...


class Database(Protocol):
    """Opens sessions."""

    where: str  # for messages: host and database, never a secret

    def open(self, wanted: Sequence[Wanted]) -> Session:
        """Connect, see that the shape of what is wanted cannot change any more, and take the snapshot. A wanted table
        that cannot be had is told by `Session.survey`."""
        ...

    def interrupt(self) -> None:
        """Make whatever blocks end at once, from another thread. Every later verb raises Trouble."""
        ...
