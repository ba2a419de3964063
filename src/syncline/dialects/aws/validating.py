"""What of an input the model does not allow, in the words of AWS:

    2 validation errors detected: Value '' at 'indexId' failed to satisfy constraint: Member must have length greater
    than or equal to 36; Value null at 'documents.1.member.id' failed to satisfy constraint: Member must not be null

A value within a list or a map that holds no members of its own is told of once for the whole list, with all its
constraints: "Member must satisfy constraint: […]", "Map value must satisfy constraint: […]". Sensitive values, and
those that hold other values, are left out: "Value at 'password' failed …".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, Final, NamedTuple

from syncline.dialects.aws.models import Shape

MOST: Final = 100  # errors that are looked for
SHOWN_CHARS: Final = 256  # of a value; longer ones are cut
LONG_CHARS: Final = 256  # a value that is longer than this and than its bound is not held against its pattern
NOT_NULL: Final = "Member must not be null"


class Violation(NamedTuple):
    """One constraint that is not kept. `shown` is how the value is told of: " 'x'", " null", or nothing."""

    path: str
    shown: str
    constraint: str

    def __str__(self) -> str:
        return f"Value{self.shown} at '{self.path}' failed to satisfy constraint: {self.constraint}"


def message(violations: list[Violation]) -> str:
    """All of them in one text."""
    count = len(violations)
    return f"{count} validation error{'' if count == 1 else 's'} detected: " + "; ".join(map(str, violations))


def violations(shape: Shape, value: Any) -> list[Violation]:
    """Of a parsed value, in the order of the model; 100 at most."""
    return list(islice(_walk(shape, value, ""), MOST))


def _walk(shape: Shape, value: Any, path: str) -> Iterator[Violation]:
    if value is None:
        yield Violation(path, " null", NOT_NULL)
    elif shape.kind == "structure":
        yield from _structure(shape, value, path)
    elif shape.kind == "list":
        yield from _list(shape, value, path)
    elif shape.kind == "map":
        yield from _map(shape, value, path)
    else:
        for broken in _broken(shape, value):
            yield Violation(path, _shown(shape, value), broken)


def _structure(shape: Shape, value: dict[str, Any], path: str) -> Iterator[Violation]:
    prefix = f"{path}." if path else ""
    for name in shape.required:
        if name not in value:
            yield Violation(prefix + _lower(name), " null", NOT_NULL)
    if shape.union and len(value) != 1:
        yield Violation(path, "", f"Member must have exactly one of: [{', '.join(map(_lower, shape.members))}]")
    for name, one in value.items():
        yield from _walk(shape.members[name].shape, one, prefix + _lower(name))


def _list(shape: Shape, value: list[Any], path: str) -> Iterator[Violation]:
    for broken in _length(shape, len(value)):
        yield Violation(path, _shown(shape, value), broken)
    element = shape.element
    if not element.scalar:
        for n, one in enumerate(value, 1):
            yield from _walk(element, one, f"{path}.{n}.member")
    elif any(True for one in value for _ in _broken(element, one)):
        yield Violation(path, _shown(shape, value), f"Member must satisfy constraint: [{_all_of(element, value)}]")


def _map(shape: Shape, value: dict[str, Any], path: str) -> Iterator[Violation]:
    for broken in _length(shape, len(value)):
        yield Violation(path, "", broken)
    if any(True for key in value for _ in _broken(shape.key, key)):
        yield Violation(path, "", f"Map keys must satisfy constraint: [{_all_of(shape.key, value)}]")
    inner = shape.value
    if not inner.scalar:
        for key, one in value.items():
            yield from _walk(inner, one, f"{path}.{key[:SHOWN_CHARS]}.member")
    elif any(True for one in value.values() for _ in _broken(inner, one)):
        yield Violation(path, "", f"Map value must satisfy constraint: [{_all_of(inner, value.values())}]")


def _broken(shape: Shape, value: Any) -> Iterator[str]:
    """The constraints of a value without members that it does not keep."""
    if value is None:
        yield NOT_NULL
    elif shape.kind in ("string", "blob"):
        yield from _length(shape, len(value))
        if shape.enum and value not in shape.enum:
            yield _enum(shape)
        if shape.pattern is not None and not _too_long(shape, value) and not shape.pattern.fullmatch(value):
            yield _pattern(shape)
    elif shape.kind in ("integer", "long", "float", "double"):
        if shape.high is not None and not value <= shape.high:
            yield _at_most("value", shape.high)
        if shape.low is not None and not value >= shape.low:
            yield _at_least("value", shape.low)


def _too_long(shape: Shape, value: str) -> bool:
    """Some patterns of the models take time that grows with a power of the length."""
    return shape.high is not None and len(value) > max(shape.high, LONG_CHARS)


def _length(shape: Shape, length: int) -> Iterator[str]:
    if shape.high is not None and length > shape.high:
        yield _at_most("length", shape.high)
    if shape.low is not None and length < shape.low:
        yield _at_least("length", shape.low)


def _all_of(shape: Shape, values: Iterable[Any]) -> str:
    """Every constraint of a shape without members, kept or not."""
    measure = "length" if shape.kind in ("string", "blob") else "value"
    told = []
    if shape.high is not None:
        told.append(_at_most(measure, shape.high))
    if shape.low is not None:
        told.append(_at_least(measure, shape.low))
    if shape.enum:
        told.append(_enum(shape))
    if shape.pattern_text is not None:
        told.append(_pattern(shape))
    if any(one is None for one in values):
        told.append(NOT_NULL)
    return ", ".join(told)


def _at_most(measure: str, bound: float) -> str:
    return f"Member must have {measure} less than or equal to {bound}"


def _at_least(measure: str, bound: float) -> str:
    return f"Member must have {measure} greater than or equal to {bound}"


def _enum(shape: Shape) -> str:
    return f"Member must satisfy enum value set: [{', '.join(shape.enum)}]"


def _pattern(shape: Shape) -> str:
    return f"Member must satisfy regular expression pattern: {shape.pattern_text}"


def _shown(shape: Shape, value: Any) -> str:
    inner = shape.element if shape.kind == "list" else shape
    if inner.sensitive or shape.sensitive or inner.kind == "blob" or not inner.scalar:
        return " '[]'" if value == [] else ""
    text = "[" + ", ".join(map(_plain, value[:SHOWN_CHARS])) + "]" if shape.kind == "list" else _plain(value)
    return f" '{text if len(text) <= SHOWN_CHARS else text[:SHOWN_CHARS] + '...'}'"


def _plain(value: Any) -> str:
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _lower(name: str) -> str:
    """The name of a member as AWS writes it in a path."""
    return name[:1].lower() + name[1:]
