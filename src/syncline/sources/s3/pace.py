"""When to try again, for all threads that call one place: one that is told to slow down slows down the others."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime

from syncline.sources.s3.objects import Halted
from syncline.sources.s3.wire import Patience


class Pace:
    """Keeps the time before which nobody should call."""

    def __init__(
        self,
        patience: Patience,
        clock: Callable[[], float],
        chance: Callable[[], float],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`clock` is in Unix seconds; `chance` gives 0.0 to 1.0."""
        self._patience = patience
        self._clock = clock
        self._chance = chance
        self._monotonic = monotonic
        self._not_before = 0.0

    def wait(self, halt: threading.Event) -> None:
        """Return when it is time to call. Raises Halted."""
        left = self._not_before - self._monotonic()
        if halt.wait(left) if left > 0 else halt.is_set():
            raise Halted

    def rest(self, attempt: int, halt: threading.Event) -> None:
        """Wait before one thread tries again after its `attempt`-th failure, from 1. Raises Halted."""
        if halt.wait(self._pause(attempt)):
            raise Halted

    def slow_down(self, attempt: int, headers: Mapping[str, str]) -> bool:
        """Everybody waits, as long as the server says or as it seems right. False: it says longer than is of use."""
        wanted = retry_after(headers, self._clock())
        if wanted > self._patience.longest:
            return False
        pause = max(wanted, self._pause(attempt))
        self._not_before = max(self._not_before, self._monotonic() + pause)
        return True

    def _pause(self, attempt: int) -> float:
        most = min(self._patience.cap, self._patience.base * 2.0 ** (attempt - 1))
        return float(most * (0.5 + self._chance() / 2))


def retry_after(headers: Mapping[str, str], now: float) -> float:
    """Seconds from `now` (Unix) that the header asks for, 0.0 when it is absent or no time at all.
    Source: RFC 9110, section 10.2.3: whole seconds, or an HTTP date."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdecimal():
        return float(text[:9])
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now)
    except (ValueError, TypeError, IndexError, OverflowError):
        return 0.0
