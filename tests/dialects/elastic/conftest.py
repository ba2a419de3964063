"""One server for all tests of a process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.dialects.elastic.connector_labs import Lab


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    made = Lab(tmp_path_factory.mktemp("elastic"))
    yield made
    made.close()


@pytest.fixture(autouse=True)
def _in_beta(recwarn: pytest.WarningsRecorder) -> None:
    """Elastic's client warns at each call that the Connector API is in beta."""
