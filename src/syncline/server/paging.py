"""Lists, a page at a time. A cursor says where a page ended, and of which list."""

from __future__ import annotations

import binascii
import json
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

import xxhash

from syncline.server.problems import CursorInvalid

T = TypeVar("T")

LIMIT: Final = 50
MAX_LIMIT: Final = 1000
_SUM = 8


class Pages:
    """The pages of one list. `filters` chose what is in it: a cursor is good for the same ones only."""

    def __init__(self, name: str, cursor: str | None, **filters: Any) -> None:
        self._seed = json.dumps([name, filters], sort_keys=True, default=str).encode()
        self._cursor = cursor

    def after(self, default: T) -> T:
        """Where the page before ended; `default` for the first one, whose type it has. Raises CursorInvalid."""
        if self._cursor is None:
            return default
        try:
            packed = self._cursor.encode("ascii").replace(b"-", b"+").replace(b"_", b"/")
            raw = binascii.a2b_base64(packed + b"=" * (-len(packed) % 4), strict_mode=True)
            at = json.loads(raw[_SUM:]) if raw[:_SUM] == self._sum(raw[_SUM:]) else None
        except (ValueError, RecursionError):
            at = None
        if not isinstance(at, type(default)):
            raise CursorInvalid("this is no cursor of this list")
        return at

    def cursor(self, at: Any) -> str:
        """One that stands for it."""
        body = json.dumps(at, separators=(",", ":")).encode()
        packed = binascii.b2a_base64(self._sum(body) + body, newline=False)
        return packed.rstrip(b"=").replace(b"+", b"-").replace(b"/", b"_").decode()

    def _sum(self, body: bytes) -> bytes:
        return xxhash.xxh3_64(self._seed + b"\0" + body).digest()

    def page(
        self, found: Sequence[T], limit: int, place: Callable[[T], Any], shape: Callable[[T], Any]
    ) -> dict[str, Any]:
        """The answer, from one row more than `limit` if there is one; `place` is where a row stands in the list."""
        shown = found[:limit]
        more = len(found) > limit
        return {
            "items": [shape(row) for row in shown],
            "next_cursor": self.cursor(place(shown[-1])) if more else None,
        }

    def cut(
        self, rows: Sequence[T], limit: int, place: Callable[[T], Any], shape: Callable[[T], Any], default: Any
    ) -> dict[str, Any]:
        """The same from a whole list that is sorted by `place`."""
        after = self.after(default)
        rest = rows if self._cursor is None else [row for row in rows if place(row) > after]
        return self.page(rest[: limit + 1], limit, place, shape)
