"""What a subject of the file benchmark is, and how its result is judged."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple, Protocol

from bench.measure import Measured


class Phase(StrEnum):
    """The three runs of every repetition, in this order."""

    FULL = "full"
    NOOP = "noop"
    CHANGE = "change"


class Role(StrEnum):
    """Why a subject takes part."""

    OURS = "ours"
    FLOOR = "floor"
    PEER = "peer"


class Checked(NamedTuple):
    """What was found after a run. `inner_s` is the subject's own clock, without start-up, where it has one."""

    counts: Mapping[str, int]
    problems: list[str]
    inner_s: float | None = None


class Subject(Protocol):
    """Something that brings a copy, an index or at least its own knowledge in step with a tree of files."""

    name: str
    role: Role

    def missing(self) -> str | None:
        """Why it cannot take part; None when it can."""
        ...

    def version(self) -> str:
        """What the report calls it."""
        ...

    def prepare(self, state: str) -> None:
        """Make what it needs in its empty state folder before the first run, unmeasured."""
        ...

    def command(self, tree: str, state: str) -> list[str]:
        """The command line of every phase; what it did before lies in `state`."""
        ...

    def environment(self) -> dict[str, str]:
        """The environment of that command."""
        ...

    def check(self, phase: Phase, done: Measured, state: str, expected: Mapping[str, int]) -> Checked:
        """Look at what it left behind. Not measured."""
        ...


def differences(expected: Mapping[str, int], counts: Mapping[str, int]) -> list[str]:
    """One line for each count that is there and wrong."""
    return [
        f"{name}: {counts[name]}, expected {expected[name]}"
        for name in expected
        if name in counts and counts[name] != expected[name]
    ]
