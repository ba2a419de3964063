"""Server-sent events as Airweave writes them: one line of JSON each, without names."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import anyio
import anyio.to_thread
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from syncline.dialects.host import Host

WATCH_S: Final = 0.25
_HEADERS: Final = {"cache-control": "no-cache", "x-accel-buffering": "no"}
_END: Final = object()


class Events(Response):
    """What an iterator gives, as it gives it. It is asked in a thread; `abort` makes it end soon."""

    def __init__(
        self,
        host: Host,
        events: Iterator[Mapping[str, Any]],
        abort: Callable[[], None],
        limiter: anyio.CapacityLimiter | None,
    ) -> None:
        super().__init__(b"", 200, _HEADERS, "text/event-stream")
        del self.headers["content-length"]
        self._host = host
        self._events = events
        self._abort = abort
        self._limiter = limiter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the iterator has come to its end, the client has gone, or the server ends."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        async with anyio.create_task_group() as group:
            group.start_soon(self._until_gone, receive)
            group.start_soon(self._until_ending)
            while (event := await self._next()) is not _END:
                await send({"type": "http.response.body", "body": _line(event), "more_body": True})
            await send({"type": "http.response.body", "body": b""})
            group.cancel_scope.cancel()

    async def _next(self) -> Any:
        return await anyio.to_thread.run_sync(next, self._events, _END, limiter=self._limiter)

    async def _until_gone(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._abort()

    async def _until_ending(self) -> None:
        while not self._host.ending:
            await anyio.sleep(WATCH_S)
        self._abort()


def _line(event: Mapping[str, Any]) -> bytes:
    return b"data: " + json.dumps(event, ensure_ascii=False, default=str).encode("utf-8", "replace") + b"\n\n"
