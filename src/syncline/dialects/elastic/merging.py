"""Partial updates as this dialect means them: objects are merged, everything else is replaced."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def merged(document: Mapping[str, Any], partial: Mapping[str, Any]) -> dict[str, Any]:
    """The document with the partial one over it. Null is a value."""
    found = dict(document)
    for name, value in partial.items():
        held = found.get(name)
        both = isinstance(value, Mapping) and isinstance(held, Mapping)
        found[name] = merged(held, value) if both else value  # type: ignore[arg-type]
    return found


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are the same, where true is not 1 and 1 is not 1.0. The order of names does not count."""
    if isinstance(one, Mapping):
        return (
            isinstance(other, Mapping)
            and one.keys() == other.keys()
            and all(same(value, other[name]) for name, value in one.items())
        )
    if isinstance(one, list):
        return isinstance(other, list) and len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and bool(one == other)
