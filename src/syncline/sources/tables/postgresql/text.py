"""Rows as COPY writes them: text, columns apart by tabs, NULL as \\N, what would confuse escaped by backslashes."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from itertools import repeat
from typing import Any, Final

import xxhash

from syncline.model.news import Entry, Names
from syncline.sources.tables.names import name_of
from syncline.sources.tables.session import KeyOnly
from syncline.sources.tables.shape import Kind, Relation
from syncline.sources.tables.values import Known, array, decimal, floating, json_value, moment, moments

NULL: Final = b"\\N"
_TRAILING_NULL: Final = b"\t\\N"
_SPELLED: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
_HASH = xxhash.xxh3_64_hexdigest
_entry = tuple.__new__

CONVERT: Final[dict[Kind, Callable[[str], Any]]] = {
    Kind.TEXT: str,
    Kind.INTEGER: int,
    Kind.DECIMAL: decimal,
    Kind.FLOAT: floating,
    Kind.BOOLEAN: lambda text: text == "t",
    Kind.TIME: moment,
    Kind.JSON: json_value,
    Kind.ARRAY: array,
    Kind.BINARY: lambda text: bytes.fromhex(text[2:]),
    Kind.OTHER: str,
}


def in_bulk(kind: Kind) -> Callable[[Sequence[str]], Sequence[Any]]:
    """What converts a whole column of that kind."""
    if kind in (Kind.TEXT, Kind.OTHER):
        return list
    if kind is Kind.TIME:
        return moments
    if kind in (Kind.DECIMAL, Kind.FLOAT):
        return partial(_each, Known(CONVERT[kind]).__getitem__)
    return partial(_each, CONVERT[kind])


def _each(convert: Callable[[str], Any], column: Sequence[str]) -> list[Any]:
    return list(map(convert, column))


def unescaped(text: str) -> str:
    """A field without its backslashes."""
    return _ESCAPE.sub(lambda found: _SPELLED.get(found[1], found[1]), text) if "\\" in text else text


def lines_of(block: bytes) -> list[bytes]:
    """The rows of a block."""
    lines = block.split(b"\n")
    if not lines[-1]:
        lines.pop()
    return lines


class CopyCodec:
    """Rows of one relation, as COPY text."""

    def __init__(self, relation: Relation, prefix: str, seeds: Sequence[int]) -> None:
        self.nameless = 0
        self._relation = relation
        self._prefix = prefix
        self._seeds = seeds
        self._convert = [CONVERT[column.kind] for column in relation.columns]
        self._in_bulk = [in_bulk(column.kind) for column in relation.columns]
        key = relation.keys[0]
        plain = relation.key == 1 and key.kind is Kind.INTEGER and not key.nullable
        self._simple = plain and "\n" not in prefix  # ids are lines

    def page(self, raws: Sequence[bytes]) -> list[Entry]:
        """See `Codec.page`. A version is the XXH3-64 of the line without its last NULLs, seeded by what came before
        them."""
        if self._simple:
            return list(map(_entry, repeat(Entry), zip(self._plain_ids(raws), self._versions(raws), raws, strict=True)))
        found = [Entry(name, self._version(line), line) for line in raws if (name := self._name(line)) is not None]
        self.nameless += len(raws) - len(found)
        return found

    def ids(self, raws: Sequence[bytes]) -> Names:
        """See `Codec.ids`."""
        return self._lines(raws) if self._simple else [entry.id for entry in self.names(raws, "")]

    def _lines(self, raws: Sequence[bytes]) -> bytes:
        """The ids, one a line."""
        prefix = self._prefix.encode()
        return prefix + (b"\n" + prefix).join(_firsts(raws)) + b"\n" if raws else b""

    def _plain_ids(self, raws: Sequence[bytes]) -> list[str]:
        return self._lines(raws).decode().split("\n")[:-1]

    def names(self, raws: Sequence[bytes], version: str) -> list[Entry]:
        """See `Codec.names`."""
        if self._simple:
            ids = self._plain_ids(raws)
            return list(map(_entry, repeat(Entry), zip(ids, repeat(version), repeat(None), strict=False)))
        return [
            Entry(name, version, self._token(name, line)) for line in raws if (name := self._name(line)) is not None
        ]

    def marks(self, raws: Sequence[bytes]) -> list[tuple[Entry, str]]:
        """See `Codec.marks`."""
        at = self._relation.cursor
        assert at is not None
        convert = self._convert[at]
        found = []
        for line in raws:
            name = self._name(line)
            if name is not None:
                last = line[line.rindex(b"\t") + 1 :] if at >= self._relation.key else line.split(b"\t")[at]
                mark = "" if last == NULL else str(convert(unescaped(_text(last))))
                found.append((Entry(name, None, self._token(name, line)), mark))
        self.nameless += len(raws) - len(found)
        return found

    def values(self, raw: bytes) -> list[Any]:
        """See `Codec.values`."""
        text = _text(raw)
        fields = text.split("\t")
        if "\\" not in text:
            return [convert(field) for convert, field in zip(self._convert, fields, strict=True)]
        return [
            None if field == "\\N" else convert(unescaped(field))
            for convert, field in zip(self._convert, fields, strict=True)
        ]

    def columns(self, raws: Sequence[bytes]) -> Sequence[Sequence[Any]]:
        """See `Codec.columns`."""
        text = _text(b"\t".join(raws))  # a tab within a value is escaped
        fields, count = text.split("\t"), len(self._in_bulk)
        if len(fields) != count * len(raws):
            raise ValueError("rows with another number of fields than there are columns")
        columns = [fields[at::count] for at in range(count)]
        if "\\" not in text:
            return [convert(column) for convert, column in zip(self._in_bulk, columns, strict=True)]
        return [_plain(convert, column) for convert, column in zip(self._in_bulk, columns, strict=True)]

    def key(self, raw: bytes) -> list[Any]:
        """The key, each part as the server reads it back."""
        return key_of(raw, self._relation.key)

    def _versions(self, lines: Sequence[bytes]) -> list[str]:
        if any(map(bytes.endswith, lines, repeat(_TRAILING_NULL))):
            return list(map(self._version, lines))
        return list(map(_HASH, lines, repeat(self._seeds[-1])))

    def _version(self, line: bytes) -> str:
        count = len(self._seeds) - 1
        while line[-3:] == _TRAILING_NULL:
            line = line[:-3]
            count -= 1
        return _HASH(line, self._seeds[count])

    def _name(self, line: bytes) -> str | None:
        fields = line.split(b"\t", self._relation.key)[: self._relation.key]
        if NULL in fields:
            return None
        return name_of(self._prefix, [unescaped(_text(field)) for field in fields])

    def _token(self, name: str, line: bytes) -> KeyOnly | None:
        return KeyOnly(key_of(line, self._relation.key)) if "%~" in name else None


def _firsts(raws: Sequence[bytes]) -> Sequence[bytes]:
    """The first field of each line."""
    if raws and b"\t" in raws[0]:
        return [line.partition(b"\t")[0] for line in raws]
    return raws


def _plain(convert: Callable[[Sequence[str]], Sequence[Any]], column: Sequence[str]) -> Sequence[Any]:
    if "\\" not in "".join(column):
        return convert(column)
    values = iter(convert([unescaped(field) for field in column if field != "\\N"]))
    return [None if field == "\\N" else next(values) for field in column]


def key_of(line: bytes, count: int) -> list[str]:
    """The first `count` fields of a line."""
    return [unescaped(_text(field)) for field in line.split(b"\t", count)[:count]]


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:  # a database without an encoding may hold anything
        return data.decode("utf-8", "replace")
