"""Runs the steps, each in a process of its own, and collects what they say."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from typing import Any

from bench import machine
from bench.environment import child_environment
from bench.measure import Measured, run
from bench.options import Options
from bench.report import Build, FileChange, QueryClass, Sample, SearchSection, Taken
from bench.search.written import Watch

_GENERATE = (
    "import sys; from bench.small_documents import documents;"
    "print(sum(len(d.text) for d in documents(*map(int, sys.argv[1:]))))"
)


def measure(options: Options) -> SearchSection:
    """Everything, in order; stops at the first step that fails and says so in `problems`."""
    section = SearchSection(Taken(options.date, machine.load()), options.documents, generate_s=0.0)
    home = options.scratch("search")
    shutil.rmtree(home, ignore_errors=True)
    os.makedirs(home)
    try:
        _steps(section, options, os.path.join(home, "data"))
    except StepFailed as error:
        section.problems.append(str(error))
    section.taken.load_after = machine.load()
    return section


class StepFailed(Exception):
    """A process of this benchmark did not end well."""


def _steps(section: SearchSection, options: Options, data_dir: str) -> None:
    count, seed = str(options.documents), str(options.seed)
    section.generate_s = _python("generate", "-c", _GENERATE, count, seed).wall_s
    section.build = _build("build", data_dir, count, seed)
    _expect(section, "build", section.build, {"inserted": options.documents})
    with Watch(data_dir) as watch:
        section.again = _build("second sync", data_dir, count, seed)
    section.changes = watch.changes
    _expect(section, "second sync", section.again, {"kept": options.documents})
    section.problems += _rewritten(watch.changes)
    said = _python("queries", "-m", "bench.search.queries", data_dir, count, seed, str(options.queries)).json()
    section.open_ms, section.first_query_ms = said["open_ms"], said["first_query_ms"]
    section.queries = [QueryClass(**line) for line in said["queries"]]
    section.problems += [problem for kind in section.queries for problem in _unmatched(kind)]


def _build(step: str, data_dir: str, count: str, seed: str) -> Build:
    done = _python(step, "-m", "bench.search.build", data_dir, count, seed)
    said: dict[str, Any] = done.json()
    if said["error"]:
        raise StepFailed(f"{step}: {said['error']}")
    return Build(
        wall_s=done.wall_s,
        cpu_s=done.cpu_s,
        peak_mb=max(said["peak_mb"], done.rss_mb),
        disk_write_mb=said["disk_write_mb"],
        status=said["status"],
        counters=said["counters"],
        samples=[Sample(**sample) for sample in said["samples"]],
    )


def _python(step: str, *arguments: str) -> Measured:
    done = run([sys.executable, *arguments], child_environment(finds_bench=True))
    if done.code:
        raise StepFailed(f"{step}: exit code {done.code}: {done.complaint()}")
    return done


def _expect(section: SearchSection, step: str, build: Build, counters: Mapping[str, int]) -> None:
    """Every other counter must be 0."""
    names = build.counters.keys() | counters.keys()
    wrong = {
        name: build.counters.get(name, 0) for name in names if build.counters.get(name, 0) != counters.get(name, 0)
    }
    if build.status != "succeeded" or wrong:
        section.problems.append(f"{step}: {build.status}, unexpected counters {wrong}, expected {dict(counters)}")


def _unmatched(kind: QueryClass) -> list[str]:
    """Phrases are cut out of documents and must be found; two medium words may meet nowhere in a small index."""
    allowed = 0 if "phrase" in kind.name else kind.queries if "medium" in kind.name else kind.queries - 1
    return [f"{kind.name}: {kind.unmatched} of {kind.queries} found nothing"] if kind.unmatched > allowed else []


def _rewritten(changes: list[FileChange]) -> list[str]:
    """Tables that hold a row for each document must not change size when nothing changed."""
    return [
        f"second sync: {change.name}, table {table}: {rows} rows became {change.rows_after.get(table)}"
        for change in changes
        for table, rows in change.rows_before.items()
        if rows >= 1000 and change.rows_after.get(table) != rows
    ]
