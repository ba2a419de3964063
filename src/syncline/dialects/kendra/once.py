"""Making things once: a ClientToken that comes again gives what it gave before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from syncline.dialects.kendra.ground import Ground, Request
from syncline.wiring import Installation

GIVEN: Final = "token"


def once(
    ground: Ground,
    room: Installation,
    request: Request,
    belongs_to: str,
    exists: Callable[[str], bool],
    make: Callable[[], str],
) -> str:
    """The id of what `make` makes, or has made for the same token. Both happen or neither: a token that is kept names
    a thing that is there. What has been deleted since is made again. `belongs_to`: the index, "" for an index."""
    token = request.get("ClientToken")
    if token is None:
        return make()
    records, key = ground.records(room), f"{request.operation} {request.key_id} {belongs_to} {token}"
    with room.control().writing("make_once"):
        found = records.get(GIVEN, key)
        if found is not None and exists(str(found.body["id"])):
            return str(found.body["id"])
        id = make()
        records.remove(GIVEN, key)
        records.add(GIVEN, key, {"id": id}, ground.clock(), belongs_to or id)
    return id
