"""Who follows the truth of an index from this data directory: the text index of every server is its own.

    database                                   data directory
    readers: reader, confirmed, swept    ◀──   indexes/NAME/reader  (an id)

A removal is swept from the database when every reader has passed it. A reader that was not heard of for KEEP_S and is
behind does not hold that up any longer: it is struck off. Should it come back, it finds that nobody knows it, forgets
what it has derived, and begins anew under another id.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

KEEP_S: Final = 7 * 24 * 3600.0


class ReaderFile:
    """The id in the file at `path`. `forget` is called before there is another one: what was derived is of no use."""

    def __init__(self, path: str, forget: Callable[[], None]) -> None:
        self._path = path
        self._forget = forget

    def read(self) -> str:
        """The id; empty when there is none."""
        try:
            with open(self._path, encoding="ascii", errors="replace") as file:
                return file.read(64).strip()
        except FileNotFoundError:
            return ""

    @contextmanager
    def locked(self) -> Iterator[None]:
        """No other process of this data directory does the same meanwhile."""
        os.makedirs(os.path.dirname(self._path), exist_ok=True)
        with open(self._path + ".lock", "w", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def renew(self, id: str) -> None:
        """Forget what was derived, and be another one from now on."""
        self._forget()
        with open(self._path + ".new", "w", encoding="ascii") as file:
            file.write(id)
            file.flush()
            os.fsync(file.fileno())
        os.replace(self._path + ".new", self._path)

    def remove(self) -> None:
        """Be nobody."""
        with suppress(FileNotFoundError):
            os.unlink(self._path)
