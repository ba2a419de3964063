"""Connections, driven from ordinary threads: asyncpg on one event loop, in one thread of the process.

A process that forks has none of it afterwards: the child makes its own. Connections are lent for a statement or a
transaction and given back; so there are as many as threads that are at work, not as many as there are handles.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
import weakref
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final, TypeVar

from syncline.model.errors import SynclineError
from syncline.store.postgres.errors import StoreUnavailable, StoreUnsuitable, is_lost, translated
from syncline.store.postgres.place import Place

CONNECT_S: Final = 10.0
STATEMENT_S: Final = 300.0  # the server is gone if it has not answered by then
KEEP: Final = 6  # connections that wait for work
SETTINGS: Final = {
    "client_encoding": "UTF8",
    "jit": "off",
    "synchronous_commit": "on",  # a power cut must not take back what a text index has seen
    "default_transaction_isolation": "read committed",
    "lock_timeout": "20s",
    "statement_timeout": "240s",
    "idle_in_transaction_session_timeout": "30s",  # a process that is stopped must not stop all others
    "tcp_keepalives_idle": "4",  # a machine that has vanished is noticed after 10 s
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
}

T = TypeVar("T")


class _Loop:
    """The event loop of this process."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="postgresql", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    def call(self, action: Callable[[], Awaitable[T]]) -> T:
        async def run() -> T:
            return await action()

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result()


_lock = threading.Lock()
_loop: _Loop | None = None
_pools: dict[Place, Pool] = {}
_links: weakref.WeakSet[Link] = weakref.WeakSet()


def _forget() -> None:
    """In a process that was just forked: what belongs to the parent is left to it."""
    global _lock, _loop, _pools, _links
    _lock, _loop, _pools, _links = threading.Lock(), None, {}, weakref.WeakSet()


def _end() -> None:
    """At the end of the process: the server need not find out by itself."""
    for link in list(_links):
        link.close()


os.register_at_fork(after_in_child=_forget)
atexit.register(_end)


def call(action: Callable[[], Awaitable[T]]) -> T:
    """Run it on the loop of this process, and wait."""
    global _loop
    with _lock:
        if _loop is None:
            _loop = _Loop()
        loop = _loop
    return loop.call(action)


