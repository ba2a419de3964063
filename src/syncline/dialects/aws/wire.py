"""One AWS service as an ASGI application, mounted under any prefix, at any Host.

    admit     which operation, whose key, may it?     ─▶ before the body is read
    serve     signature, parse, validate, function, write

Both run in a thread: keys are looked up and functions work while other requests are served. The description of the
service is read with the first request.
"""

from __future__ import annotations

import logging
import re
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Final, Protocol

import anyio.to_thread

from syncline.dialects.aws import scopes, sigv4
from syncline.dialects.aws.checking import check_response
from syncline.dialects.aws.faults import INTERNAL, VALIDATION, Answer, Fault, content_type, models, nearest, refused
from syncline.dialects.aws.models import Operation, Service, load_service
from syncline.dialects.aws.parsing import Unreadable, load_json, parse_input
from syncline.dialects.aws.routing import Router
from syncline.dialects.aws.validating import message, violations
from syncline.dialects.aws.writing import BadOutput, write_output
from syncline.dialects.raw import Receive, Send, below, body_of
from syncline.model.errors import SynclineError
from syncline.model.keys import Forbidden, Scope, Unauthorized

if TYPE_CHECKING:
    from starlette.routing import BaseRoute


MAX_BODY: Final = 64 << 20
_KEY_ID: Final = re.compile(r"[\x21-\x7e]{1,128}")

logger = logging.getLogger(__name__)


class Caller(Protocol):
    """A known key at work; `syncline.server.auth.Caller` is one."""

    def may(self, scope: Scope) -> bool:
        """True when the key has the scope, or one that includes it."""


@dataclass(slots=True, frozen=True)
class Request:
    """What an operation's function is given. `input` has passed the model: every required member is there, every
    value is of its type and within its bounds; a member that was not sent is absent. Times are aware datetimes, blobs
    bytes."""

    operation: str
    input: Mapping[str, Any]
    caller: Any  # whatever `caller_of` has returned
    key_id: str
    region: str
    request_id: str

    def __getitem__(self, member: str) -> Any:
        return self.input[member]

    def __contains__(self, member: object) -> bool:
        return member in self.input

    def __iter__(self) -> Iterator[str]:
        return iter(self.input)

    def get(self, member: str, default: Any = None) -> Any:
        """The member, or the default when it was not sent."""
        return self.input.get(member, default)


Function = Callable[[Request], Mapping[str, Any] | None]


@dataclass(slots=True, frozen=True)
class _Visit:
    """A request that has been admitted: everything but its body."""

    head: sigv4.Head
    operation: Operation
    labels: Mapping[str, str]
    claim: sigv4.Claim
    secret: str = field(repr=False)
    request_id: str


