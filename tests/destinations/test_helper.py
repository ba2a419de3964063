"""A process of its own indexes when very many documents wait. Nothing depends on it."""

from __future__ import annotations

import os
import random
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.destinations.floods import BATCH, opened, pour
from tests.destinations.truths import FileTruth

from syncline.destinations.embedded import drainer, helper
from syncline.destinations.embedded.feeds import FeedAt
from syncline.destinations.embedded.layout import WriterLock
from syncline.destinations.embedded.text import TextIndex
from syncline.model.documents import Document
from syncline.model.ports import Batch, Put, Ticket
from syncline.model.search import Reader, Request
from syncline.runner.nursery import Died, Nursery
from syncline.testing.crashes import CrashAt
from syncline.wiring import EmbeddedIndex, Installation

Opened = tuple[FileTruth, TextIndex, list[str]]


def eventually(condition: Callable[[], object], within_s: float = 60.0) -> bool:
    end = time.monotonic() + within_s
    while not (met := condition()) and time.monotonic() < end:
        time.sleep(0.02)
    return bool(met)


def is_there(pid: int) -> bool:
    """Whether there is such a process that has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


@pytest.fixture(autouse=True)
def flood(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(os.getcwd())  # where a helper finds the truths of these tests
    monkeypatch.setattr(drainer, "FLOOD", 2 * BATCH)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Opened]:
    desk = opened(str(tmp_path))
    yield desk
    desk[1].close()
    desk[0].close()


def helped(desk: Opened) -> int:
    """Pour until there is a helper, and then as much again; its process."""
    truth, index, _ = desk
    index.start()
    pour(truth, index, truth.newest(), 6 * BATCH)
    assert eventually(lambda: index._drainer._helper or pour(truth, index, truth.newest(), BATCH))
    found = index._drainer._helper
    assert found is not None
    pour(truth, index, truth.newest(), 6 * BATCH)
    return found.pid


def test_a_flood_is_indexed_by_a_process_of_its_own(desk):
    truth, index, told = desk
    pid = helped(desk)
    index.settle(timeout_s=60)
    assert index.is_current(truth)
    assert not index._session.is_open  # nothing of it was done here
    assert list(index.pairs()) == truth.pairs()
    index.close()
    assert not is_there(pid)
    assert told == []


def test_a_few_documents_need_no_helper(desk, monkeypatch):
    truth, index, _ = desk
    monkeypatch.setattr(helper, "Helper", None)
    index.start()
    pour(truth, index, 0, BATCH)
    assert eventually(lambda: index.is_current(truth))
    assert index._drainer._start_helper is not None


def test_what_the_thread_has_begun_is_handed_over(desk, monkeypatch):
    truth, index, _ = desk
    index.start()
    pour(truth, index, 0, BATCH)
    assert eventually(lambda: index._session.is_open or index.is_current(truth))
    monkeypatch.setattr(drainer, "FLOOD", 1)
    pour(truth, index, BATCH, 4 * BATCH)
    assert eventually(lambda: index._drainer._helper)
    index.settle(timeout_s=60)
    assert list(index.pairs()) == truth.pairs()


def test_it_ends_by_itself_and_another_one_is_started_for_the_next_flood(desk):
    truth, index, told = desk
    pid = helped(desk)
    assert eventually(lambda: index.is_current(truth))
    assert eventually(lambda: index._drainer._helper is None)
    assert not is_there(pid)
    assert helped(desk) != pid
    index.settle(timeout_s=60)
    assert list(index.pairs()) == truth.pairs()
    assert told == []


def test_a_helper_that_is_killed_is_done_without(desk):
    truth, index, told = desk
    os.kill(helped(desk), signal.SIGKILL)
    pour(truth, index, truth.newest(), 6 * BATCH)
    index.settle(timeout_s=60)
    assert index.is_current(truth)
    assert index._drainer._helper is None
    pour(truth, index, truth.newest(), 6 * BATCH)
    index.settle(timeout_s=60)
    assert list(index.pairs()) == truth.pairs()
    assert index._drainer._start_helper is None  # not again
    assert told == []


def test_a_helper_that_is_killed_while_it_is_waited_for(desk, monkeypatch):
    truth, index, _ = desk
    pid = helped(desk)
    urge = index._drainer.urge_helper

    def urge_and_kill() -> None:
        urge()
        os.kill(pid, signal.SIGKILL)

    monkeypatch.setattr(index._drainer, "urge_helper", urge_and_kill)
    index.settle(timeout_s=60)
    assert index.is_current(truth)
    assert list(index.pairs()) == truth.pairs()


@pytest.mark.parametrize("opener", ["nowhere:Truth", "tests.destinations.truths:Nothing"])
def test_a_helper_that_cannot_read_the_truth_is_done_without(tmp_path, opener):
    truth = FileTruth(str(tmp_path / "truth.db"))
    feed = FeedAt(opener, {"path": str(tmp_path / "truth.db")})
    index = TextIndex(str(tmp_path / "text"), lambda: FileTruth(str(tmp_path / "truth.db")), feed_at=feed)
    index.start()
    pour(truth, index, 0, 6 * BATCH)
    index.settle(timeout_s=60)
    assert index.is_current(truth)
    index.close()


def test_where_no_process_can_be_started_the_thread_does_it(desk, monkeypatch):
    truth, index, told = desk
    monkeypatch.setattr(sys, "executable", str(truth))
    index.start()
    pour(truth, index, 0, 6 * BATCH)
    assert eventually(lambda: index.is_current(truth))
    assert told == []


def test_a_process_that_never_says_a_word_is_not_waited_for(desk, tmp_path, monkeypatch):
    truth, index, told = desk
    silent = tmp_path / "silent"
    silent.write_text("#!/bin/sh\nexec sleep 1000\n")
    silent.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(silent))
    monkeypatch.setattr(helper, "START_S", 0.5)
    index.start()
    pour(truth, index, 0, 6 * BATCH)
    assert eventually(lambda: index._drainer._start_helper is None)
    index.settle(timeout_s=60)
    assert index.is_current(truth)
    assert told == []


def test_rebuilding_sends_the_helper_away(desk):
    truth, index, _ = desk
    pid = helped(desk)
    index.rebuild(timeout_s=60)
    assert not is_there(pid)
    assert list(index.pairs()) == truth.pairs()


@pytest.mark.parametrize("victims", ["job", "helper", "both"])
def test_kill_9_in_the_middle_of_a_flood_leaves_an_index_that_can_be_completed(tmp_path, victims, remark):
    rng = random.Random(len(victims))
    rounds = 2
    for _ in range(rounds):
        job = subprocess.Popen([sys.executable, "-m", "tests.destinations.floods", str(tmp_path)], cwd=os.getcwd())
        told = tmp_path / "helper"
        assert eventually(lambda: told.exists() and told.read_text().endswith("\n"))  # noqa: B023
        pid = int(told.read_text())
        time.sleep(rng.random() * 0.8)
        for victim in {"job": [job.pid], "helper": [pid], "both": [pid, job.pid]}[victims]:
            os.kill(victim, signal.SIGKILL)
        if victims == "helper":
            time.sleep(rng.random() * 0.4)
            job.kill()
        job.wait()
        assert eventually(lambda: not is_there(pid))  # noqa: B023
        told.unlink()
        truth, index, complaints = opened(str(tmp_path))
        index.settle(timeout_s=60)
        assert list(index.pairs()) == truth.pairs()
        assert complaints == []
        index.close()
        truth.close()
    remark(f"kill -9 of {victims} in a flood: {rounds} rounds")


def test_a_helper_is_gone_soon_after_its_job_and_lets_go_of_the_lock(tmp_path):
    job = subprocess.Popen([sys.executable, "-m", "tests.destinations.floods", str(tmp_path)], cwd=os.getcwd())
    told = tmp_path / "helper"
    assert eventually(lambda: told.exists() and told.read_text().endswith("\n"))
    job.kill()
    job.wait()
    lock = WriterLock(str(tmp_path / "text"))
    assert eventually(lock.acquire)
    lock.release()
    assert eventually(lambda: not is_there(int(told.read_text())))


def test_a_job_that_is_forked_in_the_nursery_of_a_server_is_helped_too(tmp_path):
    nursery = Nursery(["syncline.destinations.embedded.text", "syncline.destinations.embedded.session", "tantivy"])
    try:
        nursery.run(1, "tests.destinations.floods:load", {"path": str(tmp_path), "documents": 20 * BATCH})
        ended: list[int] = []
        while not ended:
            assert select.select([nursery], [], [], 60)[0]
            ended = [news.exit for news in nursery.news() if isinstance(news, Died)]
    finally:
        nursery.close()
    assert ended == [0]  # it had a helper, and all was found when it had settled
    assert not is_there(int((tmp_path / "helper").read_text()))


# --- a whole installation ---------------------------------------------------------------------------------------------


def commit(index: EmbeddedIndex, first: int) -> None:
    ids = [str(number) for number in range(first, first + BATCH)]
    puts = [Put(Document(id, text=f"flood {id}", metadata={"n": int(id)}), id.encode(), None) for id in ids]
    index.commit(Ticket(1, 1, 1), Batch(puts=puts, recipe="r"))


def test_what_a_job_has_written_is_found_when_it_has_settled(tmp_path):
    installation = Installation(str(tmp_path))
    index = installation.open_index("main", create=True)
    assert isinstance(index, EmbeddedIndex)
    index.begin(Ticket(1, 1, 1))
    for first in range(0, 6 * BATCH, BATCH):
        commit(index, first)
    assert eventually(lambda: index.text._drainer._helper)
    for first in range(6 * BATCH, 12 * BATCH, BATCH):
        commit(index, first)
    index.settle()
    found = index.search(Request(f"flood {12 * BATCH - 1}", reader=Reader(unrestricted=True)), {1: "it"})
    assert found.hits[0].id == str(12 * BATCH - 1)
    assert len(list(index.text.pairs())) == 12 * BATCH
    index.close()
    installation.close()


def test_with_crash_points_everything_happens_in_one_process(tmp_path):
    installation = Installation(str(tmp_path), crash=CrashAt("never"))
    index = installation.open_index("main", create=True)
    assert isinstance(index, EmbeddedIndex)
    assert index.text._drainer._start_helper is None
    index.close()
    installation.close()
