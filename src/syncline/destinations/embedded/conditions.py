"""Filters and access, compiled for tantivy. None of them adds to a score."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any

import tantivy
from tantivy import Occur, Query

from syncline.destinations.embedded import facts
from syncline.destinations.embedded.words import Conditions, silent
from syncline.model.errors import UsageError
from syncline.model.search import Filter, Reader

_LOWEST, _HIGHEST = -(2**63), 2**63 - 1


def filter_conditions(filters: Iterable[Filter], connectors: Mapping[int, str], index: tantivy.Index) -> Conditions:
    """What all the filters ask for. Raises UsageError for one that makes no sense."""
    conditions: Conditions = []
    for one in filters:
        if one.op == "exists":
            conditions += _exists(one.field, index.schema)
        elif one.op in ("eq", "in"):
            conditions.append((Occur.Must, silent(_any(_facts_of(one, connectors), index.schema))))
        elif one.op == "range":
            conditions.append((Occur.Must, silent(_range(one, index))))
        else:
            raise UsageError(f"{one.op!r} is not a filter.", remedy="Use eq, in, range or exists.")
    return conditions


def access_conditions(reader: Reader, index: tantivy.Index, searcher: tantivy.Searcher) -> Conditions:
    """What keeps documents from a reader who may not see them; nothing while no document is restricted."""
    if reader.unrestricted:
        return []
    schema, principals = index.schema, _principals(reader)
    conditions: Conditions = []
    if searcher.doc_freq("facts", facts.RESTRICTED):
        hidden = [(Occur.Must, _any([facts.RESTRICTED], schema))]
        if principals:
            hidden.append((Occur.MustNot, _any(map(facts.allow_fact, principals), schema)))
        conditions.append((Occur.MustNot, Query.boolean_query(hidden)))
    if principals and searcher.doc_freq("facts", facts.DENYING):
        conditions.append((Occur.MustNot, _any(map(facts.deny_fact, principals), schema)))
    return conditions


def _principals(reader: Reader) -> list[str]:
    """The names a reader goes by: with and without the kind in front."""
    named = [("user", reader.user), *(("group", group) for group in reader.groups)]
    return [name for kind, who in named if who for name in (who, f"{kind}:{who}")]


def _any(wanted: Iterable[str], schema: tantivy.Schema) -> Query:
    found = list(wanted)
    match len(found):
        case 0:
            return Query.empty_query()
        case 1:
            return Query.term_query(schema, "facts", found[0], "basic")
        case _:
            return Query.term_set_query(schema, "facts", found)


def _facts_of(one: Filter, connectors: Mapping[int, str]) -> list[str]:
    """The facts any of which satisfies an "eq" or an "in"."""
    values = [one.value] if one.op == "eq" else one.value
    if isinstance(values, str | bytes | Mapping) or not isinstance(values, Sequence | Set):
        raise UsageError(f'The filter "in" on {one.field} needs a list of values.', remedy="Give a list, or use eq.")
    for value in values:
        if not isinstance(value, str | bool | int | float):
            raise UsageError(
                f"The filter on {one.field} cannot compare with {value!r}.",
                remedy='Give a string, a number or a boolean; "in" takes a list of them, "exists" asks for any value.',
            )
    return [fact for value in values for fact in _facts_of_value(one.field, value, connectors)]


def _facts_of_value(field: str, value: Any, connectors: Mapping[int, str]) -> list[str]:
    special = {"id": facts.id_fact, "title": facts.title_fact, "media_type": facts.media_fact}.get(field)
    if field == "connector":
        return [facts.connector_fact(number) for number, name in connectors.items() if name == value]
    if special is not None:
        return [special(value)] if isinstance(value, str) else []
    fact = facts.value_fact(field, value)
    return [fact] if fact is not None else []


def _exists(field: str, schema: tantivy.Schema) -> Conditions:
    if field in ("connector", "id"):
        return []
    if field in ("title", "media_type"):
        empty = facts.title_fact("") if field == "title" else facts.media_fact("")
        return [(Occur.Must, silent(Query.all_query())), (Occur.MustNot, _any([empty], schema))]
    return [(Occur.Must, silent(_any([facts.key_fact(field)], schema)))]


def _range(one: Filter, index: tantivy.Index) -> Query:
    remedy = "Give a pair (low, high) of two numbers or two ISO 8601 dates; null leaves one side open."
    if not isinstance(one.value, Sequence) or isinstance(one.value, str | bytes) or len(one.value) != 2:
        raise UsageError(f"The filter range on {one.field} needs a low and a high value.", remedy=remedy)
    if one.field in ("connector", "id", "title", "media_type"):
        raise UsageError(f"{one.field} has no order for a range.", remedy='Use "eq" or "in".')
    low, high = one.value
    given = [bound for bound in (low, high) if bound is not None]
    if given and all(facts.order_of(bound) is not None for bound in given):
        path, lows, highs = facts.number_path(one.field), facts.order_of(low), facts.order_of(high)
    elif given and all(facts.moments(bound) is not None for bound in given):
        first, last = facts.moments(low), facts.moments(high)
        path, lows, highs = facts.date_path(one.field), first and first[0], last and last[1]
    else:
        raise UsageError(f"The filter range on {one.field} cannot compare with {one.value!r}.", remedy=remedy)
    bounds = f"[{_LOWEST if lows is None else lows} TO {_HIGHEST if highs is None else highs}]"
    return index.parse_query(f"values.{path}:{bounds}", ["facts"])
