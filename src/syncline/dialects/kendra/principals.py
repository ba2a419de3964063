"""PutPrincipalMapping, DeletePrincipalMapping, DescribePrincipalMapping, ListGroupsOlderThanOrderingId.

A mapping is in force when the call returns. What comes later with an earlier ordering id has no effect.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any, Final

from syncline.dialects.aws import Fault
from syncline.dialects.kendra.ending import is_deleting
from syncline.dialects.kendra.ground import Function, Ground, Pages, Place, Request, connectors_of, invalid, source_id
from syncline.dialects.kendra.members import Group, Mappings, Member
from syncline.model.documents import Document
from syncline.model.errors import SynclineError
from syncline.model.keys import Scope
from syncline.service import objects
from syncline.sources.s3.addressing import REGION
from syncline.store.relational.records import Record

MAX_FILE_BYTES: Final = 64 << 20
MOST_MEMBERS: Final = 20_000
_NAMES: Final = ("id", "name", "memberid", "userid", "groupid")  # of a member in a file


def operations(ground: Ground) -> dict[str, Function]:
    """The four."""
    return {
        "PutPrincipalMapping": partial(put, ground),
        "DeletePrincipalMapping": partial(delete, ground),
        "DescribePrincipalMapping": partial(describe, ground),
        "ListGroupsOlderThanOrderingId": partial(older, ground),
    }


def put(ground: Ground, request: Request) -> None:
    """These are its members now, and no others."""
    with ground.at(request, request["IndexId"]) as place:
        group = _group(ground, place, request)
        members = list(_members(place, request))
        with place.room.control().writing("put_mapping"):
            mappings(ground, place).put(group, _ordering(ground, request), members, ground.clock())


def delete(ground: Ground, request: Request) -> None:
    """Nobody is in it any more; nothing happens when nobody was."""
    with ground.at(request, request["IndexId"]) as place:
        group = _group(ground, place, request)
        with place.room.control().writing("delete_mapping"):
            mappings(ground, place).delete(group, _ordering(ground, request), ground.clock())


def describe(ground: Ground, request: Request) -> dict[str, Any]:
    """What was done to it last, newest first."""
    with ground.at(request, request["IndexId"]) as place:
        found = mappings(ground, place).get(Group(_source(place, request), request["GroupId"]))
        if found is None:
            raise Fault("ResourceNotFoundException", f"Index {place.index.id} has no group {request['GroupId']}.")
        return {
            "IndexId": place.index.id,
            "DataSourceId": request.get("DataSourceId"),
            "GroupId": request["GroupId"],
            "GroupOrderingIdSummaries": found.body["summaries"],
        }


def older(ground: Ground, request: Request) -> dict[str, Any]:
    """Groups whose newest ordering id is below the one that is given."""
    with ground.at(request, request["IndexId"]) as place:
        source, known = _source(place, request), mappings(ground, place)
        pages = Pages(request, place.index.id, source, request["OrderingId"], default=10)
        found: list[Record] = []
        after = pages.after
        while len(found) <= pages.limit and (records := known.page(source, after)):
            after = records[-1].number
            found += [
                one for one in records if not one.body["deleted"] and one.body["ordering"] < request["OrderingId"]
            ]
        shown, token = pages.cut(found, [one.number for one in found])
        summaries = [{"GroupId": one.body["group"][1], "OrderingId": one.body["ordering"]} for one in shown]
        return {"GroupsSummaries": summaries, "NextToken": token}


def mappings(ground: Ground, place: Place) -> Mappings:
    """The groups of the index."""
    return Mappings(ground.records(place.room), place.index.id)


def _group(ground: Ground, place: Place, request: Request) -> Group:
    if is_deleting(ground, place):
        raise Fault("ConflictException", f"Index {place.index.id} is being deleted.")
    return Group(_source(place, request), request["GroupId"])


def _source(place: Place, request: Request) -> str:
    id = request.get("DataSourceId")
    return source_id(place.data_source(id)) if id is not None else ""


def _ordering(ground: Ground, request: Request) -> int:
    given: int | None = request.get("OrderingId")
    return int(ground.clock() * 1000) if given is None else given


# --- members ---------------------------------------------------------------------------------------------------------


def _members(place: Place, request: Request) -> Iterator[Member]:
    said: Mapping[str, Any] = request["GroupMembers"]
    if not any(said.get(name) for name in ("MemberUsers", "MemberGroups", "S3PathforGroupMembers")):
        raise invalid("GroupMembers must have MemberUsers, MemberGroups or S3PathforGroupMembers.")
    yield from (Member("user", one["UserId"]) for one in said.get("MemberUsers", ()))
    yield from (Member("group", one["GroupId"], one.get("DataSourceId", "")) for one in said.get("MemberGroups", ()))
    if path := said.get("S3PathforGroupMembers"):
        yield from _in_file(_read(place, request, path["Bucket"], path["Key"]), f"s3://{path['Bucket']}/{path['Key']}")


def _read(place: Place, request: Request, bucket: str, key: str) -> bytes:
    """With the credentials of the server, so only what the index reads already, or for administrators anything."""
    reading = {one.config.get("bucket") for one in connectors_of(place.room, place.index) if one.kind == "s3"}
    if not request.caller.may(Scope.ADMIN) and bucket not in reading:
        raise invalid(f"No data source of the index reads the bucket {bucket}, so this key may not name it.")
    region = request.region if REGION.fullmatch(request.region) else ""
    try:
        found = objects.read(place.room, bucket, [key], region=region, max_bytes=MAX_FILE_BYTES).get(key)
    except SynclineError as error:
        found = error
    if not isinstance(found, Document):
        raise invalid(f"The group members in s3://{bucket}/{key} cannot be read: {found or 'there is nothing'}.")
    return found.content if found.content is not None else (found.text or "").encode()


def _in_file(content: bytes, name: str) -> Iterator[Member]:
    """Each with a `type` of USER or GROUP, an id, and a `dataSourceId` if need be; as a JSON list, as one in an object,
    or a line for each."""
    try:
        listed = list(_listed(content.decode("utf-8-sig")))
        members = [_member({str(key).lower(): value for key, value in one.items()}) for one in listed]
    except (ValueError, AttributeError, KeyError, RecursionError):
        raise invalid(
            f'{name} is not a JSON list of group members, such as [{{"type": "USER", "id": "ann"}}, '
            '{"type": "GROUP", "id": "sales", "dataSourceId": "…"}].'
        ) from None
    if len(members) > MOST_MEMBERS:
        raise invalid(f"{name} has more than {MOST_MEMBERS:,} members.")
    yield from members


def _listed(text: str) -> Iterable[Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    if isinstance(found, dict):
        lists = [value for value in found.values() if isinstance(value, list)]
        return [one for each in lists for one in each] if lists else [found]
    return list(found)


def _member(said: Mapping[str, Any]) -> Member:
    kind = str(said.get("type", "USER" if "userid" in said else "GROUP")).lower()
    name = next((said[key] for key in _NAMES if said.get(key)), None)
    if kind not in ("user", "group") or not isinstance(name, str) or not 1 <= len(name) <= 1024:
        raise ValueError(name)
    return Member(kind, name, str(said.get("datasourceid") or "") if kind == "group" else "")
