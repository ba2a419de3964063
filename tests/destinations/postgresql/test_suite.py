"""An index whose documents lie in PostgreSQL keeps the laws of every index."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from syncline.testing.suites import DestinationLab, DestinationSuite


class PostgreSQLLab(DestinationLab):
    """A table of its own for each lab."""

    def __init__(self, folder: Path, place: Any, table: str = "documents") -> None:
        self.place, self.table = place, table
        super().__init__(folder, self._destination)

    def _destination(self, crash: Any) -> Any:
        return self.place.destination(crash=crash, index=self.table, table=f"{self.place.schema}.{self.table}")

    def another(self, name: str) -> DestinationLab:
        folder = Path(self.folder) / name
        folder.mkdir()
        return PostgreSQLLab(folder, self.place, f"t{len(list(Path(self.folder).iterdir()))}")


class TestPostgreSQL(DestinationSuite):
    @pytest.fixture
    def lab(self, tmp_path: Path, place: Any) -> DestinationLab:
        return PostgreSQLLab(tmp_path, place)
