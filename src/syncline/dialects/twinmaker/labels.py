"""Tags, as they are kept: by what they belong to, "" for the workspace itself."""

from __future__ import annotations

from collections.abc import Mapping

from syncline.dialects.aws import Request
from syncline.dialects.twinmaker.place import Place


def first(place: Place, what: str, request: Request) -> None:
    """Those that something is made with."""
    place.records.remove("tags", place.key(what))
    if request.get("tags"):
        put(place, what, request["tags"])


def put(place: Place, what: str, tags: Mapping[str, str]) -> None:
    """All that it has."""
    place.records.put("tags", place.key(what), {"tags": dict(tags)}, place.room.clock(), place.index.id)


def held(place: Place, what: str) -> dict[str, str]:
    """All that it has."""
    record = place.records.get("tags", place.key(what))
    return dict(record.body["tags"]) if record else {}


def forget(place: Place, what: str) -> None:
    """It is gone."""
    place.records.remove("tags", place.key(what))
