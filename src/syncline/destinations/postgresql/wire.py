"""One connection, driven from ordinary code: asyncpg on an event loop of its own, in a thread beside the caller."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final, TypeVar

from syncline.destinations.postgresql import problems

LET_GO_S: Final = 1.0
NAME: Final = "syncline"

T = TypeVar("T")


class Wire:
    """Connects when it is first used, and again after the connection was lost. For one thread at a time."""

    def __init__(self, url: str, connect_timeout_s: float, lock_timeout_s: float) -> None:
        self._url = url
        self._timeout_s = connect_timeout_s
        self._lock_timeout_s = lock_timeout_s
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._connection: Any = None
        self.served = 0  # connections so far: what was made for a session is gone with it

    def run(self, action: Callable[[Any], Awaitable[T]]) -> T:
        """`action(connection)`, and wait for its end. Raises what the driver raises; errors of connecting are errors of
        the family."""
        if self._connection is None or self._connection.is_closed():
            self._open()
        return self._call(lambda: action(self._connection))

    def close(self) -> None:
        """Drop the connection, and end the thread."""
        if self._loop is None or self._thread is None:
            return
        with suppress(Exception):
            self.drop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(LET_GO_S)
        self._loop = self._thread = None

    def drop(self) -> None:
        """Forget the connection: nobody knows what state it is in."""
        connection, self._connection = self._connection, None
        if connection is not None and self._loop is not None and not connection.is_closed():
            self._loop.call_soon_threadsafe(connection.terminate)

    def _open(self) -> None:
        if self._loop is None:
            loop = self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=_run, args=(loop,), name="syncline-postgresql", daemon=True)
            self._thread.start()
        try:
            self._connection = self._call(self._connect)
        except Exception as error:
            raise problems.connecting(error) from None
        self.served += 1

    async def _connect(self) -> Any:
        import asyncpg

        return await asyncpg.connect(
            self._url,
            timeout=self._timeout_s,
            statement_cache_size=0,
            server_settings={
                "application_name": NAME,
                "lock_timeout": f"{int(self._lock_timeout_s * 1000)}ms",
                "timezone": "UTC",
                "client_min_messages": "warning",
            },
        )

    def _call(self, action: Callable[[], Awaitable[T]]) -> T:
        assert self._loop is not None

        async def run() -> T:
            return await action()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result()


def _run(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    loop.run_forever()
    loop.close()
