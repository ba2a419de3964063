"""Values as they are compared: dates with date math, numbers, booleans. Pure.

Moments are whole microseconds since 1970 in UTC. A date that leaves something out ("2026-11") means a span: rounded
down it is its first microsecond, rounded up its last.
"""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import UTC, datetime, timedelta
from typing import Any, Final

_ISO: Final = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:[T ](?:(\d\d)(?::(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?)?)?)?)?)?"
    r"(Z|[+-]\d\d(?::?\d\d)?)?",
    re.ASCII,
)
_FULL: Final = re.compile(r"\d{4}-\d\d-\d\d(?:[T ][0-9:.,+Z-]*)?", re.ASCII)
_STEP: Final = re.compile(r"([+-])(\d{1,6})([yMwdhHms])|/([yMwdhHms])", re.ASCII)
_MILLIS: Final = re.compile(r"-?\d{1,15}", re.ASCII)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_US: Final = timedelta(microseconds=1)
_SPANS: Final = {"w": timedelta(weeks=1), "d": timedelta(days=1), "h": timedelta(hours=1), "H": timedelta(hours=1)} | {
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
}
_UNITS: Final = ("y", "M", "d", "h", "m", "s")


def looks_like_date(value: Any) -> bool:
    """Whether a text that nobody has given a type is taken for a date: a whole day at least."""
    return isinstance(value, str) and _FULL.fullmatch(value) is not None and span(value) is not None


def span(value: Any, now: float = 0.0, millis: bool = True) -> tuple[int, int] | None:
    """First and last microsecond of a date, of date math (on `now`, Unix seconds) or, with `millis`, of a number of
    milliseconds since 1970. None when it is none of these."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return _of_millis(value) if millis else None
    if not isinstance(value, str) or len(value) > 100:
        return None
    try:
        return _with_math(value, now, millis)
    except (ValueError, OverflowError):
        return None


def _of_millis(value: float) -> tuple[int, int] | None:
    if value != value or abs(value) > 1e15:
        return None
    first = int(value) * 1000
    return first, first + (999 if isinstance(value, int) else 0)


def _with_math(text: str, now: float, millis: bool) -> tuple[int, int] | None:
    if text.startswith("now"):
        moment = _EPOCH + timedelta(microseconds=int(now * 1e6))
        return _stepped(moment, moment, text[3:])
    base, bars, steps = text.partition("||")
    found = _of_text(base)
    if found is None:
        return _of_millis(int(base)) if millis and not bars and _MILLIS.fullmatch(base) else None
    return _stepped(found[0], found[1], steps)


def _of_text(text: str) -> tuple[datetime, datetime] | None:
    match = _ISO.fullmatch(text)
    if match is None:
        return None
    *parts, fraction, zone = match.groups()
    given = [int(part) for part in parts if part is not None]
    if zone and len(given) < 4:
        return None
    year, month, day, hour, minute, second = (given + [1, 1, 1, 0, 0, 0][len(given) :])[:6]
    first = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    if fraction:
        digits = fraction.ljust(6, "0")
        last = first = first + int(digits[:6]) * _US
        if len(fraction) <= 3:
            last = first + timedelta(microseconds=999)
    else:
        last = _next(first, _UNITS[len(given) - 1]) - _US
    offset = _offset(zone)
    return first - offset, last - offset


def _offset(zone: str | None) -> timedelta:
    if not zone or zone == "Z":
        return timedelta()
    digits = zone[1:].replace(":", "").ljust(4, "0")
    away = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return -away if zone[0] == "-" else away


def _stepped(first: datetime, last: datetime, steps: str) -> tuple[int, int] | None:
    at = 0
    for match in _STEP.finditer(steps):
        if match.start() != at:
            return None
        at = match.end()
        sign, many, unit, rounding = match.groups()
        if rounding:
            first, last = _start(first, rounding), _next(_start(last, rounding), rounding) - _US
        else:
            number = int(many) if sign == "+" else -int(many)
            first, last = _moved(first, number, unit), _moved(last, number, unit)
    if at != len(steps):
        return None
    return (first - _EPOCH) // _US, (last - _EPOCH) // _US


def _start(moment: datetime, unit: str) -> datetime:
    if unit == "w":
        return _start(moment - timedelta(days=moment.weekday()), "d")
    parts: list[int] = [*moment.timetuple()[:6]]
    kept = _UNITS.index("h" if unit == "H" else unit) + 1
    year, month, day, hour, minute, second = parts[:kept] + [1, 1, 1, 0, 0, 0][kept:]
    return datetime(year, month, day, hour, minute, second, tzinfo=UTC)


def _next(start: datetime, unit: str) -> datetime:
    if start.year == 9999 and unit in "yM":
        return datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    return _moved(start, 1, unit)


def _moved(moment: datetime, number: int, unit: str) -> datetime:
    if unit not in "yM":
        return moment + number * _SPANS[unit]
    months = moment.year * 12 + moment.month - 1 + number * (12 if unit == "y" else 1)
    year, month = divmod(months, 12)
    return moment.replace(year=year, month=month + 1, day=min(moment.day, monthrange(year, month + 1)[1]))


def number(value: Any) -> float | int | None:
    """A number, or a text that is one; None for anything else, booleans among it."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value
    if isinstance(value, str) and 0 < len(value) < 400:
        try:
            found = int(value) if re.fullmatch(r"[+-]?\d{1,300}", value, re.ASCII) else float(value)
        except ValueError:
            return None
        return None if found != found or found in (float("inf"), float("-inf")) or "_" in value else found
    return None


def boolean(value: Any) -> bool | None:
    """True and false, and their names; the empty text is false. None for anything else."""
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False, "": False}.get(value) if isinstance(value, str) else None


def spelled(value: Any) -> str:
    """A scalar as the text that exact comparison is made with."""
    if isinstance(value, str):
        return value
    return str(value).lower() if isinstance(value, bool) else str(value)


__all__ = ["boolean", "looks_like_date", "number", "span", "spelled"]
