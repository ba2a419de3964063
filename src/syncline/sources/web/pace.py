"""When a host may be asked again, for all threads: so many requests a second, and slower when it says so."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Final

from syncline.sources.web.problems import Halted

TRIES: Final = 4  # requests for one page, in all
LONGEST_S: Final = 120.0  # a longer Retry-After is not waited for
BASE_S: Final = 1.0  # the first wait between two tries; doubled each time
SLOWEST_S: Final = 60.0  # between two requests, whatever a host asks for
TIRED: Final = 5  # failures in a row after which a host is left alone


def sleep_until(at: float, halt: threading.Event) -> None:
    """Wait until that time of time.monotonic(), or until `halt`."""
    halt.wait(max(0.0, at - time.monotonic()))


@dataclass(frozen=True, slots=True)
class Times:
    """The clocks. `clock` is in Unix seconds; `until` waits for a time of `monotonic`, or for the event."""

    clock: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    until: Callable[[float, threading.Event], None] = sleep_until


@dataclass(slots=True)
class _Host:
    interval_s: float
    next_at: float = 0.0
    not_before: float = 0.0
    failures: int = 0


class Pace:
    """Keeps the time for each host. May be used by many threads."""

    def __init__(self, per_second: float, times: Times) -> None:
        self._interval_s = 1.0 / per_second
        self._times = times
        self._hosts: dict[str, _Host] = {}
        self._lock = threading.Lock()

    def turn(self, host: str, halt: threading.Event) -> None:
        """Return when it is one's turn to ask that host. Raises Halted."""
        with self._lock:
            state = self._state(host)
            at = max(self._times.monotonic(), state.next_at)
            state.next_at = at + state.interval_s
        while not halt.is_set():
            at = max(at, state.not_before)
            if at <= self._times.monotonic():
                return
            self._times.until(at, halt)
        raise Halted

    def slow_to(self, host: str, interval_s: float) -> None:
        """Ask it no more often than that."""
        with self._lock:
            state = self._state(host)
            state.interval_s = min(SLOWEST_S, max(state.interval_s, interval_s))

    def hold_off(self, host: str, attempt: int, headers: Mapping[str, str], *, busy: bool) -> bool:
        """After the `attempt`-th failure, from 1, everybody leaves the host alone for a while; a host that is busy is
        asked half as often afterwards. False: it wants to be left alone for longer than is of use."""
        wanted = retry_after_s(headers, self._times.clock())
        if wanted > LONGEST_S:
            return False
        with self._lock:
            state = self._state(host)
            pause = max(wanted, BASE_S * 2.0 ** (attempt - 1))
            state.not_before = max(state.not_before, self._times.monotonic() + pause)
            if busy and attempt == 1:
                state.interval_s = min(SLOWEST_S, state.interval_s * 2)
        return True

    def failed(self, host: str) -> bool:
        """A page of it could not be read. True when the host is to be left alone for good."""
        with self._lock:
            state = self._state(host)
            state.failures += 1
            return state.failures >= TIRED

    def worked(self, host: str) -> None:
        """A page of it was answered properly."""
        self._state(host).failures = 0

    def _state(self, host: str) -> _Host:
        return self._hosts.setdefault(host, _Host(self._interval_s))


def retry_after_s(headers: Mapping[str, str], now: float) -> float:
    """Seconds from `now` (Unix) that the header asks for, 0.0 when it is absent or no time at all.
    Source: RFC 9110, section 10.2.3: whole seconds, or an HTTP date."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdecimal():
        return float(text[:9])
    return max(0.0, http_date(text) - now) if text else 0.0


def http_date(text: str) -> float:
    """Unix seconds of an HTTP date, 0.0 when it is none."""
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp())
    except (ValueError, TypeError, IndexError, OverflowError):
        return 0.0
