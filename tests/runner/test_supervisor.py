"""Jobs in processes of their own: started within limits and in turn, stopped, resumed, given up."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from syncline.model.errors import JobActive, SynclineError
from syncline.model.jobs import JobState, JobType, WhenActive
from syncline.runner.supervisor import TaskDied, TaskTimedOut
from syncline.service import care


def test_a_job_runs_in_a_process_of_its_own(world, remark: Callable[[str], None]) -> None:
    world.open()
    quick = world.add("quick")
    first = world.wait(world.start(quick))
    assert (first.state, first.counters.inserted) == (JobState.SUCCEEDED, 20)
    assert first.worker != f"{os.uname().nodename}:{os.getpid()}"
    delays = []
    for _ in range(10):
        asked = time.time()
        delays.append(world.wait(world.start(quick)).started_at - asked)
    remark(f"start of a job in its own process: median {sorted(delays)[5] * 1e3:.0f} ms, worst {max(delays) * 1e3:.0f}")


def test_no_more_jobs_run_at_once_than_allowed_in_all_and_in_an_index(world) -> None:
    world.open(jobs=3, jobs_per_index=2)
    made = [world.add("slow", f"s{n}", "one" if n < 4 else "two") for n in range(6)]
    started = [world.start(connector) for connector in made]
    most: dict[str, int] = {}
    for _ in range(60):
        running = [job for job in map(world.job, started) if job.state is JobState.RUNNING]
        for name in ("one", "two", "all"):
            most[name] = max(most.get(name, 0), sum(1 for job in running if name in (job.index, "all")))
        time.sleep(0.02)
    assert most == {"one": 2, "two": 1, "all": 3}
    world.hurry.touch()
    assert {world.wait(job).state for job in started} == {JobState.SUCCEEDED}


def test_a_start_while_one_is_active_is_refused_coalesced_or_queued(world) -> None:
    world.open()
    slow = world.add("slow")
    running = world.wait(world.start(slow), JobState.RUNNING)
    with pytest.raises(JobActive) as refused:
        world.start(slow)
    assert refused.value.details["job_id"] == running.id
    following = world.start(slow, when_active=WhenActive.COALESCE)
    again = world.start(slow, when_active=WhenActive.COALESCE, force=True)
    assert following.number == again.number != running.number
    assert world.job(following).force
    queued = world.start(slow, when_active=WhenActive.QUEUE)
    assert queued.number not in (running.number, following.number)
    assert world.job(following).state is JobState.PENDING
    world.hurry.touch()
    ended = [world.wait(job) for job in (running, following, queued)]
    assert {job.state for job in ended} == {JobState.SUCCEEDED}
    assert ended[0].ended_at <= ended[1].started_at <= ended[1].ended_at <= ended[2].started_at


def test_a_process_that_dies_is_tried_again_and_given_up_in_the_end(world) -> None:
    world.open()
    job = world.wait(world.start(world.add("dies")))
    assert (job.state, job.deaths, job.attempt) == (JobState.FAILED, 3, 3)
    assert job.error["code"] == "worker.died"
    assert "exit code 9" in job.error["message"]


def test_a_source_that_quits_fails_its_job_and_keeps_what_it_gave(world) -> None:
    world.open()
    job = world.wait(world.start(world.add("quits")))
    assert (job.state, job.deaths, job.counters.inserted) == (JobState.FAILED, 0, 1)
    assert job.error["code"] == "source.raised"


def test_a_job_whose_process_was_killed_goes_on_from_its_checkpoint(world) -> None:
    supervisor = world.open()
    job = world.wait(world.start(world.add("slow")), JobState.RUNNING)
    pid = wait_for_pid(world, job)
    os.kill(pid, signal.SIGKILL)
    assert wait_until(lambda: world.job(job).attempt == 2)
    world.hurry.touch()
    ended = world.wait(job)
    assert (ended.state, ended.counters.inserted, ended.deaths) == (JobState.SUCCEEDED, 2000, 1)
    assert supervisor.alive


def wait_for_pid(world, job) -> int:
    return int(wait_until(lambda: world.job(job).worker).rpartition(":")[2])


def wait_until(condition: Callable[[], object], seconds: float = 60):
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)
    return value


def test_closing_suspends_every_job_and_the_next_supervisor_resumes_it(world) -> None:
    world.open()
    jobs = [world.wait(world.start(world.add(temper)), JobState.RUNNING) for temper in ("slow", "loops", "holds")]
    wait_until(lambda: world.job(jobs[0]).counters.inserted)
    world.close()
    assert [world.job(job).state for job in jobs] == [JobState.SUSPENDED] * 3
    assert all(world.job(job).ended_at is None for job in jobs)
    world.hurry.touch()
    world.open()
    ended = [world.wait(job) for job in jobs]
    assert [job.state for job in ended] == [JobState.SUCCEEDED] * 3
    assert [job.counters.inserted for job in ended] == [2000, 1, 1]
    assert care.verify(world.installation, None, repair=False, source=True).problems == []


def test_a_suspended_job_can_be_stopped(world) -> None:
    world.open()
    job = world.wait(world.start(world.add("slow")), JobState.RUNNING)
    world.close()
    world.stop(job)
    stopped = world.job(job)
    assert stopped.state is JobState.STOPPED
    assert stopped.ended_at is not None


def test_jobs_of_a_command_are_left_alone_until_it_dies(world) -> None:
    slow = world.add("slow")
    command = subprocess.Popen(
        [sys.executable, "-m", "syncline.cli", "--data-dir", world.installation.data_dir, "sync", "slow"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    (job,) = wait_until(lambda: [j for j in world.installation.control().jobs() if j.state is JobState.RUNNING])
    world.open()
    time.sleep(1.5)  # it looks at leases once a second
    assert world.job(job).attempt == 1
    with pytest.raises(JobActive):
        world.start(slow)
    command.kill()
    command.wait()
    assert wait_until(lambda: world.job(job).attempt == 2)
    world.hurry.touch()
    assert world.wait(job).counters.inserted == 2000


def test_the_nursery_may_die_too(world) -> None:
    supervisor = world.open()
    job = world.wait(world.start(world.add("slow")), JobState.RUNNING)
    os.kill(supervisor._nursery.pid, signal.SIGKILL)
    assert wait_until(lambda: world.job(job).attempt == 2)
    world.hurry.touch()
    assert world.wait(job).counters.inserted == 2000


def test_a_connector_removed_while_its_job_waits_takes_the_job_with_it(world) -> None:
    quick = world.add("quick")
    job = world.start(quick)
    world.installation.control().remove_connector(quick.number)
    world.open()
    assert world.wait(job).state is JobState.STOPPED


def test_tools_run_in_processes_of_their_own(world) -> None:
    supervisor = world.open()
    assert supervisor.run_task("os:getpid", 30) != os.getpid()
    with pytest.raises(TaskDied):
        supervisor.run_task("os:abort", 30)
    with pytest.raises(TaskTimedOut):
        supervisor.run_task("subprocess:call", 0.2, args=["sleep", "1000"])
    with pytest.raises(SynclineError) as refused:
        supervisor.run_task("syncline.sources.registry:find", 30, kind="no-such-kind")
    assert refused.value.as_dict()["code"] == "not_found"
    assert wait_until(lambda: supervisor.running == 0) is True


def test_an_explicit_full_job_of_a_source_with_a_cursor_reads_everything(world) -> None:
    world.open()
    quick = world.add("quick")
    world.wait(world.start(quick))
    assert world.wait(world.start(quick, wanted=JobType.FULL)).type is JobType.FULL
