"""What a field name means: where its values lie in a document, and how they are compared. Pure.

    mapping ──▶ Fields ──resolve("title.keyword")──▶ Field(path ("title",), kind KEYWORD)

A field that the mapping does not name is compared as its values are: texts by words, numbers as numbers, texts that are
dates as dates; "name.keyword" and "name.enum" are the whole texts, unless the document has something else there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final, NamedTuple

from syncline.dialects.elastic.query_globs import Glob, glob
from syncline.dialects.elastic.query_refusals import unsupported
from syncline.dialects.elastic.refusals import Refused

WHOLE: Final = ("keyword", "enum")  # names of the whole text, below a field nobody has mapped
IGNORE_ABOVE: Final = 256  # characters, of such a whole text
DEEPEST: Final = 20


class Kind(StrEnum):
    """How the values of a field are compared."""

    OPEN = "open"  # as they are
    TEXT = "text"
    KEYWORD = "keyword"
    NUMBER = "number"
    DATE = "date"
    BOOLEAN = "boolean"
    UNINDEXED = "unindexed"


KINDS: Final = {
    **dict.fromkeys(("text", "match_only_text", "search_as_you_type", "annotated_text"), Kind.TEXT),
    **dict.fromkeys(("keyword", "constant_keyword", "wildcard"), Kind.KEYWORD),
    **dict.fromkeys(
        ("long", "integer", "short", "byte", "double", "float", "half_float", "scaled_float", "unsigned_long"),
        Kind.NUMBER,
    ),
    **dict.fromkeys(("date", "date_nanos"), Kind.DATE),
    "boolean": Kind.BOOLEAN,
    "binary": Kind.UNINDEXED,
}
_WHOLE_NUMBERS: Final = ("long", "integer", "short", "byte", "unsigned_long")
_REFUSED: Final = ("runtime", "_routing", "_size")  # parts of a mapping that would change results
_PROPERTY_REFUSED: Final = ("script", "null_value", "copy_to")


class Field(NamedTuple):
    """`path` is empty for what no document has."""

    name: str
    path: tuple[str, ...]
    kind: Kind
    ignore_above: int | None = None
    whole: bool = False  # of numbers: no fractions
    parent: bool = False  # OPEN only: a whole text below `path`, unless the document has something at `name`


class Fields:
    """The fields of one index."""

    def __init__(self, mapping: Mapping[str, Any] | None = None, default: Kind = Kind.OPEN) -> None:
        mapping = mapping or {}
        self._default = default
        self.dynamic = str(mapping.get("dynamic", "true")).lower()
        self._templates = _templates(mapping.get("dynamic_templates", ()))
        self._named: dict[str, Field] = {}
        self._objects: dict[str, str] = {}  # objects by path, and what they do with new fields
        self._learn("", mapping.get("properties", {}))
        self._resolved: dict[str, Field] = {}

    def _learn(self, above: str, properties: Mapping[str, Any]) -> None:
        for name, said in properties.items():
            path = f"{above}{name}"
            if "properties" in said or said.get("type", "object") == "object":
                enabled = said.get("enabled", True) not in (False, "false")
                self._objects[path] = str(said.get("dynamic", "")).lower() if enabled else "false"
                if enabled:
                    self._learn(f"{path}.", said.get("properties", {}))
            else:
                self._add(path, path, said)

    def _add(self, name: str, path: str, said: Mapping[str, Any]) -> None:
        self._named[name] = _field(name, path, said)
        for sub, below in said.get("fields", {}).items():
            self._named[f"{name}.{sub}"] = _field(f"{name}.{sub}", path, below)

    def resolve(self, name: str) -> Field:
        """What that name means in a query."""
        found = self._resolved.get(name)
        if found is None:
            found = self._resolved[name] = self._find(name)
        return found

    def _find(self, name: str) -> Field:
        if name in ("_id", "_index"):
            return Field(name, (), Kind.KEYWORD)
        if name in self._named:
            return self._named[name]
        if self._closed(name):
            return Field(name, (), Kind.UNINDEXED)
        parts = tuple(name.split("."))
        for path in (".".join(parts[:-1]), name):  # a part of a text, or else a text
            said = self._templated(path) if path else None
            if said is not None:
                self._add(path, path, said)
                if name in self._named:
                    return self._named[name]
        if self._default is not Kind.OPEN:
            return Field(name, parts, self._default)
        if len(parts) > 1 and parts[-1] in WHOLE and ".".join(parts[:-1]) not in self._named:
            return Field(name, parts[:-1], Kind.OPEN, IGNORE_ABOVE, parent=True)
        return Field(name, parts, Kind.OPEN)

    def _closed(self, name: str) -> bool:
        """Whether nothing that is not mapped can be found there."""
        parts = name.split(".")
        for count in range(len(parts) - 1, 0, -1):
            said = self._objects.get(".".join(parts[:count]))
            if said:
                return said in ("false", "strict")
        return self.dynamic in ("false", "strict")

    def _templated(self, path: str) -> Mapping[str, Any] | None:
        """The mapping that a text without one of its own gets there."""
        for template in self._templates:
            if template.takes(path):
                return template.mapping
        return None

    def strictly_refused(self, source: Mapping[str, Any]) -> str | None:
        """The name of the first field that a strict mapping does not allow."""
        if self.dynamic != "strict" and "strict" not in self._objects.values():
            return None
        return next((path for path in paths_of(source) if self._strict(path)), None)

    def _strict(self, path: str) -> bool:
        if path in self._named:
            return False
        parts = path.split(".")
        for count in range(len(parts) - 1, 0, -1):
            said = self._objects.get(".".join(parts[:count]))
            if said:
                return said == "strict"
        return self.dynamic == "strict"

    def typed(self) -> Iterator[Field]:
        """The mapped fields whose values must be numbers, dates or booleans."""
        for field in self._named.values():
            if field.kind in (Kind.NUMBER, Kind.DATE, Kind.BOOLEAN) and ".".join(field.path) == field.name:
                yield field

    def matching(self, pattern: str) -> list[Field]:
        """The mapped fields, none of them part of another, whose names are like that."""
        like = glob(pattern)
        return [field for name, field in self._named.items() if ".".join(field.path) == name and like.fullmatch(name)]


def _field(name: str, path: str, said: Mapping[str, Any]) -> Field:
    type = said.get("type", "object")
    kind = KINDS.get(type, Kind.UNINDEXED)
    if said.get("index", True) in (False, "false"):
        kind = Kind.UNINDEXED
    above = said.get("ignore_above")
    return Field(name, tuple(path.split(".")), kind, above if isinstance(above, int) else None, type in _WHOLE_NUMBERS)


# --- templates for fields that come with documents --------------------------------------------------------------------


class _Template(NamedTuple):
    likes: tuple[Glob, ...]
    leaves: tuple[Glob, ...]
    path_takes: tuple[Glob, ...]
    path_leaves: tuple[Glob, ...]
    mapping: Mapping[str, Any]

    def takes(self, path: str) -> bool:
        """Whether a text at that path gets this mapping."""
        name = path.rpartition(".")[2]
        return (
            (not self.likes or any(like.fullmatch(name) for like in self.likes))
            and not any(like.fullmatch(name) for like in self.leaves)
            and (not self.path_takes or any(like.fullmatch(path) for like in self.path_takes))
            and not any(like.fullmatch(path) for like in self.path_leaves)
        )


def _templates(said: Any) -> list[_Template]:
    """Those that apply to texts; others give a field no other meaning than its values have anyway."""
    found = []
    for one in said if isinstance(said, list | tuple) else ():
        for body in one.values() if isinstance(one, Mapping) else ():
            types = _listed(body.get("match_mapping_type", "string"))
            mapping = body.get("mapping", {})
            if ("string" in types or "*" in types) and isinstance(mapping, Mapping):
                likes, leaves, path_likes, path_leaves = (
                    tuple(glob(text) for text in _listed(body.get(key, [])))
                    for key in ("match", "unmatch", "path_match", "path_unmatch")
                )
                made = {**mapping, "type": _type_of(mapping)}
                found.append(_Template(likes, leaves, path_likes, path_leaves, made))
    return found


def _type_of(mapping: Mapping[str, Any]) -> str:
    type = mapping.get("type", "text")
    return "text" if type == "{dynamic_type}" else str(type)


def _listed(value: Any) -> list[str]:
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else [str(value)]


# --- checking a mapping -----------------------------------------------------------------------------------------------


def check_mapping(mapping: Any) -> None:
    """Raises Refused for a mapping that cannot be understood, or that asks for what would change results here."""
    if not isinstance(mapping, Mapping):
        raise _misshapen("expected an object")
    for name in _REFUSED:
        if mapping.get(name):
            raise unsupported(f"[{name}] in a mapping")
    source = mapping.get("_source", {})
    if isinstance(source, Mapping) and (
        source.get("enabled", True) in (False, "false") or source.get("includes") or source.get("excludes")
    ):
        raise unsupported("a mapping that does not keep all of [_source]")
    _check_dynamic(mapping)
    _check_properties("", mapping.get("properties", {}), 1)
    templates = mapping.get("dynamic_templates", [])
    if not isinstance(templates, list):
        raise _misshapen("[dynamic_templates] must be a list")
    for template in templates:
        _check_template(template)


def _check_dynamic(said: Mapping[str, Any]) -> None:
    if str(said.get("dynamic", "true")).lower() not in ("true", "false", "strict"):
        raise unsupported(f"[dynamic: {said['dynamic']!s:.50}] in a mapping", "use true, false or strict")


def _check_template(template: Any) -> None:
    if not (isinstance(template, Mapping) and len(template) == 1):
        raise _misshapen("a dynamic template must be an object with one name")
    (body,) = template.values()
    if not isinstance(body, Mapping) or not isinstance(body.get("mapping", {}), Mapping):
        raise _misshapen("a dynamic template must have a [mapping]")
    if "runtime" in body or body.get("match_pattern", "simple") != "simple":
        raise unsupported("[runtime] or [match_pattern] in a dynamic template")
    mapping = dict(body.get("mapping", {}))
    if mapping.get("type") == "{dynamic_type}":
        mapping["type"] = "text"
    if mapping:
        _check_property("template", {"type": "text", **mapping}, 1)


def _check_properties(above: str, properties: Any, depth: int) -> None:
    if not isinstance(properties, Mapping):
        raise _misshapen("[properties] must be an object")
    if depth > DEEPEST:
        raise _misshapen(f"more than {DEEPEST} levels")
    for name, said in properties.items():
        _check_property(f"{above}{name}", said, depth)


def _check_property(name: str, said: Any, depth: int) -> None:
    if not isinstance(said, Mapping):
        raise _misshapen(f"expected an object for [{name:.200}]")
    type = said.get("type", "object")
    if not isinstance(type, str):
        raise _misshapen(f"the type of [{name:.200}] must be text")
    if type != "object" and type not in KINDS:
        raise unsupported(f"the type [{type:.100}] of the field [{name:.200}]")
    for key in _PROPERTY_REFUSED:
        if key in said:
            raise unsupported(f"[{key}] of the field [{name:.200}]")
    if type == "object":
        _check_dynamic(said)
        _check_properties(f"{name}.", said.get("properties", {}), depth + 1)
    if Kind.DATE is KINDS.get(type):
        _check_format(name, said.get("format"))
    fields = said.get("fields", {})
    if not isinstance(fields, Mapping):
        raise _misshapen(f"[fields] of [{name:.200}] must be an object")
    for sub, below in fields.items():
        _check_property(f"{name}.{sub}", below, depth + 1)


FORMATS: Final = (
    "strict_date_optional_time",
    "date_optional_time",
    "strict_date_optional_time_nanos",
    "epoch_millis",
    "strict_date_time",
    "date_time",
    "strict_date_time_no_millis",
    "date_time_no_millis",
    "strict_date",
    "date",
    "yyyy-MM-dd",
    "iso8601",
    "yyyy-MM-dd HH:mm:ss",
)


def _check_format(name: str, said: Any) -> None:
    if said is not None:
        known_format(said, f" of the field [{name:.200}]")


def known_format(said: Any, where: str = "") -> None:
    """Raises Refused for a format of dates other than ISO 8601 and milliseconds."""
    for one in str(said).split("||"):
        if one not in FORMATS:
            raise unsupported(f"the date format [{one:.100}]{where}", "dates are ISO 8601 or milliseconds")


def _misshapen(why: str) -> Refused:
    return Refused(400, "mapper_parsing_exception", f"Failed to parse mapping: {why}")


# --- values in a document ---------------------------------------------------------------------------------------------


def values_at(source: Any, path: Sequence[str]) -> list[Any]:
    """Every value there that is neither null nor an object, lists and lists of objects opened; a name may hold dots."""
    if len(path) == 1 and type(source) is dict:
        value = source.get(path[0])
        if value is None:
            return []
        if not isinstance(value, dict | list):
            return [value]
    found: list[Any] = []
    _collect(source, path, 0, found)
    return found


def _collect(node: Any, path: Sequence[str], at: int, found: list[Any]) -> None:
    if isinstance(node, list):
        for one in node:
            _collect(one, path, at, found)
    elif at == len(path):
        if node is not None and not isinstance(node, dict):
            found.append(node)
    elif isinstance(node, dict):
        for end in range(at + 1, len(path) + 1):
            name = path[at] if end == at + 1 else ".".join(path[at:end])
            if name in node:
                _collect(node[name], path, end, found)


def leaves(source: Any, above: str = "") -> Iterator[tuple[str, Any]]:
    """(dotted path, value) of every value that is neither null nor an object, lists opened."""
    if isinstance(source, dict):
        prefix = f"{above}." if above else ""
        for name, inner in source.items():
            if isinstance(inner, dict | list):
                yield from leaves(inner, prefix + name)
            elif inner is not None:
                yield prefix + name, inner
    elif isinstance(source, list):
        for one in source:
            if isinstance(one, dict | list):
                yield from leaves(one, above)
            elif one is not None:
                yield above, one
    elif source is not None:
        yield above, source


def paths_of(source: Any) -> Iterator[str]:
    """Dotted paths of every value."""
    for path, _ in leaves(source):
        yield path


def has_below(source: Any, path: Sequence[str]) -> bool:
    """Whether there is any value there, or below an object there."""
    return bool(values_at(source, path)) or any(True for _ in _objects_at(source, path, 0))


def _objects_at(node: Any, path: Sequence[str], at: int) -> Iterator[Any]:
    if isinstance(node, list):
        for one in node:
            yield from _objects_at(one, path, at)
    elif at == len(path):
        if isinstance(node, dict) and any(True for _ in leaves(node)):
            yield node
    elif isinstance(node, dict):
        for end in range(at + 1, len(path) + 1):
            name = ".".join(path[at:end])
            if name in node:
                yield from _objects_at(node[name], path, end)
