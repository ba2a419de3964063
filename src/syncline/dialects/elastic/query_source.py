"""Which parts of a document are shown: `_source` with includes and excludes, and `fields`. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from syncline.dialects.elastic.query_fields import leaves
from syncline.dialects.elastic.query_globs import Glob, glob
from syncline.dialects.elastic.query_refusals import unparsed, unsupported


@dataclass(slots=True, frozen=True)
class SourceFilter:
    """`shown` False: no source at all. Names may hold "*", and mean what lies below them, too."""

    shown: bool = True
    includes: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()

    @property
    def everything(self) -> bool:
        """Whether nothing is left out."""
        return self.shown and not self.includes and not self.excludes

    def names(self) -> frozenset[str]:
        """The fields it shows; "*" stands for any."""
        if not self.shown:
            return frozenset()
        return frozenset(self.includes) if self.includes else frozenset("*")

    def of(self, source: dict[str, Any]) -> dict[str, Any]:
        """What is shown of an object."""
        if self.everything:
            return source
        includes, excludes = [glob(name) for name in self.includes], [glob(name) for name in self.excludes]
        return _kept(source, "", includes, excludes, not includes)


def parsed(said: Any) -> SourceFilter:
    """What `_source` asks for. Raises Refused."""
    if said is None or said is True or said == "true":
        return SourceFilter()
    if said is False or said == "false":
        return SourceFilter(False)
    if isinstance(said, Mapping):
        odd = next((key for key in said if key not in ("includes", "include", "excludes", "exclude")), None)
        if odd is not None:
            raise unparsed(f"Unknown key for a [_source] object: [{odd:.200}]")
        includes = _names(said.get("includes", said.get("include")))
        return SourceFilter(True, includes, _names(said.get("excludes", said.get("exclude"))))
    return SourceFilter(True, _names(said))


def of_query(query: Mapping[str, str], otherwise: SourceFilter) -> SourceFilter:
    """The same by the parameters `_source`, `_source_includes` and `_source_excludes`; `otherwise` without any."""
    said = query.get("_source")
    includes = tuple(name for name in query.get("_source_includes", "").split(",") if name)
    excludes = tuple(name for name in query.get("_source_excludes", "").split(",") if name)
    if said is None and not includes and not excludes:
        return otherwise
    if said in ("false",):
        return SourceFilter(False)
    if said not in (None, "", "true"):
        includes += tuple(name for name in said.split(",") if name)
    return SourceFilter(True, includes, excludes)


def _names(said: Any) -> tuple[str, ...]:
    given = [] if said is None else said if isinstance(said, list) else [said]
    if not all(isinstance(name, str) for name in given):
        raise unparsed("[_source] must be names of fields")
    return tuple(given)


def _kept(
    node: Mapping[str, Any], above: str, includes: Sequence[Glob], excludes: Sequence[Glob], whole: bool
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in node.items():
        path = f"{above}{name}"
        if any(like.fullmatch(path) for like in excludes):
            continue
        inside = whole or any(like.fullmatch(path) for like in includes)
        if isinstance(value, dict):
            inner = _kept(value, f"{path}.", includes, excludes, inside)
            if inner or (inside and not value):
                found[name] = inner
        elif isinstance(value, list) and any(isinstance(one, dict) for one in value):
            items = [
                _kept(one, f"{path}.", includes, excludes, inside) if isinstance(one, dict) else one for one in value
            ]
            kept = [one for one in items if (one if isinstance(one, dict) else inside)]
            if kept:
                found[name] = kept
        elif inside:
            found[name] = value
    return found


def field_patterns(said: Any) -> tuple[str, ...]:
    """What `fields` asks for: names, perhaps with "*". Raises Refused."""
    if said is None:
        return ()
    if not isinstance(said, list):
        raise unparsed("[fields] must be a list")
    found = []
    for one in said:
        if isinstance(one, Mapping):
            if set(one) - {"field", "include_unmapped"}:
                raise unsupported("[format] of [fields]")
            one = one.get("field")
        if not isinstance(one, str):
            raise unparsed("[fields] must be names of fields")
        found.append(one)
    return tuple(found)


def fields_of(source: Mapping[str, Any], patterns: Sequence[str]) -> dict[str, list[Any]]:
    """The values of the fields that are like one of the patterns, by dotted name."""
    likes = [glob(pattern) for pattern in patterns]
    found: dict[str, list[Any]] = {}
    for path, value in leaves(source):
        if any(like.fullmatch(path) for like in likes):
            found.setdefault(path, []).append(value)
    return found
