"""Workload W3: many small documents (about 370 bytes of text) for the search and memory benchmark. Seeded.

A document is three runs of words cut out of one long stream of Zipf words, at places given by its number. Making one
costs a few microseconds and the stream a few megabytes, so that neither hides what Syncline itself costs.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from bench.words import vocabulary

CATEGORIES = ("books", "tools", "garden", "music", "food", "toys", "sport", "office", "health", "auto")
_STREAM = 400_000
_RUN = 16
_TITLE = 6


class SmallDocument(NamedTuple):
    """One of them. `words` are those of the text, in order."""

    id: str
    title: str
    words: list[str]
    category: str
    number: int

    @property
    def text(self) -> str:
        """The words as one line."""
        return " ".join(self.words)


@cache
def _stream(seed: int) -> list[str]:
    return vocabulary().draw(random.Random(seed), _STREAM)


def document(i: int, seed: int) -> SmallDocument:
    """Document number `i`, from 0."""
    stream = _stream(seed)
    words: list[str] = []
    place = i
    for _ in range(3):
        place = (place * 0x9E3779B97F4A7C15 + 0x632BE59BD9B4E019 + seed) & 0xFFFFFFFFFFFFFFFF
        place ^= place >> 29
        at = place % (_STREAM - _RUN)
        words += stream[at : at + _RUN]
    return SmallDocument(f"doc/{i:08d}", " ".join(words[:_TITLE]), words, CATEGORIES[place % 10], place % 1000)


def documents(count: int, seed: int) -> Iterator[SmallDocument]:
    """The first `count` of them."""
    return (document(i, seed) for i in range(count))
