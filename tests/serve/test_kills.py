"""The server under `kill -9`: no job is left behind, no document is lost or doubled."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from syncline.model.connectors import Connector
from syncline.model.jobs import Job, JobState, WhenActive
from syncline.model.search import Reader, Request
from syncline.service import care, connectors, jobs, searching
from syncline.wiring import Installation

KILLS = 50
CONNECTORS = 20
PAGES = """
import json, time
from pydantic import BaseModel
from syncline import Document, source

class Config(BaseModel):
    path: str

@source("pages", config=Config)
def pages(config):
    for id, text in sorted(json.load(open(config.path)).items()):
        yield Document(id, text=text)
        time.sleep(0.003)
"""


class Library:
    """Twenty sources in files, which change all the time, and what they hold."""

    def __init__(self, folder: Path, dice: random.Random) -> None:
        self.folder = folder
        self.dice = dice
        self.pages: list[dict[str, str]] = [{} for _ in range(CONNECTORS)]
        self.words = 0

    def edit(self, n: int) -> None:
        """Add, change and remove a few pages of one source, all at once."""
        pages = self.pages[n]
        for _ in range(self.dice.randrange(1, 40)):
            id = f"p{self.dice.randrange(150):03}"
            self.words += 1
            if self.dice.random() < 0.25:
                pages.pop(id, None)
            else:
                pages[id] = f"word{self.words:07} common"
        draft = self.folder / f"{n}.draft"
        draft.write_text(json.dumps(pages))
        draft.rename(self.folder / f"{n}.json")


@pytest.mark.timeout(1200)
def test_invariants_01_02_05_07_08_a_server_killed_fifty_times_under_twenty_jobs_loses_nothing(
    served: Any, tmp_path: Path, remark: Callable[[str], None]
) -> None:
    dice = random.Random(5)
    library = Library(tmp_path, dice)
    installation = Installation(str(served.data_dir))
    made = connectors_of(installation, library, tmp_path)
    served._environ["SYNCLINE_JOBS"] = str(CONNECTORS)
    caught, resumed = 0, []
    for _ in range(KILLS):
        served.start()
        begun = time.monotonic()
        left = [job for job in unended(installation) if job.state is not JobState.PENDING]
        for n, connector in enumerate(made):
            if dice.random() < 0.5:
                library.edit(n)
            jobs.start(installation, connector, when_active=WhenActive.COALESCE)
        deadline = begun + dice.uniform(0.05, 1.5)
        while time.monotonic() < deadline:
            time.sleep(0.01)
            gone_on = [job for job in left if taken_up(installation, job)]
            resumed += [time.monotonic() - begun] * len(gone_on)
            left = [job for job in left if job not in gone_on]
        caught += sum(job.state is JobState.RUNNING for job in unended(installation))
        served.kill()
    served.start()
    begun = time.monotonic()
    while unended(installation):
        time.sleep(0.05)
        assert time.monotonic() - begun < 600, "jobs are left behind"
    remark(
        f"server killed {KILLS} times with {caught} jobs running; all {caught} went on, the last ended "
        f"{time.monotonic() - begun:.1f} s after the restart; taken up again after {max(resumed):.2f} s at most"
    )
    assert caught > KILLS
    finish(installation, made)
    check(installation, library)


def connectors_of(installation: Installation, library: Library, folder: Path) -> list[Connector]:
    (folder / "pages.py").write_text(PAGES)
    made = []
    for n in range(CONNECTORS):
        library.edit(n)
        draft = connectors.draft(
            installation.control(),
            f"{folder}/pages.py:pages",
            {"path": str(folder / f"{n}.json")},
            name=f"pages-{n}",
            index=f"index-{n % 3}",
        )
        made.append(connectors.add(installation, draft))
    return made


def unended(installation: Installation) -> list[Job]:
    control = installation.control()
    return [*control.unended(), *(control.job(waiting.number) for waiting in control.waiting())]


def taken_up(installation: Installation, before: Job) -> bool:
    now = installation.control().job(before.number)
    return now.attempt > before.attempt or not now.active


def finish(installation: Installation, made: list[Connector]) -> None:
    """One undisturbed job each."""
    for connector in made:
        job = jobs.start(installation, connector).job
        end = time.monotonic() + 60
        while installation.control().job(job.number).active:
            time.sleep(0.02)
            assert time.monotonic() < end
        assert installation.control().job(job.number).state is JobState.SUCCEEDED


def check(installation: Installation, library: Library) -> None:
    for n in range(3):
        index = f"index-{n}"
        pages = [page for m, each in enumerate(library.pages) if m % 3 == n for page in each.values()]
        report = care.verify(installation, index, repair=False, source=True)
        assert report.problems == []
        assert report.documents == report.searchable == len(pages)
        for page in random.Random(n).sample(pages, 10):
            word = page.split()[0]
            found = searching.search(installation, index, Request(word, reader=Reader(unrestricted=True)))
            assert found.total == 1
