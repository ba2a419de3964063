"""Scrolls: all matches of a search, page by page.

What a scroll keeps is the places of its matches, eight bytes each, in the memory of this server. A document that has
gone meanwhile is left out, one that has changed is shown as it is now, and one that is new does not come.
"""

from __future__ import annotations

import os
import re
import threading
from array import array
from binascii import b2a_base64
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from syncline.dialects.elastic.query_run import Search
from syncline.dialects.elastic.refusals import Refused, illegal

MOST: Final = 500  # scrolls open at once
MOST_PLACES: Final = 20_000_000  # of all of them together
LONGEST_S: Final = 24 * 3600.0
_TIME: Final = re.compile(r"(\d{1,9})(nanos|micros|ms|s|m|h|d)", re.ASCII)
_UNITS: Final = {"nanos": 1e-9, "micros": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}


@dataclass(slots=True)
class Scroll:
    """One of them. `at` is how many of its places have been shown; `names` the indexes, in order."""

    id: str
    owner: str
    names: tuple[str, ...]
    search: Search
    places: array[int]
    max_score: float | None
    now: float
    at: int = 0
    until: float = 0.0
    busy: bool = False


class Scrolls:
    """Those that are open. For any number of threads."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._open: dict[str, Scroll] = {}

    def add(self, owner: str, names: Iterable[str], search: Search, places: array[int], keep_s: float) -> Scroll:
        """A new one. Raises Refused when there are too many."""
        id = b2a_base64(os.urandom(33), newline=False).decode().replace("+", "-").replace("/", "_")
        scroll = Scroll(id, owner, tuple(names), search, places, None, self._clock())
        with self._lock:
            self._drop_old()
            held = sum(len(one.places) for one in self._open.values())
            if len(self._open) >= MOST or (held + len(places) > MOST_PLACES and self._open):
                raise Refused(
                    429,
                    "too_many_scroll_contexts_exception",
                    f"Trying to create too many scroll contexts. Must be less than or equal to: [{MOST}].",
                )
            scroll.until = self._clock() + keep_s
            self._open[id] = scroll
        return scroll

    def get(self, id: str, owner: str, keep_s: float | None) -> Scroll:
        """The one of that id. Raises Refused when it is gone, or another key's."""
        with self._lock:
            self._drop_old()
            found = self._open.get(id)
            if found is None or found.owner != owner:
                raise missing(id)
            if keep_s is not None:
                found.until = self._clock() + keep_s
            return found

    def next_page(self, scroll: Scroll) -> list[int]:
        """The next places; each page is given out once."""
        with self._lock:
            begin = scroll.at
            scroll.at = min(len(scroll.places), begin + scroll.search.size)
            return list(scroll.places[begin : scroll.at])

    def remove(self, ids: Iterable[str], owner: str) -> int:
        """Close them; how many there were."""
        with self._lock:
            self._drop_old()
            own = [id for id in set(ids) if id in self._open and self._open[id].owner == owner]
            for id in own:
                del self._open[id]
            return len(own)

    def remove_all(self, owner: str) -> int:
        """Close all of a key."""
        with self._lock:
            own = [id for id, one in self._open.items() if one.owner == owner]
            for id in own:
                del self._open[id]
            return len(own)

    def _drop_old(self) -> None:
        now = self._clock()
        for id in [id for id, one in self._open.items() if one.until < now]:
            del self._open[id]


def missing(id: str) -> Refused:
    """No scroll of that id is open."""
    return Refused(404, "search_context_missing_exception", f"No search context found for id [{id:.100}]")


def seconds(said: Any, name: str = "scroll") -> float:
    """How long "5m" is. Raises Refused."""
    match = _TIME.fullmatch(said) if isinstance(said, str) else None
    if match is None:
        raise illegal(f"failed to parse setting [{name}] with value [{said!s:.100}] as a time value")
    found = int(match[1]) * _UNITS[match[2]]
    if found > LONGEST_S:
        raise illegal(f"Keep alive for request ({said}) is too large. It must be less than (1d).")
    return found
