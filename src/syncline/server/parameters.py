"""What a function of the API takes, read off its signature: parts of the path, of the query, and the body.

    def list_jobs(call: CallIn, connector: Annotated[str | None, Query(description="…")] = None, limit: Limit = FIRST)

Each is validated by pydantic, and described by it in /openapi.json. Nothing is built before it is first needed.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Final, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, create_model
from starlette.datastructures import QueryParams

CALL: Final = "call"
BODY: Final = "body"
NOTHING: Final = object()  # no body was sent


@dataclass(frozen=True, slots=True)
class Place:
    """Where a parameter stands, "path" or "query", and what pydantic is to check."""

    where: str
    constraints: tuple[tuple[str, Any], ...]


def Query(**constraints: Any) -> Any:  # noqa: N802  (a marker, like Field)
    """A parameter of the query; `constraints` are those of pydantic's Field."""
    return Place("query", tuple(constraints.items()))


def Path(**constraints: Any) -> Any:  # noqa: N802
    """A part of the path."""
    return Place("path", tuple(constraints.items()))


class Faults(Exception):
    """What pydantic found wrong; each `loc` begins with "path", "query" or "body"."""

    def __init__(self, faults: Sequence[Mapping[str, Any]]) -> None:
        super().__init__(f"{len(faults)} faults")
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter. `many`: it may come several times."""

    name: str
    where: str
    annotation: Any
    default: Any
    constraints: tuple[tuple[str, Any], ...]

    @property
    def many(self) -> bool:
        """Whether its value is a list."""
        return any(get_origin(part) is list for part in (self.annotation, *get_args(self.annotation)))

    @property
    def required(self) -> bool:
        """Whether it must be there."""
        return self.default is inspect.Parameter.empty


class Parameters:
    """Those of one function."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    @cached_property
    def all(self) -> list[Parameter]:
        """In order, without the call and the body. A parameter without a marker is one of the query."""
        hints = get_type_hints(self._function, include_extras=True)
        found = []
        for name, parameter in inspect.signature(self._function).parameters.items():
            if name not in (CALL, BODY):
                annotation, place = _parted(hints[name])
                found.append(Parameter(name, place.where, annotation, parameter.default, place.constraints))
        return found

    @cached_property
    def takes_call(self) -> bool:
        """Whether it wants to know of the call."""
        return CALL in inspect.signature(self._function).parameters

    @cached_property
    def query_names(self) -> list[str]:
        """What may stand in the query."""
        return [parameter.name for parameter in self.all if parameter.where == "query"]

    @cached_property
    def body(self) -> Any:
        """The type of the body; None when there is none."""
        return get_type_hints(self._function).get(BODY)

    @property
    def body_required(self) -> bool:
        """Whether there must be one."""
        return inspect.signature(self._function).parameters[BODY].default is inspect.Parameter.empty

    @cached_property
    def model(self) -> type[BaseModel]:
        """All of them but the body."""
        fields: dict[str, Any] = {
            parameter.name: (
                Annotated[parameter.annotation, Field(**dict(parameter.constraints))],
                ... if parameter.required else parameter.default,
            )
            for parameter in self.all
        }
        config = ConfigDict(protected_namespaces=(), arbitrary_types_allowed=True)
        return create_model(self._function.__name__, __config__=config, **fields)

    @cached_property
    def _body_adapter(self) -> TypeAdapter[Any]:
        return TypeAdapter(self.body)

    def values(self, path: Mapping[str, Any], query: QueryParams, body: Any = NOTHING) -> dict[str, Any]:
        """The arguments of the function, without the call. Raises Faults."""
        given: dict[str, Any] = dict(path)
        for parameter in self.all:
            if parameter.where == "query" and parameter.name in query:
                name = parameter.name
                given[name] = query.getlist(name) if parameter.many else query[name]
        faults: list[Mapping[str, Any]] = []
        values: dict[str, Any] = {}
        try:
            valid = self.model.model_validate(given)
            values = {parameter.name: getattr(valid, parameter.name) for parameter in self.all}
        except ValidationError as error:
            wheres = {parameter.name: parameter.where for parameter in self.all}
            faults += [
                {**fault, "loc": (wheres[str(fault["loc"][0])], *fault["loc"])}
                for fault in error.errors(include_url=False)
            ]
        if self.body is not None:
            faults += self._take_body(body, values)
        if faults:
            raise Faults(faults)
        return values

    def _take_body(self, body: Any, values: dict[str, Any]) -> list[Mapping[str, Any]]:
        if body is NOTHING:
            missing = {"type": "missing", "loc": (BODY,), "msg": "is missing"}
            return [missing] if self.body_required else []
        try:
            values[BODY] = self._body_adapter.validate_python(body)
        except ValidationError as error:
            return [{**fault, "loc": (BODY, *fault["loc"])} for fault in error.errors(include_url=False)]
        return []

    # --- described ---------------------------------------------------------------------------------------------------

    def described(self, ref_template: str) -> list[dict[str, Any]]:
        """The parameters as OpenAPI describes them."""
        properties = self.model.model_json_schema(ref_template=ref_template).get("properties", {})
        return [self._described(parameter, dict(properties[parameter.name])) for parameter in self.all]

    @staticmethod
    def _described(parameter: Parameter, schema: dict[str, Any]) -> dict[str, Any]:
        description = schema.pop("description", "")
        schema.pop("title", None)
        if schema.get("default", 0) is None:
            schema.pop("default")
        choices = [choice for choice in schema.get("anyOf", ()) if choice != {"type": "null"}]
        if len(choices) == 1:  # left out, not null
            schema = {**{name: value for name, value in schema.items() if name != "anyOf"}, **choices[0]}
        told = {"name": parameter.name, "in": parameter.where, "required": parameter.required, "schema": schema}
        return {**told, "description": description} if description else told


def _parted(annotation: Any) -> tuple[Any, Place]:
    """(the annotation without our marker, the marker)."""
    if get_origin(annotation) is not Annotated:
        return annotation, Place("query", ())
    base, *marks = get_args(annotation)
    place = next((mark for mark in marks if isinstance(mark, Place)), Place("query", ()))
    rest = tuple(mark for mark in marks if not isinstance(mark, Place))
    return (Annotated[(base, *rest)] if rest else base), place
