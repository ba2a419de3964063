"""Entities: made by hand, or synced from assets. Those that are synced can be added to, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from syncline.dialects.aws import Fault, Request
from syncline.dialects.host import Host
from syncline.dialects.twinmaker import components, labels, paging, publishing, standing, synced, types
from syncline.dialects.twinmaker.definitions import INVALID
from syncline.dialects.twinmaker.place import SOURCE, Place, find
from syncline.dialects.twinmaker.synced import BASE
from syncline.model.destinations import Shown
from syncline.sources.sitewise.inventory import ROOT
from syncline.store.relational.jobs import new_id
from syncline.store.relational.records import Record

NOT_FOUND, CONFLICT = "ResourceNotFoundException", "ConflictException"
MOST_COMPONENTS: Final = 30


@dataclass(slots=True)
class Entity:
    """One entity, whoever has made it. `own` are the components that people have given it, by name; `synced` is the
    document of the asset."""

    id: str
    name: str
    description: str
    parent: str
    created: float
    updated: float
    own: dict[str, Any] = field(default_factory=dict)
    synced: Shown | None = None


def exists(place: Place, id: str) -> bool:
    """Whether there is one of that id."""
    return place.records.get("entity", place.key(id)) is not None or synced.entity(place, id) is not None


def load(place: Place, id: str, times: synced.Times | None = None) -> Entity | None:
    """The entity of that id; None when there is none. One that people have made comes before an asset of that id."""
    record = place.records.get("entity", place.key(id))
    if record is not None:
        return _made(record)
    shown = synced.entity(place, id)
    return None if shown is None else _of_asset(place, shown, times or synced.Times(place))


def _made(record: Record) -> Entity:
    body = record.body
    return Entity(
        record.id.partition("/")[2],
        body["name"],
        body.get("description", ""),
        body["parent"],
        record.created_at,
        record.updated_at,
        body.get("components", {}),
    )


def _of_asset(place: Place, shown: Shown, times: synced.Times) -> Entity:
    more = place.records.get("more", place.key(shown.id))
    updated = max(times.of(shown), more.updated_at if more else 0.0)
    metadata = shown.metadata
    return Entity(
        shown.id,
        shown.title[:256],
        metadata.get("description", "")[:2048],
        metadata.get("parent", ROOT),
        min(standing.seconds(metadata.get("created"), updated), updated),
        updated,
        more.body["components"] if more else {},
        shown,
    )


def has_children(place: Place, entity: Entity) -> bool:
    """Whether anything is below it."""
    if entity.synced is not None and entity.synced.metadata.get("child_count"):
        return True
    if place.records.page("child", 0, 1, place.key(entity.id)):
        return True
    return next(synced.entities(place, "", parent=entity.id), None) is not None


# --- making ----------------------------------------------------------------------------------------------------------


def create(host: Host, request: Request) -> dict[str, Any]:
    """CreateEntity."""
    with host.room() as room:
        place = find(host, room, request, INVALID)
        id, parent = request.get("entityId") or new_id(), request.get("parentEntityId", ROOT)
        if request.get("compositeComponents"):
            raise Fault(INVALID, "compositeComponents cannot be set here.")
        with place.control.writing("twinmaker.create_entity"):
            if exists(place, id):
                raise Fault(CONFLICT, f"There is an entity {id} already.")
            _check_parent(place, parent)
            own = components.made(place, request.get("components", {}))
            _check_count(own)
            body = {
                "name": request["entityName"],
                "description": request.get("description", ""),
                "parent": parent,
                "components": own,
            }
            now = room.clock()
            place.records.put("entity", place.key(id), body, now, place.index.id)
            _link(place, id, body, now)
            labels.first(place, f"entity/{id}", request)
            publishing.changed(place, entity=id)
        publishing.publish(place)
        return {"entityId": id, "arn": place.arn("entity", id), "creationDateTime": now, "state": "ACTIVE"}


def _check_parent(place: Place, parent: str) -> None:
    if parent == ROOT or place.records.get("entity", place.key(parent)) is not None:
        return
    if synced.entity(place, parent) is not None:
        raise Fault(INVALID, f"The entity {parent} is synced from {SOURCE}; nothing can be put below it.")
    raise Fault(INVALID, f"There is no entity {parent} to be the parent.")


def _check_count(own: Mapping[str, Any]) -> None:
    if len(own) > MOST_COMPONENTS:
        raise Fault(INVALID, f"An entity has at most {MOST_COMPONENTS} components.")


def _link(place: Place, id: str, body: Mapping[str, Any], now: float) -> None:
    """Make it be found below its parent, and by the types of its components. Raises Fault when a sibling has its
    name."""
    records, parent = place.records, body["parent"]
    records.put("child", place.key(id), {}, now, place.key(parent))
    if parent != ROOT and records.add("name", place.key(parent, body["name"]), {"id": id}, now) is None:
        raise Fault(CONFLICT, f"Another entity below {parent} has the name {body['name']!r}.")
    for name, one in body["components"].items():
        if one.get("type"):
            records.put("use", place.key(id, name), {"id": id}, now, place.key(one["type"]))


def _unlink(place: Place, id: str, body: Mapping[str, Any]) -> None:
    records, parent = place.records, body["parent"]
    records.remove("child", place.key(id))
    if parent != ROOT:
        records.remove("name", place.key(parent, body["name"]))
    for name in body["components"]:
        records.remove("use", place.key(id, name))


# --- changing --------------------------------------------------------------------------------------------------------


def update(host: Host, request: Request) -> dict[str, Any]:
    """UpdateEntity."""
    with host.room() as room:
        place, id = find(host, room, request, NOT_FOUND), request["entityId"]
        if request.get("compositeComponentUpdates"):
            raise Fault(INVALID, "compositeComponentUpdates cannot be made here.")
        with place.control.writing("twinmaker.update_entity"):
            entity = load(place, id)
            if entity is None:
                raise Fault(NOT_FOUND, f"There is no entity {id}.")
            change = _change_synced if entity.synced is not None else _change_made
            at = change(place, entity, request)
        publishing.publish(place)
        return {"updateDateTime": at, "state": "ACTIVE"}


def _change_synced(place: Place, entity: Entity, request: Request) -> float:
    for member in ("entityName", "description", "parentEntityUpdate"):
        if member in request:
            raise Fault(INVALID, f"The entity {entity.id} is synced from {SOURCE}; its {member} comes from there.")
    updates = request.get("componentUpdates", {})
    if BASE in updates:
        raise Fault(INVALID, f"The component {BASE} is synced from {SOURCE} and cannot be changed.")
    own, now = components.changed(place, entity.own, updates), place.room.clock()
    _check_count({**own, BASE: None})
    for name in entity.own:
        place.records.remove("use", place.key(entity.id, name))
    place.records.put("more", place.key(entity.id), {"components": own}, now, place.index.id)
    for name, one in own.items():
        if one.get("type"):
            place.records.put("use", place.key(entity.id, name), {"id": entity.id}, now, place.key(one["type"]))
    return now


def _change_made(place: Place, entity: Entity, request: Request) -> float:
    record = place.records.get("entity", place.key(entity.id))
    assert record is not None
    parent = _new_parent(place, entity, request)
    own = components.changed(place, entity.own, request.get("componentUpdates", {}))
    _check_count(own)
    body = {
        "name": request.get("entityName", entity.name),
        "description": request.get("description", entity.description),
        "parent": parent,
        "components": own,
    }
    now = place.room.clock()
    _unlink(place, entity.id, record.body)
    _link(place, entity.id, body, now)
    place.records.update("entity", place.key(entity.id), body, now)
    publishing.changed(place, entity=entity.id)
    return now


def _new_parent(place: Place, entity: Entity, request: Request) -> str:
    update = request.get("parentEntityUpdate")
    if update is None:
        return entity.parent
    if update["updateType"] == "DELETE":
        return ROOT
    parent = str(update.get("parentEntityId") or ROOT)
    _check_parent(place, parent)
    above = parent
    while above != ROOT:
        if above == entity.id:
            raise Fault(INVALID, f"The entity {parent} is {entity.id} or below it, and cannot be its parent.")
        record = place.records.get("entity", place.key(above))
        above = record.body["parent"] if record else ROOT
    return parent


def delete(host: Host, request: Request) -> dict[str, Any]:
    """DeleteEntity: with everything below it if that is asked for."""
    with host.room() as room:
        place, id = find(host, room, request, NOT_FOUND), request["entityId"]
        with place.control.writing("twinmaker.delete_entity"):
            entity = load(place, id)
            if entity is None:
                raise Fault(NOT_FOUND, f"There is no entity {id}.")
            if entity.synced is not None:
                standing.check_let_go(place, f"The entity {id}")
                return {"state": "DELETING"}
            if not request.get("isRecursive") and place.records.page("child", 0, 1, place.key(id)):
                raise Fault(INVALID, f"The entity {id} has others below it; delete them first, or set isRecursive.")
            for one in _with_all_below(place, id):
                _forget(place, one)
        publishing.publish(place)
        return {"state": "DELETING"}


def _with_all_below(place: Place, id: str) -> list[str]:
    found = [id]
    for one in found:  # grows while it is walked
        found += [record.id.partition("/")[2] for record in place.records.all("child", place.key(one))]
    return found


def _forget(place: Place, id: str) -> None:
    record = place.records.get("entity", place.key(id))
    if record is not None:
        _unlink(place, id, record.body)
        place.records.remove("entity", place.key(id))
        labels.forget(place, f"entity/{id}")
        publishing.changed(place, entity=id)


# --- looking ---------------------------------------------------------------------------------------------------------


def get(host: Host, request: Request) -> dict[str, Any]:
    """GetEntity."""
    with host.room() as room:
        place, id = find(host, room, request, NOT_FOUND), request["entityId"]
        entity = load(place, id)
        if entity is None:
            raise Fault(NOT_FOUND, f"There is no entity {id}.")
        own = {name: components.answered(place, name, one) for name, one in entity.own.items()}
        base = {} if entity.synced is None else {BASE: components.base(place, entity.synced)}
        return {
            **_summary(place, entity),
            "workspaceId": place.id,
            "components": {**base, **own},
            "syncSource": SOURCE if entity.synced else None,
            "areAllComponentsReturned": True,
        }


def _summary(place: Place, entity: Entity) -> dict[str, Any]:
    return {
        "entityId": entity.id,
        "entityName": entity.name,
        "arn": place.arn("entity", entity.id),
        "parentEntityId": entity.parent,
        "status": {"state": standing.state_of(place, entity.synced is not None)},
        "description": entity.description or None,
        "hasChildEntities": has_children(place, entity),
        "creationDateTime": entity.created,
        "updateDateTime": entity.updated,
    }


def page(host: Host, request: Request) -> dict[str, Any]:
    """ListEntities: those made by hand, then those synced."""
    with host.room() as room:
        place = find(host, room, request, INVALID)
        wanted = dict(next(iter(one.items())) for one in request.get("filters", ()))
        if len(wanted) < len(request.get("filters", ())):
            raise Fault(INVALID, "Each of the filters must be of another kind.")
        shown, token = paging.taken(request, listed(place, wanted, *paging.place(request, 0, "")))
        return {"entitySummaries": [_summary(place, one) for one in shown], "nextToken": token}


def listed(
    place: Place, wanted: Mapping[str, str], number: int, after: str
) -> Iterator[tuple[Entity, tuple[int, str]]]:
    """Entities that suit all of `wanted` (parentEntityId, componentTypeId, externalId), and where each of them is, from
    there on."""
    times = synced.Times(place)
    if not after:
        for record in _records(place, wanted, number):
            number = record.number
            id = record.body["id"] if record.kind == "use" else record.id.partition("/")[2]
            found = load(place, id, times)
            if found is not None and _suits(place, found, wanted):
                yield found, (number, "")
    parent, type = wanted.get("parentEntityId"), wanted.get("componentTypeId")
    for shown in synced.entities(place, after, parent, type):
        if place.records.get("entity", place.key(shown.id)) is None:
            found = _of_asset(place, shown, times)
            seen = type is not None and any(one.get("type") == type for one in found.own.values())
            if not seen and _suits(place, found, wanted):
                yield found, (number, shown.id)


def _records(place: Place, wanted: Mapping[str, str], number: int) -> Iterator[Record]:
    """Those behind the entities made by hand, and behind synced ones with own components, by the narrowest way."""
    kind, parent = "entity", place.index.id
    if "parentEntityId" in wanted:
        kind, parent = "child", place.key(wanted["parentEntityId"])
    elif "componentTypeId" in wanted:
        kind, parent = "use", place.key(wanted["componentTypeId"])
    seen = set[str]()
    while found := place.records.page(kind, number, parent=parent):
        for record in found:
            id = record.body.get("id", record.id)
            if id not in seen:
                seen.add(id)
                yield record
        number = found[-1].number


def _suits(place: Place, entity: Entity, wanted: Mapping[str, str]) -> bool:
    told: dict[str, Callable[[str], bool]] = {
        "parentEntityId": lambda value: entity.parent == value,
        "componentTypeId": lambda value: _has_type(entity, value),
        "externalId": lambda value: _has_external_id(place, entity, value),
    }
    return all(told[name](value) for name, value in wanted.items())


def _has_type(entity: Entity, type: str) -> bool:
    of_asset = entity.synced.metadata.get("component_type") if entity.synced else None
    return type == of_asset or any(one.get("type") == type for one in entity.own.values())


def _has_external_id(place: Place, entity: Entity, value: str) -> bool:
    if entity.synced is not None and value in (entity.id, entity.synced.metadata.get("external_id")):
        return True
    for one in entity.own.values():
        known = types.load(place, one["type"]) if one.get("type") else None
        for name, held in one.get("properties", {}).items():
            definition = {**(known.definitions.get(name, {}) if known else {}), **held.get("definition", {})}
            if definition.get("isExternalId") and held.get("value", {}).get("stringValue") == value:
                return True
    return False
