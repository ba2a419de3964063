"""Dying at a named point, and a clock that stands still."""

from __future__ import annotations

import pytest

from syncline.testing import CrashAt, CrashRecorder, FakeClock, SimulatedCrash


def work(crash):
    crash("commit.before")
    for _ in range(5):
        crash("page")
    crash("commit.after")


def test_it_dies_where_it_is_told_and_only_there():
    crash = CrashAt("page", 3)
    with pytest.raises(SimulatedCrash) as died:
        work(crash)
    assert (died.value.point, died.value.nth, crash.fired) == ("page", 3, True)
    work(crash)


def test_a_point_that_is_never_passed_never_fires():
    crash = CrashAt("elsewhere")
    work(crash)
    assert not crash.fired


def test_nothing_that_handles_errors_can_catch_a_crash():
    assert not issubclass(SimulatedCrash, Exception)


def test_a_recorder_knows_every_point_and_how_to_die_at_each():
    recorder = CrashRecorder()
    work(recorder)
    assert recorder.counts == {"commit.before": 1, "page": 5, "commit.after": 1}
    crashes = list(recorder.crashes(at_most=2))
    assert [(crash.point, crash.nth) for crash in crashes] == [
        ("commit.before", 1),
        ("page", 1),
        ("page", 2),
        ("page", 5),
        ("commit.after", 1),
    ]
    for crash in crashes:
        with pytest.raises(SimulatedCrash):
            work(crash)


def test_a_clock_moves_only_when_it_is_told_and_never_back():
    clock = FakeClock(100.0)
    assert (clock(), clock()) == (100.0, 100.0)
    assert clock.advance(2.5) == clock() == 102.5
    with pytest.raises(ValueError, match="backwards"):
        clock.advance(-1)
