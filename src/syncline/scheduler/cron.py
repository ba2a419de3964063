"""When something is due next, by a calendar, at a rate, or once.

A calendar matches what the clock on the wall shows. Where clocks are changed:
- *fixed* times (hour and minute are both named) are due once for each wall time: one that does not exist when the clock
  has been put forward, one that comes twice when it comes first;
- times that *run on* (hour or minute says "every") are due whenever the clock shows them, so that a quarter of an hour
  stays one. If hours are named and the clock skips one of them, that is made up when the clock has been put forward.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final

from syncline.model.schedules import Dialect
from syncline.scheduler.days import Days
from syncline.scheduler.zones import Zone

FIRST_YEAR: Final = 1970
LAST_YEAR: Final = 2199
_END = 7_258_118_400 + 86_400  # after LAST_YEAR everywhere
_SECOND = timedelta(seconds=1)
_LENGTHS = (0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)

ClockTime = tuple[int, int, int]  # hour, minute, second


@dataclass(frozen=True, slots=True)
class Cron(ABC):
    """A parsed expression. It never changes; a copy may be shared by threads."""

    expression: str
    dialect: Dialect
    zone: Zone

    @abstractmethod
    def next_after(self, t: float) -> float | None:
        """The first due instant that is later than `t`; None: never again, or not before the year 2200."""

    def upcoming(self, t: float, n: int = 5) -> list[float]:
        """The next `n` due instants after `t`, fewer when there are no more."""
        found: list[float] = []
        following = self.next_after(t)
        while following is not None and len(found) < n:
            found.append(following)
            following = self.next_after(following)
        return found

    def previous_or_at(self, t: float) -> float | None:
        """The last due instant that is not later than `t`; None: there was none since 1970."""
        reach = 64.0
        while (found := self.next_after(t - reach)) is None or found > t:
            if reach > t + 86_400 * 2:
                return None
            reach *= 8
        high = t
        while (following := self.next_after(found)) is not None and following <= high:
            middle = (following + high) / 2
            later = self.next_after(middle)
            found, high = (later, high) if later is not None and later <= t else (following, middle)
        return found


@dataclass(frozen=True, slots=True)
class Calendar(Cron):
    """Due whenever the wall clock shows one of the times on one of the days.

    seconds, minutes, hours, months, years  in order; `years` None: every year.
    runs_on  hour or minute says "every", see the module.
    """

    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: Days
    months: tuple[int, ...]
    years: tuple[int, ...] | None
    runs_on: bool
    _every_hour: bool = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_every_hour", len(self.hours) == 24)

    def possible(self) -> bool:
        """False when no day of any year is right: 31 February."""
        if self.years is not None:
            return self._day_from(date(FIRST_YEAR, 1, 1)) is not None
        lengths = [(month, length) for month in self.months for length in {_LENGTHS[month], _longest(month)}]
        return any(self.days.of(length, first) for _, length in lengths for first in range(7))

    def next_after(self, t: float) -> float | None:
        now = max(math.floor(t), -1) if t < _END else None
        if now is None:
            return None
        found = self._running_on(now) if self.runs_on else self._fixed(now)
        return None if found is None else float(found)

    # --- where clocks are changed ------------------------------------------------------------------------------------

    def _fixed(self, now: int) -> int | None:
        """Every wall time counts once, when it comes first."""
        wall, again = self.zone.read(now)
        passage = self.zone.overlap(wall) if again else None
        found = self._wall_from(wall + _SECOND if passage is None else passage.end)
        if found is None:
            return None
        instants = self.zone.instants(found)
        return instants[0] if instants else self.zone.gap_end(found)

    def _running_on(self, now: int) -> int | None:
        """Every instant counts at which the clock shows a right time."""
        wall, again = self.zone.read(now)
        found = self._wall_from(wall + _SECOND)
        passage = None if again else self.zone.overlap(wall)
        if passage is not None and (found is None or found >= passage.end):  # first the clock will be put back
            earlier = self._wall_from(passage.start)
            if earlier is not None and earlier < passage.end:
                return self.zone.instants(earlier)[1]
        while found is not None:
            instants = self.zone.instants(found)
            if instants:
                return instants[0] if instants[0] > now else instants[-1]
            end = self.zone.gap_end(found)
            if not self._every_hour:
                return end
            found = self._wall_from(self.zone.read(end).wall)
        return None

    # --- the calendar ------------------------------------------------------------------------------------------------

    def _wall_from(self, wall: datetime) -> datetime | None:
        """The first right wall time that is not earlier than `wall`, with no regard to zones."""
        day: date | None = self._day_from(wall.date())
        clock: ClockTime | None = self.hours[0], self.minutes[0], self.seconds[0]
        if day == wall.date():
            clock = self._clock_from(wall.hour, wall.minute, wall.second)
            if clock is None:
                day = self._day_from(day + timedelta(days=1))
                clock = self.hours[0], self.minutes[0], self.seconds[0]
        if day is None or clock is None:
            return None
        return datetime(day.year, day.month, day.day, *clock)

    def _clock_from(self, hour: int, minute: int, second: int) -> ClockTime | None:
        h = bisect_left(self.hours, hour)
        if h < len(self.hours) and self.hours[h] == hour:
            m = bisect_left(self.minutes, minute)
            if m < len(self.minutes) and self.minutes[m] == minute:
                s = bisect_left(self.seconds, second)
                if s < len(self.seconds):
                    return hour, minute, self.seconds[s]
                m += 1
            if m < len(self.minutes):
                return hour, self.minutes[m], self.seconds[0]
            h += 1
        if h < len(self.hours):
            return self.hours[h], self.minutes[0], self.seconds[0]
        return None

    def _day_from(self, day: date) -> date | None:
        for year, month in self._months_from(day.year, day.month):
            days = self.days.of(_length(year, month), (date(year, month, 1).weekday() + 1) % 7)
            index = bisect_left(days, day.day) if (year, month) == (day.year, day.month) else 0
            if index < len(days):
                return date(year, month, days[index])
        return None

    def _months_from(self, year: int, month: int) -> Iterator[tuple[int, int]]:
        for right in self.months[bisect_left(self.months, month) :]:
            if year <= LAST_YEAR if self.years is None else year in self.years:
                yield year, right
        later = range(year + 1, LAST_YEAR + 1) if self.years is None else self.years
        for other in later[bisect_left(later, year + 1) :]:
            for right in self.months:
                yield other, right


def _length(year: int, month: int) -> int:
    leap = month == 2 and year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return _LENGTHS[month] + leap


def _longest(month: int) -> int:
    return _LENGTHS[month] + (month == 2)


@dataclass(frozen=True, slots=True)
class Rate(Cron):
    """Due at `since` + 1, 2, 3 … periods; it does not drift, and no clock change touches it."""

    period_s: int
    since: float

    def next_after(self, t: float) -> float | None:
        if t >= _END:
            return None
        count = max(1, math.floor((t - self.since) / self.period_s) + 1)
        while self.since + count * self.period_s <= t:  # the division may have been rounded down
            count += 1
        return self.since + count * self.period_s


@dataclass(frozen=True, slots=True)
class Once(Cron):
    """Due at one wall time: the first of two, or after the gap."""

    wall: datetime

    def next_after(self, t: float) -> float | None:
        instants = self.zone.instants(self.wall)
        instant = float(instants[0] if instants else self.zone.gap_end(self.wall))
        return instant if instant > t else None
