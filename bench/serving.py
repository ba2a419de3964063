"""The server under load: many connectors, thousands of tiny jobs through the API, and how the API answers meanwhile."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from bench import machine
from bench.environment import child_environment
from bench.options import Options
from bench.report import ServingSection, Taken

if TYPE_CHECKING:
    import httpx

SLOTS = 8
FILES = 10  # of each connector: small ones
SECRET = "a-secret-of-the-benchmark"  # of a server that lives for a minute
IDLE_S = 10.0
STARTS = 50
PROBE_EVERY_S = 0.02
PATIENCE_S = 600.0


@dataclass
class Tree:
    """The processes of one server: CPU seconds so far, and megabytes, shared pages counted once (PSS)."""

    pid: int

    def pids(self) -> list[int]:
        """All of them, parents first."""
        found = [self.pid]
        for pid in found:
            found += _children(pid)
        return found

    def memory_mb(self) -> tuple[float, float]:
        """(PSS of all, RSS of the server alone)."""
        return sum(_rollup(pid, "Pss:") for pid in self.pids()), _rollup(self.pid, "Rss:")

    def cpu_s(self) -> float:
        """Of those that live."""
        return sum(_cpu(pid) for pid in self.pids())


def measure(options: Options) -> ServingSection:
    """One server: from its start to rest, and through the storm."""
    connectors, jobs = (10, 40) if options.quick else (500, 2000)
    section = ServingSection(Taken(options.date, machine.load()), connectors, jobs, SLOTS)
    state, tree = options.scratch("serving"), options.scratch("serving-docs")
    for folder in (state, tree):
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
    for n in range(FILES):
        with open(os.path.join(tree, f"page-{n}.md"), "w", encoding="utf-8") as page:
            page.write(f"# The page {n}\n\nWhat is written here is the same for all connectors.\n")
    try:
        with _server(state, tree, section) as (client, processes):
            _rest(section, processes, 1.0 if options.quick else IDLE_S)
            made = _connectors(client, tree, connectors)
            _starts(section, client, made[0], 5 if options.quick else STARTS)
            _storm(section, client, processes, made, jobs)
    except Exception as error:
        section.problems.append(f"{type(error).__name__}: {error}")
    section.taken.load_after = machine.load()
    return section


@contextmanager
def running(state: str, **environ: str) -> Iterator[tuple[str, int]]:
    """`syncline serve` on a free port meanwhile: its URL and its process. The key of everything is `bench:SECRET`."""
    environment = {**child_environment(), "SYNCLINE_ROOT_KEY": f"bench:{SECRET}", **environ}
    command = [sys.executable, "-m", "syncline.cli", "serve", "--port", "0", "--json", "--data-dir", state]
    with open(os.path.join(state, "server.log"), "wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=log, cwd=state)
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())["url"], process.pid
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def _server(state: str, tree: str, section: ServingSection) -> Iterator[tuple[httpx.Client, Tree]]:
    import httpx

    begun = time.perf_counter()
    with running(state, SYNCLINE_JOBS=str(SLOTS), SYNCLINE_FOLDER_ROOTS=tree) as (url, pid):
        headers = {"authorization": f"Bearer {SECRET}"}
        with httpx.Client(base_url=url, headers=headers, timeout=60) as client:
            client.get("/readyz").raise_for_status()
            section.ready_s = time.perf_counter() - begun
            yield client, Tree(pid)


def _rest(section: ServingSection, processes: Tree, seconds: float) -> None:
    time.sleep(2.0)  # the nursery warms up
    before, begun = processes.cpu_s(), time.perf_counter()
    time.sleep(seconds)
    section.idle_cpu_percent = 100 * (processes.cpu_s() - before) / (time.perf_counter() - begun)
    section.idle_mb, section.idle_server_mb = processes.memory_mb()


def _connectors(client: httpx.Client, tree: str, count: int) -> list[str]:
    made = []
    for n in range(count):
        body = {"name": f"c{n:04}", "kind": "folder", "index": f"index-{n % 10}", "settings": {"path": tree}}
        made.append(_ok(client.post("/v1/connectors", json=body))["id"])
    return made


def _starts(section: ServingSection, client: httpx.Client, connector: str, count: int) -> None:
    """One job after another on an idle server: from the request until the job has begun, and until it has ended."""
    for turn in range(-2, count):
        asked = time.time()
        job = _ended(client, _ok(client.post(f"/v1/connectors/{connector}/sync", json={}))["job"]["id"])
        if turn >= 0:
            section.start_ms.append(1000 * (_seconds(job["started_at"]) - asked))
            section.run_ms.append(1000 * (_seconds(job["ended_at"]) - asked))


def _storm(section: ServingSection, client: httpx.Client, processes: Tree, made: Sequence[str], jobs: int) -> None:
    """All jobs are asked for as fast as the API takes them, while somebody else looks at this and that."""
    watching = threading.Event()
    probe = threading.Thread(target=_probe, args=(section, client, watching))
    memory = threading.Thread(target=_weigh, args=(section, processes, watching))
    begun = time.perf_counter()
    probe.start()
    memory.start()
    try:
        asked = _ask(section, client, made, jobs)
        ended = [_ended(client, job) for job in asked]
        section.storm_s = time.perf_counter() - begun
    finally:
        watching.set()
        probe.join()
        memory.join()
    section.succeeded = sum(job["state"] == "succeeded" for job in ended)
    if section.succeeded != jobs:
        section.problems.append(f"{section.succeeded} of {jobs} jobs succeeded")


def _ask(section: ServingSection, client: httpx.Client, made: Sequence[str], jobs: int) -> list[str]:
    asked: list[str] = []
    waiting = deque(made[n % len(made)] for n in range(jobs))
    lock = threading.Lock()

    def ask() -> None:
        while True:
            try:
                connector = waiting.popleft()
            except IndexError:
                return
            begun = time.perf_counter()
            job = _ok(client.post(f"/v1/connectors/{connector}/sync", json={"when_active": "queue"}))
            with lock:
                section.post_ms.append(1000 * (time.perf_counter() - begun))
                asked.append(job["job"]["id"])

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return asked


def _probe(section: ServingSection, client: httpx.Client, done: threading.Event) -> None:
    looks = ("/v1/jobs?limit=50", "/v1/connectors?limit=50", "/v1/search?q=the&index=index-0", "/healthz")
    turn = 0
    while not done.wait(PROBE_EVERY_S):
        begun = time.perf_counter()
        response = client.get(looks[turn % len(looks)])
        section.api_ms.append(1000 * (time.perf_counter() - begun))
        if response.status_code >= 500 or (response.status_code >= 400 and "/search" not in looks[turn % len(looks)]):
            section.problems.append(f"{looks[turn % len(looks)]}: {response.status_code} {response.text[:200]}")
            return
        turn += 1


def _weigh(section: ServingSection, processes: Tree, done: threading.Event) -> None:
    while not done.wait(0.25):
        section.peak_mb = max(section.peak_mb, processes.memory_mb()[0])


def _ended(client: httpx.Client, job: str) -> dict[str, Any]:
    deadline, wait = time.monotonic() + PATIENCE_S, 0.005
    while time.monotonic() < deadline:
        found = _ok(client.get(f"/v1/jobs/{job}"))
        if found["ended_at"]:
            return found
        time.sleep(wait)
        wait = min(0.5, wait * 1.5)
    raise TimeoutError(f"job {job} has not ended")


def _ok(response: httpx.Response) -> dict[str, Any]:
    if response.status_code >= 400:
        raise RuntimeError(f"{response.request.url}: {response.status_code} {response.text[:300]}")
    found: dict[str, Any] = response.json()
    return found


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def _children(pid: int) -> list[int]:
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as children:
            found = [int(child) for child in children.read().split()]
        for task in os.listdir(f"/proc/{pid}/task"):
            if int(task) != pid:
                with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as children:
                    found += [int(child) for child in children.read().split()]
    except OSError:
        return []
    return found


def _rollup(pid: int, name: str) -> float:
    try:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as lines:
            return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(name)), 0.0)
    except OSError:
        return 0.0


def _cpu(pid: int) -> float:
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
            fields = stat.read().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
