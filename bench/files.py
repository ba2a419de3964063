"""The file benchmark: every subject over the same tree, phase by phase, the order turned at each repetition.

for each repetition:  fresh copy of the tree ─▶ all subjects: full ─▶ all: noop ─▶ change ─▶ all: change
                      each run: settle the disk, measure one process, verify
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from bench import machine, workloads
from bench.measure import run
from bench.options import Options
from bench.report import Contender, FilesSection, Run, Taken
from bench.subjects import QUICK, Phase, Role, Subject, all_subjects

_WARM_FILES = 100


def measure(options: Options) -> FilesSection:
    """Run it. Subjects that cannot take part are in the result with the reason."""
    subjects, contenders = _field(options)
    tree, size = workloads.kept(options.work, options.files, options.seed)
    section = FilesSection(Taken(options.date, machine.load()), options.files, size, options.reps, contenders, runs=[])
    able = [subject for subject in subjects if _warm(subject, options, contenders)]
    for rep in range(options.reps):
        turn = rep % max(1, len(able))
        section.runs += _repetition(able[turn:] + able[:turn], tree, rep, options)
    section.taken.load_after = machine.load()
    return section


def problems(section: FilesSection) -> list[str]:
    """What must not be: wrong counts or failures of Syncline, the floors and the mirrors. Those of the Python peers are
    findings, and stand in the tables."""
    found = [
        f"{run.subject}, {run.phase}, repetition {run.rep + 1}: {problem}"
        for run in section.runs
        if run.subject in QUICK
        for problem in run.problems
    ]
    broken = [
        f"{contender.name}: {contender.missing}"
        for contender in section.contenders
        if (contender.name in QUICK and contender.missing.startswith("failed"))
        or (contender.role is Role.OURS and contender.missing.startswith("not installed"))
    ]
    return [*found, *broken]


def _field(options: Options) -> tuple[list[Subject], list[Contender]]:
    able, contenders = [], []
    for subject in all_subjects(options.peers):
        reason = _left_out(subject, options) or subject.missing()
        contenders.append(Contender(subject.name, subject.role, "" if reason else subject.version(), reason or ""))
        if not reason:
            able.append(subject)
    return able, contenders


def _left_out(subject: Subject, options: Options) -> str | None:
    if options.subjects and subject.name not in options.subjects:
        return "left out by --subjects"
    if options.quick and subject.name not in QUICK:
        return "left out by --quick"
    return None


def _warm(subject: Subject, options: Options, contenders: Sequence[Contender]) -> bool:
    """Once through all phases of a small tree, unmeasured: compiled files are written, and failures show early."""
    tree, _ = workloads.kept(options.work, _WARM_FILES, options.seed)
    small = replace(options, work=options.scratch("warm"), files=_WARM_FILES, settle_s=0.0)
    for done in _repetition([subject], tree, 0, small):
        if done.failed:
            next(c for c in contenders if c.name == subject.name).missing = done.problems[0]
            return False
    return True


def _repetition(subjects: Sequence[Subject], base: str, rep: int, options: Options) -> list[Run]:
    tree = options.scratch("tree")
    os.makedirs(options.work, exist_ok=True)
    workloads.copy(base, tree)
    shutil.rmtree(options.scratch("state"), ignore_errors=True)
    runs: list[Run] = []
    able = list(subjects)
    for phase in Phase:
        if phase is Phase.CHANGE:
            workloads.change(tree, options.files, options.seed)
        time.sleep(0.0 if phase is Phase.NOOP else options.settle_s)
        expected = workloads.expected(options.files, changed=phase is Phase.CHANGE)
        done = [_one(subject, phase, rep, tree, options, expected) for subject in able]
        able = [subject for subject, run_ in zip(able, done, strict=True) if not run_.failed]
        runs += done
    return runs


def _one(subject: Subject, phase: Phase, rep: int, tree: str, options: Options, expected: Mapping[str, int]) -> Run:
    state = os.path.join(options.scratch("state"), subject.name)
    if phase is Phase.FULL:
        os.makedirs(state)
        subject.prepare(state)
    done = run(subject.command(tree, state), subject.environment())
    result = Run(subject.name, phase, rep, done.wall_s, done.cpu_s, done.rss_mb, None, {}, [])
    if done.code:
        result.failed = True
        result.problems.append(f"failed with exit code {done.code}: {done.complaint()}")
        return result
    checked = subject.check(phase, done, state, expected)
    result.counts, result.problems, result.inner_s = dict(checked.counts), list(checked.problems), checked.inner_s
    return result
