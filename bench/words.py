"""A made-up vocabulary with the frequencies of a real one. Seeded: the same words everywhere."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

VOCABULARY = 30_000
_CONSONANTS = (*"bcdfghklmnprstvwz", "st", "tr", "pl")
_VOWELS = (*"aeiou", "ai", "er", "on")


def _all_words() -> Iterator[str]:
    rng = random.Random(0)
    syllables = [consonant + vowel for consonant in _CONSONANTS for vowel in _VOWELS]
    while True:
        yield "".join(rng.choices(syllables, k=rng.choice((1, 2, 2, 2, 3, 3, 4))))


@dataclass(frozen=True)
class Vocabulary:
    """Words, the most frequent first, with cumulative weights after Zipf and Mandelbrot."""

    words: list[str]
    cumulative: list[float]

    def draw(self, rng: random.Random, count: int) -> list[str]:
        """`count` words, each as often as its rank deserves."""
        return rng.choices(self.words, cum_weights=self.cumulative, k=count)

    def ranks(self, first: int, last: int) -> list[str]:
        """The words of rank `first` to `last`, both included; 1 is the most frequent."""
        return self.words[first - 1 : last]


@cache
def vocabulary() -> Vocabulary:
    """The one vocabulary of all workloads."""
    distinct = dict.fromkeys(itertools.islice(_all_words(), VOCABULARY * 3))
    words = list(itertools.islice(distinct, VOCABULARY))
    weights = (1.0 / (rank + 2.7) for rank in range(len(words)))
    return Vocabulary(words, list(itertools.accumulate(weights)))
