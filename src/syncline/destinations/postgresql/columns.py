"""Sheets as CSV for COPY, column by column: what is stored is what `rows.record` says of each document.

Fields are separated and quoted, and NULL is told, by control characters that hardly any text holds: so most columns go
as they are, and backslashes, quotation marks and tabs mean nothing.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from syncline.destinations.postgresql.rows import EPOCH, clean, dates_of, moment_of, storable, words_of
from syncline.destinations.postgresql.table import LONGEST_SEARCHED
from syncline.model.sheets import Sheet

PIECE: Final = 256 << 10  # bytes
QUOTE: Final = "\x1c"
NULL: Final = "\x1d"
FIELD: Final = "\x1e"
_SIGNS: Final = (QUOTE, NULL, FIELD, "\n", "\r")
_SUSPECT: Final = ("\\u0000", "NaN", "Infinity", "\0")
_MICROSECOND: Final = timedelta(microseconds=1)
# A value that looks like a date: within a text, its quote would have a backslash before it.
_DATED: Final = re.compile(r'":"\d\d\d\d-\d\d-')
_DATED_NAME: Final = re.compile(r'("(?:[^"\\]|\\.)*"):"\d\d\d\d-\d\d-')

Column = Sequence[str | None]


class Copied:
    """Documents for COPY, in their order. `searched`: with the words of texts that are not plain ASCII. What no
    document has is left to what the table says."""

    def __init__(self, sheets: Sequence[Sheet], *, searched: bool) -> None:
        self._sheets = [sheet for sheet in sheets if len(sheet)]
        self.columns = ["at", "id", "title", "body", "metadata", "dates"]
        self.columns += ["url"] if any(sheet.urls for sheet in sheets) else []
        self.columns += ["allow"] if any(sheet.allow for sheet in sheets) else []
        self.columns += ["title_words", "body_words"] if searched else []

    async def pieces(self) -> AsyncIterator[bytes]:
        """The text, in pieces that are sent at once. A sheet is told while the one before it is on its way, and the
        server is at work on what has arrived."""
        loop, at = asyncio.get_running_loop(), 1
        ahead: asyncio.Future[bytes] | None = None
        for sheet in self._sheets:
            told, ahead = ahead, loop.run_in_executor(None, self._told, sheet, at)
            at += len(sheet)
            async for piece in _cut(told):
                yield piece
        async for piece in _cut(ahead):
            yield piece

    def _told(self, sheet: Sheet, at: int) -> bytes:
        return _lines(list(map(str, range(at, at + len(sheet)))), *self._fields(sheet)).encode(errors="replace")

    def _fields(self, sheet: Sheet) -> Iterator[Column]:
        titles, texts = _clean(sheet.titles), _clean(sheet.texts)
        metadata = _metadata(sheet.metadata)
        yield from (sheet.ids, titles, texts, metadata, _dates(metadata))
        if "url" in self.columns:
            yield _clean(sheet.urls) if sheet.urls else [""] * len(sheet)
        if "allow" in self.columns:
            yield list(map(_array, sheet.allow)) if sheet.allow else ["{}"] * len(sheet)
        if "body_words" in self.columns:
            yield from (_words(titles), _words(texts))


async def _cut(told: asyncio.Future[bytes] | None) -> AsyncIterator[bytes]:
    text = b"" if told is None else await told
    for start in range(0, len(text), PIECE):
        yield text[start : start + PIECE]


def _lines(*fields: Column) -> str:
    return "\n".join(map(FIELD.join, zip(*map(_told, fields), strict=True))) + "\n"


def _told(column: Column) -> Sequence[str]:
    """With quotes, where one of the values needs them."""
    texts = [value for value in column if value is not None] if None in column else column
    together = "".join(texts)  # type: ignore[arg-type]
    if any(sign in together for sign in _SIGNS):
        twice = QUOTE + QUOTE
        column = [f"{QUOTE}{text.replace(QUOTE, twice)}{QUOTE}" if text is not None else None for text in column]
    return column if len(texts) == len(column) else [NULL if text is None else text for text in column]  # type: ignore[return-value]


def _clean(texts: Sequence[str]) -> Sequence[str]:
    """See `rows.clean`; a sheet holds no lone surrogate."""
    return list(map(clean, texts)) if any("\0" in text for text in texts) else texts


def _metadata(told: Sequence[str]) -> Sequence[str]:
    """See `rows.metadata_of`."""
    together = "\n".join(told)
    if any(sign in together for sign in _SUSPECT):
        told = list(map(storable, told))
    return told if all(told) else [one or "{}" for one in told]


def _array(names: Sequence[str]) -> str:
    """A list of texts as PostgreSQL writes it."""
    told = [clean(name).replace("\\", "\\\\").replace('"', '\\"') for name in sorted(names)]
    return "{" + ",".join([f'"{name}"' for name in told]) + "}"


def _words(texts: Sequence[str]) -> Column:
    if "".join(texts).isascii():
        return [None] * len(texts)
    return [None if text.isascii() else " ".join(words_of(text[:LONGEST_SEARCHED])) for text in texts]


def _dates(metadata: Sequence[str]) -> Column:
    """See `rows.dates_of`. As a rule the same names hold dates in every document: those are cut out of the text."""
    together = "\n".join(metadata)
    found = _cut_out(metadata, together) if '":[' not in together and '":{' not in together else None
    if found is None:
        return [dates_of(one) for one in json.loads(f"[{','.join(metadata)}]")]
    if not found:
        return [None] * len(metadata)
    line = "{" + ",".join([name.replace("%", "%%") + ":[%d]" for name in found]) + "}"
    return list(map(line.__mod__, zip(*found.values(), strict=True)))


def _cut_out(metadata: Sequence[str], together: str) -> dict[str, Sequence[int | None]] | None:
    """Dates by name (as JSON), if every document has some under the same names, and under no other."""
    looking = len(_DATED.findall(together))
    found: dict[str, Sequence[int | None]] = {}
    for name in _DATED_NAME.findall(metadata[0]) if looking else ():
        key = f'{name}:"'
        texts = [rest[: rest.index('"')] for rest in together.split(key)[1:]]
        if len(texts) != len(metadata) or f"\\{key}" in together or not all(key in one for one in metadata):
            return None
        moments = _moments(texts)
        if None in moments:
            return None
        looking -= len(texts)
        found[name] = moments
    return found if looking == 0 else None


def _moments(texts: Sequence[str]) -> Sequence[int | None]:
    """`moment_of` of each."""
    try:
        if all(text[7:8] == "-" and text[10:11] == "T" and len(text) >= 20 for text in texts):
            return [(datetime.fromisoformat(text) - EPOCH) // _MICROSECOND for text in texts]
    except (TypeError, ValueError):  # one of them is no time, or has no offset
        pass
    return list(map(moment_of, texts))
