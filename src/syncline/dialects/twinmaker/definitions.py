"""Definitions of properties, and values that fit them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from syncline.dialects.aws import Fault
from syncline.sources.sitewise.inventory import PREFIX

Definition = dict[str, Any]  # as a PropertyDefinitionResponse
INVALID: Final = "ValidationException"
MOST_VALUES: Final = 50  # of a list, in an answer
FLAGS: Final = (
    "isTimeSeries", "isRequiredInEntity", "isExternalId", "isStoredExternally", "isImported", "isFinal", "isInherited",
)  # fmt: skip
_TYPES: Final = {"STRING": "STRING", "INTEGER": "INTEGER", "DOUBLE": "DOUBLE", "BOOLEAN": "BOOLEAN"}
_MEMBERS: Final = {
    "STRING": ("stringValue",),
    "INTEGER": ("integerValue",),
    "LONG": ("longValue", "integerValue"),
    "DOUBLE": ("doubleValue", "integerValue", "longValue"),
    "BOOLEAN": ("booleanValue",),
    "LIST": ("listValue",),
    "MAP": ("mapValue",),
    "RELATIONSHIP": ("relationshipValue",),
}


def answered(given: Mapping[str, Any], *, inherited: bool = False) -> Definition:
    """What was asked for, as it is answered."""
    flags = {name: bool(given.get(name)) for name in FLAGS}
    return {**given, **flags, "isInherited": inherited}


def checked(name: str, given: Mapping[str, Any], inherited: Mapping[str, Definition]) -> dict[str, Any]:
    """A definition that may stand in a component type or at a component. Raises Fault."""
    whole = {**_plain(inherited.get(name, {})), **given}
    if "dataType" not in whole:
        raise Fault(INVALID, f"The property {name} needs a dataType.")
    kind = whole["dataType"]["type"]
    if kind in ("LIST", "MAP") and "nestedType" not in whole["dataType"]:
        raise Fault(INVALID, f"The dataType of the property {name} is {kind} and needs a nestedType.")
    if "defaultValue" in whole:
        check_value(name, whole["dataType"], whole["defaultValue"])
    if whole.get("isTimeSeries") and not whole.get("isStoredExternally"):
        raise Fault(INVALID, f"The property {name} is a time series, so isStoredExternally must be true.")
    return whole


def _plain(definition: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in definition.items() if name != "isInherited"}


def check_value(name: str, data_type: Mapping[str, Any], value: Mapping[str, Any]) -> None:
    """Raises Fault unless the value is of that type, and one of those allowed if only some are."""
    members = [member for member, inner in value.items() if inner is not None]
    if len(members) != 1:
        raise Fault(INVALID, f"The value of the property {name} must have exactly one member.")
    (member,) = members
    if member == "expression":
        return
    if member not in _MEMBERS[data_type["type"]]:
        raise Fault(INVALID, f"The value of the property {name} is a {member}, and its type is {data_type['type']}.")
    if data_type.get("allowedValues") and value not in data_type["allowedValues"]:
        raise Fault(INVALID, f"The value of the property {name} is not one of the allowed values.")
    nested = data_type.get("nestedType")
    if nested is not None and member in ("listValue", "mapValue"):
        inner = value[member].values() if member == "mapValue" else value[member]
        for one in inner:
            check_value(name, nested, one)


# --- of what comes from SiteWise -------------------------------------------------------------------------------------


def of_type(metadata: Mapping[str, Any]) -> dict[str, Definition]:
    """The properties of a synced component type: those of the model, and one for each hierarchy."""
    found = dict(_measured(metadata, _column(metadata, "property_kinds")))
    children = _column(metadata, "hierarchy_models")
    for n, id in enumerate(metadata.get("hierarchy_ids", ())):
        found[f"Hierarchy_{id}"] = _hierarchy(metadata["hierarchies"][n], children.get(n, ""))
    return found


def of_entity(metadata: Mapping[str, Any], of_model: Mapping[str, Definition]) -> dict[str, dict[str, Any]]:
    """The properties of the component that comes from SiteWise, with what the asset itself says of them, and its
    children as values."""
    found: dict[str, dict[str, Any]] = {}
    for name, definition in _measured(metadata, {}).items():
        known = of_model.get(name, {})
        flags = {flag: known.get(flag, definition[flag]) for flag in FLAGS}
        found[name] = {"definition": {**definition, **flags, "isInherited": True}}
    for n, id in enumerate(metadata.get("hierarchy_ids", ())):
        name = f"Hierarchy_{id}"
        definition = of_model.get(name) or _hierarchy(metadata["hierarchies"][n], "")
        found[name] = {"definition": {**definition, "isInherited": True}, **children(metadata, id)}
    return found


def children(metadata: Mapping[str, Any], hierarchy: str) -> dict[str, Any]:
    """The value of a hierarchy: the first fifty of those below, and whether that is all."""
    pairs = zip(metadata.get("child_hierarchies", ()), metadata.get("children", ()), strict=False)
    below = [child for of, child in pairs if of == hierarchy]
    values = [{"relationshipValue": {"targetEntityId": child}} for child in below[:MOST_VALUES]]
    return {"value": {"listValue": values}, "areAllPropertyValuesReturned": len(below) <= MOST_VALUES}


def _measured(metadata: Mapping[str, Any], kinds: Mapping[int, str]) -> dict[str, Definition]:
    types, units, aliases = (_column(metadata, name) for name in ("data_types", "units", "aliases"))
    found = {}
    for n, id in enumerate(metadata.get("property_ids", ())):
        data_type = {"type": _TYPES.get(types.get(n, ""), "STRING"), "unitOfMeasure": units.get(n) or None}
        given = {
            "dataType": {name: value for name, value in data_type.items() if value},
            "displayName": metadata["properties"][n][:256],
            "isTimeSeries": kinds.get(n) != "attribute",
            "isStoredExternally": True,
            "configuration": {"alias": aliases[n]} if aliases.get(n) else None,
        }
        found[f"Property_{id}"] = answered({name: value for name, value in given.items() if value is not None})
    return found


def _hierarchy(name: str, model: str) -> Definition:
    relation = {"relationshipType": "hierarchy", "targetComponentTypeId": f"{PREFIX}{model}" if model else None}
    nested = {
        "type": "RELATIONSHIP",
        "relationship": {name: value for name, value in relation.items() if value},
    }
    return answered({"dataType": {"type": "LIST", "nestedType": nested}, "displayName": name[:256]})


def _column(metadata: Mapping[str, Any], name: str) -> dict[int, str]:
    return dict(enumerate(metadata.get(name, ())))
