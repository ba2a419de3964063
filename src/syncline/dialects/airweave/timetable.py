"""Schedules of source connections: a crontab expression in UTC, for each connection at most one.

A source with a feed of changes may run every few minutes; then a second schedule has it read everything once a day,
half a day away from its making.
"""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, Final

from pydantic import Field

from syncline.dialects.airweave.faults import Fault
from syncline.dialects.airweave.reading import Body
from syncline.dialects.airweave.sources import Source
from syncline.dialects.airweave.times import aware
from syncline.model.connectors import Connector
from syncline.model.jobs import JobType
from syncline.model.schedules import Dialect, Overlap, Schedule, ScheduleInvalid
from syncline.scheduler import parse
from syncline.service import schedules
from syncline.wiring import Installation

MAIN: Final = "airweave"
CLEANUP: Final = "airweave cleanup"
HOUR_S: Final = 3600.0
LOOKED_AT: Final = 30  # runs that are looked at to tell how far they are apart


class ScheduleIn(Body):
    """When to run. `continuous` and `cursor_field` are taken, and mean nothing."""

    cron: str | None = Field(default=None, max_length=200)
    continuous: bool | None = None
    cursor_field: str | None = Field(default=None, max_length=200)


def default_cron(source: Source | None, now: float) -> str:
    """Daily at the time of making; every five minutes where there is a feed of changes."""
    if source is not None and source.continuous:
        return "*/5 * * * *"
    at = datetime.fromtimestamp(now, UTC)
    return f"{at.minute} {at.hour} * * *"


def checked(cron: str, source: Source | None, now: float) -> bool:
    """Whether it runs more than once an hour. Raises Fault: 422 for what is no cron, 400 when it is too often."""
    if len(cron.split()) != 5:
        raise Fault(422, f"Invalid cron expression: '{cron}': five fields are needed")
    try:
        parsed = parse(cron, Dialect.UNIX, "UTC")
    except ScheduleInvalid as error:
        raise Fault(422, f"Invalid cron expression: {error.message}") from None
    runs = parsed.upcoming(now, LOOKED_AT)
    often = any(later - earlier < HOUR_S for earlier, later in pairwise(runs))
    if often and source is not None and not source.continuous:
        raise Fault(
            400,
            f"Source '{source.short_name}' does not support continuous syncs: schedules of less than an hour are for "
            "sources that do",
        )
    return often


def put(room: Installation, connector: Connector, cron: str, often: bool) -> None:
    """Give the connector this schedule in place of the one it has."""
    wanted = {"expression": cron.strip(), "dialect": Dialect.UNIX, "zone": "UTC"}
    own = {schedule.name: schedule for schedule in schedules.of(room, connector)}
    shown = _shown(list(own.values()))
    if shown is not None and shown.name != MAIN:
        schedules.remove(room, shown)
    if MAIN in own:
        schedules.update(room, own[MAIN], {**wanted, "enabled": True})
    else:
        schedules.add(room, connector, name=MAIN, expression=cron.strip(), dialect=Dialect.UNIX)
    if CLEANUP in own:
        schedules.remove(room, own[CLEANUP])
    if often:
        at = datetime.fromtimestamp(room.clock() + 12 * HOUR_S, UTC)
        schedules.add(
            room,
            connector,
            name=CLEANUP,
            expression=f"{at.minute} {at.hour} * * *",
            dialect=Dialect.UNIX,
            type=JobType.FULL,
            when_active=Overlap.COALESCE,
        )


def remove(room: Installation, connector: Connector) -> None:
    """Take away the schedule that is shown, and what belongs to it."""
    found = schedules.of(room, connector)
    shown = _shown(found)
    for schedule in found:
        if schedule.name == CLEANUP or schedule is shown:
            schedules.remove(room, schedule)


def shape(room: Installation, connector: Connector) -> dict[str, Any] | None:
    """The schedule as it is shown; None without one."""
    shown = _shown(schedules.of(room, connector))
    if shown is None:
        return None
    runs = shown.enabled and not connector.paused
    return {
        "cron": shown.expression,
        "next_run": aware(shown.next_at) if runs else None,
        "continuous": False,
        "cursor_field": None,
        "cursor_value": None,
    }


def _shown(found: list[Schedule]) -> Schedule | None:
    """The one that was made here, or the first."""
    ours = [schedule for schedule in found if schedule.name == MAIN]
    return next(iter(ours or [schedule for schedule in found if schedule.name != CLEANUP]), None)
