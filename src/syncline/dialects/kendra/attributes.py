"""Attributes in questions and answers: which of our fields a field of Kendra's is, conditions on it, its values in a
result."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from syncline.dialects.aws import Fault
from syncline.dialects.kendra.fields import DATE, LIST, LONG, STRING, TYPES, Field, fields_of, iso, value_of
from syncline.dialects.kendra.ground import (
    Place,
    connectors_of,
    document_id,
    extras_of,
    invalid,
    is_implicit,
    own_id,
    source_id,
)
from syncline.model.connectors import Connector
from syncline.model.search import All, AnyOf, Condition, Filter, Hit, Not
from syncline.sources.s3.sidecars import MEDIA_TYPES

URL: Final = re.compile(r"(https?|ftp|file)://[^\s]*")
MOST_URL: Final = 2048
LANGUAGE: Final = "_language_code"
_FILE_TYPES: Final = {media: name for name, media in MEDIA_TYPES.items()}
_NOT_ASKED: Final = frozenset({"_document_body", "_faq_id", "_excerpt_page_number"})
_OURS: Final = {
    "_data_source_id": "connector",
    "_document_title": "title",
    "_document_id": "id",
    "_file_type": "media_type",
    "_source_uri": "url",
}


class Attributes:
    """The fields of one index and the connectors that feed it."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self.fields: Mapping[str, Field] = fields_of(place.index)
        self._connectors = {one.number: one for one in connectors_of(place.room, place.index)}

    def field(self, key: str) -> Field:
        """Raises ValidationException for one that the index does not have."""
        found = self.fields.get(key)
        if found is None:
            raise invalid(f"The index has no field {key}.")
        return found

    def ours(self, key: str) -> str:
        """The field of our search that it is counted and sorted by."""
        return _OURS.get(key, key)

    # --- conditions ---

    def equal(self, key: str, value: Mapping[str, Any]) -> Condition:
        """The field has that value: a text, a number or a date; of a list, one of its values is the text."""
        field, held = self._checked(key, value)
        if isinstance(held, datetime):
            return Filter(key, "range", (iso(held), iso(held)))
        if key == "_data_source_id":
            return self._of_source(held)
        if key == "_document_id":
            return self._with_id(held)
        if key == "_source_uri":
            return AnyOf([Filter("url", "eq", held), Filter(key, "eq", held)])
        if key == "_file_type":
            return AnyOf([Filter(key, "eq", held), Filter("media_type", "eq", MEDIA_TYPES.get(held, held))])
        if key == "_document_title":
            return Filter("title", "eq", held)
        if key == LANGUAGE:
            return self._in_language(held)
        if field.type == LONG:
            return AnyOf([Filter(key, "eq", held), Filter(key, "eq", str(held))])
        return Filter(key, "eq", held)

    def compared(self, key: str, value: Mapping[str, Any], operator: str) -> Condition:
        """The field is greater or less."""
        field, held = self._checked(key, value)
        if field.type not in (LONG, DATE):
            raise invalid(f"{operator} compares fields of the types {LONG} and {DATE}; {key} is {field.type}.")
        bound = iso(held) if isinstance(held, datetime) else held
        match operator:
            case "GreaterThan":
                return Filter(key, "above", bound)
            case "LessThan":
                return Filter(key, "below", bound)
            case "GreaterThanOrEquals":
                return Filter(key, "range", (bound, None))
            case _:
                return Filter(key, "range", (None, bound))

    def texts(self, key: str, value: Mapping[str, Any], operator: str) -> Sequence[str]:
        """The values of a list, for ContainsAll and ContainsAny, or a single one."""
        field = self.field(key)
        member, held = _given(key, value)
        if field.type not in (LIST, STRING) or member not in ("StringListValue", "StringValue"):
            raise invalid(f"{operator} is for fields of the type {LIST}; {key} is {field.type}.")
        return list(held) if member == "StringListValue" else [held]

    def _checked(self, key: str, value: Mapping[str, Any]) -> tuple[Field, Any]:
        field = self.field(key)
        if key in _NOT_ASKED:
            raise invalid(f"The field {key} cannot be filtered by.")
        member, held = _given(key, value)
        if TYPES[member] != field.type and not (member == "StringValue" and field.type == LIST):
            raise invalid(f"The field {key} is of the type {field.type}, and {member} is given.")
        if isinstance(held, datetime) and not 1 < held.year < 9999:
            raise invalid(f"The value of {key} is no date.")
        return field, held

    def _of_source(self, id: str) -> Condition:
        try:
            return Filter("connector", "eq", self._place.data_source(id).name)
        except Fault:
            return AnyOf()

    def _in_language(self, code: str) -> Condition:
        """A document that does not say so is in the language of its data source."""
        those = [one.name for one in self._connectors.values() if _language(one) == code]
        silent = All([Not(Filter(LANGUAGE, "exists")), Filter("connector", "in", those)])
        return AnyOf([Filter(LANGUAGE, "eq", code), silent])

    def _with_id(self, id: str) -> Condition:
        found: list[Condition] = [Filter("document_id", "eq", id)]
        for connector in self._connectors.values():
            if (own := own_id(connector, id)) is not None:
                found.append(All([Filter("connector", "eq", connector.name), Filter("id", "eq", own)]))
        return AnyOf(found)

    # --- values ---

    def document_id(self, hit: Hit) -> str:
        """The id of its document as Kendra's clients know it."""
        connector = self._connectors.get(hit.connector_number)
        return hit.id if connector is None else document_id(connector, hit.id, hit.metadata)

    def shown(self, hit: Hit, requested: Sequence[str] | None) -> list[dict[str, Any]]:
        """DocumentAttributes: those requested, or all that may be displayed."""
        keys = self.fields if requested is None else requested
        found = []
        for key in keys:
            field = self.fields[key]
            value = value_of(field, self._held(key, hit)) if field.displayable else None
            if value is not None:
                found.append({"Key": key, "Value": value})
        return found

    def _held(self, key: str, hit: Hit) -> Any:
        match key:
            case "_data_source_id":
                return self._source_of(self._connectors.get(hit.connector_number))
            case "_document_id":
                return self.document_id(hit)
            case "_document_title":
                return hit.title
            case "_document_body":
                return None
            case "_language_code":
                connector = self._connectors.get(hit.connector_number)
                return hit.metadata.get(key) or (connector and _language(connector))
            case "_source_uri":
                return hit.metadata.get(key) or hit.url
            case "_file_type":
                return hit.metadata.get(key) or _FILE_TYPES.get(hit.media_type)
        return hit.metadata.get(key)

    def _source_of(self, connector: Connector | None) -> str | None:
        return None if connector is None or is_implicit(connector) else source_id(connector)

    def counted(self, key: str, value: Any) -> dict[str, Any] | None:
        """A value of a facet; None when it is none that Kendra has a word for."""
        field = self.fields[key]
        if key == "_data_source_id":
            named = (one for one in self._connectors.values() if one.name == value)
            value = self._source_of(next(named, None))
        if key == "_file_type":
            value = _FILE_TYPES.get(value, value)
        return value_of(Field(key, STRING) if field.type == LIST else field, value)


def uri_of(hit: Hit) -> str | None:
    """The address of the document, if it is one that Kendra may tell."""
    for address in (hit.metadata.get("_source_uri"), hit.url):
        if isinstance(address, str) and len(address) <= MOST_URL and URL.fullmatch(address):
            return address
    return None


def _language(connector: Connector) -> str:
    return str(extras_of(connector).get("LanguageCode") or "en")


def _given(key: str, value: Mapping[str, Any]) -> tuple[str, Any]:
    if len(value) != 1:
        raise invalid(f"The value of {key} must have exactly one member.")
    ((member, held),) = value.items()
    return member, held
