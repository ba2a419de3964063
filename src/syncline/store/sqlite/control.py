"""The control plane in one SQLite file: connectors, jobs, and the fence that rises with every claim."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import apsw

from syncline.model.connectors import Connector, Guard
from syncline.model.errors import JobActive, JobFenced, NotFound, UsageError
from syncline.model.jobs import Job, JobEvent, JobState, JobType, Trigger, move
from syncline.model.outcomes import Counters
from syncline.model.ports import CrashPoint, no_crash
from syncline.store.sqlite.database import load_queries, open_database, scalar, transaction, translated

SQL = load_queries("control.sql")


class Control:
    """What the data directory knows of connectors and jobs. One connection: use it from one thread."""

    def __init__(
        self, path: str, *, create: bool = True, read_only: bool = False, crash: CrashPoint = no_crash
    ) -> None:
        self.path = path
        self._crash = crash
        self._db = open_database(path, "control", create=create, read_only=read_only)

    def _write(self, name: str) -> AbstractContextManager[None]:
        return transaction(self._db, self.path, f"control.{name}", self._crash)

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    # --- connectors ------------------------------------------------------------------------------------------------

    def add_connector(self, connector: Connector, identity: str) -> Connector:
        """Store a new one; fills in its number. Raises UsageError when the name is taken."""
        guard = connector.guard
        row = (
            connector.id, connector.name, connector.index, connector.kind, identity, _dump(connector.config),
            connector.config_by, guard.max_deletes, guard.max_percent, connector.created_at,
        )  # fmt: skip
        try:
            with self._write("add_connector"):
                connector.number = int(scalar(self._db, SQL["add_connector"], row))
        except apsw.ConstraintError as error:
            raise UsageError(
                f"there is a connector named {connector.name!r} already",
                code="connector.name_taken",
                remedy="Choose another name with --name.",
            ) from error
        return connector

    def connectors(self) -> list[Connector]:
        """All of them, by name."""
        with translated(self.path):
            return [_connector(row) for row in self._db.execute(SQL["connectors"])]

    def connector(self, ref: str) -> Connector | None:
        """By name or id."""
        return self._one_connector("connector_by_ref", (ref,))

    def connector_at(self, identity: str, index: str | None) -> Connector | None:
        """The oldest one that reads that place (into that index)."""
        return self._one_connector("connector_by_identity", (identity, index))

    def _one_connector(self, query: str, parameters: Sequence[Any]) -> Connector | None:
        with translated(self.path):
            row = self._db.execute(SQL[query], parameters).fetchone()
        return None if row is None else _connector(row)

    def configure(self, connector: Connector, identity: str) -> None:
        """Store its changed settings."""
        with self._write("configure"):
            row = (connector.number, _dump(connector.config), connector.config_by, identity)
            self._db.execute(SQL["configure"], row)

    def remove_connector(self, number: int) -> None:
        """Forget it. Its jobs stay in the history."""
        with self._write("remove_connector"):
            self._db.execute(SQL["remove_connector"], (number,))

    # --- jobs --------------------------------------------------------------------------------------------------------

    def add_job(self, connector: Connector, type: JobType, trigger: Trigger, force: bool, now: float) -> Job:
        """A pending job. Raises JobActive when the connector has one that has not ended (invariant 3)."""
        id = new_id()
        with self._write("add_job"):
            active = self._db.execute(SQL["active_job"], (connector.number,)).fetchone()
            if active is not None:
                raise _active(connector, _job(active))
            row = (id, connector.number, connector.id, type.value, trigger.value, int(force), now)
            number = int(scalar(self._db, SQL["add_job"], row))
        return self.job(number)

    def active_job(self, connector: int) -> Job | None:
        """The connector's job that has not ended."""
        with translated(self.path):
            row = self._db.execute(SQL["active_job"], (connector,)).fetchone()
        return None if row is None else _job(row)

    def claim(self, number: int, worker: str, now: float, type: JobType, force: bool = False) -> Job:
        """Begin an attempt: running, one attempt more, and a fence above all before it (invariant 2)."""
        try:
            with self._write("claim"):
                fence = int(scalar(self._db, SQL["next_fence"]))
                self._db.execute(SQL["claim"], (number, fence, worker, now, type.value, int(force)))
                if not self._db.changes():
                    raise JobActive(f"job {number} cannot be claimed: it is not waiting any more")
        except apsw.ConstraintError as error:
            raise JobActive(f"another job of the same connector runs; job {number} must wait") from error
        return self.job(number)

    def end(
        self,
        job: Job,
        event: JobEvent,
        now: float,
        counters: Counters,
        error: Mapping[str, Any] | None = None,
        notes: Sequence[str] = (),
    ) -> Job:
        """Move the job by `event` to its end. Raises JobFenced when another attempt has it."""
        with self._write("end"):
            state = JobState(scalar(self._db, SQL["state"], (job.number,)))
            after = move(state, event)
            tail = (_dump(counters.as_dict()), None if error is None else _dump(dict(error)), _dump(list(notes)))
            self._db.execute(SQL["end"], (job.number, job.fence, state.value, after.value, now, *tail))
            if not self._db.changes():
                raise JobFenced(f"a newer attempt has taken over job {job.number}")
        return self.job(job.number)

    def beat(self, job: Job, now: float, counters: Counters, progress: Mapping[str, Any]) -> None:
        """Say that the worker lives, and how far it is."""
        with self._write("beat"):
            row = (job.number, job.fence, now, _dump(counters.as_dict()), _dump(dict(progress)))
            self._db.execute(SQL["beat"], row)

    def stop_wanted(self, job: Job) -> bool:
        """True when somebody asked this job to stop, or a newer attempt has it."""
        with translated(self.path):
            row = self._db.execute(SQL["stop_wanted"], (job.number,)).fetchone()
        return row is None or bool(row[0]) or row[1] != job.fence

    def request_stop(self, number: int) -> Job:
        """Ask a job to stop. A pending one is stopped at once; raises IllegalTransition when it has ended."""
        with self._write("request_stop"):
            state = JobState(scalar(self._db, SQL["state"], (number,)))
            self._db.execute(SQL["request_stop"], (number,))
            self._db.execute(SQL["move"], (number, state.value, move(state, JobEvent.STOP).value))
        return self.job(number)

    def job(self, number: int) -> Job:
        """By number. Raises NotFound."""
        with translated(self.path):
            row = self._db.execute(SQL["job"], (number,)).fetchone()
        if row is None:
            raise NotFound(f"there is no job {number}", remedy="`syncline jobs` lists them.")
        return _job(row)

    def find_job(self, ref: str) -> Job:
        """By number, id, or a unique beginning of the id. Raises NotFound or UsageError."""
        if ref.isdecimal() and len(ref) < 16:
            return self.job(int(ref))
        with translated(self.path):
            rows = self._db.execute(SQL["jobs_by_id"], (ref,)).fetchall() if ref else []
        if not rows:
            raise NotFound(f"there is no job {ref!r}", remedy="`syncline jobs` lists them.")
        if len(rows) > 1:
            raise UsageError(f"several jobs begin with {ref!r}", remedy="Give more of the id, or the job's number.")
        return _job(rows[0])

    def jobs(self, connector: int | None = None, state: JobState | None = None, limit: int = 50) -> list[Job]:
        """Newest first."""
        with translated(self.path):
            rows = self._db.execute(SQL["jobs"], (connector, None if state is None else state.value, limit))
            return [_job(row) for row in rows]

    def job_numbers(self, connector: int) -> list[int]:
        """Of one connector, newest first."""
        with translated(self.path):
            return [number for (number,) in self._db.execute(SQL["job_numbers"], (connector,))]


def new_id() -> str:
    """A random UUID (version 4). The module `uuid` takes 5 ms to import.  Source: RFC 9562, section 5.4."""
    bits = bytearray(os.urandom(16))
    bits[6], bits[8] = bits[6] & 0x0F | 0x40, bits[8] & 0x3F | 0x80
    text = bits.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


def _connector(row: Sequence[Any]) -> Connector:
    number, id, name, index, kind, config, config_by, max_deletes, max_percent, created_at = row
    guard = Guard(max_deletes, max_percent)
    return Connector(number, id, name, index, kind, json.loads(config), config_by, guard, created_at)


def _job(row: Sequence[Any]) -> Job:
    (
        number, id, connector_id, type, trigger, state, force, attempt, fence, created_at, started_at, ended_at,
        heartbeat_at, worker, stop_requested, counters, progress, error, notes,
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
    )


def _active(connector: Connector, job: Job) -> JobActive:
    return JobActive(
        f"connector {connector.name!r} already has job {job.number} ({job.state})",
        remedy=f"Wait for it, or stop it with `syncline job stop {job.number}`.",
        job_id=job.id,
        job_number=job.number,
    )
