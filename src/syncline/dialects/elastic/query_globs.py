"""Patterns with "*" for any part and "?" for one character, in time that no pattern can make explode."""

from __future__ import annotations

import re
from functools import lru_cache

_SPECIAL = re.compile(r"\\(.)|(\*+)|(\?)", re.DOTALL)


class Glob:
    """One pattern; a backslash takes the meaning from what follows."""

    def __init__(self, pattern: str, *, ignore_case: bool = False) -> None:
        flags = re.DOTALL | (re.IGNORECASE if ignore_case else 0)
        self.parts = [re.compile(part, flags) for part in _regexes(pattern)]
        self.plain = len(self.parts) == 1

    def fullmatch(self, text: str) -> bool:
        """Whether all of it is like the pattern. The leftmost place of each part is always good enough."""
        first, *middle = self.parts
        if not middle:
            return first.fullmatch(text) is not None
        found = first.match(text)
        if found is None:
            return False
        at = found.end()
        for part in middle[:-1]:
            found = part.search(text, at)
            if found is None:
                return False
            at = found.end()
        return self._ends(text, at)

    def _ends(self, text: str, at: int) -> bool:
        last = self.parts[-1]
        width = _width(last.pattern)
        return len(text) - width >= at and last.fullmatch(text, len(text) - width) is not None


def _regexes(pattern: str) -> list[str]:
    parts, at = [""], 0
    for match in _SPECIAL.finditer(pattern):
        parts[-1] += re.escape(pattern[at : match.start()])
        at = match.end()
        escaped, stars, _ = match.groups()
        if stars:
            parts.append("")
        else:
            parts[-1] += re.escape(escaped) if escaped is not None else "."
    parts[-1] += re.escape(pattern[at:])
    return parts


@lru_cache(1000)
def _width(regex: str) -> int:
    """Characters that a part takes: each of its characters takes one."""
    return len(re.sub(r"\\(.)", r"\1", regex, flags=re.DOTALL))


@lru_cache(1000)
def glob(pattern: str) -> Glob:
    """The pattern, compiled."""
    return Glob(pattern)


def literal_start(pattern: str) -> str:
    """What everything that is like the pattern begins with."""
    return re.split(r"[*?\\]", pattern, maxsplit=1)[0]
