"""Being alive, proved by a lock: the operating system takes it back from a dead process, at once, without a timeout."""

from __future__ import annotations

import fcntl
import os
from typing import Protocol


class Lock(Protocol):
    """The right to do something that one process does at a time. It is lost when the process dies, however."""

    def acquire(self) -> bool:
        """Take it; False when a living process has it."""
        ...

    def release(self) -> None:
        """Give it back."""
        ...

    def is_free(self) -> bool:
        """True when no living process has it."""
        ...

    @property
    def held(self) -> bool:
        """Whether we have it, as far as we know."""
        ...


class Lease:
    """The right to run the jobs of one connector on this machine."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._fd: int | None = None

    def acquire(self) -> bool:
        """Take it; False when a living process has it."""
        os.makedirs(os.path.dirname(self._path), exist_ok=True)
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return False
        self._fd = fd
        return True

    @property
    def held(self) -> bool:
        """See `Lock`."""
        return self._fd is not None

    def release(self) -> None:
        """Give it back. The file stays: removing it would race with the next holder."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def is_free(self) -> bool:
        """True when no living process has it."""
        if not os.path.exists(self._path):
            return True
        if not self.acquire():
            return False
        self.release()
        return True
