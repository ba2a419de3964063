"""The questions that can be put to one field, made into nodes. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from syncline.dialects.elastic.query_docs import LONGEST_TOKEN, Pattern, Text, pattern, tokens_of, words_of
from syncline.dialects.elastic.query_fields import Field, Fields, Kind
from syncline.dialects.elastic.query_globs import Glob
from syncline.dialects.elastic.query_nodes import (
    BeginningWords,
    Exists,
    Ids,
    Mark,
    Need,
    Node,
    Nothing,
    OneOf,
    Phrase,
    Predicate,
    Stats,
    Values,
    Words,
    words_needed,
)
from syncline.dialects.elastic.query_refusals import unfit, unparsed, unsupported
from syncline.dialects.elastic.query_values import boolean, looks_like_date, number, span, spelled

MAX_WORDS: Final = 1024
UP: Final = ("gt", "lte")  # bounds that mean the end of what they leave out
_TYPED: Final = (Kind.NUMBER, Kind.DATE, Kind.BOOLEAN)


@dataclass(slots=True, frozen=True)
class Ground:
    """What queries of one search stand on. `now` in Unix seconds."""

    fields: Fields
    stats: Stats
    now: float

    def field(self, name: str) -> Field:
        """What that name means. Raises Refused for one that cannot be asked."""
        field = self.fields.resolve(name)
        if field.kind is Kind.UNINDEXED and field.path:
            raise unfit(f"Cannot search on field [{name:.200}] since it is not indexed.")
        return field


# --- equality ---------------------------------------------------------------------------------------------------------


def equal_to(field: Field, said: Any, now: float, *, lenient: bool = False, ignore_case: bool = False) -> Predicate:
    """Whether a value of the field that is no text is the one said. Raises Refused when it can never be."""
    match field.kind:
        case Kind.NUMBER:
            return _number_is(field, number(said), said, lenient)
        case Kind.DATE:
            return _date_is(field, span(said, now), said, lenient)
        case Kind.BOOLEAN:
            return _boolean_is(field, boolean(said), said, lenient)
        case Kind.KEYWORD:
            return _text_is(said, ignore_case)
        case Kind.UNINDEXED:
            return _never
        case _:
            return _text_is(said, ignore_case) if field.parent else _open_is(said, now)


def _never(_value: Any) -> bool:
    return False


def _number_is(field: Field, wanted: float | None, said: Any, lenient: bool) -> Predicate:
    if wanted is None:
        if lenient:
            return _never
        raise unfit(f'For input string: "{spelled(said):.200}" in the field [{field.name:.200}] of numbers')
    return lambda value: number(value) == wanted


def _date_is(field: Field, wanted: tuple[int, int] | None, said: Any, lenient: bool) -> Predicate:
    if wanted is None:
        if lenient:
            return _never
        raise unfit(f"failed to parse date field [{spelled(said):.200}] in [{field.name:.200}]")
    first, last = wanted

    def check(value: Any) -> bool:
        found = span(value)
        return found is not None and first <= found[0] <= last

    return check


def _boolean_is(field: Field, wanted: bool | None, said: Any, lenient: bool) -> Predicate:
    if wanted is None:
        if lenient:
            return _never
        raise unfit(f"Can't parse boolean value [{spelled(said):.200}] in [{field.name:.200}]")
    return lambda value: boolean(value) is wanted


def _text_is(said: Any, ignore_case: bool) -> Predicate:
    wanted = spelled(said)
    if ignore_case:
        folded = wanted.casefold()
        return lambda value: spelled(value).casefold() == folded
    return lambda value: spelled(value) == wanted


def _open_is(said: Any, now: float) -> Predicate:
    """A number is a number, true is true, a date is within what was said."""
    as_number, as_boolean, as_span = number(said), boolean(said) if said != "" else None, span(said, now)

    def check(value: Any) -> bool:
        if isinstance(value, bool):
            return value is as_boolean
        if isinstance(value, str):
            found = span(value, millis=False) if as_span is not None else None
            return as_span is not None and found is not None and as_span[0] <= found[0] <= as_span[1]
        return as_number is not None and bool(value == as_number)

    return check


# --- words ------------------------------------------------------------------------------------------------------------


def analysed(text: str) -> list[str]:
    """The words of what was asked. Raises Refused for very many."""
    words = words_of(text)
    if len(words) > MAX_WORDS:
        raise unfit(f"field expansion matches too many words, limit: {MAX_WORDS}, got: {len(words)}")
    return words


def words(
    ground: Ground,
    field: Field,
    said: Any,
    least: Callable[[int], int],
    *,
    boost: float = 1.0,
    lenient: bool = False,
    prefix: bool = False,
) -> Node:
    """As many of the words as `least` says of their number. With `prefix` the last is the beginning of one."""
    if field.kind in (*_TYPED, Kind.KEYWORD) or field.parent:
        if prefix:
            return beginning(field, spelled(said), boost=boost)
        return Values(field, equal_to(field, said, ground.now, lenient=lenient), boost=boost)
    if field.kind is Kind.UNINDEXED:
        return Nothing()
    found = analysed(spelled(said))
    other = equal_to(field, said, ground.now) if field.kind is Kind.OPEN else None
    if not found and other is None:
        return Nothing()
    last = len(found) - 1
    patterns = [pattern((word,), prefix and at == last) for at, word in enumerate(found)]
    kind = BeginningWords if prefix else Words
    return kind(
        field, found, patterns, ground.stats, least=max(1, least(len(found))), boost=boost, other=other
    )  # fmt: skip


def phrase(
    ground: Ground, field: Field, said: Any, *, boost: float = 1.0, lenient: bool = False, prefix: bool = False
) -> Node:
    """The words side by side."""
    if field.kind not in (Kind.TEXT, Kind.OPEN) or field.parent:
        return words(ground, field, said, lambda count: count, boost=boost, lenient=lenient, prefix=prefix)
    found = analysed(spelled(said))
    other = equal_to(field, said, ground.now) if field.kind is Kind.OPEN else None
    if not found and other is None:
        return Nothing()
    made = pattern(tuple(found), prefix) if found else pattern(())
    return Phrase(field, found, made, ground.stats, prefix=prefix, boost=boost, other=other)


# --- terms ------------------------------------------------------------------------------------------------------------


def term(ground: Ground, field: Field, said: Any, *, boost: float = 1.0, ignore_case: bool = False) -> Node:
    """Exactly that; in a text, exactly that word."""
    if isinstance(said, dict | list) or said is None:
        raise unparsed("[term] query does not support arrays, objects or null as a value")
    if field.name == "_id":
        return Ids([spelled(said)], boost)
    other = equal_to(field, said, ground.now, ignore_case=ignore_case)
    if field.kind not in (Kind.TEXT, Kind.OPEN) or field.parent:
        return Values(field, other, boost=boost, needed=_whole_needed(field, [said]))
    word = spelled(said).lower() if ignore_case else spelled(said)
    is_word = _is_word(word)
    patterns = [pattern((word,))] if is_word else []
    found = [word] if is_word else []
    return Words(field, found, patterns, ground.stats, boost=boost, other=other if field.kind is Kind.OPEN else None)


def _whole_needed(field: Field, said: Sequence[Any]) -> Need | None:
    """What documents have that have one of these as a whole text."""
    if field.kind is not Kind.KEYWORD and not field.parent:
        return None
    if field.name.startswith("_") and not field.path:
        return None
    ways = [words_needed(field, words_of(spelled(one))) for one in said]
    return None if None in ways else OneOf(tuple(way for way in ways if way is not None))


def _is_word(text: str) -> bool:
    return len(text.encode("utf-8", "replace")) <= LONGEST_TOKEN and words_of(text) == [text]


def terms(ground: Ground, field: Field, said: Sequence[Any], *, boost: float = 1.0) -> Node:
    """One of those, each exactly."""
    if field.name == "_id":
        return Ids([spelled(one) for one in said], boost)
    if any(isinstance(one, dict | list) for one in said):
        raise unparsed("[terms] query does not support arrays or objects among its values")
    given = [one for one in said if one is not None]
    if field.kind is Kind.KEYWORD or field.parent:
        wanted = frozenset(map(spelled, given))
        return Values(field, lambda value: spelled(value) in wanted, boost=boost, needed=_whole_needed(field, given))
    checks = [equal_to(field, one, ground.now) for one in given]
    of_value: Predicate | None = lambda value: any(check(value) for check in checks)  # noqa: E731
    if field.kind not in (Kind.TEXT, Kind.OPEN):
        return Values(field, of_value, boost=boost)
    patterns = [pattern((word,)) for one in given if _is_word(word := spelled(one))]
    return Values(field, of_value if field.kind is Kind.OPEN else None, _any_of(patterns), boost)


def _any_of(patterns: Sequence[Pattern]) -> Callable[[Text], bool]:
    return lambda text: any(one.count(text) for one in patterns)


# --- order ------------------------------------------------------------------------------------------------------------


def within(ground: Ground, field: Field, bounds: Mapping[str, Any], *, boost: float = 1.0) -> Node:
    """Within bounds, by "gt", "gte", "lt", "lte"."""
    given = {name: value for name, value in bounds.items() if value is not None}
    for value in given.values():
        if isinstance(value, dict | list):
            raise unparsed("[range] query does not support arrays or objects as bounds")
    match field.kind:
        case Kind.NUMBER:
            return Values(field, _numbers_within(field, given), boost=boost)
        case Kind.DATE:
            return Values(field, _dates_within(field, given, ground.now), boost=boost)
        case Kind.KEYWORD:
            return Values(field, _texts_within(given), boost=boost)
        case Kind.UNINDEXED:
            return Nothing()
        case Kind.OPEN:
            return Values(field, _open_within(field, given, ground.now), boost=boost)
        case _:
            raise unsupported(f"[range] over the {field.kind} field [{field.name:.200}]", "ask its [keyword]")


def _holds(name: str, order: float) -> bool:
    """`order` is below, at or above 0 as the value is below, at or above the bound."""
    return order > 0 if name == "gt" else order >= 0 if name == "gte" else order < 0 if name == "lt" else order <= 0


def _compared(value: Any, bound: Any) -> int:
    return int(value > bound) - int(value < bound)


def _numbers_within(field: Field, given: Mapping[str, Any]) -> Predicate:
    wanted = {name: number(bound) for name, bound in given.items()}
    for name, bound in wanted.items():
        if bound is None:
            raise unfit(f'For input string: "{spelled(given[name]):.200}" in the field [{field.name:.200}] of numbers')

    def check(value: Any) -> bool:
        found = number(value)
        return found is not None and all(_holds(name, _compared(found, bound)) for name, bound in wanted.items())

    return check


def _moments(given: Mapping[str, Any], now: float) -> dict[str, int] | None:
    """The bounds in microseconds; None when one of them is no date."""
    spans = {name: span(bound, now) for name, bound in given.items()}
    if None in spans.values():
        return None
    return {name: found[name in UP] for name, found in spans.items() if found is not None}


def _dates_within(field: Field, given: Mapping[str, Any], now: float) -> Predicate:
    wanted = _moments(given, now)
    if wanted is None:
        said = ", ".join(spelled(bound)[:100] for bound in given.values())
        raise unfit(f"failed to parse date field [{said}] in [{field.name:.200}]")

    def check(value: Any) -> bool:
        found = span(value)
        return found is not None and all(_holds(name, found[0] - bound) for name, bound in wanted.items())

    return check


def _texts_within(given: Mapping[str, Any]) -> Predicate:
    wanted = {name: spelled(bound) for name, bound in given.items()}

    def check(value: Any) -> bool:
        text = spelled(value)
        return all(_holds(name, _compared(text, bound)) for name, bound in wanted.items())

    return check


def _open_within(field: Field, given: Mapping[str, Any], now: float) -> Predicate:
    if field.parent:
        return _texts_within(given)
    numbers = {name: number(bound) for name, bound in given.items()}
    moments = _moments(given, now)
    if None in numbers.values() and moments is None:
        raise unsupported(
            f"[range] with these bounds over the field [{field.name:.200}]",
            "give two numbers or two dates, or ask its [keyword]",
        )

    def check(value: Any) -> bool:
        if isinstance(value, bool):
            return False
        if isinstance(value, str):
            found = span(value, millis=False) if moments is not None and looks_like_date(value) else None
            return found is not None and all(_holds(name, found[0] - bound) for name, bound in (moments or {}).items())
        if None in numbers.values():
            return False
        return all(_holds(name, _compared(value, bound)) for name, bound in numbers.items())

    return check


# --- beginnings and patterns ------------------------------------------------------------------------------------------


def beginning(field: Field, said: str, *, boost: float = 1.0, ignore_case: bool = False) -> Node:
    """Texts, or words of texts, that begin so."""
    _only_texts(field, "prefix")
    start = said.casefold() if ignore_case else said

    def of_value(value: Any) -> bool:
        text = spelled(value)
        return (text.casefold() if ignore_case else text).startswith(start)

    if field.kind is Kind.KEYWORD or field.parent:
        return Values(field, of_value, boost=boost)
    word = said.lower() if ignore_case else said
    return Values(field, None, lambda text: _some_word(text, word), boost, Mark(field.name, (word,), True))


def _some_word(text: Text, start: str) -> bool:
    return start in text.said and any(word.startswith(start) for word in tokens_of(text))


def like(field: Field, said: str, *, boost: float = 1.0, ignore_case: bool = False) -> Node:
    """Texts, or words of texts, that are like a pattern."""
    _only_texts(field, "wildcard")
    made = Glob(said, ignore_case=ignore_case)
    if field.kind is Kind.KEYWORD or field.parent:
        return Values(field, lambda value: made.fullmatch(spelled(value)), boost=boost)
    return Values(field, None, lambda text: any(made.fullmatch(word) for word in tokens_of(text)), boost)


def _only_texts(field: Field, what: str) -> None:
    if field.kind in _TYPED:
        raise unfit(
            f"Can only use {what} queries on keyword and text fields - not on [{field.name:.200}] "
            f"which is of type [{field.kind}]"
        )


__all__ = ["Exists", "Ground", "beginning", "equal_to", "like", "phrase", "term", "terms", "within", "words"]
