"""What Syncline promises, as ratios taken in the same run on the same machine, and whether it keeps it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from bench.figures import Figures, percentile
from bench.report import ROWS, RowsSection, ServingSection, StartupSection
from bench.subjects.base import Phase

FILES = 20_000  # the size the file targets speak of
DOCUMENTS = 1_000_000  # and those of search and memory
COMMON_WORDS = ("one frequent word", "two frequent words", "three frequent words")
JOBS = 2_000  # and those of the server
MAX_GROWTH = 1.2

Number = Callable[[Figures], float | None]


class Outcome(StrEnum):
    """How a target came out."""

    REACHED = "reached"
    MISSED = "missed"
    UNKNOWN = "not measured"


@dataclass(frozen=True)
class Target:
    """`value` must be at most `limit`, or at least it when `at_least`. `unit` is written after both."""

    group: str
    text: str
    value: Number
    limit: Number
    unit: str = "s"
    at_least: bool = False


@dataclass(frozen=True)
class Verdict:
    """`by` is how far beyond the limit, as a fraction of it; 0.0 when reached or when there is nothing to compare."""

    target: Target
    outcome: Outcome
    value: float | None = None
    limit: float | None = None
    by: float = 0.0


def judge(target: Target, figures: Figures) -> Verdict:
    """Compare, when both sides were measured."""
    value, limit = target.value(figures), target.limit(figures)
    if value is None or limit is None:
        return Verdict(target, Outcome.UNKNOWN, value, limit)
    excess = limit - value if target.at_least else value - limit
    if excess <= 0:
        return Verdict(target, Outcome.REACHED, value, limit)
    return Verdict(target, Outcome.MISSED, value, limit, excess / limit if limit else 0.0)


def judge_all(figures: Figures) -> list[Verdict]:
    """Every target, in the order of the table."""
    return [judge(target, figures) for target in (*TARGETS, *_of_rows(figures))]


def _of_rows(figures: Figures) -> Iterator[Target]:
    """Figures that carry their own limits."""
    for name in ROWS:
        section: RowsSection | None = getattr(figures.report, name)
        for row in section.rows if section else ():
            if row.limit is not None:
                value, limit = _fixed(row.value), _fixed(row.limit)
                yield Target(row.group, row.what, value, limit, row.unit, row.at_least)


def _wall(subject: str, phase: Phase, factor: float = 1.0, plus: float = 0.0) -> Number:
    def number(figures: Figures) -> float | None:
        median = figures.median(subject, phase)
        return None if median is None or _is_small(figures) else median * factor + plus

    return number


def _is_small(figures: Figures) -> bool:
    """True when fewer files were synced than the targets speak of: start-up would be judged, not syncing."""
    return figures.report.files is not None and figures.report.files.files < FILES


def _fixed(limit: float) -> Number:
    return lambda _: limit


def _faster(than: str, phase: Phase) -> Number:
    def number(figures: Figures) -> float | None:
        theirs, ours = figures.median(than, phase), figures.median("syncline", phase)
        return None if theirs is None or not ours or _is_small(figures) else theirs / ours

    return number


def _deletions_left(figures: Figures) -> float | None:
    return None if _is_small(figures) else figures.worst_count("syncline", Phase.CHANGE, "doomed")


def _start(of: Callable[[StartupSection], list[float]]) -> Number:
    def number(figures: Figures) -> float | None:
        import statistics

        section = figures.report.startup
        return statistics.median(of(section)) if section and of(section) else None

    return number


def _at_size(number: Number) -> Number:
    """Only of an index of the promised size."""

    def sized(figures: Figures) -> float | None:
        search = figures.report.search
        return number(figures) if search and search.documents >= DOCUMENTS else None

    return sized


def _peak(figures: Figures) -> float | None:
    search = figures.report.search
    return search.build.peak_mb if search and search.build else None


def _documents_rewritten(figures: Figures) -> float | None:
    search = figures.report.search
    if search is None or search.again is None:
        return None
    return float(sum(n for name, n in search.again.counters.items() if name != "kept"))


def _limit(group: str, text: str, phase: Phase, limit: Number) -> Target:
    return Target(group, text, _wall("syncline", phase), limit)


def _times(group: str, phase: Phase, factor: float, than: str, called: str) -> Target:
    text = f"at least {factor:g} × faster than {called}"
    return Target(group, text, _faster(than, phase), _fixed(factor), "×", at_least=True)


FIRST, SAME, CHANGED = "first sync, with text index", "nothing changed", "1 % edited, added, deleted"


def _serving(of: Callable[[ServingSection], float]) -> Number:
    """Only of a server under the promised load."""

    def number(figures: Figures) -> float | None:
        section = figures.report.serving
        return of(section) if section and section.jobs >= JOBS else None

    return number


SERVER = "server"
SEARCH, MEMORY, START = "search, 1,000,000 documents", "1,000,000 small documents", "cold start"

TARGETS: tuple[Target, ...] = (
    _limit(FIRST, "at most 4 × floor-read", Phase.FULL, _wall("floor-read", Phase.FULL, 4.0)),
    _times(FIRST, Phase.FULL, 3.5, "langchain", "LangChain"),
    _times(FIRST, Phase.FULL, 10.0, "dlt", "dlt"),
    _limit(SAME, "at most 1.5 × floor-walk + 0.25 s", Phase.NOOP, _wall("floor-walk", Phase.NOOP, 1.5, 0.25)),
    _limit(SAME, "at most 1.3 × rclone", Phase.NOOP, _wall("rclone", Phase.NOOP, 1.3)),
    _times(SAME, Phase.NOOP, 20.0, "langchain", "LangChain"),
    _limit(CHANGED, "at most 1.6 × nothing changed + 0.1 s", Phase.CHANGE, _wall("syncline", Phase.NOOP, 1.6, 0.1)),
    Target(CHANGED, "every deletion seen", _deletions_left, _fixed(0.0), "left"),
    Target(
        SEARCH,
        "p95 of one to three common words at most 10 ms",
        _at_size(lambda figures: figures.latency(*COMMON_WORDS)),
        _fixed(10.0),
        "ms",
    ),
    Target(MEMORY, "peak memory at most 300 MB", _at_size(_peak), _fixed(300.0), "MB"),
    Target(
        MEMORY,
        f"memory flat from 200,000 documents on (growth at most {MAX_GROWTH:g} ×)",
        _at_size(lambda figures: figures.growth()),
        _fixed(MAX_GROWTH),
        "×",
    ),
    Target(MEMORY, "second sync writes no document", _at_size(_documents_rewritten), _fixed(0.0), "written"),
    Target(START, "`syncline --version` at most 0.1 s", _start(lambda s: s.version_s), _fixed(0.1)),
    Target(START, "`sync` of 10 files at most 0.5 s", _start(lambda s: s.sync_s), _fixed(0.5)),
    Target(SERVER, "answers 1 s after its start", _serving(lambda s: s.ready_s), _fixed(1.0)),
    Target(SERVER, "at rest at most 150 MB", _serving(lambda s: s.idle_mb), _fixed(150.0), "MB"),
    Target(SERVER, "at rest at most 1 % of a CPU", _serving(lambda s: s.idle_cpu_percent), _fixed(1.0), "%"),
    Target(
        SERVER, "a job begins within 150 ms (p99)", _serving(lambda s: percentile(s.start_ms, 99)), _fixed(150.0), "ms"
    ),
    Target(
        SERVER, "at least 20 tiny jobs a second", _serving(lambda s: s.jobs_per_s), _fixed(20.0), "/s", at_least=True
    ),
    Target(
        SERVER,
        "reading and searching meanwhile at most 100 ms (p99)",
        _serving(lambda s: percentile(s.api_ms, 99)),
        _fixed(100.0),
        "ms",
    ),
)
