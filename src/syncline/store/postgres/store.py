"""The store in a PostgreSQL database, opened."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from syncline.model.connectors import Connector
from syncline.model.errors import NotFound, SynclineError
from syncline.model.jobs import Job, JobEvent, JobType, Trigger, WhenActive
from syncline.model.outcomes import Counters
from syncline.model.ports import CrashPoint, no_crash
from syncline.store.postgres import migrations
from syncline.store.postgres.database import Session, again
from syncline.store.postgres.leases import Lease
from syncline.store.postgres.place import Place
from syncline.store.postgres.readers import ReaderFile
from syncline.store.postgres.truth import Truth
from syncline.store.relational import control, tables
from syncline.store.relational.database import load_queries, scalar
from syncline.store.relational.inbox import Inbox
from syncline.store.relational.jobs import Ordered

SQL = load_queries("store.sql", __file__.removesuffix("store.py"))
RESERVED_S = 5.0  # a server that has reserved a job and died leaves it to others after that


class Control(control.Control):
    """See there. What a job's life hangs on is tried again while the database is away."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._session = session

    def _again(self, action: Callable[[], Any]) -> Any:
        return action() if self._session.in_transaction else again(action)

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
        """See `Jobs`; so with all below."""
        how = {"when_active": when_active, "cause": cause, "requested_by": requested_by, "same_cause": same_cause}
        add: Any = super().add_job
        made: Ordered = self._again(lambda: add(connector, wanted, trigger, force, now, **how))
        return made

    def claim(self, number: int, worker: str, now: float, type: JobType, force: bool = False) -> Job:
        claimed: Job = self._again(lambda: super(Control, self).claim(number, worker, now, type, force))
        return claimed

    def end(
        self,
        job: Job,
        event: JobEvent,
        now: float,
        counters: Counters,
        error: Mapping[str, Any] | None = None,
        notes: Sequence[str] = (),
    ) -> Job:
        ended: Job = self._again(lambda: super(Control, self).end(job, event, now, counters, error, notes))
        return ended

    def reserve(self, number: int, server: str) -> bool:
        """Say that this server is about to begin the job. False: another one has said so just now."""
        self.db.execute(SQL["reserve"], (number, server, RESERVED_S))
        return bool(self.db.changes())

    def remove_index(self, number: int) -> None:
        """Forget it, and all its documents."""
        with self.writing("remove_index"):
            self._session.execute(f'drop schema if exists "{self._session.place.truth(number)}" cascade')
            super().remove_index(number)


class Store:
    """What an installation keeps in the database at `place`. `folder`: where the data directory keeps what is derived
    from an index, by its name; `forget` makes that useless."""

    remote = True

    def __init__(
        self,
        place: Place,
        folder: Callable[[str], str],
        forget: Callable[[str], None],
        crash: CrashPoint = no_crash,
    ) -> None:
        self.place = place
        self._folder = folder
        self._forget = forget
        self._crash = crash
        self._session: Session | None = None

    @property
    def exists(self) -> bool:
        """See `wiring.Store`; so with all below."""
        return migrations.prepare(self.place, create=False)

    def control(self, *, read_only: bool = False) -> Control:
        if not read_only:
            migrations.prepare(self.place, create=True)
        return Control(Session(self.place, read_only=read_only, crash=self._crash))

    def indexes(self) -> list[str]:
        return [name for (name,) in self._asked("with_truth").fetchall()] if self.exists else []

    def _number(self, name: str) -> int:
        return int(self._asked("number", name).get or 0) if self.exists else 0

    def has(self, index: str) -> bool:
        return self._number(index) > 0

    def mark(self, index: str) -> Hashable:
        return self._number(index) or None

    def size(self, index: str) -> int:
        number = self._number(index)
        return int(self._asked("size", self.place.truth(number)).get or 0) if number else 0

    def make(self, index: str, id: str, now: float) -> None:
        if self._number(index):
            return
        migrations.prepare(self.place, create=True)
        session = Session(self.place, crash=self._crash)  # of its own: others may be reading by `_own` meanwhile

        def make() -> None:
            with session.writing("control.make_truth"):
                session.execute(tables.SQL["ensure_index"], (id, index, now))
                number = int(scalar(session, SQL["of_name"], (index,)))
                session.with_link(lambda link: migrations.write(link, self.place, self.place.truth(number), "truth"))
                session.execute(SQL["has_truth"], (number,))

        try:
            again(make)
        finally:
            session.close()

    def truth(self, index: str, *, read_only: bool = False) -> Truth:
        number = self._number(index)
        if not number:
            raise NotFound(f"there is no index named {index!r}", remedy="Sync something into it first.")
        folder = self._folder(index)
        reader = None if read_only else ReaderFile(f"{folder}/reader", lambda: self._forget(index))
        return Truth(self._session_of(number, read_only), reader)

    def inbox(self, index: str, connector: int, *, read_only: bool = False) -> Inbox:
        number = self._number(index)
        return Inbox(self._session_of(number, read_only) if number else None, connector)

    def _session_of(self, number: int, read_only: bool) -> Session:
        session = Session(self.place, number, read_only=read_only, crash=self._crash)
        try:
            session.with_link(lambda link: migrations.prepare_truth(link, self.place, number))
        except BaseException:
            session.close()
            raise
        return session

    def lease(self, name: str) -> Lease:
        return Lease(self.place, name)

    def close(self) -> None:
        if self._session is not None:
            with suppress(SynclineError):
                self._session.close()
            self._session = None

    def _own(self) -> Session:
        if self._session is None:
            self._session = Session(self.place, crash=self._crash)
        return self._session

    def _asked(self, query: str, *parameters: Any) -> Any:
        return self._own().execute(SQL[query], parameters)
