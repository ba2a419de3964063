"""Several servers on one database: each job is run once, whoever is killed, and everybody finds everything."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from tests.serve.conftest import Served

from syncline.model.jobs import JobState, JobType, Trigger, WhenActive
from syncline.model.search import Reader, Request
from syncline.service import connectors, jobs, searching

LIMIT_S = 60.0
CONNECTORS = 8
RUNS = """
import os, time
from pydantic import BaseModel
from syncline import Document, source

class Config(BaseModel):
    name: str
    log: str
    seconds: float = 0.0

@source("runs", config=Config)
def runs(config):
    fd = os.open(config.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(fd, (config.name + " " + str(os.getpid()) + chr(10)).encode())
    os.close(fd)
    for number in range(10):
        yield Document(f"{config.name}-{number}", text=f"text of {config.name} {number}")
        time.sleep(config.seconds / 10)
"""


def until(true: Callable[[], Any], limit_s: float = LIMIT_S) -> float:
    """Wait for it; returns for how long."""
    begun = time.monotonic()
    while not true():
        assert time.monotonic() - begun < limit_s, "it did not come true"
        time.sleep(0.05)
    return time.monotonic() - begun


@pytest.fixture
def pair(base: Any, tmp_path: Path) -> Iterator[list[Served]]:
    """Two servers, each with a data directory of its own."""
    environ = {**base.environ, "SYNCLINE_SECRET_KEY": "0" * 64, "SYNCLINE_JOBS": "4"}
    made = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        made.append(Served(tmp_path / name / "state", **environ))
    starters = [Thread(target=served.start) for served in made]
    for starter in starters:
        starter.start()
    for starter in starters:
        starter.join()
    yield made
    for served in made:
        served.__exit__()


def add(base: Any, tmp_path: Path, name: str, seconds: float = 0.0) -> Any:
    (tmp_path / "runs.py").write_text(RUNS)
    here = base.installation("here")
    settings = {"name": name, "log": str(tmp_path / "log"), "seconds": seconds}
    return connectors.add(here, connectors.draft(here.control(), f"{tmp_path}/runs.py:runs", settings, name=name))


@pytest.mark.parametrize("starts", [40, pytest.param(400, marks=[pytest.mark.slow, pytest.mark.timeout(1200)])])
def test_invariants_02_03_each_of_many_jobs_started_through_two_servers_is_run_once(
    base: Any, pair: list[Served], tmp_path: Path, remark: Callable[[str], None], starts: int
) -> None:
    made = [add(base, tmp_path, f"c{number}") for number in range(CONNECTORS)]
    begun = time.monotonic()

    def start(served: Served, offset: int) -> None:
        with served.client() as client:
            for number in range(offset, starts, 2):
                connector = made[number // 2 % CONNECTORS]
                answer = client.post(f"/v1/connectors/{connector.id}/sync", json={"when_active": "queue"})
                assert answer.status_code == 202, answer.text

    starters = [Thread(target=start, args=(served, at)) for at, served in enumerate(pair)]
    for starter in starters:
        starter.start()
    for starter in starters:
        starter.join()
    control = base.installation("here").control()
    most = 0

    def ended_all() -> bool:
        nonlocal most
        count = "select count(*) from pg_stat_activity where application_name = $1"
        most = max(most, base.ask(count, f"syncline {base.schema}")[0][0])
        return not control.job_counts()

    until(ended_all, 900.0)
    took = time.monotonic() - begun
    ended = control.jobs(limit=starts + 1)
    assert [job.error for job in ended if job.error] == []
    assert Counter(job.state for job in ended) == {JobState.SUCCEEDED: starts}
    assert {job.attempt for job in ended} == {1}
    assert len({job.fence for job in ended}) == starts
    runs = (tmp_path / "log").read_text().split("\n")[:-1]
    assert len(runs) == starts
    events = Counter((event.job, event.type) for event in control.events(0, 10_000))
    assert set(events.values()) == {1}
    assert sorted(event.seq for event in control.events(0, 10_000)) == list(range(1, 3 * starts + 1))
    by = Counter(job.worker for job in ended)
    results = base.installation("third")
    request = Request("text", limit=200, reader=Reader(unrestricted=True))
    assert searching.search(results, None, request).total == 10 * CONNECTORS
    remark(
        f"PostgreSQL: {starts} jobs started through two servers in {len(by)} processes, each once, in {took:.1f} s"
        f" with at most {most} connections"
    )


def test_invariants_07_08_jobs_of_a_server_that_is_killed_are_ended_by_the_other(
    base: Any, pair: list[Served], tmp_path: Path, remark: Callable[[str], None]
) -> None:
    made = [add(base, tmp_path, f"slow{number}", seconds=3.0) for number in range(4)]
    control = base.installation("here").control()
    for connector in made:
        jobs.start(base.installation("here"), connector)
    until(lambda: control.job_counts() == {"running": 4})
    workers = {int(job.worker.partition(":")[2]) for job in control.unended()}
    children = [processes_of(served.process.pid) & workers for served in pair]  # type: ignore[union-attr]
    victim = max((0, 1), key=lambda at: len(children[at]))
    lost = [job.number for job in control.unended() if int(job.worker.partition(":")[2]) in children[victim]]
    assert lost
    pair[victim].kill()
    again = until(lambda: all(control.job(number).attempt == 2 for number in lost))
    until(lambda: not control.job_counts())
    ended = [control.job(job.number) for job in control.jobs()]
    assert {job.state for job in ended} == {JobState.SUCCEEDED}
    assert {job.number for job in ended if job.attempt == 2} == set(lost)
    request = Request("text", limit=200, reader=Reader(unrestricted=True))
    assert searching.search(base.installation("third"), None, request).total == 40
    with pair[1 - victim].client() as client:
        assert client.get("/readyz").status_code == 200
    remark(f"PostgreSQL: {len(lost)} jobs of a killed server ran again on the other after {again:.1f} s")


def processes_of(pid: int) -> set[int]:
    """All below a process."""
    found: set[int] = set()
    for name in os.listdir("/proc"):
        if name.isdecimal():
            try:
                with open(f"/proc/{name}/stat", encoding="ascii", errors="replace") as file:
                    parent = int(file.read().rpartition(")")[2].split()[1])
            except (OSError, ValueError):
                continue
            if parent == pid:
                found |= {int(name)} | processes_of(int(name))
    return found


def test_what_a_job_has_brought_is_found_on_every_server_and_so_is_what_it_removed(base: Any, tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    for name in "abc":
        (docs / f"{name}.txt").write_text(f"word {name}")
    one, two = base.installation("one"), base.installation("two")
    request = Request("word", reader=Reader(unrestricted=True))

    def found(installation: Any) -> list[str]:
        return sorted(hit.id for hit in searching.search(installation, None, request).hits)

    jobs.sync(one, jobs.Order(str(docs)))
    assert found(one) == found(two) == ["a.txt", "b.txt", "c.txt"]
    (docs / "a.txt").unlink()
    (docs / "b.txt").write_text("other")
    jobs.sync(two, jobs.Order(str(docs)))
    assert found(two) == found(one) == ["c.txt"]
    assert base.ask(f'select count(*) from "{base.schema}_1".removed') == [(0,)]
    (truth := one.store.truth("default")).close()
    assert truth.path == ""


def test_an_index_that_is_removed_and_made_again_elsewhere_is_not_searched_as_it_was(base: Any, tmp_path: Path) -> None:
    from syncline.service import indexes

    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.txt").write_text("word")
    one, two = base.installation("one"), base.installation("two")
    request = Request("word", reader=Reader(unrestricted=True))
    jobs.sync(one, jobs.Order(str(tmp_path / "docs")))
    assert searching.search(two, None, request).total == 1
    indexes.remove(one, indexes.get(one, "default"), cascade=True)
    assert base.ask("select 1 from pg_namespace where nspname = $1", f"{base.schema}_1") == []
    indexes.add(one, "default")
    assert searching.search(two, None, request).total == 0


# --- races ------------------------------------------------------------------------------------------------------------

OPEN = """
import sys
from syncline.wiring import Installation
with_index = Installation(sys.argv[1])
sys.stdin.readline()
with_index.control()
with_index.index("default", create=True)
with_index.close()
print("made")
"""


def test_eight_processes_that_begin_at_once_make_one_schema(base: Any, environ: Any, tmp_path: Path) -> None:
    command = [sys.executable, "-c", OPEN]
    started = [
        subprocess.Popen(
            [*command, str(tmp_path / str(at))],
            env=environ(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for at in range(8)
    ]  # fmt: skip
    for process in started:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in started:
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out, err) == (0, "made\n", "")
    assert base.ask(f"select value from {base.schema}.meta where key = 'schema'") == [(1,)]
    assert base.ask(f"select name, has_truth from {base.schema}.indexes") == [("default", True)]


def test_invariants_02_03_claims_of_one_connector_raced_by_threads_give_one_job(base: Any, tmp_path: Path) -> None:
    connector = add(base, tmp_path, "raced")
    control = base.installation("here").control()
    numbers = [
        control.add_job(connector, None, Trigger.ON_DEMAND, False, 1.0, when_active=WhenActive.QUEUE).job.number
        for _ in range(8)
    ]
    claimed: list[Any] = []

    def claim(number: int) -> None:
        mine = base.store().control()
        try:
            claimed.append(mine.claim(number, "worker", 2.0, JobType.FULL))
        except Exception as error:
            claimed.append(error)
        mine.close()

    racers = [Thread(target=claim, args=(number,)) for number in numbers]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    assert sum(1 for one in claimed if not isinstance(one, Exception)) == 1
    assert {getattr(one, "code", "") for one in claimed if isinstance(one, Exception)} == {"job.active"}


# --- locks ------------------------------------------------------------------------------------------------------------

HOLD = """
import sys
from syncline.wiring import Installation
lease = Installation(sys.argv[1]).lease("thing")
print(lease.acquire(), flush=True)
sys.stdin.readline()
"""


def test_what_a_killed_process_held_is_free_at_once(base: Any, environ: Any, tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "other")],
        env=environ(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert holder.stdout is not None
    assert holder.stdout.readline() == "True\n"
    here = base.installation().lease("thing")
    assert not here.is_free()
    assert not here.acquire()
    assert base.installation().lease("another thing").is_free()
    holder.kill()
    holder.communicate()
    until(here.is_free)
    assert here.acquire()
    assert here.held
    assert not base.installation().lease("thing").acquire()
    base.cut()
    until(lambda: not here.held)
    here.release()


def test_a_job_goes_on_when_the_database_was_away(base: Any, tmp_path: Path) -> None:
    """Its connections are cut again and again while it runs."""
    from syncline.engine import desk

    docs = tmp_path / "docs"
    docs.mkdir()
    for number in range(60):
        (docs / f"{number:02}.txt").write_text(f"word {number}")
    here = base.installation()
    cuts = iter(range(6))

    def crash(point: str) -> None:
        if point.endswith((".before", ".after")) and next(cuts, None) is not None:
            base.cut()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(desk, "BATCH_ROWS", 10)
        here.crash = crash
        result = jobs.sync(here, jobs.Order(str(docs)))
    assert (result.status, result.counters.inserted) == ("succeeded", 60)
    request = Request("word", limit=100, reader=Reader(unrestricted=True))
    assert searching.search(here, None, request).total == 60
