"""One connection, driven from ordinary code: asyncpg on an event loop of its own, in a thread beside the job.

    server ─▶ asyncpg ─▶ blocks of about a MiB ─▶ a queue of a few of them ─▶ whoever iterates

The queue is what keeps memory bounded: when it is full, nothing more is read from the socket.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Generator
from concurrent.futures import Future
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, Final, TypeVar

BLOCK_BYTES: Final = 1 << 20
BLOCKS: Final = 4
LET_GO_S: Final = 0.7  # the server's answer to a cancelled statement is waited for no longer

T = TypeVar("T")


class Wire:
    """A connection to be made by `connect`. Its verbs raise what asyncpg raises, and ConnectionError after `abort`."""

    def __init__(self, connect: Callable[[], Awaitable[Any]]) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="postgresql", daemon=True)
        self._thread.start()
        self._connect = connect
        self._connection: Any = None
        self._running: asyncio.Task[Any] | None = None
        self._aborted = threading.Event()
        self._stream: Stream | None = None

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        self._loop.close()

    def open(self) -> None:
        """Connect."""
        self._connection = self.call(self._connect)

    def execute(self, sql: str) -> None:
        """Run statements without a result."""
        self.call(lambda: self._connection.execute(sql))

    def value(self, sql: str, *arguments: Any) -> Any:
        """The first value of the first row; None without a row."""
        return self.call(lambda: self._connection.fetchval(sql, *arguments))

    def columns(self, sql: str) -> list[tuple[str, str]]:
        """(name, type) of what a query would give, without running it."""
        prepared = self.call(lambda: self._connection.prepare(sql))
        return [(attribute.name, attribute.type.name) for attribute in prepared.get_attributes()]

    def call(self, action: Callable[[], Awaitable[T]]) -> T:
        """Run `action()` on the loop and wait for its end."""
        if self._stream is not None:
            self._stream.absorb()
        return self._start(action).result()

    def copy(self, query: str) -> Generator[bytes, None, None]:
        """What COPY gives for the query, in blocks that end where a row ends. Left early, it cancels the statement."""
        if self._stream is not None:
            self._stream.absorb()
        stream = self._stream = Stream(self._loop)
        done = self._start(lambda: self._connection.copy_from_query(query, output=stream.take))
        done.add_done_callback(stream.end)
        try:
            yield from stream.blocks()
        finally:
            if self._stream is stream:
                self._stream = None
            if not done.done():
                stream.abandon()
                with suppress(Exception):
                    asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(LET_GO_S * 3)

    def abort(self) -> None:
        """Cancel what is running and drop the connection; from any thread, and for good."""
        self._aborted.set()
        with suppress(RuntimeError):  # the loop may be closed already
            asyncio.run_coroutine_threadsafe(self._let_go(), self._loop)

    def close(self) -> None:
        """Drop the connection and end the thread."""
        if self._thread.is_alive():
            with suppress(Exception):
                asyncio.run_coroutine_threadsafe(self._let_go(), self._loop).result(LET_GO_S * 3)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(LET_GO_S * 2)

    def _start(self, action: Callable[[], Awaitable[T]]) -> Future[T]:
        async def run() -> T:
            if self._aborted.is_set():
                raise ConnectionAbortedError("interrupted")
            self._running = asyncio.current_task()
            try:
                return await action()
            except Exception as error:
                if self._aborted.is_set():
                    raise ConnectionAbortedError("interrupted") from error
                raise
            finally:
                self._running = None

        return asyncio.run_coroutine_threadsafe(run(), self._loop)

    async def _stop(self) -> None:
        """End what is running, on the server too, and wait for that; but not for long."""
        running = self._running
        if running is None:
            return
        with suppress(Exception):
            await asyncio.wait_for(self._cancel_on_server(), LET_GO_S)
            await asyncio.wait([running], timeout=LET_GO_S)
        if not running.done():
            running.cancel()

    async def _cancel_on_server(self) -> None:
        other = await self._connect()
        try:
            await other.execute(f"select pg_cancel_backend({self._connection.get_server_pid()})")
        finally:
            other.terminate()

    async def _let_go(self) -> None:
        await self._stop()
        if self._connection is not None and not self._connection.is_closed():
            self._connection.terminate()


class Stream:
    """Blocks on their way from the loop to whoever iterates."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._ready: SimpleQueue[bytes | None] = SimpleQueue()
        self._here: deque[bytes] = deque()
        self._room = asyncio.Semaphore(BLOCKS)
        self._parts: list[bytes] = []
        self._size = 0
        self._error: BaseException | None = None
        self._ended = False
        self._free = False

    async def take(self, data: bytes) -> None:
        """What asyncpg hands over: always whole rows."""
        self._parts.append(bytes(data))
        self._size += len(data)
        if self._size >= BLOCK_BYTES:
            await self._hand_over()

    async def _hand_over(self) -> None:
        if not self._free:
            await self._room.acquire()
        self._ready.put(b"".join(self._parts))
        self._parts, self._size = [], 0

    def end(self, done: Future[Any]) -> None:
        """The statement has ended."""
        self._error = ConnectionAbortedError("interrupted") if done.cancelled() else done.exception()
        if self._error is None and self._parts:
            self._ready.put(b"".join(self._parts))
        self._ready.put(None)

    def blocks(self) -> Generator[bytes, None, None]:
        """Blocks as they come. Raises what ended the statement."""
        while True:
            if self._here:
                yield self._here.popleft()
                continue
            block = None if self._ended else self._ready.get()
            if block is None:
                self._ended = True
                if self._error is not None:
                    raise self._error
                return
            self._loop.call_soon_threadsafe(self._room.release)
            yield block

    def absorb(self) -> None:
        """Read to the end now, so that the connection is free for something else. What is held is not bounded."""
        self.abandon()
        while not self._ended:
            block = self._ready.get()
            if block is None:
                self._ended = True
            else:
                self._here.append(block)

    def abandon(self) -> None:
        """Do not wait for room any more."""
        self._free = True
        self._loop.call_soon_threadsafe(self._make_room)

    def _make_room(self) -> None:
        for _ in range(BLOCKS):
            self._room.release()
