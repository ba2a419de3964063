"""Triggers start jobs when files change, when somebody calls, and when other jobs have ended."""

from __future__ import annotations

import base64
import json
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from syncline.model.connectors import Connector
from syncline.model.errors import ConfigInvalid, Conflict, NotFound, SynclineError, UsageError
from syncline.model.jobs import Job, JobEvent, JobState, JobType
from syncline.model.jobs import Trigger as Reason
from syncline.model.outcomes import Counters
from syncline.model.triggers import Trigger, TriggerDisabled, TriggerExpired, TriggerRefused
from syncline.scheduler.settling import Settling
from syncline.service import connectors, jobs, triggers
from syncline.service.triggers import AfterSuccess, FolderWatcher
from syncline.store.relational.triggers import Triggers
from syncline.testing import CrashRecorder, SimulatedCrash
from syncline.testing.clock import FakeClock
from syncline.wiring import Installation

START = 1_800_000_000.0
SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(START)


@pytest.fixture
def home(tmp_path: Path, clock: FakeClock) -> Iterator[Installation]:
    installation = Installation(str(tmp_path / "state"), clock)
    yield installation
    installation.close()


def folder(home: Installation, root: Path, name: str | None = None) -> Connector:
    draft = connectors.draft(home.control(), "folder", {"path": str(root)}, name=name or root.name)
    return connectors.add(home, draft)


def pause(home: Installation, one: Connector, paused: bool) -> None:
    one.paused = paused
    home.control().update_connector(one, connectors.identity(one), home.clock())


def all_jobs(home: Installation) -> list[Job]:
    """Oldest first."""
    return home.control().jobs(limit=1000)[::-1]


def end(home: Installation, job: Job, event: JobEvent = JobEvent.FINISH) -> None:
    claimed = home.control().claim(job.number, "test", home.clock(), JobType.FULL)
    home.control().end(claimed, event, home.clock(), Counters())


def run(home: Installation, one: Connector, event: JobEvent = JobEvent.FINISH) -> None:
    """A job of it, to its end."""
    end(home, jobs.start(home, one).job, event)


# --- made and changed -------------------------------------------------------------------------------------------------


def test_triggers_are_stored_shown_changed_and_removed(home: Installation, tmp_path: Path) -> None:
    docs, other = folder(home, tmp_path / "docs"), folder(home, tmp_path / "other")
    watch, secret = triggers.add(home, docs, kind="watch", settings={"settle_s": 1})
    assert secret is None
    assert watch.settings == {"settle_s": 1.0, "max_wait_s": 30.0}
    after = triggers.add(home, docs, kind="after", settings={"connector": "other", "on": ["incomplete", "succeeded"]})
    assert after.trigger.settings == {"connector": other.id, "on": ["succeeded", "incomplete"]}
    assert triggers.of(home, docs) == [watch, after.trigger]
    changed = triggers.update(home, watch, settings={"max_wait_s": 5}, enabled=False, revision=1)
    assert (changed.settings, changed.enabled, changed.revision) == ({"settle_s": 1.0, "max_wait_s": 5.0}, False, 2)
    with pytest.raises(Conflict):
        triggers.update(home, watch, enabled=True, revision=1)
    shown = triggers.shape(changed, "docs")
    assert (shown["id"], shown["connector"], shown["kind"], shown["enabled"]) == (watch.id, "docs", "watch", False)
    triggers.remove(home, watch)
    with pytest.raises(NotFound):
        triggers.get(home, watch.id)
    with pytest.raises(NotFound):
        triggers.update(home, watch, enabled=True)


def test_triggers_go_with_their_connector(home: Installation, tmp_path: Path) -> None:
    docs = folder(home, tmp_path / "docs")
    hook = triggers.add(home, docs, kind="webhook", settings={"secret": SECRET}).trigger
    triggers.accept(home, hook.id, signed("msg_1", b"{}", START), b"{}", START)
    home.control().remove_connector(docs.number)
    assert Triggers(home.control()).get(hook.id) is None
    with pytest.raises(NotFound):
        triggers.add(home, docs, kind="watch")


