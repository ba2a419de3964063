"""A bitmap must be a set of small numbers, no more and no less."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncline.planning.seen import Seen

numbers = st.integers(1, 5000)


@given(st.lists(st.tuples(st.sampled_from(["add", "discard"]), numbers)))
def test_it_behaves_like_a_set(steps: list[tuple[str, int]]) -> None:
    seen, model = Seen(), set[int]()
    for verb, number in steps:
        getattr(seen, verb)(number)
        getattr(model, verb)(number)
    assert len(seen) == len(model)
    assert all((number in seen) == (number in model) for number in range(5001))


@given(st.sets(numbers))
def test_it_survives_being_stored(model: set[int]) -> None:
    seen = Seen()
    assert seen.add_all(model) == len(model)
    assert seen.add_all(model) == 0
    assert Seen.from_bytes(seen.to_bytes()) == seen


def test_a_copy_goes_its_own_way() -> None:
    seen = Seen()
    seen.add(3)
    copy = seen.copy()
    copy.add(4)
    assert 4 not in seen
    assert 3 in copy


def test_a_million_documents_cost_a_few_hundred_bytes_in_a_checkpoint() -> None:
    seen = Seen()
    seen.add_all(range(1, 1_000_001))
    assert len(seen.to_bytes()) < 2000


@pytest.mark.parametrize(("first", "last"), [(1, 64), (7, 100), (8, 199), (0, 63), (1000, 1500)])
def test_numbers_that_follow_each_other_are_put_in_at_once_as_one_by_one(first: int, last: int) -> None:
    before = [3, 8, 64, 70, 1200]
    one, other = Seen(), Seen()
    one.add_all(before)
    other.add_all(before)
    run = list(range(first, last + 1))
    new = one.add_all(run)
    assert new == sum(other.add_all([number]) for number in run)
    assert one == other
    assert one.add_all(run) == 0
    assert one.add_all([last, *run]) == 0  # no run
