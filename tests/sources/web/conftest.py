"""Sites that are closed when a test is over, and virtual time."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from tests.sources.web.sites import Site, VirtualTime, sites


@pytest.fixture
def clock() -> VirtualTime:
    return VirtualTime()


@pytest.fixture
def make_site(clock: VirtualTime) -> Iterator[Callable[[], Site]]:
    yield from sites(clock)


@pytest.fixture
def site(make_site: Callable[[], Site]) -> Site:
    return make_site()
