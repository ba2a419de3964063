"""Who may find a document: lists of principals as Kendra's clients give them, and as documents carry them.

A document has principals of which one is needed, and others that must not be: "user:ann", "group:sales". That is what
AccessControlList says. HierarchicalAccessControlList has levels, each of which must let a reader through: it can be
said in one list when some levels let through no more than others do, or when all of them name users only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any, NamedTuple

PREFIXES = {"USER": "user:", "GROUP": "group:"}


class Unsayable(ValueError):
    """The levels cannot be said in one list. The text says why."""


class Allowed(NamedTuple):
    """Nobody is named in `allow`: everybody may, but for `deny`."""

    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()


def of_document(document: Mapping[str, Any]) -> Allowed:
    """What a Document of BatchPutDocument says. Raises Unsayable."""
    flat, levels = document.get("AccessControlList"), document.get("HierarchicalAccessControlList")
    if flat and levels:
        raise Unsayable("it has an AccessControlList and a HierarchicalAccessControlList; give one of them")
    if levels:
        return of_levels([_sorted(level["PrincipalList"]) for level in levels])
    return _sorted(flat or [])


def of_levels(levels: Sequence[Allowed]) -> Allowed:
    """All of them at once. Raises Unsayable."""
    deny = sorted({one for level in levels for one in level.deny})
    wanted = [frozenset(level.allow) for level in levels if level.allow]
    # Whoever passes a level passes every one that names no fewer principals.
    needed = [level for level in set(wanted) if not any(other < level for other in wanted)]
    if len(needed) > 1:
        if any(one.startswith(PREFIXES["GROUP"]) for level in needed for one in level):
            raise Unsayable("its HierarchicalAccessControlList needs groups of several levels at once")
        needed = [reduce(frozenset.intersection, needed)]
        if not needed[0]:
            raise Unsayable("its HierarchicalAccessControlList lets nobody through")
    return Allowed(tuple(sorted(needed[0])) if needed else (), tuple(deny))


def _sorted(principals: Sequence[Mapping[str, Any]]) -> Allowed:
    told = [(one["Access"], f"{PREFIXES[one['Type']]}{one['Name']}") for one in principals]
    allow, deny = ({name for access, name in told if access == wanted} for wanted in ("ALLOW", "DENY"))
    return Allowed(tuple(sorted(allow)), tuple(sorted(deny)))
