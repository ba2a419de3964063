"""Several processes on one text index, and processes that are killed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.destinations.truths import FileTruth

from syncline.destinations.embedded.text import TextIndex

# Writes until it is killed; settles now and then; prints a line after each settled change.
WRITER = """
import random, sys
from syncline.destinations.embedded import session
from syncline.destinations.embedded.text import TextIndex
from tests.destinations.truths import FileTruth

path, seed, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
rng = random.Random(seed)
session.COMMIT_EVERY_S = 0.05
truth = FileTruth(path + "/truth.db")
index = TextIndex(path + "/text", lambda: FileTruth(path + "/truth.db"))
index.start()
for round in range(rounds):
    changed = [f"{seed}-{rng.randrange(800)}" for _ in range(rng.choice([5, 700]))]
    truth.put({id: f"word{rng.randrange(9)} round {round}" for id in changed})
    truth.delete([f"{seed}-{rng.randrange(800)}" for _ in range(50)])
    index.wake()
    if round % 3 == 0:
        index.settle()
        print(truth.newest(), flush=True)
index.settle()
index.close()
"""


def spawn(path: Path, seed: int, rounds: int = 10**6) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), str(seed), str(rounds)],
        stdout=subprocess.PIPE,
        cwd=os.getcwd(),
    )


def opened(path: Path) -> tuple[FileTruth, TextIndex, list[str]]:
    told: list[str] = []
    truth = FileTruth(str(path / "truth.db"))
    return truth, TextIndex(str(path / "text"), lambda: FileTruth(str(path / "truth.db")), tell=told.append), told


def test_a_writer_killed_at_any_moment_leaves_an_index_that_can_be_completed(tmp_path, remark):
    rng = random.Random(6)
    rounds = 25
    for seed in range(rounds):
        writer = spawn(tmp_path, seed % 3)
        assert writer.stdout is not None
        writer.stdout.readline()
        time.sleep(rng.random() * 0.4)
        writer.send_signal(signal.SIGKILL)
        writer.communicate()
        truth, index, told = opened(tmp_path)
        index.settle(timeout_s=10)
        assert list(index.pairs()) == truth.pairs()
        assert told == []
        index.close()
        truth.close()
    remark(f"kill -9 of a text index writer: {rounds} rounds")


@pytest.mark.parametrize("killed", [False, True])
def test_two_processes_write_one_index(tmp_path, killed):
    writers = [spawn(tmp_path, seed, rounds=12) for seed in (1, 2)]
    if killed:
        assert writers[0].stdout is not None
        writers[0].stdout.readline()
        writers[0].kill()
    assert writers[1].wait(60) == 0
    assert killed or writers[0].wait(60) == 0
    for writer in writers:
        writer.communicate()
    truth, index, told = opened(tmp_path)
    index.settle(timeout_s=10)
    assert list(index.pairs()) == truth.pairs()
    assert told == []
    index.close()
    truth.close()
