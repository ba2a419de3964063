"""The description of a service, as botocore carries it, stripped to what a server needs.

Only the file is read: botocore itself is never imported, which would cost 16 MB and a quarter of a second. Shapes are
built when an operation is first used, and shared between operations.
"""

from __future__ import annotations

import gzip
import importlib.util
import json
import os
import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any, Final, Literal

from syncline.dialects.aws.patterns import compile_pattern
from syncline.model.errors import UsageError

Location = Literal["body", "uri", "querystring", "header", "statusCode"]
SCALARS: Final = frozenset({"string", "integer", "long", "float", "double", "boolean", "timestamp", "blob"})
_LOCATIONS: Final = frozenset({"uri", "querystring", "header", "statusCode"})
_UNSUPPORTED: Final = ("payload", "streaming", "eventstream", "flattened", "jsonvalue", "hostLabel", "xmlName")


class ModelMissing(UsageError):
    """The descriptions of AWS services are not installed."""

    code = "dialect.no_model"
    default_remedy = "Run `pip install 'syncline[aws]'`."


@dataclass(slots=True, eq=False)
class Member:
    """A member of a structure. `wire` is its name in JSON, path, query or header."""

    name: str
    wire: str
    shape: Shape
    location: Location = "body"


@dataclass(slots=True, eq=False)
class Shape:
    """What a value may be. `kind` is the model's type, or "document" for JSON of any form.

    low, high    bounds, of numbers or of lengths; None: none.
    element      of a list; `key` and `value` of a map; `members` and `required` of a structure.
    union        exactly one member is set.
    sensitive    its values must not be shown.
    """

    name: str
    kind: str
    low: float | None = None
    high: float | None = None
    enum: tuple[str, ...] = ()
    pattern_text: str | None = None
    sensitive: bool = False
    union: bool = False
    timestamp_format: str | None = None
    members: dict[str, Member] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    _parts: dict[str, Shape] = field(default_factory=dict)
    _pattern: re.Pattern[str] | None = None

    @property
    def scalar(self) -> bool:
        """True when it has no values within."""
        return self.kind in SCALARS

    @property
    def element(self) -> Shape:
        """Of a list."""
        return self._parts["member"]

    @property
    def key(self) -> Shape:
        """Of a map."""
        return self._parts["key"]

    @property
    def value(self) -> Shape:
        """Of a map."""
        return self._parts["value"]

    @property
    def pattern(self) -> re.Pattern[str] | None:
        """Compiled when first asked for; use `fullmatch`."""
        if self._pattern is None and self.pattern_text is not None:
            self._pattern = compile_pattern(self.pattern_text)
        return self._pattern

    def at(self, location: Location) -> Iterator[Member]:
        """The members that travel there."""
        return (member for member in self.members.values() if member.location == location)


@dataclass(slots=True, frozen=True)
class ErrorShape:
    """An error that the model knows: its HTTP status, and the member that holds its message."""

    code: str
    status: int
    shape: Shape
    message: Member | None


@dataclass(slots=True, frozen=True)
class Operation:
    """What can be asked. `output` is None when the answer has no body at all."""

    name: str
    method: str
    uri: str
    status: int
    input: Shape
    output: Shape | None
    errors: Mapping[str, ErrorShape]


