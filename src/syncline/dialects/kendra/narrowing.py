"""AttributeFilter as conditions of ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from syncline.dialects.kendra.attributes import Attributes
from syncline.dialects.kendra.ground import invalid
from syncline.model.search import All, AnyOf, Condition, Filter, Not

USER: Final = "_user_id"
GROUPS: Final = "_group_ids"
_COMPARING: Final = ("GreaterThan", "GreaterThanOrEquals", "LessThan", "LessThanOrEquals")
_LEAVES: Final = ("EqualsTo", "ContainsAll", "ContainsAny", *_COMPARING)
_BRANCHES: Final = ("AndAllFilters", "OrAllFilters", "NotFilter")
_PEOPLE: Final = frozenset({USER, GROUPS})

Others = Callable[[str, Sequence[str]], Sequence[str]]


class Narrowed(NamedTuple):
    """What the documents must be like, and on whose behalf the filter asks: (user, groups), None when it does not
    say."""

    condition: Condition
    people: tuple[str | None, Sequence[str]] | None


def narrowed(said: Mapping[str, Any] | None, attributes: Attributes, others: Others) -> Narrowed:
    """`others` gives the values of a field that are not among some. Raises ValidationException."""
    if not said:
        return Narrowed(All(), None)
    reading = _Reading(attributes, others)
    condition = reading.tree(said)
    return Narrowed(condition, (reading.user, reading.groups) if reading.asked else None)


class _Reading:
    """One filter, being read."""

    def __init__(self, attributes: Attributes, others: Others) -> None:
        self._attributes = attributes
        self._others = others
        self.asked = False
        self.user: str | None = None
        self.groups: list[str] = []

    def tree(self, said: Mapping[str, Any]) -> Condition:
        """One node. Several operators in it must all hold."""
        found = [self._node(operator, said[operator]) for operator in (*_BRANCHES, *_LEAVES) if operator in said]
        if not found:
            raise invalid("AttributeFilter must have one operator.")
        return found[0] if len(found) == 1 else All(found)

    def _node(self, operator: str, said: Any) -> Condition:
        match operator:
            case "AndAllFilters":
                return All([self.tree(one) for one in said])
            case "OrAllFilters":
                people = [one for one in said if _is_people(one)]
                if people and len(people) < len(said):
                    raise invalid(f"{USER} and {GROUPS} cannot be alternatives to other attributes.")
                return All([self.tree(one) for one in said]) if people else AnyOf([self.tree(one) for one in said])
            case "NotFilter":
                if _has_people(said):
                    raise invalid(f"{USER} and {GROUPS} cannot be used in a NotFilter.")
                return Not(self.tree(said))
        key = said["Key"]
        if key in _PEOPLE and key not in self._attributes.fields:
            return self._people(key, operator, said["Value"])
        return self._leaf(operator, key, said["Value"])

    def _leaf(self, operator: str, key: str, value: Mapping[str, Any]) -> Condition:
        if operator in _COMPARING:
            return self._attributes.compared(key, value, operator)
        if operator == "EqualsTo" and "StringListValue" not in value:
            return self._attributes.equal(key, value)
        texts = self._attributes.texts(key, value, operator)
        having = [self._attributes.equal(key, {"StringValue": text}) for text in texts]
        if operator == "ContainsAny":
            return AnyOf(having)
        if operator == "EqualsTo":
            return All([*having, Not(Filter(key, "in", list(self._others(key, texts))))])
        return All(having)

    def _people(self, key: str, operator: str, value: Mapping[str, Any]) -> Condition:
        """Who asks; a condition of its own it is not."""
        if operator in _COMPARING:
            raise invalid(f"{operator} cannot be used with {key}.")
        ((member, held),) = value.items()
        names = held if member == "StringListValue" else [held]
        if not all(isinstance(name, str) for name in names):
            raise invalid(f"The value of {key} must be a text.")
        self.asked = True
        if key == GROUPS:
            self.groups += names
        elif len({*names, self.user} - {None}) > 1:
            raise invalid("The question names several users; a question is asked on behalf of one.")
        else:
            self.user = names[0] if names else self.user
        return All()


def _is_people(said: Mapping[str, Any]) -> bool:
    """Whether it is about nobody but who asks."""
    keys = _keys(said)
    return bool(keys) and keys <= _PEOPLE


def _has_people(said: Mapping[str, Any]) -> bool:
    return bool(_keys(said) & _PEOPLE)


def _keys(said: Mapping[str, Any]) -> set[str]:
    found = {said[operator]["Key"] for operator in _LEAVES if operator in said}
    for operator in _BRANCHES:
        inner = said.get(operator, ())
        for one in (inner,) if operator == "NotFilter" and operator in said else inner:
            found |= _keys(one)
    return found
