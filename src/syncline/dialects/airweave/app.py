"""Airweave's API as an ASGI application: where everything is served, and what surrounds every function.

Both forms of every path are served, with and without a slash at the end. Functions run in threads; those that wait for
a language model, or for a job to let go, have threads of their own, so that nobody else waits for them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Final

import anyio
import anyio.to_thread
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from syncline.dialects.airweave import collections, connections, reading, searching, subscriptions
from syncline.dialects.airweave.calls import Call, answered
from syncline.dialects.airweave.faults import Fault, fault_of
from syncline.dialects.airweave.sources import Catalogue
from syncline.dialects.host import Caller, Host
from syncline.model.errors import SynclineError
from syncline.model.keys import Scope as Right

logger = logging.getLogger(__name__)

SLOW_THREADS: Final = 8
WATCH_S: Final = 0.25
UNLIMITED: Final = "9999"
PREFIX: Final = "/airweave"

Function = Callable[[Call], Response]


@dataclass(frozen=True, slots=True)
class Route:
    """One operation. `slow`: it may wait for others."""

    method: str
    path: str
    function: Function
    right: Right | None = Right.READ
    query: type[BaseModel] | None = None
    body: type[BaseModel] | None = None
    slow: bool = False

    @property
    def parts(self) -> tuple[str, ...]:
        """Of its path; variable ones in braces."""
        return tuple(self.path.strip("/").split("/"))


def healthy(_: Call) -> Response:
    """The server answers."""
    return answered({"status": "healthy"})


def list_sources(call: Call) -> Response:
    """All of them; there are no pages."""
    return answered([source.shape for source in call.sources.all()])


def get_source(call: Call) -> Response:
    """By short name."""
    source = call.sources.get(call.path["short_name"])
    if source is None:
        raise Fault(404, f"Source not found: {call.path['short_name']:.200}")
    return answered(source.shape)


_ONE: Final = "/collections/{readable_id}"
_CONNECTION: Final = "/source-connections/{id}"
_SUBSCRIPTION: Final = "/webhooks/subscriptions/{subscription_id}"

ROUTES: Final = (
    Route("GET", "/health", healthy, None),
    Route("GET", "/health/live", healthy, None),
    Route("GET", "/health/ready", healthy, None),
    Route("GET", "/sources", list_sources),
    Route("GET", "/sources/list", list_sources),
    Route("GET", "/sources/{short_name}", get_source),
    Route("GET", "/sources/detail/{short_name}", get_source),
    Route("GET", "/collections", collections.list_collections, query=collections.Listed),
    Route("GET", "/collections/count", collections.count_collections, query=collections.Counted),
    Route("POST", "/collections", collections.create_collection, Right.ADMIN, body=collections.CollectionIn),
    Route("GET", _ONE, collections.get_collection),
    Route("PATCH", _ONE, collections.update_collection, Right.ADMIN, body=collections.CollectionChange),
    Route("DELETE", _ONE, collections.delete_collection, Right.ADMIN, slow=True),
    Route("POST", f"{_ONE}/refresh_all", connections.refresh_all, Right.WRITE),
    Route("POST", f"{_ONE}/search/instant", searching.instant, body=searching.InstantIn),
    Route("POST", f"{_ONE}/search/classic", searching.classic, body=searching.ClassicIn, slow=True),
    Route("POST", f"{_ONE}/search/agentic", searching.agentic, body=searching.AgenticIn, slow=True),
    Route("POST", f"{_ONE}/search/agentic/stream", searching.stream, body=searching.AgenticIn),
    Route("POST", f"{_ONE}/search", searching.legacy, body=searching.LegacyIn),
    Route("GET", f"{_ONE}/search", searching.legacy_by_url, query=searching.LegacyQuery),
    Route("GET", "/source-connections", connections.list_connections, query=connections.Listed),
    Route(
        "POST",
        "/source-connections",
        connections.create_connection,
        Right.ADMIN,
        body=connections.ConnectionIn,
        slow=True,
    ),
    Route("GET", _CONNECTION, connections.get_connection),
    Route(
        "PATCH", _CONNECTION, connections.update_connection, Right.ADMIN, body=connections.ConnectionChange, slow=True
    ),
    Route("DELETE", _CONNECTION, connections.delete_connection, Right.ADMIN, slow=True),
    Route("GET", f"{_CONNECTION}/sync-id", connections.get_sync_id),
    Route("POST", f"{_CONNECTION}/run", connections.run_connection, Right.WRITE, query=connections.Run),
    Route("GET", f"{_CONNECTION}/jobs", connections.list_jobs, query=connections.Jobs),
    Route("GET", f"{_CONNECTION}/jobs/{{job_id}}", connections.get_job),
    Route("POST", f"{_CONNECTION}/jobs/{{job_id}}/cancel", connections.cancel_job, Right.WRITE),
    Route("GET", "/webhooks/messages", subscriptions.list_messages, Right.ADMIN, query=subscriptions.Types),
    Route(
        "GET", "/webhooks/messages/{message_id}", subscriptions.get_message, Right.ADMIN, query=subscriptions.Attempts
    ),
    Route("GET", "/webhooks/subscriptions", subscriptions.list_subscriptions, Right.ADMIN),
    Route(
        "POST",
        "/webhooks/subscriptions",
        subscriptions.create_subscription,
        Right.ADMIN,
        body=subscriptions.SubscriptionIn,
    ),
    Route("GET", _SUBSCRIPTION, subscriptions.get_subscription, Right.ADMIN, query=subscriptions.Shown),
    Route(
        "PATCH",
        _SUBSCRIPTION,
        subscriptions.update_subscription,
        Right.ADMIN,
        body=subscriptions.SubscriptionChange,
    ),
    Route("DELETE", _SUBSCRIPTION, subscriptions.delete_subscription, Right.ADMIN),
    Route("POST", f"{_SUBSCRIPTION}/recover", subscriptions.recover, Right.ADMIN, body=subscriptions.RecoverIn),
)


class Application:
    """Serves them."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._sources = Catalogue()
        self._counts: dict[int, tuple[int, int]] = {}
        self._slow: anyio.CapacityLimiter | None = None
        self._by_length: dict[int, list[Route]] = {}
        for route in ROUTES:
            self._by_length.setdefault(len(route.parts), []).append(route)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; what goes wrong is an answer too."""
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        try:
            response: ASGIApp = await self._answer(request)
        except Fault as fault:
            response = _wrong(fault)
        except SynclineError as error:
            if fault_of(error).status == 500:
                logger.exception("airweave.failed")
            response = _wrong(fault_of(error))
        except Exception as error:
            logger.exception("airweave.failed")
            response = _wrong(Fault(500, f"Internal Server Error: {type(error).__name__}"))
        await response(scope, receive, partial(_with_limits, send, self._host))

    async def _answer(self, request: Request) -> Response:
        route, path = self._routed(request)
        request.scope["syncline.operation"] = f"{PREFIX}{route.path}"
        if route.right is None:
            return route.function(Call(self._host, self._sources, None, path))  # type: ignore[arg-type]
        for value in path.values():
            reading.check_text(value, "path")
        caller = await anyio.to_thread.run_sync(self._admitted, request.headers, route.right)
        request.scope["syncline.key_id"] = caller.key_id
        call = Call(self._host, self._sources, caller, path, counts=self._counts, slow=self._threads())
        if route.query is not None:
            call.query = reading.query_of(route.query, request.query_params)
        raw = await reading.read(request) if route.body is not None else b""
        return await self._run(request, partial(_called, route, call, raw), call, slow=route.slow)

    def _routed(self, request: Request) -> tuple[Route, dict[str, str]]:
        """The operation, and the variable parts of the path. Raises Fault."""
        path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
        parts = path.removeprefix("/").removesuffix("/").split("/")
        allowed: set[str] = set()
        for route in self._by_length.get(len(parts), ()):
            found = _matched(route.parts, parts)
            if found is not None and route.method == request.method:
                return route, found
            if found is not None:
                allowed.add(route.method)
        if allowed:
            raise Fault(405, "Method Not Allowed", {"allow": ", ".join(sorted(allowed))})
        raise Fault(404, "Not Found")

    def _admitted(self, headers: Mapping[str, str], right: Right) -> Caller:
        """Who asks. Raises Fault (401) without a key, Unauthorized and Forbidden."""
        secret = headers.get("x-api-key", "").strip()
        scheme, _, bearer = headers.get("authorization", "").strip().partition(" ")
        if not secret and scheme.lower() == "bearer":
            secret = bearer.strip()
        if not secret:
            raise Fault(401, "No valid authentication provided")
        try:
            caller = self._host.identify(secret)
        except SynclineError as error:
            if fault_of(error).status != 403:
                raise
            raise Fault(403, "Invalid or expired API key") from None
        caller.need(right)
        return caller

    def _threads(self) -> anyio.CapacityLimiter:
        """For what waits for others; made in the event loop that uses it."""
        if self._slow is None:
            self._slow = anyio.CapacityLimiter(SLOW_THREADS)
        return self._slow

    async def _run(self, request: Request, work: Callable[[], Response], call: Call, *, slow: bool) -> Response:
        if not slow:
            return await anyio.to_thread.run_sync(work)
        outcome: Response | Exception
        async with anyio.create_task_group() as group:
            group.start_soon(_watch, request, call)
            try:
                outcome = await anyio.to_thread.run_sync(work, limiter=call.slow)
            except Exception as error:  # a group would wrap it
                outcome = error
            group.cancel_scope.cancel()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


def _matched(pattern: tuple[str, ...], parts: list[str]) -> dict[str, str] | None:
    found: dict[str, str] = {}
    for wanted, part in zip(pattern, parts, strict=True):
        if wanted.startswith("{"):
            if not part:
                return None
            found[wanted[1:-1]] = part
        elif wanted != part:
            return None
    return found


def _called(route: Route, call: Call, raw: bytes) -> Response:
    if route.body is not None:
        call.body = reading.body_of(route.body, raw)
    return route.function(call)


async def _watch(request: Request, call: Call) -> None:
    """End what waits for a language model when the client has gone, or the server ends."""
    while not call.host.ending and not await request.is_disconnected():
        await anyio.sleep(WATCH_S)
    for abort in call.aborts:
        with suppress(Exception):
            abort()


def _wrong(fault: Fault) -> Response:
    return answered(fault.body(), fault.status, fault.headers)


async def _with_limits(send: Send, host: Host, message: Message) -> None:
    """Every answer tells how much may still be asked: there is no limit."""
    if message["type"] == "http.response.start":
        limits = [
            (b"ratelimit-limit", UNLIMITED.encode()),
            (b"ratelimit-remaining", UNLIMITED.encode()),
            (b"ratelimit-reset", str(int(host.clock()) + 60).encode()),
        ]
        message["headers"] = [*message.get("headers", ()), *limits]
    await send(message)