class Service:
    """One service. Its operations are built when they are first asked for; any thread may ask."""

    def __init__(self, raw: Mapping[str, Any]) -> None:
        about = raw["metadata"]
        self.id: str = about["endpointPrefix"]
        self.protocol: str = about["protocol"]
        self.version: str = about.get("jsonVersion", "1.1")
        self.target_prefix: str = about.get("targetPrefix", "")
        self.signing_name: str = about.get("signingName", self.id)
        if self.protocol not in ("json", "rest-json"):
            raise ValueError(f"{self.id} speaks {self.protocol}, which is not understood here")
        self._operations_raw: Mapping[str, Any] = raw["operations"]
        self._shapes_raw: Mapping[str, Any] = raw["shapes"]
        self._operations: dict[str, Operation] = {}
        self._shapes: dict[str, Shape] = {}
        self._lock = threading.RLock()

    @property
    def rest(self) -> bool:
        """True when method and path name the operation, not a header."""
        return self.protocol == "rest-json"

    @property
    def names(self) -> tuple[str, ...]:
        """Of all operations, offered or not."""
        return tuple(self._operations_raw)

    def http(self, name: str) -> tuple[str, str]:
        """Method and URI template of an operation."""
        http = self._operations_raw[name]["http"]
        return http.get("method", "POST"), http["requestUri"]

    def operation(self, name: str) -> Operation:
        """Raises KeyError when there is none of that name."""
        known = self._operations.get(name)
        if known is None:
            with self._lock:
                known = self._operations[name] = self._build(name)
        return known

    @cached_property
    def errors(self) -> Mapping[str, ErrorShape]:
        """All that any operation models, by code."""
        with self._lock:
            names = [name for name, raw in self._shapes_raw.items() if raw.get("exception")]
            return {error.code: error for error in map(self._error, names)}

    def _build(self, name: str) -> Operation:
        raw = self._operations_raw[name]
        method, uri = self.http(name)
        return Operation(
            name,
            method,
            uri,
            raw["http"].get("responseCode", 200),
            self._shape(raw["input"]["shape"]) if "input" in raw else Shape(f"{name}Input", "structure"),
            self._shape(raw["output"]["shape"]) if "output" in raw else None,
            {error.code: error for error in (self._error(one["shape"]) for one in raw.get("errors", ()))},
        )

    def _error(self, name: str) -> ErrorShape:
        raw = self._shapes_raw[name]
        shape = self._shape(name)
        message = next((member for member in shape.members.values() if member.name.lower() == "message"), None)
        declared = raw.get("error", {})
        status = declared.get("httpStatusCode", 500 if raw.get("fault") else 400)
        return ErrorShape(declared.get("code", name), status, shape, message)

    def _shape(self, name: str) -> Shape:
        known = self._shapes.get(name)
        if known is None:
            raw = self._shapes_raw[name]
            # Noted before it is filled: shapes may contain themselves.
            known = self._shapes[name] = _plain(name, raw)
            self._fill(known, raw)
        return known

    def _fill(self, shape: Shape, raw: Mapping[str, Any]) -> None:
        for name, member in raw.get("members", {}).items():
            shape.members[name] = self._member(name, member)
        for part in ("member", "key", "value"):
            if part in raw:
                shape._parts[part] = self._shape(raw[part]["shape"])

    def _member(self, name: str, raw: Mapping[str, Any]) -> Member:
        location = raw.get("location")
        if location not in _LOCATIONS and location is not None:
            raise ValueError(f"{self.id}: a member at {location!r} is not understood here")
        _refuse_unsupported(f"{self.id}: {name}", raw)
        return Member(name, raw.get("locationName", name), self._shape(raw["shape"]), location or "body")


def _plain(name: str, raw: Mapping[str, Any]) -> Shape:
    _refuse_unsupported(name, raw)
    return Shape(
        name,
        "document" if raw.get("document") else _kind(raw["type"]),
        low=raw.get("min"),
        high=raw.get("max"),
        enum=tuple(raw.get("enum", ())),
        pattern_text=raw.get("pattern"),
        sensitive=raw.get("sensitive", False),
        union=raw.get("union", False),
        timestamp_format=raw.get("timestampFormat"),
        required=tuple(raw.get("required", ())),
    )


def _kind(type: str) -> str:
    return "string" if type == "character" else type


def _refuse_unsupported(where: str, raw: Mapping[str, Any]) -> None:
    for trait in _UNSUPPORTED:
        if raw.get(trait):
            raise ValueError(f"{where}: the trait {trait!r} is not understood here")


@cache
def load_service(name: str) -> Service:
    """By the name boto3 gives it, in its newest version. Raises ModelMissing when botocore is not installed, or does
    not know the service."""
    found = importlib.util.find_spec("botocore")
    if found is None or not found.submodule_search_locations:
        raise ModelMissing("the descriptions of AWS services (botocore) are not installed")
    folder = os.path.join(found.submodule_search_locations[0], "data", name)
    if not os.path.isdir(folder):
        raise ModelMissing(f"the installed botocore does not describe the service {name!r}")
    return Service(_without_texts(_read(os.path.join(folder, max(os.listdir(folder))))))


def _read(folder: str) -> Any:
    packed = os.path.join(folder, "service-2.json.gz")
    if os.path.exists(packed):
        with gzip.open(packed) as file:
            return json.load(file)
    with open(packed.removesuffix(".gz"), encoding="utf-8") as plain:
        return json.load(plain)


def _without_texts(raw: Any) -> Any:
    """Two thirds of a description are documentation. (A member may be called so as well; that is no text.)"""
    if isinstance(raw, dict):
        return {
            name: _without_texts(value)
            for name, value in raw.items()
            if not (name in ("documentation", "deprecatedMessage") and isinstance(value, str))
        }
    return [_without_texts(item) for item in raw] if isinstance(raw, list) else raw
