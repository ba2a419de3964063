"""Schedules and triggers on PostgreSQL: the tests that look at the tables, and not at files or at two months."""

from __future__ import annotations

from typing import Any

import pytest
from tests.service import test_schedules as schedules
from tests.service import test_triggers as triggers

clock, home, hook = schedules.clock, schedules.home, triggers.hook
CHOSEN = {
    schedules: ("connector", "name", "revision", "paused", "skip", "coalesce", "next", "due"),
    triggers: ("after", "call", "connector", "revision"),
}
LONG = (
    "two_months",
    "killed",
    "dies",
    "thousand",
    "1_000",
    "folder",
    "watch",
    "file",
    "idle",
    "at_once",
    "clear",
    "many_schedules",
)
globals().update(
    {
        f"test_{module.__name__.rpartition('_')[2]}_{name.removeprefix('test_')}": test
        for module, words in CHOSEN.items()
        for name, test in vars(module).items()
        if name.startswith("test_") and any(word in name for word in words) and not any(word in name for word in LONG)
    }
)


@pytest.fixture(autouse=True)
def _in_postgres(base: Any) -> None:
    """Every installation keeps everything there."""
