"""Large commits of new documents are written by a process beside the job, which may die, or lose its job."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from syncline.engine import desk, river
from syncline.engine.job import run_job
from syncline.engine.work import Ending, Work
from syncline.model.errors import JobFenced
from syncline.model.jobs import JobEvent
from syncline.model.ports import Batch, Ticket
from syncline.store.sqlite import truth
from syncline.store.sqlite.scribe import Scribe
from syncline.store.sqlite.truth import Truth
from syncline.testing import MemorySheets
from syncline.testing.ledger_suite import document, pasted_of

ROWS = 400


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is large."""
    small(monkeypatch.setattr)


def small(change: Callable[[Any, str, Any], None]) -> None:
    change(truth, "BULK_ROWS", 1)
    change(desk, "PASTED_ROWS", 20)
    change(river, "SHEET_AT_ONCE", 10)
    change(river, "LOOKAHEAD", 40)


@pytest.fixture
def opened(ledger: Callable[[], Truth]) -> Callable[[], Truth]:
    return ledger


def filled(rows: int = ROWS) -> MemorySheets:
    source = MemorySheets(page_size=50)
    for number in range(rows):
        source.put(f"d{number:04}", f"text {number}", title=f"title {number}", metadata={"n": number})
    return source


def run(ledger: Truth, source: Any, job: int, fence: int, **settings: Any) -> Ending:
    return run_job(Work(Ticket(1, job, fence), source, ledger, time.time, **settings))


def contents(ledger: Truth) -> list[Any]:
    documents = sorted((one.id, one.title, one.text, one.metadata["n"]) for one in ledger.after(0, 1_000_000))
    rows = sorted((row.id, row.version, row.fingerprint, row.recipe) for rows in ledger.rows(1) for row in rows)
    return [documents, rows]


def expected(source: MemorySheets, path: Path) -> list[Any]:
    ledger = Truth(str(path / "expected.db"))
    try:
        batch = Batch(sheets=[pasted_of(sorted(source.documents.values(), key=lambda one: one.id))])
        ledger.begin(Ticket(1, 1, 1))
        ledger.commit(Ticket(1, 1, 1), batch)
        return contents(ledger)
    finally:
        ledger.close()


def test_what_the_other_process_writes_is_what_would_have_been_written_here(
    opened: Callable[[], Truth], tmp_path: Path
) -> None:
    source, ledger = filled(), opened()
    ending = run(ledger, source, 1, 1)
    assert (ending.event, ending.counters.as_dict()["inserted"]) == (JobEvent.FINISH, ROWS)
    assert ledger._scribe is not None
    assert contents(ledger) == expected(source, tmp_path)
    assert len(ledger.outcomes(1, limit=10_000)) == ROWS
    source.remove("d0007")
    source.put("d0008", "other", metadata={"n": 8})
    source.put("new", "new", metadata={"n": 1})
    counters = run(ledger, source, 2, 2).counters.as_dict()
    assert (counters["inserted"], counters["updated"], counters["deleted"], counters["kept"]) == (1, 1, 1, ROWS - 2)


def test_files_in_the_working_directory_are_none_of_its_modules(
    opened: Callable[[], Truth], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pickle.py").write_text("raise SystemExit('another pickle')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path not in ("", ".")])
    assert run(opened(), filled(), 1, 1).event is JobEvent.FINISH


def test_it_ends_with_the_ledger(opened: Callable[[], Truth]) -> None:
    ledger = opened()
    run(ledger, filled(), 1, 1)
    assert ledger._scribe is not None
    pid = ledger._scribe.pid
    os.kill(pid, signal.SIGINT)  # from a terminal, everybody gets it
    os.kill(pid, signal.SIGTERM)
    os.kill(pid, 0)
    ledger.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_invariant_02_an_older_attempt_is_refused_there_too(opened: Callable[[], Truth]) -> None:
    early, late = opened(), opened()
    early.begin(Ticket(1, 1, 1))
    early.begin_commit(Ticket(1, 1, 1), Batch(sheets=[pasted_of([document("a")])]))()
    late.begin(Ticket(1, 1, 2))
    land = early.begin_commit(Ticket(1, 1, 1), Batch(sheets=[pasted_of([document("b")])]))
    with pytest.raises(JobFenced):
        land()
    assert set(late.held(1, ["a", "b"])) == {"a"}


@pytest.mark.parametrize("seed", range(6))
def test_invariant_07_when_it_is_killed_the_job_fails_and_the_next_attempt_goes_on(
    opened: Callable[[], Truth], tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    dice, source, ledger = random.Random(seed), filled(), opened()
    fatal, handed = dice.randrange(2, 12), iter(range(1, 1000))
    begin = Scribe.begin

    def killed(scribe: Scribe, ticket: Ticket, batch: Batch) -> None:
        dies = next(handed) == fatal
        if dies and dice.random() < 0.5:
            os.kill(scribe.pid, signal.SIGKILL)
        begin(scribe, ticket, batch)
        if dies:
            os.kill(scribe.pid, signal.SIGKILL)

    monkeypatch.setattr(Scribe, "begin", killed)
    ending = run(ledger, source, 1, 1)
    assert ending.event is JobEvent.FAIL
    assert ending.error is not None
    assert ending.error.code.startswith("destination")
    assert ending.counters.inserted == len(ledger.outcomes(1, limit=10_000))
    monkeypatch.setattr(Scribe, "begin", begin)
    ledger.close()
    ending = run(opened(), source, 1, 2)
    assert (ending.event, ending.counters.inserted) == (JobEvent.FINISH, ROWS)
    assert contents(opened()) == expected(source, tmp_path)


JOB = """
import sys, time
sys.path.insert(0, {here!r})
import test_scribe
test_scribe.small(setattr)
ledger = test_scribe.Truth({path!r})
slow = lambda progress: (print(progress.counters.inserted, flush=True), time.sleep(0.001))
test_scribe.run(ledger, test_scribe.filled(), 1, 1, report=slow)
"""


@pytest.mark.parametrize("seed", range(4))
def test_invariants_01_07_when_its_job_is_killed_the_next_attempt_goes_on(
    opened: Callable[[], Truth], tmp_path: Path, seed: int
) -> None:
    code = JOB.format(here=str(Path(__file__).parent), path=str(tmp_path / "truth.db"))
    job = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert job.stdout is not None
    enough = seed * 100
    for line in job.stdout:
        if int(line) >= enough:
            break
    job.kill()
    job.wait()
    job.stdout.close()
    source, ledger = filled(), opened()
    ending = run(ledger, source, 1, 2)
    assert (ending.event, ending.counters.inserted) == (JobEvent.FINISH, ROWS)
    assert contents(ledger) == expected(source, tmp_path)
    assert len(ledger.outcomes(1, limit=10_000)) == ROWS
