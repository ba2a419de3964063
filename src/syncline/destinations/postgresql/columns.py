"""Sheets as parameters of an INSERT, a text for each column: what is stored is what `rows.record` says of a document.

The values of a column stand side by side in one text, with a sign between them that none of them holds, and the server
takes it apart (`string_to_array`). So nothing is done for each value here, and nothing is quoted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import count
from typing import Any, Final

from syncline.destinations.postgresql.rows import EPOCH, clean, dates_of, found_by, storable
from syncline.model.sheets import Sheet

PIECE: Final = 1 << 20  # characters of texts and metadata; while one is inserted, the next one is made
SIGN: Final = "\x1e"
NULL: Final = ""
_SUSPECT: Final = ("\\u0000", "NaN", "Infinity", "\0")
_MICROSECOND: Final = timedelta(microseconds=1)
_DAY: Final = "[0-9]{4}-[0-9]{2}-"
# What a member of an object begins with: a time of the usual form (taken whole), another date, an array or an object.
# Within a text, the quote would have a backslash before it.
_DATED: Final = re.compile(rf'":(?:"(?:({_DAY}[0-9]{{2}}T[0-9:.,+Z-]{{9,}})"|{_DAY})|[\[{{])')
_DATED_NAME: Final = re.compile(rf'[{{,]("(?:[^"\\]|\\.)*"):"{_DAY}')

Column = Sequence[str]


class Columns:
    """Documents for the table, in their order. `searched`: with what they are found by. What no document has is an
    empty text."""

    def __init__(self, sheets: Sequence[Sheet], *, searched: bool) -> None:
        self._pieces = [piece for sheet in sheets for piece in _pieces(sheet)]
        self._searched = searched
        self.bare = not any(sheet.urls or sheet.allow for sheet in sheets)

    def parameters(self, connector: int, last: int) -> Iterator[tuple[Any, ...]]:
        """Those of each statement (`statements.sql`, by_column). `last`: the highest number in the table. They are made
        one by one, while the server is at work on the ones before."""
        for piece in self._pieces:
            columns = list(self._columns(piece))
            together = ["".join(column) for column in columns]
            sign = next(sign for sign in _signs() if not any(sign in text for text in together))
            yield (connector, last, len(piece), sign, *[sign.join(column) for column in columns])
            last += len(piece)

    def _columns(self, sheet: Sheet) -> Iterator[Column]:
        titles, texts = _clean(sheet.titles), _clean(sheet.texts)
        metadata = _metadata(sheet.metadata)
        yield from (sheet.ids, titles, texts, metadata, _dates(metadata))
        yield _clean(sheet.urls) if sheet.urls else ()
        yield list(map(_array, sheet.allow)) if sheet.allow else ()
        yield from (list(map(found_by, column)) if self._searched else () for column in (titles, texts))


def _pieces(sheet: Sheet) -> Iterator[Sheet]:
    """Parts of a sheet, none of which is too large, if it can be helped."""
    size = sum(map(len, sheet.texts)) + sum(map(len, sheet.metadata))
    if len(sheet) > 1 and size > PIECE:
        half = len(sheet) // 2
        yield from _pieces(_part(sheet, slice(None, half)))
        yield from _pieces(_part(sheet, slice(half, None)))
    elif len(sheet):
        yield sheet


def _part(sheet: Sheet, part: slice) -> Sheet:
    return Sheet(
        sheet.ids[part],
        sheet.versions[part],
        sheet.titles[part],
        sheet.texts[part],
        sheet.metadata[part],
        sheet.urls[part] if sheet.urls else None,
        sheet.allow[part] if sheet.allow else None,
    )


def _signs() -> Iterator[str]:
    """What may stand between values, if none of them holds it. Each has its first character there only, so that it
    cannot be found across the end of a value."""
    yield SIGN
    yield from map(f"{SIGN}{{}};".format, count())


def _clean(texts: Sequence[str]) -> Sequence[str]:
    """See `rows.clean`; a sheet holds no lone surrogate."""
    return list(map(clean, texts)) if "\0" in "".join(texts) else texts


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


def _dates(metadata: Sequence[str]) -> Column:
    """See `rows.dates_of`; NULL where there are none. As a rule the same names hold times of the usual form in every
    document: those are cut out of the text."""
    found = _cut_out(metadata)
    if found is None:
        return [dates_of(one) or NULL for one in json.loads(f"[{','.join(metadata)}]")]
    if not found:
        return ()
    line = "{" + ",".join([name.replace("%", "%%") + ":[%d]" for name in found]) + "}"
    return list(map(line.__mod__, zip(*found.values(), strict=True)))


def _cut_out(metadata: Sequence[str]) -> dict[str, Sequence[int]] | None:
    """Times by name (as JSON), if every document has some of the usual form under the same names, in the same order,
    and nothing else in which there may be one."""
    together = "\n".join(metadata)
    times = _DATED.findall(together)
    if not times:
        return {}
    names = list(_DATED_NAME.finditer(metadata[0]))
    if "" in times or len(times) != len(names) * len(metadata):
        return None
    found: dict[str, Sequence[int]] = {}
    for at, name in enumerate(names):
        texts = times[at :: len(names)]
        _, *after = together.split(f'{name[0][0]}{name[1]}:"')
        moments = _moments(texts)
        if len(after) != len(texts) or not all(map(str.startswith, after, texts)) or moments is None:
            return None
        found[name[1]] = moments
    return found


def _moments(texts: Sequence[str]) -> Sequence[int] | None:
    """`moment_of` of each, of the usual form; None when one is no time, or has no offset."""
    read, epoch, microsecond = datetime.fromisoformat, EPOCH, _MICROSECOND
    try:
        return [(read(text) - epoch) // microsecond for text in texts]
    except (TypeError, ValueError):
        return None