@pytest.mark.parametrize(
    ("kind", "settings", "error"),
    [
        ("sing", {}, UsageError),
        ("watch", {"settle_s": -1}, ConfigInvalid),
        ("watch", {"settle_s": "soon"}, ConfigInvalid),
        ("watch", {"colour": "red"}, ConfigInvalid),
        ("webhook", {"secret": "hunter2"}, ConfigInvalid),
        ("webhook", {"name": 7}, ConfigInvalid),
        ("after", {}, NotFound),
        ("after", {"connector": "nobody"}, NotFound),
        ("after", {"connector": "other", "on": ["failed"]}, ConfigInvalid),
        ("after", {"connector": "other", "on": []}, ConfigInvalid),
    ],
)
def test_what_makes_no_sense_is_refused(
    home: Installation, tmp_path: Path, kind: str, settings: dict[str, Any], error: type[SynclineError]
) -> None:
    docs = folder(home, tmp_path / "docs")
    folder(home, tmp_path / "other")
    with pytest.raises(error) as caught:
        triggers.add(home, docs, kind=kind, settings=settings)
    assert "hunter2" not in str(caught.value.as_dict())
    assert triggers.of(home, docs) == []


def test_only_folders_are_watched(home: Installation, tmp_path: Path) -> None:
    draft = Connector(0, "x" * 36, "mine", "default", "push", {})
    added = home.control().add_connector(draft, "")
    with pytest.raises(ConfigInvalid, match="reads no folder"):
        triggers.add(home, added, kind="watch")


# --- webhook ----------------------------------------------------------------------------------------------------------


def signed(id: str, body: bytes, at: float, secret: str = SECRET) -> dict[str, str]:
    """Headers as the reference library makes them."""
    return {
        "Webhook-Id": id,
        "Webhook-Timestamp": str(int(at)),
        "Webhook-Signature": Webhook(secret).sign(id, datetime.fromtimestamp(int(at), UTC), body.decode()),
    }


@pytest.fixture
def hook(home: Installation, tmp_path: Path) -> Trigger:
    docs = folder(home, tmp_path / "docs")
    return triggers.add(home, docs, kind="webhook", settings={"name": "ci", "secret": SECRET}).trigger


def test_a_signed_call_starts_a_job(home: Installation, hook: Trigger) -> None:
    body = json.dumps({"what": "änderung"}).encode()
    ordered = triggers.accept(home, hook.id, signed("msg_1", body, START - 200), body, START)
    assert ordered.created
    assert (ordered.job.trigger, ordered.job.cause, ordered.job.state) == (Reason.EVENT, "webhook ci", JobState.PENDING)
    after = triggers.get(home, hook.id)
    assert (after.last_at, after.last_job, after.revision) == (START, ordered.job.number, 1)


def test_the_same_call_starts_nothing_again_even_when_its_job_has_ended(home: Installation, hook: Trigger) -> None:
    headers = signed("msg_1", b"", START)
    first = triggers.accept(home, hook.id, headers, b"", START)
    end(home, first.job)
    again = triggers.accept(home, hook.id, headers, b"", START + 250)
    assert (again.created, again.job.number) == (False, first.job.number)
    other = triggers.accept(home, hook.id, signed("msg_2", b"", START + 250), b"", START + 250)
    assert other.created
    assert len(all_jobs(home)) == 2


def test_calls_while_a_job_waits_join_it(home: Installation, hook: Trigger) -> None:
    numbers = {triggers.accept(home, hook.id, signed(f"msg_{n}", b"", START), b"", START).job.number for n in range(20)}
    assert len(numbers) == len(all_jobs(home)) == 1


