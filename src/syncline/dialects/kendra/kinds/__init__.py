"""Types of data sources: from Kendra's configuration to one of our source kinds and its settings, and back.

Type, Configuration ──drawn──▶ kind, settings            ValidationException for what cannot be run as it is meant
connector ──shown──▶ Type, Configuration                 the nearest one, for connectors of any origin

s3, template, web, database     one room for each type; each has `drawn` and `shown`
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import xxhash

from syncline.dialects.kendra.ground import extras_of, invalid
from syncline.dialects.kendra.kinds import database, s3, template, web
from syncline.dialects.kendra.kinds.drawing import Drawn, Surroundings
from syncline.model.connectors import Connector
from syncline.model.documents import encode_metadata
from syncline.store.secrets import masked

__all__ = ["Drawn", "Surroundings", "drawn", "seal_of", "shown", "type_of"]

CUSTOM: Final = "CUSTOM"
MEMBERS: Final = {
    "S3": "S3Configuration",
    "TEMPLATE": "TemplateConfiguration",
    "WEBCRAWLER": "WebCrawlerConfiguration",
    "DATABASE": "DatabaseConfiguration",
}
_DRAWERS: Final[dict[str, Callable[[Mapping[str, Any], Surroundings], Drawn]]] = {
    "S3": s3.drawn,
    "TEMPLATE": template.drawn,
    "WEBCRAWLER": web.drawn,
    "DATABASE": database.drawn,
}
_SHOWERS: Final[dict[str, Callable[[Connector], dict[str, Any] | None]]] = {
    "s3": s3.shown,
    "web": web.shown,
    "postgresql": database.shown,
    "mysql": database.shown,
}
_TYPES: Final = {"s3": "S3", "web": "WEBCRAWLER", "postgresql": "DATABASE", "mysql": "DATABASE"}


def drawn(type: str, configuration: Mapping[str, Any] | None, around: Surroundings) -> Drawn:
    """What is to be made of a data source. Raises ValidationException."""
    if type == CUSTOM:
        if configuration is not None:
            raise invalid("Configuration cannot be given for a data source of the type CUSTOM.")
        return Drawn("push", {})
    if type not in MEMBERS:
        known = ", ".join([*MEMBERS, CUSTOM])
        raise invalid(f"Data sources of the type {type} cannot be run here; those of the types {known} can.")
    if configuration is None:
        raise invalid(f"Configuration must be given for a data source of the type {type}.")
    if set(configuration) != {MEMBERS[type]}:
        given = ", ".join(sorted(configuration)) or "nothing"
        raise invalid(f"Configuration of the type {type} must have {MEMBERS[type]} and nothing else; it has {given}.")
    return _DRAWERS[type](configuration[MEMBERS[type]], around)


def shown(connector: Connector) -> tuple[str, dict[str, Any] | None]:
    """(Type, Configuration) of a connector of any origin: as it was given, or as near as can be."""
    if connector.kind == "push":
        return CUSTOM, None
    kept = extras_of(connector)
    if "configuration" in kept and kept.get("seal") == seal_of(connector):
        return kept["type"], kept["configuration"]
    show = _SHOWERS.get(connector.kind)
    found = show(connector) if show is not None else None
    if found is not None:
        type = _TYPES[connector.kind]
        return type, {MEMBERS[type]: found}
    return "TEMPLATE", {MEMBERS["TEMPLATE"]: template.shown(connector)}


def type_of(connector: Connector) -> str:
    """Its Type."""
    return shown(connector)[0]


def seal_of(connector: Connector) -> str:
    """Another one when its settings have been changed, but for secrets."""
    return xxhash.xxh3_64_hexdigest(encode_metadata(masked(connector.config)).encode("utf-8", "surrogatepass"))
