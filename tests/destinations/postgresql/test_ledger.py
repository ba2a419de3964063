"""An index whose documents lie in PostgreSQL keeps the laws of every ledger."""

from __future__ import annotations

from typing import Any

import pytest

from syncline.testing.suites import LedgerSuite


class TestLedger(LedgerSuite):
    @pytest.fixture
    def ledger(self, open_ledger: Any) -> Any:
        return open_ledger
