"""Which ids are on one of two long lists only, when the lists are mostly alike.

Ids come as text, one a line. As long as both lists go the same way, text is compared with text, and no object is made
of an id that is on both. Where they part, a few lines are looked at to bring them together again; what finds no partner
there waits, and at the end everything that waits is compared once more, in any order. So the order of the lists decides
how long it takes, never what comes out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from syncline.model.news import Names

_NEAR: Final = 512  # bytes looked at to bring the lists together
_LEAST: Final = 256  # bytes compared at once, at first
_MOST: Final = 1 << 16
_PATIENCE: Final = 5000  # ids that wait before it is asked whether the lists are alike at all


class Difference(NamedTuple):
    """Ids that are on one list only, and how many lines the lists have."""

    only_first: list[str]
    only_second: list[str]
    first: int
    second: int


def difference(first: Iterable[Names], second: Iterable[Names]) -> Difference:
    """Compare two lists. Both are read side by side, a batch at a time."""
    one, other = _List(first), _List(second)
    while one.fill() and other.fill():
        if _are_unlike(one, other):
            break
        equal = _equal(one, other)
        one.at += equal
        other.at += equal
        if one.has_line and other.has_line:
            _bring_together(one, other)
    one.set_all_aside()
    other.set_all_aside()
    mine, theirs = set(one.aside), set(other.aside)
    return Difference(_ids(mine - theirs), _ids(theirs - mine), one.lines, other.lines)


class _List:
    """One list, as far as it has been read. `text[at:]` is still to be compared."""

    def __init__(self, batches: Iterable[Names]) -> None:
        self._batches: Iterator[Names] | None = iter(batches)
        self.text = b""
        self.at = 0
        self.aside: list[bytes] = []
        self.lines = 0

    @property
    def has_line(self) -> bool:
        return self.at < len(self.text)

    def fill(self) -> bool:
        """See to it that there are lines to look at, some more than one if there are. False: it has ended."""
        while len(self.text) - self.at < _NEAR and self._batches is not None:
            batch = next(self._batches, None)
            if batch is None:
                self._batches = None
            else:
                self.text = self.text[self.at :] + self._as_text(batch)
                self.at = 0
        return self.has_line

    def line(self) -> bytes:
        """The next one, with its line feed."""
        return self.text[self.at : self.text.index(b"\n", self.at) + 1]

    def goes_on_to(self, line: bytes) -> bool:
        """Set aside what stands before that line, if it comes soon."""
        found = self.text.find(b"\n" + line, self.at, self.at + _NEAR)
        if found >= 0:
            self.aside += self.text[self.at : found].split(b"\n")
            self.at = found + 1
        return found >= 0

    def near(self) -> list[bytes]:
        """The next lines; at least one."""
        lines = self.text[self.at : self.at + _NEAR].split(b"\n")
        lines.pop()  # what follows the last line feed
        return lines or [self.line()[:-1]]

    def set_aside(self, lines: Sequence[bytes]) -> None:
        """Those are the next ones; they wait."""
        self.aside += lines
        self.at += sum(map(len, lines)) + len(lines)

    def set_all_aside(self) -> None:
        """Whatever is left waits."""
        while self.fill():
            lines = self.text[self.at :].split(b"\n")
            lines.pop()
            self.aside += lines
            self.at = len(self.text)

    def _as_text(self, batch: Names) -> bytes:
        if isinstance(batch, bytes):
            self.lines += batch.count(b"\n")
            return batch
        self.lines += len(batch)
        if not batch:
            return b""
        text = "\n".join([*batch, ""]).encode("utf-8", "surrogatepass")
        if text.count(b"\n") == len(batch):
            return text
        odd = [id for id in batch if "\n" in id]  # those cannot be lines
        self.aside += [id.encode("utf-8", "surrogatepass") for id in odd]
        return b"".join(id.encode("utf-8", "surrogatepass") + b"\n" for id in batch if "\n" not in id)


def _are_unlike(one: _List, other: _List) -> bool:
    """Whether they go so different ways that looking for partners nearby serves nobody."""
    waiting = min(len(one.aside), len(other.aside))
    return waiting > _PATIENCE and waiting * 4 > min(one.lines, other.lines)


def _equal(one: _List, other: _List) -> int:
    """How many bytes of whole lines are the same on both."""
    most = min(len(one.text) - one.at, len(other.text) - other.at)
    done, size = 0, _LEAST
    while done < most:
        size = min(size, most - done)
        mine = one.text[one.at + done : one.at + done + size]
        theirs = other.text[other.at + done : other.at + done + size]
        if mine != theirs:
            done += _common(mine, theirs)
            break
        done += size
        size = min(size * 2, _MOST)
    return max(0, one.text.rfind(b"\n", one.at, one.at + done) + 1 - one.at)


def _common(mine: bytes, theirs: bytes) -> int:
    """How long the same beginning is, of two texts of one length that differ."""
    low, high = 0, len(mine)
    while high - low > 1:
        middle = (low + high) // 2
        if mine[low:middle] == theirs[low:middle]:
            low = middle
        else:
            high = middle
    return low


def _bring_together(one: _List, other: _List) -> None:
    """Set aside what stands before the next line that both have; when there is none nearby, all that is near."""
    if one.goes_on_to(other.line()) or other.goes_on_to(one.line()):
        return
    mine, theirs = one.near(), other.near()
    places = {line: at for at, line in enumerate(theirs)}
    for at, line in enumerate(mine):
        there = places.get(line)
        if there is not None:
            one.set_aside(mine[:at])
            other.set_aside(theirs[:there])
            return
    one.set_aside(mine)
    other.set_aside(theirs)


def _ids(lines: set[bytes]) -> list[str]:
    return sorted(line.decode("utf-8", "surrogatepass") for line in lines)
