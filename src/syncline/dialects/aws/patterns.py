"""Regular expressions of the models. They are written for Java; Python has no `\\p{…}`, and reads `\\d` as more than
ten digits."""

from __future__ import annotations

import re
import sys
import unicodedata
from functools import cache
from itertools import groupby
from typing import Final

# Unassigned characters (Cn) are left out of C: a newer Unicode than Python's may have assigned them.
_LEFT_OUT: Final = frozenset({"Cn"})
_TOKEN = re.compile(r"\\[pP]\{(\w+)\}|\\.|\[\^?\]?|\]|[^\\\[\]]+", re.DOTALL)


def compile_pattern(text: str) -> re.Pattern[str]:
    """Use `fullmatch` of what comes back: a model's pattern always speaks of the whole value. A few are written like
    literals of JavaScript, `/…/`; the slashes are not meant. Raises re.error."""
    if len(text) > 1 and text[0] == text[-1] == "/":
        text = text[1:-1]
    return re.compile(_translated(text), re.ASCII)


def _translated(text: str) -> str:
    done, inside = [], False
    for token in _TOKEN.finditer(text):
        part = token[0]
        if token[1]:
            done.append(_category(token[1], part[1] == "P", inside))
            continue
        if part[0] == "[":
            inside = True
        elif part == "]":
            inside = False
        done.append(part)
    return "".join(done)


def _category(name: str, negated: bool, inside: bool) -> str:
    if not inside:
        return f"[{'^' if negated else ''}{_ranges(name)}]"
    if negated:
        raise re.error(f"\\P{{{name}}} within a class")
    return _ranges(name)


def _ranges(category: str) -> str:
    """The characters whose Unicode category begins so, as they are written within a class."""
    runs = [run for found, many in _runs().items() if found.startswith(category) for run in many]
    return "".join(rf"\U{start:08x}-\U{end - 1:08x}" for start, end in sorted(runs))


@cache
def _runs() -> dict[str, list[tuple[int, int]]]:
    """Each category with its runs of characters."""
    runs: dict[str, list[tuple[int, int]]] = {}
    start = 0
    for found, run in groupby(map(unicodedata.category, map(chr, range(sys.maxunicode + 1)))):
        end = start + sum(1 for _ in run)
        if found not in _LEFT_OUT:
            runs.setdefault(found, []).append((start, end))
        start = end
    return runs
