"""The floors as subjects: no tool can be faster than looking at every file, or than reading every file once."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Mapping

from bench.environment import ROOT, child_environment
from bench.measure import Measured
from bench.subjects.base import Checked, Phase, Role, differences


class Floor:
    """bench/floors.py in one of its two modes."""

    role = Role.FLOOR

    def __init__(self, mode: str) -> None:
        self.mode = mode
        self.name = f"floor-{mode}"

    def missing(self) -> str | None:
        """Never."""
        return None

    def version(self) -> str:
        """The interpreter's, the same as Syncline's."""
        return f"Python {platform.python_version()}"

    def prepare(self, state: str) -> None:
        """Nothing is kept."""

    def command(self, tree: str, state: str) -> list[str]:
        """A script without further imports."""
        return [sys.executable, "-P", os.path.join(ROOT, "bench", "floors.py"), self.mode, tree]

    def environment(self) -> dict[str, str]:
        """The same as Syncline's."""
        return child_environment()

    def check(self, phase: Phase, done: Measured, state: str, expected: Mapping[str, int]) -> Checked:
        """It must have seen every file."""
        counts = {name: value for name, value in done.json().items() if name == "documents"}
        problems = differences(expected, counts) if counts else ["it printed no count"]
        return Checked(counts, problems)
