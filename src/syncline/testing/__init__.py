"""What authors of sources, destinations and stores test with: suites, doubles in memory, hostile doubles, crashes.

    SourceSuite, LedgerSuite, DestinationSuite      in syncline.testing.suites (the only module that needs pytest)
    check_source                  the laws of a source that need no writing, without pytest
    MemorySource, MemorySheets, MemoryStream, MemoryLedger      the same ports, over plain dicts
    MemoryDestination             the same for a destination, in syncline.testing.destinations
    HostileSource, HostileLedger, HostileDestination      coats that misbehave by a plan
    LateLedger                    a coat that commits when it is waited for, and watches what is done meanwhile
    CrashAt, CrashRecorder        die at a named point; learn which points there are
    FakeClock                     time as an argument

Everything here is deterministic: a plan or a seed decides what goes wrong, and when.
"""

from __future__ import annotations

from syncline.testing.clock import FakeClock
from syncline.testing.conformance import Check, check_source, open_source
from syncline.testing.crashes import CrashAt, CrashRecorder, SimulatedCrash
from syncline.testing.hostile import HANGING, HARMLESS, PARTIAL, PER_DOCUMENT, Fault, HostileSource, Misdeed, misdeeds
from syncline.testing.hostile_ledger import HostileLedger, LedgerFault, Strike, strikes
from syncline.testing.late_ledger import LateLedger
from syncline.testing.ledger import IndexMemory, MemoryLedger
from syncline.testing.memory import MemorySheets, MemorySource, MemoryStream

__all__ = [
    "HANGING",
    "HARMLESS",
    "PARTIAL",
    "PER_DOCUMENT",
    "Check",
    "CrashAt",
    "CrashRecorder",
    "FakeClock",
    "Fault",
    "HostileLedger",
    "HostileSource",
    "IndexMemory",
    "LateLedger",
    "LedgerFault",
    "MemoryLedger",
    "MemorySheets",
    "MemorySource",
    "MemoryStream",
    "Misdeed",
    "SimulatedCrash",
    "Strike",
    "check_source",
    "misdeeds",
    "open_source",
    "strikes",
]
