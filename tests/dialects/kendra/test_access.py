"""Lists of principals with levels let through whom every level lets through."""

from __future__ import annotations

from itertools import chain, combinations
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from syncline.dialects.kendra.access import Allowed, Unsayable, of_document

USERS, GROUPS = ("ann", "bob", "eve"), ("staff", "sales")
PRINCIPALS = st.builds(
    lambda who, access: {"Type": who[0], "Name": who[1], "Access": access},
    st.sampled_from([*(("USER", name) for name in USERS), *(("GROUP", name) for name in GROUPS)]),
    st.sampled_from(["ALLOW", "ALLOW", "ALLOW", "DENY"]),
)
LEVELS = st.lists(st.lists(PRINCIPALS, max_size=4).map(lambda some: {"PrincipalList": some}), min_size=1, max_size=4)


def passes(level: list[dict[str, Any]], reader: frozenset[str]) -> bool:
    """Whether somebody with these principals passes a level, by its definition."""
    named = {(one["Access"], f"{one['Type'].lower()}:{one['Name']}") for one in level}
    denied = any(("DENY", one) in named for one in reader)
    wanted = {one for access, one in named if access == "ALLOW"}
    return not denied and (not wanted or bool(wanted & reader))


def sees(allowed: Allowed, reader: frozenset[str]) -> bool:
    """What a search makes of it."""
    return not reader & set(allowed.deny) and (not allowed.allow or bool(reader & set(allowed.allow)))


READERS = [
    frozenset({f"user:{user}", *(f"group:{group}" for group in groups)})
    for user in (*USERS, "somebody")
    for groups in chain.from_iterable(combinations(GROUPS, n) for n in range(3))
]


@given(LEVELS)
def test_levels_in_one_list_mean_the_same(levels: list[dict[str, Any]]) -> None:
    try:
        found = of_document({"HierarchicalAccessControlList": levels})
    except Unsayable:
        return
    for reader in READERS:
        assert sees(found, reader) == all(passes(level["PrincipalList"], reader) for level in levels), reader


@given(st.lists(PRINCIPALS, max_size=6))
def test_a_plain_list_means_what_it_says(principals: list[dict[str, Any]]) -> None:
    found = of_document({"AccessControlList": principals})
    for reader in READERS:
        assert sees(found, reader) == passes(principals, reader)
