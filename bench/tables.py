"""The report as Markdown: one function for each part of docs/benchmarks.md."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence

from bench.figures import Figures, percentile
from bench.report import Build, Contender, FileChange, Row, RowsSection, Run, Taken
from bench.subjects.base import Phase
from bench.targets import Outcome, Verdict, judge_all

TITLES = {
    Phase.FULL: "First sync",
    Phase.NOOP: "Nothing changed",
    Phase.CHANGE: "1 % edited, 1 % added, 1 % deleted",
}
FLOOR_OF = {Phase.FULL: "floor-read", Phase.NOOP: "floor-walk", Phase.CHANGE: "floor-walk"}
IDLE = 0.5  # a load average that still counts as a quiet machine
NOT_YET = "*Not measured yet: `python -m bench --write`.*"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, words: int = 1) -> str:
    """A Markdown table; the first `words` columns are left-aligned, the others right."""
    lines = [head, [*["---"] * words, *["---:"] * (len(head) - words)], *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def seconds(value: float | None) -> str:
    """Three significant places at the most; – when there is none."""
    if value is None:
        return "–"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 0.1 else f"{value:.3f}"


def spread(values: Sequence[float]) -> str:
    """Median (min–max), in seconds."""
    if not values:
        return "–"
    if len(values) == 1:
        return seconds(values[0])
    return f"{seconds(statistics.median(values))} ({seconds(min(values))}–{seconds(max(values))})"


def ratio(value: float | None, to: float | None) -> str:
    """How many times as much; – when one is missing."""
    return "–" if value is None or not to else f"{value / to:.2f}" if value / to < 10 else f"{value / to:.0f}"


def machine(figures: Figures) -> str:
    """Where it was measured, and with what."""
    report = figures.report
    rows = [[name, value] for name, value in report.machine.items()]
    if report.files:
        versions = [contender.version for contender in report.files.contenders if contender.version]
        rows.append(["compared", ", ".join(sorted(set(versions), key=versions.index))])
    for name, section in (
        ("files", report.files),
        ("start-up", report.startup),
        ("search", report.search),
        ("server", report.serving),
        ("objects", report.objects),
        ("tables", report.tables),
        ("dialects", report.dialects),
    ):
        if section:
            rows.append([f"{name} measured", _taken(section.taken)])
    return table(["", ""], rows, words=2)


def _taken(taken: Taken) -> str:
    busy = "; **others were using the machine**" if taken.load_before > IDLE else ""
    return f"{taken.date}; load {taken.load_before:g} before, {taken.load_after:g} after{busy}"


def targets(figures: Figures) -> str:
    """Every target: what was measured, the limit, reached or missed by how much."""
    rows = [_verdict(verdict) for verdict in judge_all(figures)]
    return table(["workload", "target", "measured", "limit", "outcome"], rows, words=2)


def _verdict(verdict: Verdict) -> list[str]:
    target, measured, limit = verdict.target, _side(verdict, verdict.value), _side(verdict, verdict.limit)
    return [target.group, target.text, measured, limit, _outcome(verdict)]


def _side(verdict: Verdict, value: float | None) -> str:
    if value is None:
        return "–"
    return amount(value, verdict.target.unit)


def _outcome(verdict: Verdict) -> str:
    if verdict.outcome is Outcome.MISSED:
        return f"**missed** by {verdict.by:.0%}" if verdict.limit else "**missed**"
    return str(verdict.outcome)


def files(figures: Figures) -> str:
    """One table for each phase, Syncline first; who was not measured, and which checks failed."""
    section = figures.report.files
    if section is None:
        return NOT_YET
    size = f"{section.files:,} files, {section.bytes / 1e6:.0f} MB; repetitions: {section.reps}; median (min–max)."
    parts = [size]
    for phase in Phase:
        parts += [f"### {TITLES[phase]}", _phase(figures, phase, section.contenders)]
    absent = [
        f"- {contender.name}: {_brief(contender.missing)}" for contender in section.contenders if contender.missing
    ]
    failed = [f"- {run.subject}, {run.phase}: {_brief(problem)}" for run in section.runs for problem in run.problems]
    lists = [("Not measured:", absent), ("What went wrong:", list(dict.fromkeys(failed)))]
    return "\n\n".join([*parts, *(f"{title}\n\n" + "\n".join(lines) for title, lines in lists if lines)])


def _phase(figures: Figures, phase: Phase, contenders: Sequence[Contender]) -> str:
    floor = FLOOR_OF[phase]
    head = ["", "wall s", "× syncline", f"× {floor}", "own clock s", "CPU s", "peak MB", "documents"]
    if phase is Phase.CHANGE:
        head += ["edits seen", "additions seen", "deletions left"]
    rows = []
    for contender in contenders:
        runs = figures.runs(contender.name, phase)
        if runs:
            rows.append(_line(figures, phase, floor, runs))
        else:
            rows.append([contender.name, _absence(contender), *["–"] * (len(head) - 2)])
    return table(head, rows)


def _absence(contender: Contender) -> str:
    """Why there is no figure, in two words; the list below the tables has the rest."""
    return next((word for word in ("not installed", "left out") if contender.missing.startswith(word)), "failed")


def _brief(problem: str) -> str:
    """Without the traceback, which stands in the raw report and may name places on this machine."""
    return problem.partition(": ")[0] if "failed" in problem else problem


def _line(figures: Figures, phase: Phase, floor: str, runs: Sequence[Run]) -> list[str]:
    name = runs[0].subject
    if any(run.failed for run in runs):
        return [name, "failed", *["–"] * (9 if phase is Phase.CHANGE else 6)]
    wall = figures.median(name, phase)
    line = [
        name,
        spread([run.wall_s for run in runs]),
        ratio(wall, figures.median("syncline", phase)),
        ratio(wall, figures.median(floor, phase)),
        seconds(figures.median(name, phase, lambda run: run.inner_s)),
        seconds(figures.median(name, phase, lambda run: run.cpu_s)),
        f"{max(run.rss_mb for run in runs):.0f}",
        _count(runs, "documents"),
    ]
    return line + ([_count(runs, key) for key in ("edited", "added", "doomed")] if phase is Phase.CHANGE else [])


def _count(runs: Sequence[Run], name: str) -> str:
    """A count, in bold when a check of it failed; several when repetitions differ."""
    values = sorted({run.counts[name] for run in runs if name in run.counts})
    text = ", ".join(f"{value:,}" for value in values) or "–"
    wrong = any(problem.startswith(f"{name}:") for run in runs for problem in run.problems)
    return f"**{text}**" if wrong else text


def startup(figures: Figures) -> str:
    """Cold starts: median, best and worst."""
    section = figures.report.startup
    if section is None:
        return NOT_YET
    rows = [
        [name, str(len(values)), seconds(statistics.median(values)), seconds(min(values)), seconds(max(values))]
        for name, values in (("`syncline --version`", section.version_s), ("`syncline sync`, 10 files", section.sync_s))
        if values
    ]
    return table(["", "starts", "median s", "best s", "worst s"], rows)


def rows(figures: Figures, name: str) -> str:
    """A section that is a list of figures, one table for each group."""
    section: RowsSection | None = getattr(figures.report, name)
    if section is None or not section.rows:
        return NOT_YET
    groups = list(dict.fromkeys(row.group for row in section.rows))
    return "\n\n".join(_group(group, [row for row in section.rows if row.group == group]) for group in groups)


def _group(group: str, rows: Sequence[Row]) -> str:
    noted = any(row.note for row in rows)
    lines = [[row.what, amount(row.value, row.unit), *([row.note] if noted else [])] for row in rows]
    return table([group, "", *([""] if noted else [])], lines)


def amount(value: float, unit: str) -> str:
    """With as many places as the unit deserves."""
    whole = unit in ("left", "written", "MB", "objects", "requests") or (unit != "s" and abs(value) >= 100)
    return f"{value:,.0f} {unit}" if whole else f"{seconds(value)} {unit}"


def search(figures: Figures) -> str:
    """Latency by kind of query."""
    section = figures.report.search
    if section is None or not section.queries:
        return NOT_YET
    rows = [
        [
            kind.name,
            *(f"{value:.2f}" for value in (kind.p50_ms, kind.p95_ms, kind.p99_ms, kind.max_ms)),
            f"{kind.median_matches:,}",
            f"{kind.unmatched} of {kind.queries}",
        ]
        for kind in section.queries
    ]
    head = ["", "p50 ms", "p95 ms", "p99 ms", "max ms", "matches, median", "found nothing"]
    opened = f"Opening the directory took {section.open_ms:.0f} ms, the first search {section.first_query_ms:.0f} ms."
    return f"{section.documents:,} documents. {opened}\n\n{table(head, rows)}"


def memory(figures: Figures) -> str:
    """The build and the second sync: cost, memory on the way, what was written."""
    section = figures.report.search
    if section is None or section.build is None:
        return NOT_YET
    head = ["", "wall s", "documents/s", "CPU s", "peak MB", "to disk MB", "outcome"]
    rows = [_build("first sync", section.build), *([_build("second sync", section.again)] if section.again else [])]
    alone = f"Making the documents, without Syncline, takes {seconds(section.generate_s)} s of each."
    return "\n\n".join([table(head, rows), alone, _marks(figures, section.documents), _changes(section.changes)])


def _build(name: str, build: Build) -> list[str]:
    counted = {key: n for key, n in build.counters.items() if n}
    outcome = f"{build.status}: " + ", ".join(f"{n:,} {key}" for key, n in counted.items())
    rate = f"{sum(counted.values()) / build.wall_s:,.0f}"
    peak, disk = f"{build.peak_mb:.0f}", f"{build.disk_write_mb:.0f}"
    return [name, seconds(build.wall_s), rate, seconds(build.cpu_s), peak, disk, outcome]


def _marks(figures: Figures, documents: int) -> str:
    step = max(1, documents // 5)
    rows = []
    for written in range(step, documents + 1, step):
        sample = figures.mark(written)
        cells = [sample.at_s, sample.rss_mb, sample.anonymous_mb, sample.file_mb] if sample else []
        rows.append([f"{written:,}", *(f"{cell:.0f}" for cell in cells)] if cells else [f"{written:,}", *["–"] * 4])
    return table(["documents written", "after s", "resident MB", "of it private", "of it mapped files"], rows)


def _changes(changes: Sequence[FileChange]) -> str:
    if not changes:
        return ""
    rows = []
    for change in changes:
        grown = change.bytes_after - change.bytes_before
        same = "same" if change.same_bytes else "other bytes" if not grown else f"{grown:+,} bytes"
        commits = "–" if change.written is None else "yes" if change.written else "no"
        rows.append([f"`{change.name}`", f"{change.bytes_before:,}", same, commits, _rows(change)])
    head = ["file", "bytes before", "after the second sync", "commits", "rows"]
    touched = [row for row in rows if row[2] != "same" or row[3] == "yes"]
    return table(head, touched or [["none", "–", "all the same", "no", "–"]])


def _rows(change: FileChange) -> str:
    if not change.rows_before:
        return "–"
    moved = [
        f"{name} {before:,} → {change.rows_after.get(name, 0):,}"
        for name, before in change.rows_before.items()
        if change.rows_after.get(name) != before
    ]
    return ", ".join(moved) or "same in every table"


def serving(figures: Figures) -> str:
    """The server at rest and under load."""
    section = figures.report.serving
    if section is None:
        return NOT_YET
    rows = [
        ["from the command until requests are answered", f"{seconds(section.ready_s)} s"],
        ["at rest: memory of all processes, shared pages once", f"{section.idle_mb:.0f} MB"],
        ["at rest: resident memory of the server alone", f"{section.idle_server_mb:.0f} MB"],
        ["at rest: CPU", f"{section.idle_cpu_percent:.1f} %"],
        ["one job: request until it has begun, p50 / p99 / worst", f"{percentiles(section.start_ms)} ms"],
        ["one job: request until it has ended, p50 / p99 / worst", f"{percentiles(section.run_ms)} ms"],
        [
            f"{section.jobs:,} jobs of {section.connectors} connectors, {section.slots} at once",
            f"{section.jobs_per_s:.1f} jobs/s",
        ],
        ["meanwhile: a request for a job, p50 / p99 / worst", f"{percentiles(section.post_ms)} ms"],
        ["meanwhile: reading and searching, p50 / p99 / worst", f"{percentiles(section.api_ms)} ms"],
        ["meanwhile: peak memory of all processes, shared pages once", f"{section.peak_mb:.0f} MB"],
    ]
    return table(["", ""], rows)


def percentiles(values: Sequence[float]) -> str:
    """ "12 / 30 / 45": p50, p99 and the highest, in the unit of the values."""
    if not values:
        return "–"
    return " / ".join(f"{percentile(values, p):.0f}" for p in (50, 99, 100))
