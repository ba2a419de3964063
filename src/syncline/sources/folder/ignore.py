"""Sets of gitignore rules, and what they say of one name. The last rule that matches decides.

What git's rules say of a whole tree (a file cannot be taken in again when its folder is kept out; the nearest file
of rules decides first) is the walk's business and `rules.py`'s.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from syncline.sources.folder.globs import Glob, NeverMatches, compile_glob, is_literal
from syncline.sources.folder.names import id_of


class Rule(NamedTuple):
    """One pattern.

    text         for people and for the ledger: where it stands and what it says.
    negated      it takes in again ("!").
    folders_only it speaks of folders alone (a trailing slash).
    by_name      it is held against the name; otherwise against the path from where the rule stands.
    pattern      what is left of the pattern without those marks.
    glob         None when every character of `pattern` stands for itself.
    """

    text: str
    negated: bool
    folders_only: bool
    by_name: bool
    pattern: str
    glob: Glob | None

    def matches(self, path: str, name: str) -> bool:
        """Whether it fits; `folders_only` is the caller's to ask."""
        subject = name if self.by_name else path
        if self.glob is None:
            return subject == self.pattern
        return re.fullmatch(self.glob.regex, subject) is not None

    def may_hold(self, folder: str) -> bool:
        """True when something under `folder` (its path, no slash at the end) might match."""
        if self.by_name:
            return True
        parts = folder.split("/")
        if self.glob is None:
            return self.pattern.startswith(folder + "/")
        if len(parts) >= len(self.glob.heads) and not self.glob.deep:
            return False
        return all(re.fullmatch(head, part, re.DOTALL) for head, part in zip(self.glob.heads, parts, strict=False))


def parse_rule(pattern: str, where: str) -> Rule | None:
    """The rule that `pattern` is; None when it says nothing. `where` begins its text: "exclude ", ".gitignore: ".
    Raises NeverMatches when it can fit no name."""
    rest = pattern.removeprefix("!")
    folders_only = rest.endswith("/")
    body = rest[:-1] if folders_only else rest
    by_name = "/" not in body
    body = body.removeprefix("/")
    if not body:
        return None
    glob = None if is_literal(body) else compile_glob(body, path=not by_name)
    return Rule(id_of(where + pattern), pattern.startswith("!"), folders_only, by_name, body, glob)


def parse_lines(content: bytes, where: str) -> list[Rule]:
    """The rules of an ignore file. Comments, blank lines and patterns that fit no name are left out, as git does."""
    rules = []
    for line in content.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape").split("\n"):
        if line.startswith("#"):
            continue
        try:
            rule = parse_rule(_trimmed(line.removesuffix("\r")), where)
        except NeverMatches:
            continue
        if rule is not None:
            rules.append(rule)
    return rules


def _trimmed(line: str) -> str:
    """Without the spaces at its end, save one that a backslash keeps."""
    bare = line.rstrip(" ")
    backslashes = len(bare) - len(bare.rstrip("\\"))
    return line[: len(bare) + 1] if backslashes % 2 and bare != line else bare


class RuleSet:
    """Rules of one origin, in the order they stand. Most names match none of them, and are told so at once."""

    __slots__ = ("_literals", "_named", "_pathed", "_paths", "_rules", "_suffixes", "begins_with_all")

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = tuple(reversed(rules))
        literal = [rule for rule in rules if rule.glob is None]
        suffixed = [rule for rule in rules if _suffix(rule)]
        rest = [rule for rule in rules if rule.glob is not None and not _suffix(rule)]
        self._literals = frozenset(rule.pattern for rule in literal if rule.by_name)
        self._paths = frozenset(rule.pattern for rule in literal if not rule.by_name)
        self._suffixes = tuple({_suffix(rule) for rule in suffixed})
        self._named = _any_of(rule.glob for rule in rest if rule.by_name)
        self._pathed = _any_of(rule.glob for rule in rest if not rule.by_name)
        self.begins_with_all = all(rule.negated for rule in rules)

    def last_match(self, path: str, name: str, *, folder: bool) -> Rule | None:
        """The rule that decides about `path`, counted from where the rules stand; `name` is its last part."""
        if not (
            name in self._literals
            or path in self._paths
            or name.endswith(self._suffixes)
            or (self._named is not None and self._named(name))
            or (self._pathed is not None and self._pathed(path))
        ):
            return None
        for rule in self._rules:
            if (folder or not rule.folders_only) and rule.matches(path, name):
                return rule
        return None

    def may_hold(self, folder: str) -> bool:
        """True when a rule that is not negated might match something under `folder`."""
        return any(not rule.negated and rule.may_hold(folder) for rule in self._rules)


def _suffix(rule: Rule) -> str:
    """What a name must end with when the rule is of the form "*.log"; otherwise ""."""
    if rule.by_name and rule.pattern.startswith("*") and is_literal(rule.pattern[1:]):
        return rule.pattern[1:]
    return ""


def _any_of(globs: Iterable[Glob | None]) -> Callable[[str], object] | None:
    expressions = [glob.regex for glob in globs if glob is not None]
    return re.compile("|".join(dict.fromkeys(expressions))).fullmatch if expressions else None
