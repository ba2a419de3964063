"""Checksums of the parts of a table, by which whole parts are found to be as they were.

    row ─▶ number ─▶ number >> shift: its bucket        number: the key, if it is one integer, else a hash of the key
    bucket ─▶ how many rows, and their hashes combined  by XOR or by adding, so that two buckets make a coarser one

A bucket of neighbouring keys is touched as a whole by edits that lie together. Two sets of buckets are compared at the
coarser of their shifts, so nothing is lost when a table grows and its buckets do.
"""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, Final, NamedTuple

BITS: Final = 64
MASK: Final = (1 << BITS) - 1
MOST: Final = 2048  # buckets of one listing; about 12 bytes are remembered of each
FEWEST: Final = 64  # of one table among many
UNEVEN: Final = 32  # a bucket with more than that part of all rows is too full …
FULL: Final = 1000  # … if it has more rows than that


class Sum(NamedTuple):
    """One bucket: its rows, and their hashes combined to 64 bits."""

    rows: int
    hash: int


@dataclass(frozen=True, slots=True)
class Layout:
    """Which bucket a row belongs to. `hashed`: by a hash of its key. `adds`: hashes are added, else XORed."""

    hashed: bool
    shift: int
    adds: bool = False

    def at(self, shift: int) -> Layout:
        """The same, coarser or finer."""
        return Layout(self.hashed, shift, self.adds)


@dataclass(frozen=True, slots=True)
class Buckets:
    """The buckets of one table that have rows, by number. `nameless`: rows in none of them, their key has a NULL."""

    layout: Layout
    sums: Mapping[int, Sum]
    nameless: int = field(default=0, compare=False)

    @property
    def rows(self) -> int:
        """How many rows there are in all."""
        return self.rows_of(self.sums)

    def rows_of(self, numbers: Collection[int]) -> int:
        """How many rows those buckets have."""
        return sum(self.sums[number].rows for number in numbers if number in self.sums)

    @property
    def is_uneven(self) -> bool:
        """Whether one bucket holds so many rows that telling it from the others is of little use."""
        largest = max((one.rows for one in self.sums.values()), default=0)
        return largest > FULL and largest * UNEVEN > self.rows

    def coarser(self, shift: int) -> Buckets:
        """The same rows in larger buckets; `shift` is not below the present one."""
        by = shift - self.layout.shift
        if not by:
            return self
        sums: dict[int, Sum] = {}
        for number, one in self.sums.items():
            other = sums.get(number >> by, Sum(0, 0))
            both = (other.hash + one.hash) & MASK if self.layout.adds else other.hash ^ one.hash
            sums[number >> by] = Sum(other.rows + one.rows, both)
        return Buckets(self.layout.at(shift), sums, self.nameless)

    def no_more_than(self, most: int) -> Buckets:
        """As coarse as is needed to have no more buckets than that."""
        found = self
        while len(found.sums) > max(1, most):
            found = found.coarser(found.layout.shift + 1)
        return found

    def is_comparable(self, other: Buckets) -> bool:
        """Whether a row has the same number and hash in both."""
        return self.layout.at(0) == other.layout.at(0)

    def differing(self, other: Buckets) -> set[int]:
        """Numbers of the buckets that are not the same in both, which are of one layout."""
        numbers = self.sums.keys() | other.sums.keys()
        return {number for number in numbers if self.sums.get(number) != other.sums.get(number)}

    def without(self, numbers: Collection[int]) -> Buckets:
        """All others."""
        return Buckets(self.layout, {number: one for number, one in self.sums.items() if number not in numbers})

    # --- as it is remembered -----------------------------------------------------------------------------------------

    def packed(self) -> dict[str, Any]:
        """Small JSON."""
        numbers = sorted(self.sums)
        steps = [(number - before) & MASK for before, number in zip([0, *numbers], numbers, strict=False)]
        words = [*steps, *(self.sums[n].rows for n in numbers), *(self.sums[n].hash for n in numbers)]
        data = zlib.compress(struct.pack(f"<{len(words)}Q", *words))
        layout = [self.layout.hashed, self.layout.shift, self.layout.adds]
        return {"layout": layout, "sums": base64.b64encode(data).decode()}

    @classmethod
    def unpacked(cls, told: Mapping[str, Any]) -> Buckets:
        """What `packed` made."""
        hashed, shift, adds = told["layout"]
        data = zlib.decompress(base64.b64decode(told["sums"]))
        words = struct.unpack(f"<{len(data) // 8}Q", data)
        count = len(words) // 3
        numbers = [_signed(total) for total in accumulate(words[:count])]
        sums = map(Sum, words[count : 2 * count], words[2 * count :])
        return cls(Layout(bool(hashed), int(shift), bool(adds)), dict(zip(numbers, sums, strict=True)))


def _signed(number: int) -> int:
    number &= MASK
    return number - (MASK + 1) if number > MASK >> 1 else number


def shift_for(lowest: int, highest: int, most: int) -> int:
    """The least shift with which these numbers, and all between them, lie in no more than so many buckets."""
    shift = 0
    while (highest >> shift) - (lowest >> shift) >= most:
        shift += 1
    return shift
