"""Orders of results: what is asked for, a document's place in it, and going on after one. Pure.

Numbers come before texts, and a document without a value comes last, whichever way the order goes. Dates are compared
in milliseconds, which is also how they are shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import total_ordering
from typing import Any, Final

from syncline.dialects.elastic.query_docs import Doc
from syncline.dialects.elastic.query_fields import Field, Fields, Kind, known_format
from syncline.dialects.elastic.query_refusals import unfit, unparsed, unsupported
from syncline.dialects.elastic.query_values import boolean, looks_like_date, number, span, spelled
from syncline.dialects.elastic.refusals import illegal

MAX_KEYS: Final = 32
_OPTIONS: Final = ("order", "missing", "mode", "unmapped_type", "format")
SPECIAL: Final = ("_score", "_doc", "_shard_doc", "_id", "_index")

Key = tuple[Any, ...]


@total_ordering
class Backwards:
    """A value in the opposite order."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Backwards) and bool(self.value == other.value)

    def __lt__(self, other: Backwards) -> bool:
        return bool(other.value < self.value)

    def __hash__(self) -> int:
        return hash(self.value)


@dataclass(slots=True, frozen=True)
class SortBy:
    """One order. `missing` is "_last", "_first" or what to take instead."""

    name: str
    descending: bool
    missing: Any = "_last"
    mode: str = ""


def parsed(said: Any) -> list[SortBy]:
    """What a request asks for; empty: by score. Raises Refused."""
    given = [] if said is None else said if isinstance(said, list) else [said]
    if len(given) > MAX_KEYS:
        raise unparsed(f"more than {MAX_KEYS} orders")
    found: list[SortBy] = []
    for one in given:
        found += _parsed_one(one)
    return found


def of_text(said: str) -> list[SortBy]:
    """The same for a parameter: "created:desc,title"."""
    found: list[Any] = []
    for one in said.split(","):
        name, colon, order = one.rpartition(":")
        found.append({name: order} if colon and order in ("asc", "desc") else one)
    return parsed(found)


def _parsed_one(one: Any) -> list[SortBy]:
    if isinstance(one, str) and one:
        return [_made(one, {})]
    if not isinstance(one, Mapping) or not one:
        raise unparsed("malformed sort format, an order must be a name or an object")
    return [_made(name, {"order": body} if isinstance(body, str) else body) for name, body in one.items()]


def _made(name: str, body: Any) -> SortBy:
    if name in ("_geo_distance", "_script"):
        raise unsupported(f"[{name}] sort")
    if not isinstance(body, Mapping):
        raise unparsed(f"malformed sort format for [{name:.200}]")
    odd = next((key for key in body if key not in _OPTIONS), None)
    if odd in ("nested", "numeric_type"):
        raise unsupported(f"[{odd}] of a sort")
    if odd is not None:
        raise unparsed(f"[field_sort] unknown field [{odd:.200}]")
    order = str(body.get("order", "desc" if name == "_score" else "asc")).lower()
    if order not in ("asc", "desc"):
        raise illegal(f"Unknown sort order [{order:.100}]")
    if body.get("format") is not None:
        raise unsupported("[format] of a sort", "dates are shown in milliseconds")
    mode = str(body.get("mode", "")).lower()
    if mode not in ("", "min", "max", "avg", "sum", "median"):
        raise illegal(f"Unknown SortMode [{mode:.100}]")
    missing = body.get("missing", "_last")
    if isinstance(missing, dict | list) or missing is None:
        raise unparsed("[missing] of a sort must be a text, a number or a boolean")
    return SortBy(name, order == "desc", missing, mode)


