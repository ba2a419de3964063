"""What is read of a database: relations, their columns, and the kinds of values in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import xxhash

MAPPING = "1"  # how rows become documents; raised when the same row gives another document


class Kind(StrEnum):
    """What a value is, whatever the database calls its type."""

    TEXT = "text"
    INTEGER = "integer"
    DECIMAL = "decimal"
    FLOAT = "float"
    BOOLEAN = "boolean"
    TIME = "time"
    JSON = "json"
    ARRAY = "array"
    BINARY = "binary"
    OTHER = "other"  # kept as the text the database writes for it: uuid, enum, interval, inet …


@dataclass(frozen=True, slots=True)
class Column:
    """One selected column. `type` is its declared type, in the words of the database."""

    name: str
    type: str
    kind: Kind
    nullable: bool = True


@dataclass(frozen=True, slots=True)
class Relation:
    """One table, view or query, as it will be read.

    name      what the settings call it; begins the ids when there are several.
    source    what stands after FROM, quoted.
    columns   the selected columns, those of the key first, the rest in the order of the table.
    key       how many of them are the key.
    indexed   a unique index holds the key in this order, and none of it can be NULL.
    where     condition of the settings, or "".
    cursor    position of the cursor column among `columns`; None: there is none.
    tracked   the database itself knows which rows were written since an earlier snapshot.
    countable which rows belong to it depends on nothing but the rows, so that counting them proves something.
    identity  another one when rows that were not written may read differently; "" when not tracked.
    """

    name: str
    source: str
    columns: tuple[Column, ...]
    key: int
    indexed: bool
    where: str = ""
    cursor: int | None = None
    tracked: bool = False
    countable: bool = False
    identity: str = ""

    @property
    def keys(self) -> tuple[Column, ...]:
        """The columns of the key."""
        return self.columns[: self.key]


def seeds(relation: Relation, mapping: str) -> list[int]:
    """Seeds for the hashes of rows, by the number of columns up to the last one that is not NULL: so a column that is
    added behind the others, and is NULL in a row, leaves the version of that row alone. `mapping`: the settings that
    make documents of rows."""
    digest = xxhash.xxh3_64(f"{MAPPING}\0{mapping}\0{relation.key}".encode())
    found = [digest.intdigest()]
    for column in relation.columns:
        digest.update(f"\0{column.name}\0{column.type}".encode())
        found.append(digest.intdigest())
    return found


def ordered(names: Sequence[str], key: Sequence[str]) -> list[str]:
    """`names` with those of `key` first."""
    return [*key, *(name for name in names if name not in set(key))]
