"""Which keys are documents, by the patterns of the settings. A pattern is written in one of three ways:

    *.md, /docs/, !keep.md      as in .gitignore, and as in a folder connector
    glob:**/*.{png,jpg}         one glob over the whole key
    regex:.*\\.pdf               one regular expression over the whole key

`exclude` decides first, `include` must match what is left.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

from syncline.sources.folder.globs import NeverMatches
from syncline.sources.folder.ignore import parse_rule
from syncline.sources.folder.rules import NOT_INCLUDED, Scope

GLOB: Final = "glob:"
REGEX: Final = "regex:"
MAX_PATTERN: Final = 2000
_Match = Callable[[str], object]


class Selection:
    """Rules for keys, which may come in any order."""

    def __init__(self, include: Sequence[str], exclude: Sequence[str]) -> None:
        """Raises NeverMatches when a pattern can match nothing."""
        self._keeps_out = [(f"exclude {pattern}", _matcher(pattern)) for pattern in exclude if _is_whole(pattern)]
        self._takes = [_matcher(pattern) for pattern in include if _is_whole(pattern)]
        excluding = [pattern for pattern in exclude if not _is_whole(pattern)]
        including = [pattern for pattern in include if not _is_whole(pattern)]
        self._exclude = Scope.of((), excluding)
        self._include = Scope.of(including, ())
        self._any_include = bool(include)
        self._rules_include = bool(including)
        self._folders: dict[str, tuple[str | None, Scope]] = {}

    @property
    def idle(self) -> bool:
        """True when every key is taken."""
        return self._exclude.idle and not self._keeps_out and not self._any_include

    def keeps_out(self, key: str) -> str | None:
        """The rule that keeps it out; None when it is a document."""
        folder, _, name = key.rpartition("/")
        if not (self._exclude.idle and not self._rules_include):
            rule, including = self._of_folder(folder if "/" in key else None)
            rule = rule or self._exclude.keeps_out(key, name, folder=False)
            if rule is not None:
                return rule
        else:
            including = self._include
        for text, match in self._keeps_out:
            if match(key):
                return text
        if not self._any_include or any(match(key) for match in self._takes):
            return None
        taken = self._rules_include and including.keeps_out(key, name, folder=False) is None
        return None if taken else NOT_INCLUDED

    def _of_folder(self, folder: str | None) -> tuple[str | None, Scope]:
        """The rule that keeps a folder, or one above it, out; and whether `include` has taken it. The ones above are
        remembered, since keys come sorted."""
        if folder is None:
            return None, self._include
        found = self._folders.get(folder)
        if found is None:
            above, slash, name = folder.rpartition("/")
            rule, including = self._of_folder(above if slash else None)
            rule = rule or self._exclude.keeps_out(folder, name, folder=True)
            found = rule, including.within(folder, name)
            if len(self._folders) > 1000:
                self._folders.clear()
            self._folders[folder] = found
        return found


def check_pattern(pattern: str) -> None:
    """Raises ValueError, in words for people, when the pattern is of no use."""
    if len(pattern) > MAX_PATTERN:
        raise ValueError(f"a pattern has at most {MAX_PATTERN} characters")
    try:
        if _is_whole(pattern):
            _matcher(pattern)
        elif parse_rule(pattern, "") is None:
            raise NeverMatches("it is empty")
    except NeverMatches as error:
        raise ValueError(f"{pattern!r} matches nothing: {error}") from None


def _is_whole(pattern: str) -> bool:
    return pattern.startswith((GLOB, REGEX))


def _matcher(pattern: str) -> _Match:
    """Raises NeverMatches."""
    try:
        if pattern.startswith(REGEX):
            return re.compile(pattern.removeprefix(REGEX), re.DOTALL).fullmatch
        return re.compile(glob_regex(pattern.removeprefix(GLOB)), re.DOTALL).fullmatch
    except (re.error, RecursionError, OverflowError) as error:
        raise NeverMatches(f"it is no regular expression ({error})") from None


# --- globs over whole keys -------------------------------------------------------------------------------------------


def glob_regex(glob: str) -> str:
    """A glob as a regular expression: "*" and "?" stay within one part of the key, "**" does not, "**/" may stand for
    nothing, "{a,b}" is either, "[a-z]" one of, "[!a]" none of, a backslash takes the next character as it is.
    Raises NeverMatches."""
    parts: list[str] = []
    depth = at = 0
    while at < len(glob):
        char = glob[at]
        if glob.startswith("**/", at) and (at == 0 or glob[at - 1] == "/"):
            part, step = "(?:.*/)?", 3
        elif glob.startswith("**", at):
            part, step = ".*", 2
        elif char == "[":
            part, step = _bracket(glob, at)
        elif char == "\\":
            part, step = _escaped(glob, at)
        else:
            part, step = _one(char, depth), 1
        depth += {"{": 1, "}": -1 if depth else 0}.get(char, 0) if step == 1 else 0
        parts.append(part)
        at += step
    if depth:
        raise NeverMatches("a { is not closed")
    return "".join(parts)


def _one(char: str, depth: int) -> str:
    if char == "{":
        return "(?:"
    if depth and char in "},":
        return ")" if char == "}" else "|"
    return {"*": "[^/]*", "?": "[^/]"}.get(char) or re.escape(char)


def _bracket(glob: str, at: int) -> tuple[str, int]:
    start = at + 2 if glob[at + 1 : at + 2] in ("!", "^") else at + 1
    end = glob.find("]", start + 1)
    if end < 0:
        raise NeverMatches("a [ is not closed")
    inside = glob[start:end].replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]").replace("^", "\\^")
    for doubled in ("--", "&&", "||", "~~"):
        inside = inside.replace(doubled, "\\" + "\\".join(doubled))
    return f"(?!/)[{'^' if start == at + 2 else ''}{inside}]", end + 1 - at


def _escaped(glob: str, at: int) -> tuple[str, int]:
    if at + 1 == len(glob):
        raise NeverMatches("it ends with a backslash that escapes nothing")
    return re.escape(glob[at + 1]), 2
