"""A small world: one source, one index, and jobs that run between them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from syncline.engine.dry import plan_job
from syncline.engine.job import run_job
from syncline.engine.work import Ending, Work
from syncline.model.documents import Document
from syncline.model.errors import DocumentRejected
from syncline.model.news import Refused
from syncline.model.outcomes import Kind
from syncline.model.ports import CrashPoint, Ticket, Unwanted, no_crash
from syncline.model.reports import Plan
from syncline.model.sheets import Sheet
from syncline.store.sqlite.truth import Truth
from syncline.testing import FakeClock, MemorySource

CONNECTOR = 1


class World:
    """One index on disk and one source. `run` runs a job to its end; `attempt` runs a given job (again)."""

    def __init__(self, path: Path) -> None:
        self.path = str(path / "truth.db")
        self.crash: CrashPoint = no_crash
        self.truth = self.open()
        self.source: Any = MemorySource()
        self.clock = FakeClock()
        self.settings: dict[str, Any] = {}
        self._jobs = itertools.count(1)
        self._fences = itertools.count(1)

    def open(self) -> Any:
        """The truth, opened once more."""
        return Truth(self.path, crash=self._passed)

    def run(self, source: Any = None, **settings: Any) -> Ending:
        """A new job."""
        return self.attempt(next(self._jobs), source, **settings)

    def attempt(self, job: int, source: Any = None, **settings: Any) -> Ending:
        """One attempt of a job."""
        return run_job(self.work(job, source, **settings))

    def work(self, job: int, source: Any = None, connector: int = CONNECTOR, **settings: Any) -> Work:
        """Everything an attempt needs."""
        self.job = job
        given = {"ledger": self.truth, "clock": self.clock, "crash": self._passed, **self.settings, **settings}
        ticket = Ticket(connector, job, next(self._fences))
        return Work(ticket=ticket, source=self.source if source is None else source, **given)

    def plan(self, **settings: Any) -> Plan:
        """What a job would do."""
        return plan_job(self.work(0, **settings))

    def _passed(self, point: str) -> None:
        self.crash(point)

    def reopen(self) -> None:
        """As after the death of the process."""
        self.crash = no_crash
        self.truth.close()
        self.truth = self.open()

    def contents(self) -> list[object]:
        """Everything durable but numbers, for "byte for byte"."""
        rows = sorted(row[1:] for rows in self.truth.rows(CONNECTOR) for row in rows)
        return [sorted(d[1:] for d in self.truth.after(0, 1_000_000)), rows]

    def documents(self, connector: int = CONNECTOR) -> dict[str, str]:
        """What the index holds: text by id."""
        return {d.id: d.text for d in self.truth.after(0, 1_000_000) if d.connector == connector}

    def kinds(self, job: int | None = None) -> dict[str, Kind]:
        """What the job recorded: outcome by id."""
        return {o.id: o.kind for o in self.truth.outcomes(job or self.job, limit=1_000_000)}


class Picky:
    """A transform that refuses documents containing "bad", does not want those containing "skip", and shouts."""

    def __init__(self, recipe: str = "picky-1") -> None:
        self.recipe = recipe
        self.seen: list[str] = []

    def apply(self, documents: Sequence[Document]) -> Iterator[Document | Refused | Unwanted]:
        for document in documents:
            self.seen.append(document.id)
            text = document.text or ""
            if "bad" in text:
                yield Refused(document.id, DocumentRejected("it is bad", code="extract.damaged"), "extract")
            elif "skip" in text:
                yield Unwanted(document.id, "skippers", "filtered.no_text")
            else:
                document.text = text.upper()
                yield document

    def leaves(self, sheet: Sheet) -> bool:
        return all(text == text.upper() for text in sheet.texts)

    def close(self) -> None:
        """Nothing to let go of."""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.truth.close()


@pytest.fixture
def picky() -> Callable[..., Picky]:
    return Picky
