"""Suites: one class says what a source is, one what a ledger is, one what a destination is. Inherit, give a
fixture, and run pytest.

class TestTickets(SourceSuite):
    @pytest.fixture
    def lab(self, tmp_path): return TicketsLab(tmp_path)
"""

from __future__ import annotations

from syncline.testing.destination_suite import DestinationLab, DestinationSuite
from syncline.testing.ledger_suite import LedgerSuite, StoreSuite
from syncline.testing.source_suite import Lab, SourceSuite

__all__ = ["DestinationLab", "DestinationSuite", "Lab", "LedgerSuite", "SourceSuite", "StoreSuite"]
