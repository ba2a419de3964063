"""Webhooks on PostgreSQL: the tests that look at the tables."""

from __future__ import annotations

from typing import Any

import pytest
from tests.service import test_webhooks as same

world, receivers, receiver = same.world, same.receivers, same.receiver
WORDS = ("event", "order", "replay", "disable", "forget", "removed", "revision", "once")
LONG = ("dies", "kill", "idle", "clear", "thread", "hundred", "secret")
globals().update(
    {
        name: test
        for name, test in vars(same).items()
        if name.startswith("test_") and any(word in name for word in WORDS) and not any(word in name for word in LONG)
    }
)


@pytest.fixture(autouse=True)
def _in_postgres(base: Any) -> None:
    """Every installation keeps everything there."""