def test_ids_of_calls_are_forgotten_when_they_cannot_come_again(home: Installation, hook: Trigger) -> None:
    for n in range(50):
        now = START + n * 60
        triggers.accept(home, hook.id, signed(f"msg_{n}", b"", now), b"", now)
    count = home.control().db.execute("select count(*) from calls").get
    assert count == 11  # of the last ten minutes


BODY = b'{"a": 1}'


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"Webhook-Id": "msg_2"},
        {"Webhook-Id": ""},
        {"Webhook-Id": "x" * 5000},
        {"Webhook-Timestamp": str(int(START) + 1)},
        {"Webhook-Timestamp": "now"},
        {"Webhook-Timestamp": "-5"},
        {"Webhook-Timestamp": "9" * 400},
        {"Webhook-Timestamp": ""},
        {"Webhook-Signature": ""},
        {"Webhook-Signature": "v1,"},
        {"Webhook-Signature": "v1,ü"},
        {"Webhook-Signature": "v1,AAAA v2,BBBB"},
        {"Webhook-Signature": "v1a," + base64.b64encode(b"x" * 32).decode()},
    ],
)
def test_a_call_that_is_not_signed_right_starts_nothing(
    home: Installation, hook: Trigger, wrong: dict[str, str]
) -> None:
    headers = {**signed("msg_1", BODY, START), **wrong}
    body = BODY if wrong else BODY + b" "
    with pytest.raises(TriggerRefused) as caught:
        triggers.accept(home, hook.id, headers, body, START)
    assert caught.value.code == "trigger.bad_signature"
    assert all_jobs(home) == []


def test_a_call_that_is_signed_by_somebody_else_starts_nothing(home: Installation, hook: Trigger) -> None:
    other = "whsec_" + base64.b64encode(b"y" * 32).decode()
    with pytest.raises(TriggerRefused):
        triggers.accept(home, hook.id, signed("msg_1", BODY, START, other), BODY, START)
    both = signed("msg_1", BODY, START)
    both["Webhook-Signature"] = (
        signed("msg_1", BODY, START, other)["Webhook-Signature"] + " " + both["Webhook-Signature"]
    )
    assert triggers.accept(home, hook.id, both, BODY, START).created


@pytest.mark.parametrize("away_s", [-301, 301, 1e6, -1e9])
def test_a_call_from_another_time_has_expired(home: Installation, hook: Trigger, away_s: float) -> None:
    with pytest.raises(TriggerExpired) as caught:
        triggers.accept(home, hook.id, signed("msg_1", BODY, START + away_s), BODY, START)
    assert caught.value.code == "trigger.expired"


def test_a_call_of_a_disabled_trigger_or_a_paused_connector_is_refused(home: Installation, hook: Trigger) -> None:
    headers = signed("msg_1", BODY, START)
    triggers.update(home, hook, enabled=False)
    with pytest.raises(TriggerDisabled) as caught:
        triggers.accept(home, hook.id, headers, BODY, START)
    assert caught.value.code == "trigger.disabled"
    triggers.update(home, hook, enabled=True)
    docs = home.control().connector("docs")
    assert docs is not None
    pause(home, docs, True)
    with pytest.raises(TriggerDisabled, match="paused"):
        triggers.accept(home, hook.id, headers, BODY, START)
    pause(home, docs, False)
    assert triggers.accept(home, hook.id, headers, BODY, START).created


def test_only_webhook_triggers_can_be_called(home: Installation, hook: Trigger) -> None:
    docs = home.control().connector("docs")
    assert docs is not None
    watch = triggers.add(home, docs, kind="watch").trigger
    for id in (watch.id, "nobody"):
        with pytest.raises(NotFound):
            triggers.accept(home, id, signed("msg_1", BODY, START), BODY, START)


