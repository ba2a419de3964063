"""The job table, the fence that rises with every claim, and the events that tell of every change of a job."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from syncline.model.connectors import Connector
from syncline.model.errors import JobActive, JobFenced, NotFound, UsageError
from syncline.model.events import CREDENTIALS_NEEDED, DELETIONS_WITHHELD, Event
from syncline.model.jobs import ENDED, Candidate, Job, JobEvent, JobState, JobType, Trigger, WhenActive, move
from syncline.model.outcomes import Counters
from syncline.model.shapes import job_shape
from syncline.store.relational.database import Violated, scalar
from syncline.store.relational.tables import SQL, Tables, dump

KEEP_EVENTS = 20_000


class Ordered(NamedTuple):
    """A job that was asked for. `created` false: the start was coalesced into one that was there already."""

    job: Job
    created: bool


class Jobs(Tables):
    """Jobs and events."""

    # --- starting ----------------------------------------------------------------------------------------------------

    def add_job(
        self,
        connector: Connector,
        wanted: JobType | None,
        trigger: Trigger,
        force: bool,
        now: float,
        *,
        when_active: WhenActive = WhenActive.REFUSE,
        cause: str = "",
        requested_by: str = "",
        same_cause: bool = False,
    ) -> Ordered:
        """A pending job. Raises JobActive when the connector has one that has not ended and `when_active` refuses
        (invariant 3). `same_cause`: it is coalesced only into one with the same cause."""
        id = new_id()
        with self.writing("add_job"):
            active = self.active_jobs(connector.number)
            if active and when_active is WhenActive.REFUSE:
                raise _active(connector, active[0])
            suits = [job for job in active if job.cause == cause] if same_cause else active
            waiting = next((job for job in suits if job.state is JobState.PENDING), None)
            if waiting is not None and when_active is WhenActive.COALESCE:
                self.db.execute(SQL["merge_into"], (waiting.number, int(force)))
                return Ordered(self.job(waiting.number), False)
            row = (
                id, connector.number, connector.id, connector.index, JobType.FULL.value, wanted or "auto",
                trigger.value, int(force), cause, requested_by, now,
            )  # fmt: skip
            number = int(scalar(self.db, SQL["add_job"], row))
            job = self._told(number, now)
        return Ordered(job, True)

    def active_jobs(self, connector: int) -> list[Job]:
        """The connector's jobs that have not ended, oldest first."""
        with self.reading():
            return [_job(row) for row in self.db.execute(SQL["active_jobs"], (connector,))]

    def active_job(self, connector: int) -> Job | None:
        """The oldest of them."""
        return next(iter(self.active_jobs(connector)), None)

    def waiting(self) -> list[Candidate]:
        """Pending jobs, oldest first."""
        with self.reading():
            rows: Iterable[Any] = self.db.execute(SQL["waiting"])
            return [Candidate(*row) for row in rows]

    def unended(self) -> list[Job]:
        """Jobs that were begun and have not ended, oldest first: running, stopping, suspended."""
        with self.reading():
            return [_job(row) for row in self.db.execute(SQL["unended_jobs"])]

    def job_counts(self) -> dict[str, int]:
        """How many jobs there are in each state that is not an end."""
        with self.reading():
            rows: Any = self.db.execute(SQL["job_counts"]).fetchall()
            return dict(rows)

    def job_counts_of(self, connector: int, newest: int = 1000) -> dict[str, int]:
        """How many of the newest jobs of a connector are in each state."""
        with self.reading():
            rows: Any = self.db.execute(SQL["job_counts_of"], (connector, newest)).fetchall()
            return dict(rows)

    # --- running -----------------------------------------------------------------------------------------------------

    def claim(self, number: int, worker: str, now: float, type: JobType, force: bool = False) -> Job:
        """Begin an attempt: running, one attempt more, and a fence above all before it (invariant 2)."""
        try:
            with self.writing("claim"):
                fence = int(scalar(self.db, SQL["next_fence"]))
                self.db.execute(SQL["claim"], (number, fence, worker, now, type.value, int(force)))
                if not self.db.changes():
                    raise JobActive(f"job {number} cannot be claimed: it is not waiting any more")
                return self._told(number, now)
        except Violated as error:
            raise JobActive(f"another job of the same connector runs; job {number} must wait") from error

    def reserve(self, number: int, server: str) -> bool:
        """Say that this server is about to begin the job. False: another one has said so just now."""
        return True

    def end(
        self,
        job: Job,
        event: JobEvent,
        now: float,
        counters: Counters,
        error: Mapping[str, Any] | None = None,
        notes: Sequence[str] = (),
    ) -> Job:
        """Move the job by `event` to its end, or to rest when it is suspended. Raises JobFenced when another attempt
        has it."""
        with self.writing("end"):
            state = JobState(scalar(self.db, SQL["state"], (job.number,)))
            after = move(state, event)
            tail = (dump(counters.as_dict()), None if error is None else dump(dict(error)), dump(list(notes)))
            ended_at = now if after in ENDED else None
            self.db.execute(SQL["end"], (job.number, job.fence, state.value, after.value, ended_at, now, *tail))
            if not self.db.changes():
                raise JobFenced(f"a newer attempt has taken over job {job.number}")
            return self._told(job.number, now)

    def beat(self, job: Job, now: float, counters: Counters, progress: Mapping[str, Any]) -> None:
        """Say that the worker lives, and how far it is."""
        with self.writing("beat"):
            row = (job.number, job.fence, now, dump(counters.as_dict()), dump(dict(progress)))
            self.db.execute(SQL["beat"], row)

    def died(self, job: Job, not_before: float) -> int:
        """One more process has died under this attempt; returns how many have. 0: a newer attempt has the job."""
        with self.writing("died"):
            return int(scalar(self.db, SQL["died"], (job.number, job.fence, not_before)) or 0)

    def stop_wanted(self, job: Job) -> bool:
        """True when somebody asked this job to stop, or a newer attempt has it."""
        with self.reading():
            row = self.db.execute(SQL["stop_wanted"], (job.number,)).fetchone()
        return row is None or bool(row[0]) or row[1] != job.fence

    def request_stop(self, number: int, now: float) -> Job:
        """Ask a job to stop. A pending or suspended one is stopped at once; raises IllegalTransition when it has
        ended."""
        with self.writing("request_stop"):
            state = JobState(scalar(self.db, SQL["state"], (number,)))
            after = move(state, JobEvent.STOP)
            self.db.execute(SQL["request_stop"], (number,))
            if after is state:
                return self.job(number)
            if after in ENDED:
                self.db.execute(SQL["stopped_at"], (number, now))
            self.db.execute(SQL["move"], (number, state.value, after.value))
            return self._told(number, now)

    # --- looking -----------------------------------------------------------------------------------------------------

    def job(self, number: int) -> Job:
        """By number. Raises NotFound."""
        with self.reading():
            row = self.db.execute(SQL["job"], (number,)).fetchone()
        if row is None:
            raise NotFound(f"there is no job {number}", remedy="`syncline jobs` lists them.")
        return _job(row)

    def find_job(self, ref: str) -> Job:
        """By number, id, or a unique beginning of the id. Raises NotFound or UsageError."""
        if ref.isdecimal() and len(ref) < 16:
            return self.job(int(ref))
        with self.reading():
            rows = self.db.execute(SQL["jobs_by_id"], (ref,)).fetchall() if ref else []
        if not rows:
            raise NotFound(f"there is no job {ref!r}", remedy="`syncline jobs` lists them.")
        if len(rows) > 1:
            raise UsageError(f"several jobs begin with {ref!r}", remedy="Give more of the id, or the job's number.")
        return _job(rows[0])

    def jobs(
        self,
        connector: int | None = None,
        state: JobState | None = None,
        limit: int = 50,
        *,
        before: int | None = None,
        trigger: Trigger | None = None,
        type: JobType | None = None,
        indexes: Sequence[str] | None = None,
    ) -> list[Job]:
        """Newest first, with numbers below `before`; None does not choose."""
        chosen = None if indexes is None else dump(list(indexes))
        with self.reading():
            rows = self.db.execute(
                SQL["jobs" if connector is None else "jobs_of"],
                (connector, state, limit, before, trigger, chosen, type),
            )
            return [_job(row) for row in rows]

    def last_job(self, connector: int) -> Job | None:
        """The newest of one connector."""
        with self.reading():
            row = self.db.execute(SQL["last_job"], (connector,)).fetchone()
        return None if row is None else _job(row)

    def caused(self, connector: int, cause: str, after: int) -> list[Job]:
        """Jobs of one connector with that cause and numbers above `after`, oldest first."""
        with self.reading():
            return [_job(row) for row in self.db.execute(SQL["jobs_caused"], (connector, cause, after))]

    def job_numbers(self, connector: int) -> list[int]:
        """Of one connector, newest first."""
        with self.reading():
            return [number for (number,) in self.db.execute(SQL["job_numbers"], (connector,))]

    def forget_idle_jobs(self, connector: int, cause: str, keep: int) -> int:
        """Drop jobs of that cause that succeeded and changed nothing, but for the newest `keep` of the connector;
        returns how many went."""
        with self.writing("forget_idle_jobs"):
            self.db.execute(SQL["forget_idle_jobs"], (connector, cause, keep))
            return int(self.db.changes())

    # --- events ------------------------------------------------------------------------------------------------------

    def events(self, after: int, limit: int = 500, *, job: int | None = None) -> list[Event]:
        """Oldest first, with a `seq` above `after`; of one job, or of everything."""
        with self.reading():
            rows: list[Any] = self.db.execute(SQL["events_after"], (after, limit, job)).fetchall()
        return [_event(row) for row in rows]

    def newest_event(self) -> int:
        """Its `seq`; 0 when nothing has happened."""
        with self.reading():
            return int(scalar(self.db, SQL["newest_event"]))

    def mark(self, reader: str) -> int | None:
        """Up to which `seq` that reader has come; None: it has never read."""
        with self.reading():
            found = scalar(self.db, SQL["mark"], (reader,))
        return None if found is None else int(found)

    def set_mark(self, reader: str, seq: int) -> None:
        """It has come so far."""
        with self.writing("set_mark"):
            self.db.execute(SQL["set_mark"], (reader, seq))

    def forget_events(self, keep: int = KEEP_EVENTS) -> None:
        """Drop old events that every reader has passed."""
        with self.writing("forget_events"):
            self.db.execute(SQL["forget_events"], (keep,))

    def _told(self, number: int, now: float) -> Job:
        """The job as it is after a change, and the events that tell of it, in the transaction of the change."""
        job = self.job(number)
        name = scalar(self.db, SQL["connector_name"], (job.connector_id,)) or job.connector_id
        data = dump(job_shape(job, name, now))
        for type in _types(job):
            self.db.execute(SQL["add_event"], (now, type, job.connector_id, job.index, job.number, data))
        return job


