"""Every request is told of once it has been answered: in the log, in the metrics, as a span of a trace.

It is known by the template of its path ("/v1/jobs/{job}"), never by its path, query, headers or body, which may hold
secrets and are without number. A dialect that serves many operations at one path names them in
`scope["syncline.operation"]`.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any, Final

from syncline.runner import tracing
from syncline.server.logs import serving

if TYPE_CHECKING:
    from syncline.server.metrics import Metrics

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

UNMATCHED: Final = "(none)"
QUIET: Final = frozenset({"/healthz", "/readyz", "/metrics"})  # asked for every few seconds by machines

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

logger = logging.getLogger(__name__)


class Watched:
    """An ASGI application whose requests are told of. Put it around all others."""

    def __init__(self, app: App, metrics: Metrics | None = None) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = _Request(scope, send)
        token = serving.set(scope)
        try:
            await self._app(scope, receive, request.send)
        finally:
            request.end(self._metrics)
            serving.reset(token)


class _Request:
    """One request, from its arrival to the last byte of its answer."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope = scope
        self._send = send
        self._root = str(scope.get("root_path", ""))
        self._began = time.perf_counter()
        self._status = 0
        self._trace = tracing.request(scope["method"], scope.get("headers", ()))

    async def send(self, message: Message) -> None:
        """What the application sends passes through here."""
        if message["type"] == "http.response.start":
            self._status = message["status"]
        await self._send(message)

    def end(self, metrics: Metrics | None) -> None:
        """It has been answered, or broken off (status 499), or the application has failed (500)."""
        took = time.perf_counter() - self._began
        method = self._scope["method"] if self._scope["method"] in _METHODS else "OTHER"
        path, status = template(self._scope, self._root), self._status or _failed()
        if metrics is not None:
            metrics.saw_request(method, path, status, took)
        if self._trace is not None:
            self._trace.end(method, path, status, self._scope.get("syncline.key_id"))
        fields = {
            "method": method,
            "path": path,
            "status": status,
            "duration_ms": round(took * 1000, 1),
            "request_id": self._scope.get("syncline.request_id"),
            "key_id": self._scope.get("syncline.key_id"),
            "code": self._scope.get("syncline.code"),
        }
        logger.log(logging.DEBUG if path in QUIET else logging.INFO, "http.request", extra={"fields": fields})


def template(scope: Scope, root: str = "") -> str:
    """The path of the route that was chosen, as it was declared; `root` is the prefix a proxy has taken away."""
    if operation := scope.get("syncline.operation"):
        return str(operation)
    route = scope.get("route")
    path = getattr(route, "path_format", None) or getattr(route, "path", None)
    mounted = str(scope.get("root_path", "")).removeprefix(root)
    if path is None:
        return f"{mounted}/*" if mounted else UNMATCHED
    if hasattr(route, "app") and not hasattr(route, "methods"):  # a mounted application that names no route of its own
        return f"{mounted}/*"
    return mounted + str(path)


def _failed() -> int:
    """No answer was begun: because of an error, or because the client has gone."""
    error = sys.exc_info()[1]
    return 499 if error is None or isinstance(error, asyncio.CancelledError) else 500
