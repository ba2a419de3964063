"""Truths in files: each test has one of its own, opened as often as it likes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from syncline.store.sqlite.truth import Truth


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Callable[[], Truth]]:
    opened: list[Truth] = []

    def open() -> Truth:
        opened.append(Truth(str(tmp_path / "truth.db")))
        return opened[-1]

    yield open
    for truth in opened:
        truth.close()
