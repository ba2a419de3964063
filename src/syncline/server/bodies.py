"""Reading what a request says, within limits: size, nesting, numbers, characters."""

from __future__ import annotations

import json
import math
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from starlette.requests import Request
from starlette.types import Scope

from syncline.server.problems import BadEncoding, BadJson, BadNumber, TooDeep, TooLarge, WrongMediaType

MAX_NESTING: Final = 64
MAX_DIGITS: Final = 20
_JSON = ("application/json", "application/merge-patch+json")


def check_target(scope: Scope) -> None:
    """Raises BadEncoding when the path or the query is not UTF-8, or holds a NUL character."""
    for name, part in (("path", scope.get("raw_path") or b""), ("query", scope.get("query_string", b""))):
        plain = unquote_to_bytes(part.replace(b"+", b" "))
        if b"\0" in plain:
            raise BadEncoding(f"the {name} holds a NUL character")
        try:
            plain.decode()
        except UnicodeDecodeError:
            raise BadEncoding(f"the {name} is not UTF-8") from None


async def read(request: Request, most: int) -> bytes:
    """The body. Raises TooLarge as soon as it is more than `most` bytes."""
    said = request.headers.get("content-length", "")
    if said.isdecimal() and int(said[:20]) > most:
        raise TooLarge(f"the body has {int(said[:20]):,} bytes, and {most:,} are taken at most")
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            raise TooLarge(f"the body has more than {most:,} bytes")
        parts.append(part)
    return b"".join(parts)


def check_media_type(said: str) -> None:
    """Raises WrongMediaType unless it is JSON in UTF-8."""
    kind, _, rest = said.partition(";")
    charset = rest.lower().replace(" ", "").replace('"', "")
    if kind.strip().lower() not in _JSON or (charset.startswith("charset=") and charset[8:] not in ("utf-8", "utf8")):
        raise WrongMediaType(f"the body is {said!r:.100}, not JSON" if said else "the body has no Content-Type")


def parsed(raw: bytes, *, any_text: bool = False) -> Any:
    """The JSON value. With `any_text`, strings may hold anything: whoever takes them looks at them one by one.
    Raises BadEncoding, BadJson, BadNumber, TooDeep."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise BadEncoding("the body is not UTF-8") from None
    try:
        value = json.loads(text, parse_constant=_no_constant, parse_float=_float, parse_int=_int)
    except RecursionError:
        raise TooDeep(f"the body is nested more than {MAX_NESTING} deep") from None
    except json.JSONDecodeError as error:
        raise BadJson(f"the body is not JSON: {error.msg} at character {error.pos}") from None
    _walk(value, any_text)
    return value


def _no_constant(said: str) -> Any:
    raise BadJson(f"the body is not JSON: it holds {said}")


def _float(said: str) -> float:
    value = float(said)
    if math.isinf(value):
        raise BadNumber(f"the number {said[:40]} is too large")
    return value


def _int(said: str) -> int:
    value = int(said) if len(said) <= MAX_DIGITS else 1 << 64
    if not -(1 << 63) <= value < 1 << 63:
        raise BadNumber(f"the number {said[:40]} is too large")
    return value


def _walk(value: Any, any_text: bool) -> None:
    """Raises for what is too deep, and for strings that no text can be."""
    level: list[Any] = [value]
    for _ in range(MAX_NESTING + 1):
        deeper: list[Any] = []
        for item in level:
            if isinstance(item, str):
                if not any_text:
                    _check_text(item)
            elif isinstance(item, dict):
                if not any_text:
                    deeper.extend(item)
                deeper.extend(item.values())
            elif isinstance(item, list):
                deeper.extend(item)
        if not deeper:
            return
        level = deeper
    raise TooDeep(f"the body is nested more than {MAX_NESTING} deep")


def _check_text(text: str) -> None:
    if "\0" in text:
        raise BadEncoding("a text of the body holds a NUL character")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise BadEncoding("a text of the body holds half a character (a lone surrogate)") from None
