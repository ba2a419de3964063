"""Cold starts: `syncline --version`, and `syncline sync` of ten files into a new data directory."""

from __future__ import annotations

import os
import shutil

from bench import machine, workloads
from bench.environment import child_environment
from bench.measure import run
from bench.options import Options
from bench.report import StartupSection, Taken
from bench.subjects.ours import SynclineCli

FILES = 10


def measure(options: Options) -> StartupSection:
    """Each of the two `options.starts` times, after one that writes the compiled files. Stops at a wrong result."""
    section = StartupSection(Taken(options.date, machine.load()), [], [])
    subject = SynclineCli()
    if reason := subject.missing():
        section.problems.append(reason)
        return section
    tree, _ = workloads.kept(options.work, FILES, options.seed)
    for start in range(-1, options.starts):
        version_s, sync_s = _version(section), _sync(section, tree, options.scratch("startup"))
        if section.problems:
            break
        if start >= 0:
            section.version_s.append(version_s)
            section.sync_s.append(sync_s)
    section.taken.load_after = machine.load()
    return section


def _version(section: StartupSection) -> float:
    command = SynclineCli().command("", "")[:1]
    done = run([*command, "--version"], child_environment())
    if done.code or not done.stdout.strip():
        section.problems.append(f"--version: exit code {done.code}: {done.complaint()}")
    return done.wall_s


def _sync(section: StartupSection, tree: str, state: str) -> float:
    shutil.rmtree(state, ignore_errors=True)
    os.makedirs(state)
    subject = SynclineCli()
    done = run(subject.command(tree, state), subject.environment())
    inserted = done.json().get("inserted")
    if done.code or inserted != FILES:
        section.problems.append(f"sync: exit code {done.code}, inserted {inserted}: {done.complaint()}")
    return done.wall_s
