"""The three dialects: Unix crontabs, Quartz as Elasticsearch uses it, and AWS.

unix     minute hour day-of-month month day-of-week             0 and 7 are Sunday; @daily and its like
quartz   second minute hour day-of-month month day-of-week [year]   1 is Sunday; one ?; L LW L-3 15W 6L 6#3
aws      cron(minute hour day-of-month month day-of-week year)  1 is Sunday; exactly one ?; L LW 15W 6L 6#3
         rate(5 minutes), at(2026-12-24T18:00:00)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from typing import Final, NoReturn

from syncline.model.schedules import Dialect, ScheduleInvalid
from syncline.scheduler.cron import FIRST_YEAR, LAST_YEAR, Calendar, Cron, Once, Rate
from syncline.scheduler.days import Days, FromTheEnd, LastOf, LastWorkday, NearestWorkday, NthOf, Rule
from syncline.scheduler.fields import MONTHS, WEEKDAYS, Field, number, numbers, refuse, runs_on
from syncline.scheduler.zones import Zone, zone

MAX_CHARS: Final = 256
ALL_DATES: Final = frozenset(range(1, 32))
ALL_WEEKDAYS: Final = frozenset(range(7))
NONE: Final[frozenset[int]] = frozenset()

SECOND = Field("second", 0, 59, "0, 30 or */10", wraps=True)
MINUTE = Field("minute", 0, 59, "0, 15,45 or */10")
HOUR = Field("hour", 0, 23, "2, 9-17 or */6")
DATE = Field("day of the month", 1, 31, "1, 1,15 or *")
MONTH = Field("month", 1, 12, "1, JAN-MAR or *", {name: n for n, name in enumerate(MONTHS, 1)})
WEEKDAY = Field("day of the week", 0, 7, "1, MON-FRI or *", {name: n for n, name in enumerate(WEEKDAYS)})
WEEKDAY_FROM_1 = Field(
    "day of the week", 1, 7, "2, MON-FRI, 6L or ?", {name: n for n, name in enumerate(WEEKDAYS, 1)}, wraps=True
)
DATE_OR_RULE = replace(DATE, example="1, L, 15W or ?", wraps=True)
_BEFORE_THE_END = Field("day of the month", 0, 30, "L-3")
_NTH = Field("day of the week", 1, 5, "6#3")
YEAR = Field("year", FIRST_YEAR, LAST_YEAR, "2027, 2027-2030 or *")

MACROS: Final[Mapping[str, str]] = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
UNITS: Final = {"minute": 60, "hour": 3_600, "day": 86_400}
SHAPES: Final = {
    Dialect.UNIX: "five fields: minute, hour, day of the month, month, day of the week",
    Dialect.QUARTZ: "six or seven fields: second, minute, hour, day of the month, month, day of the week, year",
    Dialect.AWS: "cron(...) with six fields: minute, hour, day of the month, month, day of the week, year",
}
EXAMPLES: Final = {
    Dialect.UNIX: '"30 2 * * MON-FRI"',
    Dialect.QUARTZ: '"0 30 2 ? * MON-FRI"',
    Dialect.AWS: '"cron(30 2 ? * MON-FRI *)", "rate(5 minutes)" or "at(2026-12-24T18:00:00)"',
}
_CALL = re.compile(r"(cron|rate|at)\s*\((.*)\)", re.IGNORECASE | re.DOTALL)
_FOREIGN = re.compile(r"[?#]|\d[LW]|\bLW?\b")
_ANY = ("?", "*")
_NEVER = "it would never run"


def parse(expression: str, dialect: Dialect | str | None = None, zone: str = "UTC", *, since: float = 0.0) -> Cron:
    """What an expression means on the clocks of a zone (an IANA name). Without `dialect` it is guessed by the form.

    `since` is what a rate counts from, Unix seconds. Raises ScheduleInvalid, which names the field that is wrong.
    """
    return _parsed(expression.strip(), None if dialect is None else _dialect(dialect), zone, since)


def guess(expression: str) -> Dialect:
    """The dialect that has this form. Raises ScheduleInvalid when none has."""
    if _CALL.fullmatch(expression):
        return Dialect.AWS
    count = len(expression.split())
    if expression.startswith("@") or count == 5:
        return Dialect.UNIX
    if count not in (6, 7):
        _refuse(expression, f"{count} fields are no schedule", f"Write it as one of {', '.join(EXAMPLES.values())}.")
    return Dialect.QUARTZ


@lru_cache(maxsize=4096)
def _parsed(expression: str, dialect: Dialect | None, name: str, since: float) -> Cron:
    if not expression or len(expression) > MAX_CHARS:
        _refuse(expression[:32], "it is empty" if not expression else f"it is longer than {MAX_CHARS} characters")
    where = zone(name)
    dialect = guess(expression) if dialect is None else dialect
    if dialect is Dialect.AWS:
        return _aws(expression, where, since)
    cron = _unix(expression, where) if dialect is Dialect.UNIX else _quartz(expression, where)
    return _possible(cron)


def _dialect(text: Dialect | str) -> Dialect:
    try:
        return Dialect(text)
    except ValueError:
        raise ScheduleInvalid(
            f"dialect: there is no dialect {text!r}",
            remedy=f"Choose one of {', '.join(Dialect)}, or none.",
            field="dialect",
        ) from None


def _refuse(expression: str, why: str, remedy: str | None = None) -> NoReturn:
    raise ScheduleInvalid(f"schedule {expression!r}: {why}", remedy=remedy, field="expression", value=expression)


def _fields(expression: str, text: str, dialect: Dialect, *counts: int) -> list[str]:
    parts = text.upper().split()
    if len(parts) not in counts:
        what = f"{len(parts)} fields, and {dialect} needs {SHAPES[dialect]}"
        _refuse(expression, what, f"Write it as {EXAMPLES[dialect]}, for example.")
    return parts


def _possible(cron: Calendar) -> Calendar:
    if not cron.possible():
        _refuse(cron.expression, _NEVER, "Name a day that some month of some year has.")
    return cron


def _ordered(field: Field, text: str) -> tuple[int, ...]:
    return tuple(sorted(numbers(field, text)))


# --- unix -------------------------------------------------------------------------------------------------------------


def _unix(expression: str, where: Zone) -> Calendar:
    text = expression
    if text.startswith("@"):
        text = MACROS.get(text.lower(), "")
        if not text:
            _refuse(expression, "there is no such short form", f"Use one of {', '.join(MACROS)}.")
    minute, hour, date, month, weekday = _fields(expression, text, Dialect.UNIX, 5)
    for field, part in ((DATE, date), (WEEKDAY, weekday)):
        if _FOREIGN.search(part):
            refuse(field, part, f"{part!r} is not Unix; Quartz and AWS know ?, L, W and #")
    days = Days(
        numbers(DATE, date),
        frozenset(day % 7 for day in numbers(WEEKDAY, weekday)),
        either=not (date.startswith("*") or weekday.startswith("*")),
    )
    return Calendar(
        expression, Dialect.UNIX, where, (0,), _ordered(MINUTE, minute), _ordered(HOUR, hour), days,
        _ordered(MONTH, month), None, runs_on(minute) or runs_on(hour),
    )  # fmt: skip


# --- quartz -----------------------------------------------------------------------------------------------------------


def _quartz(expression: str, where: Zone) -> Calendar:
    second, minute, hour, date, month, weekday, *year = _fields(expression, expression, Dialect.QUARTZ, 6, 7)
    if date == weekday == "?":
        refuse(WEEKDAY_FROM_1, "?", "only one of the two day fields can be ?")
    if date not in _ANY and weekday not in _ANY:
        refuse(WEEKDAY_FROM_1, weekday, "one of the two day fields must be ?")
    return Calendar(
        expression, Dialect.QUARTZ, where, _ordered(SECOND, second), _ordered(replace(MINUTE, wraps=True), minute),
        _ordered(replace(HOUR, wraps=True), hour), _days(date, weekday), _ordered(replace(MONTH, wraps=True), month),
        _years(*year), runs_on(minute) or runs_on(hour),
    )  # fmt: skip


def _years(text: str = "*") -> tuple[int, ...] | None:
    return None if text == "*" else _ordered(YEAR, text)


def _days(date: str, weekday: str) -> Days:
    dates, date_rules = (ALL_DATES, ()) if date in _ANY else _rules(DATE_OR_RULE, date, _date_rule)
    weekdays, weekday_rules = (ALL_WEEKDAYS, ()) if weekday in _ANY else _rules(WEEKDAY_FROM_1, weekday, _weekday_rule)
    return Days(dates, weekdays, date_rules, weekday_rules)


def _rules(field: Field, text: str, rule_of: Callable[[str], Rule | None]) -> tuple[frozenset[int], tuple[Rule, ...]]:
    """The plain numbers and the rules in a list. Weekdays come out with 0 for Sunday."""
    if "?" in text:
        refuse(field, text, "? stands alone")
    plain: set[int] = set()
    rules: list[Rule] = []
    for item in text.split(","):
        rule = rule_of(item)
        if rule is None:
            plain |= numbers(field, "7" if field is WEEKDAY_FROM_1 and item == "L" else item)
        else:
            rules.append(rule)
    shift = 1 if field is WEEKDAY_FROM_1 else 0
    return frozenset(n - shift for n in plain), tuple(rules)


def _date_rule(item: str) -> Rule | None:
    if item == "L":
        return FromTheEnd()
    if item == "LW":
        return LastWorkday()
    if item.startswith("L-"):
        return FromTheEnd(number(_BEFORE_THE_END, item[2:]))
    if item.endswith("W"):
        return NearestWorkday(number(DATE_OR_RULE, item[:-1]))
    return None


def _weekday_rule(item: str) -> Rule | None:
    if "#" in item:
        weekday, _, nth = item.partition("#")
        return NthOf(number(WEEKDAY_FROM_1, weekday) - 1, number(_NTH, nth))
    if item.endswith("L") and item != "L":
        return LastOf(number(WEEKDAY_FROM_1, item[:-1]) - 1)
    return None


# --- aws --------------------------------------------------------------------------------------------------------------


def _aws(expression: str, where: Zone, since: float) -> Cron:
    call = _CALL.fullmatch(expression)
    if call is None:
        _refuse(
            expression, "AWS writes cron(...), rate(...) or at(...)", f"Write {EXAMPLES[Dialect.AWS]}, for example."
        )
    name, text = call[1].lower(), call[2]
    if name == "rate":
        return Rate(expression, Dialect.AWS, where, _period(expression, text), since)
    if name == "at":
        return Once(expression, Dialect.AWS, where, _moment(expression, text))
    minute, hour, date, month, weekday, year = _fields(expression, text, Dialect.AWS, 6)
    if (date == "?") == (weekday == "?"):
        refuse(WEEKDAY_FROM_1, weekday, "exactly one of the two day fields must be ?")
    return _possible(
        Calendar(
            expression, Dialect.AWS, where, (0,), _ordered(replace(MINUTE, wraps=True), minute),
            _ordered(replace(HOUR, wraps=True), hour), _days(date, weekday),
            _ordered(replace(MONTH, wraps=True), month), _years(year), runs_on(minute) or runs_on(hour),
        )
    )  # fmt: skip


def _period(expression: str, text: str) -> int:
    """Seconds. AWS wants the unit in the singular for 1, and only then."""
    parts = text.split()
    remedy = 'Write "rate(1 hour)" or "rate(5 minutes)", for example.'
    if len(parts) != 2 or not (parts[0].isascii() and parts[0].isdigit()):
        _refuse(expression, "a rate is a whole number and a unit", remedy)
    value, unit = int(parts[0][:9]), parts[1].lower()
    if not 0 < value < 1_000_000:
        _refuse(expression, "the number of a rate is between 1 and 999999", remedy)
    if unit.removesuffix("s") not in UNITS:
        _refuse(expression, f"the unit of a rate is minutes, hours or days, not {unit!r}", remedy)
    if (value == 1) == unit.endswith("s"):
        right = unit.removesuffix("s") + ("" if value == 1 else "s")
        _refuse(expression, f"it is {value} {right}, not {value} {unit}", f'Write "rate({value} {right})".')
    return value * UNITS[unit.removesuffix("s")]


def _moment(expression: str, text: str) -> datetime:
    try:
        moment = datetime.strptime(text.strip().upper(), "%Y-%m-%dT%H:%M:%S")
    except ValueError:
        moment = None
    if moment is None or not FIRST_YEAR <= moment.year <= LAST_YEAR:
        _refuse(expression, "that is no date and time", 'Write "at(2026-12-24T18:00:00)", for example.')
    return moment
