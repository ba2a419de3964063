"""Medians and percentiles, asked of a report by name. What was not measured is None."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence

from bench.report import Report, Run, Sample
from bench.subjects.base import Phase

Pick = Callable[[Run], float | None]

FLAT_FROM = 200_000  # documents; from here on memory must not grow with the index


def percentile(values: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile of one or more values."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


class Figures:
    """A report, reduced to the numbers that are judged and printed."""

    def __init__(self, report: Report) -> None:
        self.report = report

    def runs(self, subject: str, phase: Phase) -> list[Run]:
        """The repetitions of one subject in one phase, in order; failed ones too."""
        if self.report.files is None:
            return []
        return [run for run in self.report.files.runs if run.subject == subject and run.phase is phase]

    def median(self, subject: str, phase: Phase, of: Pick = lambda run: run.wall_s) -> float | None:
        """The median over repetitions, of wall seconds unless said otherwise. None when one of them failed."""
        runs = self.runs(subject, phase)
        values = [value for run in runs if (value := of(run)) is not None]
        return statistics.median(values) if values and not any(run.failed for run in runs) else None

    def worst_count(self, subject: str, phase: Phase, name: str) -> int | None:
        """The highest value of a count over repetitions, such as deletions left."""
        values = [run.counts[name] for run in self.runs(subject, phase) if name in run.counts]
        return max(values) if values else None

    def latency(self, *classes: str) -> float | None:
        """The worst p95 in milliseconds of these kinds of queries."""
        if self.report.search is None:
            return None
        values = [kind.p95_ms for kind in self.report.search.queries if kind.name in classes]
        return max(values) if values else None

    def growth(self) -> float | None:
        """Highest resident memory from FLAT_FROM documents on, divided by the highest before."""
        search = self.report.search
        if search is None or search.build is None:
            return None
        early = [sample.rss_mb for sample in search.build.samples if sample.written <= FLAT_FROM]
        late = [sample.rss_mb for sample in search.build.samples if sample.written > FLAT_FROM]
        return max(late) / max(early) if early and late else None

    def mark(self, written: int) -> Sample | None:
        """The first sample at or after this many documents."""
        if self.report.search is None or self.report.search.build is None:
            return None
        return next((sample for sample in self.report.search.build.samples if sample.written >= written), None)
