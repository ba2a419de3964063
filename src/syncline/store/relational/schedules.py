"""The schedule table. What is due when is decided elsewhere; here it is written down so that no run is lost or doubled.

A due schedule is moved on with `advance`, in the transaction that starts its job. Whoever dies before the end of it has
done nothing, and whoever comes second finds that `next_at` is another one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from syncline.model.connectors import Connector
from syncline.model.errors import Conflict, NotFound, UsageError
from syncline.model.events import SCHEDULE_SKIPPED
from syncline.model.jobs import JobType
from syncline.model.schedules import Dialect, Misfire, Overlap, Schedule
from syncline.model.shapes import iso
from syncline.store.relational.database import Violated, load_queries, scalar
from syncline.store.relational.tables import Tables, dump

SQL = load_queries("schedules.sql")


@dataclass(slots=True, frozen=True)
class Due:
    """A schedule whose `next_at` has come, and its connector without settings."""

    schedule: Schedule
    connector: Connector


class Schedules:
    """Schedules in the control plane's file. Every change joins an outer `tables.writing`."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables

    # --- made and changed by somebody --------------------------------------------------------------------------------

    def add(self, schedule: Schedule) -> Schedule:
        """Store a new one and return it with its number. Raises UsageError when the connector has one of that name,
        NotFound when the connector is gone."""
        row = (schedule.id, schedule.connector, *_terms(schedule), schedule.next_at, schedule.created_at)
        self._write("add_schedule", SQL["add"], row, schedule)
        return self._stored(schedule)

    def update(self, schedule: Schedule, now: float, revision: int | None = None) -> Schedule:
        """Store what can change of it. Raises Conflict unless it still has that revision, UsageError when the name is
        taken."""
        row = (schedule.number, *_terms(schedule), schedule.next_at, now, revision)
        self._write("update_schedule", SQL["update"], row, schedule)
        return self._stored(schedule)

    def remove(self, number: int) -> None:
        """Forget it."""
        with self.tables.writing("remove_schedule"):
            self.tables.db.execute(SQL["remove"], (number,))

    def _write(self, name: str, statement: str, row: Sequence[Any], schedule: Schedule) -> None:
        try:
            with self.tables.writing(name):
                self.tables.db.execute(statement, row)
                if not self.tables.db.changes():
                    raise Conflict(f"schedule {schedule.name or schedule.id!r} has been changed or removed since")
        except Violated as error:
            raise _refused(schedule, error) from error

    def _stored(self, schedule: Schedule) -> Schedule:
        found = self.get(schedule.id)
        assert found is not None
        return found

    # --- looked at ---------------------------------------------------------------------------------------------------

    def get(self, id: str) -> Schedule | None:
        """By id."""
        with self.tables.reading():
            row = self.tables.db.execute(SQL["by_id"], (id,)).fetchone()
        return None if row is None else _schedule(row)

    def of(self, connector: int) -> list[Schedule]:
        """Of one connector, oldest first."""
        with self.tables.reading():
            return [_schedule(row) for row in self.tables.db.execute(SQL["of"], (connector,))]

    def passed(self, now: float) -> list[Due]:
        """Those whose `next_at` is not later than `now`, the most urgent first. A paused connector has none."""
        with self.tables.reading():
            rows: list[Any] = self.tables.db.execute(SQL["passed"], (now,)).fetchall()
        return [_due(row) for row in rows]

    def soonest(self, now: float) -> float | None:
        """The first `next_at` that is later than `now`."""
        with self.tables.reading():
            found = scalar(self.tables.db, SQL["soonest"], (now,))
        return None if found is None else float(found)

    # --- moved on by time --------------------------------------------------------------------------------------------

    def advance(self, schedule: Schedule, next_at: float | None, last_at: float | None) -> bool:
        """Move it on; `last_at` None: nothing was run. False, and nothing is changed, unless it is still due as it was
        read, enabled, and its connector not paused."""
        with self.tables.writing("advance_schedule"):
            row = (schedule.number, schedule.next_at, next_at, last_at, schedule.revision)
            self.tables.db.execute(SQL["advance"], row)
            return bool(self.tables.db.changes())

    def started(self, schedule: Schedule, job: int) -> None:
        """It has started that job, or joined it."""
        with self.tables.writing("schedule_started"):
            self.tables.db.execute(SQL["started"], (schedule.number, job))

    def disable(self, schedule: Schedule, now: float) -> None:
        """It can not be used as it is."""
        with self.tables.writing("disable_schedule"):
            self.tables.db.execute(SQL["disable"], (schedule.number, now))

    def tell_skipped(self, due: Due, at: float | None, now: float, reason: str, job: int | None = None) -> None:
        """Write the event of a run that was not started: "active" (`job` was in its way), "late" or "invalid"."""
        schedule, connector = due.schedule, due.connector
        data = {
            "schedule": schedule.id,
            "name": schedule.name,
            "connector": connector.name,
            "due": iso(at),
            "reason": reason,
        }
        with self.tables.writing("skip_schedule"):
            row = (now, SCHEDULE_SKIPPED, connector.id, connector.index, job, dump(data))
            self.tables.db.execute(SQL["tell"], row)


def _terms(schedule: Schedule) -> tuple[Any, ...]:
    return (
        schedule.name, schedule.expression, schedule.dialect.value, schedule.zone, schedule.type or "auto",
        schedule.misfire.value, schedule.when_active.value, schedule.jitter_s, int(schedule.enabled),
    )  # fmt: skip


def _due(row: Sequence[Any]) -> Due:
    schedule = _schedule(row[:18])
    id, name, index, kind = row[18:]
    return Due(schedule, Connector(schedule.connector, id, name, index, kind))


def _schedule(row: Sequence[Any]) -> Schedule:
    (
        number, id, connector, name, expression, dialect, zone, type, misfire, when_active, jitter_s, enabled, next_at,
        last_at, last_job, revision, created_at, updated_at,
    ) = row  # fmt: skip
    return Schedule(
        number=number,
        id=id,
        connector=connector,
        name=name,
        expression=expression,
        dialect=Dialect(dialect),
        zone=zone,
        type=None if type == "auto" else JobType(type),
        misfire=Misfire(misfire),
        when_active=Overlap(when_active),
        jitter_s=jitter_s,
        enabled=bool(enabled),
        next_at=next_at,
        last_at=last_at,
        last_job=last_job,
        revision=revision,
        created_at=created_at,
        updated_at=updated_at,
    )


def _refused(schedule: Schedule, error: Violated) -> Exception:
    if error.reference:
        return NotFound(
            "the connector of the schedule has been removed", remedy="`syncline connector list` shows them."
        )
    what = f"a schedule named {schedule.name!r}" if schedule.name else "a schedule without a name"
    return UsageError(
        f"the connector has {what} already",
        code="schedule.name_taken",
        remedy="Give it another name, or change that one.",
    )
