"""A bitmap must be a set of small numbers, no more and no less."""

from __future__ import annotations

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
