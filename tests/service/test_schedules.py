"""Schedules start jobs when they are due: each due time once, whoever dies, sleeps, or puts the clock back."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pytest

from syncline.model.connectors import Connector
from syncline.model.errors import Conflict, NotFound, UsageError
from syncline.model.events import SCHEDULE_SKIPPED
from syncline.model.jobs import Job, JobEvent, JobState, JobType, Trigger
from syncline.model.outcomes import Counters
from syncline.model.schedules import Dialect, Misfire, Overlap, Schedule, ScheduleInvalid
from syncline.model.shapes import iso
from syncline.scheduler.due import delay
from syncline.service import schedules
from syncline.service.schedules import Ticker
from syncline.store.relational.jobs import new_id
from syncline.store.relational.schedules import Schedules
from syncline.testing import CrashRecorder, SimulatedCrash
from syncline.testing.clock import FakeClock
from syncline.wiring import Installation

MINUTE, HOUR, DAY = 60.0, 3_600.0, 86_400.0
START = 1_800_000_000.0  # 2027-01-15T08:00:00Z, a Friday


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(START)


@pytest.fixture
def home(tmp_path: Path, clock: FakeClock) -> Iterator[Installation]:
    installation = Installation(str(tmp_path / "state"), clock)
    yield installation
    installation.close()


def connector(home: Installation, name: str = "docs") -> Connector:
    """One that nobody will run."""
    made = Connector(0, new_id(), name, "default", "folder", {"path": f"/nowhere/{name}"}, created_at=START)
    return home.control().add_connector(made, f"folder:/nowhere/{name}")


def tick(home: Installation, now: float) -> float | None:
    return Ticker(home.control()).tick(now)


def started(home: Installation) -> list[Job]:
    """Oldest first."""
    return home.control().jobs(limit=10_000)[::-1]


def skipped(home: Installation) -> list[dict[str, Any]]:
    return [event.data for event in home.control().events(0, 100_000) if event.type == SCHEDULE_SKIPPED]


def end(home: Installation) -> None:
    """Let every job have ended."""
    control = home.control()
    for waiting in control.waiting():
        job = control.claim(waiting.number, "test", home.clock(), JobType.FULL)
        control.end(job, JobEvent.FINISH, home.clock(), Counters())


# --- made and changed -------------------------------------------------------------------------------------------------


def test_a_schedule_is_stored_as_it_was_made(home: Installation) -> None:
    made = schedules.add(
        home, connector(home), expression="0 30 2 ? * MON-FRI", zone="Europe/Berlin", name="nightly", type="full",
        misfire="skip", when_active="coalesce", jitter_s=90,
    )  # fmt: skip
    assert (made.dialect, made.type, made.misfire) == (Dialect.QUARTZ, JobType.FULL, Misfire.SKIP)
    assert (made.when_active, made.jitter_s, made.revision) == (Overlap.COALESCE, 90.0, 1)
    assert made.next_at == START + 2 * DAY + 17.5 * HOUR  # Monday, 02:30 in Berlin
    assert schedules.get(home, made.id) == made
    with pytest.raises(NotFound):
        schedules.get(home, "nothing")


def test_a_schedule_is_shown_with_its_next_runs(home: Installation) -> None:
    made = schedules.add(home, connector(home), expression="@daily")
    shape = schedules.shape(made, "docs")
    assert shape["next_runs"] == [f"2027-01-{day}T00:00:00.000Z" for day in range(16, 21)]
    assert shape["next_at"] == shape["next_runs"][0]
    assert (shape["connector"], shape["description"]) == ("docs", "At 00:00 every day, UTC.")
    assert (shape["type"], shape["misfire"], shape["when_active"]) == ("auto", "run_once", "skip")
    disabled = schedules.shape(schedules.update(home, made, {"enabled": False}), "docs")
    assert (disabled["next_at"], disabled["next_runs"], disabled["enabled"]) == (None, [], False)


def test_a_preview_shows_the_clock_on_the_wall() -> None:
    shown = schedules.preview("30 2 * * *", None, "Europe/Berlin", 1_806_000_000.0, 2)  # 2027-03-25
    assert shown["description"] == "At 02:30 every day, Europe/Berlin time."
    assert shown["times"] == [
        {"utc": "2027-03-26T01:30:00.000Z", "local": "2027-03-26T02:30:00+01:00"},
        {"utc": "2027-03-27T01:30:00.000Z", "local": "2027-03-27T02:30:00+01:00"},
    ]
    assert schedules.preview("rate(5 minutes)", now=START, n=1)["times"][0]["utc"] == "2027-01-15T08:05:00.000Z"


@pytest.mark.parametrize(
    "terms",
    [
        {"expression": "61 * * * *"},
        {"expression": "at(2020-01-01T00:00:00)"},
        {"expression": "@daily", "zone": "Mars"},
        {"expression": "@daily", "type": "half"},
        {"expression": "@daily", "misfire": "twice"},
        {"expression": "@daily", "when_active": "queue"},
        {"expression": "@daily", "jitter_s": -1},
        {"expression": "@daily", "jitter_s": True},
        {"expression": "@daily", "jitter_s": 1e9},
        {"expression": "@daily", "jitter_s": float("nan")},
        {"expression": 5},
    ],
)
def test_what_makes_no_sense_is_refused_and_not_stored(home: Installation, terms: dict[str, Any]) -> None:
    docs = connector(home)
    with pytest.raises(ScheduleInvalid):
        schedules.add(home, docs, **terms)
    assert schedules.of(home, docs) == []


def test_a_type_that_no_job_can_have_may_be_kept_but_not_enabled(home: Installation) -> None:
    docs = connector(home)
    with pytest.raises(UsageError, match="access_control"):
        schedules.add(home, docs, expression="@daily", type="access_control")
    kept = schedules.add(home, docs, expression="@daily", type="access_control", enabled=False)
    assert kept.type is JobType.ACCESS_CONTROL
    with pytest.raises(UsageError, match="access_control"):
        schedules.update(home, kept, {"enabled": True})


def test_two_schedules_of_a_connector_have_two_names(home: Installation) -> None:
    docs, other = connector(home), connector(home, "other")
    one = schedules.add(home, docs, expression="@daily", name="a")
    schedules.add(home, docs, expression="@daily", name="b")
    schedules.add(home, other, expression="@daily", name="a")
    with pytest.raises(UsageError, match="named 'a'"):
        schedules.add(home, docs, expression="@daily", name="a")
    with pytest.raises(UsageError, match="named 'b'"):
        schedules.update(home, one, {"name": "b"})
    assert [schedule.name for schedule in schedules.of(home, docs)] == ["a", "b"]


def test_a_change_of_times_counts_from_now_and_any_other_change_leaves_the_next_run(
    home: Installation, clock: FakeClock
) -> None:
    made = schedules.add(home, connector(home), expression="rate(2 hours)")
    clock.advance(HOUR / 2)
    named = schedules.update(home, made, {"name": "often", "jitter_s": 5})
    assert (named.next_at, named.revision, named.name) == (made.next_at, 2, "often")
    changed = schedules.update(home, named, {"expression": "0 9 * * *"})
    assert (changed.dialect, changed.next_at) == (Dialect.UNIX, START + HOUR)
    clock.advance(2 * HOUR)
    assert schedules.update(home, changed, {"enabled": False}).next_at == START + HOUR
    again = schedules.update(home, changed, {"enabled": True})
    assert again.next_at == START + 25 * HOUR  # what passed while it was off is not made up


def test_a_change_on_an_old_revision_is_refused(home: Installation) -> None:
    made = schedules.add(home, connector(home), expression="@daily")
    schedules.update(home, made, {"name": "x"}, revision=1)
    with pytest.raises(Conflict):
        schedules.update(home, made, {"name": "y"}, revision=1)
    with pytest.raises(UsageError, match="no 'colour'"):
        schedules.update(home, made, {"colour": "red"})
    schedules.remove(home, made)
    with pytest.raises(NotFound):
        schedules.update(home, made, {"name": "y"})


def test_schedules_go_with_their_connector(home: Installation) -> None:
    docs, other = connector(home), connector(home, "other")
    made, left = (schedules.add(home, one, expression="@daily") for one in (docs, other))
    home.control().remove_connector(docs.number)
    assert (Schedules(home.control()).get(made.id), schedules.of(home, other)) == (None, [left])
    with pytest.raises(NotFound):
        schedules.add(home, docs, expression="@daily")


# --- due --------------------------------------------------------------------------------------------------------------


def test_a_due_schedule_starts_one_job(home: Installation) -> None:
    docs = connector(home)
    made = schedules.add(home, docs, expression="rate(1 hour)", name="hourly", type="incremental")
    assert tick(home, START + HOUR - 1) == START + HOUR
    assert started(home) == []
    assert tick(home, START + HOUR) == START + 2 * HOUR
    (job,) = started(home)
    assert (job.trigger, job.cause, job.wanted) == (Trigger.SCHEDULED, "schedule hourly", JobType.INCREMENTAL)
    assert (job.connector_id, job.state) == (docs.id, JobState.PENDING)
    after = schedules.get(home, made.id)
    assert (after.next_at, after.last_at, after.last_job) == (START + 2 * HOUR, START + HOUR, job.number)
    assert after.revision == 1  # a run is no change of the schedule
    assert tick(home, START + HOUR) == START + 2 * HOUR
    assert len(started(home)) == 1


def test_a_schedule_that_is_over_does_not_come_again(home: Installation) -> None:
    made = schedules.add(home, connector(home), expression="at(2027-01-15T09:00:00)")
    assert tick(home, START + HOUR) is None
    assert len(started(home)) == 1
    assert schedules.get(home, made.id).next_at is None


@pytest.mark.parametrize(
    ("misfire", "late_s", "runs"),
    [("run_once", 5 * HOUR + 1, 1), ("run_once", 5 * DAY, 1), ("skip", 30 * MINUTE, 0), ("skip", 59.0, 1)],
)
def test_due_times_that_nobody_was_there_for(home: Installation, misfire: str, late_s: float, runs: int) -> None:
    made = schedules.add(home, connector(home), expression="rate(1 hour)", misfire=misfire)
    now = START + HOUR + late_s
    tick(home, now)
    assert len(started(home)) == runs
    following = schedules.get(home, made.id).next_at
    assert following is not None
    assert now < following <= now + HOUR
    assert (following - START) % HOUR == 0
    assert [(event["reason"], event["schedule"]) for event in skipped(home)] == [("late", made.id)] * (1 - runs)


@pytest.mark.parametrize(("misfire", "runs"), [("run_once", 1), ("skip", 0)])
def test_a_paused_connector_starts_nothing_until_it_goes_on(home: Installation, misfire: str, runs: int) -> None:
    docs = connector(home)
    schedules.add(home, docs, expression="rate(1 hour)", misfire=misfire)
    docs.paused = True
    home.control().update_connector(docs, "folder:/nowhere/docs", START)
    assert tick(home, START + 3.5 * HOUR) is None
    assert started(home) == []
    docs.paused = False
    home.control().update_connector(docs, "folder:/nowhere/docs", START)
    assert tick(home, START + 3.5 * HOUR) == START + 4 * HOUR
    assert len(started(home)) == runs


def test_a_disabled_schedule_starts_nothing(home: Installation) -> None:
    schedules.add(home, connector(home), expression="rate(1 hour)", enabled=False)
    assert tick(home, START + 3 * HOUR) is None
    assert started(home) == []


def test_a_due_time_while_a_job_is_active_is_skipped_or_coalesced(home: Installation) -> None:
    docs, other = connector(home), connector(home, "other")
    skips = schedules.add(home, docs, expression="rate(1 hour)", name="skips")
    schedules.add(home, other, expression="rate(1 hour)", name="waits", when_active="coalesce")
    tick(home, START + HOUR)
    control = home.control()
    for waiting in control.waiting():
        control.claim(waiting.number, "test", START, JobType.FULL)
    for hour in (2, 3):
        tick(home, START + hour * HOUR)
    first, running, waits = started(home)
    assert (first.state, running.state, waits.state) == (JobState.RUNNING, JobState.RUNNING, JobState.PENDING)
    assert waits.cause == "schedule waits"
    assert [(event["reason"], event["due"]) for event in skipped(home)] == [
        ("active", "2027-01-15T10:00:00.000Z"),
        ("active", "2027-01-15T11:00:00.000Z"),
    ]
    after = schedules.get(home, skips.id)
    assert (after.last_at, after.last_job) == (START + 3 * HOUR, first.number)


def test_a_schedule_that_cannot_be_understood_any_more_does_not_stop_the_others(home: Installation) -> None:
    made = schedules.add(home, connector(home), expression="rate(1 hour)")
    schedules.add(home, connector(home, "other"), expression="rate(1 hour)", name="good")
    home.control().db.execute("update schedules set zone = 'Mars/Olympus' where number = ?", (made.number,))
    assert tick(home, START + HOUR) == START + 2 * HOUR
    assert [job.cause for job in started(home)] == ["schedule good"]
    assert not schedules.get(home, made.id).enabled
    assert "no time zone" in skipped(home)[0]["reason"]
    assert schedules.shape(schedules.get(home, made.id), "docs")["next_runs"] == []


def test_jitter_delays_each_run_by_its_own_time_and_loses_none(home: Installation) -> None:
    made = schedules.add(home, connector(home), expression="*/10 * * * *", jitter_s=3_600.0)
    delays: list[float] = []
    now = START
    for n in range(1, 200):
        due = START + n * 10 * MINUTE
        wake = tick(home, now)
        while wake is not None and wake <= due:  # the due time itself wakes, too
            now, wake = wake, tick(home, wake)
        assert wake is not None
        now = wake
        tick(home, now)
        assert schedules.get(home, made.id).last_at == due
        delays.append(now - due)
        end(home)
    assert len(started(home)) == 199
    assert 0 <= min(delays) < 60
    assert 500 < max(delays) < 600  # never as long as to the next due time
    assert len(set(delays)) == len(delays)
    assert delays[5] == pytest.approx(delay(made, START + 60 * MINUTE, START + 70 * MINUTE), abs=1e-3)


def test_a_thousand_schedules_are_due_in_the_same_minute(home: Installation, remark: Callable[[str], None]) -> None:
    with home.control().writing("many"):
        for n in range(1000):
            one = connector(home, f"c{n}")
            schedules.add(home, one, expression="0 9 * * *", name="x")
    ticker = Ticker(home.control())
    began = time.perf_counter()
    ticker.tick(START + HOUR)
    took = time.perf_counter() - began
    began = time.perf_counter()
    for second in range(100):
        ticker.tick(START + HOUR + second)
    idle = (time.perf_counter() - began) / 100
    assert len(started(home)) == 1000
    assert {job.cause for job in started(home)} == {"schedule x"}
    remark(f"schedules: 1,000 due at once were started in {took * 1000:.0f} ms; an idle tick took {idle * 1e6:.0f} µs")


def test_a_connector_with_many_schedules_does_not_hold_up_the_others(home: Installation) -> None:
    busy, calm = connector(home, "busy"), connector(home, "calm")
    for n in range(250):
        schedules.add(home, busy, expression="0 9 * * *", name=f"b{n}")
    schedules.add(home, calm, expression="0 9 * * *", name="calm")
    tick(home, START + HOUR)
    assert [job.cause for job in started(home)] == ["schedule b0", "schedule calm"]
    assert len(skipped(home)) == 249


# --- deaths, jumps, company -------------------------------------------------------------------------------------------


def test_whoever_dies_while_firing_each_due_time_has_one_job(tmp_path: Path, remark: Callable[[str], None]) -> None:
    recorder = CrashRecorder()
    prepared(tmp_path / "recorded")
    run(tmp_path / "recorded", START + HOUR, recorder)
    deaths = [crash for crash in recorder.crashes() if crash.point.startswith("control.")]
    for crash in deaths:
        state = tmp_path / f"{crash.point}-{crash.nth}"
        prepared(state)
        with pytest.raises(SimulatedCrash):
            run(state, START + HOUR, crash)
        run(state, START + HOUR + 5, None)
        run(state, START + HOUR + 5, None)
        installation = Installation(str(state))
        assert Counter(job.cause for job in started(installation)) == {f"schedule s{n}": 1 for n in range(3)}, crash
        installation.close()
    assert {"control.fire.before", "control.fire.inside", "control.fire.after"} <= recorder.counts.keys()
    remark(f"schedules: {len(deaths)} deaths while firing survived, each due time with one job")


def prepared(state: Path) -> None:
    installation = Installation(str(state), FakeClock(START))
    for n in range(3):
        schedules.add(installation, connector(installation, f"c{n}"), expression="0 * * * *", name=f"s{n}")
    installation.close()


def run(state: Path, now: float, crash: Callable[[str], None] | None) -> None:
    installation = Installation(str(state), crash=crash) if crash is not None else Installation(str(state))
    try:
        Ticker(installation.control()).tick(now)
    finally:
        installation.close()


CHILD = """
import sys
from syncline.service.schedules import Ticker
from syncline.store.sqlite.control import Control
control = Control(sys.argv[1])
now = control.db.execute("select min(next_at) from schedules").get
print("ready", flush=True)
ticker = Ticker(control)
while now < float(sys.argv[2]):
    now = ticker.tick(now)
