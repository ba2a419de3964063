"""A schedule in a short English sentence, for people who wonder whether they wrote what they meant."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from syncline.scheduler.cron import Calendar, Cron, Once, Rate
from syncline.scheduler.days import Days, FromTheEnd, LastOf, LastWorkday, NearestWorkday, NthOf, Rule

MONTH_NAMES = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
WEEKDAY_NAMES = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
ORDINALS = ("first", "second", "third", "fourth", "fifth")
MOST_TIMES = 6  # more than these are not listed one by one
UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"))


def describe(cron: Cron) -> str:
    """One sentence: "At 02:30 on Monday to Friday, Europe/Berlin time." """
    if isinstance(cron, Rate):
        size, unit = next((size, unit) for size, unit in UNITS if cron.period_s % size == 0)
        return f"Every {_counted(cron.period_s // size, unit)}."
    if isinstance(cron, Once):
        return f"Once, at {cron.wall:%H:%M:%S} on {cron.wall:%Y-%m-%d}, {_zone(cron)}."
    assert isinstance(cron, Calendar)
    parts = [" ".join([_times(cron), *_days(cron.days, everyday=_listed(cron))])]
    if len(cron.months) < 12:
        parts.append("in " + _runs(cron.months, lambda month: MONTH_NAMES[month - 1]))
    if cron.years is not None:
        parts.append("in " + _runs(cron.years, str))
    if len(cron.hours) < 24 or len(parts) > 1 or not _daily(cron.days):
        parts.append(_zone(cron))
    text = ", ".join(parts)
    return f"{text[0].upper()}{text[1:]}."


def _zone(cron: Cron) -> str:
    return cron.zone.name + ("" if cron.zone.name == "UTC" else " time")


def _counted(count: int, unit: str) -> str:
    return unit if count == 1 else f"{count} {unit}s"


# --- times of the day -------------------------------------------------------------------------------------------------


def _listed(cron: Calendar) -> bool:
    return len(cron.hours) * len(cron.minutes) * len(cron.seconds) <= MOST_TIMES


def _times(cron: Calendar) -> str:
    if _listed(cron):
        seconds = cron.seconds != (0,)
        times = [
            f"{hour:02}:{minute:02}" + (f":{second:02}" if seconds else "")
            for hour in cron.hours
            for minute in cron.minutes
            for second in cron.seconds
        ]
        return "at " + _joined(times)
    hours = _hours(cron.hours)
    if cron.seconds != (0,):
        minutes = "" if len(cron.minutes) == 60 else f"of minute {_runs(cron.minutes, str)} "
        return f"{_within(cron.seconds, 'second')} {minutes}{hours or 'of every hour' * bool(minutes)}".rstrip()
    step = _step(cron.hours, 24)
    if len(cron.minutes) == 1 and step > 1:
        return f"every {step} hours" + (f", at minute {cron.minutes[0]}" if cron.minutes[0] else "")
    if cron.minutes == (0,) and not hours:
        return "every hour"
    every = _within(cron.minutes, "minute")
    return f"{every} {hours or 'of every hour' * every.startswith('at')}".rstrip()


def _within(values: tuple[int, ...], unit: str) -> str:
    """Some of 60: "every 15 minutes", "at minute 7 and 37"."""
    step = _step(values, 60)
    return f"every {_counted(step, unit)}" if step else f"at {unit} {_runs(values, str)}"


def _step(values: tuple[int, ...], whole: int) -> int:
    """The distance of values that divide the whole evenly, from 0 on; 0 when they do not."""
    step = values[1] - values[0] if len(values) > 1 else whole
    return step if whole % step == 0 and step < whole and values == tuple(range(0, whole, step)) else 0


def _hours(hours: tuple[int, ...]) -> str:
    if len(hours) == 24:
        return ""
    step = _step(hours, 24)
    if step:
        return f"in every {_nth(step)} hour"
    return f"in the hour{'s' * (len(hours) > 1)} {_runs(hours, lambda hour: f'{hour:02}')}"


def _nth(count: int) -> str:
    return f"{count}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(count % 10 if count // 10 != 1 else 0, 'th') }"


# --- days -------------------------------------------------------------------------------------------------------------


def _daily(days: Days) -> bool:
    return len(days.dates) == 31 and len(days.weekdays) == 7


def _days(days: Days, *, everyday: bool) -> list[str]:
    dates = None if len(days.dates) == 31 else _dates(days)
    weekdays = None if len(days.weekdays) == 7 else _weekdays(days)
    if days.either:
        return [] if dates is None or weekdays is None else [f"on {dates} or on {weekdays}"]
    if dates and weekdays:
        return [f"on {dates} if it is {weekdays}"]
    if dates or weekdays:
        return [f"on {dates or weekdays}"]
    return ["every day"] if everyday else []


def _dates(days: Days) -> str:
    plain = sorted(days.dates)
    named = [f"day {_runs(plain, str)} of the month"] if plain else []
    return _joined([*named, *(_rule(rule) for rule in days.date_rules)])


def _weekdays(days: Days) -> str:
    first_monday = sorted(days.weekdays, key=lambda weekday: (weekday - 1) % 7)
    places = [(weekday - 1) % 7 for weekday in first_monday]
    named = [_runs(places, lambda place: WEEKDAY_NAMES[(place + 1) % 7])] if places else []
    return _joined([*named, *(_rule(rule) for rule in days.weekday_rules)])


def _rule(rule: Rule) -> str:
    match rule:
        case FromTheEnd(0):
            return "the last day of the month"
        case FromTheEnd(before):
            return f"the last day of the month but {before}"
        case LastWorkday():
            return "the last working day of the month"
        case NearestWorkday(date):
            return f"the working day nearest to day {date} of the month"
        case LastOf(weekday):
            return f"the last {WEEKDAY_NAMES[weekday]} of the month"
        case NthOf(weekday, nth):
            return f"the {ORDINALS[nth - 1]} {WEEKDAY_NAMES[weekday]} of the month"
    raise AssertionError(rule)


# --- lists ------------------------------------------------------------------------------------------------------------


def _runs(values: Sequence[int], name: Callable[[int], str]) -> str:
    """Values with neighbours drawn together: "1, 2 and 10 to 20"."""
    runs: list[list[int]] = []
    for value in values:
        if runs and runs[-1][-1] == value - 1:
            runs[-1].append(value)
        else:
            runs.append([value])
    texts: list[str] = []
    for run in runs:
        texts += [f"{name(run[0])} to {name(run[-1])}"] if len(run) > 2 else [name(value) for value in run]
    return _joined(texts)


def _joined(texts: Sequence[str]) -> str:
    return " and ".join([", ".join(texts[:-1]), texts[-1]] if len(texts) > 1 else texts)
