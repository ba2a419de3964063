"""JSON, paths, queries and headers become Python values by shape, as strictly typed as AWS does it.

    timestamp   epoch seconds, ISO 8601 with a time, HTTP date     ─▶ an aware datetime (UTC)
    blob        base64                                             ─▶ bytes
    float       numbers, "NaN", "Infinity", "-Infinity"            ─▶ float
    null        in a structure                                     ─▶ absent; in a list or a map it stays, for
                                                                      `validating` to refuse
Members that the model does not know are passed over. What has the wrong type is Unreadable.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final, NoReturn
from urllib.parse import parse_qsl

from syncline.dialects.aws.models import Member, Operation, Shape

MAX_NESTING: Final = 64
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ISO: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d.*", re.ASCII)
_WHOLE: Final = re.compile(r"-?\d{1,19}", re.ASCII)
_LIMITS: Final = {"integer": 1 << 31, "long": 1 << 63}
_ARTICLES: Final = {"integer": "an Integer", "string": "a String", "boolean": "a Boolean", "long": "a Long"}
_SPECIAL: Final = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_STRUCTURE_FOUND: Final = "Start of structure or map found where not expected."
_LIST_FOUND: Final = "Start of list found where not expected"


class Unreadable(Exception):
    """The request is not what its shape says. The message is in the words of AWS and holds no values."""


def parse_input(
    operation: Operation, labels: Mapping[str, str], query: bytes, headers: Mapping[str, str], body: Any
) -> dict[str, Any]:
    """The input of an operation, by the names of the model. `labels` are decoded, `headers` have names in lower case,
    `body` is the JSON value. Raises Unreadable."""
    shape = operation.input
    value = dict(_structure(shape, body, 0, "body"))
    for member in shape.at("uri"):
        if member.wire in labels:
            value[member.name] = parse_text(member.shape, labels[member.wire])
    asked = _query(query) if any(shape.at("querystring")) else []
    for member in shape.at("querystring"):
        _take_query(member, asked, value)
    for member in shape.at("header"):
        said = headers.get(member.wire.lower())
        if said is not None:
            value[member.name] = parse_text(member.shape, said)
    return value


def load_json(raw: bytes) -> Any:
    """Raises Unreadable for what is not JSON in UTF-8, and for what is nested too deep to be read."""
    try:
        return json.loads(raw.decode(), parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise Unreadable("The request body is not JSON.") from None


def parse(shape: Shape, value: Any, depth: int = 0) -> Any:
    """A JSON value that is not null, by shape. Raises Unreadable."""
    return _READERS[shape.kind](shape, value, depth)


def _no_constant(said: str) -> NoReturn:
    raise ValueError(said)


def _token(value: Any, article: str) -> Unreadable:
    if isinstance(value, dict):
        return Unreadable(_STRUCTURE_FOUND)
    if isinstance(value, list):
        return Unreadable(_LIST_FOUND)
    if isinstance(value, bool):
        return Unreadable(f"{'TRUE' if value else 'FALSE'}_VALUE can not be converted to {article}")
    return Unreadable(f"{'STRING' if isinstance(value, str) else 'NUMBER'}_VALUE can not be converted to {article}")


def _container(value: Any, expected: str) -> Unreadable:
    if isinstance(value, dict):
        return Unreadable(_STRUCTURE_FOUND)
    return Unreadable(_LIST_FOUND if isinstance(value, list) else expected)


def _deeper(depth: int) -> int:
    if depth >= MAX_NESTING:
        raise Unreadable(f"The request body is nested more than {MAX_NESTING} deep.")
    return depth + 1


def _structure(shape: Shape, value: Any, depth: int, location: str | None = None) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _container(value, "Expected null")
    depth = _deeper(depth)
    parsed = {}
    for member in shape.members.values():
        one = value.get(member.wire)
        if one is not None and (location is None or member.location == location):
            parsed[member.name] = _READERS[member.shape.kind](member.shape, one, depth)
    return parsed


def _list(shape: Shape, value: Any, depth: int) -> list[Any]:
    if not isinstance(value, list):
        raise _container(value, "Expected list or null")
    depth = _deeper(depth)
    element = shape.element
    read = _READERS[element.kind]
    return [None if one is None else read(element, one, depth) for one in value]


def _map(shape: Shape, value: Any, depth: int) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _container(value, "Expected map or null")
    depth = _deeper(depth)
    inner = shape.value
    read = _READERS[inner.kind]
    return {
        _string(shape.key, key, depth): None if one is None else read(inner, one, depth) for key, one in value.items()
    }


def _string(_shape: Shape, value: Any, _depth: int) -> str:
    if not isinstance(value, str):
        raise _token(value, "a String")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise Unreadable("A string holds half a character (a lone surrogate).") from None
    return value


def _whole(shape: Shape, value: Any, _depth: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise _token(value, _ARTICLES[shape.kind])
    limit = _LIMITS[shape.kind]
    # Where the model sets bounds, these say what is wrong.
    if (value >= limit and shape.high is None) or (value < -limit and shape.low is None):
        raise Unreadable(f"NUMBER_VALUE can not be converted to {_ARTICLES[shape.kind]}")
    return value


def _decimal(shape: Shape, value: Any, _depth: int) -> float:
    if isinstance(value, str) and value in _SPECIAL:
        return _SPECIAL[value]
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise _token(value, f"a {shape.kind.title()}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if math.isinf(number):
        raise Unreadable(f"NUMBER_VALUE can not be converted to a {shape.kind.title()}")
    return number


def _boolean(_shape: Shape, value: Any, _depth: int) -> bool:
    if not isinstance(value, bool):
        raise _token(value, "a Boolean")
    return value


def _timestamp(_shape: Shape, value: Any, _depth: int) -> datetime:
    if isinstance(value, str):
        return _time_of_text(value)
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise _token(value, "a Timestamp")
    try:
        return _EPOCH + timedelta(seconds=value)
    except (OverflowError, ValueError):
        raise Unreadable("NUMBER_VALUE can not be converted to a Timestamp") from None


def _time_of_text(said: str) -> datetime:
    try:
        if _ISO.fullmatch(said):
            when = datetime.fromisoformat(said)
        elif said.replace(".", "", 1).removeprefix("-").isdecimal():
            return _EPOCH + timedelta(seconds=float(said))
        else:
            when = parsedate_to_datetime(said)
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, OverflowError):
        raise Unreadable("STRING_VALUE can not be converted to a Timestamp") from None


def _blob(_shape: Shape, value: Any, _depth: int) -> bytes:
    if not isinstance(value, str):
        raise _token(value, "a Blob")
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise Unreadable("STRING_VALUE can not be converted to a Blob") from None


def _document(shape: Shape, value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return _string(shape, value, depth)
    if isinstance(value, dict):
        depth = _deeper(depth)
        return {_string(shape, key, depth): _document(shape, one, depth) for key, one in value.items()}
    if isinstance(value, list):
        depth = _deeper(depth)
        return [_document(shape, one, depth) for one in value]
    if isinstance(value, float) and math.isinf(value):
        raise Unreadable("A number is too large.")
    return value


# --- paths, queries, headers -----------------------------------------------------------------------------------------


def _query(raw: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=1000)
    except ValueError:
        raise Unreadable("The query string cannot be read.") from None


def _take_query(member: Member, asked: Sequence[tuple[str, str]], value: dict[str, Any]) -> None:
    said = [text for name, text in asked if name == member.wire]
    if not said:
        return
    if member.shape.kind == "list":
        value[member.name] = [parse_text(member.shape.element, text) for text in said]
    else:
        value[member.name] = parse_text(member.shape, said[0])


def parse_text(shape: Shape, said: str) -> Any:
    """What stands in a path, a query or a header. Raises Unreadable."""
    if shape.kind in _LIMITS:
        if not _WHOLE.fullmatch(said):
            raise _token(said, _ARTICLES[shape.kind])
        return _whole(shape, int(said), 0)
    if shape.kind == "boolean":
        if said not in ("true", "false"):
            raise _token(said, "a Boolean")
        return said == "true"
    if shape.kind in ("float", "double") and said not in _SPECIAL:
        try:
            return _decimal(shape, float(said), 0)
        except ValueError:
            raise _token(said, f"a {shape.kind.title()}") from None
    if shape.kind == "list":
        return [parse_text(shape.element, one.strip()) for one in said.split(",")]
    return parse(shape, said)


_READERS: Final[dict[str, Callable[[Shape, Any, int], Any]]] = {
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
