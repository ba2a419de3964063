"""Passages of a text that answer a question: stretches of whole words, cut at paragraphs or sentences if possible."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from syncline.destinations.embedded.fold import composed, fold

MOST_WORDS: Final = 200
FROM_WORDS: Final = 120  # from here on a paragraph ends a passage
MOST_CHARS: Final = 2 << 20  # of a text; what comes after is not looked at

_WORD: Final = re.compile(r"\S+")
_TOKEN: Final = re.compile(r"[^\W_]+")
_SENTENCE_END: Final = re.compile(r"[.!?…。！？][\"'”’)\]]*\Z")


class Passage(NamedTuple):
    """`begin` and `end` in the text, and how many different words of the question it has, and how many at all."""

    begin: int
    end: int
    different: int
    found: int


def passages(text: str, question: str, most: int) -> list[tuple[str, Passage]]:
    """The best ones, at most `most`, best first; the beginning of the text when the question is nowhere in it. A text
    without words has none."""
    text = composed(text[:MOST_CHARS])
    wanted = frozenset(_tokens(question))
    cut = [_rated(text, begin, end, wanted) for begin, end in _stretches(text)]
    having = sorted((one for one in cut if one.found), key=lambda one: (-one.different, -one.found, one.begin))
    return [(text[one.begin : one.end], one) for one in (having or cut[:1])[:most]]


def _stretches(text: str) -> Iterator[tuple[int, int]]:
    begin = end = good = -1  # `good`: where a sentence has ended that may end the passage
    count = since = 0
    for word in _WORD.finditer(text):
        if begin >= 0 and count >= FROM_WORDS and "\n\n" in text[end : word.start()].replace("\r", ""):
            yield begin, end
            begin = -1
        elif begin >= 0 and count == MOST_WORDS:
            if good > begin:
                yield begin, good
                rest = _WORD.search(text, good)
                begin, count, good = rest.start() if rest else word.start(), since, -1
            else:
                yield begin, end
                begin = -1
        if begin < 0:
            begin, good, count, since = word.start(), -1, 0, 0
        end = word.end()
        count, since = count + 1, since + 1
        if count >= FROM_WORDS and _SENTENCE_END.search(word[0]):
            good, since = end, 0
    if begin >= 0:
        yield begin, end


def _rated(text: str, begin: int, end: int, wanted: frozenset[str]) -> Passage:
    found = [token for token in _tokens(text[begin:end]) if token in wanted] if wanted else []
    return Passage(begin, end, len(set(found)), len(found))


def _tokens(text: str) -> Sequence[str]:
    return _TOKEN.findall(fold(text).lower())
