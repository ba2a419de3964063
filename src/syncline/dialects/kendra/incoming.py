"""A Document of BatchPutDocument becomes one of ours."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from syncline.dialects.kendra import access
from syncline.dialects.kendra.fields import TYPES, Field, plain
from syncline.model.documents import Document
from syncline.service import pushing
from syncline.sources.s3.sidecars import MEDIA_TYPES

DATA_SOURCE: Final = "_data_source_id"
EXECUTION: Final = "_data_source_sync_job_execution_id"
TITLE: Final = "_document_title"
URI: Final = "_source_uri"
_CONSUMED: Final = frozenset({DATA_SOURCE, EXECUTION})
_NOT_GIVEN: Final = frozenset({"_document_body", "_document_id", "_faq_id"})  # said elsewhere, or not by clients
_URL: Final = re.compile(r"(https?|ftp|file)://[^\s]*")


class Refused(ValueError):
    """The document cannot be taken. The text says why."""


class Aim(NamedTuple):
    """Where a document belongs, as it says itself."""

    data_source: str | None
    execution: str | None


def aim_of(document: Mapping[str, Any]) -> Aim:
    """Raises Refused."""
    said: dict[str, str] = {}
    for one in document.get("Attributes", []):
        if one["Key"] in _CONSUMED:
            text = one["Value"].get("StringValue")
            if text is None:
                raise Refused(f"{one['Key']} must have a StringValue")
            said[one["Key"]] = text
    if EXECUTION in said and DATA_SOURCE not in said:
        raise Refused(f"{EXECUTION} is given without {DATA_SOURCE}")
    return Aim(said.get(DATA_SOURCE), said.get(EXECUTION))


def document_of(said: Mapping[str, Any], fields: Mapping[str, Field], body: Document | None) -> Document:
    """The document; `body` is what lies in S3, when it is told to lie there. Raises Refused."""
    if said.get("AccessControlConfigurationId"):
        raise Refused("AccessControlConfigurationId is not supported here; give the list itself")
    metadata = _metadata(said, fields)
    uri = str(metadata.get(URI, ""))
    try:
        allowed = access.of_document(said)
    except access.Unsayable as error:
        raise Refused(str(error)) from None
    given = MEDIA_TYPES.get(said.get("ContentType", ""), "")
    document = Document(
        said["Id"],
        content=body.content if body is not None else said["Blob"],
        title=said.get("Title") or str(metadata.pop(TITLE, "")),
        media_type=given or (body.media_type if body is not None else ""),
        metadata=metadata,
        url=uri if _URL.fullmatch(uri) else "",
        allow=allowed.allow,
        deny=allowed.deny,
    )
    fault = pushing.fault_of(document)
    if fault is not None:
        raise Refused(fault.message)
    return document


def check_body(said: Mapping[str, Any]) -> None:
    """Raises Refused unless it is either here or in S3."""
    if ("Blob" in said) == ("S3Path" in said):
        raise Refused("it needs a Blob or an S3Path, and not both")


def _metadata(said: Mapping[str, Any], fields: Mapping[str, Field]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for one in said.get("Attributes", []):
        key, value = one["Key"], one["Value"]
        if key in _CONSUMED:
            continue
        if key in found:
            raise Refused(f"the attribute {key} is given twice")
        _check(key, value, fields)
        found[key] = _plain(key, value)
    return found


def _plain(key: str, value: Mapping[str, Any]) -> Any:
    """A date may be one that cannot be written down."""
    held = next(iter(value.values()))
    if isinstance(held, datetime) and not 1 <= held.year <= 9999:
        raise Refused(f"the attribute {key} is no date")
    return plain(value)


def _check(key: str, value: Mapping[str, Any], fields: Mapping[str, Field]) -> None:
    field = fields.get(key)
    if field is None:
        raise Refused(f"the index has no field {key}")
    if key in _NOT_GIVEN:
        raise Refused(f"the attribute {key} cannot be given")
    (member, _), *_ = value.items()
    if TYPES[member] != field.type:
        raise Refused(f"the attribute {key} is of the type {field.type}, and {member} is given")
