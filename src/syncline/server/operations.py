"""What every operation of the API has in common, around the one function that does it.

    path, query ─▶ key ─▶ scope ─▶ body ─▶ done before? ─▶ function in a thread ─▶ answer, kept if it has a name

An operation is declared once: what is routed, what the gate checks, and what /openapi.json tells come from it.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cached_property, partial
from inspect import iscoroutinefunction
from typing import Annotated, Any, ClassVar, Final, TypeVar

import xxhash
from pydantic import BaseModel, BeforeValidator, ConfigDict
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from syncline.model.connectors import Connector
from syncline.model.errors import Conflict, InternalError, NotFound, SynclineError
from syncline.model.keys import Scope
from syncline.server import bodies, problems
from syncline.server.auth import Caller, authenticate
from syncline.server.house import House
from syncline.server.idempotency import HEADER, Once
from syncline.server.paging import LIMIT, MAX_LIMIT
from syncline.server.parameters import CALL, NOTHING, Faults, Parameters, Path, Query
from syncline.store.relational.control import Control
from syncline.wiring import Installation

logger = logging.getLogger(__name__)

F = TypeVar("F", bound=Callable[..., Any])

WITH_BODY: Final = ("POST", "PATCH", "PUT")
IN_THREAD_BYTES: Final = 256 << 10  # a larger body is parsed in a thread


class PreconditionFailed(Conflict):
    """It is not the one that If-Match names: somebody else changed it in the meantime."""

    code = "conflict.precondition"
    status: ClassVar[int] = 412


class BadPrecondition(problems.RequestError):
    """If-Match or If-None-Match cannot be read."""

    code = "request.precondition"
    default_remedy = "Give the ETag as it was answered, in double quotes."


# --- one request -----------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Call:
    """One request at work: who asks, and where."""

    house: House
    request: Request
    known: Caller | None
    raw: bytes = b""  # the body as it came, where it is not JSON of ours

    @property
    def caller(self) -> Caller:
        """Who asks."""
        assert self.known is not None
        return self.known

    def room(self) -> AbstractContextManager[Installation]:
        """An Installation for this request."""
        return self.house.room()

    # --- what may be seen

    def connector(self, control: Control, ref: str) -> Connector:
        """By name or id. Raises NotFound, also for one that this key may not see."""
        found = control.connector(ref)
        if found is None or not self.caller.sees(found.index):
            raise NotFound(f"there is no connector {ref!r:.200}", remedy="List the connectors to see which there are.")
        return found

    def indexes(self, control: Control) -> list[str] | None:
        """Names of the indexes this key is bound to; None: all."""
        bound = self.caller.indexes
        return None if bound is None else list(bound)

    # --- ETags

    def expected(self, revision: int) -> int | None:
        """The revision that If-Match asks for; None when it does not. Raises PreconditionFailed."""
        said = self.request.headers.get("if-match")
        if said is None:
            return None
        tags = _tags(said)
        if "*" not in tags and str(revision) not in [tag.partition(".")[0] for tag in tags]:
            raise PreconditionFailed("it has been changed since")
        return revision

    def shown(self, body: Mapping[str, Any]) -> Response:
        """The answer of one thing, or 304 when the caller has it already."""
        response = tagged(body)
        said = self.request.headers.get("if-none-match")
        if said is None or not {"*", response.headers["etag"].strip('"')} & set(_tags(said)):
            return response
        kept = {name: response.headers[name] for name in ("etag", "cache-control")}
        return Response(status_code=304, headers=kept)


def _tags(said: str) -> list[str]:
    """The ETags of a header, without quotes. Raises BadPrecondition."""
    tags = [one.strip().removeprefix("W/") for one in said.split(",")]
    if not all(one == "*" or (len(one) >= 2 and one[0] == one[-1] == '"') for one in tags):
        raise BadPrecondition(f"this is no list of ETags: {said!r:.100}")
    return [one.strip('"') for one in tags]


def tagged(body: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """JSON with its ETag: the revision, which If-Match asks for, and what tells this answer from others."""
    raw = problems.encoded(body)
    tag = f'"{body.get("revision", 0)}.{xxhash.xxh3_64_hexdigest(raw)}"'
    return Response(
        raw, status, {"etag": tag, "cache-control": "private, no-cache", **(headers or {})}, "application/json"
    )


def answered(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """JSON."""
    return Response(
        problems.encoded(body), status, {"cache-control": "no-store", **(headers or {})}, "application/json"
    )


def made(body: Mapping[str, Any], path: str) -> Response:
    """201, and where it is now."""
    return tagged(body, 201, {"location": path})


# --- what a request may say ------------------------------------------------------------------------------------------


class Body(BaseModel):
    """What a body holds: nothing that is not named here, and nothing of another type."""

    model_config = ConfigDict(extra="forbid", strict=True)


def _whole(said: Any) -> Any:
    """Pydantic takes "1.0" and " 1" for whole numbers."""
    if isinstance(said, str) and not (said.removeprefix("-").isdecimal() and said.isascii() and len(said) < 19):
        raise ValueError("must be a whole number")
    return said


def _truth(said: Any) -> Any:
    if isinstance(said, str) and said not in ("true", "false"):
        raise ValueError("must be true or false")
    return said


Whole = Annotated[int, BeforeValidator(_whole)]
Flag = Annotated[bool, BeforeValidator(_truth)]
Limit = Annotated[int, BeforeValidator(_whole), Query(ge=1, le=MAX_LIMIT, description="Entries at most.")]
Cursor = Annotated[str | None, Query(description="The `next_cursor` of the page before.")]
ConnectorRef = Annotated[str, Path(description="Name or id of a connector.")]
IndexRef = Annotated[str, Path(description="Name or id of an index.")]
JobRef = Annotated[str, Path(description="Number or id of a job.")]
FIRST: Final = LIMIT


# --- operations ------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Operation:
    """One operation.

    scope     what the key must have; None: served without a key.
    answers   name of the answer's schema in server/schemas.py; "" when there is none.
    status    of success.
    media     of the answer.
    changes   False for a POST that changes nothing: it needs no Idempotency-Key.
    any_text  strings in the body are looked at by the function.
    tells     statuses beyond those that every operation of its kind may answer.
    """

    method: str
    path: str
    scope: Scope | None
    summary: str
    tag: str
    answers: str = ""
    status: int = 200
    media: str = "application/json"
    changes: bool = True
    any_text: bool = False
    tells: tuple[int, ...] = ()
    function: Callable[..., Any] = field(default=lambda: None, repr=False)

    @property
    def id(self) -> str:
        """Its operationId: the name of the function."""
        return self.function.__name__

    @property
    def needs_name(self) -> bool:
        """Whether an Idempotency-Key has a meaning."""
        return self.method == "POST" and self.changes and self.scope is not None


class Operations:
    """The operations of one noun, collected."""

    def __init__(self, tag: str) -> None:
        self.tag = tag
        self.all: list[Operation] = []

    def __call__(
        self,
        method: str,
        path: str,
        summary: str,
        *,
        scope: Scope | None,
        answers: str = "",
        status: int = 200,
        media: str = "application/json",
        changes: bool = True,
        any_text: bool = False,
        tells: tuple[int, ...] = (),
    ) -> Callable[[F], F]:
        """Declare one; the function's docstring describes it."""
        operation = Operation(
            method, path, scope, summary, self.tag, answers, status, media, changes, any_text, tells
        )  # fmt: skip

        def declare(function: F) -> F:
            operation.function = function
            self.all.append(operation)
            return function

        return declare

    def mount(self, app: Starlette, house: House) -> None:
        """Serve them."""
        for operation in self.all:
            app.router.routes.append(Gate(operation, house))