def test_invariant_12_the_secret_of_a_trigger_is_shown_once_and_sealed(
    home: Installation, tmp_path: Path, clock: FakeClock
) -> None:
    docs = folder(home, tmp_path / "docs")
    made, secret = triggers.add(home, docs, kind="webhook")
    assert secret is not None
    assert secret.startswith("whsec_")
    home.close()
    stored = b"".join(path.read_bytes() for path in (tmp_path / "state").glob("control.db*"))
    assert secret.removeprefix("whsec_").encode() not in stored
    again = Installation(str(tmp_path / "state"), clock)
    found = triggers.get(again, made.id)
    assert secret not in json.dumps(triggers.shape(found, "docs"))
    assert triggers.shape(found, "docs")["settings"]["secret"] == "********"
    assert triggers.accept(again, made.id, signed("m", BODY, START, secret), BODY, START).created
    renamed = triggers.update(again, found, settings={"name": "x", "secret": "********"})
    assert renamed.settings == {"name": "x", "secret": found.settings["secret"]}
    triggers.update(again, found, settings={"secret": SECRET})
    with pytest.raises(TriggerRefused):
        triggers.accept(again, made.id, signed("n", BODY, START, secret), BODY, START)
    assert triggers.accept(again, made.id, signed("n", BODY, START), BODY, START).job
    again.close()


# --- after ------------------------------------------------------------------------------------------------------------


def follow(home: Installation, one: Connector, other: Connector, **settings: Any) -> Trigger:
    return triggers.add(home, one, kind="after", settings={"connector": other.id, **settings}).trigger


def step(home: Installation) -> int:
    return AfterSuccess(home).step(home.control())


def test_a_connector_follows_another(home: Installation, tmp_path: Path) -> None:
    first, second = folder(home, tmp_path / "first"), folder(home, tmp_path / "second")
    run(home, first)  # before anybody followed
    trigger = follow(home, second, first)
    assert step(home) == 0
    run(home, first)
    assert step(home) == 4  # pending, running, succeeded, and the follower's pending
    job = all_jobs(home)[-1]
    assert (job.connector_id, job.cause, job.trigger) == (second.id, "after first", Reason.EVENT)
    assert triggers.get(home, trigger.id).last_job == job.number
    step(home)
    assert len(all_jobs(home)) == 3


def test_what_happened_before_a_trigger_was_made_is_not_followed(
    home: Installation, tmp_path: Path, clock: FakeClock
) -> None:
    first, second, third = (folder(home, tmp_path / name) for name in ("first", "second", "third"))
    follow(home, third, second)  # somebody has a mark
    run(home, first)
    clock.advance(1)
    follow(home, second, first)
    step(home)
    assert [job.connector_id for job in all_jobs(home)] == [first.id]


@pytest.mark.parametrize(
    ("on", "event", "follows"),
    [
        (["succeeded"], JobEvent.FINISH, True),
        (["succeeded"], JobEvent.FINISH_WITH_SKIPS, False),
        (["succeeded", "incomplete"], JobEvent.FINISH_WITH_SKIPS, True),
        (["incomplete"], JobEvent.FINISH, False),
        (["succeeded", "incomplete"], JobEvent.FAIL, False),
    ],
)
def test_it_follows_the_ends_that_are_named(
    home: Installation, tmp_path: Path, on: list[str], event: JobEvent, follows: bool
) -> None:
    first, second = folder(home, tmp_path / "first"), folder(home, tmp_path / "second")
    follow(home, second, first, on=on)
    run(home, first, event)
    step(home)
    assert (home.control().active_job(second.number) is not None) == follows


def test_chains_go_through_and_fan_out(home: Installation, tmp_path: Path) -> None:
    made = {name: folder(home, tmp_path / name) for name in "abcd"}
    for one, other in (("b", "a"), ("c", "b"), ("d", "b")):
        follow(home, made[one], made[other])
    run(home, made["a"])
    for _ in range(3):
        step(home)
        for waiting in home.control().waiting():
            end(home, home.control().job(waiting.number))
    causes = [job.cause for job in all_jobs(home)]
    assert causes == ["", "after a", "after b", "after b"]
    step(home)
    assert len(all_jobs(home)) == 4


