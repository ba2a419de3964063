"""TEMPLATE: free JSON. Only the template of the type S3 can be run; its patterns are regular expressions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from syncline.dialects.kendra.ground import invalid
from syncline.dialects.kendra.kinds import s3
from syncline.dialects.kendra.kinds.drawing import Drawn, Surroundings
from syncline.model.connectors import Connector
from syncline.store.secrets import masked

REGEX: Final = "regex:"
REQUIRED: Final = ("connectionConfiguration", "repositoryConfigurations", "syncMode", "type")
_TOP: Final = frozenset({*REQUIRED, "additionalProperties", "version"})
_LISTS: Final = ("inclusionPatterns", "exclusionPatterns", "inclusionPrefixes", "exclusionPrefixes")
_TEXTS: Final = ("aclConfigurationFilePath", "metadataFilesPrefix")
_OWN: Final = frozenset({"s3_document_id"})  # what the connector of S3 knows itself: the id of the document


def drawn(said: Mapping[str, Any], around: Surroundings) -> Drawn:
    """A TemplateConfiguration. Raises ValidationException."""
    given = said.get("Template")
    if not isinstance(given, Mapping):
        raise invalid("Template must be a JSON object.")
    for name in REQUIRED:
        if given.get(name) is None:
            raise invalid(f"Template must have {name}.")
    if given["type"] != "S3":
        raise invalid(f"Templates of the type {given['type']!s:.100} cannot be run here; those of the type S3 can.")
    _check_known(given, _TOP, "Template")
    more = _object(given.get("additionalProperties") or {}, "additionalProperties")
    _check_known(more, {*_LISTS, *_TEXTS}, "additionalProperties")
    _check_mappings(_object(given["repositoryConfigurations"], "repositoryConfigurations"), around)
    metadata_prefix, access_file = (_text(more, name) for name in reversed(_TEXTS))
    include, exclude, prefixes, without = (_texts(more, name) for name in _LISTS)
    return Drawn(
        "s3",
        {
            **s3.bucket(_bucket(given["connectionConfiguration"]), around, metadata_prefix, access_file),
            "prefixes": prefixes,
            "include": [f"{REGEX}{one}" for one in include],
            "exclude": [*(f"{REGEX}{one}" for one in exclude), *(f"{REGEX}{re.escape(one)}.*" for one in without)],
        },
        force=_forces(given["syncMode"]),
    )


def _forces(mode: Any) -> bool:
    if mode == "CHANGE_LOG":
        raise invalid("syncMode CHANGE_LOG is not available for S3, which has no change log.")
    if mode not in ("FORCED_FULL_CRAWL", "FULL_CRAWL"):
        raise invalid("syncMode must be FORCED_FULL_CRAWL or FULL_CRAWL.")
    return bool(mode == "FORCED_FULL_CRAWL")


def _bucket(said: Any) -> str:
    place = _object(said, "connectionConfiguration").get("repositoryEndpointMetadata")
    name = _object(place, "repositoryEndpointMetadata").get("BucketName")
    if not isinstance(name, str) or not re.fullmatch(r"[a-z0-9][.\-a-z0-9]{1,61}[a-z0-9]", name):
        raise invalid("repositoryEndpointMetadata must have a BucketName that a bucket can have.")
    return name


def _check_mappings(said: Mapping[str, Any], around: Surroundings) -> None:
    """Attributes keep their names on the way from metadata files to fields."""
    mappings = _object(said.get("document") or {}, "document").get("fieldMappings") or []
    if not isinstance(mappings, list):
        raise invalid("fieldMappings must be a list.")
    for one in mappings:
        found = _object(one, "An entry of fieldMappings")
        source, target = found.get("dataSourceFieldName"), found.get("indexFieldName")
        if not isinstance(source, str) or not isinstance(target, str):
            raise invalid("An entry of fieldMappings must have dataSourceFieldName and indexFieldName.")
        if source != target and source not in _OWN:
            raise invalid(f"fieldMappings cannot rename {source} to {target}: attributes keep their names here.")
        if source not in _OWN:
            around.check_fields([target])


def _check_known(said: Mapping[str, Any], known: frozenset[str] | set[str], where: str) -> None:
    """What is not understood is refused, unless it says nothing."""
    for name, value in said.items():
        if name not in known and value not in (None, "", [], {}, False):
            raise invalid(f"{where} has {name!s:.100}, which is not supported here.")


def _object(said: Any, name: str) -> Mapping[str, Any]:
    if not isinstance(said, Mapping):
        raise invalid(f"{name} must be a JSON object.")
    return said


def _text(said: Mapping[str, Any], name: str) -> str:
    value = said.get(name) or ""
    if not isinstance(value, str):
        raise invalid(f"{name} must be text.")
    return value


def _texts(said: Mapping[str, Any], name: str) -> list[str]:
    value = said.get(name) or []
    if not isinstance(value, list) or not all(isinstance(one, str) and one for one in value):
        raise invalid(f"{name} must be a list of texts.")
    return list(value)


def shown(connector: Connector) -> dict[str, Any]:
    """A Template that names the kind, for what Kendra has no type for. Secrets are asterisks."""
    template = {
        "type": connector.kind.upper(),
        "syncMode": "FULL_CRAWL",
        "version": "1.0.0",
        "connectionConfiguration": {"repositoryEndpointMetadata": masked(connector.config)},
        "repositoryConfigurations": {},
    }
    return {"Template": template}
