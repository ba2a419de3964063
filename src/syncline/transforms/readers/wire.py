"""How the job's process and the child that reads for it talk: frames over two pipes.

    frame = 4 bytes: size of the head · 8 bytes: size of the body · head · body        (big endian)

    request   head: marshal of the Request's fields      body: the document's bytes
    answer    head: JSON object                          body: its text in UTF-8

The child reads what strangers wrote, so its answers are JSON, which cannot run anything. Requests come from ourselves.
"""

from __future__ import annotations

import marshal

try:
    from _json import encode_basestring_ascii as _quote  # the json package takes as long to import as Python to start
except ImportError:
    from json.encoder import encode_basestring_ascii as _quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

PREFIX = 12
MAX_HEAD = 4 << 20


class Request:
    """What to read and how much of it. `reader` is a name in worker.READERS."""

    __slots__ = ("declared", "files", "max_chars", "max_unpacked_bytes", "max_zip_ratio", "reader", "wall_s")

    def __init__(
        self,
        reader: str,
        declared: str,
        max_chars: int,
        max_unpacked_bytes: int,
        max_zip_ratio: int,
        files: int,
        wall_s: float,
    ) -> None:
        self.reader = reader
        self.declared = declared
        self.max_chars = max_chars
        self.max_unpacked_bytes = max_unpacked_bytes
        self.max_zip_ratio = max_zip_ratio
        self.files = files
        self.wall_s = wall_s

    def pack(self) -> bytes:
        """The head of its frame."""
        return marshal.dumps(
            (
                self.reader,
                self.declared,
                self.max_chars,
                self.max_unpacked_bytes,
                self.max_zip_ratio,
                self.files,
                self.wall_s,
            )
        )

    @classmethod
    def unpack(cls, head: bytes) -> Request:
        """The other way around."""
        return cls(*marshal.loads(head))  # noqa: S302  (it comes from our own parent)


def frame(head: bytes, body: bytes | bytearray | memoryview) -> bytes:
    """What goes before the body."""
    return len(head).to_bytes(4, "big") + len(body).to_bytes(8, "big") + head


def sizes(prefix: bytes) -> tuple[int, int]:
    """(size of the head, size of the body)"""
    return int.from_bytes(prefix[:4], "big"), int.from_bytes(prefix[4:PREFIX], "big")


def receive(read: Callable[[int], bytes]) -> tuple[bytes, bytes] | None:
    """(head, body) by a blocking `read`, None at the end of the pipe."""
    prefix = read(PREFIX)
    if len(prefix) < PREFIX:
        return None
    head_size, body_size = sizes(prefix)
    head, body = read(head_size), read(body_size)
    return (head, body) if len(head) + len(body) == head_size + body_size else None


def to_json(value: Mapping[str, Any]) -> bytes:
    """Compact JSON of strings, numbers, booleans, and lists and mappings of them."""
    return _json(value).encode("ascii")


def _json(value: Any) -> str:
    if isinstance(value, str):
        return _quote(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{_quote(key)}:{_json(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(_json, value)) + "]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return repr(value)
