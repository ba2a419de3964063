"""What the job table and the events sum up to, for whoever shows figures: all of it once, and then what is new."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from syncline.model.events import JOB_EVENTS
from syncline.model.jobs import ENDED, JobState
from syncline.model.outcomes import Counters
from syncline.store.relational.control import Control
from syncline.store.relational.database import load_queries, scalar

SQL = load_queries("tallies.sql")
BATCH = 1000

_ENDS = {name: JobState(name.partition(".")[2]) for name in JOB_EVENTS if JobState(name.partition(".")[2]) in ENDED}


class Ended(NamedTuple):
    """A job that has ended, as far as figures need it. `took_s` is None for one that never started."""

    connector_id: str
    state: JobState
    counters: Counters
    ended_at: float
    took_s: float | None


class Watched(NamedTuple):
    """A connector, as far as figures need it."""

    id: str
    number: int
    name: str
    index_name: str
    created_at: float


class Queue(NamedTuple):
    """What waits and what runs. `oldest_at` is when the oldest that waits was asked for; None: nothing waits."""

    waiting: int
    oldest_at: float | None
    busy: dict[str, int]
    orphans: int


class Tallies:
    """Reads of one control plane. `control` is used by one thread at a time."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._db = control.db

    def all(self) -> tuple[int, list[Ended]]:
        """(the newest event, every job that has ended), of one moment. Costs some microseconds for each job."""
        with self._control.moment():
            seq = int(scalar(self._db, SQL["newest_event"]))
            rows: list[Any] = self._db.execute(SQL["ended_jobs"]).fetchall()
        return seq, [_ended(*row) for row in rows]

    def since(self, seq: int) -> Iterator[tuple[int, Ended | None]]:
        """(seq, the job that ended, if one did) for each event above `seq`. Raises LookupError when events have been
        dropped that were never read: then begin anew."""
        expected = seq + 1
        while True:
            found = self._control.events(expected - 1, BATCH)
            for event in found:
                if event.seq != expected:
                    raise LookupError(f"events {expected} to {event.seq - 1} are gone")
                expected += 1
                yield event.seq, _of_event(event.connector_id, event.at, event.type, event.data)
            if len(found) < BATCH:
                return

    def connectors(self) -> list[Watched]:
        """All there are."""
        with self._control.reading():
            rows: Any = self._db.execute(SQL["connectors"])
            return [Watched(*row) for row in rows]

    def queue(self, silent_since: float) -> Queue:
        """What waits and runs now; an orphan is a job that should run and was not heard of since then."""
        with self._control.reading():
            waiting: Any = self._db.execute(SQL["queue"]).fetchone()
            busy: Any = self._db.execute(SQL["busy"]).fetchall()
            orphans = int(scalar(self._db, SQL["orphans"], (silent_since,)))
        return Queue(waiting[0], waiting[1], dict(busy), orphans)


def _ended(connector_id: str, state: str, counters: str, started_at: float | None, ended_at: float) -> Ended:
    took_s = None if started_at is None else max(0.0, ended_at - started_at)
    return Ended(connector_id, JobState(state), Counters(json.loads(counters)), ended_at, took_s)


def _of_event(connector_id: str, at: float, type: str, data: dict[str, Any]) -> Ended | None:
    if type not in _ENDS:
        return None
    took_s = None if data.get("started_at") is None else float(data["duration_s"])
    return Ended(connector_id, _ENDS[type], Counters({name: data.get(name, 0) for name in Counters.NAMES}), at, took_s)
