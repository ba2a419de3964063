"""Aggregations over everything that matches: terms, metrics, filter and missing, with others below them. All exact.

Each is a collector that is shown every matching document once, and then says what it has come to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Protocol

from syncline.dialects.elastic import query_dsl
from syncline.dialects.elastic.query_docs import Doc
from syncline.dialects.elastic.query_fields import Field, Kind
from syncline.dialects.elastic.query_leaves import Ground
from syncline.dialects.elastic.query_refusals import unfit, unparsed, unsupported
from syncline.dialects.elastic.query_sort import _no_fielddata
from syncline.dialects.elastic.query_values import boolean, looks_like_date, number, span, spelled
from syncline.dialects.elastic.refusals import Refused

MOST_BUCKETS: Final = 65_536
MOST: Final = 200  # aggregations in one request
DEEPEST: Final = 10
_METRICS: Final = ("value_count", "min", "max", "avg", "sum", "stats", "cardinality")


class Collector(Protocol):
    """One aggregation at work."""

    def take(self, doc: Doc) -> None:
        """A document matches."""
        ...

    def result(self) -> dict[str, Any]:
        """What it has come to."""
        ...


Make = Callable[[], Collector]


class Aggregations:
    """All that one request asks for."""

    def __init__(self, collectors: Mapping[str, Collector]) -> None:
        self._collectors = collectors

    def take(self, doc: Doc) -> None:
        """A document matches."""
        for one in self._collectors.values():
            one.take(doc)

    def result(self) -> dict[str, Any]:
        """By name."""
        return {name: one.result() for name, one in self._collectors.items()}


def parsed(ground: Ground, said: Any, depth: int = 1) -> Callable[[], Aggregations]:
    """What makes the collectors. Raises Refused."""
    if not isinstance(said, Mapping):
        raise unparsed("[aggs] must be an object")
    if depth > DEEPEST or len(said) > MOST:
        raise unparsed("too many aggregations, or nested too deeply")
    makers = {name: _parsed_one(ground, name, body, depth) for name, body in said.items()}
    return lambda: Aggregations({name: make() for name, make in makers.items()})


def _parsed_one(ground: Ground, name: str, body: Any, depth: int) -> Make:
    if not isinstance(body, Mapping):
        raise unparsed(f"aggregation [{name:.200}] must be an object")
    inner = body.get("aggs", body.get("aggregations", {}))
    types = [key for key in body if key not in ("aggs", "aggregations", "meta")]
    if len(types) != 1:
        raise unparsed(f"aggregation [{name:.200}] needs one type")
    below, type, said = parsed(ground, inner, depth + 1), types[0], body[types[0]]
    if type in _METRICS:
        if inner:
            raise unparsed(f"[{type}] cannot hold sub-aggregations")
        return _metric(ground, type, said)
    match type:
        case "terms":
            return _terms(ground, said, below)
        case "filter":
            node = query_dsl.compiled(ground, said)
            return lambda: _Filtered(node.matches, below())
        case "missing":
            field = _field(ground, type, said, ())
            return lambda: _Filtered(lambda doc: not doc.values(field), below())
    raise unsupported(f"[{type!s:.100}] aggregation")


def _field(ground: Ground, type: str, said: Any, more: Sequence[str]) -> Field:
    if not isinstance(said, Mapping) or not isinstance(said.get("field"), str):
        raise unparsed(f"[{type}] aggregation needs a [field]")
    odd = next((key for key in said if key not in ("field", *more)), None)
    if odd is not None:
        raise unsupported(f"[{odd:.100}] of a [{type}] aggregation")
    return ground.field(said["field"])


# --- values -----------------------------------------------------------------------------------------------------------


def _key_of(value: Any, field: Field) -> Any:
    """A value as the key of a bucket: a number, a text, or True and False."""
    match field.kind:
        case Kind.TEXT:
            raise _no_fielddata(field)
        case Kind.KEYWORD:
            return spelled(value)
        case Kind.NUMBER:
            return number(value)
        case Kind.BOOLEAN:
            return boolean(value)
        case Kind.DATE:
            return _Millis.of(value)
    if isinstance(value, str) and not field.parent and not field.name.startswith("_"):
        if not looks_like_date(value):
            raise _no_fielddata(field)
        return _Millis.of(value)
    return value


class _Millis(int):
    """A moment."""

    @classmethod
    def of(cls, value: Any) -> _Millis | None:
        """In milliseconds since 1970; None when it is no date."""
        found = span(value)
        return None if found is None else cls(found[0] // 1000)


def _keys_of(doc: Doc, field: Field) -> set[Any]:
    keys = (_key_of(value, field) for value in doc.values(field))
    return {("b", key) if isinstance(key, bool) else key for key in keys if key is not None}


# --- terms ------------------------------------------------------------------------------------------------------------


def _terms(ground: Ground, said: Any, below: Callable[[], Aggregations]) -> Make:
    field = _field(ground, "terms", said, ("size", "order", "min_doc_count", "missing", "shard_size", "execution_hint",
                                           "collect_mode", "show_term_doc_count_error"))  # fmt: skip
    size, least = _whole(said, "size", 10), _whole(said, "min_doc_count", 1)
    if size < 1:
        raise unparsed("[size] of a [terms] aggregation must be greater than 0")
    if least < 1:
        raise unsupported("[min_doc_count: 0] of a [terms] aggregation")
    order = _order(said.get("order", {"_count": "desc"}))
    instead = said.get("missing")
    if isinstance(instead, dict | list):
        raise unparsed("[missing] must be a value")
    return lambda: _Terms(field, size, least, order, instead, below)


def _whole(said: Mapping[str, Any], name: str, otherwise: int) -> int:
    found = number(said.get(name, otherwise))
    if found is None or found != int(found) or not 0 <= found < 1 << 31:
        raise unparsed(f"[{name}] must be a whole number, 0 or more")
    return int(found)


def _order(said: Any) -> list[tuple[str, bool]]:
    """(by "_count" or "_key", downwards)."""
    found = []
    for one in said if isinstance(said, list) else [said]:
        for by, way in one.items() if isinstance(one, Mapping) else ():
            if by not in ("_count", "_key") or way not in ("asc", "desc"):
                raise unsupported(f"[order: {by!s:.100}] of a [terms] aggregation", "use _count or _key, asc or desc")
            found.append((by, way == "desc"))
    if not found:
        raise unparsed("[order] of a [terms] aggregation must be an object")
    return found


class _Terms:
    def __init__(
        self,
        field: Field,
        size: int,
        least: int,
        order: Sequence[tuple[str, bool]],
        instead: Any,
        below: Callable[[], Aggregations],
    ) -> None:
        self._field, self._size, self._least, self._order, self._instead = field, size, least, order, instead
        self._below = below
        self._counts: dict[Any, int] = {}
        self._inner: dict[Any, Aggregations] = {}

    def take(self, doc: Doc) -> None:
        keys: Iterable[Any] = _keys_of(doc, self._field)
        if not keys and self._instead is not None:
            keys = (self._instead,)
        for key in keys:
            if key not in self._counts:
                if len(self._counts) >= MOST_BUCKETS:
                    reason = f"Trying to create too many buckets. Must be at most {MOST_BUCKETS}"
                    raise Refused(400, "too_many_buckets_exception", reason)
                self._inner[key] = self._below()
            self._counts[key] = self._counts.get(key, 0) + 1
            self._inner[key].take(doc)

    def result(self) -> dict[str, Any]:
        kept = [(key, count) for key, count in self._counts.items() if count >= self._least]
        kept.sort(key=lambda pair: _sortable(pair[0]))
        for by, downwards in reversed(self._order):
            if by == "_count":
                kept.sort(key=lambda pair: pair[1], reverse=downwards)
            else:
                kept.sort(key=lambda pair: _sortable(pair[0]), reverse=downwards)
        buckets = [self._bucket(key, count) for key, count in kept[: self._size]]
        others = sum(count for _, count in kept[self._size :])
        return {"doc_count_error_upper_bound": 0, "sum_other_doc_count": others, "buckets": buckets}

    def _bucket(self, key: Any, count: int) -> dict[str, Any]:
        shown: dict[str, Any] = {"key": key, "doc_count": count}
        if isinstance(key, tuple):
            shown = {"key": int(key[1]), "key_as_string": spelled(key[1]), "doc_count": count}
        elif isinstance(key, _Millis):
            shown = {"key": int(key), "key_as_string": _as_date(key), "doc_count": count}
        return {**shown, **self._inner[key].result()}


def _sortable(key: Any) -> tuple[int, Any]:
    if isinstance(key, tuple):
        return (0, int(key[1]))
    return (1, key) if isinstance(key, str) else (0, key)


def _as_date(millis: int) -> str:
    from datetime import UTC, datetime, timedelta

    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=millis)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


# --- others -----------------------------------------------------------------------------------------------------------


class _Filtered:
    def __init__(self, holds: Callable[[Doc], bool], below: Aggregations) -> None:
        self._holds, self._below, self._count = holds, below, 0

    def take(self, doc: Doc) -> None:
        if self._holds(doc):
            self._count += 1
            self._below.take(doc)

    def result(self) -> dict[str, Any]:
        return {"doc_count": self._count, **self._below.result()}


def _metric(ground: Ground, type: str, said: Any) -> Make:
    if type == "cardinality":
        field = _field(ground, type, said, ("precision_threshold",))
        return lambda: _Cardinality(field)
    field = _field(ground, type, said, ())
    if type != "value_count" and field.kind in (Kind.KEYWORD, Kind.TEXT):
        raise unfit(f"Field [{field.name:.200}] of type [{field.kind}] is not supported for aggregation [{type}]")
    return lambda: _Metric(type, field)


class _Cardinality:
    def __init__(self, field: Field) -> None:
        self._field = field
        self._seen: set[Any] = set()

    def take(self, doc: Doc) -> None:
        self._seen |= _keys_of(doc, self._field)
        if len(self._seen) > 40 * MOST_BUCKETS:
            raise unsupported("a [cardinality] of millions of values")

    def result(self) -> dict[str, Any]:
        return {"value": len(self._seen)}


class _Metric:
    def __init__(self, type: str, field: Field) -> None:
        self._type, self._field = type, field
        self._count, self._sum = 0, 0.0
        self._least: float | None = None
        self._most: float | None = None

    def take(self, doc: Doc) -> None:
        for value in doc.values(self._field):
            if self._type == "value_count":
                self._count += 1
                continue
            key = _key_of(value, self._field)
            if key is None:
                continue
            if isinstance(key, str):
                raise unfit(f"Field [{self._field.name:.200}] of texts is not supported for aggregation [{self._type}]")
            found = float(key)
            self._count, self._sum = self._count + 1, self._sum + found
            self._least = found if self._least is None else min(self._least, found)
            self._most = found if self._most is None else max(self._most, found)

    def result(self) -> dict[str, Any]:
        average = self._sum / self._count if self._count else None
        match self._type:
            case "value_count":
                return {"value": self._count}
            case "min":
                return {"value": self._least}
            case "max":
                return {"value": self._most}
            case "avg":
                return {"value": average}
            case "sum":
                return {"value": self._sum}
        return {"count": self._count, "min": self._least, "max": self._most, "avg": average, "sum": self._sum}
