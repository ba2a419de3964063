"""CreateIndex, DescribeIndex, UpdateIndex, ListIndices, DeleteIndex.

An index of ours has a name that never changes and goes into paths; what Kendra's clients call it is kept beside it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

from syncline.dialects import names
from syncline.dialects.aws import Fault
from syncline.dialects.kendra import tags
from syncline.dialects.kendra.ending import delete, is_deleting
from syncline.dialects.kendra.fields import DATE, LONG, RESERVED, STRING, Field, fields_of, from_shape
from syncline.dialects.kendra.ground import (
    DIALECT,
    Function,
    Ground,
    Pages,
    Place,
    Request,
    denied,
    invalid,
    one_line,
    visible_indexes,
)
from syncline.dialects.kendra.once import once
from syncline.model.indexes import Index
from syncline.service import indexes
from syncline.wiring import Installation

MOST_FIELDS: Final = 500
EDITION: Final = "ENTERPRISE_EDITION"
KEPT: Final = (
    *("Name", "Edition", "RoleArn", "ServerSideEncryptionConfiguration", "UserTokenConfigurations"),
    *("UserContextPolicy", "UserGroupResolutionConfiguration", "CapacityUnits"),
)
PATIENCE: Final = 20.0  # counts that took so long are used so many times as long
QUICK_S: Final = 0.02
_FIELD_NAME: Final = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9_-]*")


def operations(ground: Ground) -> dict[str, Function]:
    """The five."""
    counts = Counts()
    return {
        "CreateIndex": partial(create, ground),
        "DescribeIndex": partial(describe, ground, counts),
        "UpdateIndex": partial(update, ground),
        "ListIndices": partial(listed, ground),
        "DeleteIndex": partial(remove, ground),
    }


def create(ground: Ground, request: Request) -> dict[str, Any]:
    """It is ACTIVE at once."""
    _check_common(request)
    kept = {name: request[name] for name in KEPT if name in request}
    kept |= {"Edition": request.get("Edition", EDITION), "tags": tags.checked(request.get("Tags", []))}
    with ground.room() as room:
        id = once(
            ground,
            room,
            request,
            "",
            lambda made: room.control().index(made) is not None,
            lambda: _add(room, request, kept),
        )
        room.index(indexes.get(room, id).name, create=True)
    return {"Id": id}


def _add(room: Installation, request: Request, kept: dict[str, Any]) -> str:
    name = names.index_name(request["Name"], [one.name for one in indexes.all(room)])
    if not request.caller.sees(name):
        raise denied(request, f"index/{name}")
    return indexes.register(room, name, request.get("Description", ""), {DIALECT: kept}).id


def update(ground: Ground, request: Request) -> None:
    """What is given; fields are added or altered by name."""
    _check_common(request)
    changes = {name: request[name] for name in KEPT if name in request}
    said = request.get("DocumentMetadataConfigurationUpdates", [])
    with ground.at(request, request["Id"]) as place:
        if is_deleting(ground, place):
            raise Fault("ConflictException", f"Index {request['Id']} is being deleted.")

        def changed(extras: Mapping[str, Any]) -> dict[str, Any]:
            place.index.extras[DIALECT] = dict(extras)
            return {**extras, **changes, "fields": {**extras.get("fields", {}), **_fields(place.index, said)}}

        indexes.annotate(place.room, place.index, DIALECT, changed)
        if "Description" in request:
            indexes.update(place.room, indexes.get(place.room, place.index.id), description=request["Description"])


def remove(ground: Ground, request: Request) -> None:
    """With its data sources and all documents; jobs are stopped."""
    with ground.at(request, request["Id"]) as place:
        delete(ground, place, place.index)


def _check_common(request: Request) -> None:
    mode = request.get("UserGroupResolutionConfiguration", {}).get("UserGroupResolutionMode", "NONE")
    if mode != "NONE":
        raise invalid("UserGroupResolutionMode AWS_SSO is not supported here: give groups by PutPrincipalMapping.")


# --- looked at -------------------------------------------------------------------------------------------------------


def describe(ground: Ground, counts: Counts, request: Request) -> dict[str, Any]:
    """With its fields, and how much is in it."""
    with ground.at(request, request["Id"]) as place:
        documents, size = counts.of(place)
        kept, shown = place.kept, _summary(ground, place)
        return {
            **{name: kept[name] for name in KEPT if name in kept},
            **shown,
            "Description": one_line(place.index.description, 1000) or "",
            "DocumentMetadataConfigurations": [one.shape() for one in fields_of(place.index).values()],
            "IndexStatistics": {
                "FaqStatistics": {"IndexedQuestionAnswersCount": 0},
                "TextDocumentStatistics": {"IndexedTextDocumentsCount": documents, "IndexedTextBytes": size},
            },
            "CapacityUnits": kept.get("CapacityUnits", {"StorageCapacityUnits": 0, "QueryCapacityUnits": 0}),
            "UserContextPolicy": kept.get("UserContextPolicy", "ATTRIBUTE_FILTER"),
        }


def listed(ground: Ground, request: Request) -> dict[str, Any]:
    """Those that the key may see, oldest first."""
    pages = Pages(request)
    with ground.room() as room:
        found = [one for one in visible_indexes(request, room) if one.number > pages.after][: pages.limit + 1]
        shown, token = pages.cut(found, [one.number for one in found])
        return {
            "IndexConfigurationSummaryItems": [_summary(ground, Place(room, one)) for one in shown],
            "NextToken": token,
        }


def _summary(ground: Ground, place: Place) -> dict[str, Any]:
    index, kept = place.index, place.kept
    return {
        "Name": kept.get("Name", index.name),
        "Id": index.id,
        "Edition": kept.get("Edition", EDITION),
        "CreatedAt": index.created_at,
        "UpdatedAt": index.updated_at or index.created_at,
        "Status": "DELETING" if is_deleting(ground, place) else "ACTIVE",
    }


class Counts:
    """How many documents an index has, and how long they are. Counting looks at every one of them, so what took long
    is remembered for a while."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, tuple[int, int]]] = {}

    def of(self, place: Place) -> tuple[int, int]:
        """(documents, bytes of text)."""
        id, began = place.index.id, time.monotonic()
        until, known = self._known.get(id, (0.0, (0, 0)))
        if began < until:
            return known
        if not place.room.has_index(place.index.name):
            return 0, 0
        shelf = place.room.index(place.index.name).shelf()
        found = shelf.counts()["documents"], shelf.text_bytes()
        took = time.monotonic() - began
        self._known[id] = (began + took * PATIENCE if took > QUICK_S else 0.0, found)
        return found