class Order:
    """The orders of one search over the fields of one index."""

    def __init__(self, orders: Sequence[SortBy], fields: Fields) -> None:
        self._orders = list(orders)
        self._values = [self._reader(one, fields) for one in self._orders]

    @property
    def by_score(self) -> bool:
        """Whether it needs scores."""
        return any(one.name == "_score" for one in self._orders)

    def _reader(self, one: SortBy, fields: Fields) -> Callable[[Doc, float, int], Any]:
        match one.name:
            case "_score":
                return lambda _doc, score, _place: score
            case "_doc" | "_shard_doc":
                return lambda _doc, _score, place: place
            case "_id":
                return lambda doc, _score, _place: doc.id
            case "_index":
                return lambda doc, _score, _place: doc.index
        field = fields.resolve(one.name)
        if field.kind is Kind.TEXT:
            raise _no_fielddata(field)
        return lambda doc, _score, _place: _value_of(doc, field, one)

    def values(self, doc: Doc, score: float, place: int) -> list[Any]:
        """What is shown with a result."""
        return [read(doc, score, place) for read in self._values]

    def key(self, values: Sequence[Any]) -> Key:
        """Its place in the order."""
        return tuple(_comparable(value, one) for value, one in zip(values, self._orders, strict=True))

    def after(self, said: Any, fields: Fields) -> Key:
        """The place of what `search_after` names. Raises Refused."""
        if not isinstance(said, list) or len(said) != len(self._orders):
            count = len(said) if isinstance(said, list) else 1
            raise illegal(f"search_after has {count} value(s) but sort has {len(self._orders)}.")
        if any(isinstance(value, dict | list) for value in said):
            raise unparsed("[search_after] must be texts, numbers, booleans or nulls")
        return self.key([_shown(value, one, fields) for value, one in zip(said, self._orders, strict=True)])


def _shown(value: Any, one: SortBy, fields: Fields) -> Any:
    """A value of `search_after` as values of results are shown."""
    if value is None:
        return None
    if one.name in ("_score", "_doc", "_shard_doc"):
        found = number(value)
        if found is None:
            raise illegal(f"Failed to parse search_after value for field [{one.name}].")
        return found
    if one.name in ("_id", "_index"):
        return spelled(value)
    field = fields.resolve(one.name)
    shown = _sortable(value, field)
    if shown is None:
        raise illegal(f"Failed to parse search_after value for field [{one.name:.200}].")
    return shown


def _value_of(doc: Doc, field: Field, one: SortBy) -> Any:
    values = [found for value in doc.values(field) if (found := _sortable(value, field)) is not None]
    if not values:
        return None
    if len(values) == 1:
        return values[0]
    if one.mode in ("avg", "sum", "median"):
        return _reckoned([value for value in values if not isinstance(value, str)], one.mode)
    biggest = one.mode == "max" or (one.descending and one.mode != "min")
    return (max if biggest else min)(values, key=lambda value: (isinstance(value, str), value))


def _reckoned(values: list[Any], mode: str) -> Any:
    if not values:
        return None
    if mode == "sum":
        return sum(values)
    if mode == "avg":
        return sum(values) / len(values)
    middle = sorted(values)
    half = len(middle) // 2
    return middle[half] if len(middle) % 2 else (middle[half - 1] + middle[half]) / 2


def _sortable(value: Any, field: Field) -> Any:
    """A number or a text; None for what has no place in this order."""
    match field.kind:
        case Kind.NUMBER:
            return number(value)
        case Kind.DATE:
            found = span(value)
            return None if found is None else found[0] // 1000
        case Kind.BOOLEAN:
            known = boolean(value)
            return None if known is None else int(known)
        case Kind.KEYWORD:
            return spelled(value)
    if field.parent:
        return spelled(value)
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, str):
        if not looks_like_date(value):
            raise _no_fielddata(field)
        found = span(value)
        assert found is not None
        return found[0] // 1000
    return value


def _no_fielddata(field: Field) -> Exception:
    return unfit(f"Fielddata is disabled on [{field.name:.200}], a text field. Use [{field.name:.200}.keyword] instead")


def _comparable(value: Any, one: SortBy) -> tuple[int, Any]:
    """(0 before, 1 among, 2 after the others, what to compare)."""
    if value is None:
        if one.missing in ("_last", "_first"):
            return (0 if one.missing == "_first" else 2, 0)
        instead = number(one.missing)
        value = one.missing if instead is None else instead
        if isinstance(value, str) and looks_like_date(value):
            found = span(value)
            assert found is not None
            value = found[0] // 1000
    ranked = (1, value) if isinstance(value, str) else (0, int(value) if isinstance(value, bool) else value)
    return (1, Backwards(ranked) if one.descending else ranked)


__all__ = ["Order", "SortBy", "known_format", "of_text", "parsed"]