Work = Callable[[], Awaitable[Response]]


class Gate(Route):
    """A route with the checks of every operation before it."""

    def __init__(self, operation: Operation, house: House) -> None:
        super().__init__(operation.path, self.answer, methods=[operation.method], name=operation.id)
        self.methods = {operation.method}
        self.operation = operation
        self.house = house
        self.parameters = Parameters(operation.function)

    @cached_property
    def body_model(self) -> Any:
        """The model of the body; None when there is none."""
        return next(problems.models_in(self.parameters.body), None)

    async def answer(self, request: Request) -> Response:
        """Answer; what goes wrong is a problem."""
        try:
            return await self._handle(request)
        except Exception as error:
            return self._problem(error, request)

    def _problem(self, error: Exception, request: Request) -> Response:
        return problems.answer(self._told(error, request), request.scope["syncline.request_id"])

    def _told(self, error: Exception, request: Request) -> SynclineError:
        """The error as one of the family. Those that are our own fault are logged."""
        if type(error) is Conflict and "if-match" in request.headers:
            return PreconditionFailed(error.message)
        if isinstance(error, SynclineError):
            return error
        if isinstance(error, Faults):
            return problems.invalid(error.faults, self.body_model)
        logger.exception("operation.failed", exc_info=error, extra={"fields": {"operation": self.operation.id}})
        return InternalError(
            f"something went wrong here: {type(error).__name__}", remedy="Look at the log of the server."
        )

    async def _handle(self, request: Request) -> Response:
        bodies.check_target(request.scope)
        self._check_query(request)
        caller = await run_in_threadpool(self._admit, request)
        call = Call(self.house, request, caller)
        body = await self._body(call) if self.operation.method in WITH_BODY else NOTHING
        work = partial(self._work, call, body)
        if caller is None or not (self.operation.needs_name and HEADER in request.headers):
            return await work()
        return await self._once(call, caller, work)

    async def _work(self, call: Call, body: Any) -> Response:
        request, function = call.request, self.operation.function
        arguments = self.parameters.values(request.path_params, request.query_params, body)
        if self.parameters.takes_call:
            arguments[CALL] = call
        if iscoroutinefunction(function):
            done: Response = await function(**arguments)
            return done
        return await run_in_threadpool(function, **arguments)

    def _admit(self, request: Request) -> Caller | None:
        if self.operation.scope is None:
            return None
        caller = authenticate(self.house, request.headers)
        request.scope["syncline.key_id"] = caller.key_id
        caller.need(self.operation.scope)
        return caller

    def _check_query(self, request: Request) -> None:
        for name in request.query_params:
            if name not in self.parameters.query_names:
                words = f"is not a parameter here{problems.near(name, self.parameters.query_names)}"
                raise problems.RequestInvalid(f"{name!r:.80} {words}", fields={name[:80]: words})

    async def _body(self, call: Call) -> Any:
        """The JSON value of the body; NOTHING when there is none, or none is wanted."""
        raw = call.raw = await bodies.read(call.request, self.house.settings.max_body)
        if not raw or self.body_model is None:
            return NOTHING
        bodies.check_media_type(call.request.headers.get("content-type", ""))
        if len(raw) > IN_THREAD_BYTES:
            return await run_in_threadpool(bodies.parsed, raw, any_text=self.operation.any_text)
        return bodies.parsed(raw, any_text=self.operation.any_text)

    async def _once(self, call: Call, caller: Caller, work: Work) -> Response:
        request = call.request
        target = (request.scope.get("raw_path") or b"", request.scope.get("query_string", b""))
        name = request.headers[HEADER]
        once = Once.of(self.house, caller.key_id, name, request.method.encode(), *target, call.raw)
        before = await run_in_threadpool(once.begin)
        if before is not None:
            return before
        try:
            try:
                answer = await work()
            except Exception as error:
                answer = self._problem(error, request)
        except BaseException:
            await run_in_threadpool(once.abandon)
            raise
        await run_in_threadpool(once.end, answer)
        return answer
