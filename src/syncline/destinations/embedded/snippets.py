"""Short extracts that show why a document was found.

    text ──chunks──▶ first with a match ──▶ window with most different words ──▶ whole words, one line, marks

Matching uses the folding of the index, so that "resume" marks "résumé". Work is bounded whatever the length of the
text: chunks are searched by `str.find`, and only the chunk that is shown is looked at letter by letter.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect, bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from syncline.destinations.embedded.fold import aligned, composed, fold

_ASCII_CHUNK, _ASCII_CHUNKS = 65_536, 32  # 2 MiB
_OTHER_CHUNK, _OTHER_CHUNKS = 4_096, 64  # folding costs more
_OVERLAP = 128
_PROBES = 512  # places tried for one wanted word in one chunk
_MATCHES = 24  # kept for one wanted word in one chunk
_NEAR = 2  # of those, further ones near one match of a rarer word
_WORD_REACH = 24  # characters given up at most to end at a word
_SPACE = re.compile(r"\s+")
_NOT_ONE_BLANK = re.compile(r"\s{2,}|[^\S ]")  # the white space that is not one blank already
_LAST_SPACE = re.compile(r"\s\S*\Z")
_CUT = "…"
_ROOM_FOR_CUTS = 20  # shorter snippets show no cuts


class Wanted(NamedTuple):
    """Folded words that stand together, one or more. With `prefix` the last may go on."""

    tokens: tuple[str, ...]
    prefix: bool = False


class _Match(NamedTuple):
    start: int
    end: int
    which: int


class Extract(NamedTuple):
    """Part of a text on one line, and (begin, end) of what was wanted in it, in characters."""

    text: str
    matches: tuple[tuple[int, int], ...] = ()

    def marked(self, marks: tuple[str, str]) -> str:
        """With `marks` around each match. The text is not escaped for HTML."""
        if marks == ("", ""):
            return self.text
        parts, place = [], 0
        for begin, end in self.matches:
            parts += [self.text[place:begin], marks[0], self.text[begin:end], marks[1]]
            place = end
        return "".join([*parts, self.text[place:]])


def snippet(text: str, wanted: Sequence[Wanted], chars: int, marks: tuple[str, str] = ("", "")) -> str:
    """`extracted`, with marks."""
    return extracted(text, wanted, chars).marked(marks)


def extracted(text: str, wanted: Sequence[Wanted], chars: int) -> Extract:
    """At most `chars` characters of `text` on one line, and where in them is what was wanted. The beginning of the text
    when nothing is found."""
    for offset, chunk in _chunks(text) if wanted else ():
        if matches := _look(chunk, wanted, _reach(chars)):
            start = _best_start(chunk, matches, chars)
            return _render(chunk, start, chars, matches, cut_before=start + offset > 0)
    opening = composed(text[: 4 * chars + 4 * _WORD_REACH])
    return _render(opening, 0, chars, [], cut_before=False)


def found_in(text: str, wanted: Sequence[Wanted]) -> tuple[tuple[int, int], ...]:
    """(begin, end) of what was wanted in a short text as it is, in characters; none overlaps another."""
    text = text[:_ASCII_CHUNK]
    plain = composed(text)
    found, last = [], 0
    for match in _look(plain, wanted, 0) if wanted else ():
        if match.start >= last:
            found.append((match.start, match.end))
            last = match.end
    if plain == text or not found:
        return tuple(found)
    places = _places(text, plain)
    return tuple((places[begin], places[end]) for begin, end in found) if places else ()


def _places(text: str, plain: str) -> list[int]:
    """Where in `text` each character of its composed form begins, and where the last one ends; [] if that cannot be
    told."""
    places, parts, start = [], [], 0
    for at in range(1, len(text) + 1):
        if at == len(text) or not unicodedata.combining(text[at]):
            part = composed(text[start:at])
            parts.append(part)
            places += [start] * len(part)
            start = at
    return [*places, len(text)] if "".join(parts) == plain else []


def _chunks(text: str) -> Iterator[tuple[int, str]]:
    size, count = (_ASCII_CHUNK, _ASCII_CHUNKS) if text.isascii() else (_OTHER_CHUNK, _OTHER_CHUNKS)
    for start in range(0, min(len(text), size * count), size):
        offset = max(0, start - _OVERLAP)
        yield offset, composed(text[offset : start + size])


def _look(chunk: str, wanted: Sequence[Wanted], reach: int) -> list[_Match]:
    """Matches in composed text, in order."""
    if not chunk.isascii() and not _any(fold(chunk).lower(), wanted):
        return []
    folded, places = aligned(chunk)
    matches = _found(folded, wanted, reach)
    if places:
        matches = [_Match(bisect(places, m.start) - 1, bisect_left(places, m.end), m.which) for m in matches]
    return matches


def _any(folded: str, wanted: Sequence[Wanted]) -> bool:
    return any(True for one in wanted for _ in _matches(folded, one, 0))


def _found(folded: str, wanted: Sequence[Wanted], reach: int) -> list[_Match]:
    """The first matches of each wanted word, and those of frequent ones within `reach` of rarer ones."""
    firsts = [list(_matches(folded, one, which)) for which, one in enumerate(wanted)]
    found = {match for matches in firsts for match in matches}
    rarer = [match for matches in firsts if len(matches) < _MATCHES for match in matches]
    for which, one in enumerate(wanted):
        if len(firsts[which]) == _MATCHES:
            for near in rarer:
                span = (max(0, near.start - reach), near.end + reach)
                found.update(islice(_matches(folded, one, which, *span), _NEAR))
    return sorted(found)


def _matches(folded: str, wanted: Wanted, which: int, start: int = 0, stop: int | None = None) -> Iterator[_Match]:
    first, found, place = wanted.tokens[0], 0, start - 1
    for _ in range(_PROBES):
        place = folded.find(first, place + 1, stop)
        if place < 0 or found == _MATCHES:
            return
        if (place == 0 or not folded[place - 1].isalnum()) and (end := _end_of_match(folded, place, wanted)):
            found += 1
            yield _Match(place, end, which)
            place = end - 1


def _end_of_match(folded: str, place: int, wanted: Wanted) -> int:
    """Where the match that begins at `place` ends; 0 when it is none."""
    last = len(wanted.tokens) - 1
    for number, token in enumerate(wanted.tokens):
        if not folded.startswith(token, place):
            return 0
        place += len(token)
        end = _end_of_word(folded, place)
        if end != place and not (wanted.prefix and number == last):
            return 0
        if number == last:
            return end
        place = end
        while place < len(folded) and not folded[place].isalnum() and place - end < _WORD_REACH:
            place += 1
    return 0


def _end_of_word(text: str, place: int) -> int:
    limit = min(len(text), place + 200)
    while place < limit and text[place].isalnum():
        place += 1
    return place


def _best_start(chunk: str, matches: Sequence[_Match], chars: int) -> int:
    """Where to begin: some context before the stretch with the most different words, rare ones first."""
    often = Counter(match.which for match in matches)
    best, best_score, right = 0, 0.0, 0
    for left, match in enumerate(matches):
        while right < len(matches) and matches[right].end - match.start <= _reach(chars):
            right += 1
        stretch = matches[left:right]
        score = sum(1 / often[which] for which in {one.which for one in stretch}) + len(stretch) / 1e6
        if score > best_score:
            best, best_score = left, score
    return _word_before(chunk, matches[best].start, chars // 4)


def _reach(chars: int) -> int:
    return chars - chars // 4


def _word_before(text: str, match: int, context: int) -> int:
    """The beginning of a word at most `context` characters in front of the match."""
    start = max(0, match - context)
    if start == 0:
        return 0
    space = _SPACE.search(text, start - 1, match)
    return space.end() if space and space.end() - start <= max(_WORD_REACH, context // 2) else start


def _render(text: str, start: int, chars: int, matches: Sequence[_Match], *, cut_before: bool) -> Extract:
    before = _CUT if cut_before and chars >= _ROOM_FOR_CUTS else ""
    end = _word_end(text, start, chars - len(before))
    after = _CUT if text[end:].strip() and chars >= _ROOM_FOR_CUTS else ""
    shown, found, place = before, [], start
    for match in matches:
        if place <= match.start and match.end <= end:
            between = _one_line(text[place : match.start])
            shown += between.lstrip() if place == start else between
            begin = len(shown)
            shown += _one_line(text[match.start : match.end])
            found.append((begin, len(shown)))
            place = match.end
    rest = _one_line(text[place:end]).rstrip()
    return Extract(shown + (rest if found else rest.lstrip()) + after, tuple(found))


def _word_end(text: str, start: int, chars: int) -> int:
    """Where to stop so that at most `chars` characters remain once white space is collapsed, a cut mark among them if
    there is more; the end of a word if one is near."""
    if len(text) - start <= 4 * chars and len(_one_line(text[start:]).rstrip()) <= chars:
        return len(text)
    room = chars - len(_CUT) if chars >= _ROOM_FOR_CUTS else chars
    end = start + room
    limit = min(len(text), start + 4 * chars)
    while end < limit and (spare := room - len(_one_line(text[start:end]))):
        end += spare
    if end >= len(text) or text[end].isspace():
        return end
    nearest = _LAST_SPACE.search(text[max(start + 1, end - _WORD_REACH) : end])
    return end - (len(nearest[0]) if nearest else 0)


def _one_line(text: str) -> str:
    return _NOT_ONE_BLANK.sub(" ", text)
