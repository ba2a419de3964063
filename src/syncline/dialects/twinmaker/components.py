"""Components of entities: what people have given them, and the one that comes from SiteWise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from syncline.dialects.aws import Fault
from syncline.dialects.twinmaker import definitions, standing, synced, types
from syncline.dialects.twinmaker.definitions import INVALID, Definition
from syncline.dialects.twinmaker.place import SOURCE, Place
from syncline.dialects.twinmaker.synced import BASE
from syncline.model.destinations import Shown

MOST_PROPERTIES: Final = 800  # in one answer


def made(place: Place, given: Mapping[str, Any]) -> dict[str, Any]:
    """Components as they are kept, of what CreateEntity was given. Raises Fault."""
    return {name: _made(place, name, one, one.get("properties", {})) for name, one in given.items()}


def _made(place: Place, name: str, given: Mapping[str, Any], properties: Mapping[str, Any]) -> dict[str, Any]:
    if "componentTypeId" not in given and not any("definition" in one for one in properties.values()):
        raise Fault(INVALID, f"The component {name} needs a componentTypeId.")
    of_type = _definitions(place, name, given.get("componentTypeId"))
    held: dict[str, Any] = {}
    for property, one in properties.items():
        if one.get("updateType") == "DELETE":
            raise Fault(INVALID, f"The property {property} of the new component {name} cannot be deleted.")
        held[property] = _property(property, one, {}, of_type)
    kept = {
        "type": given.get("componentTypeId"),
        "description": given.get("description", ""),
        "properties": held,
        "groups": _groups(given.get("propertyGroups", {}), {}),
    }
    _check_required(name, kept, of_type)
    return kept


def changed(place: Place, own: Mapping[str, Any], updates: Mapping[str, Any]) -> dict[str, Any]:
    """Components as they are kept, after what UpdateEntity was given. Raises Fault."""
    kept = dict(own)
    for name, update in updates.items():
        kind = update.get("updateType") or ("UPDATE" if name in kept else "CREATE")
        if kind == "CREATE":
            if name in kept:
                raise Fault(INVALID, f"There is a component {name} already.")
            kept[name] = _made(place, name, _as_given(update), update.get("propertyUpdates", {}))
        elif name not in kept:
            raise Fault(INVALID, f"There is no component {name}.")
        elif kind == "DELETE":
            del kept[name]
        else:
            kept[name] = _changed(place, name, kept[name], update)
    return kept


def _as_given(update: Mapping[str, Any]) -> dict[str, Any]:
    return {**update, "propertyGroups": update.get("propertyGroupUpdates", {})}


def _changed(place: Place, name: str, held: Mapping[str, Any], update: Mapping[str, Any]) -> dict[str, Any]:
    type = update.get("componentTypeId", held.get("type"))
    if held.get("type") and type != held["type"]:
        raise Fault(INVALID, f"The component {name} is a {held['type']} and cannot become another type.")
    of_type = _definitions(place, name, type)
    properties = dict(held["properties"])
    for property, one in update.get("propertyUpdates", {}).items():
        if one.get("updateType") == "DELETE":
            if property not in properties:
                raise Fault(INVALID, f"The component {name} has no property {property} of its own.")
            del properties[property]
        else:
            properties[property] = _property(property, one, properties.get(property, {}), of_type)
    kept = {
        "type": type,
        "description": update.get("description", held.get("description", "")),
        "properties": properties,
        "groups": _groups(update.get("propertyGroupUpdates", {}), held.get("groups", {})),
    }
    _check_required(name, kept, of_type)
    return kept


def _groups(updates: Mapping[str, Any], held: Mapping[str, Any]) -> dict[str, Any]:
    kept = dict(held)
    for name, one in updates.items():
        if one.get("updateType") == "DELETE":
            kept.pop(name, None)
        else:
            names = list(one.get("propertyNames", ()))
            kept[name] = {"groupType": one.get("groupType", "TABULAR"), "propertyNames": names}
    return kept


def _definitions(place: Place, name: str, type: str | None) -> dict[str, Definition]:
    if type is None:
        return {}
    found = types.load(place, type)
    if found is None:
        raise Fault(INVALID, f"There is no component type {type}, which the component {name} should be of.")
    return found.definitions


def _property(
    name: str, given: Mapping[str, Any], held: Mapping[str, Any], of_type: Mapping[str, Definition]
) -> dict[str, Any]:
    """One property as it is kept: its definition, where it is the component's own, and its value."""
    definition = {**held.get("definition", {}), **given.get("definition", {})}
    if name not in of_type and not definition:
        raise Fault(INVALID, f"The component type defines no property {name}.")
    whole = definitions.checked(name, definition, of_type)
    kept: dict[str, Any] = {"definition": definition} if definition else {}
    if "value" in held and given.get("updateType") != "RESET_VALUE":
        kept["value"] = held["value"]
    if "value" in given:
        definitions.check_value(name, whole["dataType"], given["value"])
        if whole.get("isTimeSeries"):
            raise Fault(INVALID, f"The property {name} is a time series; its values are not kept here.")
        kept["value"] = given["value"]
    return kept


