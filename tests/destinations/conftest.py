"""A text index over a truth in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.destinations.truths import MemoryTruth

from syncline.destinations.embedded.text import TextIndex
from syncline.model.search import Filter, Reader, Request, Results

OWNER = Reader(unrestricted=True)


class Desk:
    """An index, its truth, and what it told."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.truth = MemoryTruth()
        self.told: list[str] = []
        self._indexes: list[TextIndex] = []
        self.index = self.another()

    def another(self, **options: Any) -> TextIndex:
        """One more instance on the same directory, as another process would have."""
        index = TextIndex(str(self.directory), self.truth.open, tell=self.told.append, **options)
        self._indexes.append(index)
        return index

    def ask(self, text: str = "", *filters: Filter, reader: Reader = OWNER, **rest: Any) -> Results:
        request = Request(text, filters=filters, reader=reader, **rest)
        return self.index.search(request, self.truth, {1: "folder", 2: "mail"})

    def ids(self, text: str = "", *filters: Filter, **rest: Any) -> list[str]:
        return [hit.id for hit in self.ask(text, *filters, **rest).hits]

    def agrees(self) -> bool:
        """Whether the index holds exactly what the truth does."""
        return list(self.index.pairs()) == self.truth.pairs()

    def close(self) -> None:
        for index in self._indexes:
            index.close()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path / "text")
    yield desk
    desk.close()


@pytest.fixture
def filled(desk: Desk) -> Callable[..., Desk]:
    """A desk whose documents are given as id=text, settled."""

    def fill(**texts: str) -> Desk:
        for id, text in texts.items():
            desk.truth.put(id, text)
        desk.index.settle()
        return desk

    return fill
