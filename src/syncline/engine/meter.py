"""Progress of a job: stage, counts, rate and an ETA from planned totals. Reports at most ten times a second."""

from __future__ import annotations

from collections.abc import Callable

from syncline.model.outcomes import Counters
from syncline.model.ports import Clock
from syncline.model.reports import Progress

REPORT_EVERY_S = 0.1
RATE_WINDOW_S = 5.0


class Meter:
    """Counts work as it is planned and done. `counters` is asked for whenever a report is made."""

    def __init__(self, clock: Clock, report: Callable[[Progress], None], counters: Callable[[], Counters]) -> None:
        self._clock = clock
        self._report = report
        self._counters = counters
        self._progress = Progress()
        self._reported_at = 0.0
        self._marks: list[tuple[float, int]] = [(clock(), 0)]

    def stage(self, name: str) -> None:
        """Another stage begins; reported at once."""
        self._progress.stage = name
        self._publish(self._clock())

    def listed(self, n: int) -> None:
        """`n` more documents have been named by the source."""
        self._progress.listed += n
        self._tick()

    def listed_all(self) -> None:
        """The listing is over: what is to be written is known in full."""
        self._progress.planned = self._progress.to_write
        self.stage("applying")

    def planned_write(self, n: int = 1) -> None:
        """So many more documents must be fetched."""
        self._progress.to_write += n

    def done(self, n: int = 1) -> None:
        """So many of those have been dealt with."""
        self._progress.written += n
        self._tick()

    def _tick(self) -> None:
        now = self._clock()
        if now - self._reported_at >= REPORT_EVERY_S:
            self._publish(now)

    def _publish(self, now: float) -> None:
        self._reported_at = now
        progress = self._progress
        progress.counters = self._counters()
        progress.rate = self._rate(now, progress.written or progress.listed)
        left = progress.to_write - progress.written
        honest = progress.planned is not None and progress.rate > 0 and left > 0
        progress.eta_s = left / progress.rate if honest else None
        self._report(progress)

    def _rate(self, now: float, done: int) -> float:
        self._marks.append((now, done))
        while len(self._marks) > 2 and self._marks[0][0] < now - RATE_WINDOW_S:
            self._marks.pop(0)
        since, before = self._marks[0]
        return max(0.0, (done - before) / (now - since)) if now > since else 0.0
