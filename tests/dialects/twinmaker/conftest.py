"""One server and one stand-in for a run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.dialects.twinmaker.desk import Desk, Twin


@pytest.fixture(scope="session")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with Desk(tmp_path_factory.mktemp("desk")).open() as opened:
        yield opened


@pytest.fixture
def twin(desk: Desk) -> Iterator[Twin]:
    """A workspace without a sync job, in front of a SiteWise without assets."""
    desk.sitewise.clear()
    made = Twin(desk, desk.name())
    yield made
    desk.sitewise.heal()
    if made.state() != "GONE":
        made.client.delete_sync_job(workspaceId=made.workspace, syncSource="SITEWISE")


@pytest.fixture(scope="session")
def client(desk: Desk) -> Any:
    return desk.client()
