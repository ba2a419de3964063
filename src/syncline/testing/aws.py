"""Values made from the models of AWS services, for testing dialects of theirs.

    inputs(service, operation)           a Hypothesis strategy of inputs that the model allows
    outputs(service, operation)          the same of outputs
    sample(shape, random, fullness)      one value of a shape
    edges(shape, value)                  the same value with one place changed: to a bound, and to just beyond it

Everything is decided by the `random` that is given. Values are Python's: aware datetimes, bytes.
"""

from __future__ import annotations

import random
import re
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from re import _constants as tokens  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import TYPE_CHECKING, Any, Final

from syncline.dialects.aws.models import Shape, load_service

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

POOL: Final = string.ascii_letters + string.digits + string.punctuation + " éß漢字😀"
MOST: Final = 12  # of what a list, a map or a text without bounds holds
LONGEST: Final = 300  # characters of a text in a sample, whatever its bound
_CHARACTERS: Final = (tokens.LITERAL, tokens.NOT_LITERAL, tokens.ANY, tokens.IN)
_STRETCHED: Final[dict[re.Pattern[str], int]] = {}
_ALLOWED: Final[dict[int, str]] = {}
DEPTH: Final = 6  # levels below which only what is required is there


def inputs(service: str, operation: str, fullness: float = 0.5) -> SearchStrategy[dict[str, Any]]:
    """Inputs of an operation by the names of the model. `fullness`: how likely an optional member is there."""
    return _strategy(load_service(service).operation(operation).input, fullness)


def outputs(service: str, operation: str, fullness: float = 0.5) -> SearchStrategy[dict[str, Any]]:
    """Outputs of an operation; an empty one where it has none."""
    shape = load_service(service).operation(operation).output
    return _strategy(shape or Shape("None", "structure"), fullness)


def _strategy(shape: Shape, fullness: float) -> SearchStrategy[dict[str, Any]]:
    from hypothesis import strategies as st

    # One number decides all: texts of thousands of characters would be thousands of choices otherwise.
    return st.integers(0, 2**64 - 1).map(lambda seed: sample(shape, random.Random(seed), fullness))  # noqa: S311


def sample(shape: Shape, random: random.Random, fullness: float = 0.5, depth: int = 0) -> Any:
    """A value that the shape allows. With fullness 1.0 every member is there, down to a depth."""
    if shape.kind == "structure":
        return _structure(shape, random, fullness, depth)
    if shape.kind == "list":
        count = _count(shape, random, depth)
        return [sample(shape.element, random, fullness, depth + 1) for _ in range(count)]
    if shape.kind == "map":
        count = _count(shape, random, depth)
        keys = {sample(shape.key, random) for _ in range(count)}
        return {key: sample(shape.value, random, fullness, depth + 1) for key in keys}
    return _SCALARS[shape.kind](shape, random)


def _structure(shape: Shape, random: random.Random, fullness: float, depth: int) -> dict[str, Any]:
    names = list(shape.members)
    if shape.union:
        shallow = [name for name in names if shape.members[name].shape.scalar]
        chosen = [random.choice(shallow if depth > DEPTH and shallow else names)]
    else:
        chosen = [
            name
            for name in names
            if name in shape.required
            or (depth <= DEPTH and not _again(shape, name, depth) and random.random() < fullness)
        ]
    return {name: sample(shape.members[name].shape, random, fullness, depth + 1) for name in chosen}


def _again(shape: Shape, name: str, depth: int) -> bool:
    """A shape within itself: once is enough."""
    inner = shape.members[name].shape
    while inner.kind in ("list", "map"):
        inner = inner.element if inner.kind == "list" else inner.value
    return inner is shape and depth > 2


def _count(shape: Shape, random: random.Random, depth: int) -> int:
    low = int(shape.low or 0)
    high = int(min(shape.high if shape.high is not None else MOST, low + 3))
    return low if depth > DEPTH else random.randint(min(max(low, 1), high), high)


def _text(shape: Shape, random: random.Random) -> str:
    if shape.enum:
        return random.choice(shape.enum)
    low = int(shape.low or 0)
    high = int(shape.high) if shape.high is not None else low + MOST
    length = random.choice((low, max(low, 1), min(high, LONGEST), random.randint(low, min(high, low + MOST))))
    found = text(shape, length, random)
    return found if found is not None else _any_length(shape, low, high, random)


