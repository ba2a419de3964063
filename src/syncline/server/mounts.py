"""Dialects on the server: each is read from disk with the first request to it, and answers below its prefix."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread
from starlette.applications import Starlette
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from syncline.dialects.catalog import DIALECTS
from syncline.model.errors import SynclineError
from syncline.server import auth, problems
from syncline.wiring import Installation

if TYPE_CHECKING:
    from syncline.server.house import House


class Ground:
    """The server as dialects see it: a `syncline.dialects.host.Host`."""

    def __init__(self, house: House) -> None:
        self._house = house
        self.clock = house.clock

    @property
    def folder_roots(self) -> tuple[str, ...]:
        """See `Host`; so with all below."""
        return self._house.settings.folder_roots

    @property
    def environ(self) -> Mapping[str, str]:
        return os.environ

    @property
    def ending(self) -> bool:
        return self._house.closing.is_set()

    def room(self) -> AbstractContextManager[Installation]:
        return self._house.room()

    def wake(self) -> None:
        self._house.wake()

    def run_task(self, task: str, timeout_s: float, **args: Any) -> Any:
        return self._house.run_task(task, timeout_s, **args)

    def identify(self, secret: str) -> auth.Caller:
        return auth.identify(self._house, secret)

    def identify_pair(self, id: str, secret: str) -> auth.Caller:
        return auth.identify_pair(self._house, id, secret)

    def secret_of(self, key_id: str) -> str | None:
        return auth.secret_of(self._house, key_id)


class Lazy:
    """An ASGI application that is built by the first request to it."""

    def __init__(self, build: Callable[[], ASGIApp]) -> None:
        self._build = build
        self._built: ASGIApp | None = None
        self._lock = anyio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._built is None:
            async with self._lock:
                if self._built is None:
                    try:
                        self._built = await anyio.to_thread.run_sync(self._build)
                    except SynclineError as error:  # what it needs is not installed
                        await problems.answer(error, scope.get("syncline.request_id", ""))(scope, receive, send)
                        return
        await self._built(scope, receive, send)


def mount(app: Starlette, house: House) -> None:
    """Serve every dialect at and below its prefix, with and without a slash at its end."""
    for prefix, target in DIALECTS.items():
        lazy = Lazy(partial(_built, target, house))
        below = Mount(prefix, app=lazy)
        below.path_regex = re.compile(below.path_regex.pattern, re.DOTALL)  # ids in a path may hold line breaks
        app.router.routes += [Route(prefix, endpoint=lazy), below]


def named(target: str) -> Callable[..., Any]:
    """The function that "module:function" names."""
    module, _, name = target.partition(":")
    found: Callable[..., Any] = getattr(import_module(module), name)
    return found


def _built(target: str, house: House) -> ASGIApp:
    built: ASGIApp = named(target)(Ground(house))
    return built
