"""The fields that all dialects share: numbers, names, ranges, steps and lists."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NoReturn

from syncline.model.schedules import ScheduleInvalid

MONTHS: Final = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
WEEKDAYS: Final = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_OPEN_STEP = re.compile(r"(\*|\d+/)")


@dataclass(frozen=True, slots=True)
class Field:
    """One place of an expression: its range, the names for its numbers, and an example for messages.

    wraps  a range may run over its end, as 22-2 does.
    """

    name: str
    low: int
    high: int
    example: str
    names: Mapping[str, int] = field(default_factory=dict)
    wraps: bool = False


def numbers(field: Field, text: str) -> frozenset[int]:
    """Every number that `text` names. Raises ScheduleInvalid, as does everything here."""
    found: set[int] = set()
    for item in text.split(","):
        found.update(_item(field, item))
    return frozenset(found)


def runs_on(text: str) -> bool:
    """True when the field says "every" or "every so many", not which: `*`, `*/2`, `0/2`."""
    return _OPEN_STEP.match(text) is not None


def number(field: Field, text: str) -> int:
    """One number or name, in range."""
    if text in field.names:
        return field.names[text]
    if not text:
        refuse(field, text, "a number is missing")
    if not (text.isascii() and text.isdigit()):
        what = f"{text!r} is neither a number nor a name" if field.names else f"{text!r} is not a number"
        refuse(field, text, what)
    value = int(text[:6])
    if not field.low <= value <= field.high or len(text) > 6:
        refuse(field, text, f"{text} is not between {field.low} and {field.high}")
    return value


def refuse(field: Field, text: str, why: str) -> NoReturn:
    """Raise what tells which field is wrong, why, and how it might be written."""
    raise ScheduleInvalid(
        f"{field.name}: {why}",
        remedy=f"Write the {field.name} as {field.example}, for example.",
        field=field.name,
        value=text,
    )


def _item(field: Field, item: str) -> list[int]:
    span, slash, step = item.partition("/")
    every = _step(field, step) if slash else 1
    low, high = _ends(field, span, bool(slash))
    if low <= high:
        return list(range(low, high + 1, every))
    if not field.wraps:
        refuse(field, item, f"{span} runs backwards")
    size = field.high - field.low + 1
    return [(value - field.low) % size + field.low for value in range(low, high + size + 1, every)]


def _step(field: Field, text: str) -> int:
    if not (text.isascii() and text.isdigit()) or int(text[:6]) == 0:
        refuse(field, text, f"a step is a whole number above 0, not {text!r}")
    return int(text[:6])


def _ends(field: Field, span: str, stepped: bool) -> tuple[int, int]:
    if span == "*":
        return field.low, field.high
    first, dash, last = span.partition("-")
    low = number(field, first)
    if not dash:
        return low, field.high if stepped else low
    high = number(field, last)
    if high == 0 and field.high == 7:  # as the end of a range, Sunday comes after Saturday
        high = 7
    return low, high
