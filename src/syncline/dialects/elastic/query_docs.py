"""One document as a query looks at it: values by field, and texts made comparable once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any, NamedTuple

from syncline.destinations.embedded.fold import fold
from syncline.dialects.elastic.query_fields import Field, Kind, leaves, values_at
from syncline.dialects.elastic.query_globs import glob
from syncline.dialects.elastic.query_values import looks_like_date, spelled

LONGEST_TOKEN = 80  # bytes, as in the text index
_CHARS_A_WORD = 6


class Text(NamedTuple):
    """A text in lower case and how it is read: `plain` ASCII as it is, anything else as its words with blanks around
    each. `words` is about how many there are."""

    plain: bool
    said: str
    words: int


class Doc:
    """A document of an index. `place` orders documents of equal rank: later ones have higher places."""

    __slots__ = ("_texts", "_values", "id", "index", "number", "place", "source", "version")

    def __init__(
        self,
        index: str,
        id: str,
        source: dict[str, Any],
        *,
        number: int = 0,
        place: int = 0,
        version: int = 1,
    ) -> None:
        self.index, self.id, self.source = index, id, source
        self.number, self.place, self.version = number, place, version
        self._values: dict[str, list[Any]] = {}
        self._texts: dict[str, list[Text]] = {}

    def values(self, field: Field) -> list[Any]:
        """Its values in that field as they are, lists opened, without nulls."""
        found = self._values.get(field.name)
        if found is None:
            found = self._values[field.name] = self._read(field)
        return found

    def _read(self, field: Field) -> list[Any]:
        if field.name == "_id":
            return [self.id]
        if field.name == "_index":
            return [self.index]
        if field.parent and (own := values_at(self.source, tuple(field.name.split(".")))):
            return own
        found = values_at(self.source, field.path) if field.path else []
        if field.parent:  # a whole text exists of texts only
            found = [value for value in found if isinstance(value, str)]
        if field.ignore_above is not None:
            found = [value for value in found if not isinstance(value, str) or len(value) <= field.ignore_above]
        return found

    def texts(self, field: Field) -> list[Text]:
        """Those of its values in that field that are found by their words, made ready for it."""
        found = self._texts.get(field.name)
        if found is None:
            found = self._texts[field.name] = [
                comparable(spelled(value)) for value in self.values(field) if is_text(field, value)
            ]
        return found

    def names(self, pattern: str) -> list[str]:
        """The names of its fields that are like the pattern; those with "_" before them only if the pattern has it."""
        like, hidden = glob(pattern), pattern.startswith("_")
        found = (path for path, _ in leaves(self.source) if hidden or not path.startswith("_"))
        return list(dict.fromkeys(path for path in found if like.fullmatch(path)))


def comparable(text: str) -> Text:
    """The text made ready for patterns."""
    if text.isascii():
        return Text(True, text.lower(), 1 + len(text) // _CHARS_A_WORD)
    tokens = words_of(text)
    return Text(False, f" {' '.join(tokens)} ", len(tokens))


@cache
def _analyze() -> Any:
    from syncline.destinations.embedded.fields import analyzer

    return analyzer().analyze


def words_of(text: str) -> list[str]:
    """The words of a text as the text index has them: folded, in lower case, none longer than 80 bytes."""
    found: list[str] = _analyze()(fold(text))
    return found


class Pattern(NamedTuple):
    """One or more words side by side, for both ways to read a text; None where it can never match."""

    plain: re.Pattern[str] | None
    folded: re.Pattern[str]
    within: str  # is in every text that matches

    def count(self, text: Text) -> int:
        """How often it is there."""
        if text.plain:
            if self.plain is None or self.within not in text.said:
                return 0
            return len(self.plain.findall(text.said))
        return len(self.folded.findall(text.said))


@lru_cache(4000)
def pattern(words: tuple[str, ...], prefix: bool = False) -> Pattern:
    """Those words side by side; with `prefix` the last one may go on. They are folded already."""
    escaped = [re.escape(word) for word in words]
    plain = None
    if all(word.isascii() and word.isalnum() for word in words):
        end = "" if prefix else "(?![a-z0-9])"
        plain = re.compile(f"(?<![a-z0-9]){'[^a-z0-9]+'.join(escaped)}{end}")
    folded = re.compile(f"(?<= ){' '.join(escaped)}{'' if prefix else '(?= )'}")
    return Pattern(plain, folded, words[0] if words else "")


def tokens_of(text: Text) -> Sequence[str]:
    """Its words."""
    if not text.plain:
        return text.said.split()
    return [word for word in re.split(r"[^a-z0-9]+", text.said) if 0 < len(word) <= LONGEST_TOKEN]


def is_text(field: Field, value: Any) -> bool:
    """Whether that value of the field is found by its words."""
    if field.kind is Kind.TEXT:
        return True
    return field.kind is Kind.OPEN and not field.parent and isinstance(value, str) and not looks_like_date(value)
