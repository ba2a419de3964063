"""What a bucket holds, in words that every object store shares, and what this source asks of a store."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol


class Found(NamedTuple):
    """One object of a listing. `modified` is in Unix milliseconds, `etag` without its quotation marks ("" when the
    store has none)."""

    key: str
    size: int
    etag: str
    modified: int

    @property
    def version(self) -> str | None:
        """Changes when the object is written again, even with the same bytes; None when the store gives no ETag."""
        return f"{self.etag}.{self.size:x}.{self.modified:x}" if self.etag else None


@dataclass(slots=True)
class Body:
    """One object, read to its end. `user` is its own metadata, names in lower case."""

    found: Found
    content: bytes
    media_type: str = ""
    encoding: str = ""
    user: Mapping[str, str] = field(default_factory=dict)


class TooLarge(Exception):
    """An object turned out larger than was reserved for it. `size` is what the store says; the read was broken off."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.size = size


class NotThere(Exception):
    """There is no object of that key."""


class Unreadable(Exception):
    """One object cannot be read now. `code` is one of ours, `reason` is for people.

    unreached  True: the store itself gave no proper answer, so others may fare alike.
    """

    def __init__(self, reason: str, code: str = "document.unreadable", *, unreached: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code
        self.unreached = unreached


class Halted(Exception):
    """Somebody gave the signal to stop."""


class ObjectStore(Protocol):
    """One bucket. Whatever waits looks at `halt`, and raises Halted soon after it was set."""

    name: str  # for messages: "s3://handbook"
    anchor: str  # where the bucket is

    def pages(self, prefix: str, after: str, halt: threading.Event) -> Iterator[Sequence[Found]]:
        """Every object whose key begins with `prefix` and comes after `after` ("": all of them), in order of their keys
        as UTF-8. Raises CredentialsInvalid or SourceUnavailable; when it ends without, that was everything."""
        ...

    def get(self, key: str, limit: int, halt: threading.Event) -> Body:
        """The object, of `limit` bytes at most. Raises TooLarge, NotThere, Unreadable; and CredentialsInvalid or
        SourceUnavailable when no other object could be read either."""
        ...

    def link(self, key: str) -> str:
        """Where a person can open it, given the rights."""
        ...

    def cut(self) -> None:
        """Break off every request under way, from another thread. Later ones are not affected."""
        ...
