"""Filters: groups of conditions, of which one group must hold, as a tree of ours.

A document is one entity with one chunk. So a condition on `chunk_index` is decided here, and those on `sync_id`,
`source_name` and `entity_type` become a choice of connectors. The folders in the id of a file are its breadcrumbs.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal

from pydantic import Field, StrictBool, StrictInt, StrictStr

from syncline.dialects.airweave.faults import Invalid
from syncline.dialects.airweave.known import sync_id
from syncline.dialects.airweave.reading import Body
from syncline.dialects.airweave.sources import entity_type, short_name
from syncline.model.connectors import Connector
from syncline.model.search import All, AnyOf, Condition, Filter, Not

CHUNK: Final = "__chunk_"
FIRST_CHUNK: Final = f"{CHUNK}0"
FOLDER: Final = "FolderEntity"
CREATED: Final = ("created_at", "created")
UPDATED: Final = ("updated_at", "modified_at", "modified", "last_modified")
PATHS: Final = frozenset({"folder", "s3"})  # kinds whose ids are paths

ALWAYS: Final = All()
NEVER: Final = AnyOf()

_META: Final = "airweave_system_metadata"
_DATES: Final = frozenset({"created_at", "updated_at"})
_NUMBERS: Final = frozenset({f"{_META}.chunk_index"})
_ORDERING: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "greater_than": operator.gt,
    "greater_than_or_equal": operator.ge,
    "less_than": operator.lt,
    "less_than_or_equal": operator.le,
}

Name = Literal[
    "entity_id", "name", "created_at", "updated_at",
    "breadcrumbs.entity_id", "breadcrumbs.name", "breadcrumbs.entity_type",
    "airweave_system_metadata.entity_type", "airweave_system_metadata.source_name",
    "airweave_system_metadata.original_entity_id", "airweave_system_metadata.chunk_index",
    "airweave_system_metadata.sync_id", "airweave_system_metadata.sync_job_id",
]  # fmt: skip
Operator = Literal[
    "equals", "not_equals", "contains", "greater_than", "less_than", "greater_than_or_equal", "less_than_or_equal",
    "in", "not_in",
]  # fmt: skip
Scalar = StrictBool | StrictInt | StrictStr


class ConditionIn(Body):
    """One condition."""

    field: Name
    operator: Operator
    value: Scalar | list[StrictInt | StrictStr]


class GroupIn(Body):
    """All of them must hold."""

    conditions: list[ConditionIn] = Field(min_length=1, max_length=50)


def tree(groups: Sequence[GroupIn] | None, connectors: Sequence[Connector]) -> Condition | None:
    """What must hold; None when everything does. Raises Invalid for an operator that the field does not have."""
    if not groups:
        return None
    return AnyOf([All([_condition(each, connectors) for each in group.conditions]) for group in groups])


def _condition(said: ConditionIn, connectors: Sequence[Connector]) -> Condition:
    values = _values(said)
    if said.operator == "contains":
        return _contains(said.field, str(values[0]), connectors)
    if said.operator in _ORDERING:
        return _ordered(said.field, said.operator, values[0])
    found = AnyOf([_equals(said.field, value, connectors) for value in values])
    return Not(found) if said.operator in ("not_equals", "not_in") else found


def _values(said: ConditionIn) -> list[Any]:
    """What is compared with. Raises Invalid."""
    many = isinstance(said.value, list)
    if many and said.operator not in ("in", "not_in"):
        raise _wrong(f"operator '{said.operator}' takes one value, not a list")
    if said.operator in _ORDERING and said.field not in _DATES | _NUMBERS:
        raise _wrong(f"operator '{said.operator}' needs a date or a number, and '{said.field}' is a text")
    if said.operator == "contains" and said.field in _DATES | _NUMBERS:
        raise _wrong(f"operator 'contains' needs a text, and '{said.field}' is none")
    values = list(said.value) if isinstance(said.value, list) else [said.value]
    for value in values:
        _check(said.field, value)
    return values


def _check(field: str, value: Any) -> None:
    if field in _DATES and (not isinstance(value, str) or _date(value) is None):
        raise _wrong(f"'{field}' is compared with dates in ISO 8601")
    if field in _NUMBERS and (isinstance(value, bool) or not isinstance(value, int)):
        raise _wrong(f"'{field}' is compared with whole numbers")
    if field not in _DATES | _NUMBERS and not isinstance(value, str):
        raise _wrong(f"'{field}' is compared with texts")


def _wrong(message: str) -> Invalid:
    return Invalid([(["body", "filter"], message, "value_error")])


def _date(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _decided(holds: bool) -> Condition:
    return ALWAYS if holds else NEVER


# --- equal -----------------------------------------------------------------------------------------------------------


def _equals(field: str, value: Any, connectors: Sequence[Connector]) -> Condition:
    match field:
        case "entity_id":
            return Filter("id", "eq", value.removesuffix(FIRST_CHUNK))
        case "name":
            return AnyOf([Filter("title", "eq", value), All([Filter("title", "eq", ""), Filter("id", "eq", value)])])
        case "created_at" | "updated_at":
            return AnyOf([Filter(key, "range", (value, value)) for key in _keys(field)])
        case "airweave_system_metadata.original_entity_id":
            return Filter("id", "eq", value)
        case "airweave_system_metadata.chunk_index":
            return _decided(value == 0)
        case "airweave_system_metadata.sync_job_id":
            return NEVER  # documents do not say which job brought them
        case "breadcrumbs.entity_id" | "breadcrumbs.name" | "breadcrumbs.entity_type":
            return _in_folder(field, value, connectors)
    return _of(connectors, lambda one: _said_of(one, field) == value)


def _keys(field: str) -> tuple[str, ...]:
    return CREATED if field == "created_at" else UPDATED


def _said_of(connector: Connector, field: str) -> str:
    match field.rpartition(".")[2]:
        case "entity_type":
            return entity_type(connector.kind)
        case "source_name":
            return short_name(connector.kind)
    return sync_id(connector.id)


def _of(connectors: Iterable[Connector], choose: Callable[[Connector], bool]) -> Condition:
    names = [connector.name for connector in connectors if choose(connector)]
    return Filter("connector", "in", names) if names else NEVER


def _in_folder(field: str, value: str, connectors: Sequence[Connector]) -> Condition:
    """A breadcrumb is a folder on the way to the document. Its name is compared without regard to case."""
    paths = _of(connectors, lambda one: one.kind in PATHS)
    if field == "breadcrumbs.entity_type":
        return All([paths, Filter("id", "contains", "/")]) if value == FOLDER else NEVER
    if field == "breadcrumbs.entity_id":
        return All([paths, Filter("id", "prefix", f"{value.rstrip('/')}/")]) if value.strip("/") else NEVER
    if not value or "/" in value:
        return NEVER
    inside = AnyOf([Filter("id", "prefix", f"{value}/"), Filter("id", "contains", f"/{value}/")])
    return All([paths, inside])


# --- contained, ordered ----------------------------------------------------------------------------------------------


def _contains(field: str, value: str, connectors: Sequence[Connector]) -> Condition:
    if not value:
        return ALWAYS
    match field:
        case "entity_id":
            return Filter("id", "contains", value.removesuffix(FIRST_CHUNK))
        case "name":
            untitled = All([Filter("title", "eq", ""), Filter("id", "contains", value)])
            return AnyOf([Filter("title", "contains", value), untitled])
        case "airweave_system_metadata.original_entity_id":
            return Filter("id", "contains", value)
        case "airweave_system_metadata.sync_job_id":
            return NEVER
        case "breadcrumbs.entity_type":
            return _in_folder(field, FOLDER, connectors) if value.lower() in FOLDER.lower() else NEVER
        case "breadcrumbs.entity_id" | "breadcrumbs.name":
            raise _wrong(f"operator 'contains' is not available for '{field}'; use 'equals'")
    return _of(connectors, lambda one: value.lower() in _said_of(one, field).lower())


def _ordered(field: str, how: str, value: Any) -> Condition:
    if field in _NUMBERS:
        return _decided(_ORDERING[how](0, value))
    match how:
        case "greater_than":
            return AnyOf([Filter(key, "above", value) for key in _keys(field)])
        case "less_than":
            return AnyOf([Filter(key, "below", value) for key in _keys(field)])
        case "greater_than_or_equal":
            return AnyOf([Filter(key, "range", (value, None)) for key in _keys(field)])
    return AnyOf([Filter(key, "range", (None, value)) for key in _keys(field)])
