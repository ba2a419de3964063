"""The wire of this dialect, from the other side: an ASGI application over a table of routes.

    bytes ─▶ key ─▶ route ─▶ media types, query, scope ─▶ function in a thread ─▶ pruned ─▶ bytes

A function is given a Call and returns a Reply, or only the JSON body of a 200. It raises Refused, or lets errors of the
family out. Every answer says which product this is: clients look at that before anything else.
"""

from __future__ import annotations

import binascii
import logging
import re
import zlib
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final
from urllib.parse import unquote_to_bytes

import anyio.to_thread

from syncline.dialects.elastic import bodies
from syncline.dialects.elastic.refusals import (
    Refused,
    RefusedPlainly,
    absent,
    forbidden,
    illegal,
    invalid,
    translated,
    unauthenticated,
    unparsable,
)
from syncline.dialects.elastic.routing import GLOBAL, Found, Route, Router
from syncline.dialects.host import Caller, Host
from syncline.dialects.raw import Receive, Send, below, body_of
from syncline.model.errors import SynclineError
from syncline.model.keys import Forbidden, Scope, Unauthorized
from syncline.wiring import Installation

MAX_BODY: Final = 100 << 20
MAX_WINDOW: Final = 10_000  # from + size
PRODUCT: Final = {"x-elastic-product": "Elasticsearch"}
COMPATIBLE: Final = ("8", "9")
_COMPATIBLE_WITH: Final = re.compile(r"compatible-with\s*=\s*\"?(\w+)\"?")
_OURS: Final = re.compile(r"application/(vnd\.elasticsearch\+)?(json|x-ndjson)")

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Reply:
    """An answer. `body` is JSON; None: no body. A str is sent as plain text."""

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Call:
    """One request, as a function is given it. `parts` are the names in the path, `query` the parameters, decoded."""

    host: Host
    caller: Caller
    method: str
    path: str
    parts: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    raw: bytes = b""

    def room(self) -> AbstractContextManager[Installation]:
        """An Installation for this request."""
        return self.host.room()

    def json(self) -> Any:
        """The body; None when there is none. Raises Refused."""
        return bodies.parsed(self.raw) if self.raw.strip() else None

    def lines(self) -> Iterator[tuple[int, Any]]:
        """Every line of a body of newline-delimited JSON, with its number. Raises Refused."""
        return bodies.lines_of(self.raw)

    def flag(self, name: str, default: bool = False) -> bool:
        """A parameter that is true or false; without a value it is true. Raises Refused."""
        said = self.query.get(name)
        if said is None:
            return default
        if said not in ("", "true", "false"):
            raise illegal(f"Failed to parse value [{said:.200}] as only [true] or [false] are allowed.")
        return said != "false"

    def whole(self, name: str, default: int) -> int:
        """A parameter that is a whole number of 32 bits. Raises Refused."""
        said = self.query.get(name)
        if said is None:
            return default
        if not re.fullmatch(r"[+-]?[0-9]{1,10}", said) or not -(1 << 31) <= int(said) < 1 << 31:
            raise illegal(f"Failed to parse int parameter [{name}] with value [{said:.200}]")
        return int(said)

    def words(self, name: str) -> list[str]:
        """A comma list; empty when it was not given."""
        return [word for word in self.query.get(name, "").split(",") if word]

    def page(self, size: int = 100) -> tuple[int, int]:
        """(from, size). Raises Refused."""
        begin, many = self.whole("from", 0), self.whole("size", size)
        if begin < 0:
            raise illegal(f"[from] parameter cannot be negative, found [{begin}]")
        if many < 0:
            raise illegal(f"[size] parameter cannot be negative, found [{many}]")
        if begin + many > MAX_WINDOW:
            raise illegal(f"Result window is too large, from + size must be at most [{MAX_WINDOW}]: [{begin + many}]")
        return begin, many

    def need_index(self, index: str) -> None:
        """Raises Refused unless the key may use the index of that name, whether there is one or not."""
        if not self.caller.sees(index):
            raise forbidden(f"action is unauthorized for key [{self.caller.key_id}] on index [{index:.300}]")


@dataclass(slots=True, frozen=True)
class _Head:
    """A request without its body."""

    method: str
    path: str
    query: bytes
    headers: Mapping[str, str]


