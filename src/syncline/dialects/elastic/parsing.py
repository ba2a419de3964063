"""Bodies held against what an operation understands, with the reasons this dialect gives when they do not fit.

A body is a table of fields, each with a check that returns the value to keep or raises Misfit. Strict bodies refuse
names that they do not know; others drop them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from syncline.dialects.elastic.refusals import Refused, illegal, unparsable
from syncline.dialects.elastic.stamps import seconds
from syncline.dialects.elastic.transport import Call

Check = Callable[[Any], Any]
LARGEST_INT: Final = (1 << 31) - 1


class Misfit(Exception):
    """A value is not what a field takes. `why` is for people; without it the value is of a wrong type."""

    def __init__(self, value: Any, why: str = "") -> None:
        super().__init__(why)
        self.value = value
        self.why = why


class Lacking(Misfit):
    """Something required is missing inside of a field."""


# --- checks -----------------------------------------------------------------------------------------------------------


def text(value: Any) -> str:
    """A string."""
    if not isinstance(value, str):
        raise Misfit(value)
    return value


def flag(value: Any) -> bool:
    """true or false, also as a string."""
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return bool(value == "true")
    if isinstance(value, str):
        raise Misfit(value, f"Failed to parse value [{value:.100}] as only [true] or [false] are allowed.")
    raise Misfit(value)


def whole(value: Any) -> int:
    """A whole number of 64 bits, also as a string."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise Misfit(value)
    if isinstance(value, str) and not value.removeprefix("-").isdecimal():
        raise Misfit(value, f'For input string: "{value:.100}"')
    if isinstance(value, str) and len(value) > 19:
        raise Misfit(value, "the number is too large")
    if isinstance(value, float) and not value.is_integer():
        raise Misfit(value, f"{value} cannot be converted to Long without data loss")
    if abs(int(value)) >= 1 << 63:
        raise Misfit(value, "the number is too large")
    return int(value)


def small(value: Any) -> int:
    """A whole number of 32 bits."""
    number = whole(value)
    if abs(number) > LARGEST_INT:
        raise Misfit(value, f"Numeric value ({number}) out of range of int")
    return number


def table(value: Any) -> dict[str, Any]:
    """An object."""
    if not isinstance(value, dict):
        raise Misfit(value)
    return value


def date(value: Any) -> str:
    """A point in time; the text stays as it is."""
    if not isinstance(value, str):
        raise Misfit(value)
    if seconds(value) is None:
        raise Misfit(value, f"failed to parse date field [{value:.100}]")
    return value


def anything(value: Any) -> Any:
    """Whatever it is."""
    return value


def maybe(check: Check) -> Check:
    """That, or null."""
    return lambda value: None if value is None else check(value)


def each(check: Check) -> Check:
    """A list of those; a single one stands for itself."""

    def checked(value: Any) -> list[Any]:
        if value is None:
            raise Misfit(value)
        return [check(one) for one in (value if isinstance(value, list) else [value])]

    return checked


def word(words: Sequence[str], what: str) -> Check:
    """One of some words, in any case."""

    def checked(value: Any) -> str:
        said = text(value).lower()
        if said not in words:
            raise Misfit(value, f"Unknown {what} [{value:.100}].")
        return said

    return checked


def inner(
    parser: str, fields: Mapping[str, Check], required: Sequence[str] = (), *, strict: bool = False
) -> Callable[[Any], dict[str, Any]]:
    """An object inside of the body."""

    def checked(value: Any) -> dict[str, Any]:
        kept = {}
        for name, one in table(value).items():
            if name in fields:
                try:
                    kept[name] = fields[name](one)
                except Misfit as misfit:
                    why = misfit.why or f"{name} doesn't support values of type: {token(misfit.value)}"
                    raise Misfit(one, f"[{parser}] failed to parse field [{name:.100}]: {why}") from None
            elif strict:
                raise Misfit(value, f"[{parser}] unknown field [{name:.100}]")
        missing = [name for name in required if name not in kept]
        if missing:
            raise Lacking(value, "Required " + ", ".join(f"[{name}]" for name in missing))
        return kept

    return checked


# --- a whole body -----------------------------------------------------------------------------------------------------


def read(
    call: Call,
    parser: str,
    fields: Mapping[str, Check],
    required: Sequence[str] = (),
    *,
    strict: bool = True,
    optional: bool = False,
) -> dict[str, Any]:
    """The body, checked. Without `optional` there must be one. Raises Refused."""
    body = call.json()
    if b"\\u0000" in call.raw and _has_nul(body):
        raise unparsable(f"[1:1] [{parser}] the body holds a NUL character")
    if body is None and call.raw.strip():
        raise unparsable(f"[1:1] [{parser}] Expected START_OBJECT but was: VALUE_NULL")
    if body is None and not optional:
        raise Refused(400, "parse_exception", "request body is required")
    if body is not None and not isinstance(body, dict):
        raise unparsable(f"[1:1] [{parser}] Expected START_OBJECT but was: {token(body)}")
    kept = {name: _field(call, parser, fields, name, value) for name, value in (body or {}).items()}
    kept = {name: value for name, value in kept.items() if name in fields}
    missing = [name for name in required if name not in kept]
    if missing:
        raise illegal("Required " + ", ".join(f"[{name}]" for name in missing))
    return kept if strict else {name: value for name, value in kept.items() if name in fields}


def _has_nul(value: Any) -> bool:
    if isinstance(value, dict):
        return any("\0" in name or _has_nul(one) for name, one in value.items())
    return any(map(_has_nul, value)) if isinstance(value, list) else isinstance(value, str) and "\0" in value


def _field(call: Call, parser: str, fields: Mapping[str, Check], name: str, value: Any) -> Any:
    if name not in fields:
        raise unparsable(f"{_place(call, name)} [{parser}] unknown field [{name:.200}]")
    try:
        return fields[name](value)
    except Misfit as misfit:
        where = f"{_place(call, name)} [{parser}]"
        if not misfit.why and misfit.value is value:
            raise unparsable(f"{where} {name} doesn't support values of type: {token(value)}") from None
        why = misfit.why or f"doesn't support values of type: {token(misfit.value)}"
        raise unparsable(f"{where} failed to parse field [{name}]", why) from None


def token(value: Any) -> str:
    """What a JSON value is called in reasons."""
    if value is None:
        return "VALUE_NULL"
    if isinstance(value, bool):
        return "VALUE_BOOLEAN"
    if isinstance(value, int | float):
        return "VALUE_NUMBER"
    if isinstance(value, str):
        return "VALUE_STRING"
    return "START_OBJECT" if isinstance(value, dict) else "START_ARRAY"


def _place(call: Call, name: str) -> str:
    """[line:column] of the field, as near as can be told."""
    at = call.raw.find(json.dumps(name, ensure_ascii=False).encode("utf-8", "replace"))
    if at < 0:
        return "[1:1]"
    before = call.raw[:at]
    line, column = before.count(b"\n") + 1, at - before.rfind(b"\n")
    return f"[{line}:{column}]"
