"""Processes that are killed at a durable write to PostgreSQL: the next one ends their job as if nothing had been."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.engine.conftest import World
from tests.engine.test_crashes import begin, crashes, small_batches

from syncline.model.search import Reader, Request
from syncline.service import care, jobs, searching
from syncline.testing import CrashAt, CrashRecorder, MemorySource, SimulatedCrash

__all__ = ["small_batches"]

DIE = """
import os, signal, sys
from syncline.engine import desk
from syncline.service import jobs
from syncline.wiring import Installation
desk.BATCH_ROWS = 5
passed = 0

def crash(point):
    global passed
    passed += point == sys.argv[3]
    if point == sys.argv[3] and passed == int(sys.argv[4]):
        os.kill(os.getpid(), signal.SIGKILL)

jobs.sync(Installation(sys.argv[1], crash=crash), jobs.Order(sys.argv[2]))
"""
POINTS = [
    ("control.claim.inside", 1), ("control.claim.after", 1), ("truth.begin.inside", 1), ("truth.commit.before", 2),
    ("truth.commit.inside", 2), ("truth.commit.after", 2), ("control.end.inside", 1),
]  # fmt: skip


def test_invariants_01_05_07_a_process_killed_at_a_durable_write_leaves_a_job_that_the_next_one_ends(
    base: Any, environ: Any, tmp_path: Path, remark: Callable[[str], None]
) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    for number in range(20):
        (docs / f"{number:02}.txt").write_text(f"word {number}")
    here = base.installation()
    for round, (point, nth) in enumerate(POINTS):
        (docs / f"{round:02}.txt").write_text(f"word again {round}")
        (docs / f"new-{round}.txt").write_text("word")
        for number in range(10, 20):
            (docs / f"{number:02}.txt").write_text(f"word {round} {number}")
        command = [sys.executable, "-c", DIE, here.data_dir, str(docs), point, str(nth)]
        died = subprocess.run(command, env=environ(), capture_output=True, text=True, timeout=60, check=False)
        assert died.returncode == -9, (point, died.stderr)
        result = jobs.sync(here, jobs.Order(str(docs)))
        expected = {path.name: path.read_text() for path in docs.iterdir()}
        stored = here.index("default").truth.after(0, 1000)  # type: ignore[union-attr]
        assert {document.id: document.text for document in stored} == expected, point
        assert len(stored) == len(expected)
        job = here.control().job(result.number)
        assert job.attempt == (1 if point in ("control.claim.inside",) else 2), point
        assert care.verify(here, None, repair=False, source=True).problems == []
    request = Request("word", limit=100, reader=Reader(unrestricted=True))
    assert searching.search(here, None, request).total == 20 + len(POINTS)
    remark(f"PostgreSQL: a process was killed at each of {len(POINTS)} points, nothing lost, nothing doubled")


def test_invariants_01_05_07_a_job_that_dies_at_any_point_and_is_resumed_ends_as_if_it_had_not(
    base: Any, tmp_path: Path, picky: Any, remark: Callable[[str], None]
) -> None:
    stores: dict[str, Any] = {}

    class Here(World):
        """A world whose truth is in PostgreSQL, in an index of its own."""

        def __init__(self, path: Path) -> None:
            self.crash: Any = lambda point: None
            self.name = f"world-{len(stores)}"
            self.store = stores[self.name] = base.store(crash=lambda point: self.crash(point))
            self.store.make(self.name, self.name, 1.0)
            super().__init__(path)

        def open(self) -> Any:
            return self.store.truth(self.name)

    recorder, expected = crashes(tmp_path, Here, picky, MemorySource)
    died = 0
    for crash in recorder.crashes(at_most=1):
        world = Here(tmp_path)
        begin(world, picky, MemorySource())
        world.crash = crash
        with pytest.raises(SimulatedCrash):
            world.run()
        world.reopen()
        ending = world.attempt(world.job)
        after = (ending.event, ending.counters.as_dict(), world.contents(), world.kinds())
        assert after == expected, f"died at {crash.point} (time {crash.nth})"
        world.truth.close()
        died += 1
    assert isinstance(recorder, CrashRecorder)
    assert isinstance(crash, CrashAt)
    remark(f"PostgreSQL: {len(recorder.counts)} crash points named, {died} deaths survived")


@pytest.fixture
def picky() -> Any:
    from tests.engine import conftest

    return conftest.Picky