def _types(job: Job) -> list[str]:
    types = [f"job.{job.state.value}"]
    if job.state in ENDED and job.counters.withheld_deletes:
        types.append(DELETIONS_WITHHELD)
    if job.state is JobState.FAILED and (job.error or {}).get("category") == "credentials":
        types.append(CREDENTIALS_NEEDED)
    return types


def new_id() -> str:
    """A random UUID (version 4). The module `uuid` takes 5 ms to import.  Source: RFC 9562, section 5.4."""
    bits = bytearray(os.urandom(16))
    bits[6], bits[8] = bits[6] & 0x0F | 0x40, bits[8] & 0x3F | 0x80
    text = bits.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def _event(row: Sequence[Any]) -> Event:
    seq, at, type, connector_id, index, job, data = row
    return Event(seq, at, type, connector_id, index, job, json.loads(data))


def _job(row: Sequence[Any]) -> Job:
    (
        number, id, connector_id, type, trigger, state, force, attempt, fence, created_at, started_at, ended_at,
        heartbeat_at, worker, stop_requested, counters, progress, error, notes, index, wanted, cause, requested_by,
        deaths, not_before, connector_number,
    ) = row  # fmt: skip
    return Job(
        number=number,
        id=id,
        connector_id=connector_id,
        type=JobType(type),
        trigger=Trigger(trigger),
        state=JobState(state),
        force=bool(force),
        attempt=attempt,
        fence=fence,
        created_at=created_at,
        started_at=started_at,
        ended_at=ended_at,
        heartbeat_at=heartbeat_at,
        worker=worker,
        stop_requested=bool(stop_requested),
        counters=Counters(json.loads(counters)),
        progress=json.loads(progress),
        error=json.loads(error) if error else None,
        notes=json.loads(notes),
        index=index,
        wanted=None if wanted == "auto" else JobType(wanted),
        cause=cause,
        requested_by=requested_by,
        deaths=deaths,
        not_before=not_before,
        connector_number=connector_number,
    )


def _active(connector: Connector, job: Job) -> JobActive:
    return JobActive(
        f"connector {connector.name!r} already has job {job.number} ({job.state})",
        remedy=f"Wait for it, or stop it with `syncline job stop {job.number}`.",
        job_id=job.id,
        job_number=job.number,
    )