class Link:
    """One connection. Used by one thread at a time. What it raises is of the family."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._prepared: dict[tuple[tuple[str, ...], str], Any] = {}
        self.schemas: tuple[str, ...] = ()
        self._connection: Any = None
        self.lost = False

    def open(self) -> None:
        """Connect. Raises StoreUnavailable, StoreDenied, StoreUnsuitable, and SynclineError without the driver."""
        driver = _driver()

        async def connect() -> Any:
            return await driver.connect(
                self._place.dsn,
                server_settings={**SETTINGS, "application_name": f"syncline {self._place.schema}"},
                timeout=CONNECT_S,
                statement_cache_size=50,
            )

        try:
            self._connection = self._guarded(connect)
        except StoreUnavailable as error:
            raise StoreUnavailable(f"{self._place.shown} cannot be reached: {error.__cause__ or error}") from error
        _links.add(self)
        version = self._connection.get_server_version()
        if version.major < 14:
            self.close()
            raise StoreUnsuitable(f"{self._place.shown} is PostgreSQL {version.major}, which is too old")

    def run(self, sql: str, arguments: Sequence[Any]) -> tuple[list[Any], int]:
        """(rows, how many rows it has changed or found) of one statement."""

        async def run() -> tuple[list[Any], str]:
            statement = self._prepared.get((self.schemas, sql))
            if statement is None:
                statement = self._prepared[self.schemas, sql] = await self._connection.prepare(sql)
            return await statement.fetch(*arguments), statement.get_statusmsg()

        rows, status = self._guarded(run)
        return rows, _count(status)

    def look_in(self, schemas: tuple[str, ...]) -> None:
        """Where names without a schema are looked for."""
        if schemas != self.schemas:
            self.script("set search_path to " + ", ".join(f'"{name}"' for name in schemas))
            self.schemas = schemas

    @contextmanager
    def looking_in(self, schemas: tuple[str, ...]) -> Iterator[None]:
        """The same within a transaction, for a while: if it is rolled back, so is this."""
        before = self.schemas
        self.look_in(schemas)
        try:
            yield
            self.look_in(before)
        finally:
            self.schemas = before

    def script(self, sql: str) -> str:
        """Run statements without parameters or results; returns what the last of them said."""
        return str(self._guarded(lambda: self._connection.execute(sql)))

    def many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """One statement for each row, sent together."""
        self._guarded(lambda: self._connection.executemany(sql, rows))

    def copy(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Append rows."""
        self._guarded(
            lambda: self._connection.copy_records_to_table(
                table, records=rows, columns=columns, schema_name=self.schemas[0]
            )
        )

    def lend(self, action: Callable[[Any], Awaitable[T]]) -> T:
        """`action(connection)`, for somebody who knows the driver. Raises what it raises, and StoreUnavailable when the
        connection was lost."""

        async def limited() -> T:
            return await asyncio.wait_for(action(self._connection), STATEMENT_S)

        try:
            return call(limited)
        except SynclineError:
            raise
        except Exception as error:
            if not is_lost(error):
                raise
            self.lost = True
            raise translated(error, self._place.shown) from error
        except BaseException:  # interrupted: nobody knows what the connection is doing
            self.lost = True
            raise

    def listen(self, channel: str, heard: Callable[..., None], ended: Callable[..., None]) -> None:
        """Call `heard` (in the thread of the loop) with each notification, and `ended` when the connection is gone."""
        self._connection.add_termination_listener(ended)
        self._guarded(lambda: self._connection.add_listener(channel, heard))

    @property
    def closed(self) -> bool:
        """Whether the connection is known to be gone."""
        return self.lost or self._connection is None or bool(self._connection.is_closed())

    def close(self) -> None:
        """Drop the connection."""
        self.lost = True
        if self._connection is not None:
            connection, self._connection = self._connection, None

            async def end() -> None:
                connection.terminate()

            with suppress(Exception):
                call(end)

    def _guarded(self, action: Callable[[], Awaitable[T]]) -> T:
        async def limited() -> T:
            return await asyncio.wait_for(action(), STATEMENT_S)

        try:
            return call(limited)
        except SynclineError:
            raise
        except Exception as error:
            if is_lost(error):
                self.lost = True
            elif type(error).__name__ == "InvalidCachedStatementError":
                self._prepared.clear()
            of_truth = self.schemas not in ((), (self._place.schema,))
            raise translated(error, self._place.shown, of_truth=of_truth) from error
        except BaseException:  # interrupted: nobody knows what the connection is doing
            self.lost = True
            raise


class Pool:
    """The connections of this process to one place."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._free: list[Link] = []
        self._lock = threading.Lock()
        self._users = 0

    @classmethod
    def of(cls, place: Place) -> Pool:
        """The one of this process. `leave` it when it is not needed any more."""
        with _lock:
            pool = _pools.setdefault(place, cls(place))
            pool._users += 1
            return pool

    def leave(self) -> None:
        """One user less; the last one closes what is left."""
        with _lock:
            self._users -= 1
            if self._users or _pools.get(self._place) is not self:
                return
            del _pools[self._place]
        while self._free:
            self._free.pop().close()

    def take(self, schemas: tuple[str, ...]) -> Link:
        """A connection that is nobody else's and looks for names there. Give it back."""
        while True:
            link = self._waiting(schemas) or self._made()
            if link.closed:
                link.close()
                continue
            try:
                link.look_in(schemas)
            except BaseException:
                link.close()
                raise
            return link

    def _waiting(self, schemas: tuple[str, ...]) -> Link | None:
        with self._lock:
            at = next((at for at, link in enumerate(self._free) if link.schemas == schemas), -1)
            return self._free.pop(at) if self._free else None

    def _made(self) -> Link:
        link = Link(self._place)
        link.open()
        return link

    def give(self, link: Link) -> None:
        """It is not needed any more."""
        if link.closed:
            link.close()
            self.drop()
            return
        with self._lock:
            if len(self._free) < KEEP and _pools.get(self._place) is self:
                self._free.append(link)
                return
        link.close()

    def drop(self) -> None:
        """Close those that wait: the server has gone, and they with it."""
        with self._lock:
            free, self._free = self._free, []
        for link in free:
            link.close()


def _count(status: str) -> int:
    last = status.rpartition(" ")[2]
    return int(last) if last.isdecimal() else 0


def _driver() -> Any:
    try:
        import asyncpg
    except ImportError as error:
        remedy = "Install it: pip install 'syncline[postgres]'."
        raise StoreUnsuitable("the driver asyncpg is not installed", code="store.no_driver", remedy=remedy) from error
    return asyncpg
