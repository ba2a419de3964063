"""SQLite files as databases of the store: pragmas, versions, migrations under a lock, and errors in our own words."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import apsw

from syncline.model.errors import DataDirectoryError, DestinationError
from syncline.model.ports import CrashPoint, no_crash
from syncline.store.relational.database import Violated

HERE = os.path.dirname(__file__)
BUSY_TIMEOUT_S = 10.0
BUSY_SLEEP_S = 0.0025  # at most, between two tries; SQLite's own handler sleeps up to 100 ms while others go ahead
CACHE_KIB = 16_384
WAL_PAGES = 4_000  # pages in the log before it is copied back; large batches would otherwise copy after each commit


class File:
    """One SQLite file, opened: a `Database`. Use it from one thread."""

    def __init__(
        self,
        path: str,
        migrations: str,
        *,
        create: bool = True,
        read_only: bool = False,
        crash: CrashPoint = no_crash,
    ) -> None:
        self.path = path
        self._crash = crash
        self.db = open_database(path, migrations, create=create, read_only=read_only)

    def writing(self, name: str) -> AbstractContextManager[None]:
        """See `Database`; so with all below."""
        if self.db.in_transaction:
            return translated(self.path)
        return transaction(self.db, self.path, name, self._crash)

    def reading(self) -> AbstractContextManager[None]:
        return translated(self.path)

    @contextmanager
    def moment(self) -> Iterator[None]:
        with translated(self.path):
            self.db.execute("begin")
            try:
                yield
            finally:
                self.db.execute("commit")

    def damage(self) -> str:
        with translated(self.path):
            lines = [str(line) for (line,) in self.db.execute("pragma quick_check(20)")]
        return "" if lines == ["ok"] else lines[0]

    def erase(self) -> bool:
        with translated(self.path):
            self.db.execute("vacuum")
            try:
                self.db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
            except (apsw.BusyError, apsw.LockedError):
                return False  # somebody was reading for so long that the log still holds some
        return True

    def version(self) -> int:
        """Costs a few microseconds."""
        return int(self.db.pragma("data_version"))

    def close(self) -> None:
        self.db.close()


def open_database(path: str, migrations: str, *, create: bool = True, read_only: bool = False) -> apsw.Connection:
    """A connection with the newest schema. Raises DataDirectoryError when the file is newer, damaged or in use.

    `read_only` promises not to change one byte, not even by tidying up; `create` false raises when it is absent.
    """
    flags = apsw.SQLITE_OPEN_READWRITE
    if create and not read_only:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        flags |= apsw.SQLITE_OPEN_CREATE
    with translated(path):
        connection = apsw.Connection(path, flags=flags)
        try:
            connection.set_busy_handler(_patience())
            if read_only:
                _leave_as_it_is(connection, path)
                _check_version(connection, path, migrations)
            else:
                _prepare(connection, path, migrations)
            connection.execute(f"pragma cache_size = -{CACHE_KIB}")
        except BaseException:
            connection.close()
            raise
    return connection


def _patience() -> Callable[[int], bool]:
    """A busy handler that tries again soon, for `BUSY_TIMEOUT_S` in all. The clock's last digits keep writers that wait
    from waking together."""
    deadline = 0.0

    def wait(tries: int) -> bool:
        nonlocal deadline
        now = time.monotonic()
        if tries == 0:
            deadline = now + BUSY_TIMEOUT_S
        time.sleep(BUSY_SLEEP_S * (0.2 + 0.8 * (time.perf_counter_ns() % 1000) / 1000))
        return now < deadline

    return wait


def _prepare(connection: apsw.Connection, path: str, migrations: str) -> None:
    if connection.execute("pragma user_version").get == 0:
        connection.execute("pragma journal_mode = wal")
    connection.execute("pragma foreign_keys = on")
    connection.execute("pragma synchronous = full")  # a power cut must not take back what the text index has seen
    connection.wal_autocheckpoint(WAL_PAGES)
    _check_version(connection, path, migrations)
    _migrate(connection, migrations)


def _leave_as_it_is(connection: apsw.Connection, path: str) -> None:
    if os.path.exists(path + "-wal"):
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    connection.execute("pragma query_only = on")


def _scripts(migrations: str) -> list[str]:
    folder = os.path.join(HERE, "migrations")
    return sorted(name for name in os.listdir(folder) if name.startswith(migrations + "_") and name.endswith(".sql"))


def _migrate(connection: apsw.Connection, migrations: str) -> None:
    scripts = _scripts(migrations)
    if connection.execute("pragma user_version").get == len(scripts):
        return
    connection.execute("begin exclusive")
    try:
        version = connection.execute("pragma user_version").get
        for number, name in enumerate(scripts[version:], version + 1):
            with open(os.path.join(HERE, "migrations", name), encoding="utf-8") as script:
                connection.execute(script.read())
            connection.execute(f"pragma user_version = {number}")
        connection.execute("commit")
    except BaseException:
        connection.execute("rollback")
        raise


def _check_version(connection: apsw.Connection, path: str, migrations: str) -> None:
    known = len(_scripts(migrations))
    version = connection.execute("pragma user_version").get
    if version > known:
        raise DataDirectoryError(
            f"{path} was written by a newer version of Syncline (schema {version}, this one knows {known})",
            code="data_dir.newer",
            remedy="Upgrade Syncline, or choose another directory with --data-dir.",
        )


@contextmanager
def transaction(connection: apsw.Connection, path: str, name: str = "", crash: CrashPoint = no_crash) -> Iterator[None]:
    """All or nothing; waits for other writers, up to the busy timeout. `name` names its crash points."""
    crash(f"{name}.before")
    with translated(path):
        connection.execute("begin immediate")
        try:
            yield
            crash(f"{name}.inside")
            connection.execute("commit")
        except BaseException:
            if connection.in_transaction:
                connection.execute("rollback")
            raise
    crash(f"{name}.after")


@contextmanager
def translated(path: str) -> Iterator[None]:
    """What SQLite raises, as an error of the family with a remedy."""
    try:
        yield
    except apsw.Error as error:
        raise _translate(error, path) from error


_UNOPENED = (apsw.CantOpenError, apsw.ReadOnlyError, apsw.PermissionsError, apsw.AuthError)


def _translate(error: apsw.Error, path: str) -> Exception:
    if isinstance(error, apsw.BusyError | apsw.LockedError):
        remedy = "Wait for the other process to end."
        return DataDirectoryError(f"{path} is in use by another process", code="data_dir.busy", remedy=remedy)
    if isinstance(error, apsw.NotADBError | apsw.CorruptError):
        remedy = "Restore it from a backup, or remove it and sync again."
        return DataDirectoryError(f"{path} is damaged: {error}", code="data_dir.damaged", remedy=remedy)
    if isinstance(error, apsw.FullError):
        message = f"no space left to write {path}"
        return DestinationError(message, code="destination.full", remedy="Free some disk space.")
    if isinstance(error, _UNOPENED):
        remedy = "Check the permissions, or choose another --data-dir."
        return DataDirectoryError(f"{path} cannot be opened for writing: {error}", remedy=remedy)
    if isinstance(error, apsw.IOError):
        return DestinationError(f"reading or writing {path} failed: {error}", code="destination.io")
    if isinstance(error, apsw.ConstraintError):
        return Violated(str(error), reference="FOREIGN KEY" in str(error))
    return error
