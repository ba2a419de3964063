"""What a metadata file says of its document.

    {"Title": …, "ContentType": …, "Attributes": {…}, "AccessControlList": [{"Name": …, "Type": "USER" | "GROUP",
     "Access": "ALLOW" | "DENY"}], "DocumentId": …}

Every part may be missing. Source: "Amazon S3 document metadata" in the Amazon Kendra developer guide.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from syncline.sources.s3.access import Access, AccessInvalid, parse_entries

MAX_BYTES: Final = 1 << 20
_URL: Final = "_source_uri"
MEDIA_TYPES: Final = {
    "PDF": "application/pdf",
    "HTML": "text/html",
    "PLAIN_TEXT": "text/plain",
    "MS_WORD": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "RTF": "application/rtf",
    "XML": "application/xml",
    "XSLT": "application/xslt+xml",
    "MS_EXCEL": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "CSV": "text/csv",
    "JSON": "application/json",
    "PPT": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "MD": "text/markdown",
}


class SidecarInvalid(ValueError):
    """The metadata file cannot be used. The text says why."""


@dataclass(slots=True)
class Sidecar:
    """What it says; empty where it says nothing. `access` None: it has no list of its own."""

    title: str = ""
    media_type: str = ""
    url: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
    access: Access | None = None


def parse_sidecar(content: bytes) -> Sidecar:
    """Raises SidecarInvalid."""
    try:
        values = json.loads(content.decode("utf-8-sig"))
    except (UnicodeDecodeError, ValueError, RecursionError):
        raise SidecarInvalid("it is not JSON in UTF-8") from None
    if not isinstance(values, dict):
        raise SidecarInvalid("it is not a JSON object")
    attributes = values.get("Attributes") or {}
    if not isinstance(attributes, dict):
        raise SidecarInvalid("Attributes is not an object")
    sidecar = Sidecar(title=_text(values, "Title"), media_type=_media_type(_text(values, "ContentType")))
    for name, value in attributes.items():
        sidecar.metadata[name] = _attribute(name, value)
    sidecar.url = str(attributes.get(_URL) or "")
    if document_id := _text(values, "DocumentId"):
        sidecar.metadata["document_id"] = document_id
    entries = values.get("AccessControlList")
    if entries is not None:
        try:
            sidecar.access = parse_entries(entries, "AccessControlList")
        except AccessInvalid as error:
            raise SidecarInvalid(str(error)) from None
    return sidecar


def _text(values: Mapping[str, Any], name: str) -> str:
    value = values.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise SidecarInvalid(f"{name} is not text")
    return value


def _attribute(name: str, value: Any) -> Any:
    if isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return value
    raise SidecarInvalid(f"the attribute {name[:60]!r} is no text, number, true, false or list of texts")


def _media_type(told: str) -> str:
    return told if "/" in told else MEDIA_TYPES.get(told.upper(), "")
