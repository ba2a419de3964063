"""A data directory with a supervisor on it, and sources of every temper."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from syncline.model.connectors import Connector
from syncline.model.jobs import Job, JobState
from syncline.runner.supervisor import Supervisor
from syncline.server.ground import ground_of
from syncline.server.settings import Settings
from syncline.service import connectors, jobs
from syncline.wiring import Installation

TEMPERS = '''
import ctypes, os, sys, time
from syncline import Document, source

@source("slow")
def slow(config):
    for number in range(2_000):
        yield Document(f"d{number:06}", text=f"text {number}")
        if not os.path.exists(HURRY):
            time.sleep(0.005)

@source("quick")
def quick(config):
    for number in range(20):
        yield Document(f"q{number:06}", text=f"text {number}")

@source("loops")
def loops(config):
    yield Document("first", text="text")
    while not os.path.exists(HURRY):
        pass

@source("blocks")
def blocks(config):
    yield Document("first", text="text")
    if not os.path.exists(HURRY):
        os.read(os.pipe()[0], 1)

@source("holds")
def holds(config):
    """A call into C that keeps the interpreter to itself: no thread of the process can do anything any more."""
    yield Document("first", text="text")
    if not os.path.exists(HURRY):
        ctypes.PyDLL(None).sleep(1000)

@source("dies")
def dies(config):
    yield Document("first", text="text")
    time.sleep(0.3)  # the first batch is written
    yield Document("second", text="text")
    if not os.path.exists(HURRY):
        os._exit(9)

@source("quits")
def quits(config):
    yield Document("first", text="text")
    sys.exit(3)
'''


class World:
    """One data directory. `start` asks for a job, as the API does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.hurry = folder / "hurry"
        self.sources = folder / "tempers.py"
        self.sources.write_text(TEMPERS.replace("HURRY", repr(str(self.hurry))))
        self.installation = Installation(str(folder / "state"))
        self.supervisor: Supervisor | None = None

    def open(self, **settings: Any) -> Supervisor:
        self.supervisor = Supervisor(ground_of(Settings(self.installation.data_dir, **{"jobs": 4, **settings})))
        return self.supervisor

    def close(self) -> None:
        if self.supervisor is not None:
            self.supervisor.close()
            self.supervisor = None

    def add(self, temper: str, name: str | None = None, index: str | None = None) -> Connector:
        control = self.installation.control()
        draft = connectors.draft(control, f"{self.sources}:{temper}", {}, name=name or temper, index=index)
        return connectors.add(self.installation, draft)

    def start(self, connector: Connector, **more: Any) -> Job:
        ordered = jobs.start(self.installation, connector, **more)
        if self.supervisor is not None:
            self.supervisor.wake()
        return ordered.job

    def stop(self, job: Job) -> None:
        jobs.stop(self.installation, str(job.number))
        if self.supervisor is not None:
            self.supervisor.wake()

    def job(self, job: Job) -> Job:
        return self.installation.control().job(job.number)

    def wait(self, job: Job, *states: JobState, seconds: float = 60) -> Job:
        """The job once it is in one of the states; without states, once it has ended."""
        return wait_for(lambda: self._if(self.job(job), states), seconds)

    @staticmethod
    def _if(job: Job, states: tuple[JobState, ...]) -> Job | None:
        return job if (job.state in states if states else not job.active) else None


def wait_for(condition: Callable[[], Any], seconds: float = 60) -> Any:
    """The condition's value once it is true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.005)
    raise AssertionError("it did not happen in time")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    try:
        yield made
    finally:
        made.close()
        made.installation.close()
