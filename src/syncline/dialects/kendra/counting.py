"""Facets: how often each value of a field is among the results, and within each value those of other fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol

from syncline.dialects.kendra.attributes import Attributes
from syncline.dialects.kendra.ground import invalid
from syncline.model.search import Condition, Facet, Results

VALUES: Final = 10
MOST_INNER: Final = 50  # values that are looked into for facets within them


class Asked(NamedTuple):
    """One facet: the key of its field, how many values, and facets within it."""

    key: str
    limit: int
    inner: Sequence[Asked] = ()


class Facets(NamedTuple):
    """All of a request, and those that one search counts for them."""

    asked: Sequence[Asked]
    ours: Sequence[Facet]


class Searching(Protocol):
    """The question, asked again."""

    def __call__(self, *, facets: Sequence[Facet], also: Condition, limit: int) -> Results: ...


def facets_of(said: Sequence[Mapping[str, Any]], attributes: Attributes) -> Facets:
    """Raises ValidationException."""
    asked = [_asked(one, attributes, True) for one in said]
    return Facets(asked, _ours(asked, attributes))


def _asked(said: Mapping[str, Any], attributes: Attributes, outer: bool) -> Asked:
    key = said.get("DocumentAttributeKey")
    if key is None:
        raise invalid("A facet must have a DocumentAttributeKey.")
    if not attributes.field(key).facetable:
        raise invalid(f"The field {key} is not Facetable.")
    inner = said.get("Facets", ())
    if inner and not outer:
        raise invalid("Facets within facets cannot have facets in turn.")
    limit = said.get("MaxResults", VALUES)
    if inner and limit > MOST_INNER:
        raise invalid(f"A facet with others within it has at most {MOST_INNER} values.")
    return Asked(key, limit, [_asked(one, attributes, False) for one in inner])


def _ours(asked: Sequence[Asked], attributes: Attributes) -> list[Facet]:
    most: dict[str, int] = {}
    for one in asked:
        field = attributes.ours(one.key)
        most[field] = max(most.get(field, 0), one.limit)
    return [Facet(field, limit) for field, limit in most.items()]


def count_facets(facets: Facets, found: Results, attributes: Attributes, search: Searching) -> list[dict[str, Any]]:
    """FacetResults."""
    return [_result(one, found, attributes, search) for one in facets.asked]


def _result(asked: Asked, found: Results, attributes: Attributes, search: Searching | None) -> dict[str, Any]:
    pairs: list[dict[str, Any]] = []
    for value, count in found.facets[attributes.ours(asked.key)]:
        shown = attributes.counted(asked.key, value)
        if shown is not None and len(pairs) < asked.limit:
            pair: dict[str, Any] = {"DocumentAttributeValue": shown, "Count": count}
            if asked.inner and search is not None:
                condition = attributes.equal(asked.key, shown)
                within = search(facets=_ours(asked.inner, attributes), also=condition, limit=0)
                pair["FacetResults"] = [_result(one, within, attributes, None) for one in asked.inner]
            pairs.append(pair)
    return {
        "DocumentAttributeKey": asked.key,
        "DocumentAttributeValueType": attributes.fields[asked.key].type,
        "DocumentAttributeValueCountPairs": pairs,
    }
