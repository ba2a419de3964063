"""The process may die at any instant: killed at each named point, a job is resumed and ends as if nothing had been.

Every durable write has three points: before it, inside its transaction, and after it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from syncline.engine import desk, river
from syncline.engine.job import run_job
from syncline.model.connectors import Guard
from syncline.model.news import Checkpoint
from syncline.testing import CrashAt, CrashRecorder, MemorySheets, MemorySource, SimulatedCrash


class WithoutCursors(MemorySource):
    """A listing that cannot be taken up in the middle."""

    def list(self, memory: Any, cursor: Any) -> Iterator[Any]:
        assert cursor is None
        return (news for news in super().list(memory, None) if not isinstance(news, Checkpoint))


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk, "BATCH_ROWS", 7)
    monkeypatch.setattr(desk, "PASTED_ROWS", 7)
    monkeypatch.setattr(river, "SHEET_AT_ONCE", 3)
    monkeypatch.setattr(river, "FETCH_AT_ONCE", 5)
    monkeypatch.setattr(river, "TRANSFORM_AT_ONCE", 3)


def begin(world: Any, picky: Any, source: MemorySource) -> None:
    """A history: a first job, and then edits of every kind."""
    world.source, source.page_size = source, 10
    world.settings.update(transforms=[picky()], guard=Guard(max_deletes=3, max_percent=5))
    for number in range(40):
        source.put(f"d{number:02}", ("bad", "skip", "good", "fine")[number % 4] + str(number))
    for number in range(15):
        source.put(f"k{number:02}", f"LOUD {number}")
    world.run()
    for number in range(10):
        source.put(f"l{number:02}", f"LOUD AND NEW {number}")
    source.put("d00", "mended")
    source.put("d01", "wanted now")
    source.put("d02", "bad now")
    source.put("d03", "skip now")
    source.put("d06", "edited")
    source.touch("d07")
    source.put("e", "new")
    source.put("f", "bad and new")
    for number in (10, 11, 14, 15, 16, 17):
        source.remove(f"d{number}")


def crashes(path: Path, make: Callable[[Path], Any], picky: Any, source: type[MemorySource]) -> tuple[Any, Any]:
    """(the points a job passes, how it ends when it is left alone)."""
    world = make(path)
    begin(world, picky, source())
    recorder = world.crash = CrashRecorder()
    ending = world.run()
    return recorder, (ending.event, ending.counters.as_dict(), world.contents(), world.kinds())


class SheetsWithoutCursors(WithoutCursors, MemorySheets):
    """The same, in columns."""


@pytest.mark.parametrize("source", [MemorySource, WithoutCursors, MemorySheets, SheetsWithoutCursors])
def test_invariants_01_05_07_a_job_killed_at_any_point_and_resumed_ends_as_if_it_had_not_been(
    world: Any, picky: Any, source: type[MemorySource], tmp_path: Path, remark: Callable[[str], None]
) -> None:
    make = type(world)
    (tmp_path / "undisturbed").mkdir()
    recorder, expected = crashes(tmp_path / "undisturbed", make, picky, source)
    died = 0
    for crash in recorder.crashes(at_most=5):
        (path := tmp_path / f"{crash.point}-{crash.nth}").mkdir()
        world = make(path)
        begin(world, picky, source())
        world.crash = crash
        with pytest.raises(SimulatedCrash):
            world.run()
        world.reopen()
        ending = world.attempt(world.job)
        after = (ending.event, ending.counters.as_dict(), world.contents(), world.kinds())
        assert after == expected, f"died at {crash.point} (time {crash.nth})"
        world.run()
        assert world.contents() == expected[2]
        world.truth.close()
        died += 1
    remark(f"crash points ({source.__name__}): {len(recorder.counts)} named, {died} deaths survived")
    assert {"truth.begin.inside", "truth.commit.inside", "truth.withhold.inside"} <= set(recorder.counts)


def test_invariant_07_what_changes_between_a_kill_and_the_resume_is_seen_by_the_resume(world: Any) -> None:
    world.source = WithoutCursors()
    for name in "abc":
        world.source.put(name, name)
    world.crash = CrashAt("truth.commit.after", 1)
    with pytest.raises(SimulatedCrash):
        world.run()
    world.reopen()
    world.source.remove("a")
    world.source.put("b", "edited")
    ending = world.attempt(world.job)
    assert world.documents() == {"b": "edited", "c": "c"}
    assert ending.counters.as_dict() | {"inserted": 2, "deleted": 1} == ending.counters.as_dict()


def test_invariant_02_a_late_attempt_is_refused_and_changes_nothing(world: Any) -> None:
    world.source.put("a", "text")
    late = world.work(1)
    late.source.put("b", "text")
    world.attempt(1)
    before = world.contents()
    late.source.put("c", "text")
    ending = run_job(late)
    assert ending.error is not None
    assert ending.error.code == "job.fenced"
    assert world.contents() == before


def test_invariant_02_an_attempt_that_wakes_up_late_writes_no_batch_more(world: Any, monkeypatch: Any) -> None:
    for number in range(30):
        world.source.put(f"d{number:02}", "text")

    def taken_over(point: str) -> None:
        if point == "truth.commit.before" and world.crash is taken_over:
            world.crash = lambda point: None
            world.attempt(1, MemorySource())  # the newer attempt finds an empty source, and nothing to do

    world.crash = taken_over
    ending = world.attempt(1)
    assert ending.error is not None
    assert ending.error.code == "job.fenced"
    assert world.documents() == {}