def _check_required(name: str, kept: Mapping[str, Any], of_type: Mapping[str, Definition]) -> None:
    for property, definition in _whole(kept, of_type).items():
        has = kept["properties"].get(property, {}).get("value") or definition.get("defaultValue")
        if definition["isRequiredInEntity"] and not has and not definition["isStoredExternally"]:
            raise Fault(INVALID, f"The component {name} needs a value for the property {property}.")


def _whole(kept: Mapping[str, Any], of_type: Mapping[str, Definition]) -> dict[str, Definition]:
    """The definitions of all properties a component has."""
    found = {name: {**one, "isInherited": True} for name, one in of_type.items()}
    for name, one in kept["properties"].items():
        if one.get("definition"):
            inherited = name in of_type
            whole = {**of_type.get(name, {}), **one["definition"]}
            found[name] = definitions.answered(whole, inherited=inherited)
    return found


# --- as they are answered --------------------------------------------------------------------------------------------


def properties_of(place: Place, kept: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The properties of a component that people have made: definition, and value if it has one."""
    of_type = types.load(place, kept["type"]) if kept.get("type") else None
    found = {}
    for name, definition in _whole(kept, of_type.definitions if of_type else {}).items():
        value = kept["properties"].get(name, {}).get("value") or definition.get("defaultValue")
        found[name] = {"definition": definition, **({"value": value} if value is not None else {})}
    return found


def answered(place: Place, name: str, kept: Mapping[str, Any]) -> dict[str, Any]:
    """A ComponentResponse of one that people have made."""
    properties = properties_of(place, kept)
    shown = dict(list(properties.items())[:MOST_PROPERTIES])
    groups = {group: {**one, "isInherited": False} for group, one in kept.get("groups", {}).items()}
    return {
        "componentName": name,
        "description": kept.get("description") or None,
        "componentTypeId": kept.get("type"),
        "status": {"state": "ACTIVE"},
        "properties": shown,
        "propertyGroups": groups or None,
        "areAllPropertiesReturned": len(shown) == len(properties),
    }


def base(place: Place, shown: Shown) -> dict[str, Any]:
    """The component of a synced entity that comes from SiteWise."""
    properties = base_properties(place, shown)
    kept = dict(list(properties.items())[:MOST_PROPERTIES])
    return {
        "componentName": BASE,
        "componentTypeId": shown.metadata["component_type"],
        "status": {"state": standing.state_of(place, True)},
        "properties": kept,
        "syncSource": SOURCE,
        "areAllPropertiesReturned": len(kept) == len(properties),
    }


def base_properties(place: Place, shown: Shown) -> dict[str, dict[str, Any]]:
    """Its properties."""
    model = synced.component_type(place, shown.metadata["component_type"])
    return definitions.of_entity(shown.metadata, definitions.of_type(model.metadata) if model else {})
