"""Workspaces: indexes under another name."""

from __future__ import annotations

from typing import Any

from syncline.dialects import names
from syncline.dialects.aws import Fault, Request
from syncline.dialects.host import Host
from syncline.dialects.twinmaker import labels, paging
from syncline.dialects.twinmaker.place import DIALECT, KIND, Place, arn, find, lookup, split_arn, visible
from syncline.model.errors import JobActive
from syncline.service import connectors, indexes
from syncline.store.relational.records import Records

NOT_FOUND, INVALID = "ResourceNotFoundException", "ValidationException"


def create(host: Host, request: Request) -> dict[str, Any]:
    """CreateWorkspace."""
    with host.room() as room:
        id, control, now = request["workspaceId"], room.control(), room.clock()
        name = names.index_name(id, (index.name for index in indexes.all(room)))
        request.caller.need_index(name)
        own = {"id": id, "region": request.region, "role": request.get("role"), "bucket": request.get("s3Location")}
        with control.writing("twinmaker.create_workspace"):
            if lookup(room, id) is not None:
                raise Fault("ConflictException", f"There is a workspace {id} already.")
            index = indexes.add(room, name, request.get("description", ""), {DIALECT: own})
            Records(control, DIALECT).put("workspace", id, {"index": index.id}, now)
            made = Place(host, room, index, request.region)
            labels.first(made, "", request)
        return {"arn": made.arn(), "creationDateTime": index.created_at}


def get(host: Host, request: Request) -> dict[str, Any]:
    """GetWorkspace: by id or by ARN."""
    named = request["workspaceId"]
    split = split_arn(named) if named.startswith("arn:") else (named, "")
    if split is None or split[1]:
        raise Fault(NOT_FOUND, f"There is no workspace {named}.")
    with host.room() as room:
        place = find(host, room, request, NOT_FOUND, split[0])
        return {
            "workspaceId": place.id,
            "arn": place.arn(),
            "description": _description(place),
            "linkedServices": _linked(place),
            "s3Location": place.own.get("bucket"),
            "role": place.own.get("role"),
            "creationDateTime": place.index.created_at,
            "updateDateTime": place.index.updated_at or place.index.created_at,
        }


def update(host: Host, request: Request) -> dict[str, Any]:
    """UpdateWorkspace: what is given is changed."""
    with host.room() as room:
        place = find(host, room, request, NOT_FOUND)
        given = {"role": request.get("role"), "bucket": request.get("s3Location")}
        change = {name: value for name, value in given.items() if value is not None}
        with place.control.writing("twinmaker.update_workspace"):
            index = indexes.get(room, place.index.id)
            index = indexes.update(room, index, description=request.get("description"))
            index = indexes.annotate(room, index, DIALECT, lambda own: {"id": place.id, **own, **change})
        return {"updateDateTime": index.updated_at}


def page(host: Host, request: Request) -> dict[str, Any]:
    """ListWorkspaces: those the caller may see."""
    with host.room() as room:
        found = sorted(visible(host, room, request), key=lambda place: place.id)
        shown, token = paging.page(request, found, lambda place: place.id)
        return {"workspaceSummaries": [_summary(place) for place in shown], "nextToken": token}


def delete(host: Host, request: Request) -> dict[str, Any]:
    """DeleteWorkspace: an empty one."""
    with host.room() as room:
        place = find(host, room, request, NOT_FOUND)
        _check_empty(place)
        try:
            for connector in place.feeding:  # the inbox of what people have made, and nothing else
                connectors.check_idle(room.control(), connector)
                connectors.remove(room, connector)
            indexes.remove(room, place.index)
        except JobActive:  # the last documents are on their way out; clients of AWS try again by themselves
            raise Fault("ThrottlingException", "The workspace is still being emptied; try again.") from None
        except indexes.IndexInUse:
            raise Fault(INVALID, f"Something has been put into the workspace {place.id} meanwhile.") from None
        forget(place)
        return {"message": f"The workspace {place.id} has been deleted."}


def forget(place: Place) -> None:
    """Everything that is kept beside the index."""
    for kind in ("entity", "more", "type", "tags", "unsaid"):
        place.records.remove_of(kind, place.index.id)
    place.records.remove("workspace", place.id)


def _check_empty(place: Place) -> None:
    others = [one for one in place.feeding if not one.extras.get(DIALECT, {}).get("inbox")]
    if any(one.kind == KIND for one in others):
        raise Fault(INVALID, f"The workspace {place.id} has a sync job; delete it first.")
    if others:
        raise Fault(INVALID, f"The workspace {place.id} is fed by the connector {others[0].name!r}; remove it first.")
    for kind, what in (("entity", "entities"), ("type", "component types")):
        if place.records.count(kind, place.index.id):
            raise Fault(INVALID, f"The workspace {place.id} has {what}; delete them first.")


def _summary(place: Place) -> dict[str, Any]:
    return {
        "workspaceId": place.id,
        "arn": arn(place.own.get("region") or place.region, place.id),
        "description": _description(place),
        "linkedServices": _linked(place),
        "creationDateTime": place.index.created_at,
        "updateDateTime": place.index.updated_at or place.index.created_at,
    }


def _description(place: Place) -> str | None:
    return place.index.description[:2048] or None


def _linked(place: Place) -> list[str]:
    return ["IOTSITEWISE"] if place.job is not None else []
