"""Connectors that follow their source: one pass after another, an interval apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from syncline.model.connectors import Connector
from syncline.model.jobs import JobState, Trigger
from syncline.service import connectors, following, jobs
from syncline.wiring import Installation

CAUSE = "follows"


class Clock:
    now = 1_790_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def room(tmp_path: Path, clock: Clock) -> Any:
    made = Installation(str(tmp_path / "state"), clock)
    yield made
    made.close()


@pytest.fixture
def follower(room: Installation, tmp_path: Path) -> Connector:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "a.md").write_text("One.")
    draft = connectors.draft(room.control(), "folder", {"path": str(folder)}, name="docs")
    return connectors.add(room, draft)


def run(room: Installation, follower: Connector) -> None:
    job = room.control().active_job(follower.number)
    assert job is not None
    jobs.attempt(room, job.number, suspend=jobs.never, on_hang=lambda: None)


def test_the_first_pass_begins_at_once_and_the_next_an_interval_after_its_end(
    room: Installation, follower: Connector, clock: Clock
) -> None:
    assert following.standing(room, follower).begun is False
    assert following.follow(room, [follower], 60.0, CAUSE) is None
    assert following.follow(room, [follower], 60.0, CAUSE) is None  # it waits already
    (waiting,) = room.control().jobs(follower.number)
    assert (waiting.trigger, waiting.cause) == (Trigger.SCHEDULED, CAUSE)
    clock.now += 500
    run(room, follower)
    stands = following.standing(room, follower)
    assert (stands.begun, stands.complete, stands.error, stands.active) == (True, True, None, None)
    assert following.follow(room, [follower], 60.0, CAUSE) == clock.now + 60
    clock.now += 60
    assert following.follow(room, [follower], 60.0, CAUSE) is None
    assert len(room.control().jobs(follower.number)) == 2


def test_a_pass_that_fails_is_followed_by_another(
    room: Installation, follower: Connector, clock: Clock, tmp_path: Path
) -> None:
    following.follow(room, [follower], 60.0, CAUSE)
    (tmp_path / "docs").rename(tmp_path / "away")
    run(room, follower)
    stands = following.standing(room, follower)
    assert (stands.complete, stands.error is not None) == (False, True)
    (tmp_path / "away").rename(tmp_path / "docs")
    clock.now += 60
    following.follow(room, [follower], 60.0, CAUSE)
    run(room, follower)
    stands = following.standing(room, follower)
    assert (stands.complete, stands.error, stands.stuck) == (True, None, False)


def test_a_paused_connector_rests(room: Installation, follower: Connector) -> None:
    paused = connectors.pause(room, follower)
    assert following.follow(room, [paused], 60.0, CAUSE) is None
    assert room.control().jobs(follower.number) == []


def test_passes_that_changed_nothing_are_forgotten_but_for_the_newest(
    room: Installation, follower: Connector, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "KEEP_PASSES", 2)
    for _ in range(6):
        following.follow(room, [follower], 60.0, CAUSE)
        run(room, follower)
        clock.now += 60
    following.follow(room, [follower], 60.0, CAUSE)
    kept = room.control().jobs(follower.number)
    assert kept[-1].counters.inserted == 1  # the first one changed something
    assert len(kept) == 4
    assert kept[0].state is JobState.PENDING


def test_what_retires_is_stopped_and_removed_with_its_documents(room: Installation, follower: Connector) -> None:
    following.follow(room, [follower], 60.0, CAUSE)
    run(room, follower)
    following.begin(room, follower, CAUSE)
    paused = connectors.pause(room, follower)
    assert following.retire(room, paused) is True
    assert room.control().connector(follower.id) is None
    assert room.index("default").truth.count(follower.number) == (0, 0)
    assert room.control().active_jobs(follower.number) == []
