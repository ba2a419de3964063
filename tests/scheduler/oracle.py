"""A second opinion on when schedules are due, found by walking through time and looking at the clock.

It knows nothing of the library: a clock is walked step by step, what it shows is remembered, what it leaves out is
counted. Rules for days ask a date about itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import pairwise
from random import Random
from zoneinfo import ZoneInfo

ZONES = [
    *("UTC", "Europe/Berlin", "Europe/London", "Europe/Dublin", "Europe/Istanbul", "Europe/Chisinau", "Asia/Beirut"),
    *("Asia/Kolkata", "Asia/Tehran", "Asia/Amman", "Asia/Pyongyang", "Africa/Casablanca", "Africa/Cairo"),
    *("America/New_York", "America/St_Johns", "America/Sao_Paulo", "America/Caracas", "America/Santiago"),
    *("America/Havana", "America/Asuncion", "Australia/Lord_Howe", "Pacific/Apia", "Pacific/Auckland"),
    *("Antarctica/Troll", "Atlantic/Azores"),
]
DAY = timedelta(days=1)
Judge = Callable[[date], bool]


@dataclass(frozen=True)
class Plan:
    """What an expression means, said without the library."""

    text: str
    dialect: str
    seconds: frozenset[int]
    minutes: frozenset[int]
    hours: frozenset[int]
    is_day: Judge
    runs_on: bool

    def shows(self, wall: datetime) -> bool:
        return (
            wall.minute in self.minutes
            and wall.hour in self.hours
            and wall.second in self.seconds
            and self.is_day(wall.date())
        )


# --- walking through time ---------------------------------------------------------------------------------------------


def walk(zone: str, start: int, end: int, step: int = 60) -> Iterator[tuple[int, datetime]]:
    """(instant, what the clock shows) at every step."""
    info = ZoneInfo(zone)
    for instant in range(start, end, step):
        yield instant, datetime.fromtimestamp(instant, info).replace(tzinfo=None)


def due(plan: Plan, clock: list[tuple[int, datetime]], step: int = 60) -> list[int]:
    """When the plan is due on a walk; the walk begins with a day on which no clock is changed."""
    found: list[int] = []
    tick, highest = timedelta(seconds=step), clock[0][1] - timedelta(seconds=step)
    for instant, wall in clock:
        left_out = highest + tick
        made_up = False
        while left_out < wall:
            made_up = made_up or plan.shows(left_out)
            left_out += tick
        if made_up and plan.runs_on and len(plan.hours) == 24:
            made_up = False
        shown_before = wall <= highest
        if made_up or (plan.shows(wall) and (plan.runs_on or not shown_before)):
            found.append(instant)
        highest = max(highest, wall)
    return found


@cache
def changes(zone: str, first: int, last: int) -> list[int]:
    """Hours (as instants) after which the offset of the zone is another one."""
    info = ZoneInfo(zone)
    offsets = [(t, datetime.fromtimestamp(t, info).utcoffset()) for t in range(first, last, 3600)]
    return [t for (t, before), (_, after) in pairwise(offsets) if before != after]


def at(year: int, month: int = 1, day: int = 1) -> int:
    return int(datetime(year, month, day, tzinfo=UTC).timestamp())


# --- plans ------------------------------------------------------------------------------------------------------------


def some(rng: Random, low: int, high: int, *, open_steps: bool = False) -> tuple[str, frozenset[int]]:
    """A field as text, and what it stands for."""
    a, b = sorted(rng.sample(range(low, high + 1), 2))
    step = rng.randint(2, max(2, (high - low) // 2))
    kinds: list[tuple[str, list[int]]] = [
        ("*", [*range(low, high + 1)]),
        (f"*/{step}", [n for n in range(low, high + 1) if (n - low) % step == 0]),
        (str(a), [a]),
        (str(b), [b]),
        (f"{a}-{b}", [*range(a, b + 1)]),
        (f"{a}-{b}/{step}", [n for n in range(a, b + 1) if (n - a) % step == 0]),
        (f"{b},{a}", [a, b]),
    ]
    if open_steps:
        kinds.append((f"{a}/{step}", [n for n in range(a, high + 1) if (n - a) % step == 0]))
    text, values = rng.choice(kinds)
    return text, frozenset(values)


def weekday_of(day: date) -> int:
    return day.isoweekday() % 7


def unix_plan(rng: Random) -> Plan:
    (minute, minutes), (hour, hours), (month, months) = some(rng, 0, 59), some(rng, 0, 23), some(rng, 1, 12)
    (dom, dates), (dow, weekdays) = rng.choice([("*", frozenset(range(32))), some(rng, 1, 31)]), some(rng, 0, 6)
    if min(dates) > 28 or rng.random() < 0.5:
        month, months = "*", frozenset(range(13))
    dow, weekdays = rng.choice([("*", frozenset(range(7))), (dow, weekdays)])

    def is_day(day: date) -> bool:
        by_date, by_weekday = day.day in dates, weekday_of(day) in weekdays
        either = dom[0] != "*" and dow[0] != "*"
        return day.month in months and (by_date or by_weekday if either else by_date and by_weekday)

    runs_on = minute[0] == "*" or hour[0] == "*"
    return Plan(f"{minute} {hour} {dom} {month} {dow}", "unix", frozenset({0}), minutes, hours, is_day, runs_on)


def other_plan(rng: Random, dialect: str) -> Plan:
    """Quartz or AWS, with rules for days."""
    (minute, minutes), (hour, hours) = some(rng, 0, 59, open_steps=True), some(rng, 0, 23, open_steps=True)
    second, seconds = rng.choice([("0", [0]), ("30", [30]), ("*/20", [0, 20, 40])])
    dom, dow, is_day = rng.choice(rules(rng))
    runs_on = any(text[0] == "*" or ("/" in text and "-" not in text) for text in (minute, hour))
    if dialect == "aws":
        return Plan(f"cron({minute} {hour} {dom} * {dow} *)", "aws", frozenset({0}), minutes, hours, is_day, runs_on)
    text = f"{second} {minute} {hour} {dom} * {dow}"
    return Plan(text, "quartz", frozenset(seconds), minutes, hours, is_day, runs_on)


def rules(rng: Random) -> list[tuple[str, str, Judge]]:
    """(day of the month, day of the week, what that asks of a date)."""
    n, weekday, nth = rng.randint(1, 28), rng.randint(0, 6), rng.randint(1, 5)
    return [
        ("*", "?", lambda day: True),
        (str(n), "?", lambda day: day.day == n),
        ("L", "?", lambda day: (day + DAY).day == 1),
        ("L-3", "?", lambda day: (day + 4 * DAY).day == 1),
        ("LW", "?", lambda day: day == max(d for d in month_of(day) if d.isoweekday() < 6)),
        (f"{n}W", "?", lambda day: day == nearest(day, n)),
        ("?", f"{weekday + 1}L", lambda day: weekday_of(day) == weekday and (day + 7 * DAY).month != day.month),
        ("?", f"{weekday + 1}#{nth}", lambda day: weekday_of(day) == weekday and (day.day + 6) // 7 == nth),
        ("?", "MON-FRI", lambda day: day.isoweekday() < 6),
        ("?", "SAT-SUN", lambda day: day.isoweekday() > 5),
    ]


def month_of(day: date) -> list[date]:
    first = day.replace(day=1)
    return [first + n * DAY for n in range(31) if (first + n * DAY).month == day.month]


def nearest(day: date, n: int) -> date:
    """The working day of the same month that is nearest to its n-th."""
    wanted = day.replace(day=n)
    return min((d for d in month_of(day) if d.isoweekday() < 6), key=lambda d: (abs((d - wanted).days), d > wanted))