class Wire:
    """`operations` gives each operation its function; those that are left out are unknown to clients.

    secret_of    the secret of a key, None when there is none; for the signature.
    caller_of    who that is, by id and secret. It raises Unauthorized when they do not belong together.
    scope_of     what a key must be allowed for an operation; the table of `scopes` when it is not given.
    translate    the Fault for an error of the family that a function lets out; None: it is an internal error.
    clock        Unix seconds. `new_id` makes request ids. `max_body` is in bytes.
    strict       for tests: an answer that the model does not allow, and an error that the operation does not model,
                 are AssertionErrors, which are kept in `broken` as well. Otherwise they become what the model allows,
                 and are logged.
    """

    def __init__(
        self,
        service: str,
        operations: Mapping[str, Function],
        *,
        secret_of: Callable[[str], str | None],
        caller_of: Callable[[str, str], Caller],
        scope_of: Callable[[str], Scope] = scopes.scope_of,
        translate: Callable[[SynclineError], Fault | None] = lambda _: None,
        clock: Callable[[], float] = time.time,
        new_id: Callable[[], str] = lambda: str(uuid.uuid4()),
        max_body: int = MAX_BODY,
        strict: bool = False,
    ) -> None:
        self._name = service
        self._operations = dict(operations)
        self._secret_of = secret_of
        self._caller_of = caller_of
        self._scope_of = scope_of
        self._translate = translate
        self._clock = clock
        self._new_id = new_id
        self._max_body = max_body
        self._strict = strict
        self.broken: list[AssertionError] = []
        if strict:
            assert self._router  # an operation that there is not is noticed at once

    def routes(self, prefix: str) -> list[BaseRoute]:
        """For an application of Starlette's: everything at and below the prefix, also without a slash at its end,
        which is how botocore asks."""
        from starlette.routing import Mount, Route

        return [Route(prefix, endpoint=self), Mount(prefix, app=self)]

    @cached_property
    def service(self) -> Service:
        """Its description. Raises ModelMissing."""
        return load_service(self._name)

    @cached_property
    def _router(self) -> Router:
        return Router(self.service, self._operations)

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close"})
        if scope["type"] != "http":
            return
        request_id = self._new_id()
        answer = await self._answer(scope, receive, request_id)
        if answer.code:
            scope["syncline.code"] = answer.code
        # The answer to a HEAD may name the length of what is not sent.
        headers = {"content-length": str(len(answer.body)), **answer.headers, "x-amzn-requestid": request_id}
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": answer.status, "headers": raw})
        await send({"type": "http.response.body", "body": answer.body if scope["method"] != "HEAD" else b""})

    async def _answer(self, scope: MutableMapping[str, Any], receive: Receive, request_id: str) -> Answer:
        visit = await anyio.to_thread.run_sync(partial(self._admit, scope, request_id))
        body = await body_of(receive, self._max_body, keep=isinstance(visit, _Visit), whole=False)
        if isinstance(visit, Answer):
            return visit
        if body is None:
            return self._refused(visit.operation, Fault("RequestEntityTooLargeException"))
        scope["syncline.operation"] = f"{self._name}:{visit.operation.name}"
        scope["syncline.key_id"] = visit.claim.key_id
        return await anyio.to_thread.run_sync(partial(self._serve, visit, body))

    # --- before the body ---------------------------------------------------------------------------------------------

    def _admit(self, scope: Mapping[str, Any], request_id: str) -> _Visit | Answer:
        head = _head(scope)
        try:
            name, labels = self._router.find(head.method, below(scope, head.path), head.header("x-amz-target"))
            claim = sigv4.read_claim(head, {self.service.signing_name}, self._clock())
            secret = self._secret_of(claim.key_id) if _KEY_ID.fullmatch(claim.key_id) else None
            if secret is None:
                raise Fault("UnrecognizedClientException")
            return _Visit(head, self.service.operation(name), labels, claim, secret, request_id)
        except Fault as fault:
            return self._refused(None, fault)
        except Exception as error:
            return self._failed(None, request_id, error)

    # --- with the body -----------------------------------------------------------------------------------------------

    def _serve(self, visit: _Visit, body: bytes) -> Answer:
        operation = visit.operation
        try:
            answer = self._done(operation, self._request(visit, body))
        except Fault as fault:
            answer = self._refused(operation, fault)
        except Exception as error:
            answer = self._failed(operation, visit.request_id, error)
        return self._checked(operation, answer)

    def _request(self, visit: _Visit, body: bytes) -> Request:
        """What the function is given. Raises Fault."""
        sigv4.verify(visit.head, visit.claim, body, visit.secret)
        caller = self._known(visit)
        given = self._understood(visit, body)
        claim = visit.claim
        return Request(visit.operation.name, given, caller, claim.key_id, claim.region, visit.request_id)

    def _known(self, visit: _Visit) -> Caller:
        try:
            caller = self._caller_of(visit.claim.key_id, visit.secret)
        except Unauthorized:
            raise Fault("UnrecognizedClientException") from None
        needed = self._scope_of(visit.operation.name)
        if not caller.may(needed):
            action = f"{self.service.signing_name}:{visit.operation.name}"
            raise Fault(
                "AccessDeniedException",
                f"User: {visit.claim.key_id} is not authorized to perform: {action}, which needs the scope "
                f"'{needed.value}'",
            )
        return caller

    def _understood(self, visit: _Visit, body: bytes) -> dict[str, Any]:
        operation, service = visit.operation, self.service
        has_body = any(operation.input.at("body")) or not service.rest
        try:
            # Clients of rest-json leave out a body that would be empty.
            value = load_json(body) if has_body and (body or not service.rest) else {}
            headers = {name: visit.head.header(name) or "" for name in _names(operation, visit.head)}
            parsed = parse_input(operation, visit.labels, visit.head.query, headers, value)
        except Unreadable as error:
            raise Fault("SerializationException", str(error)) from None
        if found := violations(operation.input, parsed):
            raise Fault(VALIDATION, message(found))
        return parsed

    def _done(self, operation: Operation, request: Request) -> Answer:
        try:
            value = self._operations[operation.name](request)
        except Fault as fault:
            return self._modelled(operation, fault)
        except Forbidden as error:
            return self._modelled(operation, Fault("AccessDeniedException", error.message))
        except SynclineError as error:
            translated = self._translate(error)
            if translated is None:
                raise
            return self._modelled(operation, translated)
        status, headers, body = write_output(operation, value)
        return Answer(status, body, {"content-type": content_type(self.service), **headers})

    # --- errors ------------------------------------------------------------------------------------------------------

    def _modelled(self, operation: Operation, fault: Fault) -> Answer:
        # A key that may not use an index is told so, also by operations that do not model it.
        if models(operation, fault) or fault.code == "AccessDeniedException":
            return self._refused(operation, fault)
        told = f"{operation.name} does not model {fault.code}"
        self._break(told)
        logger.error("aws.unmodelled", extra={"fields": {"operation": operation.name, "code": fault.code}})
        return self._refused(operation, nearest(operation, fault))

    def _failed(self, operation: Operation | None, request_id: str, error: Exception) -> Answer:
        if isinstance(error, BadOutput):
            self._break(str(error))
        elif self._strict:
            raise error
        fields = {"operation": f"{self._name}:{operation.name if operation else '-'}", "request": request_id}
        logger.error("aws.failed", exc_info=error, extra={"fields": fields})
        return self._refused(operation, Fault(INTERNAL))

    def _refused(self, operation: Operation | None, fault: Fault) -> Answer:
        return refused(self.service, operation, fault)

    def _checked(self, operation: Operation, answer: Answer) -> Answer:
        if self._strict:
            headers = {**answer.headers, "x-amzn-requestid": "-"}
            try:
                check_response(self._name, operation.name, answer.status, headers, answer.body)
            except AssertionError as error:
                self.broken.append(error)
                raise
        return answer

    def _break(self, told: str) -> None:
        if self._strict:
            self.broken.append(AssertionError(told))
            raise self.broken[-1]


def _head(scope: Mapping[str, Any]) -> sigv4.Head:
    raw = scope.get("raw_path") or scope["path"].encode()
    path = raw.partition(b"?")[0].decode("utf-8", "surrogateescape")
    headers = tuple((name.lower(), value) for name, value in scope["headers"])
    return sigv4.Head(scope["method"], path, scope.get("query_string", b""), headers)


def _names(operation: Operation, head: sigv4.Head) -> list[str]:
    """The headers that were sent and mean something."""
    wanted = (member.wire.lower() for member in operation.input.at("header"))
    return [name for name in wanted if head.header(name) is not None]
