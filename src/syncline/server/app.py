"""The native API as one ASGI application.

    request ─▶ Watched (log, metrics) ─▶ Frame (request id) ─▶ route ─▶ Gate (key, body, once) ─▶ function in a thread

What it answers when something is wrong is always a problem (RFC 9457), also where nothing is served.
"""

from __future__ import annotations

import re
from typing import Any, Final

import anyio.to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from syncline.model.errors import InternalError
from syncline.server import mounts, problems
from syncline.server.house import House
from syncline.server.idempotency import forget_unfinished
from syncline.server.live import Tail
from syncline.server.operations import Operations
from syncline.server.routes import (
    connectors,
    documents,
    indexes,
    jobs,
    keys,
    schedules,
    sources,
    system,
    triggers,
    webhooks,
)
from syncline.server.watching import Watched
from syncline.store.relational.jobs import new_id

THREADS: Final = 16
NOUNS: Final[tuple[Operations, ...]] = (
    system.operations,
    indexes.operations,
    connectors.operations,
    jobs.operations,
    documents.operations,
    sources.operations,
    schedules.operations,
    triggers.operations,
    webhooks.operations,
    keys.operations,
)
_NO_GUESSING = (b"x-content-type-options", b"nosniff")
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")


def create_app(house: House) -> Starlette:
    """The application that serves this house."""
    app = Starlette()
    app.router.redirect_slashes = False
    app.state.tail = Tail(house)
    app.state.house = house
    for noun in NOUNS:
        noun.mount(app, house)
    mounts.mount(app, house)
    app.add_exception_handler(HTTPException, _unserved)
    app.add_exception_handler(Exception, _failed)
    app.add_middleware(Frame)
    app.add_middleware(Watched, metrics=house.metrics)
    forget_unfinished(house)
    return app


class Frame:
    """Gives every request an id, which its answer and its lines in the log carry."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._limited = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if not self._limited:
            self._limited = True
            anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
        said = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
        id = said.decode() if _REQUEST_ID.fullmatch(said) else new_id()
        scope["syncline.request_id"] = id

        async def with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", id.encode()), _NO_GUESSING]
            await send(message)

        await self._app(scope, receive, with_id)


async def _unserved(request: Request, _: Exception) -> Response:
    """Nothing, or nothing with this method, is served there."""
    request_id = request.scope["syncline.request_id"]
    allowed = _methods_at(request)
    if not allowed:
        return problems.answer(problems.NoSuchPath("nothing is served at this path"), request_id)
    told = problems.WrongMethod(f"{request.method:.20} is not served at this path, but {', '.join(allowed)}")
    response = problems.answer(told, request_id)
    response.headers["allow"] = ", ".join(allowed)
    return response


def _methods_at(request: Request) -> list[str]:
    found: set[str] = set()
    for route in request.app.router.routes:
        methods: Any = getattr(route, "methods", None)
        if methods and route.matches(dict(request.scope))[0] is not Match.NONE:
            found |= set(methods)
    return sorted(found)


async def _failed(request: Request, error: Exception) -> Response:
    """Outside of any operation; the server logs it."""
    told = InternalError(f"something went wrong here: {type(error).__name__}", remedy="Look at the log of the server.")
    return problems.answer(told, request.scope.get("syncline.request_id", ""))
