"""What a condition means of one document itself, where the terms of the index cannot tell; and the values in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from syncline.model.ports import StoredDocument
from syncline.model.search import Filter

NAMED: Final = frozenset({"connector", "id", "title", "text", "media_type", "url"})  # fields that are no metadata

Test = Callable[[str], bool]


def test_of(one: Filter) -> Test:
    """Whether one text satisfies the condition. Its value has been checked."""
    value = one.value
    match one.op:
        case "prefix":
            return lambda text: text.startswith(value)
        case "contains":
            part = value.casefold()
            return lambda text: part in text.casefold()
        case "exists":
            return bool
        case _:
            wanted = {value} if one.op == "eq" else set(value)
            return lambda text: text in wanted


def values_of(stored: StoredDocument, field: str) -> Iterable[Any]:
    """What the document has under that field, but for the name of its connector."""
    if field in NAMED:
        return (getattr(stored, field),)
    value = stored.metadata.get(field)
    return value if isinstance(value, list | tuple) else (value,)


def texts_of(stored: StoredDocument, field: str) -> Iterable[str]:
    """Those that are texts."""
    return (value for value in values_of(stored, field) if isinstance(value, str))
