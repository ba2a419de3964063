"""The text index follows the truth: by whoever may write, across crashes, and never with a document twice."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from syncline.destinations.embedded import session
from syncline.destinations.embedded.layout import WriterLock
from syncline.destinations.embedded.text import TextIndex
from syncline.model.errors import DestinationError
from syncline.model.search import Reader, Request
from syncline.testing.crashes import CrashAt, SimulatedCrash

POINTS = ["text.commit", "text.committed", "text.confirmed"]


def eventually(condition, within_s: float = 10.0) -> bool:
    end = time.monotonic() + within_s
    while not (met := condition()) and time.monotonic() < end:
        time.sleep(0.01)
    return met


def test_what_was_committed_before_is_found_after_settling(desk):
    desk.truth.put("a", "hello world")
    assert not desk.index.is_current(desk.truth)
    desk.index.settle()
    assert desk.index.is_current(desk.truth)
    assert desk.ids("hello") == ["a"]
    assert desk.agrees()


def test_an_update_replaces_and_a_deletion_removes(filled):
    desk = filled(a="old", b="other")
    desk.truth.put("a", "new")
    desk.truth.delete("b")
    assert not desk.index.is_current(desk.truth)
    desk.index.settle()
    assert (desk.ids("old"), desk.ids("new"), desk.ids("other")) == ([], ["a"], [])
    assert desk.agrees()


def test_a_result_deleted_in_the_truth_meanwhile_is_not_shown(filled):
    desk = filled(a="word", b="word")
    desk.truth.delete("a")
    assert desk.ids("word") == ["b"]


def test_an_empty_truth_is_current_and_finds_nothing(desk):
    assert desk.index.is_current(desk.truth)
    desk.index.settle()
    assert desk.ids("anything") == desk.ids("") == list(desk.index.pairs()) == []


def test_settling_what_is_settled_needs_no_tantivy(filled, tmp_path):
    desk = filled(a="word")
    code = f"""
import sys
from syncline.destinations.embedded.text import TextIndex
from tests.destinations.truths import MemoryTruth
truth = MemoryTruth()
truth.last = truth.mark = {desk.truth.last}
index = TextIndex({str(desk.directory)!r}, truth.open)
assert index.is_current(truth)
index.settle()
index.start()
index.close()
assert "tantivy" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


_STEPS = st.tuples(
    st.sampled_from(["put", "delete", "job", "lost confirm"]), st.sampled_from("abcdef"), st.sampled_from(POINTS)
)


@given(st.lists(_STEPS, max_size=30))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_after_any_history_with_crashes_and_repeats_both_agree(desk, history):
    for step, id, point in history:
        match step:
            case "put":
                desk.truth.put(id, f"text of {id}")
            case "delete":
                desk.truth.delete(id)
            case "job":
                index = desk.another(crash=CrashAt(point))
                with contextlib.suppress(SimulatedCrash):
                    index.settle()
                index.close()
            case "lost confirm":
                desk.truth.mark //= 2
    desk.index.settle()
    assert desk.agrees()
    assert sorted(desk.ids("text")) == sorted(desk.truth.numbers)


@pytest.mark.parametrize("point", POINTS)
def test_a_crash_around_a_commit_loses_nothing_and_repeats_nothing(desk, point):
    for id in "abc":
        desk.truth.put(id, "first")
    desk.index.settle()
    desk.truth.put("a", "second")
    desk.truth.delete("b")
    crashing = desk.another(crash=CrashAt(point))
    with pytest.raises(SimulatedCrash):
        crashing.settle()
    crashing.close()
    desk.index.settle()
    assert desk.agrees()
    assert desk.index.is_current(desk.truth)


