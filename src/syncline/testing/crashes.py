"""Dying on purpose, at a named point: what a CrashPoint (model/ports.py) is for.

    recorder = CrashRecorder()
    run_a_job(crash=recorder)                       # learn every point that is passed, and how often
    for crash in recorder.crashes():                # then die at each of them
        with pytest.raises(SimulatedCrash): run_a_job(crash=crash)

A SimulatedCrash is no Exception: nothing that handles errors can catch it by accident, as nothing can catch `kill -9`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator


class SimulatedCrash(BaseException):
    """The process died at `point`, when it was passed for the `nth` time."""

    def __init__(self, point: str, nth: int = 1) -> None:
        super().__init__(f"died at {point} (time {nth})")
        self.point = point
        self.nth = nth


class CrashAt:
    """A CrashPoint that raises SimulatedCrash when `point` is passed for the `nth` time (1: the first), only then."""

    def __init__(self, point: str, nth: int = 1) -> None:
        self.point = point
        self.nth = nth
        self.passed = 0

    def __call__(self, point: str) -> None:
        if point != self.point:
            return
        self.passed += 1
        if self.passed == self.nth:
            raise SimulatedCrash(point, self.nth)

    @property
    def fired(self) -> bool:
        """True once it has crashed."""
        return self.passed >= self.nth

    def __repr__(self) -> str:
        return f"CrashAt({self.point!r}, {self.nth})"


class CrashRecorder:
    """A CrashPoint that never crashes and remembers every point passed, in order."""

    def __init__(self) -> None:
        self.trail: list[str] = []

    def __call__(self, point: str) -> None:
        self.trail.append(point)

    @property
    def counts(self) -> dict[str, int]:
        """How often each point was passed, in the order they were first passed."""
        return dict(Counter(self.trail))

    def crashes(self, at_most: int = 3) -> Iterator[CrashAt]:
        """One CrashAt for each point: for its first passages, up to `at_most`, and for its last."""
        for point, count in self.counts.items():
            for nth in sorted({*range(1, min(count, at_most) + 1), count}):
                yield CrashAt(point, nth)
