"""Python values become JSON and headers by shape. What the model does not know never goes out.

timestamp   an aware datetime, or Unix seconds       ─▶ epoch seconds, to the millisecond; in a header an HTTP date
blob        bytes                                    ─▶ base64
None        in a structure, a map or a list          ─▶ left out; JSON of any form keeps it
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, Final

from syncline.dialects.aws.models import Operation, Shape


class BadOutput(Exception):
    """A function has returned what the model does not allow. It says where, and holds no values."""

    def __init__(self, where: str, what: str) -> None:
        super().__init__(f"{where}: {what}")


def write_output(operation: Operation, value: Mapping[str, Any] | None) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body. An operation without an output shape has an empty body. Raises BadOutput."""
    if operation.output is None:
        if value:
            raise BadOutput(operation.name, f"has no output, but {sorted(value)} was returned")
        return operation.status, {}, b""
    shape, given = operation.output, {} if value is None else value
    body = to_json(shape, given, operation.name)
    headers = {}
    for member in shape.at("header"):
        if member.wire in body:
            headers[member.wire.lower()] = _header(member.shape, given[member.name], body.pop(member.wire))
    status = operation.status
    for member in shape.at("statusCode"):
        status = body.pop(member.wire, status)
    return status, headers, b"" if operation.method == "HEAD" else dumped(body)


def dumped(body: Any) -> bytes:
    """Compact JSON in UTF-8."""
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def to_json(shape: Shape, value: Any, where: str) -> Any:
    """The JSON value. Raises BadOutput."""
    return _WRITERS[shape.kind](shape, value, where)


def _structure(shape: Shape, value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise _unlike(where, shape, value)
    given = {name: one for name, one in value.items() if one is not None}
    if unknown := sorted(map(str, given.keys() - shape.members.keys())):
        raise BadOutput(where, f"{shape.name} has no {', '.join(unknown)}")
    if missing := [name for name in shape.required if name not in given]:
        raise BadOutput(where, f"{shape.name} needs {', '.join(missing)}")
    if shape.union and len(given) != 1:
        raise BadOutput(where, f"{shape.name} needs exactly one member, not {sorted(given)}")
    written = {}
    for name, one in given.items():
        member = shape.members[name]
        written[member.wire] = _WRITERS[member.shape.kind](member.shape, one, f"{where}.{name}")
    return written


def _list(shape: Shape, value: Any, where: str) -> list[Any]:
    if not isinstance(value, Sequence) or isinstance(value, (str, bytes)):
        raise _unlike(where, shape, value)
    write, element = _WRITERS[shape.element.kind], shape.element
    return [write(element, one, f"{where}.{n}") for n, one in enumerate(value) if one is not None]


def _map(shape: Shape, value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise _unlike(where, shape, value)
    write, inner = _WRITERS[shape.value.kind], shape.value
    return {key: write(inner, one, f"{where}.{key}") for key, one in value.items() if one is not None}


def _string(shape: Shape, value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise _unlike(where, shape, value)
    try:
        value.encode()
    except UnicodeEncodeError:
        raise BadOutput(where, "a lone surrogate cannot be sent") from None
    return str(value)  # a StrEnum is its value


def _whole(shape: Shape, value: Any, where: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise _unlike(where, shape, value)
    return value


def _decimal(shape: Shape, value: Any, where: str) -> float | str:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise _unlike(where, shape, value)
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _boolean(shape: Shape, value: Any, where: str) -> bool:
    if not isinstance(value, bool):
        raise _unlike(where, shape, value)
    return value


def _timestamp(shape: Shape, value: Any, where: str) -> int | float:
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise BadOutput(where, "a time without a time zone")
        value = value.timestamp()
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not math.isfinite(value):
        raise _unlike(where, shape, value)
    seconds = round(value, 3)
    return int(seconds) if seconds == int(seconds) else seconds


def _blob(shape: Shape, value: Any, where: str) -> str:
    if not isinstance(value, (bytes, bytearray, memoryview)):
        raise _unlike(where, shape, value)
    return base64.b64encode(value).decode()


def _document(_shape: Shape, value: Any, where: str) -> Any:
    try:
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    except (TypeError, ValueError, RecursionError):
        raise BadOutput(where, "is not JSON") from None
    return value


def _unlike(where: str, shape: Shape, value: Any) -> BadOutput:
    return BadOutput(where, f"{shape.name} is a {shape.kind}, not {type(value).__name__}")


def _header(shape: Shape, value: Any, written: Any) -> str:
    if shape.kind == "timestamp" and shape.timestamp_format in (None, "rfc822"):
        when = value if isinstance(value, datetime) else datetime.fromtimestamp(value, UTC)
        return format_datetime(when.astimezone(UTC), usegmt=True)
    if shape.kind == "boolean":
        return "true" if written else "false"
    if not str(written).isprintable():
        raise BadOutput(shape.name, "a header holds no control characters")
    return str(written)


_WRITERS: Final[dict[str, Callable[[Shape, Any, str], Any]]] = {
    "structure": _structure,
    "list": _list,
    "map": _map,
    "string": _string,
    "integer": _whole,
    "long": _whole,
    "float": _decimal,
    "double": _decimal,
    "boolean": _boolean,
    "timestamp": _timestamp,
    "blob": _blob,
    "document": _document,
}
