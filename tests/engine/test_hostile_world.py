"""Everything goes wrong at once, by a seed: hostile readings, a hostile ledger, deaths and resumes, while people edit.

Whatever happens: no document that still exists is lost (invariant 4), a job with a hole in its reading is no success
(invariant 6), and one undisturbed job makes both sides equal (invariant 7).
"""

from __future__ import annotations

import itertools
import random
from typing import Any

import pytest

from syncline.engine import desk, river
from syncline.engine.job import run_job
from syncline.engine.work import Ending, Work
from syncline.model.connectors import Guard
from syncline.model.jobs import JobEvent
from syncline.model.ports import Ticket, no_crash
from syncline.testing import (
    HANGING,
    PARTIAL,
    CrashAt,
    FakeClock,
    Fault,
    HostileLedger,
    HostileSource,
    IndexMemory,
    LateLedger,
    MemoryLedger,
    MemorySheets,
    MemorySource,
    MemoryStream,
    SimulatedCrash,
    misdeeds,
    strikes,
)

IDS = ("a1", "a2", "b1", "b2", "c1", "d1", "d2")
POINTS = ("ledger.commit.before", "ledger.commit.after", "engine.commit.after")
FAULTS = frozenset(Fault) - HANGING - {Fault.GONE}
NEVER_SO_MANY = Guard(100, 100)


class Trial:
    """One world that a seed has drawn."""

    def __init__(self, seed: int, source: MemorySource | MemoryStream) -> None:
        self.dice = random.Random(seed)
        self.source = source
        self.index = IndexMemory()
        self.jobs, self.fences = itertools.count(1), itertools.count(1)

    def documents(self) -> set[str]:
        return set(MemoryLedger(self.index).documents(1))

    def edit(self) -> None:
        for _ in range(self.dice.randrange(4)):
            id = self.dice.choice(IDS)
            if id in self.source.documents and self.dice.random() < 0.4:
                self.source.remove(id)
            else:
                self.source.put(id, str(self.dice.random()))

    def disturbed_job(self) -> None:
        """A job of up to three attempts, each with troubles of its own."""
        job = next(self.jobs)
        for _ in range(self.dice.choice((1, 1, 2, 3))):
            before = self.documents()
            hostile, ending = self._attempt(job)
            assert not (before - self.documents()) & set(self.source.documents), "lost"
            if isinstance(self.source, MemorySource) and ending is not None and ending.event is JobEvent.FINISH:
                fetched_all = {Fault.FETCH_RAISE, Fault.FETCH_SHORT, Fault.UNMOUNT}
                assert not (set(hostile.struck) & PARTIAL) - fetched_all, "a success with a hole"
            if ending is not None:
                assert ending.error is None or ending.error.code != "internal", ending.error
                return

    def _attempt(self, job: int) -> tuple[HostileSource, Ending | None]:
        dice = self.dice
        hostile = HostileSource(self.source, misdeeds(dice.randrange(10**9), readings=1, among=FAULTS, chance=0.8))
        crash: Any = CrashAt(dice.choice(POINTS), dice.randrange(1, 5)) if dice.random() < 0.4 else no_crash
        troubles = strikes(dice.randrange(10**9), chance=0.1) if dice.random() < 0.3 else ()
        ledger: Any = HostileLedger(MemoryLedger(self.index, crash=crash), troubles)
        if dice.random() < 0.5:
            ledger = LateLedger(ledger)
        try:
            return hostile, self._run(job, hostile, ledger, crash=crash)
        except SimulatedCrash:
            return hostile, None

    def _run(self, job: int, source: Any, ledger: Any, **settings: Any) -> Ending:
        ticket = Ticket(1, job, next(self.fences))
        return run_job(Work(ticket, source, ledger, clock=FakeClock(), guard=NEVER_SO_MANY, **settings))

    def undisturbed_job(self) -> Ending:
        return self._run(next(self.jobs), self.source, MemoryLedger(self.index))


@pytest.mark.parametrize("seed", range(150))
@pytest.mark.parametrize("kind", ["listing", "sheets", "stream"])
def test_invariants_04_06_07_in_a_hostile_world(seed: int, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk, "BATCH_ROWS", 3)
    monkeypatch.setattr(desk, "PASTED_ROWS", 2)
    monkeypatch.setattr(river, "SHEET_AT_ONCE", 2)
    kinds: Any = {"listing": MemorySource, "sheets": MemorySheets, "stream": MemoryStream}
    trial = Trial(seed, kinds[kind](page_size=1 + seed % 3))
    for _ in range(6):
        trial.edit()
        trial.disturbed_job()
    ending = trial.undisturbed_job()
    assert ending.event is JobEvent.FINISH, ending
    held = {id: document.text for id, document in MemoryLedger(trial.index).documents(1).items()}
    assert held == {id: document.text for id, document in trial.source.documents.items()}
    assert trial.undisturbed_job().counters.changed == 0
