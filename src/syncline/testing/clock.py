"""Time that stands still until a test moves it."""

from __future__ import annotations


class FakeClock:
    """A Clock: calling it gives Unix seconds, UTC. It starts in November 2023 and moves only by `advance`."""

    def __init__(self, now_s: float = 1_700_000_000.0) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        return self.now_s

    def advance(self, seconds: float) -> float:
        """Move on by `seconds`, 0 or more; returns the new time. Raises ValueError: time does not run backwards."""
        if seconds < 0:
            raise ValueError("time does not run backwards")
        self.now_s += seconds
        return self.now_s
