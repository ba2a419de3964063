"""Made-up reports with round numbers."""

from __future__ import annotations

from bench.report import (
    Build,
    Contender,
    FileChange,
    FilesSection,
    QueryClass,
    Report,
    Row,
    RowsSection,
    Run,
    Sample,
    SearchSection,
    ServingSection,
    StartupSection,
    Taken,
)
from bench.subjects.base import Phase, Role

COUNTS = {"documents": 500, "unedited": 0, "edited": 5, "added": 5, "doomed": 0}


def taken() -> Taken:
    """On a quiet machine."""
    return Taken("2026-11-22", 0.1, 0.9)


def run(subject: str, phase: Phase, wall_s: float, rep: int = 0, **counts: int) -> Run:
    """One measured process; counts are right unless given."""
    problems = [f"{name}: {n}, expected {COUNTS[name]}" for name, n in counts.items() if n != COUNTS[name]]
    return Run(subject, phase, rep, wall_s, wall_s * 0.9, 40.0, wall_s * 0.8, {**COUNTS, **counts}, problems)


def files(
    walls: dict[str, tuple[float, float, float]], missing: dict[str, str] | None = None, size: int = 20_000
) -> FilesSection:
    """One repetition; `walls` gives seconds of full, noop and change by subject."""
    roles = {"syncline": Role.OURS, "floor-walk": Role.FLOOR, "floor-read": Role.FLOOR}
    contenders = [Contender(name, roles.get(name, Role.PEER), f"{name} 1.0") for name in walls]
    contenders += [Contender(name, Role.PEER, "", reason) for name, reason in (missing or {}).items()]
    runs = [run(name, phase, s) for name, times in walls.items() for phase, s in zip(Phase, times, strict=True)]
    return FilesSection(taken(), size, 2_500 * size, 1, contenders, runs)


def rows(rate: float = 250.0) -> RowsSection:
    """Two groups; one figure is a target, one has a note."""
    return RowsSection(
        taken(),
        [
            Row("a hundred objects", "ours", rate, "/s", 200.0, at_least=True, note="5 listings"),
            Row("a hundred objects", "theirs", 90.5, "/s"),
            Row("alone", "a wait", 0.25),
        ],
    )


def search(documents: int = 1_000_000, p95_ms: float = 4.0, late_mb: float = 150.0) -> SearchSection:
    """An index that was built, synced again without a write, and asked."""
    samples = [
        Sample(1.0, 100_000, 140.0, 100.0, 40.0),
        Sample(2.0, 200_000, 150.0, 100.0, 50.0),
        Sample(9.0, documents, late_mb, 100.0, 50.0),
    ]
    build = Build(20.0, 25.0, 200.0, 900.0, "succeeded", {"inserted": documents}, samples)
    again = Build(10.0, 11.0, 120.0, 0.1, "succeeded", {"kept": documents}, [])
    names = ("one frequent word", "two frequent words", "three frequent words")
    kinds = [QueryClass(name, 200, 1.0, p95_ms, 6.0, 7.0, 1234, 0) for name in names]
    changes = [FileChange("control.db", 8192, 8192, False, {"job": 1}, {"job": 2}, True)]
    return SearchSection(taken(), documents, 8.0, build, again, changes, 5.0, 9.0, kinds)


def serving(jobs: int = 2_000, storm_s: float = 80.0) -> ServingSection:
    """A server that keeps its promises."""
    return ServingSection(
        taken(),
        500,
        jobs,
        8,
        0.6,
        60.0,
        52.0,
        0.4,
        [15.0, 30.0],
        [30.0, 60.0],
        [5.0, 9.0],
        [4.0, 80.0],
        storm_s,
        jobs,
        230.0,
    )


def report() -> Report:
    """All sections; Syncline reaches every target that speaks of those subjects."""
    walls = {
        "syncline": (2.0, 0.4, 0.5),
        "floor-walk": (0.2, 0.2, 0.2),
        "floor-read": (0.6, 0.6, 0.6),
        "rclone": (3.0, 0.4, 0.5),
        "langchain": (8.0, 9.0, 9.0),
    }
    startup = StartupSection(taken(), [0.07, 0.08, 0.09], [0.3, 0.4, 0.6])
    section = files(walls, missing={"dlt": "not installed (python -m bench --install-peers dlt)"})
    return Report({"CPU": "a processor"}, section, startup, search(), serving(), rows(), rows(), rows())
