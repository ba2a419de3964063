"""Jobs and processes: killed, stopped from another terminal, interrupted, hanging; never two at once."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from syncline import Syncline
from syncline.model.jobs import JobState

SLOW = """
import time
from syncline import Document, source

@source("slow")
def slow(config):
    for number in range(100_000):
        yield Document(f"d{number:06}", text=f"text {number}")
        time.sleep(0.002)
"""
HANGING = {
    "endless loop": "while True: pass",
    "blocked call": "import time; time.sleep(1000)",
    "blocked system call": "import os; os.read(os.pipe()[0], 1)",
}
HANGS = """
from syncline import Document, source

@source("hangs")
def hangs(config):
    yield Document("first", text="text")
    {}
"""


def wait_for(condition: Callable[[], object], seconds: float = 20) -> object:
    """The condition's value once it is true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError("it did not happen in time")


def active(state: Path) -> Any:
    with Syncline(state) as syncline:
        return next((job for job in syncline.jobs() if job.state is JobState.RUNNING), None)


def add(state: Path, tmp_path: Path, name: str, code: str) -> None:
    (tmp_path / f"{name}.py").write_text(code)
    with Syncline(state) as syncline:
        syncline.add_connector(f"{tmp_path}/{name}.py:{name}", {}, name=name)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_invariant_08_an_interrupt_stops_a_job_cleanly_and_the_next_run_carries_on(
    command: Any, state: Path, tmp_path: Path, number: signal.Signals, remark: Callable[[str], None]
) -> None:
    add(state, tmp_path, "slow", SLOW)
    process = command.start("sync", "slow", "--json")
    wait_for(lambda: (job := active(state)) and job.counters.inserted)
    asked = time.monotonic()
    process.send_signal(number)
    out, _ = process.communicate(timeout=60)
    remark(f"stop by {number.name}: {time.monotonic() - asked:.2f} s")
    assert process.returncode == 130
    result = json.loads(out)
    assert result["status"] == "stopped"
    assert result["inserted"] > 0
    with Syncline(state) as syncline:
        assert syncline.search("text", limit=1).total == result["inserted"]  # invariant 9
        assert syncline.verify().ok


@pytest.mark.parametrize("kind", HANGING)
def test_invariant_08_a_stop_is_bounded_even_when_a_connector_hangs(
    command: Any, state: Path, tmp_path: Path, kind: str, remark: Callable[[str], None]
) -> None:
    add(state, tmp_path, "hangs", HANGS.format(HANGING[kind]))
    process = command.start("sync", "hangs", "--json")
    job = wait_for(lambda: active(state))
    time.sleep(0.5)
    asked = time.monotonic()
    command("job", "stop", str(job.number))  # type: ignore[attr-defined]
    out, _ = process.communicate(timeout=60)
    took = time.monotonic() - asked
    remark(f"stop by another terminal, {kind}: {took:.2f} s")
    assert process.returncode == 130
    assert json.loads(out)["status"] == "stopped"
    with Syncline(state) as syncline:
        assert syncline.job(job.number).state is JobState.STOPPED  # type: ignore[attr-defined]
        assert syncline.verify().ok


def test_invariant_03_a_second_job_of_a_connector_is_refused_while_one_runs(
    command: Any, state: Path, tmp_path: Path
) -> None:
    add(state, tmp_path, "slow", SLOW)
    process = command.start("sync", "slow")
    job = wait_for(lambda: active(state))
    refusal = command("sync", "slow", code=5)
    assert refusal["error"]["code"] == "job.active"
    assert refusal["error"]["job_id"] == job.id  # type: ignore[attr-defined]
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)


def test_a_job_whose_process_was_killed_is_resumed_as_the_same_job(command: Any, state: Path, tmp_path: Path) -> None:
    add(state, tmp_path, "slow", SLOW.replace("100_000", "300"))
    process = command.start("sync", "slow")
    job = wait_for(lambda: active(state))
    time.sleep(0.4)
    process.kill()
    process.communicate()
    assert active(state) is not None
    result = command("sync", "slow")
    assert result["job_id"] == job.id  # type: ignore[attr-defined]
    assert result["inserted"] == 300
    assert result["kept"] == 0
    with Syncline(state) as syncline:
        assert syncline.job(job.id).attempt == 2  # type: ignore[attr-defined]


def test_stopping_a_job_whose_process_is_dead_stops_it_at_once(command: Any, state: Path, tmp_path: Path) -> None:
    add(state, tmp_path, "slow", SLOW)
    process = command.start("sync", "slow")
    job = wait_for(lambda: active(state))
    process.kill()
    process.communicate()
    command("job", "stop", str(job.number))  # type: ignore[attr-defined]
    with Syncline(state) as syncline:
        assert syncline.job(job.number).state is JobState.STOPPED  # type: ignore[attr-defined]


def test_a_process_killed_at_any_time_loses_nothing(
    command: Any, state: Path, docs: Path, remark: Callable[[str], None]
) -> None:
    """Invariants 1, 5, 7 and 9 under real `kill -9`, over and over."""
    dice = random.Random(7)
    model: dict[str, str] = {}
    rounds, killed = 40, 0
    for path in docs.iterdir():
        path.unlink()
    for turn in range(rounds):
        edit(docs, model, dice, turn)
        process = command.start("sync", str(docs))
        try:
            process.wait(timeout=dice.uniform(0.05, 0.6))
        except Exception:
            process.send_signal(signal.SIGKILL)
            killed += 1
        process.communicate()
    edit(docs, model, dice, rounds)
    command("sync", str(docs))  # resumes the job that was killed last, if one was
    command("sync", str(docs))
    with Syncline(state) as syncline:
        report = syncline.verify(source=True)
        assert report.problems == []
        assert report.documents == report.searchable == len(model)
        for id in dice.sample(sorted(model), 20):
            (hit,) = [hit for hit in syncline.search(model[id], limit=5).hits if hit.id == id]
            assert model[id] in hit.snippet
        assert not [job for job in syncline.jobs(limit=100) if job.active]
        before = syncline.jobs(limit=1)[0].number
        assert syncline.sync(str(docs)).counters.changed == 0
        assert syncline.jobs(limit=1)[0].number == before + 1
    remark(f"kill -9: {killed} of {rounds} rounds killed, 0 documents lost, duplicated or left over")
    assert killed >= 10


def edit(docs: Path, model: dict[str, str], dice: random.Random, turn: int) -> None:
    for _ in range(60):
        name = f"{dice.randrange(8)}/{dice.randrange(60)}.txt"
        path = docs / name
        if dice.random() < 0.2:
            path.unlink(missing_ok=True)
            model.pop(name, None)
        else:
            path.parent.mkdir(exist_ok=True)
            word = f"word{turn}x{dice.randrange(10**9)}"
            path.write_text(word)
            model[name] = word


def test_invariant_12_a_data_directory_is_readable_by_its_owner_only(command: Any, state: Path, docs: Path) -> None:
    command("sync", str(docs))
    assert os.stat(state).st_mode & 0o077 == 0
