"""Garbage is looked for less often while a job is at work, and as before afterwards."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import pytest

from syncline.model.documents import Document
from syncline.model.garbage import CONTAINERS, collected_rarely
from syncline.model.news import Complete


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


class Looking:
    """Says in a document how often garbage is looked for while it is read."""

    def check(self) -> None: ...

    def read(self, cursor: str | None) -> Iterator[Any]:
        yield Document("a", text=str(gc.get_threshold()[0]))
        yield Complete()


def test_while_a_job_is_at_work(world: Any) -> None:
    gc.set_threshold(700, 7, 8)
    assert world.run(Looking()).error is None
    assert world.documents() == {"a": str(CONTAINERS)}
    assert gc.get_threshold() == (700, 7, 8)


def test_inside_and_afterwards() -> None:
    gc.set_threshold(700, 7, 8)
    first, second = collected_rarely(), collected_rarely()
    with first:
        assert gc.get_threshold() == (CONTAINERS, 7, 8)
        second.__enter__()
    assert gc.get_threshold() == (CONTAINERS, 7, 8)  # somebody is still inside
    second.__exit__(None, None, None)
    assert gc.get_threshold() == (700, 7, 8)


def test_an_error_leaves_it_as_it_was() -> None:
    gc.set_threshold(700, 7, 8)
    with pytest.raises(KeyError), collected_rarely():
        raise KeyError
    assert gc.get_threshold() == (700, 7, 8)


@pytest.mark.parametrize("mine", [(0, 7, 8), (CONTAINERS * 2, 1, 1)])
def test_who_wants_it_rarer_has_it_so(mine: tuple[int, int, int]) -> None:
    gc.set_threshold(*mine)
    with collected_rarely():
        assert gc.get_threshold() == mine
    assert gc.get_threshold() == mine
