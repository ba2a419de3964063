"""What PostgreSQL is asked about the buckets of a relation: statements, and how their answers are read.

A row's hash is a chain through its selected columns: the hash of a column is the seed for that of the next. A value is
hashed as the text that PostgreSQL writes for it, by the functions that COPY uses: rows that COPY writes alike are alike
to us. NULL is hashed as an empty text, and a space stands in front of every other. (Nearly half as dear as the text of
the whole row, in which PostgreSQL puts quotes character by character; the hashes that types have of their own take 1.0
and 1.00 for the same.)
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Final

from syncline.sources.tables.buckets import BITS, MASK, Buckets, Layout, Sum
from syncline.sources.tables.postgresql.catalog import quoted
from syncline.sources.tables.postgresql.text import NULL
from syncline.sources.tables.shape import Column, Kind, Relation

HAS_BIT_XOR: Final = 140_000  # the first version that has it
DEAR: Final = 0.5  # planner's units for a row; to send and hash it costs about twice as much
FEW_ROWS: Final = 1000
FEW_RUNS: Final = 200  # ranges of keys that one condition names
SCATTERED: Final = 16  # times the buckets asked for: the layout does not fit any more
TEXTS: Final = frozenset({"text", "varchar"})
RULE: Final = "1"  # raised when the same row gets another hash, or falls into another bucket

# The planner takes every bucket for a group of its own and would sort the rows: on disk, and in one process.
BY_HASHING: Final = "set local enable_sort = off"
AS_BEFORE: Final = "set local enable_sort to default"


def has_ranges(relation: Relation) -> bool:
    """Whether its key is a single integer."""
    return relation.key == 1 and relation.keys[0].kind is Kind.INTEGER


def sums(relation: Relation, layout: Layout, where: str, most: int) -> str:
    """A SELECT of number, rows and combined hashes of each bucket. Of many more than `most` buckets some are left out.
    Rows whose key has a NULL are in a bucket without a number."""
    hash = _hash(relation.columns)
    combined = f"sum({hash}::numeric)" if layout.adds else f"bit_xor({hash})"
    return _listed(f"count(*), {combined}", relation, layout, where, most)


def census(relation: Relation, layout: Layout, where: str, written: str, most: int) -> str:
    """The same with rows that are not `written`, and rows that are."""
    counts = f"count(*) filter (where not ({written})), count(*) filter (where {written})"
    return _listed(counts, relation, layout, where, most)


def extremes(relation: Relation, where: str) -> str:
    """A SELECT of the lowest and the highest key."""
    key = quoted(relation.keys[0].name)
    return f"select min({key}) || ' ' || max({key}) from {relation.source}{where}"


def inside(relation: Relation, layout: Layout, numbers: Collection[int]) -> str:
    """A condition: the row is in one of these buckets."""
    runs = list(runs_of(numbers))
    if layout.hashed or len(runs) > FEW_RUNS:
        return f"{_number(relation, layout)} = any ('{{{','.join(map(str, sorted(numbers)))}}}'::bigint[])"
    key = quoted(relation.keys[0].name)
    ranges = [
        f"{key} between '{first << layout.shift}'::bigint and '{((last + 1) << layout.shift) - 1}'::bigint"
        for first, last in runs
    ]
    return f"({' or '.join(ranges) or 'false'})"


def runs_of(numbers: Collection[int]) -> Iterator[tuple[int, int]]:
    """(first, last) of the numbers that follow each other."""
    first = last = None
    for number in sorted(numbers):
        if first is None or last is None or number != last + 1:
            if first is not None and last is not None:
                yield first, last
            first = number
        last = number
    if first is not None and last is not None:
        yield first, last


def read_sums(lines: Iterable[bytes], layout: Layout, most: int) -> Buckets | None:
    """What `sums` answers; None when it is not all of it."""
    found: dict[int, Sum] = {}
    nameless = 0
    for number, rows, hash in map(_fields, lines):
        if number == NULL:
            nameless = int(rows)
        else:
            found[int(number)] = Sum(int(rows), int(hash) & MASK)
    return Buckets(layout, found, nameless) if len(found) <= most * SCATTERED else None


def read_census(lines: Iterable[bytes], most: int) -> dict[int, tuple[int, int]] | None:
    """What `census` answers, by bucket; None when it is not all of it."""
    found = {int(number): (int(old), int(new)) for number, old, new in map(_fields, lines) if number != NULL}
    return found if len(found) <= most * SCATTERED else None


def hashed_layout(most: int, adds: bool) -> Layout:
    """By a hash of the key, into no more than so many buckets."""
    return Layout(True, BITS - (max(most, 1).bit_length() - 1), adds)


def is_suitable(plan: str) -> bool:
    """Whether what a plan (EXPLAIN in JSON) reads may be asked for twice. What lies in no snapshot of this server may
    be in two states then; and what costs much to compute is better computed once, and sent."""
    if '"Foreign Scan"' in plan or '"Custom Scan"' in plan:
        return False
    top = json.loads(plan)[0]["Plan"]
    return bool(top["Total Cost"] <= DEAR * max(top["Plan Rows"], FEW_ROWS))


def _fields(line: bytes) -> list[bytes]:
    return line.split(b"\t")


def _listed(what: str, relation: Relation, layout: Layout, where: str, most: int) -> str:
    number = _number(relation, layout)
    nullable = [f"{quoted(column.name)} is null" for column in relation.keys if column.nullable]
    if nullable:
        number = f"case when {' or '.join(nullable)} then null else {number} end"
    return f"select {number}, {what} from {relation.source}{where} group by 1 limit {most * SCATTERED + 2}"


def _number(relation: Relation, layout: Layout) -> str:
    if layout.hashed:
        return f"({_hash(relation.keys)} >> {layout.shift})" if layout.shift < BITS else "0::bigint"
    return f"({quoted(relation.keys[0].name)}::bigint >> {layout.shift})"


def _hash(columns: Sequence[Column]) -> str:
    seed = "0"
    for column in columns:
        seed = f'hashtextextended({_text(column)} collate "C", {seed})'
    return seed


def _text(column: Column) -> str:
    name = quoted(column.name)
    if column.kind is Kind.TEXT and (column.type in TEXTS or column.type.startswith("character varying")):
        return f"coalesce(' ' || {name}, '')"
    return f"case when {name} is not distinct from null then '' else concat(' ', {name}) end"  # (NULL, NULL) is a value
