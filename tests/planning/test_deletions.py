"""Deletion by proof (invariant 4): what absence proves, and when a deletion would be a surprise."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncline.model.connectors import Guard
from syncline.planning.deletions import Absence, place_is_trusted, shortest_prefixes

ids = st.text(alphabet="ab/", max_size=6)


@given(ids, st.lists(ids, max_size=4))
def test_invariant_04_absence_under_an_unlisted_prefix_proves_nothing(id: str, prefixes: list[str]) -> None:
    absence = Absence(complete=True, blind=shortest_prefixes(prefixes))
    assert absence.proves(id) == (not any(id.startswith(prefix) for prefix in prefixes))


def test_invariant_04_without_the_end_of_the_scan_nothing_is_proved() -> None:
    assert not Absence(complete=False).proves("a")
    assert not Absence(complete=True, trusted=False).proves("a")
    assert Absence(complete=True).proves("a")


@pytest.mark.parametrize(
    ("anchor", "remembered", "live", "found", "trusted"),
    [
        ("disk-1", "", 0, 0, True),  # the first listing
        ("disk-1", "", 10, 0, False),  # the first job was cut off before it could remember the place
        ("", "", 10, 0, True),  # a source whose places have no identity
        ("disk-1", "disk-1", 10, 0, True),  # the same place, emptied
        ("disk-2", "disk-1", 10, 0, False),  # an empty mount point
        ("disk-2", "disk-1", 10, 4, False),
        ("disk-2", "disk-1", 10, 5, True),  # the same folder after a reboot
        ("disk-2", "disk-1", 0, 0, True),  # nothing to lose
    ],
)
def test_invariant_04_a_changed_place_must_show_what_is_held(
    anchor: str, remembered: str, live: int, found: int, trusted: bool
) -> None:
    assert place_is_trusted(anchor, remembered, live, found) is trusted


@pytest.mark.parametrize(
    ("deletes", "held", "withheld"),
    [(100, 100, False), (101, 101, True), (101, 10_000, False), (2500, 10_000, False), (2501, 10_000, True)],
)
def test_the_guard_wants_both_many_and_a_large_share(deletes: int, held: int, withheld: bool) -> None:
    assert Guard().withholds(deletes, held) is withheld


def test_a_guard_of_zero_withholds_every_deletion() -> None:
    assert Guard(max_deletes=0, max_percent=0).withholds(1, 1_000_000)
