"""Component types: made by hand, synced from models, or built in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from syncline.dialects.aws import Fault, Request
from syncline.dialects.host import Host
from syncline.dialects.twinmaker import definitions, labels, paging, publishing, standing, synced
from syncline.dialects.twinmaker.definitions import INVALID, Definition
from syncline.dialects.twinmaker.place import SOURCE, Place, find
from syncline.sources.sitewise.inventory import PREFIX

NOT_FOUND: Final = "ResourceNotFoundException"
RESERVED: Final = ("com.amazon.", PREFIX)
RESYNC: Final = "com.amazon.iotsitewise.resourcesync"
BUILT_IN: Final = frozenset(
    {
        RESYNC, "com.amazon.iotsitewise.connector", "com.amazon.iotsitewise.alarm.basic", "com.amazon.alarm.basic",
        "com.amazon.athena.connector", "com.amazon.kvs.video", "com.amazon.3d.component.gltf",
    }
)  # fmt: skip


@dataclass(slots=True)
class Type:
    """A component type, whoever has made it. `given` is what CreateComponentType was given."""

    id: str
    definitions: dict[str, Definition] = field(default_factory=dict)  # inherited ones too
    given: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""
    description: str = ""
    extends: list[str] = field(default_factory=list)
    created: float = 0.0
    updated: float = 0.0
    synced: bool = False
    abstract: bool = False


def exists(place: Place, id: str) -> bool:
    """Whether there is one of that id in the workspace; built-in ones are in none."""
    return place.records.get("type", place.key(id)) is not None or synced.component_type(place, id) is not None


def load(place: Place, id: str) -> Type | None:
    """The type of that id, built-in ones as well; None when there is none."""
    if id in BUILT_IN:
        return Type(id, created=place.index.created_at, updated=place.index.created_at, abstract=True)
    record = place.records.get("type", place.key(id))
    if record is not None:
        return _made(place, id, record.body, record.created_at, record.updated_at)
    shown = synced.component_type(place, id)
    return None if shown is None else _of_model(shown, synced.Times(place))


def _made(place: Place, id: str, given: Mapping[str, Any], created: float, updated: float) -> Type:
    inherited = _inherited(place, given.get("extendsFrom", ()))
    own = {
        name: definitions.answered({**inherited.get(name, {}), **one})
        for name, one in given.get("propertyDefinitions", {}).items()
    }
    functions = given.get("functions", {}).values()
    return Type(
        id,
        {**inherited, **own},
        given,
        given.get("componentTypeName", ""),
        given.get("description", ""),
        list(given.get("extendsFrom", ())),
        created,
        updated,
        abstract=any("implementedBy" not in one for one in functions),
    )


def _inherited(place: Place, bases: Any) -> dict[str, Definition]:
    found: dict[str, Definition] = {}
    for base in bases:
        known = load(place, base)
        for name, one in (known.definitions if known else {}).items():
            found[name] = {**one, "isInherited": True}
    return found


def _of_model(shown: Any, times: synced.Times) -> Type:
    updated = times.of(shown)
    return Type(
        shown.id,
        definitions.of_type(shown.metadata),
        name=shown.title,
        description=shown.metadata.get("description", ""),
        extends=[RESYNC],
        created=min(standing.seconds(shown.metadata.get("created"), updated), updated),
        updated=updated,
        synced=True,
    )


# --- the operations --------------------------------------------------------------------------------------------------


def create(host: Host, request: Request) -> dict[str, Any]:
    """CreateComponentType."""
    with host.room() as room:
        place, id = find(host, room, request, INVALID), request["componentTypeId"]
        if id.startswith(RESERVED):
            raise Fault(INVALID, f"Component types whose ids begin with {' or '.join(RESERVED)} cannot be made.")
        given = {name: value for name, value in request.input.items() if name not in _NOT_KEPT}
        with place.control.writing("twinmaker.create_type"):
            if exists(place, id):
                raise Fault("ConflictException", f"There is a component type {id} already.")
            _check(place, given)
            now = room.clock()
            place.records.put("type", place.key(id), given, now, place.index.id)
            for base in given.get("extendsFrom", ()):
                place.records.put("heir", place.key(id, base), {}, now, place.key(base))
            labels.first(place, f"component-type/{id}", request)
            publishing.changed(place, type=id)
        publishing.publish(place)
        return {"arn": place.arn("component-type", id), "creationDateTime": now, "state": "ACTIVE"}


_NOT_KEPT: Final = frozenset({"workspaceId", "componentTypeId", "tags"})


def _check(place: Place, given: Mapping[str, Any]) -> None:
    """Rules between what was given. Raises Fault."""
    for base in given.get("extendsFrom", ()):
        known = load(place, base)
        if known is None:
            raise Fault(INVALID, f"There is no component type {base} to extend.")
        if known.synced:
            raise Fault(INVALID, f"The component type {base} is synced from {SOURCE} and cannot be extended.")
    inherited = _inherited(place, given.get("extendsFrom", ()))
    known_names = set(inherited) | set(given.get("propertyDefinitions", {}))
    for name, one in given.get("propertyDefinitions", {}).items():
        definitions.checked(name, one, inherited)
    for what, member in (("propertyGroups", "propertyNames"), ("functions", "requiredProperties")):
        for name, one in given.get(what, {}).items():
            for unknown in set(one.get(member, ())) - known_names:
                raise Fault(INVALID, f"{what}.{name} names the property {unknown}, which the component type has not.")
    for name, one in given.get("compositeComponentTypes", {}).items():
        if load(place, one.get("componentTypeId", "")) is None:
            raise Fault(INVALID, f"compositeComponentTypes.{name} names no component type that there is.")


def get(host: Host, request: Request) -> dict[str, Any]:
    """GetComponentType."""
    with host.room() as room:
        place, id = find(host, room, request, NOT_FOUND), request["componentTypeId"]
        found = load(place, id)
        if found is None:
            raise Fault(NOT_FOUND, f"There is no component type {id}.")
        given = found.given
        return {
            "workspaceId": place.id,
            "isSingleton": bool(given.get("isSingleton")),
            "componentTypeId": id,
            "description": found.description or None,
            "propertyDefinitions": found.definitions,
            "extendsFrom": found.extends,
            "functions": {name: {**one, "isInherited": False} for name, one in given.get("functions", {}).items()},
            "creationDateTime": found.created,
            "updateDateTime": found.updated,
            "arn": place.arn("component-type", id),
            "isAbstract": found.abstract,
            "isSchemaInitialized": True,
            "status": {"state": standing.state_of(place, found.synced)},
            "propertyGroups": {
                name: _group(one) for name, one in given.get("propertyGroups", {}).items() if _group(one)
            },
            "syncSource": SOURCE if found.synced else None,
            "componentTypeName": found.name or None,
            "compositeComponentTypes": {
                name: {**one, "isInherited": False} for name, one in given.get("compositeComponentTypes", {}).items()
            },
        }


def _group(given: Mapping[str, Any]) -> dict[str, Any]:
    names = list(given.get("propertyNames", ()))
    return {"groupType": given.get("groupType", "TABULAR"), "propertyNames": names, "isInherited": False}


def page(host: Host, request: Request) -> dict[str, Any]:
    """ListComponentTypes: those made by hand, then those synced. Built-in ones are not listed."""
    with host.room() as room:
        place = find(host, room, request, INVALID)
        wanted = [next(iter(one.items())) for one in request.get("filters", ())]
        shown, token = paging.taken(request, _all(place, request, wanted))
        return {
            "workspaceId": place.id,
            "componentTypeSummaries": [_summary(place, one) for one in shown],
            "nextToken": token,
            "maxResults": paging.size(request),
        }


def _all(place: Place, request: Request, wanted: list[tuple[str, Any]]) -> Iterator[tuple[Type, tuple[int, str]]]:
    number, after = paging.place(request, 0, "")
    if not after:
        while found := place.records.page("type", number, parent=place.index.id):
            for record in found:
                one = _made(place, record.id.partition("/")[2], record.body, record.created_at, record.updated_at)
                if _suits(one, wanted):
                    yield one, (record.number, "")
            number = found[-1].number
    times = synced.Times(place)
    for shown in synced.component_types(place, after):
        one = _of_model(shown, times)
        if _suits(one, wanted):
            yield one, (number, shown.id)


def _suits(one: Type, wanted: list[tuple[str, Any]]) -> bool:
    told: dict[str, Callable[[Any], bool]] = {
        "extendsFrom": lambda value: value in one.extends,
        "namespace": lambda value: one.id == value or one.id.startswith(value.rstrip(".") + "."),
        "isAbstract": lambda value: one.abstract is value,
    }
    return all(told[name](value) for name, value in wanted)


def _summary(place: Place, one: Type) -> dict[str, Any]:
    return {
        "arn": place.arn("component-type", one.id),
        "componentTypeId": one.id,
        "creationDateTime": one.created,
        "updateDateTime": one.updated,
        "description": one.description or None,
        "status": {"state": standing.state_of(place, one.synced)},
        "componentTypeName": one.name or None,
    }


def delete(host: Host, request: Request) -> dict[str, Any]:
    """DeleteComponentType: one that nothing needs."""
    with host.room() as room:
        place, id = find(host, room, request, NOT_FOUND), request["componentTypeId"]
        with place.control.writing("twinmaker.delete_type"):
            if place.records.get("type", place.key(id)) is None:
                if id in BUILT_IN:
                    raise Fault(INVALID, f"The component type {id} is built in.")
                if synced.component_type(place, id) is None:
                    raise Fault(NOT_FOUND, f"There is no component type {id}.")
                standing.check_let_go(place, f"The component type {id}")
                return {"state": "DELETING"}
            _check_unused(place, id)
            record = place.records.get("type", place.key(id))
            for base in record.body.get("extendsFrom", ()) if record else ():
                place.records.remove("heir", place.key(id, base))
            place.records.remove("type", place.key(id))
            labels.forget(place, f"component-type/{id}")
            publishing.changed(place, type=id)
        publishing.publish(place)
        return {"state": "DELETING"}


def _check_unused(place: Place, id: str) -> None:
    if place.records.count("use", place.key(id)):
        raise Fault(INVALID, f"Entities have components of the type {id}; remove them first.")
    if place.records.count("heir", place.key(id)):
        raise Fault(INVALID, f"Other component types extend {id}; delete them first.")
