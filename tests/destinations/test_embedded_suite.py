"""The embedded index keeps the laws of every index."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from syncline.testing.suites import DestinationLab, DestinationSuite
from syncline.wiring import Installation


class EmbeddedLab(DestinationLab):
    """An index in a data directory."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, lambda crash: pytest.fail("it is one with the store"))

    def index(self, crash: Any = lambda point: None) -> Any:
        made = Installation(self.folder, crash=crash).open_index("laws", create=True)
        self._closing.append(made)
        return made

    def another(self, name: str) -> DestinationLab:
        return EmbeddedLab(Path(self.folder) / name)


class TestEmbedded(DestinationSuite):
    @pytest.fixture
    def lab(self, tmp_path: Path) -> DestinationLab:
        return EmbeddedLab(tmp_path)
