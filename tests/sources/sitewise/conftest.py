"""A stand-in without anything in it, for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.sources.sitewise.opened import the_sitewise

from syncline.testing.sitewise import SiteWise


@pytest.fixture
def sitewise() -> Iterator[SiteWise]:
    found = the_sitewise()
    found.clear()
    yield found
    assert found.wire.broken == []
