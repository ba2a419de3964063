"""All exact terms of a document and its ordered numbers, in one walk.

Sources use the same keys in every document, and many of the same values: what was worked out once is kept for the next
document, as long as there is room.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from syncline.destinations.embedded import facts
from syncline.model.ports import StoredDocument

_KEYS: Final = 5_000  # metadata keys that are remembered at most
_VALUES: Final = 500  # values of each of them, if they are short
_ROOM: Final = 50_000  # values in all
_LONGEST: Final = 200  # characters of a term that is remembered
_SCALARS: Final = (str, int, float)
_PLAIN: Final = 1 << 63

_Found = tuple[str, str]  # terms, and a member of the JSON object of numbers; empty when there are none


class _Key:
    """What is known of one metadata key, and of values under it."""

    __slots__ = ("dates", "fact", "known", "long_texts", "numbers", "plain_numbers", "stem")

    def __init__(self, key: str) -> None:
        self.fact, self.stem = facts.key_fact(key), facts.stem_of(key)
        self.long_texts, self.plain_numbers = f"{self.fact} S{self.stem}", f"{self.fact} n{self.stem}"
        self.numbers, self.dates = f'"{facts.number_path(key)}":', f'"{facts.date_path(key)}":'
        self.known: dict[str | float, _Found] = {}  # 3 and 3.0 are the same number; booleans are kept out

    def of_text(self, text: str) -> _Found:
        if len(text) > facts.LONGEST_TEXT:
            term = self.long_texts + facts.hashed(text)
        else:
            term = f"{self.fact} {facts.text_under(self.stem, text)}"
        if text[4:5] != "-":  # spares most of them the call
            return term, ""
        moment = facts.moments(text)
        return (term, "") if moment is None else (term, f"{self.dates}{moment[0]}")

    def of_number(self, value: float) -> _Found:
        if type(value) is int and -_PLAIN < value < _PLAIN:
            return f"{self.plain_numbers}{value:x}", f"{self.numbers}{facts.order_of_number(value)}"
        if value != value:
            return "", ""
        return f"{self.fact} {facts.fact_under(self.stem, value)}", f"{self.numbers}{facts.order_of_number(value)}"

    def of_any(self, value: Any) -> _Found:
        """Of whatever JSON holds."""
        terms, numbers, dates = [self.fact], [], []
        for one in facts.each(value):
            if (fact := facts.fact_under(self.stem, one)) is not None:
                terms.append(fact)
            if isinstance(one, str):
                if (moment := facts.moments(one)) is not None:
                    dates.append(moment[0])
            elif (number := facts.order_of(one)) is not None:
                numbers.append(number)
        if len(terms) == 1:
            return "", ""
        members = [f"{path}{found}" for path, found in ((self.numbers, numbers), (self.dates, dates)) if found]
        return " ".join(terms), ",".join(members)


class Terms:
    """Makes them, and remembers. For one thread."""

    def __init__(self) -> None:
        self._keys: dict[str, _Key] = {}
        self._media: dict[str, str] = {}
        self._room = _ROOM

    def of(self, stored: StoredDocument) -> tuple[str, str]:
        """Every fact about the document, with blanks between; and a JSON object of its numbers and dates by
        `number_path` and `date_path`, empty when it has none."""
        media = self._media.get(stored.media_type) or self._new_media(stored.media_type)
        terms = [f"c{stored.connector}", facts.id_fact(stored.id), facts.title_fact(stored.title), media]
        if stored.url or stored.allow or stored.deny:
            terms += _seldom(stored)
        members = []
        for key, value in stored.metadata.items():
            at = self._keys.get(key) or self._new_key(key)
            if type(value) in _SCALARS:
                term, member = at.known.get(value) or self._new(at, value)
            else:
                term, member = at.of_any(value)
            if term:
                terms.append(term)
            if member:
                members.append(member)
        return " ".join(terms), f"{{{','.join(members)}}}" if members else ""

    def _new_key(self, key: str) -> _Key:
        if len(self._keys) >= _KEYS:
            self._keys.clear()
            self._room = _ROOM
        found = self._keys[key] = _Key(key)
        return found

    def _new(self, key: _Key, value: str | float) -> _Found:
        found = key.of_text(value) if isinstance(value, str) else key.of_number(value)
        if self._room > 0 and len(key.known) < _VALUES and len(found[0]) <= _LONGEST:
            self._room -= 1
            key.known[value] = found
        return found

    def _new_media(self, media_type: str) -> str:
        if len(self._media) >= _VALUES:
            self._media.clear()
        found = self._media[media_type] = facts.media_fact(media_type)
        return found


def _seldom(stored: StoredDocument) -> Iterator[str]:
    """What many documents do not have."""
    if stored.url:
        yield facts.url_fact(stored.url)
    if stored.allow:
        yield facts.RESTRICTED
        yield from map(facts.allow_fact, stored.allow)
    if stored.deny:
        yield facts.DENYING
        yield from map(facts.deny_fact, stored.deny)
