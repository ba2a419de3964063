"""When a storm of changes is over: after it has been quiet for a while, or when it has been waited for long enough."""

from __future__ import annotations


class Settling:
    """Changes of one place. Times are seconds of any one clock."""

    def __init__(self, settle_s: float, max_wait_s: float) -> None:
        self._settle_s = settle_s
        self._max_wait_s = max_wait_s
        self._first: float | None = None
        self._last = 0.0

    def changed(self, now: float) -> None:
        """Something has changed."""
        self._last = now
        if self._first is None:
            self._first = now

    def settled(self, now: float) -> bool:
        """True when what has changed should be looked at."""
        if self._first is None:
            return False
        return now - self._last >= self._settle_s or now - self._first >= self._max_wait_s

    def handled(self) -> None:
        """It has been looked at."""
        self._first = None
