"""A bitmap over ledger sequence numbers: one bit for each document, instead of a stamp written to each row."""

from __future__ import annotations

import zlib
from collections.abc import Iterable

_MASKS = tuple(1 << bit for bit in range(8))
_RUN = 64  # numbers from which on it pays to look whether they follow each other


def _is_run(numbers: list[int]) -> bool:
    """Whether each number is one more than the one before, as those of rows that were written together are."""
    return (
        numbers[0] >= 0
        and numbers[-1] - numbers[0] == len(numbers) - 1
        and numbers == list(range(numbers[0], numbers[-1] + 1))
    )


class Seen:
    """A set of small positive integers that costs one bit each and travels with the checkpoint."""

    __slots__ = ("_bits",)

    def __init__(self, bits: bytearray | None = None) -> None:
        self._bits = bits if bits is not None else bytearray()

    @classmethod
    def from_bytes(cls, data: bytes) -> Seen:
        """What `to_bytes` made; b"" is the empty set."""
        return cls(bytearray(zlib.decompress(data)) if data else bytearray())

    def to_bytes(self) -> bytes:
        """Compressed; a full bitmap of a million numbers takes a few hundred bytes, a random one 125 kB."""
        return zlib.compress(self._bits, 1) if self._bits else b""

    def with_more(self, numbers: Iterable[int]) -> bytes:
        """`to_bytes` of these and more numbers; itself it stays as it is."""
        more = self.copy()
        more.add_all(numbers)
        return more.to_bytes()

    def copy(self) -> Seen:
        """An independent copy."""
        return Seen(bytearray(self._bits))

    def add(self, number: int) -> None:
        """Put `number` in; it need not be new."""
        index = number >> 3
        if index >= len(self._bits):
            self._grow(index)
        self._bits[index] |= 1 << (number & 7)

    def add_all(self, numbers: Iterable[int]) -> int:
        """Put all of them in; returns how many were new."""
        if isinstance(numbers, range) and numbers.step == 1 and numbers and numbers[0] >= 0:
            return self._add_run(numbers[0], numbers[-1])
        if isinstance(numbers, list) and len(numbers) >= _RUN and _is_run(numbers):
            return self._add_run(numbers[0], numbers[-1])
        new = 0
        bits = self._bits
        for number in numbers:
            index, mask = number >> 3, _MASKS[number & 7]
            if index >= len(bits):
                self._grow(index)
            byte = bits[index]
            if not byte & mask:
                bits[index] = byte | mask
                new += 1
        return new

    def _add_run(self, first: int, last: int) -> int:
        """The same for `first` to `last`, in one go."""
        start, stop = first >> 3, (last >> 3) + 1
        if stop > len(self._bits):
            self._grow(stop - 1)
        before = int.from_bytes(self._bits[start:stop], "little")
        after = before | (((1 << (last - first + 1)) - 1) << (first & 7))
        self._bits[start:stop] = after.to_bytes(stop - start, "little")
        return (after ^ before).bit_count()

    def add_up_to(self, number: int) -> None:
        """Put 1 to `number` in."""
        if number <= 0:
            return
        whole = int.from_bytes(self._bits, "little") | ((1 << (number + 1)) - 2)
        self._bits[:] = whole.to_bytes((whole.bit_length() + 7) // 8, "little")

    def without(self, numbers: Iterable[int]) -> list[int]:
        """Those of `numbers` that are not in."""
        bits, end = self._bits, len(self._bits) << 3
        return [number for number in numbers if number >= end or not bits[number >> 3] & _MASKS[number & 7]]

    def discard(self, number: int) -> None:
        """Take `number` out if it is in."""
        index = number >> 3
        if index < len(self._bits):
            self._bits[index] &= ~(1 << (number & 7)) & 0xFF

    def _grow(self, index: int) -> None:
        self._bits.extend(bytes(max(index + 1 - len(self._bits), len(self._bits) // 4, 64)))

    def __contains__(self, number: int) -> bool:
        index = number >> 3
        return index < len(self._bits) and bool(self._bits[index] & (1 << (number & 7)))

    def __len__(self) -> int:
        return int.from_bytes(self._bits, "little").bit_count()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Seen) and self._bits.rstrip(b"\0") == other._bits.rstrip(b"\0")
