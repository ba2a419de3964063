"""What may be asked of an index, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from syncline.model.errors import UsageError


class Filter(NamedTuple):
    """One condition on metadata.

    op     "eq" (value), "in" (list of values), "range" ((low | None, high | None), both ends included), "above" and
           "below" (value, itself not included), "exists", "prefix" (beginning of a text), "contains" (part of a text,
           case does not matter), "words" (every word of it is there, in any order; of title and text only).
    field  a metadata key, or "connector", "id", "title", "text", "media_type", "url".
    Ranges compare numbers with numbers and ISO 8601 dates with dates. A list as metadata holds when one of its values
    does. A document without the field satisfies nothing but a `Not`.
    """

    field: str
    op: str
    value: Any = None

    def values(self) -> Sequence[Any]:
        """What an "eq" or an "in" compares with. Raises UsageError for what nothing can be compared with."""
        values = [self.value] if self.op == "eq" else self.value
        if isinstance(values, str | bytes | Mapping) or not isinstance(values, Sequence | Set):
            remedy = "Give a list, or use eq."
            raise UsageError(f'The filter "in" on {self.field} needs a list of values.', remedy=remedy)
        remedy = 'Give a string, a number or a boolean; "in" takes a list of them, "exists" asks for any value.'
        for value in values:
            if not isinstance(value, str | bool | int | float):
                raise UsageError(f"The filter on {self.field} cannot compare with {value!r:.200}.", remedy=remedy)
        return list(values)


class All(NamedTuple):
    """Every one of them must hold; nothing in it: always true."""

    conditions: Sequence[Condition] = ()


class AnyOf(NamedTuple):
    """One of them at least must hold; nothing in it: never true."""

    conditions: Sequence[Condition] = ()


class Not(NamedTuple):
    """It must not hold."""

    condition: Condition


Condition = Filter | All | AnyOf | Not


class Reader(NamedTuple):
    """Who asks. Documents without an `allow` list are public; others need one of these principals. `groups_of` has
    further groups that count for the documents of one connector only, by its number."""

    user: str | None = None
    groups: Sequence[str] = ()
    unrestricted: bool = False  # the owner of the index looking at everything
    groups_of: Mapping[int, Sequence[str]] = {}


def principals(user: str | None, groups: Sequence[str]) -> list[str]:
    """The names a reader goes by in `allow` and `deny`: with and without the kind in front."""
    named = [("user", user), *(("group", group) for group in groups)]
    return [name for kind, who in named if who for name in (who, f"{kind}:{who}")]


class Sort(NamedTuple):
    """An order of results: by the field (as in `Filter`; "score" for the rank). Documents without it come last."""

    field: str
    descending: bool = False


class Facet(NamedTuple):
    """Count the values of a metadata field among all matches; the `limit` most frequent ones."""

    field: str
    limit: int = 10


@dataclass(slots=True)
class Request:
    """A search. `text` empty matches every document. `limit` 0 (only count) to 1000, `offset` 0 to 10,000.

    filters   all of them must hold.
    sort      empty: by rank, or by age when there is no text. Several: the next decides among equals.
    whole     hits carry the whole text of their documents.
    """

    text: str = ""
    limit: int = 10
    offset: int = 0
    filters: Sequence[Condition] = ()
    reader: Reader = Reader()
    highlight: tuple[str, str] = ("", "")  # put around each match in snippets
    snippet_chars: int = 240
    sort: Sequence[Sort] = ()
    facets: Sequence[Facet] = ()
    whole: bool = False


class Hit(NamedTuple):
    """One result. `score` is BM25, 0.0 for an empty query.

    snippet_matches  (begin, end) of each match in the snippet as it is without highlight marks; `title_matches` in
                     the title. In characters.
    """

    id: str
    connector: str
    score: float
    title: str
    snippet: str
    metadata: dict[str, Any]
    url: str
    connector_number: int = 0
    media_type: str = ""
    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    text: str = ""
    title_matches: tuple[tuple[int, int], ...] = ()
    snippet_matches: tuple[tuple[int, int], ...] = ()


@dataclass(slots=True)
class Results:
    """`total` counts every match the reader may see, not only this page; `facets` gives (value, count) by field."""

    total: int = 0
    hits: list[Hit] = field(default_factory=list)
    facets: Mapping[str, Sequence[tuple[Any, int]]] = field(default_factory=dict)
