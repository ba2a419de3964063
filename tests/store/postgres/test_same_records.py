"""The tests of records, on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.store import test_records as same

from syncline.store.relational.records import Records

globals().update({name: test for name, test in vars(same).items() if name.startswith("test_")})


@pytest.fixture
def control(base: Any) -> Iterator[Any]:
    made = base.store().control()
    yield made
    made.close()


@pytest.fixture
def records(control: Any) -> Records:
    return Records(control, "elastic")
