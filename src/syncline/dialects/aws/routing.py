"""Which operation a request means: by the header X-Amz-Target (json), or by method and path (rest-json).

Paths are routed as they came, and decoded only then: a label may hold encoded slashes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from syncline.dialects.aws.faults import Fault
from syncline.dialects.aws.models import Service

_LABEL = re.compile(r"\{(\w+)(\+?)\}")


class Route(NamedTuple):
    """One operation with its path."""

    name: str
    method: str
    path: re.Pattern[str]
    labels: tuple[str, ...]
    looseness: tuple[int, ...]  # the path with fewer labels wins


class Router:
    """For one service. `offered` are the operations that have a function; the others are unknown as well, and the
    message says so."""

    def __init__(self, service: Service, offered: Iterable[str]) -> None:
        self._service = service
        self._offered = frozenset(offered)
        if unknown := self._offered - set(service.names):
            raise ValueError(f"{service.id} has no operation {', '.join(sorted(unknown))}")
        routes = [_route(name, *service.http(name)) for name in service.names] if service.rest else []
        self._routes = sorted(routes, key=lambda route: route.looseness)

    def find(self, method: str, path: str, target: str | None) -> tuple[str, dict[str, str]]:
        """The name of the operation and its labels, decoded. `path` is raw, without the prefix it is mounted under.
        Raises Fault: UnknownOperationException, SerializationException for a label that is not UTF-8."""
        name, labels = self._by_path(method, path) if self._service.rest else (self._by_target(method, target), {})
        if name not in self._offered:
            raise Fault("UnknownOperationException", f"The operation {name} is not offered here.")
        return name, labels

    def _by_target(self, method: str, target: str | None) -> str:
        prefix, _, name = (target or "").rpartition(".")
        if method != "POST" or prefix != self._service.target_prefix or name not in self._service.names:
            raise Fault("UnknownOperationException")
        return name

    def _by_path(self, method: str, path: str) -> tuple[str, dict[str, str]]:
        for route in self._routes:
            found = route.path.fullmatch(path) if route.method == method else None
            if found:
                return route.name, dict(zip(route.labels, map(_decoded, found.groups()), strict=True))
        raise Fault("UnknownOperationException")


def _route(name: str, method: str, uri: str) -> Route:
    if "?" in uri:
        raise ValueError(f"{name}: a query in the template of a path is not understood here")
    parts, labels, looseness, at = [], [], [], 0
    for label in _LABEL.finditer(uri):
        parts += [re.escape(uri[at : label.start()]), "(.+)" if label[2] else "([^/]+)"]
        labels.append(label[1])
        at = label.end()
    for segment in uri.split("/"):
        looseness.append(2 if "+}" in segment else 1 if "{" in segment else 0)
    pattern = re.compile("".join(parts) + re.escape(uri[at:]) + "/?", re.DOTALL)
    return Route(name, method, pattern, tuple(labels), tuple(looseness))


def _decoded(label: str) -> str:
    try:
        return unquote_to_bytes(label).decode()
    except UnicodeDecodeError:
        raise Fault("SerializationException", "The path is not UTF-8.") from None
