"""Everything that was measured, as it lies in .bench/*.json."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, fields

from bench.subjects.base import Phase, Role


@dataclass
class Run:
    """One process of one subject. `rss_mb` is the peak of its largest process. A run that `failed`, with an exit code
    other than 0, has no counts, and its time counts for nothing."""

    subject: str
    phase: Phase
    rep: int
    wall_s: float
    cpu_s: float
    rss_mb: float
    inner_s: float | None
    counts: dict[str, int]
    problems: list[str]
    failed: bool = False


@dataclass
class Contender:
    """A subject of the file benchmark. `missing` says why it was not run."""

    name: str
    role: Role
    version: str = ""
    missing: str = ""


@dataclass
class Taken:
    """When a section was measured, and how busy the machine was (load over one minute, before and after)."""

    date: str
    load_before: float
    load_after: float = 0.0


@dataclass
class FilesSection:
    """Workload W1: `bytes` in `files` files, `reps` times."""

    taken: Taken
    files: int
    bytes: int
    reps: int
    contenders: list[Contender]
    runs: list[Run]


@dataclass
class StartupSection:
    """Wall seconds of each cold start."""

    taken: Taken
    version_s: list[float]
    sync_s: list[float]
    problems: list[str] = field(default_factory=list)


@dataclass
class Sample:
    """Memory at one moment of a build, in MB: resident, its private part, its part that is mapped files."""

    at_s: float
    written: int
    rss_mb: float
    anonymous_mb: float
    file_mb: float


@dataclass
class Build:
    """One sync of the generated documents. `peak_mb` is VmHWM; `disk_write_mb` what it sent to the disk."""

    wall_s: float
    cpu_s: float
    peak_mb: float
    disk_write_mb: float
    status: str
    counters: dict[str, int]
    samples: list[Sample]


@dataclass
class FileChange:
    """A file of the data directory, before and after the second sync. `rows` are those of its tables (SQLite only)."""

    name: str
    bytes_before: int
    bytes_after: int
    same_bytes: bool
    rows_before: dict[str, int] = field(default_factory=dict)
    rows_after: dict[str, int] = field(default_factory=dict)
    written: bool | None = None  # PRAGMA data_version moved; None: not a database

    @property
    def same_rows(self) -> bool:
        """True when no table grew or shrank."""
        return self.rows_before == self.rows_after


@dataclass
class QueryClass:
    """Latency in milliseconds of one kind of query. `unmatched` queries found nothing."""

    name: str
    queries: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float
    median_matches: int
    unmatched: int


@dataclass
class SearchSection:
    """The index of many small documents: built, synced again unchanged, asked. `generate_s` is the source alone."""

    taken: Taken
    documents: int
    generate_s: float
    build: Build | None = None
    again: Build | None = None
    changes: list[FileChange] = field(default_factory=list)
    open_ms: float = 0.0
    first_query_ms: float = 0.0
    queries: list[QueryClass] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


@dataclass
class ServingSection:
    """The server: `ready_s` until it answers, at rest (PSS of all processes, RSS of the server alone), one job after
    another (`start_ms` until it has begun, `run_ms` until it has ended), and all `jobs` at once."""

    taken: Taken
    connectors: int
    jobs: int
    slots: int
    ready_s: float = 0.0
    idle_mb: float = 0.0
    idle_server_mb: float = 0.0
    idle_cpu_percent: float = 0.0
    start_ms: list[float] = field(default_factory=list)
    run_ms: list[float] = field(default_factory=list)
    post_ms: list[float] = field(default_factory=list)
    api_ms: list[float] = field(default_factory=list)
    storm_s: float = 0.0
    succeeded: int = 0
    peak_mb: float = 0.0
    problems: list[str] = field(default_factory=list)

    @property
    def jobs_per_s(self) -> float:
        """Through the storm."""
        return self.jobs / self.storm_s if self.storm_s else 0.0


@dataclass
class Row:
    """One figure. With a `limit` it is a target as well: at most that, or at least it when `at_least`."""

    group: str
    what: str
    value: float
    unit: str = "s"
    limit: float | None = None
    at_least: bool = False
    note: str = ""


@dataclass
class RowsSection:
    """A list of figures that speak for themselves."""

    taken: Taken
    rows: list[Row] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


@dataclass
class Report:
    """One page of the benchmark. A section that was not measured is None."""

    machine: dict[str, str]
    files: FilesSection | None = None
    startup: StartupSection | None = None
    search: SearchSection | None = None
    serving: ServingSection | None = None
    objects: RowsSection | None = None
    tables: RowsSection | None = None
    dialects: RowsSection | None = None


ROWS = ("objects", "tables", "dialects")  # sections that are lists of figures


def save(report: Report, path: str) -> None:
    """Write it as JSON; whole or not at all."""
    from pydantic import TypeAdapter

    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path + ".new", "wb") as out:
        out.write(TypeAdapter(Report).dump_json(report, indent=1))
    os.replace(path + ".new", path)


def load(path: str) -> Report | None:
    """Read it again; None when there is no such file. Raises ValidationError when it is of another shape."""
    from pydantic import TypeAdapter

    if not os.path.exists(path):
        return None
    with open(path, "rb") as kept:
        return TypeAdapter(Report).validate_json(kept.read())


def merged(earlier: Report | None, new: Report) -> Report:
    """`new`, with the sections it lacks taken from `earlier`."""
    if earlier is None:
        return new
    names = [each.name for each in fields(Report) if each.name != "machine"]
    return Report(new.machine, **{name: getattr(new, name) or getattr(earlier, name) for name in names})
