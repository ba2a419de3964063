"""Which function a request means, found on the raw path: an empty segment is an empty name, a "%2F" is part of one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple
from urllib.parse import unquote_to_bytes

from syncline.dialects.elastic.refusals import RefusedPlainly, illegal
from syncline.model.keys import Scope

GLOBAL: Final = frozenset({"pretty", "human", "error_trace", "filter_path"})


@dataclass(slots=True, frozen=True)
class Route:
    """One operation.

    path      "/{index}/_doc/{id}": what stands in braces is any one segment; a literal segment counts before it.
    function  (Call) -> Reply | a JSON body; runs in a thread.
    query     parameters it understands beside those that every operation does.
    scope     what the key must have; None: read for GET and HEAD, write for everything else.
    body      "json", "ndjson", "none" for one whose body is not looked at, or "always" for a DELETE whose body is.
    """

    method: str
    path: str
    function: Callable[[Any], Any]
    query: frozenset[str] = frozenset()
    scope: Scope | None = None
    body: str = "json"

    @property
    def needs(self) -> Scope:
        """What the key must have."""
        if self.scope is not None:
            return self.scope
        return Scope.READ if self.method in ("GET", "HEAD") else Scope.WRITE


class Found(NamedTuple):
    """A route, and the names in the path in clear."""

    route: Route
    names: Mapping[str, str]


@dataclass(slots=True)
class _Node:
    literals: dict[str, _Node] = field(default_factory=dict)
    any: _Node | None = None
    routes: dict[str, Route] = field(default_factory=dict)


class Router:
    """A tree of segments."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._root = _Node()
        for route in routes:
            self._add(route)

    def _add(self, route: Route) -> None:
        node = self._root
        for segment in _segments(route.path):
            if segment.startswith("{"):
                node.any = node.any or _Node()
                node = node.any
            else:
                node = node.literals.setdefault(segment, _Node())
        assert route.method not in node.routes, f"{route.method} {route.path} is routed twice"
        node.routes[route.method] = route

    def find(self, method: str, path: str) -> Found:
        """`path` is raw, below the prefix. Raises RefusedPlainly: 400 for a path nothing is at, 405 for another verb;
        Refused for names that are not UTF-8."""
        segments = _segments(path)
        allowed: set[str] = set()
        for node in _nodes(self._root, [*segments], 0):
            route = node.routes.get(method)
            if route is not None:
                return Found(route, _names(route, segments))
            allowed |= node.routes.keys()
        if not allowed:
            raise RefusedPlainly(400, f"no handler found for uri [{path}] and method [{method}]", bare=True)
        verbs = ", ".join(sorted(allowed))
        raise RefusedPlainly(
            405,
            f"Incorrect HTTP method for uri [{path}] and method [{method}], allowed: [{verbs}]",
            headers={"allow": ",".join(sorted(allowed))},
        )


def _segments(path: str) -> list[str]:
    """A slash at the end counts for nothing."""
    segments = path.split("/")[1:]
    if segments and not segments[-1]:
        segments.pop()
    return segments


def _nodes(node: _Node, segments: Sequence[str], at: int) -> Iterator[_Node]:
    """The nodes at that path, the most literal one first."""
    if at == len(segments):
        if node.routes:
            yield node
        return
    literal = node.literals.get(segments[at])
    if literal is not None:
        yield from _nodes(literal, segments, at + 1)
    if node.any is not None:
        yield from _nodes(node.any, segments, at + 1)


def _names(route: Route, segments: Sequence[str]) -> dict[str, str]:
    pairs = zip(_segments(route.path), segments, strict=True)
    return {template[1:-1]: unquoted(said) for template, said in pairs if template.startswith("{")}


def unquoted(said: str) -> str:
    """Percent-encoding undone. Raises Refused when the result is not UTF-8."""
    if "%" not in said and said.isascii():
        return said
    try:
        name = unquote_to_bytes(said.encode("latin-1")).decode("utf-8")
    except ValueError:
        raise illegal("the path is not UTF-8") from None
    if "\0" in name:
        raise illegal("the path holds a NUL character")
    return name
