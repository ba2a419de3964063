"""Which days of a month: dates, weekdays, and the rules of Quartz and AWS.

A month is fully described by its length and the weekday of its first day (0: Sunday), so there are 28 kinds of months.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

SATURDAY = 6


class Rule(Protocol):
    """Names at most one day of a month."""

    def day(self, length: int, first: int) -> int | None:
        """The day, 1 to `length`; None when that month has none."""
        ...


@dataclass(frozen=True, slots=True)
class FromTheEnd:
    """`L`, `L-3`: so many days before the last one."""

    before: int = 0

    def day(self, length: int, first: int) -> int | None:
        return length - self.before if self.before < length else None


@dataclass(frozen=True, slots=True)
class LastWorkday:
    """`LW`: the last day that is not Saturday or Sunday."""

    def day(self, length: int, first: int) -> int | None:
        return nearest_workday(length, length, first)


@dataclass(frozen=True, slots=True)
class NearestWorkday:
    """`15W`: the day that is not Saturday or Sunday and nearest to the 15th, in the same month."""

    date: int

    def day(self, length: int, first: int) -> int | None:
        return nearest_workday(self.date, length, first) if self.date <= length else None


@dataclass(frozen=True, slots=True)
class LastOf:
    """`6L`: the last such weekday (0: Sunday)."""

    weekday: int

    def day(self, length: int, first: int) -> int | None:
        return length - (first + length - 1 - self.weekday) % 7


@dataclass(frozen=True, slots=True)
class NthOf:
    """`6#3`: the third such weekday; a month may have no fifth."""

    weekday: int
    nth: int

    def day(self, length: int, first: int) -> int | None:
        day = 1 + (self.weekday - first) % 7 + 7 * (self.nth - 1)
        return day if day <= length else None


def nearest_workday(date: int, length: int, first: int) -> int:
    """`date` itself, or the Friday before or the Monday after, whichever is nearer and in the month."""
    weekday = (first + date - 1) % 7
    if weekday == SATURDAY:
        return date - 1 if date > 1 else date + 2
    if weekday == 0:
        return date + 1 if date < length else date - 2
    return date


@dataclass(frozen=True, slots=True)
class Days:
    """The days of any month.

    either  a day is right by its date or by its weekday, as in a crontab that restricts both; otherwise it must be
            right by both.
    """

    dates: frozenset[int]
    weekdays: frozenset[int]
    date_rules: tuple[Rule, ...] = ()
    weekday_rules: tuple[Rule, ...] = ()
    either: bool = False
    _known: dict[tuple[int, int], tuple[int, ...]] = field(default_factory=dict, compare=False, repr=False)

    def of(self, length: int, first: int) -> tuple[int, ...]:
        """The days of a month with `length` days that begins on the weekday `first`, in order."""
        month = (length, first)
        if month not in self._known:
            self._known[month] = self._of(length, first)
        return self._known[month]

    def _of(self, length: int, first: int) -> tuple[int, ...]:
        by_date = {rule.day(length, first) for rule in self.date_rules} | self.dates
        by_weekday = {rule.day(length, first) for rule in self.weekday_rules}
        by_weekday |= {day for day in range(1, length + 1) if (first + day - 1) % 7 in self.weekdays}
        right = by_date | by_weekday if self.either else by_date & by_weekday
        return tuple(day for day in range(1, length + 1) if day in right)
