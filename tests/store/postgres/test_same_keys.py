"""The tests of the key table, on PostgreSQL: those of the root key, which lies in a file, are left out."""

from __future__ import annotations

from typing import Any

import pytest
from tests.service import test_keys as same
from tests.service.conftest import state

ELSEWHERE = ("root_key", "in_no_file", "opens_for_no_other", "cannot_have", "any_other_secret", "each_scope")
clock, here, _nothing_around = same.clock, same.here, same._nothing_around
globals().update(
    {
        name: test
        for name, test in vars(same).items()
        if name.startswith("test_") and not any(word in name for word in ELSEWHERE)
    }
)
__all__ = ["clock", "here", "state"]


@pytest.fixture(autouse=True)
def _in_postgres(base: Any) -> None:
    """Every installation keeps everything there."""
