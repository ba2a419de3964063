"""Syncline: the command line as a user runs it, verified through the Python API."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from importlib import metadata
from typing import Any

from bench.environment import child_environment
from bench.measure import Measured, run
from bench.subjects.base import Checked, Phase, Role, differences


def executable() -> str | None:
    """The `syncline` command: of this interpreter's environment, or else of the search path."""
    beside = os.path.join(os.path.dirname(sys.executable), "syncline")
    return beside if os.access(beside, os.X_OK) else shutil.which("syncline")


class SynclineCli:
    """`syncline sync FOLDER`, which writes documents, ledger and text index."""

    name = "syncline"
    role = Role.OURS

    def missing(self) -> str | None:
        """Not installed in this environment."""
        return None if executable() else "not installed (pip install -e .)"

    def version(self) -> str:
        """Of the installed distribution."""
        return f"syncline {metadata.version('syncline')}"

    def prepare(self, state: str) -> None:
        """Nothing: the first sync makes its data directory."""

    def command(self, tree: str, state: str) -> list[str]:
        """The same command in every phase."""
        return [executable() or "syncline", "sync", tree, "--data-dir", os.path.join(state, "data"), "--json"]

    def environment(self) -> dict[str, str]:
        """Only what a user has."""
        return child_environment()

    def check(self, phase: Phase, done: Measured, state: str, expected: Mapping[str, int]) -> Checked:
        """The counters it reported, and what a search of another process finds."""
        said = done.json()
        problems = [
            f"{name}: {said.get(name)} reported, expected {n}"
            for name, n in _counters(phase, expected).items()
            if said.get(name) != n
        ]
        if said.get("status") != "succeeded":
            problems.append(f"status: {said.get('status')}, expected succeeded")
        probe = run(
            [sys.executable, "-m", "bench.subjects.probe", os.path.join(state, "data")],
            child_environment(finds_bench=True),
        )
        if probe.code:
            return Checked({}, [*problems, f"verification failed: {probe.complaint()}"], said.get("duration_s"))
        counts: dict[str, Any] = probe.json()
        return Checked(counts, problems + differences(expected, counts), said.get("duration_s"))


def _counters(phase: Phase, expected: Mapping[str, int]) -> dict[str, int]:
    zero = {"inserted": 0, "updated": 0, "deleted": 0, "kept": 0, "failed": 0, "withheld_deletes": 0}
    documents, edited, added = expected["documents"], expected["edited"], expected["added"]
    match phase:
        case Phase.FULL:
            return {**zero, "inserted": documents}
        case Phase.NOOP:
            return {**zero, "kept": documents}
        case Phase.CHANGE:
            kept = documents - added - edited
            deleted = added  # the workload takes as many away as it adds
            return {**zero, "inserted": added, "updated": edited, "deleted": deleted, "kept": kept}
