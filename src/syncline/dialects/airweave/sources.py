"""Sources: the kinds that a connector made over the network may have, described by the schemas of their settings."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from syncline.model.errors import SynclineError
from syncline.service import reach

_SHORT_NAMES: Final = {"folder": "filesystem"}  # kind: what it is called here, where that is another name
_NAMES: Final = {"folder": "Filesystem"}
_LABELS: Final[Mapping[str, str]] = {
    "folder": "File Storage", "s3": "Object Storage", "web": "Web", "push": "Push",
    "postgresql": "Database", "mysql": "Database", "sqlite": "Database", "sql": "Database",
}  # fmt: skip
_ELSEWHERE: Final = frozenset({"hosted"})  # run by workers of another system
_CONTINUOUS: Final = frozenset({"postgresql", "mysql", "sqlite", "sql", "push"})  # they have a feed of changes


class Source(NamedTuple):
    """One of them. `shape` is its answer; `fields` are the names of its settings, `secrets` those that are secret,
    `needed` those of them that must be given."""

    short_name: str
    kind: str
    name: str
    continuous: bool
    shape: dict[str, Any]
    fields: tuple[str, ...]
    secrets: frozenset[str]
    needed: frozenset[str]


class Catalogue:
    """All of them. Read when they are first asked for: finding out what is installed takes a moment."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: dict[str, Source] | None = None

    def all(self) -> list[Source]:
        """By short name."""
        return list(self._sources().values())

    def get(self, short_name: str) -> Source | None:
        """By short name, or by our own name of the kind."""
        return self._sources().get(_SHORT_NAMES.get(short_name, short_name))

    def of_kind(self, kind: str) -> Source | None:
        """The same by kind; None for one that is not offered."""
        return self.get(short_name(kind))

    def _sources(self) -> dict[str, Source]:
        with self._lock:
            if self._found is None:
                self._found = {source.short_name: source for source in sorted(_offered())}
            return self._found


def short_name(kind: str) -> str:
    """What a kind is called here, offered or not."""
    return _SHORT_NAMES.get(kind, kind)


def entity_type(kind: str) -> str:
    """What its documents are called: "FilesystemEntity", "S3Entity"."""
    plain = short_name(kind).rpartition(":")[2]
    return "".join(part[:1].upper() + part[1:] for part in plain.replace("-", "_").split("_")) + "Entity"


def _offered() -> Iterator[Source]:
    from syncline.sources import registry

    for kind in registry.available():
        if kind.problem or kind.name in _ELSEWHERE:
            continue
        try:
            reach.check_bounds(kind.name)
            model = registry.find(kind.name).load_config()
            schema = model.model_json_schema()
            secrets = frozenset(name.partition(".")[0] for name in registry.secret_fields(kind.name))
        except SynclineError:  # not for requests
            continue
        except Exception:  # a model of somebody else's that has no schema  # noqa: S112
            continue
        yield _source(kind.name, kind.title, model.__name__, schema, secrets)


def _source(kind: str, title: str, config_class: str, schema: Mapping[str, Any], secrets: frozenset[str]) -> Source:
    required = frozenset(schema.get("required", ()))
    fields = [_field(name, said, schema, required, secrets) for name, said in schema.get("properties", {}).items()]
    name, entity = _NAMES.get(kind, title or kind), entity_type(kind)
    hidden = [field for field in fields if field["is_secret"]]
    shape = {
        "name": name,
        "description": str(schema.get("description") or ""),
        "auth_methods": ["direct"],
        "oauth_type": None,
        "requires_byoc": False,
        "auth_config_class": f"{entity.removesuffix('Entity')}AuthConfig" if hidden else None,
        "config_class": config_class,
        "short_name": short_name(kind),
        "class_name": f"{entity.removesuffix('Entity')}Source",
        "output_entity_definitions": [entity],
        "labels": [_LABELS[kind]] if kind in _LABELS else [],
        "supports_continuous": kind in _CONTINUOUS,
        "federated_search": False,
        "supports_temporal_relevance": False,
        "supports_access_control": False,
        "rate_limit_level": None,
        "feature_flag": None,
        "supports_browse_tree": False,
        "auth_fields": {"fields": hidden},
        "config_fields": {"fields": [field for field in fields if not field["is_secret"]]},
        "supported_auth_providers": [],
    }
    names = tuple(field["name"] for field in fields)
    return Source(short_name(kind), kind, name, kind in _CONTINUOUS, shape, names, secrets, required & secrets)


def _field(
    name: str, said: Mapping[str, Any], schema: Mapping[str, Any], required: frozenset[str], secrets: frozenset[str]
) -> dict[str, Any]:
    meant = _meant(said, schema)
    items = _meant(meant.get("items", {}), schema)
    choices = meant.get("enum") or ([meant["const"]] if "const" in meant else None)
    return {
        "name": name,
        "title": str(said.get("title") or name.replace("_", " ").capitalize()),
        "description": str(said.get("description") or "") or None,
        "type": _type(meant),
        "required": name in required,
        "items_type": _type(items) if meant.get("type") == "array" else None,
        "feature_flag": None,
        "is_secret": name in secrets,
        "enum_values": None if choices is None else [str(choice) for choice in choices],
    }


def _meant(said: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema behind a reference, and the one of several that is not null."""
    if "$ref" in said:
        return _meant(schema.get("$defs", {}).get(str(said["$ref"]).rpartition("/")[2], {}), schema)
    for some in ("anyOf", "oneOf", "allOf"):
        if some in said:
            chosen = [one for one in said[some] if one.get("type") != "null"]
            return _meant(chosen[0], schema) if chosen else {}
    return said


def _type(said: Mapping[str, Any]) -> str:
    named = {"integer": "number", "number": "number", "boolean": "boolean", "array": "array", "object": "object"}
    return named.get(str(said.get("type")), "string")
