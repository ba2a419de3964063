"""Schedules of connectors that Syncline runs: three in a document there, any number in any dialect of ours here.

document's "scheduling" ──apply──▶ schedules named "elastic full" and "elastic incremental"
                        ◀──shown── those, or the first that starts such jobs
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from syncline.dialects.elastic.refusals import against_rule
from syncline.model.connectors import Connector
from syncline.model.jobs import JobType
from syncline.model.schedules import Dialect, Overlap, Schedule
from syncline.scheduler.dialects import MACROS
from syncline.service import schedules
from syncline.wiring import Installation

SLOTS: Final[Mapping[str, JobType]] = {"full": JobType.FULL, "incremental": JobType.INCREMENTAL}
_AWS_CRON: Final = re.compile(r"cron\s*\((.*)\)", re.IGNORECASE | re.DOTALL)

Noted = dict[str, int]  # revision of our schedule by slot, when the document was written


def name_of(slot: str) -> str:
    """What the schedule of a slot is called."""
    return f"elastic {slot}"


def shown(
    room: Installation, connector: Connector, held: Mapping[str, Any], noted: Mapping[str, int]
) -> dict[str, Any]:
    """The document's schedules as they are now. What was written through this dialect keeps its text."""
    found = schedules.of(room, connector)
    now = {name: dict(slot) for name, slot in held.items()}
    for slot in SLOTS:
        schedule = _of(found, slot)
        if schedule is None:
            if slot in noted:
                now[slot] = {**now.get(slot, {}), "enabled": False}
        elif noted.get(slot) != schedule.revision:
            interval = quartz(schedule)
            if interval is not None:
                now[slot] = {"enabled": schedule.enabled, "interval": interval}
    return now


def apply(
    room: Installation,
    connector: Connector,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    noted: Mapping[str, int],
) -> Noted:
    """Make the schedules be what the document says, where it has been changed; returns their revisions. Raises
    ScheduleInvalid for times that have all passed."""
    found, kept = schedules.of(room, connector), dict(noted)
    for slot, type in SLOTS.items():
        wanted, schedule = after[slot], _of(found, slot)
        if wanted == before.get(slot):
            continue
        terms = {
            "expression": wanted["interval"],
            "dialect": Dialect.QUARTZ,
            "zone": "UTC",
            "enabled": wanted["enabled"],
        }
        if schedule is not None:
            kept[slot] = schedules.update(room, schedule, terms).revision
        elif wanted["enabled"]:
            made = schedules.add(room, connector, name=name_of(slot), type=type, when_active=Overlap.COALESCE, **terms)
            kept[slot] = made.revision
    return kept


def clear(room: Installation, connector: Connector) -> None:
    """Forget those that were made through this dialect."""
    own = {name_of(slot) for slot in SLOTS}
    for schedule in schedules.of(room, connector):
        if schedule.name in own:
            schedules.remove(room, schedule)


def no_access_control(connector: str) -> Exception:
    """Permissions come with the documents here, so there is nothing that such a job would do."""
    return against_rule(
        f"Cannot start an access_control sync for connector [{connector}]: it is run by Syncline, where permissions "
        "come with the documents of every sync."
    )


def _of(found: Sequence[Schedule], slot: str) -> Schedule | None:
    by_name = next((one for one in found if one.name == name_of(slot)), None)
    if by_name is not None:
        return by_name
    suits = (None, JobType.FULL) if slot == "full" else (JobType.INCREMENTAL,)
    return next((one for one in found if one.type in suits and not one.name.startswith("elastic ")), None)


# --- in Quartz's words ------------------------------------------------------------------------------------------------


def quartz(schedule: Schedule) -> str | None:
    """The expression as Quartz would write it; None when it cannot: rates, other zones, two rules for days at once."""
    if schedule.zone not in ("UTC", "Etc/UTC"):
        return None
    expression = schedule.expression.strip()
    if schedule.dialect is Dialect.QUARTZ:
        return expression
    if schedule.dialect is Dialect.AWS:
        call = _AWS_CRON.fullmatch(expression)
        return None if call is None else f"0 {' '.join(call[1].split())}"
    return _of_crontab(MACROS.get(expression.lower(), expression))


def _of_crontab(expression: str) -> str | None:
    parts = expression.split()
    if len(parts) != 5:
        return None
    minute, hour, date, month, weekday = parts
    if weekday == "*":
        return f"0 {minute} {hour} {date} {month} ?"
    if date != "*":
        return None
    return f"0 {minute} {hour} ? {month} {_from_one(weekday)}"


def _from_one(weekdays: str) -> str:
    """Days of the week with 1 for Sunday, of those with 0 or 7 for it."""

    def moved(match: re.Match[str]) -> str:
        return str(int(match[0]) % 7 + 1)

    return ",".join(
        "/".join([re.sub(r"\d+", moved, part.split("/")[0]), *part.split("/")[1:]]) for part in weekdays.split(",")
    )
