"""One gitignore pattern, as a regular expression.

Source: gitignore(5), and git's wildmatch.c where the page is silent. Two differences: we match characters where git
matches bytes, and never take time that grows faster than pattern times name: every part between two stars is
matched at the first place it fits and never elsewhere (an atomic group), which is all a star needs.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

_ANY: Final = "[^/]"
_STAR: Final = "*"
_SLASH: Final = "/"
_DEEP: Final = "**/"
_REST: Final = "/**"  # what a trailing ** means

_CLASSES = {
    "alnum": "a-zA-Z0-9",
    "alpha": "a-zA-Z",
    "blank": r"\ \t",
    "cntrl": r"\x00-\x1f\x7f",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": r"\ -~",
    "punct": r"!-/:-@\[-`{-~",
    "space": r"\ \t-\r",
    "upper": "A-Z",
    "xdigit": "0-9a-fA-F",
}


class NeverMatches(ValueError):
    """A pattern that fits no name: a bracket is not closed, or a backslash ends it. The message says which."""


class Glob(NamedTuple):
    """What a pattern came to.

    regex  to be used with `fullmatch`, on a name or on a path.
    heads  the expressions of its leading folders, as far as they are told apart by slashes.
    deep   True when after those heads anything may follow.
    """

    regex: str
    heads: tuple[str, ...]
    deep: bool


def is_literal(pattern: str) -> bool:
    """True when every character of `pattern` stands for itself."""
    return not any(mark in pattern for mark in "*?[\\")


def compile_glob(pattern: str, *, path: bool) -> Glob:
    """`pattern` without its "!", its leading and its trailing slash; `path` when it is for a path and not for a name.
    Raises NeverMatches."""
    segments: list[list[str]] = [[]]
    for token in _tokens(pattern, path):
        if token in (_SLASH, _DEEP, _REST):
            segments += [[token], []]
        else:
            segments[-1].append(token)
    return _joined(segments)


def _joined(segments: Sequence[Sequence[str]]) -> Glob:
    """The expression of alternating segments and joints. A run between two "**/" is tried only where it fits first."""
    runs: list[str] = [""]
    heads: list[str] = []
    for at, part in enumerate(segments):
        joint = part[0] if at % 2 else ""
        if joint == _DEEP:
            runs.append("")
        elif joint == _REST:
            runs[-1] += ".*"
        elif joint == _SLASH:
            runs[-1] += "/"
        else:
            segment = _segment(part)
            runs[-1] += segment
            heads.append(segment)
    whole = runs[0]
    for run in runs[1:-1]:
        whole += f"(?>(?:{_ANY}*/)*?{run})" if run else ""
    if len(runs) > 1:
        whole += f"(?:{_ANY}*/)*{runs[-1]}"
    return Glob(f"(?s:{whole})", *_heads(segments, heads))


def _heads(segments: Sequence[Sequence[str]], heads: Sequence[str]) -> tuple[tuple[str, ...], bool]:
    for at, part in enumerate(segments):
        if at % 2 and part[0] != _SLASH:
            return tuple(heads[: at // 2]), True
    return tuple(heads), False


def _segment(tokens: Sequence[str]) -> str:
    """The expression of what stands between two slashes: parts of fixed length, with stars between them."""
    parts = [""]
    for token in tokens:
        if token == _STAR:
            parts.append("")
        else:
            parts[-1] += token
    if len(parts) == 1:
        return parts[0]
    middle = "".join(f"(?>{_ANY}*?{part})" for part in parts[1:-1] if part)
    return f"{parts[0]}{middle}{_ANY}*{parts[-1]}"


def _tokens(pattern: str, path: bool) -> list[str]:
    """Expressions of one character each, and the marks above."""
    tokens: list[str] = []
    literal = True  # git drops the literal beginning first, so that a ** right after it counts as one between slashes
    at = 0
    while at < len(pattern):
        char = pattern[at]
        if char == "*":
            token, at = _stars(pattern, at, may_be_deep=path and (literal or pattern[at - 1] == "/"))
        elif char == "[":
            token, at = _set(pattern, at)
        elif char == "\\":
            token, at = _escaped(pattern, at)
        else:
            token, at = _ANY if char == "?" else "/" if char == "/" else re.escape(char), at + 1
        literal = literal and char not in "*?[\\"
        tokens.append(token)
    return tokens


def _stars(pattern: str, at: int, *, may_be_deep: bool) -> tuple[str, int]:
    end = at
    while pattern[end : end + 1] == "*":
        end += 1
    if end - at > 1 and may_be_deep:
        if end == len(pattern):
            return _REST, end
        if pattern[end] == "/":
            return _DEEP, end + 1
    return _STAR, end


def _escaped(pattern: str, at: int) -> tuple[str, int]:
    if at + 1 == len(pattern):
        raise NeverMatches("it ends with a backslash that escapes nothing")
    char = pattern[at + 1]
    return "/" if char == "/" else re.escape(char), at + 2


def _set(pattern: str, at: int) -> tuple[str, int]:
    """The bracket that opens at `at`: its expression and the place after it."""
    at += 1
    negated = pattern[at : at + 1] in ("!", "^")
    at += negated
    body: list[str] = []
    before = ""  # the character a "-" would begin its range with
    first = True
    while first or pattern[at] != "]":
        first = False
        piece, before, at = _member(pattern, at, before)
        body.append(piece)
        if at >= len(pattern):
            raise NeverMatches("a [ is not closed")
    inside = "".join(body)
    if not inside:
        return (_ANY if negated else "(?!)"), at + 1
    return f"(?!/)[{'^' if negated else ''}{inside}]", at + 1


def _member(pattern: str, at: int, before: str) -> tuple[str, str, int]:
    """One member of a bracket: its expression, the character it leaves for a range, the place after it."""
    char = pattern[at : at + 1]
    following = pattern[at + 1 : at + 2]
    if char == "[" and following == ":":
        close = pattern.find("]", at + 2)
        if close > at + 2 and pattern[close - 1] == ":":
            return _named(pattern[at + 2 : close - 1]), "", close + 1
    if char == "-" and before and following not in ("", "]"):
        end, at = _literal(pattern, at + 1)
        return (f"{re.escape(before)}-{re.escape(end)}" if before <= end else ""), "", at
    char, at = _literal(pattern, at)
    return re.escape(char), char, at


def _named(name: str) -> str:
    if name not in _CLASSES:
        raise NeverMatches(f"there is no class [:{name}:]")
    return _CLASSES[name]


def _literal(pattern: str, at: int) -> tuple[str, int]:
    """One character of a bracket, escaped or not, and the place after it."""
    if pattern[at : at + 1] == "\\":
        at += 1
    if at >= len(pattern):
        raise NeverMatches("a [ is not closed")
    return pattern[at], at + 1
