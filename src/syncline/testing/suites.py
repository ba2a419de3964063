"""Suites: one class defines what a source is, another what a ledger is. Inherit, give a fixture, and run pytest.

class TestTickets(SourceSuite):
    @pytest.fixture
    def lab(self, tmp_path): return TicketsLab(tmp_path)
"""

from __future__ import annotations

from syncline.testing.ledger_suite import LedgerSuite, StoreSuite
from syncline.testing.source_suite import Lab, SourceSuite

__all__ = ["Lab", "LedgerSuite", "SourceSuite", "StoreSuite"]
