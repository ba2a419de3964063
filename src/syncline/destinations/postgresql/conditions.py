"""Conditions of a search, as SQL. Values are parameters, always; names of metadata are parts of JSON paths, which are
parameters, too."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from syncline.destinations.embedded.facts import moments
from syncline.destinations.postgresql.rows import clean, words_of
from syncline.destinations.postgresql.words import BODY, TITLE, all_in
from syncline.model.errors import UsageError
from syncline.model.search import All, AnyOf, Condition, Filter, Not, Reader, principals

TEXTS: Final = {"id": "id", "title": "title", "text": "body", "media_type": "media_type", "url": "url"}
OPERATIONS: Final = ("eq", "in", "range", "above", "below", "exists", "prefix", "contains", "words")
MOST_CONDITIONS: Final = 1024
DEEPEST: Final = 32
_SCALARS: Final = '(@.type() == "string" || @.type() == "number" || @.type() == "boolean")'


def check_size(asked: Sequence[Condition]) -> None:
    """Raises UsageError for more conditions than anybody means."""
    waiting: list[tuple[Condition, int]] = [(one, 1) for one in asked]
    number = 0
    while waiting:
        one, depth = waiting.pop()
        number += 1
        inner = one.conditions if isinstance(one, All | AnyOf) else [one.condition] if isinstance(one, Not) else ()
        waiting += [(each, depth + 1) for each in inner]
        if number > MOST_CONDITIONS or depth > DEEPEST:
            raise UsageError(
                "The filters of the search are too many.",
                code="search.too_complex",
                remedy=f"Give at most {MOST_CONDITIONS:,} conditions, {DEEPEST} deep.",
            )


class Compiler:
    """Makes SQL of conditions; `parameters` grows with each.

    language  the text search configuration as SQL, None when the table has no full-text column.
    """

    def __init__(self, connectors: Mapping[int, str], language: str | None) -> None:
        self.parameters: list[Any] = []
        self._connectors = connectors
        self._language = language

    def given(self, value: Any) -> str:
        """The placeholder of a value."""
        self.parameters.append(value)
        return f"${len(self.parameters)}"

    def condition(self, one: Condition) -> str:
        """An expression that is true or false, never null. Raises UsageError for a condition that makes no sense."""
        if isinstance(one, All):
            return _joined(" and ", map(self.condition, one.conditions), "true")
        if isinstance(one, AnyOf):
            return _joined(" or ", map(self.condition, one.conditions), "false")
        if isinstance(one, Not):
            return f"not {self.condition(one.condition)}"
        if one.op not in OPERATIONS:
            raise UsageError(f"{one.op!r} is not a filter.", remedy=f"Use one of {', '.join(OPERATIONS)}.")
        if one.op == "words":
            return self._words(one)
        if one.field == "connector":
            return self._connector(one)
        if one.field in TEXTS:
            return self._text(one, TEXTS[one.field])
        return f"coalesce({self._metadata(one)}, false)"

    def access(self, reader: Reader) -> str:
        """What a reader may see."""
        if reader.unrestricted:
            return "true"
        allowed, denied = self._named("allow", reader), self._named("deny", reader)
        return f"((cardinality(allow) = 0 or {allowed}) and not {denied})"

    def _named(self, column: str, reader: Reader) -> str:
        """Whether a list of principals names the reader; further groups count for one connector only."""
        found = []
        if names := _stored(principals(reader.user, reader.groups)):
            found.append(f"{column} && {self.given(names)}::text[]")
        for number, groups in reader.groups_of.items():
            if names := _stored(principals(None, groups)):
                these = f"{self.given(names)}::text[]"
                found.append(f"(connector = {self.given(number)}::bigint and {column} && {these})")
        return _joined(" or ", found, "false")

    def matches(self, question: str) -> str:
        """A tsquery that the words of a document match. Raises UsageError where there is no full-text search."""
        return f"search @@ {self.question(question)}"

    def question(self, question: str) -> str:
        """A tsquery."""
        if self._language is None:
            raise UsageError(
                "this index has no full-text search: the language of its destination is none",
                code="destination.no_search",
                remedy="Leave the words out, and ask by conditions.",
            )
        return f"to_tsquery({self._language}, {self.given(question)})"

    # --- words, connectors, columns -----------------------------------------------------------------------------------

    def _words(self, one: Filter) -> str:
        if one.field not in ("title", "text") or not isinstance(one.value, str):
            raise UsageError(
                f"The filter words on {one.field} makes no sense.", remedy="Give words, and ask for title or text."
            )
        tokens = words_of(one.value)
        return self.matches(all_in(tokens, TITLE if one.field == "title" else BODY)) if tokens else "false"

    def _connector(self, one: Filter) -> str:
        if one.op == "exists":
            return "true"
        tests = self._tests(one)
        chosen = [number for number, name in self._connectors.items() if any(test(name) for test in tests)]
        return f"connector = any ({self.given(chosen)}::bigint[])"

    def _tests(self, one: Filter) -> list[Callable[[str], bool]]:
        if one.op in ("eq", "in"):
            return [lambda name, value=value: name == value for value in one.values()]  # type: ignore[misc]
        value = _text_of(one)
        if one.op == "prefix":
            return [lambda name: name.startswith(value)]
        return [lambda name: value.lower() in name.lower()]

    def _text(self, one: Filter, column: str) -> str:
        match one.op:
            case "exists":
                return "true" if column == "id" else f"{column} <> ''"
            case "eq" | "in":
                texts = [clean(value) for value in one.values() if isinstance(value, str)]
                return f"{column} = any ({self.given(texts)}::text[])"
            case "prefix":
                return f"starts_with({column}, {self.given(clean(_text_of(one)))}::text)"
            case "contains":
                return f"strpos(lower({column}), lower({self.given(clean(_text_of(one)))}::text)) > 0"
        raise UsageError(f"{one.field} has no order for a range.", remedy='Use "eq" or "in".')

    # --- metadata -----------------------------------------------------------------------------------------------------

    def _metadata(self, one: Filter) -> str:
        match one.op:
            case "exists":
                return self._path("metadata", one.field, _SCALARS)
            case "eq" | "in":
                return self._holds(one.field, one.values())
            case "prefix":
                return self._path("metadata", one.field, "(@ starts with $value)", value=clean(_text_of(one)))
            case "contains":
                part = json.dumps(clean(_text_of(one)))
                return self._path("metadata", one.field, f'(@ like_regex {part} flag "iq")')
        low, high = one.value if one.op == "range" and _is_pair(one.value) else (one.value, one.value)
        if one.op == "range" and not _is_pair(one.value):
            raise _no_range(one)
        return self._between(one, low, high)

    def _holds(self, field: str, values: Sequence[Any]) -> str:
        """One of the values, alone or in a list."""
        wanted = []
        for value in values:
            if not isinstance(value, float) or math.isfinite(value):
                told = clean(value) if isinstance(value, str) else value
                wanted += [_json({clean(field): told}), _json({clean(field): [told]})]
        return f"metadata @> any ({self.given(wanted)}::jsonb[])"

    def _between(self, one: Filter, low: Any, high: Any) -> str:
        bounds = [bound for bound in (low, high) if bound is not None]
        given: dict[str, Any] = {}
        if bounds and all(_is_number(bound) for bound in bounds):
            column, given = "metadata", {"low": low, "high": high}
        elif bounds and all(moments(bound) is not None for bound in bounds):
            column = "dates"
            first, last = moments(low), moments(high)
            given = {"low": first and first[0], "high": last and last[1]}
            if one.op == "above":
                given["low"] = first and first[1]
            elif one.op == "below":
                given["high"] = last and last[0]
        else:
            raise _no_range(one)
        tests = {"range": ("@ >= $low", "@ <= $high"), "above": ("@ > $low", ""), "below": ("", "@ < $high")}[one.op]
        said = [test for test, value in zip(tests, given.values(), strict=True) if test and value is not None]
        said = ['@.type() == "number"', *said]
        return self._path(column, one.field, f"({' && '.join(said)})", **_finite(given))

    def _path(self, column: str, field: str, test: str, **given: Any) -> str:
        path = f"$.{json.dumps(clean(field))}[*] ? {test}"
        known = _json({name: value for name, value in given.items() if value is not None})
        return f"jsonb_path_exists({column}, {self.given(path)}::jsonpath, {self.given(known)}::jsonb, true)"


def _stored(names: Sequence[str]) -> list[str]:
    """As they lie in the table."""
    return [clean(name) for name in names]


def _finite(given: Mapping[str, Any]) -> dict[str, Any]:
    """Bounds as JSON has numbers: no number lies beyond the greatest power that PostgreSQL's have."""
    return {
        name: math.copysign(1, value) * 10**300 if isinstance(value, float) and math.isinf(value) else value
        for name, value in given.items()
    }


def _text_of(one: Filter) -> str:
    if not isinstance(one.value, str) or one.op not in ("prefix", "contains"):
        raise UsageError(
            f"The filter {one.op} on {one.field} cannot compare with {one.value!r}.", remedy="Give a text."
        )
    return one.value


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, Decimal)) and not isinstance(value, bool) and value == value


def _is_pair(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes)) and len(value) == 2


def _no_range(one: Filter) -> UsageError:
    return UsageError(
        f"The filter {one.op} on {one.field} cannot compare with {one.value!r}.",
        remedy="Give a pair (low, high) of two numbers or two ISO 8601 dates; null leaves one side open.",
    )


def _joined(how: str, parts: Any, none: str) -> str:
    found = list(parts)
    return f"({how.join(found)})" if found else none


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
