"""Tokens that say where a list goes on. A token belongs to one question: with another one it is refused."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, TypeVar

from syncline.dialects.aws import Fault, Request

USUAL: Final = {"ListSyncJobs": 50, "ListSyncResources": 50, "ListTagsForResource": 50}
OTHERS: Final = 25
_VERSION: Final = 1

T = TypeVar("T")


def size(request: Request) -> int:
    """How many are wanted."""
    wanted = int(request.get("maxResults") or 0)
    return wanted or USUAL.get(request.operation, OTHERS)


def place(request: Request, *start: Any) -> list[Any]:
    """Where to go on: what `token` was given, or `start` without one. Raises Fault for a token of somebody else's."""
    given = request.get("nextToken")
    if not given:
        return list(start)
    try:
        version, question, *at = json.loads(base64.urlsafe_b64decode(given.encode()))
    except ValueError:
        raise _unknown() from None
    if version != _VERSION or question != _question(request) or list(map(type, at)) != list(map(type, start)):
        raise _unknown()
    return list(at)


def token(request: Request, *at: Any) -> str:
    """Go on from there."""
    text = json.dumps([_VERSION, _question(request), *at], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode()


def page(request: Request, things: Sequence[T], key: Callable[[T], str]) -> tuple[list[T], str | None]:
    """Of things that are in order of their keys: those of the page, and the token of the next one."""
    (after,) = place(request, "")
    rest = [thing for thing in things if key(thing) > after]
    wanted = size(request)
    shown = rest[:wanted]
    return shown, token(request, key(shown[-1])) if len(rest) > wanted else None


def taken(request: Request, things: Iterator[tuple[T, tuple[Any, ...]]]) -> tuple[list[T], str | None]:
    """As many of the things as a page holds; each comes with where to go on after it."""
    wanted, shown = size(request), list[T]()
    last: tuple[Any, ...] = ()
    for thing, at in things:
        if len(shown) == wanted:
            return shown, token(request, *last)
        shown.append(thing)
        last = at
    return shown, None


def _question(request: Request) -> int:
    """What tells one question from another: everything but the page."""
    asked = {name: value for name, value in request.input.items() if name not in ("nextToken", "maxResults")}
    return zlib.crc32(json.dumps([request.operation, asked], sort_keys=True, default=str).encode())


def _unknown() -> Fault:
    return Fault("ValidationException", "The nextToken is not one that this list has given.")
