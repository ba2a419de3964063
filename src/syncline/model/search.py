"""What may be asked of an index, and what it answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Filter(NamedTuple):
    """One condition on metadata; all conditions must hold.

    op     "eq" (value), "in" (list of values), "range" ((low | None, high | None), both ends included), "exists".
    field  a metadata key, or "connector", "id", "title", "media_type".
    Ranges compare numbers with numbers and ISO 8601 dates with dates.
    """

    field: str
    op: str
    value: Any = None


class Reader(NamedTuple):
    """Who asks. Documents without an `allow` list are public; others need one of these principals."""

    user: str | None = None
    groups: Sequence[str] = ()
    unrestricted: bool = False  # the owner of the index looking at everything


@dataclass(slots=True)
class Request:
    """A search. `text` empty matches every document. `limit` 1 to 1000, `offset` 0 to 10,000."""

    text: str = ""
    limit: int = 10
    offset: int = 0
    filters: Sequence[Filter] = ()
    reader: Reader = Reader()
    highlight: tuple[str, str] = ("", "")  # put around each match in snippets
    snippet_chars: int = 240


class Hit(NamedTuple):
    """One result. `score` is BM25, 0.0 for an empty query."""

    id: str
    connector: str
    score: float
    title: str
    snippet: str
    metadata: dict[str, Any]
    url: str


@dataclass(slots=True)
class Results:
    """`total` counts every match the reader may see, not only this page."""

    total: int = 0
    hits: list[Hit] = field(default_factory=list)
