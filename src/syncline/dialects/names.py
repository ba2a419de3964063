"""Names that other systems give their things, and ours. What cannot be ours word for word is kept by the dialect."""

from __future__ import annotations

import re
import unicodedata
import uuid
from collections.abc import Callable, Iterable
from typing import Final, TypeVar

from syncline.wiring import checked_index

LONGEST: Final = 63  # characters of the name of an index
_ODD: Final = re.compile(r"[^a-z0-9_-]+")
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_OURS: Final = uuid.UUID("6f0b4a5e-6a77-4f6e-9d52-5f3c1c7f3a10")

T = TypeVar("T")


def index_name(wish: str, taken: Iterable[str]) -> str:
    """A name that an index may have, as near to the wish as can be, and not one of those taken."""
    plain = unicodedata.normalize("NFKD", wish).encode("ascii", "ignore").decode().lower()
    slug = _ODD.sub("-", plain).strip("-_")[:LONGEST].rstrip("-_") or "index"
    others, name, number = frozenset(taken), slug, 1
    while name in others:
        number += 1
        name = f"{slug[: LONGEST - 1 - len(str(number))]}-{number}"
    return checked_index(name)


def connector_name(wish: str, taken: Iterable[str]) -> str:
    """A name that a connector may have, as near to the wish as can be, and not one of those taken."""
    plain = re.sub(r"[^A-Za-z0-9 ._@+-]+", "-", unicodedata.normalize("NFKD", wish).encode("ascii", "ignore").decode())
    stem = re.sub(r"^[^A-Za-z0-9]+", "", plain).strip()[:100] or "connector"
    others, name, number = frozenset(taken), stem, 1
    while name in others:
        number += 1
        name = f"{stem} {number}"
    return name


def as_uuid(id: str) -> str:
    """The id, when it is a UUID; otherwise a UUID that stands for it, always the same one."""
    return id if _UUID.fullmatch(id) else str(uuid.uuid5(_OURS, id))


def by_uuid(things: Iterable[T], id: str, id_of: Callable[[T], str]) -> T | None:
    """The thing that `as_uuid` gives that id."""
    return next((thing for thing in things if as_uuid(id_of(thing)) == id), None)