def _any_length(shape: Shape, low: int, high: int, random: random.Random) -> str:
    for length in range(max(low, 1), min(high, LONGEST) + 1):
        found = text(shape, length, random)
        if found is not None:
            return found
    raise ValueError(f"no text found for {shape.name}: {shape.pattern_text}")


def text(shape: Shape, length: int, random: random.Random) -> str | None:
    """A text of exactly this length that keeps the pattern of the shape, if it has one; None when none is found."""
    pattern = shape.pattern
    if pattern is None:
        return "".join(random.choices(POOL, k=length))
    tree = _tree(pattern)
    least = len(_Writer(random, 99).write(tree, 0)[0])
    # The repetition that could be stretched last time will do again.
    for stretched in sorted(range(12), key=lambda n: n != _STRETCHED.get(pattern)):
        found = _Writer(random, stretched).write(tree, max(length - least, 0))[0]
        if len(found) == length and pattern.fullmatch(found):
            _STRETCHED[pattern] = stretched
            return found
    return None


@cache
def _tree(pattern: re.Pattern[str]) -> Any:
    return parser.parse(pattern.pattern, pattern.flags)


class _Writer:
    """Writes a text for a parsed pattern. All repetitions are as short as they may be, but one: the `stretched`th
    takes what is missing."""

    def __init__(self, random: random.Random, stretched: int) -> None:
        self._random = random
        self._countdown = stretched

    def write(self, tree: Any, extra: int) -> tuple[str, int]:
        """The text, and what is still missing."""
        parts = []
        for token, argument in tree:
            part, extra = self._one(token, argument, extra)
            parts.append(part)
        return "".join(parts), extra

    def _one(self, token: Any, argument: Any, extra: int) -> tuple[str, int]:
        if token in (tokens.MAX_REPEAT, tokens.MIN_REPEAT):
            least, most, inner = argument
            return self._repeated(least, most, inner, extra)
        if token is tokens.SUBPATTERN:
            return self.write(argument[-1], extra)
        if token is tokens.BRANCH:
            return self.write(argument[1][-1], extra)
        if token in (tokens.AT, tokens.ASSERT, tokens.ASSERT_NOT):
            return "", extra
        return self._random.choice(_characters(token, argument)), extra

    def _repeated(self, least: int, most: Any, inner: Any, extra: int) -> tuple[str, int]:
        times = least
        if most != least:
            self._countdown -= 1
            if self._countdown < 0 and extra > 0:
                width = max(len(_Writer(self._random, 99).write(inner, 0)[0]), 1)
                more = min(extra // width, int(most) - least if most != tokens.MAXREPEAT else extra)
                times, extra = least + more, extra - more * width
        if len(inner) == 1 and inner[0][0] in _CHARACTERS:
            return "".join(self._random.choices(_characters(*inner[0]), k=times)), extra
        return "".join(self.write(inner, 0)[0] for _ in range(times)), extra


def _characters(token: Any, argument: Any) -> str:
    """Those of the pool that stand for one token."""
    if token is tokens.LITERAL:
        return chr(argument)
    if token is tokens.ANY:
        return POOL
    # The trees are kept, so that their parts are known by their addresses.
    known = _ALLOWED.get(id(argument)) or "".join(char for char in POOL if _allows(token, argument, ord(char)))
    if token is tokens.IN:
        _ALLOWED[id(argument)] = known
    return known


def _allows(token: Any, argument: Any, char: int) -> bool:
    if token is tokens.NOT_LITERAL:
        return bool(char != argument)
    negated = argument[0][0] is tokens.NEGATE
    return any(_fits(kind, value, char) for kind, value in argument) != negated


def _fits(kind: Any, value: Any, char: int) -> bool:
    if kind is tokens.LITERAL:
        return bool(char == value)
    if kind is tokens.RANGE:
        return bool(value[0] <= char <= value[1])
    if kind is tokens.CATEGORY:
        pattern = {tokens.CATEGORY_SPACE: r"\s", tokens.CATEGORY_NOT_SPACE: r"\S", tokens.CATEGORY_DIGIT: r"\d"}[value]
        return re.fullmatch(pattern, chr(char), re.ASCII) is not None
    return False


def _whole(shape: Shape, random: random.Random) -> int:
    low = int(shape.low) if shape.low is not None else -(2**31)
    high = int(shape.high) if shape.high is not None else 2**31 - 1
    return random.choice((low, high, random.randint(low, high)))


def _decimal(shape: Shape, random: random.Random) -> float:
    low = shape.low if shape.low is not None else -1e9
    high = shape.high if shape.high is not None else 1e9
    return random.choice((float(low), float(high), random.uniform(low, high)))


def _time(_: Shape, random: random.Random) -> datetime:
    # What botocore sends and AWS answers has milliseconds at most.
    return datetime(2001, 1, 1, tzinfo=UTC) + timedelta(milliseconds=random.randint(0, 10**12))


def _document(_: Shape, random: random.Random) -> Any:
    return {"a": [1, None, {"b": random.random()}], "ü": "x", "nothing": None}


_SCALARS: Final[dict[str, Callable[[Shape, random.Random], Any]]] = {
    "string": _text,
    "integer": _whole,
    "long": _whole,
    "float": _decimal,
    "double": _decimal,
    "boolean": lambda _, random: random.random() < 0.5,
    "timestamp": _time,
    "blob": lambda _, random: random.randbytes(random.randint(0, 40)),
    "document": _document,
}


# --- bounds ----------------------------------------------------------------------------------------------------------


@dataclass(slots=True, frozen=True)
class Edge:
    """A value with one place changed. `constraint` is the part of the message that must be told of it, None when the
    value is allowed; `path` is where, as AWS writes it."""

    value: Any
    path: str
    constraint: str | None


def edges(shape: Shape, value: Any, random: random.Random) -> Iterator[Edge]:
    """For each place in a valid value: the least and the most it may be, one less, one more, outside of pattern and
    enumeration, absent where it is required, two members where one is allowed."""
    yield from _edges(shape, value, "", random, lambda changed: changed)


def _edges(shape: Shape, value: Any, path: str, random: random.Random, put: Callable[[Any], Any]) -> Iterator[Edge]:
    if shape.kind == "structure":
        yield from _structure_edges(shape, value, path, random, put)
    elif shape.kind == "list":
        yield from _sized(shape, value, path, random, put)
        yield from _list_edges(shape, value, path, random, put)
    elif shape.kind == "map":
        yield from _sized(shape, value, path, random, put)
        yield from _map_edges(shape, value, path, random, put)
    else:
        for changed, constraint in _around(shape, random):
            yield Edge(put(changed), path, constraint)


def _structure_edges(
    shape: Shape, value: dict[str, Any], path: str, random: random.Random, put: Callable[[Any], Any]
) -> Iterator[Edge]:
    needed = {name: one for name, one in value.items() if name in shape.required}
    for name, one in value.items():
        inner = f"{path}.{_lower(name)}".removeprefix(".")
        # Without its neighbours that may be absent: what is small is quickly looked through.
        replaced = partial(_replaced, put, needed, name)
        yield from _edges(shape.members[name].shape, one, inner, random, replaced)
        if name in shape.required:
            yield Edge(put({n: v for n, v in needed.items() if n != name}), inner, "Member must not be null")
    if shape.union:
        told = f"Member must have exactly one of: [{', '.join(map(_lower, shape.members))}]"
        other = next(name for name in shape.members if name not in value)
        yield Edge(put({}), path, told)
        yield Edge(put({**value, other: sample(shape.members[other].shape, random, 0.0, DEPTH)}), path, told)


def _replaced(put: Callable[[Any], Any], value: dict[str, Any], name: str, changed: Any) -> Any:
    return put({**value, name: changed})


def _sized(shape: Shape, value: Any, path: str, random: random.Random, put: Callable[[Any], Any]) -> Iterator[Edge]:
    """Lists and maps of the least and the most members, and of one less or more."""
    if shape.low:
        yield Edge(put(_resized(shape, value, int(shape.low), random)), path, None)
        told = f"Member must have length greater than or equal to {shape.low}"
        yield Edge(put(_resized(shape, value, int(shape.low) - 1, random)), path, told)
    if shape.high is not None:
        yield Edge(put(_resized(shape, value, int(shape.high), random)), path, None)
        told = f"Member must have length less than or equal to {shape.high}"
        yield Edge(put(_resized(shape, value, int(shape.high) + 1, random)), path, told)


def _resized(shape: Shape, value: Any, count: int, random: random.Random) -> Any:
    if shape.kind == "list":
        one = value[0] if value else sample(shape.element, random, 0.0, DEPTH)
        return [one] * count
    inner = sample(shape.value, random, 0.0, DEPTH)
    return {f"k{n}": inner for n in range(count)}


def _list_edges(
    shape: Shape, value: list[Any], path: str, random: random.Random, put: Callable[[Any], Any]
) -> Iterator[Edge]:
    if not value:
        return
    element = shape.element
    if not element.scalar:
        rest = value[1 : int(shape.low or 0)]
        yield from _edges(element, value[0], f"{path}.1.member", random, lambda changed: put([changed, *rest]))
        return
    for changed, constraint in _around(element, random):
        told = f"Member must satisfy constraint: [{_every(element)}]" if constraint else None
        yield Edge(put([*value[:-1], changed]), path, told)


def _map_edges(
    shape: Shape, value: dict[str, Any], path: str, random: random.Random, put: Callable[[Any], Any]
) -> Iterator[Edge]:
    if not value:
        return
    key, one = next(iter(value.items()))
    for changed, constraint in _around(shape.key, random):
        told = f"Map keys must satisfy constraint: [{_every(shape.key)}]" if constraint else None
        yield Edge(put({changed: one}), path, told)
    if not shape.value.scalar:
        inner = f"{path}.{key[:256]}.member"
        yield from _edges(shape.value, one, inner, random, lambda changed: put({key: changed}))
        return
    for changed, constraint in _around(shape.value, random):
        told = f"Map value must satisfy constraint: [{_every(shape.value)}]" if constraint else None
        yield Edge(put({**value, key: changed}), path, told)


def _around(shape: Shape, random: random.Random) -> Iterator[tuple[Any, str | None]]:
    """Values of a shape without members, each with the constraint that it breaks."""
    if shape.kind == "string":
        yield from _around_text(shape, random)
    elif shape.kind in ("integer", "long", "float", "double"):
        step = 1 if shape.kind in ("integer", "long") else 1e-7
        if shape.low is not None:
            yield shape.low, None
            yield shape.low - step, f"Member must have value greater than or equal to {shape.low}"
        if shape.high is not None:
            yield shape.high, None
            yield shape.high + step, f"Member must have value less than or equal to {shape.high}"


def _around_text(shape: Shape, random: random.Random) -> Iterator[tuple[str, str | None]]:
    if shape.enum:
        yield from ((one, None) for one in shape.enum)
        yield "NO_SUCH_WORD", f"Member must satisfy enum value set: [{', '.join(shape.enum)}]"
        return
    for bound, step, words in ((shape.low, -1, "greater"), (shape.high, 1, "less")):
        if bound is not None and bound + step >= 0:
            inside = text(shape, int(bound), random)
            if inside is not None:
                yield inside, None
            outside = text(shape, int(bound) + step, random)
            filler = "a" * (int(bound) + step)
            yield outside or filler, f"Member must have length {words} than or equal to {bound}"
    if shape.pattern is not None:
        length = max(int(shape.low or 1), 1)
        for wrong in ("\n" * length, "\x00" * length, "!" * length):
            if not shape.pattern.fullmatch(wrong):
                yield wrong, f"Member must satisfy regular expression pattern: {shape.pattern_text}"


def _every(shape: Shape) -> str:
    """All constraints of a shape without members, as a list or a map tells of them."""
    measure = "value" if shape.kind in ("integer", "long", "float", "double") else "length"
    told = []
    if shape.high is not None:
        told.append(f"Member must have {measure} less than or equal to {shape.high}")
    if shape.low is not None:
        told.append(f"Member must have {measure} greater than or equal to {shape.low}")
    if shape.enum:
        told.append(f"Member must satisfy enum value set: [{', '.join(shape.enum)}]")
    if shape.pattern_text is not None:
        told.append(f"Member must satisfy regular expression pattern: {shape.pattern_text}")
    return ", ".join(told)


def _lower(name: str) -> str:
    return name[:1].lower() + name[1:]