def test_a_paused_or_disabled_follower_starts_nothing(home: Installation, tmp_path: Path) -> None:
    first, second = folder(home, tmp_path / "first"), folder(home, tmp_path / "second")
    trigger = follow(home, second, first)
    pause(home, second, True)
    run(home, first)
    step(home)
    pause(home, second, False)
    triggers.update(home, trigger, enabled=False)
    run(home, first)
    step(home)
    assert home.control().active_job(second.number) is None


def test_connectors_cannot_follow_each_other_in_a_circle(home: Installation, tmp_path: Path) -> None:
    a, b, c = (folder(home, tmp_path / name) for name in "abc")
    with pytest.raises(ConfigInvalid, match="cannot follow itself"):
        follow(home, a, a)
    follow(home, b, a)
    follow(home, c, b)
    with pytest.raises(ConfigInvalid, match="for ever"):
        follow(home, a, c)
    off = triggers.add(home, a, kind="after", settings={"connector": "c"}, enabled=False).trigger
    with pytest.raises(ConfigInvalid, match="for ever"):
        triggers.update(home, off, enabled=True)
    assert not triggers.get(home, off.id).enabled


def test_whoever_dies_between_an_event_and_its_followers_each_follower_starts_once(
    tmp_path: Path, remark: Callable[[str], None]
) -> None:
    recorder = CrashRecorder()
    chained(tmp_path / "recorded")
    followed(tmp_path / "recorded", recorder)
    deaths = list(recorder.crashes())
    for crash in deaths:
        state = tmp_path / f"{crash.point}-{crash.nth}"
        chained(state)
        with pytest.raises(SimulatedCrash):
            followed(state, crash)
        followed(state, None)
        followed(state, None)
        installation = Installation(str(state))
        assert sorted(job.cause for job in all_jobs(installation)) == ["", "after first", "after first"], crash
        installation.close()
    assert {"control.after.before", "control.after.inside", "control.after.after"} <= recorder.counts.keys()
    remark(f"triggers: {len(deaths)} deaths while following survived, each follower with one job")


def chained(state: Path) -> None:
    installation = Installation(str(state), FakeClock(START))
    first, second, third = (folder(installation, state / name) for name in ("first", "second", "third"))
    follow(installation, second, first)
    follow(installation, third, first)
    run(installation, first)
    installation.close()


def followed(state: Path, crash: Callable[[str], None] | None) -> None:
    clock = FakeClock(START)
    installation = Installation(str(state), clock) if crash is None else Installation(str(state), clock, crash)
    try:
        step(installation)
        with installation.control().writing("end"):  # so that nothing is coalesced when it is followed again
            installation.control().db.execute("update jobs set state = 'succeeded' where state = 'pending'")
    finally:
        installation.close()


# --- watch ------------------------------------------------------------------------------------------------------------


def test_changes_settle() -> None:
    settling = Settling(settle_s=2, max_wait_s=5)
    assert not settling.settled(100)
    settling.changed(0)
    assert [settling.settled(t) for t in (0, 1.9, 2)] == [False, False, True]
    for t in (1, 2, 3, 4):
        settling.changed(t)
    assert [settling.settled(t) for t in (4.5, 5)] == [False, True]  # it never comes to rest, and waits no longer
    settling.handled()
    assert not settling.settled(100)


@pytest.fixture
def watcher(home: Installation) -> Iterator[FolderWatcher]:
    made = FolderWatcher(home)
    yield made
    made.stop()


def eventually(condition: Callable[[], object], what: str = "") -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def watched(home: Installation, watcher: FolderWatcher, root: Path) -> Connector:
    one = folder(home, root)
    triggers.add(home, one, kind="watch", settings={"settle_s": 0.1, "max_wait_s": 2})
    watcher.refresh()
    return one


