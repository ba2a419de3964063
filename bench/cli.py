"""The command line of the benchmark."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from importlib import import_module
from typing import Any, Final

from bench import docs, files, machine
from bench.environment import ROOT
from bench.figures import Figures
from bench.options import SECTIONS, Options
from bench.peers.install import EVERY, install_peers
from bench.report import Report, load, merged, save

MEASURED_BY: Final[Mapping[str, str]] = {
    "startup": "bench.startup",
    "files": "bench.files",
    "search": "bench.search.race",
    "serving": "bench.serving",
    "objects": "bench.objects",
    "tables": "bench.tables_w2",
    "dialects": "bench.dialects",
}
ORDER: Final = tuple(MEASURED_BY)

EPILOG = """\
  python -m bench --install-peers          once
  python -m bench --write                  everything; half an hour or more
  python -m bench --only search --write    one part; the others keep their last figures
  python -m bench --render --write         no measurement: the page again from the last figures
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Returns 0; 1 when a count is wrong or a step failed, and then the page stays as it is; 2 for wrong usage."""
    arguments = _parser().parse_args(argv)
    options = _options(arguments)
    if arguments.install_peers is not None:
        return install_peers(arguments.install_peers, options.peers)
    latest = options.scratch("latest.json")
    if arguments.render:
        return _show(load(latest), write=arguments.write)
    report, problems = _measure(options)
    save(report, options.scratch(f"report-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"))
    for problem in (problem for found in problems.values() for problem in found):
        print(f"WRONG: {_one_line(problem)}", file=sys.stderr)
    wrong = any(problems.values())
    if not options.quick:
        kept = merged(load(latest), _sound(report, problems))
        save(kept, latest)
        report = report if wrong else kept
    return _show(report, write=arguments.write and not wrong, judged=not options.quick) or int(wrong)


def _measure(options: Options) -> tuple[Report, dict[str, list[str]]]:
    """What was measured, and what is wrong with it by section."""
    os.makedirs(options.work, exist_ok=True)
    report, problems = Report(machine.describe(options.work)), {}
    for name in (name for name in ORDER if name in options.sections):
        section: Any = import_module(MEASURED_BY[name]).measure(options)
        setattr(report, name, section)
        problems[name] = files.problems(section) if name == "files" else section.problems
    return report, problems


def _one_line(problem: str) -> str:
    """Without the middle of a traceback; the raw report has it."""
    first, *rest = problem.splitlines()
    return f"{first[:160]} ... {rest[-1]}" if rest else first


def _sound(report: Report, problems: Mapping[str, Sequence[str]]) -> Report:
    """The report without the sections something is wrong with: figures of a tool that errs are not kept."""
    nothing: dict[str, Any] = {name: None for name, found in problems.items() if found}
    return replace(report, **nothing)


def _show(report: Report | None, *, write: bool, judged: bool = True) -> int:
    if report is None:
        print("nothing has been measured yet", file=sys.stderr)
        return 1
    figures = Figures(report)
    print(docs.printed(figures, judged=judged))
    if write:
        docs.write(figures)
        print(f"\nwritten: {os.path.relpath(docs.PAGE)}", file=sys.stderr)
    return 0


def _options(arguments: argparse.Namespace) -> Options:
    work = os.path.abspath(arguments.work)
    peers = os.path.abspath(arguments.peers or os.path.join(work, "peers"))
    date = arguments.date or f"{datetime.now(UTC):%Y-%m-%d}"
    sections = tuple(arguments.only.split(",")) if arguments.only else SECTIONS
    subjects = tuple(arguments.subjects.split(",")) if arguments.subjects else ()
    quick = arguments.quick
    return Options(
        work=os.path.join(work, "quick") if quick else work,
        peers=peers,
        sections=sections,
        subjects=subjects,
        reps=arguments.reps or (1 if quick else 5),
        files=arguments.files or (500 if quick else 20_000),
        documents=arguments.documents or (5_000 if quick else 1_000_000),
        queries=arguments.queries or (20 if quick else 200),
        starts=2 if quick else 10,
        settle_s=1.0 if quick else 2.5,
        seed=arguments.seed,
        quick=quick,
        date=date,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m bench", description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--quick", action="store_true", help="small inputs, one repetition; counts are verified, times are not judged")
    add("--write", action="store_true", help="update docs/benchmarks.md and its charts")
    add("--render", action="store_true", help="measure nothing; show the last figures again")
    add("--only", metavar="PARTS", help=f"some of {','.join(SECTIONS)}", type=_known(SECTIONS))
    add("--subjects", metavar="NAMES", help="some of the subjects of the file benchmark, such as syncline,rsync")
    add("--reps", type=int, metavar="N", help="repetitions of the file benchmark (5)")
    add("--files", type=_hundreds, metavar="N", help="files of workload W1, a multiple of 100 (20000)")
    add("--documents", type=int, metavar="N", help="documents of the search benchmark (1000000)")
    add("--queries", type=int, metavar="N", help="searches of each kind (200)")
    add("--seed", type=int, default=1, metavar="N", help="seed of all workloads (1)")
    add("--work", default=os.path.join(ROOT, ".bench"), metavar="DIR", help="inputs, states and raw results (.bench)")
    add("--peers", metavar="DIR", help="virtual environments of the Python peers (WORK/peers)")
    add("--date", metavar="YYYY-MM-DD", help="date in the report (today, UTC)")
    names = ", ".join(peer.name for peer in EVERY)
    add("--install-peers", nargs="*", metavar="NAME", help=f"make the environments of all peers or of these: {names}")
    return parser


def _known(names: Sequence[str]) -> Callable[[str], str]:
    def checked(text: str) -> str:
        if unknown := set(text.split(",")) - set(names):
            raise argparse.ArgumentTypeError(f"no such part: {', '.join(sorted(unknown))}")
        return text

    return checked


def _hundreds(text: str) -> int:
    if int(text) % 100 or int(text) < 100:
        raise argparse.ArgumentTypeError("must be a multiple of 100")
    return int(text)
