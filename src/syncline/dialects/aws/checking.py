"""Holds a raw response against the model. For tests of dialects, whatever sent the request; a wire in strict mode does
it with everything it answers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from syncline.dialects.aws.faults import COMMON, content_type, error_shape, status_of
from syncline.dialects.aws.models import Operation, Service, Shape, load_service
from syncline.dialects.aws.parsing import Unreadable, parse, parse_text
from syncline.dialects.aws.validating import violations

LATEST_S: Final = 1e11  # a later time is in milliseconds


def check_response(
    service: str,
    operation: str,
    status: int,
    headers: Mapping[str, str] | Iterable[tuple[str, str]],
    body: bytes,
) -> None:
    """Raises AssertionError with all that is wrong with it: members the model does not know, required ones that are
    missing, types, enums, patterns, bounds, times that are not epoch seconds, an error that the operation does not
    model, its status, its headers."""
    known = load_service(service)
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    found = list(_complaints(known, known.operation(operation), status, {k.lower(): v for k, v in pairs}, body))
    assert not found, f"{service}:{operation} answered {status}: " + "; ".join(found)


def _complaints(
    service: Service, operation: Operation, status: int, headers: Mapping[str, str], body: bytes
) -> Iterator[str]:
    if not headers.get("x-amzn-requestid"):
        yield "no x-amzn-RequestId"
    if headers.get("content-type") != content_type(service):
        yield f"Content-Type is {headers.get('content-type')!r}"
    if "x-amzn-errortype" in headers or status >= 300:
        yield from _error(service, operation, status, headers, body)
    else:
        yield from _success(operation, status, headers, body)


def _success(operation: Operation, status: int, headers: Mapping[str, str], body: bytes) -> Iterator[str]:
    shape = operation.output
    if shape is None or operation.method == "HEAD":
        if body:
            yield "the body should be empty"
        raw: Any = {}
    else:
        raw = _json(body)
    if status != operation.status and not (shape and any(shape.at("statusCode"))):
        yield f"the status should be {operation.status}"
    if not isinstance(raw, dict):
        yield "the body is no JSON object"
    elif shape is not None:
        yield from _closed(shape, raw, "", body_only=True)
        yield from _held(shape, raw, _elsewhere(shape, status, headers))


def _elsewhere(shape: Shape, status: int, headers: Mapping[str, str]) -> dict[str, Any]:
    """The members that do not travel in the body."""
    found: dict[str, Any] = {member.name: status for member in shape.at("statusCode")}
    for member in shape.at("header"):
        if member.wire.lower() in headers:
            found[member.name] = parse_text(member.shape, headers[member.wire.lower()])
    return found


def _error(
    service: Service, operation: Operation, status: int, headers: Mapping[str, str], body: bytes
) -> Iterator[str]:
    raw = _json(body)
    if not isinstance(raw, dict):
        yield "the body is no JSON object"
        return
    code = headers.get("x-amzn-errortype", "")
    said = code if service.rest else raw.pop("__type", None)
    if not code or code != said:
        yield f"the code is {code!r} in the header and {said!r} in the body"
        return
    if code not in operation.errors and code not in COMMON:
        yield f"{code} is not modelled"
    shape = error_shape(service, operation, code)
    if status != (wanted := status_of(service, code, shape)):
        yield f"the status of {code} should be {wanted}"
    if shape is None:
        if raw.keys() != {"message"} or not isinstance(raw["message"], str):
            yield f"{code} should have a message and nothing else"
    else:
        if shape.message is not None and shape.message.wire not in raw:
            yield f"{code} has no message"
        yield from _closed(shape.shape, raw, "")
        yield from _held(shape.shape, raw, {})


def _held(shape: Shape, raw: dict[str, Any], elsewhere: dict[str, Any]) -> Iterator[str]:
    try:
        value = parse(shape, raw)
    except Unreadable as error:
        yield str(error)
    else:
        yield from map(str, violations(shape, {**value, **elsewhere}))


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


def _closed(shape: Shape, raw: Any, path: str, *, body_only: bool = False) -> Iterator[str]:
    """What parsing lets pass: unknown members, nulls, times that are texts."""
    if raw is None:
        yield f"{path} is null"
    elif shape.kind == "timestamp" and not (isinstance(raw, (int, float)) and 0 <= raw < LATEST_S):
        yield f"{path} is not epoch seconds: {raw!r:.40}"
    elif shape.kind == "structure" and isinstance(raw, dict):
        members = {m.wire: m.shape for m in shape.members.values() if m.location == "body" or not body_only}
        for name, one in raw.items():
            if name not in members:
                yield f"{path}.{name} is not in the model"
            else:
                yield from _closed(members[name], one, f"{path}.{name}")
    elif shape.kind == "list" and isinstance(raw, list):
        for n, one in enumerate(raw):
            yield from _closed(shape.element, one, f"{path}.{n}")
    elif shape.kind == "map" and isinstance(raw, dict):
        for key, one in raw.items():
            yield from _closed(shape.value, one, f"{path}.{key}")
