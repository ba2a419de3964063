"""What one call of the benchmark was asked to do."""

from __future__ import annotations

import os
from dataclasses import dataclass

SECTIONS = ("files", "startup", "search", "serving", "objects", "tables", "dialects")


@dataclass(frozen=True)
class Options:
    """`subjects` empty means all. `sections` are those of SECTIONS to measure. Paths are absolute.
    `settle_s` lets files grow old before they are synced: a tool may distrust those that changed a moment ago."""

    work: str
    peers: str
    sections: tuple[str, ...] = SECTIONS
    subjects: tuple[str, ...] = ()
    reps: int = 5
    files: int = 20_000
    documents: int = 1_000_000
    queries: int = 200
    starts: int = 10
    seed: int = 1
    settle_s: float = 2.5
    quick: bool = False
    date: str = ""

    def scratch(self, name: str) -> str:
        """A folder below the work directory."""
        return os.path.join(self.work, name)
