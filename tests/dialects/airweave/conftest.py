"""One server for all tests of a process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.dialects.airweave.labs import Lab, Site


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    made = Lab(tmp_path_factory.mktemp("airweave"))
    yield made
    made.close()


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.close()
