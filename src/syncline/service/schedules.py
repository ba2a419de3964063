"""Schedules: made, changed, previewed; and the ticker that starts their jobs when they are due.

    tick(now): passed ──judge──▶ fair order ──▶ [moved on + job added] for up to BATCH schedules in one transaction

A schedule is moved on in the transaction that adds its job: whoever dies in between has done neither, and a clock that
is put back finds the schedule moved on already. So no due time is missed, and none runs twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from syncline.model.connectors import Connector
from syncline.model.errors import JobActive, NotFound, UsageError
from syncline.model.jobs import JobType, Trigger, WhenActive
from syncline.model.schedules import GRACE_S, Dialect, Misfire, Overlap, Schedule, ScheduleInvalid
from syncline.model.shapes import iso
from syncline.scheduler import Cron, describe, parse
from syncline.scheduler.due import Passed, judge
from syncline.store.relational.control import Control
from syncline.store.relational.jobs import new_id
from syncline.store.relational.schedules import Due, Schedules
from syncline.wiring import Installation

BATCH: Final = 200  # schedules in one transaction; others who want to write wait for so many at most
MAX_JITTER_S: Final = 86_400.0
SHOWN_RUNS: Final = 5
CHANGEABLE: Final = (
    *("expression", "dialect", "zone", "name", "type", "misfire", "when_active", "jitter_s", "enabled"),
)
_TIMING: Final = frozenset({"expression", "dialect", "zone"})
_WHEN_ACTIVE: Final = {Overlap.SKIP: WhenActive.REFUSE, Overlap.COALESCE: WhenActive.COALESCE}

Word = TypeVar("Word", bound=StrEnum)


# --- made and changed -------------------------------------------------------------------------------------------------


def add(
    installation: Installation,
    connector: Connector,
    *,
    expression: str,
    dialect: Dialect | str | None = None,
    zone: str = "UTC",
    name: str = "",
    type: JobType | str | None = "auto",
    misfire: Misfire | str = Misfire.RUN_ONCE,
    when_active: Overlap | str = Overlap.SKIP,
    jitter_s: float = 0.0,
    enabled: bool = True,
) -> Schedule:
    """Give a connector a schedule. Raises ScheduleInvalid, UsageError when the connector has one of that name."""
    now = installation.clock()
    blank = Schedule(0, new_id(), connector.number, "", "", Dialect.UNIX, created_at=now)
    terms = {
        "expression": expression, "dialect": dialect, "zone": zone, "name": name, "type": type, "misfire": misfire,
        "when_active": when_active, "jitter_s": jitter_s, "enabled": enabled,
    }  # fmt: skip
    return Schedules(installation.control()).add(_changed(blank, terms, now))


def update(
    installation: Installation, schedule: Schedule, changes: Mapping[str, Any], revision: int | None = None
) -> Schedule:
    """Change what is named, see CHANGEABLE; a new expression without a dialect is guessed. Its next run is counted
    from now when its times have changed or it is enabled again. Raises Conflict unless it still has that revision,
    NotFound, ScheduleInvalid, UsageError."""
    control = installation.control()
    schedules, now = Schedules(control), installation.clock()
    with control.writing("change_schedule"):  # read again in here: it may have been due in the meantime
        current = schedules.get(schedule.id)
        if current is None:
            raise _unknown(schedule.id)
        return schedules.update(_changed(current, changes, now), now, revision)


def remove(installation: Installation, schedule: Schedule) -> None:
    """Forget it. Jobs that it has started go on."""
    Schedules(installation.control()).remove(schedule.number)


def of(installation: Installation, connector: Connector) -> list[Schedule]:
    """Of one connector, oldest first."""
    return Schedules(installation.control()).of(connector.number)


def get(installation: Installation, ref: str) -> Schedule:
    """By id. Raises NotFound."""
    found = Schedules(installation.control()).get(ref) if installation.exists else None
    if found is None:
        raise _unknown(ref)
    return found


def _unknown(ref: str) -> NotFound:
    return NotFound(f"there is no schedule {ref!r}", remedy="Look at the schedules of its connector.")


def _changed(schedule: Schedule, changes: Mapping[str, Any], now: float) -> Schedule:
    """The schedule with those terms, valid and with its next run."""
    unknown = sorted(set(changes) - set(CHANGEABLE))
    if unknown:
        raise UsageError(f"a schedule has no {unknown[0]!r}", remedy=f"Change one of {', '.join(CHANGEABLE)}.")
    terms = {name: _term(name, value) for name, value in changes.items()}
    said = terms.pop("dialect", None if "expression" in terms else schedule.dialect)
    changed = replace(schedule, **terms)
    if changed.enabled and changed.type is JobType.ACCESS_CONTROL:
        raise UsageError(
            "a schedule cannot start jobs of the type access_control",
            code="job.type_unsupported",
            remedy="Use auto, full or incremental: permissions come with the documents.",
        )
    cron = parse(changed.expression, said, changed.zone, since=changed.created_at)
    changed.expression, changed.dialect = cron.expression, cron.dialect
    if not _TIMING.isdisjoint(changes) or (changed.enabled and not schedule.enabled):
        changed.next_at = _first_run(cron, now)
    return changed


def _first_run(cron: Cron, now: float) -> float:
    following = cron.next_after(now)
    if following is None:
        what = f"schedule {cron.expression!r}: it would never run, because all its times have passed"
        raise ScheduleInvalid(what, remedy="Name a time that is still to come.", field="expression")
    return following


def _term(name: str, value: Any) -> Any:
    match name:
        case "type":
            return None if value in (None, "auto") else _word(JobType, name, value)
        case "misfire":
            return _word(Misfire, name, value)
        case "when_active":
            return _word(Overlap, name, value)
        case "jitter_s":
            return _jitter(value)
        case "enabled":
            return bool(value)
        case "dialect":
            return value
    if not isinstance(value, str) or (name == "name" and len(value) > 200):
        raise ScheduleInvalid(f"{name}: {value!r} is not a text of at most 200 characters", field=name)
    return value


def _word(words: type[Word], name: str, value: Any) -> Word:
    try:
        return words(value)
    except ValueError:
        known = ", ".join(words)
        raise ScheduleInvalid(
            f"{name}: {value!r} is none of {known}", remedy=f"Choose one of {known}.", field=name
        ) from None


def _jitter(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MAX_JITTER_S:
        raise ScheduleInvalid(
            f"jitter_s: {value!r} is not a number of seconds between 0 and {MAX_JITTER_S:.0f}",
            remedy="Write 60, for example.",
            field="jitter_s",
        )
    return float(value)


# --- looked at --------------------------------------------------------------------------------------------------------


def cron_of(schedule: Schedule) -> Cron:
    """What its expression means. Raises ScheduleInvalid when this installation does not know its zone."""
    return parse(schedule.expression, schedule.dialect, schedule.zone, since=schedule.created_at)


def preview(
    expression: str, dialect: Dialect | str | None = None, zone: str = "UTC", now: float = 0.0, n: int = SHOWN_RUNS
) -> dict[str, Any]:
    """What an expression means: {"expression", "dialect", "zone", "description", "times": [{"utc", "local"}]}, the
    next `n` times after `now`; rates count from `now`. Raises ScheduleInvalid."""
    cron = parse(expression, dialect, zone, since=now)
    return {
        "expression": cron.expression,
        "dialect": cron.dialect.value,
        "zone": zone,
        "description": describe(cron),
        "times": [{"utc": iso(at), "local": _local(at, zone)} for at in cron.upcoming(now, n)],
    }


def _local(at: float, zone: str) -> str:
    return datetime.fromtimestamp(at, ZoneInfo(zone)).isoformat(timespec="seconds")


def shape(schedule: Schedule, connector_name: str) -> dict[str, Any]:
    """A schedule as the API shows it, with its next runs (without jitter)."""
    try:
        cron = cron_of(schedule)
        description, coming = describe(cron), _coming(schedule, cron)
    except ScheduleInvalid as error:
        description, coming = error.message, []
    return {
        "id": schedule.id,
        "connector": connector_name,
        "name": schedule.name,
        "expression": schedule.expression,
        "dialect": schedule.dialect.value,
        "zone": schedule.zone,
        "description": description,
        "type": "auto" if schedule.type is None else schedule.type.value,
        "misfire": schedule.misfire.value,
        "when_active": schedule.when_active.value,
        "jitter_s": schedule.jitter_s,
        "enabled": schedule.enabled,
        "next_at": iso(schedule.next_at) if schedule.enabled else None,
        "next_runs": [iso(at) for at in coming],
        "last_at": iso(schedule.last_at),
        "last_job": schedule.last_job,
        "revision": schedule.revision,
        "created_at": iso(schedule.created_at),
        "updated_at": iso(schedule.updated_at),
    }


def _coming(schedule: Schedule, cron: Cron) -> list[float]:
    if not schedule.enabled or schedule.next_at is None:
        return []
    return [schedule.next_at, *cron.upcoming(schedule.next_at, SHOWN_RUNS - 1)]


# --- the ticker -------------------------------------------------------------------------------------------------------


class Ready(NamedTuple):
    """A schedule that has to be moved on, and how."""

    due: Due
    passed: Passed


class Ticker:
    """Starts the jobs of schedules that are due. Use it from the thread that opened `control`."""

    def __init__(self, control: Control, *, grace_s: float = GRACE_S) -> None:
        self._control = control
        self._schedules = Schedules(control)
        self._grace_s = grace_s

    def tick(self, now: float) -> float | None:
        """Start everything that is due, and say when to come again: Unix seconds; None: when a schedule has changed.
        Any number of tickers may run at once."""
        while True:
            ready, wake = self._look(now)
            if not ready:
                return wake
            ready = _in_fair_order(ready)
            for begin in range(0, len(ready), BATCH):
                with self._control.writing("fire"):
                    for one in ready[begin : begin + BATCH]:
                        self._fire(one, now)

    def _look(self, now: float) -> tuple[list[Ready], float | None]:
        ready: list[Ready] = []
        wake = self._schedules.soonest(now)
        for due in self._schedules.passed(now):
            try:
                found = judge(due.schedule, cron_of(due.schedule), now, self._grace_s)
            except ScheduleInvalid as error:
                self._give_up(due, error, now)
                continue
            if isinstance(found, Passed):
                ready.append(Ready(due, found))
            else:
                wake = found.until if wake is None else min(wake, found.until)
        return ready, wake

    def _fire(self, one: Ready, now: float) -> None:
        """Move it on and start its job, if it still stands as it was read."""
        due, passed = one
        if not self._schedules.advance(due.schedule, passed.next_at, passed.due if passed.run else None):
            return
        if not passed.run:
            self._schedules.tell_skipped(due, passed.due, now, "late")
            return
        try:
            ordered = self._control.add_job(
                due.connector,
                due.schedule.type,
                Trigger.SCHEDULED,
                False,
                now,
                when_active=_WHEN_ACTIVE[due.schedule.when_active],
                cause=f"schedule {due.schedule.name or due.schedule.id}",
            )
        except JobActive as active:
            self._schedules.tell_skipped(due, passed.due, now, "active", active.details.get("job_number"))
        else:
            self._schedules.started(due.schedule, ordered.job.number)

    def _give_up(self, due: Due, error: ScheduleInvalid, now: float) -> None:
        """It cannot be understood any more: its zone is unknown here, for example."""
        with self._control.writing("fire"):
            self._schedules.disable(due.schedule, now)
            self._schedules.tell_skipped(due, due.schedule.next_at, now, f"invalid: {error.message}")


def _in_fair_order(ready: Sequence[Ready]) -> list[Ready]:
    """The first one of every connector, then the second of every connector, and so on."""
    before: Counter[int] = Counter()
    ranked: list[tuple[int, Ready]] = []
    for one in ready:
        connector = one.due.connector.number
        ranked.append((before[connector], one))
        before[connector] += 1
    return [one for _, one in sorted(ranked, key=lambda pair: pair[0])]