# --- fields ----------------------------------------------------------------------------------------------------------


def _fields(index: Index, said: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What is kept of the fields that are declared or altered. Raises ValidationException."""
    held = fields_of(index)
    if len({one["Name"] for one in said}) < len(said):
        raise invalid("A field is given twice.")
    for one in said:
        _check_field(one, held.get(one["Name"]))
    changed = {one["Name"]: from_shape(one, held.get(one["Name"])).shape() for one in said}
    if len(held.keys() | changed.keys()) > MOST_FIELDS:
        raise invalid(f"An index has at most {MOST_FIELDS} fields.")
    return changed


def _check_field(said: Mapping[str, Any], held: Field | None) -> None:
    name, type = said["Name"], said["Type"]
    if held is None and (name.startswith("_") or not _FIELD_NAME.fullmatch(name)):
        raise invalid(
            f"{name} cannot be the name of a field: it has letters, digits, _ and -, and does not begin with an "
            f"underscore, which reserved fields do: {', '.join(RESERVED)}."
        )
    if held is not None and held.type != type:
        raise invalid(f"The type of the field {name} is {held.type}; it cannot be changed.")
    relevance = said.get("Relevance") or {}
    for member, types in {"Freshness": (DATE,), "Duration": (DATE,), "RankOrder": (DATE, LONG)}.items():
        if member in relevance and type not in types:
            raise invalid(f"{member} is for fields of the type {' or '.join(types)}; {name} is {type}.")
    if relevance.get("ValueImportanceMap") and type != STRING:
        raise invalid(f"ValueImportanceMap is for fields of the type {STRING}; {name} is {type}.")
