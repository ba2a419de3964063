"""Which ids are on one of two lists only: whatever their order, their batches and what is in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncline.model.news import Names
from syncline.planning import absence
from syncline.planning.absence import difference

IDS = st.one_of(
    st.integers(0, 300).map(str),
    st.text(max_size=4),
    st.sampled_from(["x" * 600, "y" * 600, "\n", "a\nb", "é" * 300, "\ud800", ""]),
)


def as_lines(ids: Sequence[str]) -> Names:
    return "".join(f"{id}\n" for id in ids).encode()


def batches(ids: Sequence[str], sizes: Sequence[int], texts: Callable[[Sequence[str]], Names]) -> list[Names]:
    found, at = [], 0
    for size in sizes:
        found.append(texts(ids[at : at + size]))
        at += size
    return [*found, texts(ids[at:])]


def either(ids: Sequence[str]) -> Names:
    fits = all("\n" not in id and id.isprintable() for id in ids)
    return as_lines(ids) if fits and len(ids) % 2 else list(ids)


SIZES = st.lists(st.integers(0, 40), max_size=12)


@given(st.lists(IDS, unique=True, max_size=200), st.data())
def test_it_is_the_difference_of_sets(ids: list[str], data: st.DataObject) -> None:
    first = data.draw(st.lists(st.sampled_from(ids), unique=True)) if ids else []
    second = data.draw(st.permutations(ids)) if data.draw(st.booleans()) else ids
    keep = data.draw(st.integers(0, len(second)))
    second = second[:keep]
    found = difference(
        batches(first, data.draw(SIZES), either),
        batches(second, data.draw(SIZES), either),
    )
    assert found.only_first == sorted(set(first) - set(second))
    assert found.only_second == sorted(set(second) - set(first))
    assert (found.first, found.second) == (len(first), len(second))


@pytest.mark.parametrize("patience", [absence._PATIENCE, 50])
@pytest.mark.parametrize("order", ["same", "shuffled", "rotated", "swapped here and there", "backwards"])
def test_long_lists(order: str, patience: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(absence, "_PATIENCE", patience)
    dice = Random(7)
    first = [f"doc-{n}" for n in range(20_000)]
    second = [id for id in first if dice.random() > 0.02]
    if order == "shuffled":
        dice.shuffle(second)
    elif order == "rotated":
        second = second[9000:] + second[:9000]
    elif order == "backwards":
        second.reverse()
    elif order == "swapped here and there":
        for _ in range(300):
            one, other = dice.randrange(len(second)), dice.randrange(len(second))
            second[one], second[other] = second[other], second[one]
    new = [f"new-{n}" for n in range(50)]
    for id in new:
        second.insert(dice.randrange(len(second)), id)
    found = difference(batches(first, [5000] * 4, as_lines), batches(second, [777] * 24, as_lines))
    assert found.only_first == sorted(set(first) - set(second))
    assert found.only_second == sorted(new)
    assert found.second == len(second)


def test_an_id_that_comes_twice_finds_one_partner() -> None:
    found = difference([as_lines("abc")], [as_lines("aabc")])
    assert (found.only_first, found.only_second, found.second) == ([], ["a"], 4)


def test_what_goes_the_same_way_waits_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    waited = []
    monkeypatch.setattr(absence, "_ids", lambda lines: waited.append(len(lines)) or [])
    first = [f"{n}" for n in range(50_000)]
    difference([as_lines(first)], [as_lines(first[at : at + 999]) for at in range(0, 50_000, 999)])
    assert waited == [0, 0]
