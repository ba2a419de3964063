"""Zip files from strangers. Reads what office documents need: stored and deflated members, found through the central
directory, and never more of them than the budget allows, whatever they declare.

The standard library's zipfile would do, but it takes three times as long to import as the interpreter to start, and
checks sizes only after they have been unpacked.
"""

from __future__ import annotations

import zlib

from syncline.transforms.readers.reading import Trouble, damaged

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from syncline.transforms.readers.reading import Budget

CHUNK = 1 << 20
_SMALL = 16 << 20  # below it the ratio says nothing

_END = b"PK\x05\x06"
_ENTRY = b"PK\x01\x02"
_LOCAL = b"PK\x03\x04"


class Member:
    """One file in the zip: where its local header is, and what the directory declares."""

    __slots__ = ("declared", "flags", "method", "offset", "packed", "sum")

    def __init__(self, flags: int, method: int, checksum: int, packed: int, declared: int, offset: int) -> None:
        self.flags = flags
        self.method = method
        self.sum = checksum
        self.packed = packed
        self.declared = declared
        self.offset = offset


class Archive:
    """An opened zip. Raises Trouble (damaged, bomb, encrypted) here and in every read."""

    def __init__(self, content: bytes, budget: Budget) -> None:
        self._content = content
        self._budget = budget
        self.members = _directory(content, budget.files)

    def __contains__(self, name: str) -> bool:
        return name in self.members

    def read(self, name: str) -> bytes:
        """The whole member, checked against its sum. Raises Trouble (damaged) when there is none of that name."""
        return b"".join(self.stream(name))

    def find(self, name: str) -> bytes:
        """The whole member, b"" when there is none of that name."""
        return self.read(name) if name in self.members else b""

    def stream(self, name: str) -> Iterator[bytes]:
        """The member in pieces of at most 1 MiB, taken off the budget as they come."""
        member = self.members.get(name)
        if member is None:
            raise damaged(f"{name} is missing")
        if member.flags & 1:
            raise Trouble("extract.encrypted", "the file is protected by a password")
        if member.declared > self._budget.unpacked_bytes or self._is_absurd(member, member.declared):
            raise _bomb()
        checksum = size = 0
        for piece in self._unpack(name, member):
            size += len(piece)
            self._budget.unpacked_bytes -= len(piece)
            if self._budget.unpacked_bytes < 0 or self._is_absurd(member, size):
                raise _bomb()
            checksum = zlib.crc32(piece, checksum)
            yield piece
        if checksum != member.sum:
            raise damaged(f"{name} does not match its checksum")

    def _is_absurd(self, member: Member, size: int) -> bool:
        return size > _SMALL and size > member.packed * self._budget.ratio

    def _unpack(self, name: str, member: Member) -> Iterator[bytes]:
        content, at = self._content, member.offset
        if content[at : at + 4] != _LOCAL:
            raise damaged(f"{name} is not where the directory says")
        start = at + 30 + _short(content, at + 26) + _short(content, at + 28)
        packed = memoryview(content)[start : start + member.packed]
        if len(packed) < member.packed:
            raise damaged(f"{name} is cut off")
        if member.method == 0:
            for step in range(0, len(packed), CHUNK):
                yield bytes(packed[step : step + CHUNK])
        elif member.method == 8:
            yield from _inflate(name, packed)
        else:
            raise damaged(f"{name} is packed by method {member.method}, which nobody here reads")


def _inflate(name: str, packed: memoryview) -> Iterator[bytes]:
    inflater = zlib.decompressobj(-15)
    rest: bytes | memoryview = packed
    try:
        while rest and not inflater.eof:
            piece = inflater.decompress(rest, CHUNK)
            rest = inflater.unconsumed_tail
            if piece:
                yield piece
        if piece := inflater.flush():
            yield piece
    except zlib.error as problem:
        raise damaged(f"{name} cannot be unpacked") from problem
    if not inflater.eof:
        raise damaged(f"{name} is cut off")


def _directory(content: bytes, limit: int) -> dict[str, Member]:
    """Every member by its name, "/" between folders. Source: PKWARE APPNOTE 4.3.12 to 4.3.16."""
    end = content.rfind(_END, max(0, len(content) - 65_557))
    if end < 0 or end + 22 > len(content):
        raise damaged("the zip has no directory: it is cut off")
    count, size, offset = _short(content, end + 10), _long(content, end + 12), _long(content, end + 16)
    if count == 0xFFFF or offset == 0xFFFFFFFF:
        count, size, offset, end = _zip64(content, end, (count, size, offset))
    if count > limit:
        raise Trouble("extract.bomb", f"the zip holds {count} files, more than {limit}")
    before = end - size - offset  # bytes that somebody put in front of the zip
    at = end - size
    members: dict[str, Member] = {}
    for _ in range(count):
        if at < 0 or content[at : at + 4] != _ENTRY:
            raise damaged("the zip's directory is damaged")
        name_size, extra_size, comment_size = (_short(content, at + 28 + 2 * n) for n in range(3))
        name = content[at + 46 : at + 46 + name_size]
        extra = content[at + 46 + name_size : at + 46 + name_size + extra_size]
        member = _member(content, at, extra)
        member.offset += max(0, before)
        members[_decode(name)] = member
        at += 46 + name_size + extra_size + comment_size
    return members


def _member(content: bytes, at: int, extra: bytes) -> Member:
    sizes = [_long(content, at + 24), _long(content, at + 20), _long(content, at + 42)]  # unpacked, packed, offset
    if 0xFFFFFFFF in sizes:
        wide = _wide_sizes(extra)
        sizes = [wide.pop(0) if size == 0xFFFFFFFF and wide else size for size in sizes]
    flags, method, checksum = _short(content, at + 8), _short(content, at + 10), _long(content, at + 16)
    return Member(flags, method, checksum, sizes[1], sizes[0], sizes[2])


def _wide_sizes(extra: bytes) -> list[int]:
    at = 0
    while at + 4 <= len(extra):
        size = _short(extra, at + 2)
        if _short(extra, at) == 1:
            body = extra[at + 4 : at + 4 + size]
            return [int.from_bytes(body[n : n + 8], "little") for n in range(0, len(body) - 7, 8)]
        at += 4 + size
    return []


def _zip64(content: bytes, end: int, narrow: tuple[int, int, int]) -> tuple[int, int, int, int]:
    start = content.rfind(b"PK\x06\x06", 0, end)
    if start < 0 or start + 56 > end or content[end - 20 : end - 16] != b"PK\x06\x07":
        return (*narrow, end)
    count, size, offset = (int.from_bytes(content[start + n : start + n + 8], "little") for n in (32, 40, 48))
    return count, size, offset, start


def _decode(name: bytes) -> str:
    try:
        text = name.decode()
    except UnicodeDecodeError:
        text = name.decode("latin-1")
    return text.replace("\\", "/").lstrip("/")


def _bomb() -> Trouble:
    return Trouble("extract.bomb", "the file unpacks to far more than its size; it was not unpacked")


def _short(content: bytes, at: int) -> int:
    return int.from_bytes(content[at : at + 2], "little")


def _long(content: bytes, at: int) -> int:
    return int.from_bytes(content[at : at + 4], "little")
