"""Requests as they were received: dialects read paths before anybody has decoded them, and bodies up to a size."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


def below(scope: Mapping[str, Any], path: str) -> str:
    """The raw path below the prefix this is mounted under: as many segments less as the prefix has."""
    prefix = scope.get("root_path", "").strip("/")
    if not prefix:
        return path
    return "/" + "/".join(path.split("/")[2 + prefix.count("/") :])


async def body_of(receive: Receive, most: int, *, keep: bool, whole: bool) -> bytes | None:
    """All of it; None when it is more than `most` bytes. Without `keep` it is thrown away. `whole`: what is too much is
    received to its end nevertheless, so that the client gets to read the answer."""
    parts: list[bytes] = []
    size = 0
    while True:
        received = await receive()
        part = received.get("body", b"")
        size += len(part)
        if size > most and not whole:
            return None
        if keep and size <= most:
            parts.append(part)
        if not received.get("more_body"):
            return None if size > most else b"".join(parts)
