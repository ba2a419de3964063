"""SiteWise keeps the laws of every source."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.sources.sitewise.opened import opened

from syncline.model.news import Page
from syncline.sources.sitewise.inventory import PREFIX
from syncline.testing.sitewise import SiteWise
from syncline.testing.suites import SourceSuite


class AssetsOnly:
    """The source without the models that assets must have."""

    def __init__(self, source: Any) -> None:
        self._source = source
        self.check, self.fetch, self.interrupt = source.check, source.fetch, source.interrupt

    def list(self, memory: Any, cursor: Any) -> Iterator[Any]:
        for news in self._source.list(memory, cursor):
            if isinstance(news, Page):
                yield Page([entry for entry in news.entries if not entry.id.startswith(PREFIX)])
            else:
                yield news


class AssetLab:
    """Assets of one model."""

    def __init__(self, sitewise: SiteWise) -> None:
        self.sitewise = sitewise
        self.machine = sitewise.add_model("Machine", [("Speed", "DOUBLE", "rpm")])
        self.edits = 0

    def open(self) -> Any:
        return AssetsOnly(opened(self.sitewise))

    def broken(self) -> Any:
        return opened(self.sitewise, access_key_id="AKIAUNKNOWN0000000001")

    def put(self, id_hint: str, content: str) -> str:
        return self.sitewise.add_asset(id_hint, self.machine, description=content)

    def change(self, id: str) -> None:
        self.edits += 1
        self.sitewise.change(id, description=f"Edit {self.edits}")

    def remove(self, id: str) -> None:
        self.sitewise.remove(id)


class TestAssets(SourceSuite):
    @pytest.fixture
    def lab(self, sitewise: SiteWise) -> AssetLab:
        return AssetLab(sitewise)
