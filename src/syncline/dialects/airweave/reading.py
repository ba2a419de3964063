"""Reading a request: a body of JSON within limits, and the models that say what it may hold."""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Mapping
from typing import Any, Final, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.datastructures import QueryParams
from starlette.requests import Request

from syncline.dialects.airweave.faults import Fault, Invalid

MAX_BODY: Final = 10 << 20
MAX_NESTING: Final = 64
MAX_WHOLE: Final = 1 << 63
MAX_FAULTS: Final = 50

M = TypeVar("M", bound=BaseModel)


class Body(BaseModel):
    """A body holds nothing that is not named."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())


class Query(BaseModel):
    """A query may hold more, which means nothing."""

    model_config = ConfigDict(extra="ignore")


class Page(Query):
    """Nothing but what follows from the path."""


# --- bodies ----------------------------------------------------------------------------------------------------------


async def read(request: Request) -> bytes:
    """The body. Raises Fault (413)."""
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > MAX_BODY:
            raise Fault(413, f"Request body too large: {MAX_BODY} bytes at most", {"connection": "close"})
        parts.append(part)
    return b"".join(parts)


def parsed(raw: bytes) -> Any:
    """The JSON value. Raises Invalid."""
    if not raw.strip():
        raise _wrong("Field required", "missing")
    try:
        value = json.loads(raw.decode("utf-8"), parse_constant=_no_constant, parse_float=_float, parse_int=_whole)
    except RecursionError:
        raise _wrong(f"nested more than {MAX_NESTING} deep", "json_invalid") from None
    except ValueError as error:
        message = getattr(error, "msg", None) or "not valid UTF-8 or JSON"
        raise _wrong(f"JSON decode error: {message}", "json_invalid") from None
    _walk(value)
    return value


def _wrong(message: str, type: str) -> Invalid:
    return Invalid([(["body"], message, type)])


def _no_constant(said: str) -> Any:
    raise _wrong(f"{said} is not JSON", "json_invalid")


def _float(said: str) -> float:
    value = float(said)
    if math.isinf(value):
        raise _wrong("a number is too large", "json_invalid")
    return value


def _whole(said: str) -> int:
    value = int(said) if len(said) <= 20 else MAX_WHOLE
    if not -MAX_WHOLE <= value < MAX_WHOLE:
        raise _wrong("a number is too large", "json_invalid")
    return value


def _walk(value: Any) -> None:
    """Raises Invalid for what is too deep, and for strings that no text can be."""
    level: list[Any] = [value]
    for _ in range(MAX_NESTING + 1):
        deeper: list[Any] = []
        for item in level:
            if isinstance(item, str):
                check_text(item, "body")
            elif isinstance(item, dict):
                deeper += [*item, *item.values()]
            elif isinstance(item, list):
                deeper += item
        if not deeper:
            return
        level = deeper
    raise _wrong(f"nested more than {MAX_NESTING} deep", "json_invalid")


def check_text(text: str, where: str) -> None:
    """Raises Invalid for a NUL character, and for half a character (a lone surrogate)."""
    if "\0" in text:
        raise Invalid([([where], "holds a NUL character", "string_unicode")])
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise Invalid([([where], "holds a lone surrogate", "string_unicode")]) from None


# --- models ----------------------------------------------------------------------------------------------------------


def body_of(model: type[M], raw: bytes) -> M:
    """The body as that model. Raises Invalid."""
    return checked(model, parsed(raw), "body")


def query_of(model: type[M], params: QueryParams) -> M:
    """The query as that model; a list is a parameter that is repeated. Raises Invalid."""
    given: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        if name in params:
            many = any(get_origin(part) is list for part in (field.annotation, *get_args(field.annotation)))
            given[name] = params.getlist(name) if many else params[name]
            check_text(str(given[name]), name)
    return checked(model, given, "query")


def checked(model: type[M], value: Any, where: str) -> M:
    """The value as that model. Raises Invalid, which quotes nothing that was given."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False, include_context=False)
        raise Invalid([_fault(where, fault) for fault in found[:MAX_FAULTS]]) from None


def _fault(where: str, fault: Mapping[str, Any]) -> tuple[list[str], str, str]:
    return [where, *(str(part)[:100] for part in fault["loc"])], str(fault["msg"]), str(fault["type"])


def uuid_of(said: str, where: str) -> str:
    """A UUID of a path as it is usually written. Raises Invalid."""
    try:
        return str(uuid.UUID(said))
    except ValueError:
        message = "Input should be a valid UUID"
        raise Invalid([(["path", where], message, "uuid_parsing")]) from None