def test_two_instances_settle_side_by_side(desk):
    others = [desk.another() for _ in range(3)]
    failures: list[BaseException] = []

    def work(index: TextIndex, name: str) -> None:
        try:
            index.start()
            for number in range(40):
                n = desk.truth.put(f"{name}{number % 7}", f"{name} {number}")
                index.wake()
                if number % 10 == 0:
                    index.settle(timeout_s=30)
                    found = {n for n, _ in index.pairs()}
                    assert n in found
            index.settle(timeout_s=30)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(index, name)) for index, name in zip(others, "xyz", strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    desk.index.settle()
    assert desk.agrees()


def test_the_background_thread_indexes_and_lets_go_when_idle(desk):
    desk.index.start()
    for number in range(session.MANY + 1):
        desk.truth.put(str(number), "word")
    desk.index.wake()
    assert eventually(lambda: desk.index.is_current(desk.truth))
    lock = WriterLock(str(desk.directory))
    assert eventually(lock.acquire)
    lock.release()
    assert desk.agrees()


def test_whoever_holds_the_lock_drains_for_the_others_too(desk):
    holder, waiting = desk.another(), desk.another()
    desk.truth.put("a", "word")
    holder.start()
    assert eventually(lambda: desk.truth.mark == 1)
    desk.truth.put("b", "word")
    waiting.settle(timeout_s=30)
    assert desk.agrees()


def test_settling_waits_for_another_holder_and_then_takes_over(desk):
    desk.truth.put("a", "word")
    lock = WriterLock(str(desk.directory))
    assert lock.acquire()
    threading.Timer(0.3, lock.release).start()
    desk.index.settle(timeout_s=30)
    assert desk.agrees()


def test_settling_gives_up_with_a_remedy_when_the_holder_never_ends(desk):
    desk.truth.put("a", "word")
    lock = WriterLock(str(desk.directory))
    assert lock.acquire()
    with pytest.raises(DestinationError) as failed:
        desk.index.settle(timeout_s=0.1)
    assert failed.value.remedy
    lock.release()


def test_a_search_does_not_wait_for_the_very_first_job(desk):
    desk.truth.put("a", "word")
    lock = WriterLock(str(desk.directory))
    assert lock.acquire()
    assert desk.ids("word") == []
    lock.release()
    assert desk.ids("word") == ["a"]


def test_a_long_spell_commits_on_the_way(desk, monkeypatch):
    monkeypatch.setattr(session, "COMMIT_EVERY_DOCUMENTS", 2000)
    marks: list[int] = []
    index = desk.another(crash=lambda point: marks.append(desk.truth.mark) if point == "text.confirmed" else None)
    for number in range(5000):
        desk.truth.put(str(number), "word")
    index.settle()
    assert marks == [2000, 4000, 5000]
    assert desk.agrees()


def test_large_documents_do_not_pile_up_in_the_queue(desk, monkeypatch):
    monkeypatch.setattr(session, "_QUEUE_BYTES", 100_000)
    for number in range(30):
        desk.truth.put(str(number), "long text " * 1000)
    desk.index.settle()
    assert desk.agrees()


def test_more_removals_than_fit_into_one_commit(desk, monkeypatch):
    monkeypatch.setattr(session, "_REMOVALS", 7)
    monkeypatch.setattr(session, "_BATCH", 3)
    for number in range(40):
        desk.truth.put(str(number), "word")
    desk.index.settle()
    for number in range(30):
        desk.truth.delete(str(number))
    desk.index.settle()
    assert desk.agrees()
    assert not desk.truth.gone


def test_many_small_jobs_leave_few_segments(desk):
    for number in range(30):
        desk.truth.put(str(number), "word")
        desk.index.settle()
    assert eventually(lambda: len(list(desk.directory.glob("g*/*.idx"))) < 20)
    assert desk.agrees()


def test_a_failing_truth_stops_the_thread_with_one_line_and_settle_with_an_error(desk, monkeypatch):
    desk.truth.put("a", "word")

    def fail(*_):
        raise DestinationError("the truth is gone")

    monkeypatch.setattr(desk.truth, "after", fail)
    desk.index.start()
    assert eventually(lambda: bool(desk.told))
    assert "the truth is gone" in desk.told[0]
    with pytest.raises(DestinationError, match="truth is gone"):
        desk.index.settle()
    monkeypatch.undo()
    desk.index.settle()
    assert desk.agrees()


def test_every_feed_that_was_opened_is_closed(desk):
    desk.truth.put("a", "word")
    desk.index.start()
    desk.index.settle()
    desk.index.close()
    assert desk.truth.opened == 0


def test_searching_goes_on_in_many_threads_while_others_write(desk):
    failures: list[BaseException] = []
    stop = threading.Event()

    def ask() -> None:
        try:
            while not stop.is_set():
                results = desk.index.search(Request("word", reader=Reader(unrestricted=True)), desk.truth, {})
                assert len(results.hits) <= 10
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    writer = desk.another()
    for number in range(60):
        desk.truth.put(str(number % 20), "word")
        if number % 5 == 0:
            writer.settle()
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []
    writer.settle()
    assert desk.agrees()
