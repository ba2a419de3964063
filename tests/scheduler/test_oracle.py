"""No run missed and none doubled, by the word of a walker through time and of cronsim."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import takewhile
from random import Random
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from tests.scheduler.oracle import ZONES, Plan, at, changes, due, other_plan, unix_plan, walk

from syncline.scheduler import Cron, parse

TEN_YEARS = at(2010), at(2020)
TWO_YEARS = at(2011), at(2013)
HOUR = 3_600
CRONSIM_ASTRAY = ("Australia/Lord_Howe", "Antarctica/Troll", "Atlantic/Azores")


def runs(cron: Cron, start: int, end: int) -> list[int]:
    """All of them from `start` up to, not including, `end`."""

    def each() -> Iterator[float]:
        following = cron.next_after(start - 1)
        while following is not None:
            yield following
            following = cron.next_after(following)

    return [int(t) for t in takewhile(lambda t: t < end, each())]


def plans(rng: Random) -> list[Plan]:
    return [
        unix_plan(rng),
        unix_plan(rng),
        other_plan(rng, "aws"),
        *(plan for plan in (other_plan(rng, "quartz") for _ in range(40)) if plan.seconds == {0}),
    ][:4]


def test_around_every_change_of_the_clock_no_run_is_missed_or_doubled(remark: Callable[[str], None]) -> None:
    seen = [compared_around_changes(zone) for zone in ZONES]
    remark(f"schedules: {sum(seen)} runs around changes of the clock in {len(seen)} zones, as a walk finds them")
    assert sum(seen) > 10_000


def compared_around_changes(zone: str) -> int:
    rng, seen = Random(zone), 0
    for change in changes(zone, *TEN_YEARS) or [at(2015, 3, 1)]:
        start, end = change - 8 * HOUR, change + 10 * HOUR
        clock = list(walk(zone, start, end))
        for plan in plans(rng):
            expected = due(plan, clock)
            assert runs(parse(plan.text, zone=zone), start, end) == expected, (plan.text, zone, change)
            seen += len(expected)
    return seen


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Australia/Lord_Howe", "America/Havana"])
def test_second_by_second_no_run_is_missed_or_doubled(zone: str) -> None:
    rng = Random(zone)
    for change in changes(zone, at(2014), at(2015)):
        start, end = change - 2 * HOUR, change + 3 * HOUR
        clock = list(walk(zone, start, end, 1))
        for _ in range(12):
            plan = other_plan(rng, "quartz")
            assert runs(parse(plan.text, zone=zone), start, end) == due(plan, clock, 1), (plan.text, zone, change)


@pytest.mark.parametrize("zone", ZONES)
def test_rules_for_days_hold_over_two_years(zone: str) -> None:
    """By days, not by minutes: one run at noon, and noon is in no gap but the one day that Apia left out."""
    rng, info = Random(zone), ZoneInfo(zone)
    noons = [t for t, wall in walk(zone, *TWO_YEARS, 1800) if (wall.hour, wall.minute) == (12, 0)]
    for dialect in ("aws", "quartz", "unix"):
        plan = unix_plan(rng) if dialect == "unix" else other_plan(rng, dialect)
        fields = plan.text.removeprefix("cron(").split()
        place = 1 if dialect == "quartz" else 0
        fields[:place] = ["0"] * place
        fields[place : place + 2] = ["0", "12"]
        text = ("cron(" if dialect == "aws" else "") + " ".join(fields)
        expected = [t for t in noons if plan.is_day(datetime.fromtimestamp(t, info).date())]
        found = runs(parse(text, zone=zone), *TWO_YEARS)
        assert [t for t in found if t in set(noons)] == expected, (text, zone)
        assert len(found) - len(expected) <= (zone == "Pacific/Apia"), (text, zone)


def cronsim_runs(plan: Plan, zone: str, start: int, end: int) -> list[int]:
    begin = datetime.fromtimestamp(start - 60, ZoneInfo(zone))
    return [int(t.timestamp()) for t in takewhile(lambda t: t.timestamp() < end, CronSim(plan.text, begin))]


def test_cronsim_agrees_on_crontabs(remark: Callable[[str], None]) -> None:
    """But for two things: hours that the clock skips are made up here also when minutes run on, and cronsim loses count
    of hours where the clock is changed by half an hour or two, or at midnight."""
    seen = sum(compared_with_cronsim(zone) for zone in ZONES)
    remark(f"schedules: {seen} runs of crontabs around changes of the clock, as cronsim finds them")
    assert seen > 5_000


def compared_with_cronsim(zone: str) -> int:
    rng, seen, info = Random(zone + "cronsim"), 0, ZoneInfo(zone)
    for change in (changes(zone, *TEN_YEARS) or [at(2015, 3, 1)])[:8]:
        start, end = change - 30 * HOUR, change + 30 * HOUR
        for plan in (unix_plan(rng), unix_plan(rng)):
            if plan.runs_on and zone in CRONSIM_ASTRAY:
                continue
            found = runs(parse(plan.text, zone=zone), start, end)
            if plan.runs_on:
                found = [t for t in found if plan.shows(datetime.fromtimestamp(t, info).replace(tzinfo=None))]
            assert found == cronsim_runs(plan, zone, start, end), (plan.text, zone, change)
            seen += len(found)
    return seen


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("zone", ZONES)
def test_minute_by_minute_over_ten_years_no_run_is_missed_or_doubled(zone: str, remark: Callable[[str], None]) -> None:
    rng, seen, offset = Random(zone + "slow"), 0, timedelta(minutes=1)
    chosen = [*plans(rng), unix_plan(rng), unix_plan(rng)]
    clock = list(walk(zone, *TEN_YEARS))
    assert clock[1][1] - clock[0][1] == offset
    for plan in chosen:
        expected = due(plan, clock)
        assert runs(parse(plan.text, zone=zone), *TEN_YEARS) == expected, (plan.text, zone)
        seen += len(expected)
    remark(f"runs compared with a walk through ten years, {zone}: {seen}")
