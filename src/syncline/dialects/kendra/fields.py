"""The fields of an index: reserved ones, which every index has, and those that were declared; and their values.

Values lie in the metadata of documents under the name of their field: text, whole numbers, lists of text, and dates as
ISO 8601 text in UTC, as a metadata file in S3 writes them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from syncline.dialects.kendra.ground import extras_of
from syncline.model.indexes import Index

STRING: Final = "STRING_VALUE"
LIST: Final = "STRING_LIST_VALUE"
LONG: Final = "LONG_VALUE"
DATE: Final = "DATE_VALUE"
MEMBERS: Final = {STRING: "StringValue", LIST: "StringListValue", LONG: "LongValue", DATE: "DateValue"}
TYPES: Final = {member: type for type, member in MEMBERS.items()}
MOST_TEXT: Final = 2048


@dataclass(frozen=True)
class Field:
    """One field. `type` is a DocumentAttributeValueType; `relevance` as it was given."""

    name: str
    type: str
    facetable: bool = False
    searchable: bool = False
    displayable: bool = True
    sortable: bool = False
    relevance: Mapping[str, Any] | None = None

    @property
    def member(self) -> str:
        """The member of a DocumentAttributeValue that holds its values."""
        return MEMBERS[self.type]

    def shape(self) -> dict[str, Any]:
        """As a DocumentMetadataConfiguration."""
        search = {
            "Facetable": self.facetable,
            "Searchable": self.searchable,
            "Displayable": self.displayable,
            "Sortable": self.sortable,
        }
        return {"Name": self.name, "Type": self.type, "Relevance": self.relevance, "Search": search}


_SORTABLE: Final = frozenset({"_category", "_created_at", "_last_updated_at", "_version", "_view_count"})
_FACETABLE: Final = frozenset({"_data_source_id", "_faq_id"})
_SEARCHED: Final = frozenset({"_document_body", "_document_title"})
_TYPES: Final = {
    "_authors": LIST,
    "_category": STRING,
    "_created_at": DATE,
    "_data_source_id": STRING,
    "_document_body": STRING,
    "_document_id": STRING,
    "_document_title": STRING,
    "_excerpt_page_number": LONG,
    "_faq_id": STRING,
    "_file_type": STRING,
    "_language_code": STRING,
    "_last_updated_at": DATE,
    "_source_uri": STRING,
    "_version": STRING,
    "_view_count": LONG,
}
RESERVED: Final[dict[str, Field]] = {
    name: Field(
        name,
        type,
        facetable=name in _FACETABLE,
        searchable=name in _SEARCHED,
        displayable=name not in ("_document_body",),
        sortable=name in _SORTABLE,
    )
    for name, type in _TYPES.items()
}


def fields_of(index: Index) -> dict[str, Field]:
    """All fields of the index by name: reserved ones as they were altered, then its own as they were declared."""
    kept: Mapping[str, Mapping[str, Any]] = extras_of(index).get("fields", {})
    found = dict(RESERVED)
    for name, said in kept.items():
        found[name] = from_shape(said, found.get(name))
    return found


def from_shape(said: Mapping[str, Any], before: Field | None = None) -> Field:
    """A DocumentMetadataConfiguration; what it leaves out is as before, or as AWS has it at first."""
    blank = before or Field(said["Name"], said["Type"], searchable=said["Type"] == STRING)
    search = said.get("Search") or {}
    return replace(
        blank,
        facetable=search.get("Facetable", blank.facetable),
        searchable=search.get("Searchable", blank.searchable),
        displayable=search.get("Displayable", blank.displayable),
        sortable=search.get("Sortable", blank.sortable),
        relevance=said.get("Relevance") or blank.relevance,
    )


# --- values ----------------------------------------------------------------------------------------------------------


def plain(value: Mapping[str, Any]) -> Any:
    """What a DocumentAttributeValue becomes in the metadata of a document, and in filters of a search."""
    (member, held), *_ = value.items()
    return iso(held) if member == "DateValue" else held


def value_of(field: Field, held: Any) -> dict[str, Any] | None:
    """A DocumentAttributeValue of what lies in the metadata; None when that is no value of the field."""
    found = _READERS[field.type](held)
    return None if found is None else {field.member: found}


def iso(at: datetime) -> str:
    """As it lies in metadata: ISO 8601 in UTC, so that texts compare as times do."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace(".000", "").replace("+00:00", "Z")


def _text(held: Any) -> str | None:
    if isinstance(held, list):
        held = held[0] if len(held) == 1 else None
    if isinstance(held, bool):
        held = str(held).lower()
    return str(held)[:MOST_TEXT] if isinstance(held, str | int | float) and held != "" else None


def _list(held: Any) -> list[str] | None:
    found = [text for one in (held if isinstance(held, list) else [held]) if (text := _text(one))]
    return found or None


def _long(held: Any) -> int | None:
    if isinstance(held, str) and held.lstrip("-").isdecimal() and held.isascii():
        held = int(held)
    if isinstance(held, bool) or not isinstance(held, int | float) or not math.isfinite(held):
        return None
    return int(held) if -(2**63) <= held < 2**63 else None


def _date(held: Any) -> datetime | None:
    try:
        if isinstance(held, str):
            at = datetime.fromisoformat(held)
            return at if at.tzinfo else at.replace(tzinfo=UTC)
        if isinstance(held, int | float) and not isinstance(held, bool):
            return datetime.fromtimestamp(held, UTC)
    except (ValueError, OverflowError, OSError):
        pass
    return None


_READERS: Final = {STRING: _text, LIST: _list, LONG: _long, DATE: _date}