"""


def test_a_ticker_that_is_killed_again_and_again_handles_each_due_time_once(
    home: Installation, remark: Callable[[str], None]
) -> None:
    """The jobs never end, so that every due time but the first shows as one that was skipped."""
    for n in range(5):
        schedules.add(home, connector(home, f"c{n}"), expression="* * * * *", name=f"s{n}")
    rng, path, minutes, deaths = Random(9), home.path("control.db"), 1_000, 0
    for last in (*(False,) * 6, True):
        command = [sys.executable, "-c", CHILD, path, str(START + minutes * MINUTE)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
            if not last:
                time.sleep(rng.random() * 0.1)
                child.kill()
            deaths += child.wait(120) == -signal.SIGKILL
    assert deaths > 0
    seen = Counter((event["name"], event["due"]) for event in skipped(home))
    seen += Counter((job.cause.removeprefix("schedule "), iso(job.created_at)) for job in started(home))
    dues = [iso(START + minute * MINUTE) for minute in range(1, minutes)]
    assert seen == {(f"s{n}", due): 1 for n in range(5) for due in dues}
    remark(f"schedules: {len(seen)} due times through {deaths} kills, each handled once")


def test_two_tickers_start_each_job_once(home: Installation) -> None:
    for n in range(30):
        schedules.add(home, connector(home, f"c{n}"), expression="* * * * *", name=f"s{n}", when_active="coalesce")
    ready = threading.Barrier(2)
    failures: list[BaseException] = []

    def follow() -> None:
        control = home.open_control()
        try:
            for minute in range(1, 11):
                ready.wait(60)
                Ticker(control).tick(START + minute * MINUTE)
                ready.wait(60)
                if threading.current_thread().name == "first":
                    with control.writing("end"):
                        control.db.execute("update jobs set state = 'succeeded'")
        except BaseException as error:  # told below
            failures.append(error)
            ready.abort()
        finally:
            control.close()

    threads = [threading.Thread(target=follow, name=name) for name in ("first", "second")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert Counter(job.cause for job in started(home)) == {f"schedule s{n}": 10 for n in range(30)}


EXPRESSIONS = [
    *("0 */6 * * *", "30 2 * * *", "15 14 * * MON-FRI", "0 0 1,15 * *", "0 0 0 L * ?", "0 0 9 ? * 2#1"),
    *("rate(7 hours)", "cron(0 12 ? * MON *)", "30 2 * * MON", "45 23 * * SUN", "rate(3 days)", "0 3 */2 * *"),
    *("0 6 1-7 * *", "30 1 * * SUN", "0 0 18 LW * ?", "0 20 * * WED"),
]
SIMULATION_ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]
TWO_MONTHS = 61 * DAY


@dataclass
class Expected:
    """What ought to be run of one schedule, by the rules as they are written down, from a list of all due times."""

    schedule: Schedule
    times: list[float]
    place: int = 0
    runs: list[tuple[str, float]] = field(default_factory=list)

    def tick(self, now: float) -> None:
        if self.times[self.place] > now:
            return
        passed = self.place
        while passed < len(self.times) - 1 and self._begins(passed) <= now:
            passed += 1
        if passed == self.place:
            return
        late_s = now - self._begins(passed - 1)
        if self.schedule.misfire is Misfire.RUN_ONCE or late_s <= 60:
            self.runs.append((self.schedule.name, self.times[passed - 1]))
        self.place = passed

    def _begins(self, n: int) -> float:
        return self.times[n] + delay(self.schedule, self.times[n], self.times[n + 1])


def test_two_months_with_restarts_and_a_clock_that_jumps(tmp_path: Path, remark: Callable[[str], None]) -> None:
    rng, clock = Random(20), FakeClock(1_803_000_000.0)  # from 2027-02-19: clocks are changed on the way
    begin, state = clock(), str(tmp_path / "state")
    expected = simulated_schedules(Installation(state, clock), rng)
    installation, ticker = opened(state, clock)
    found: list[tuple[str, float]] = []
    ticks = restarts = jumps = 0
    while clock() < begin + TWO_MONTHS:
        wake = ticker.tick(clock())
        ticks += 1
        for one in expected:
            one.tick(clock())
        found += runs_since(installation)
        chance = rng.random()
        if chance < 0.01:  # down for a while
            installation.close()
            restarts += 1
            clock.advance(rng.choice([1.0, 90.0, 2 * HOUR, 2 * DAY]) * rng.random())
            installation, ticker = opened(state, clock)
        elif chance < 0.02:
            jumps += 1
            clock.now_s += rng.choice([-DAY, DAY, -DAY])
        else:
            assert wake is not None
            clock.now_s = max(clock(), wake) + rng.choice([0.0, 0.0, 0.4, 20.0])
    installation.close()
    wanted = Counter(run for one in expected for run in one.runs)
    assert Counter(found) == wanted
    assert max(wanted.values()) == 1
    assert min(restarts, jumps) > 5
    remark(
        f"schedules: {len(found)} runs of {len(expected)} schedules in two months, {ticks} ticks, {restarts} restarts "
        f"and {jumps} jumps of the clock: none missed, none doubled"
    )


def simulated_schedules(installation: Installation, rng: Random) -> list[Expected]:
    made: list[Expected] = []
    with installation.control().writing("many"):
        for n in range(200):
            one = schedules.add(
                installation, connector(installation, f"c{n}"), expression=rng.choice(EXPRESSIONS),
                zone=rng.choice(SIMULATION_ZONES), name=f"s{n}", misfire=rng.choice(list(Misfire)),
                jitter_s=rng.choice([0.0, 0.0, 0.0, 0.0, 30.0, 7_200.0]),
            )  # fmt: skip
            cron = schedules.cron_of(one)
            made.append(Expected(one, cron.upcoming(installation.clock(), int((TWO_MONTHS + 5 * DAY) / (5 * HOUR)))))
    installation.close()
    return made


def opened(state: str, clock: FakeClock) -> tuple[Installation, Ticker]:
    installation = Installation(state, clock)
    installation.control().db.execute("pragma synchronous = off")
    return installation, Ticker(installation.control())


def runs_since(installation: Installation) -> list[tuple[str, float]]:
    """(schedule, due time) of the jobs that were added by this tick; they end at once."""
    control = installation.control()
    rows: list[Any] = control.db.execute(
        "select schedules.name, last_at, cause from jobs join schedules on last_job = jobs.number"
        " where state = 'pending'"
    ).fetchall()
    assert len(rows) == len(control.waiting())
    assert [cause for _, _, cause in rows] == [f"schedule {name}" for name, _, _ in rows]
    if rows:
        with control.writing("end"):
            control.db.execute("update jobs set state = 'succeeded' where state = 'pending'")
    return [(name, last_at) for name, last_at, _ in rows]
