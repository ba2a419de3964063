"""Tags, of workspaces and of what is in them. They are on the same root as everything, not below a workspace."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from syncline.dialects.aws import Fault, Request
from syncline.dialects.host import Host
from syncline.dialects.twinmaker import entities, labels, paging, types
from syncline.dialects.twinmaker.place import SOURCE, Place, find, split_arn
from syncline.wiring import Installation

MOST: Final = 50
NOT_FOUND: Final = "ResourceNotFoundException"


def tag(host: Host, request: Request) -> dict[str, Any]:
    """TagResource."""
    with host.room() as room:
        place, what = _named(host, room, request)
        with place.control.writing("twinmaker.tag"):
            tags = {**labels.held(place, what), **request["tags"]}
            if len(tags) > MOST:
                raise Fault("TooManyTagsException", f"A resource has at most {MOST} tags.")
            labels.put(place, what, tags)
    return {}


def untag(host: Host, request: Request) -> dict[str, Any]:
    """UntagResource."""
    with host.room() as room:
        place, what = _named(host, room, request)
        with place.control.writing("twinmaker.untag"):
            tags = {key: value for key, value in labels.held(place, what).items() if key not in request["tagKeys"]}
            labels.put(place, what, tags)
    return {}


def page(host: Host, request: Request) -> dict[str, Any]:
    """ListTagsForResource. All of them, unless it is told how many."""
    with host.room() as room:
        place, what = _named(host, room, request)
        tags = labels.held(place, what)
    shown, token = paging.page(request, sorted(tags), lambda key: key)
    return {"tags": {key: tags[key] for key in shown}, "nextToken": token}


def _named(host: Host, room: Installation, request: Request) -> tuple[Place, str]:
    """The workspace and the thing in it. Raises Fault unless it is there."""
    split = split_arn(request["resourceARN"])
    missing = Fault(NOT_FOUND, f"There is no {request['resourceARN']}.")
    if split is None:
        raise missing
    place, what = find(host, room, request, NOT_FOUND, split[0]), split[1]
    kind, _, id = what.partition("/")
    known: dict[str, Callable[[], bool]] = {
        "": lambda: True,
        "sync-job": lambda: id == SOURCE and place.job is not None,
        "entity": lambda: entities.exists(place, id),
        "component-type": lambda: types.exists(place, id),
    }
    if kind not in known or not known[kind]():
        raise missing
    return place, what
