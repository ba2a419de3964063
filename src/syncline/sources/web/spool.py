"""Bodies that a listing has read already and that will perhaps be wanted: in a file without a name, bounded in size."""

from __future__ import annotations

import tempfile
import threading
from typing import IO, Final, NamedTuple

MAX_BYTES: Final = 512 << 20
MEMORY_BYTES: Final = 1 << 20  # up to here no file is made


class Where(NamedTuple):
    """A place in one round of the spool."""

    round: object
    start: int
    size: int


class Spool:
    """Keeps bodies until `begin`. May be used by many threads."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._round = object()
        self._size = 0
        self._file: IO[bytes] | None = None

    def begin(self) -> None:
        """Forget everything."""
        with self._lock:
            self._round = object()
            self._size = 0
            if self._file is not None:
                self._file.close()
                self._file = None

    def put(self, body: bytes) -> Where | None:
        """Keep it; None when there is no room."""
        with self._lock:
            if self._size + len(body) > self._max_bytes:
                return None
            if self._file is None:
                self._file = tempfile.SpooledTemporaryFile(max_size=MEMORY_BYTES)  # noqa: SIM115 - lives as long as we do
            where = Where(self._round, self._size, len(body))
            try:
                self._file.seek(where.start)
                self._file.write(body)
            except OSError:  # the disk is full: it will be read again
                return None
            self._size += len(body)
            return where

    def get(self, where: Where) -> bytes | None:
        """What was kept there; None when it is not there any more."""
        with self._lock:
            if where.round is not self._round or self._file is None:
                return None
            self._file.seek(where.start)
            body = self._file.read(where.size)
            return body if len(body) == where.size else None
