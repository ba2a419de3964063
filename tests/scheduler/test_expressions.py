"""What each dialect means, and what it refuses."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from syncline.model.schedules import Dialect, ScheduleInvalid
from syncline.scheduler import describe, parse

START = "2026-11-22T10:07:30"  # a Sunday


def at(text: str, zone: str = "UTC") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


def upcoming(expression: str, n: int = 3, *, zone: str = "UTC", start: str = START, since: float = 0.0) -> list[str]:
    cron = parse(expression, zone=zone, since=since)
    return [
        datetime.fromtimestamp(t, ZoneInfo(zone)).strftime("%a %Y-%m-%d %H:%M:%S")
        for t in cron.upcoming(at(start, zone), n)
    ]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("*/15 * * * *", ["Sun 2026-11-22 10:15:00", "Sun 2026-11-22 10:30:00", "Sun 2026-11-22 10:45:00"]),
        ("0 9-17/4 * * mon-fri", ["Mon 2026-11-23 09:00:00", "Mon 2026-11-23 13:00:00", "Mon 2026-11-23 17:00:00"]),
        ("0 0 * * 0", ["Sun 2026-11-29 00:00:00", "Sun 2026-12-06 00:00:00", "Sun 2026-12-13 00:00:00"]),
        ("0 0 * * 7", ["Sun 2026-11-29 00:00:00", "Sun 2026-12-06 00:00:00", "Sun 2026-12-13 00:00:00"]),
        ("0 0 * * sat-sun", ["Sat 2026-11-28 00:00:00", "Sun 2026-11-29 00:00:00", "Sat 2026-12-05 00:00:00"]),
        ("0 0 1 * MON", ["Mon 2026-11-23 00:00:00", "Mon 2026-11-30 00:00:00", "Tue 2026-12-01 00:00:00"]),
        ("0 0 */14 * MON", ["Mon 2027-02-01 00:00:00", "Mon 2027-02-15 00:00:00", "Mon 2027-03-01 00:00:00"]),
        ("59 23 31 dec *", ["Thu 2026-12-31 23:59:00", "Fri 2027-12-31 23:59:00", "Sun 2028-12-31 23:59:00"]),
        ("0 0 29 2 *", ["Tue 2028-02-29 00:00:00", "Sun 2032-02-29 00:00:00", "Fri 2036-02-29 00:00:00"]),
        ("@hourly", ["Sun 2026-11-22 11:00:00", "Sun 2026-11-22 12:00:00", "Sun 2026-11-22 13:00:00"]),
        ("@daily", ["Mon 2026-11-23 00:00:00", "Tue 2026-11-24 00:00:00", "Wed 2026-11-25 00:00:00"]),
        ("@weekly", ["Sun 2026-11-29 00:00:00", "Sun 2026-12-06 00:00:00", "Sun 2026-12-13 00:00:00"]),
        ("@monthly", ["Tue 2026-12-01 00:00:00", "Fri 2027-01-01 00:00:00", "Mon 2027-02-01 00:00:00"]),
        ("@yearly", ["Fri 2027-01-01 00:00:00", "Sat 2028-01-01 00:00:00", "Mon 2029-01-01 00:00:00"]),
    ],
)  # fmt: skip
def test_unix(expression: str, expected: list[str]) -> None:
    assert parse(expression).dialect is Dialect.UNIX
    assert upcoming(expression) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("*/20 * * * * ?", ["Sun 2026-11-22 10:07:40", "Sun 2026-11-22 10:08:00", "Sun 2026-11-22 10:08:20"]),
        ("0 0 12 ? * 1", ["Sun 2026-11-22 12:00:00", "Sun 2026-11-29 12:00:00", "Sun 2026-12-06 12:00:00"]),
        ("0 0 12 ? * 7", ["Sat 2026-11-28 12:00:00", "Sat 2026-12-05 12:00:00", "Sat 2026-12-12 12:00:00"]),
        ("0 0 12 ? * L", ["Sat 2026-11-28 12:00:00", "Sat 2026-12-05 12:00:00", "Sat 2026-12-12 12:00:00"]),
        ("0 0 12 ? * FRI-MON", ["Sun 2026-11-22 12:00:00", "Mon 2026-11-23 12:00:00", "Fri 2026-11-27 12:00:00"]),
        ("0 0 22-1 * * ?", ["Sun 2026-11-22 22:00:00", "Sun 2026-11-22 23:00:00", "Mon 2026-11-23 00:00:00"]),
        ("0 0 0 L * ?", ["Mon 2026-11-30 00:00:00", "Thu 2026-12-31 00:00:00", "Sun 2027-01-31 00:00:00"]),
        ("0 0 0 L-3 * ?", ["Fri 2026-11-27 00:00:00", "Mon 2026-12-28 00:00:00", "Thu 2027-01-28 00:00:00"]),
        ("0 0 0 LW * ?", ["Mon 2026-11-30 00:00:00", "Thu 2026-12-31 00:00:00", "Fri 2027-01-29 00:00:00"]),
        ("0 0 0 15W * ?", ["Tue 2026-12-15 00:00:00", "Fri 2027-01-15 00:00:00", "Mon 2027-02-15 00:00:00"]),
        ("0 0 0 1W 5 ?", ["Mon 2027-05-03 00:00:00", "Mon 2028-05-01 00:00:00", "Tue 2029-05-01 00:00:00"]),
        ("0 0 0 31W 1 ?", ["Fri 2027-01-29 00:00:00", "Mon 2028-01-31 00:00:00", "Wed 2029-01-31 00:00:00"]),
        ("0 15 10 ? * 6L", ["Fri 2026-11-27 10:15:00", "Fri 2026-12-25 10:15:00", "Fri 2027-01-29 10:15:00"]),
        ("0 15 10 ? * friL", ["Fri 2026-11-27 10:15:00", "Fri 2026-12-25 10:15:00", "Fri 2027-01-29 10:15:00"]),
        ("0 15 10 ? * 6#3", ["Fri 2026-12-18 10:15:00", "Fri 2027-01-15 10:15:00", "Fri 2027-02-19 10:15:00"]),
        ("0 15 10 ? * 2#5", ["Mon 2026-11-30 10:15:00", "Mon 2027-03-29 10:15:00", "Mon 2027-05-31 10:15:00"]),
        ("0 0 0 29 2 * 2029-2040", ["Sun 2032-02-29 00:00:00", "Fri 2036-02-29 00:00:00", "Wed 2040-02-29 00:00:00"]),
        ("0 0 0 1 1 ? 2028", ["Sat 2028-01-01 00:00:00"]),
    ],
)  # fmt: skip
def test_quartz(expression: str, expected: list[str]) -> None:
    assert parse(expression).dialect is Dialect.QUARTZ
    assert upcoming(expression) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("cron(0 10 ? * 2 *)", ["Mon 2026-11-23 10:00:00", "Mon 2026-11-30 10:00:00", "Mon 2026-12-07 10:00:00"]),
        ("cron(0/30 8-9 * * ? *)", ["Mon 2026-11-23 08:00:00", "Mon 2026-11-23 08:30:00", "Mon 2026-11-23 09:00:00"]),
        ("cron(0 8 1 * ? 2027)", ["Fri 2027-01-01 08:00:00", "Mon 2027-02-01 08:00:00", "Mon 2027-03-01 08:00:00"]),
        ("cron(0 9 ? * 2#1 *)", ["Mon 2026-12-07 09:00:00", "Mon 2027-01-04 09:00:00", "Mon 2027-02-01 09:00:00"]),
        ("cron(0 9 3W * ? *)", ["Thu 2026-12-03 09:00:00", "Mon 2027-01-04 09:00:00", "Wed 2027-02-03 09:00:00"]),
        ("rate(1 hour)", ["Sun 2026-11-22 11:00:00", "Sun 2026-11-22 12:00:00", "Sun 2026-11-22 13:00:00"]),
        ("at(2026-12-24T18:00:00)", ["Thu 2026-12-24 18:00:00"]),
        ("at(2026-11-22T10:07:30)", []),
    ],
)  # fmt: skip
def test_aws(expression: str, expected: list[str]) -> None:
    assert parse(expression).dialect is Dialect.AWS
    assert upcoming(expression) == expected


def test_a_rate_counts_from_its_anchor_and_does_not_drift() -> None:
    since = at("2026-03-28T22:41:07.250")
    cron = parse("rate(7 hours)", zone="Europe/Berlin", since=since)
    assert cron.next_after(since - 10) == since + 7 * 3600
    assert cron.next_after(since) == since + 7 * 3600
    assert cron.upcoming(since, 4000)[-1] == since + 4000 * 7 * 3600
    assert cron.previous_or_at(since + 10 * 7 * 3600) == since + 10 * 7 * 3600


@pytest.mark.parametrize(
    ("expression", "zone", "start", "expected"),
    [
        # put forward at 02:00 to 03:00
        ("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00", ["Sun 2026-03-29 03:00:00", "Mon 2026-03-30 02:30:00"]),
        ("0,30 2,3 * * *", "Europe/Berlin", "2026-03-28T12:00", ["Sun 2026-03-29 03:00:00", "Sun 2026-03-29 03:30:00"]),
        ("*/30 * * * *", "Europe/Berlin", "2026-03-29T01:10", ["Sun 2026-03-29 01:30:00", "Sun 2026-03-29 03:00:00"]),
        ("30 * * * *", "Europe/Berlin", "2026-03-29T01:10", ["Sun 2026-03-29 01:30:00", "Sun 2026-03-29 03:30:00"]),
        ("*/30 2 * * *", "Europe/Berlin", "2026-03-28T12:00", ["Sun 2026-03-29 03:00:00", "Mon 2026-03-30 02:00:00"]),
        ("0 0/2 * * ? *", "Europe/Berlin", "2026-03-29T01:10", ["Sun 2026-03-29 03:00:00", "Sun 2026-03-29 04:00:00"]),
        ("at(2026-03-29T02:30:00)", "Europe/Berlin", "2026-03-28T12:00", ["Sun 2026-03-29 03:00:00"]),
        # put back at 03:00 to 02:00
        ("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00", ["Sun 2026-10-25 02:30:00", "Mon 2026-10-26 02:30:00"]),
        # put forward by half an hour
        ("15 2 * * *", "Australia/Lord_Howe", "2026-10-03T12:00", ["Sun 2026-10-04 02:30:00"]),
        # midnight left out
        ("0 0 * * *", "America/Havana", "2026-03-07T12:00", ["Sun 2026-03-08 01:00:00", "Mon 2026-03-09 00:00:00"]),
        # a whole day left out
        ("0 9 * * *", "Pacific/Apia", "2011-12-28T12:00", ["Thu 2011-12-29 09:00:00", "Sat 2011-12-31 00:00:00"]),
    ],
)  # fmt: skip
def test_where_clocks_are_changed(expression: str, zone: str, start: str, expected: list[str]) -> None:
    expression = f"cron({expression})" if expression.endswith("? *") else expression
    assert upcoming(expression, len(expected), zone=zone, start=start) == expected


def test_a_quarter_of_an_hour_stays_one_when_the_clock_is_put_back() -> None:
    cron = parse("*/15 * * * *", zone="Europe/Berlin")
    times = cron.upcoming(at("2026-10-25T01:00", "Europe/Berlin"), 20)
    assert {later - earlier for earlier, later in zip(times, times[1:], strict=False)} == {900.0}  # noqa: RUF007


WRONG = [
    ("", "expression", "empty"),
    ("0 0", "expression", "2 fields"),
    ("* * * * * * * *", "expression", "8 fields"),
    ("60 * * * *", "minute", "not between 0 and 59"),
    ("* 24 * * *", "hour", "not between 0 and 23"),
    ("* * 0 * *", "day of the month", "not between 1 and 31"),
    ("* * * 13 *", "month", "not between 1 and 12"),
    ("* * * * 8", "day of the week", "not between 0 and 7"),
    ("* * * * XYZ", "day of the week", "neither a number nor a name"),
    ("? * * * *", "minute", "not a number"),
    ("0 0 ? * *", "day of the month", "not Unix"),
    ("0 0 * * 5L", "day of the week", "not Unix"),
    ("0 0 LW * *", "day of the month", "not Unix"),
    ("*/0 * * * *", "minute", "step"),
    ("*/x * * * *", "minute", "step"),
    ("1,,2 * * * *", "minute", "missing"),
    ("1- * * * *", "minute", "missing"),
    ("٣ * * * *", "minute", "not a number"),
    ("9999999999999999999999 * * * *", "minute", "not between"),
    ("30-10 * * * *", "minute", "backwards"),
    ("0 0 31 2 *", "expression", "never run"),
    ("0 0 31 2,4 *", "expression", "never run"),
    ("@reboot", "expression", "no such short form"),
    ("61 0 0 * * ?", "second", "not between 0 and 59"),
    ("0 0 0 ? * ?", "day of the week", "only one"),
    ("0 0 0 1 * MON", "day of the week", "one of the two"),
    ("0 0 0 ? * 0", "day of the week", "not between 1 and 7"),
    ("0 0 0 ? * 2#6", "day of the week", "not between 1 and 5"),
    ("0 0 0 L-31 * ?", "day of the month", "not between 0 and 30"),
    ("0 0 0 1,? * MON", "day of the week", "one of the two"),
    ("0 0 0 * * MON,?", "day of the week", "alone"),
    ("0 0 0 30 2 ?", "expression", "never run"),
    ("0 0 0 29 2 ? 2027", "expression", "never run"),
    ("0 0 0 * * ? 1969", "year", "not between 1970 and 2199"),
    ("cron(0 0 * * * *)", "day of the week", "exactly one"),
    ("cron(0 0 ? * ? *)", "day of the week", "exactly one"),
    ("cron(0 0 * * ?)", "expression", "5 fields"),
    ("rate(0 minutes)", "expression", "between 1 and"),
    ("rate(1 minutes)", "expression", "1 minute"),
    ("rate(5 minute)", "expression", "5 minutes"),
    ("rate(5 seconds)", "expression", "minutes, hours or days"),
    ("rate(-5 minutes)", "expression", "whole number"),
    ("rate(5)", "expression", "whole number"),
    ("at(2026-02-30T00:00:00)", "expression", "no date"),
    ("at(tomorrow)", "expression", "no date"),
    ("* " * 200, "expression", "longer than"),
]


@pytest.mark.parametrize(("expression", "field", "why"), WRONG)
def test_what_is_wrong_is_said_with_its_field_and_an_example(expression: str, field: str, why: str) -> None:
    with pytest.raises(ScheduleInvalid, match=why) as caught:
        parse(expression)
    assert caught.value.code == "schedule.invalid"
    assert caught.value.details["field"] == field
    assert caught.value.remedy


def test_the_dialect_that_is_named_is_the_one_that_counts() -> None:
    for expression, dialect in (("0 0 * * *", "quartz"), ("0 0 0 * * ?", "unix"), ("0 0 0 * * ?", "aws")):
        with pytest.raises(ScheduleInvalid):
            parse(expression, dialect)
    with pytest.raises(ScheduleInvalid, match="no dialect 'vixie'"):
        parse("0 0 * * *", "vixie")
    assert parse(" CRON(0 0 * * ? *) ", "aws").dialect is Dialect.AWS


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../UTC", "America", "/etc/localtime", "Europe/Berlin\0"])
def test_a_zone_that_does_not_exist_is_refused(zone: str) -> None:
    with pytest.raises(ScheduleInvalid, match="no time zone"):
        parse("@daily", zone=zone)


@pytest.mark.parametrize(
    ("expression", "sentence"),
    [
        ("* * * * *", "Every minute."),
        ("*/15 * * * *", "Every 15 minutes."),
        ("0 * * * *", "Every hour."),
        ("7,37 * * * *", "At minute 7 and 37 of every hour."),
        ("0 */2 * * *", "Every 2 hours, Europe/Berlin time."),
        ("30 2 * * *", "At 02:30 every day, Europe/Berlin time."),
        ("0 9,12 * * 1-5", "At 09:00 and 12:00 on Monday to Friday, Europe/Berlin time."),
        ("*/5 9-17 * * SAT,SUN", "Every 5 minutes in the hours 09 to 17 on Saturday and Sunday, Europe/Berlin time."),
        ("0 0 1,15 7 MON", "At 00:00 on day 1 and 15 of the month or on Monday, in July, Europe/Berlin time."),
        ("0 0 0 L * ?", "At 00:00 on the last day of the month, Europe/Berlin time."),
        ("0 0 0 L-3 * ?", "At 00:00 on the last day of the month but 3, Europe/Berlin time."),
        ("0 0 0 LW * ?", "At 00:00 on the last working day of the month, Europe/Berlin time."),
        ("0 0 0 15W * ?", "At 00:00 on the working day nearest to day 15 of the month, Europe/Berlin time."),
        ("0 0 0 ? * 6L 2027-2030", "At 00:00 on the last Friday of the month, in 2027 to 2030, Europe/Berlin time."),
        ("0 0 0 ? * 6#3", "At 00:00 on the third Friday of the month, Europe/Berlin time."),
        ("*/10 * * * * ?", "Every 10 seconds."),
        ("15 30 * * * ?", "At second 15 of minute 30 of every hour."),
        ("rate(1 day)", "Every day."),
        ("rate(90 minutes)", "Every 90 minutes."),
        ("at(2026-12-24T18:00:00)", "Once, at 18:00:00 on 2026-12-24, Europe/Berlin time."),
    ],
)
def test_a_schedule_in_a_sentence(expression: str, sentence: str) -> None:
    assert describe(parse(expression, zone="Europe/Berlin")) == sentence


@pytest.mark.parametrize(
    "expression", ["*/7 * * * *", "0 0 29 2 1", "0 0 0 29 2 ?", "*/10 * * * * ?", "rate(5 minutes)", "0 3 ? * 6#5 *"]
)
@pytest.mark.parametrize("zone", ["UTC", "America/St_Johns"])
def test_the_run_before_is_the_one_whose_next_is_later(expression: str, zone: str) -> None:
    cron = parse(f"cron({expression})" if expression.endswith("5 *") else expression, zone=zone)
    for t in (at(START), at("2026-11-01T05:29:59.5"), at("2026-03-08T05:30:00")):
        before = cron.previous_or_at(t)
        assert before is not None
        assert before <= t
        following = cron.next_after(before)
        assert following is not None
        assert following > t
        assert cron.previous_or_at(before) == before


def test_rare_and_distant_times_are_found_quickly(remark: Callable[[str], None]) -> None:
    monday_29_february = parse("0 0 */28 2 1")  # the 1st and the 29th of February, if it is a Monday
    assert [datetime.fromtimestamp(t, UTC).year for t in monday_29_february.upcoming(at(START), 4)] == [
        *(2027, 2038, 2044, 2044),
    ]
    assert parse("* * * * *").next_after(at("2199-12-31T23:59:30")) is None
    assert parse("* * * * *").next_after(1e300) is None
    assert parse("* * * * *").next_after(-1e12) == 0.0
    assert parse("0 0 0 1 1 ? 2020").next_after(at(START)) is None
    began = time.process_time()
    for n in range(1000):
        monday_29_february.next_after(at(START) + n * 86_400)
    remark(f"schedules: 1,000 searches for a Monday in February took {time.process_time() - began:.3f} s of CPU")
