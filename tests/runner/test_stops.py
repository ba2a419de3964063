"""Invariant 8: a stop takes effect within two seconds, whatever the connector does."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from syncline.model.connectors import Connector
from syncline.model.jobs import JobState
from syncline.service import care, jobs
from syncline.wiring import Installation

ROUNDS = 25
HANGING = ("loops", "blocks", "holds")


def test_invariant_08_two_hundred_stops_at_random_points(world, remark: Callable[[str], None]) -> None:
    """Eight connectors side by side; a fifth of the stops meets an endless loop, a blocked system call, or a call that
    holds the interpreter. Afterwards the index is whole and the next jobs go on."""
    supervisor = world.open(jobs=8)
    dice = random.Random(11)
    steady = [world.add("slow", f"slow-{n}") for n in range(8)]
    hanging = [world.add(HANGING[n % 3], f"hangs-{n}") for n in range(8)]
    turns = [[(hanging if dice.random() < 0.2 else steady)[n] for _ in range(ROUNDS)] for n in range(8)]
    waits = [[dice.uniform(0.0, 0.6) for _ in range(ROUNDS)] for _ in range(8)]

    def one_after_the_other(n: int) -> list[float]:
        installation = Installation(world.installation.data_dir)
        took = [
            stop_one(installation, supervisor.wake, connector, wait)
            for connector, wait in zip(turns[n], waits[n], strict=True)
        ]
        installation.close()
        return took

    with ThreadPoolExecutor(8) as pool:
        took = sorted(second for each in pool.map(one_after_the_other, range(8)) for second in each)
    hung = sum(connector in hanging for turn in turns for connector in turn)
    p50, p99 = took[len(took) // 2], took[int(len(took) * 0.99) - 1]
    remark(f"{len(took)} stops, {hung} of hanging connectors: p50 {p50:.2f} s, p99 {p99:.2f} s, max {took[-1]:.2f} s")
    assert care.verify(world.installation, None, repair=False, source=False).problems == []
    world.hurry.touch()
    ended = [world.wait(world.start(connector)) for connector in (*steady, *hanging)]
    assert {job.state for job in ended} == {JobState.SUCCEEDED}
    assert care.verify(world.installation, None, repair=False, source=True).problems == []


def stop_one(installation: Installation, wake: Callable[[], None], connector: Connector, wait: float) -> float:
    """Start a job, let it run for a while, stop it; seconds until it was stopped."""
    job = jobs.start(installation, connector).job
    wake()
    control = installation.control()
    while control.job(job.number).state is JobState.PENDING:
        time.sleep(0.005)
    time.sleep(wait)
    asked = time.monotonic()
    jobs.stop(installation, str(job.number))
    while control.job(job.number).active:
        time.sleep(0.005)
    took = time.monotonic() - asked
    assert control.job(job.number).state is JobState.STOPPED
    return took
