"""Which names a listing takes, by everything that has a say, in this order:

    the connector's `exclude`                       its last match decides
    .synclineignore, then .gitignore if asked for   of the same folder first, then of the ones above it
    the connector's `include`                       what is left must match it, or lie in a folder that does

A folder that is kept out is not entered, so nothing in it can be taken in again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from syncline.sources.folder.ignore import Rule, RuleSet, parse_rule

IGNORE_FILE: Final = ".synclineignore"
GIT_IGNORE_FILE: Final = ".gitignore"
BUILT_IN_FOLDERS: Final = frozenset({".git", ".hg", ".svn", ".syncline"})
BUILT_IN_FILES: Final = frozenset({".DS_Store", "Thumbs.db"})
NOT_INCLUDED: Final = "include matches nothing of it"


def rule_set(patterns: Sequence[str], where: str) -> RuleSet | None:
    """The rules of one setting; None when there are none. Raises NeverMatches."""
    rules = [rule for pattern in patterns if (rule := parse_rule(pattern, where))]
    return RuleSet(rules) if rules else None


class Scope(NamedTuple):
    """The rules in force in one folder. Paths are from the root, without a slash at either end.

    nested   rules found in the tree, nearest first, each with the length of the path (and slash) they count from.
    included True when the folder lies in one that `include` has taken.
    """

    exclude: RuleSet | None = None
    include: RuleSet | None = None
    nested: tuple[tuple[int, RuleSet], ...] = ()
    included: bool = True

    @classmethod
    def of(cls, include: Sequence[str], exclude: Sequence[str]) -> Scope:
        """The rules in force at the root. Raises NeverMatches."""
        taken = rule_set(include, "include ")
        return cls(rule_set(exclude, "exclude "), taken, included=taken is None or taken.begins_with_all)

    @property
    def idle(self) -> bool:
        """True when nothing can be kept out here."""
        return self.exclude is None and self.include is None and not self.nested

    def with_rules(self, rules: Sequence[Rule], base: int) -> Scope:
        """The same with the `rules` of an ignore file, which look at paths without their first `base` characters."""
        return self._replace(nested=((base, RuleSet(rules)), *self.nested)) if rules else self

    def within(self, path: str, name: str) -> Scope:
        """What is in force inside the folder `path`."""
        if self.include is None:
            return self
        included = self._is_included(path, name, folder=True)
        return self if included == self.included else self._replace(included=included)

    def keeps_out(self, path: str, name: str, *, folder: bool) -> str | None:
        """The rule that keeps this file or folder out; None when it may come in."""
        rule = None if self.exclude is None else self.exclude.last_match(path, name, folder=folder)
        for base, rules in self.nested:
            if rule is not None:
                break
            rule = rules.last_match(path[base:], name, folder=folder)
        if rule is not None and not rule.negated:
            return rule.text
        if self.include is None or self._is_included(path, name, folder=folder):
            return None
        return None if folder and self.include.may_hold(path) else NOT_INCLUDED

    def _is_included(self, path: str, name: str, *, folder: bool) -> bool:
        rule = self.include.last_match(path, name, folder=folder) if self.include else None
        return self.included if rule is None else not rule.negated