def served(home: Installation, one: Connector) -> Job:
    """The job that a change has started, when it has ended."""
    eventually(lambda: home.control().active_job(one.number), f"no job of {one.name}")
    job = home.control().active_job(one.number)
    assert job is not None
    end(home, job)
    return job


def quiet(home: Installation, one: Connector) -> None:
    """Nothing more is started: what a change before has left over is served, and nothing else comes."""
    for _ in range(14):
        time.sleep(0.05)
        job = home.control().active_job(one.number)
        if job is not None:
            end(home, job)
            quiet(home, one)
            return


def test_files_that_change_start_a_job(home: Installation, watcher: FolderWatcher, docs: Path) -> None:
    one = watched(home, watcher, docs)
    job = served(home, one)  # watching has begun, and nobody knows what happened before
    assert (job.trigger, job.cause) == (Reason.EVENT, "watch")
    changes: list[Callable[[], object]] = [
        lambda: (docs / "alpha.md").write_text("other words"),
        lambda: ((docs / "new").mkdir(), (docs / "new" / "deep.md").write_text("deep")),
        lambda: (docs / "new" / "deep.md").write_text("deeper"),
        lambda: os.rename(docs / "gamma.md", docs / "new" / "delta.md"),
    ]
    for change in changes:
        quiet(home, one)
        change()
        served(home, one)


def test_a_root_may_be_missing_come_vanish_and_come_again(
    home: Installation, watcher: FolderWatcher, tmp_path: Path
) -> None:
    root = tmp_path / "later"
    one = watched(home, watcher, root)
    for n in range(2):
        quiet(home, one)
        root.mkdir()
        served(home, one)
        quiet(home, one)
        (root / f"{n}.md").write_text("x")
        served(home, one)
        shutil.rmtree(root)
        eventually(lambda: not root.exists())
        quiet(home, one)


def test_what_syncline_writes_itself_starts_nothing(tmp_path: Path) -> None:
    home = Installation(str(tmp_path / "docs" / ".syncline"))
    watcher = FolderWatcher(home)
    try:
        (tmp_path / "docs").mkdir(exist_ok=True)
        one = watched(home, watcher, tmp_path / "docs")
        quiet(home, one)
        before = len(all_jobs(home))
        jobs.sync(home, jobs.Order(str(tmp_path / "docs")))
        quiet(home, one)
        assert len(all_jobs(home)) == before + 1
    finally:
        watcher.stop()
        home.close()


def test_only_what_is_to_be_watched_is_watched(home: Installation, watcher: FolderWatcher, docs: Path) -> None:
    one = watched(home, watcher, docs)
    quiet(home, one)
    threads = {thread.name for thread in threading.enumerate()}
    assert f"watch {docs}" in threads
    pause(home, one, True)
    watcher.refresh()
    assert f"watch {docs}" not in {thread.name for thread in threading.enumerate()}
    (docs / "alpha.md").write_text("changed while paused")
    pause(home, one, False)
    watcher.refresh()
    served(home, one)  # it is looked at when watching goes on
    home.control().remove_connector(one.number)
    watcher.refresh()
    assert f"watch {docs}" not in {thread.name for thread in threading.enumerate()}


def test_a_storm_of_changes_is_one_job(
    home: Installation, watcher: FolderWatcher, docs: Path, remark: Callable[[str], None]
) -> None:
    one = watched(home, watcher, docs)
    quiet(home, one)
    before = len(all_jobs(home))
    for n in range(500):
        (docs / f"storm{n}.md").write_text("x")
    eventually(lambda: len(all_jobs(home)) > before)
    for _ in range(20):  # long enough for another one to be started
        time.sleep(0.05)
    started = len(all_jobs(home)) - before
    assert started == 1  # later changes join the job that waits
    remark(f"triggers: 500 new files started {started} job")