class Elastic:
    """The application. `routes` are joined into one table; a path that is in it twice is a programming error."""

    def __init__(self, host: Host, routes: Sequence[Route], max_body: int = MAX_BODY) -> None:
        self._host = host
        self._router = Router(routes)
        self._max_body = max_body

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close"})
        if scope["type"] != "http":
            return
        head = _head(scope)
        status, headers, body = await self._answer(scope, head, receive)
        headers = {**PRODUCT, "content-length": str(len(body)), **headers}
        raw = [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": raw})
        await send({"type": "http.response.body", "body": b"" if head.method == "HEAD" else body})

    async def _answer(
        self, scope: MutableMapping[str, Any], head: _Head, receive: Receive
    ) -> tuple[int, dict[str, str], bytes]:
        caller: Caller | None = None
        if _has_body(head):
            known = await anyio.to_thread.run_sync(partial(self._shielded, scope, head, self._known))
            raw = await body_of(receive, self._max_body, keep=not isinstance(known, Reply), whole=True)
            if isinstance(known, Reply):
                return _written(known, head)
            caller = known
            if raw is None:
                return _written(_refusal(RefusedPlainly(413, "the body is too large")), head)
        else:
            raw = b""
        serve = partial(self._serve, scope, caller, raw)
        return await anyio.to_thread.run_sync(partial(self._served, scope, head, serve))

    def _served(
        self, scope: MutableMapping[str, Any], head: _Head, serve: Callable[[_Head], Reply]
    ) -> tuple[int, dict[str, str], bytes]:
        reply: Reply = self._shielded(scope, head, serve)
        written = self._shielded(scope, head, partial(_written, reply))
        return _written(written, head) if isinstance(written, Reply) else written

    def _shielded(self, scope: MutableMapping[str, Any], head: _Head, work: Callable[[_Head], Any]) -> Any:
        """What it returns; a Reply for what it raises."""
        try:
            return work(head)
        except Refused as refused:
            return _refusal(refused)
        except SynclineError as error:
            scope["syncline.code"] = error.code
            told = translated(error)
            if told.status >= 500:
                logger.error("elastic.failed", extra={"fields": error.as_dict()})
            return _refusal(told)
        except Exception as error:
            logger.exception("elastic.failed")
            scope["syncline.code"] = "internal"
            return _refusal(Refused(500, "exception", f"something went wrong here: {type(error).__name__}"))

    # --- who

    def _known(self, head: _Head) -> Caller:
        scheme, _, said = head.headers.get("authorization", "").strip().partition(" ")
        scheme, said = scheme.lower(), said.strip()
        try:
            if scheme in ("apikey", "basic"):
                id, colon, secret = binascii.a2b_base64(said, strict_mode=True).decode("utf-8").partition(":")
                if colon:
                    return self._host.identify_pair(id, secret)
            elif scheme == "bearer" and said:
                return self._host.identify(said)
        except (Unauthorized, ValueError):
            pass
        raise unauthenticated(head.path, bool(scheme))

    # --- what

    def _serve(self, scope: MutableMapping[str, Any], caller: Caller | None, raw: bytes, head: _Head) -> Reply:
        caller = self._known(head) if caller is None else caller
        scope["syncline.key_id"] = caller.key_id
        if head.method == "OPTIONS":
            return self._options(head)
        found = self._router.find(head.method, head.path)
        scope["syncline.operation"] = f"elastic:{found.route.method} {found.route.path}"
        call = self._call(found, caller, raw, head)
        try:
            caller.need(found.route.needs)
        except Forbidden:
            raise _unscoped(caller, found.route) from None
        answer = found.route.function(call)
        reply = answer if isinstance(answer, Reply) else Reply(answer)
        if "filter_path" in call.query and isinstance(reply.body, dict | list) and call.query["filter_path"]:
            reply.body = bodies.pruned(reply.body, call.query["filter_path"])
        return reply

    def _options(self, head: _Head) -> Reply:
        try:
            self._router.find("OPTIONS", head.path)
        except RefusedPlainly as refused:
            if refused.status == 405:
                return Reply("", headers=refused.headers)
            raise
        raise AssertionError("OPTIONS is never routed")

    def _call(self, found: Found, caller: Caller, raw: bytes, head: _Head) -> Call:
        _answer_type(head)
        query = _query(head.query)
        odd = [name for name in query if name not in found.route.query and name not in GLOBAL]
        if odd:
            plural = "parameters" if len(odd) > 1 else "parameter"
            named = ", ".join(f"[{name:.200}]" for name in odd)
            raise illegal(f"request [{head.path}] contains unrecognized {plural}: {named}")
        ignored = found.route.body == "none" or (head.method in ("HEAD", "DELETE") and found.route.body != "always")
        body = b"" if ignored else _unpacked(raw, head)
        if body:
            _check_content_type(head)
        call = Call(self._host, caller, head.method, head.path, found.names, query, head.headers, body)
        for name in ("pretty", "human", "error_trace"):
            call.flag(name)
        return call


def _unscoped(caller: Caller, route: Route) -> Refused:
    return forbidden(
        f"action [{route.method} {route.path}] is unauthorized for API key id [{caller.key_id}], this action is "
        f"granted by the scope [{route.needs.value}]"
    )


# --- in ---------------------------------------------------------------------------------------------------------------


def _head(scope: Mapping[str, Any]) -> _Head:
    raw = scope.get("raw_path") or scope["path"].encode()
    path = raw.partition(b"?")[0].decode("latin-1")
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    return _Head(scope["method"], below(scope, path), scope.get("query_string", b""), headers)


def _has_body(head: _Head) -> bool:
    return "transfer-encoding" in head.headers or head.headers.get("content-length", "0") != "0"


def _query(raw: bytes) -> dict[str, str]:
    """Of several of one name the last counts. Raises Refused when it is not UTF-8."""
    found: dict[str, str] = {}
    try:
        for pair in raw.replace(b"+", b" ").split(b"&") if raw else ():
            if pair:
                name, _, value = pair.partition(b"=")
                found[unquote_to_bytes(name).decode("utf-8")] = unquote_to_bytes(value).decode("utf-8")
    except UnicodeDecodeError:
        raise illegal("the query is not UTF-8") from None
    if any("\0" in text for pair in found.items() for text in pair):
        raise illegal("the query holds a NUL character")
    return found


def _unpacked(raw: bytes, head: _Head) -> bytes:
    """The body as it was before it was compressed. Raises Refused."""
    coding = head.headers.get("content-encoding", "").strip().lower()
    if not raw or coding in ("", "identity"):
        return raw
    if coding not in ("gzip", "deflate"):
        raise RefusedPlainly(415, f"Content-Encoding [{coding:.100}] is not supported")
    unpacking = zlib.decompressobj(wbits=47)
    try:
        body = unpacking.decompress(raw, MAX_BODY)
    except zlib.error:
        raise unparsable("[1:1] the body cannot be decompressed") from None
    if unpacking.unconsumed_tail or not unpacking.eof:
        raise RefusedPlainly(413, "the body is too large, or cut off")
    return body


def _check_content_type(head: _Head) -> None:
    said = head.headers.get("content-type", "").strip()
    media = said.partition(";")[0].strip().lower()
    if not _OURS.fullmatch(media):
        raise RefusedPlainly(406, f"Content-Type header [{said:.200}] is not supported")
    _compatible(said, "Content-Type")


def _compatible(said: str, header: str) -> str:
    """The version that a media type asks for; "" when it asks for none. Raises Refused for one there is not."""
    if "vnd.elasticsearch+" not in said.lower():
        return ""
    found = _COMPATIBLE_WITH.search(said.lower())
    if found is None or found[1] not in COMPATIBLE:
        raise Refused(
            400,
            "media_type_header_exception",
            f"Invalid media-type value on headers [{header}]: [{said:.200}]; compatible-with may be 8 or 9",
        )
    return found[1]


# --- out --------------------------------------------------------------------------------------------------------------


def _answer_type(head: _Head) -> str:
    """The media type of the answer. Raises Refused for one that cannot be had."""
    said = head.headers.get("accept", "").strip()
    media = said.partition(";")[0].strip().lower()
    if not said or "," in said or media in ("*/*", "application/*"):
        version = _compatible(head.headers.get("content-type", ""), "Content-Type")
    elif _OURS.fullmatch(media):
        version = _compatible(said, "Accept")
    else:
        raise Refused(
            400, "media_type_header_exception", f"Invalid media-type value on headers [Accept]: [{said:.200}]"
        )
    return f"application/vnd.elasticsearch+json;compatible-with={version}" if version else "application/json"


def _refusal(refused: Refused) -> Reply:
    return Reply(refused.body(), refused.status, refused.headers)


def _written(reply: Reply, head: _Head) -> tuple[int, dict[str, str], bytes]:
    headers = dict(reply.headers)
    if reply.body is None:
        return reply.status, headers, b""
    if isinstance(reply.body, str):
        headers.setdefault("content-type", "text/plain; charset=UTF-8")
        return reply.status, headers, reply.body.encode("utf-8", "replace")
    try:
        headers.setdefault("content-type", _answer_type(head))
    except Refused:
        headers.setdefault("content-type", "application/json")
    pretty = b"pretty" in head.query and _wants_pretty(head)
    return reply.status, headers, bodies.encoded(reply.body, pretty=pretty)


def _wants_pretty(head: _Head) -> bool:
    try:
        return _query(head.query).get("pretty", "false") in ("", "true")
    except Refused:
        return False


__all__ = [
    "Call",
    "Elastic",
    "Refused",
    "RefusedPlainly",
    "Reply",
    "Route",
    "Scope",
    "absent",
    "forbidden",
    "illegal",
    "invalid",
    "unparsable",
]
