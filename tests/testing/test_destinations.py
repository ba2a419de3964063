"""The destination in memory keeps its promises, and the ledger never believes a write that it cannot be sure of."""

from __future__ import annotations

import itertools
import random
from pathlib import Path

import pytest

from syncline.destinations.remote import RemoteIndex
from syncline.engine.job import run_job
from syncline.engine.work import Work
from syncline.model.connectors import Guard
from syncline.model.documents import Document, Held, State
from syncline.model.jobs import JobEvent
from syncline.model.ports import Batch, Mark, Put, Ticket
from syncline.store.sqlite.truth import Truth
from syncline.testing import CrashRecorder, FakeClock, MemorySource, SimulatedCrash
from syncline.testing.destinations import Failure, HostileDestination, MemoryDestination, Place
from syncline.testing.hostile_ledger import LedgerFault
from syncline.testing.memory import MemorySheets
from syncline.testing.suites import LedgerSuite


class TestLedger(LedgerSuite):
    @pytest.fixture
    def ledger(self, tmp_path: Path):
        place = Place()
        return lambda: RemoteIndex(Truth(str(tmp_path / "truth.db")), MemoryDestination(place))


class World:
    def __init__(self, folder: Path, source: type[MemorySource] = MemorySource) -> None:
        self.path, self.place, self.source = str(folder / "truth.db"), Place(), source(page_size=4)
        self.jobs, self.fences = itertools.count(1), itertools.count(1)

    def run(self, destination=None, crash=lambda point: None, job=None, **more):
        truth = Truth(self.path, crash=crash)
        index = RemoteIndex(truth, destination or MemoryDestination(self.place, crash=crash), crash)
        self.job = next(self.jobs) if job is None else job
        ticket = Ticket(1, self.job, next(self.fences))
        try:
            return run_job(Work(ticket, self.source, index, FakeClock(), guard=Guard(1000, 100.0), **more))
        finally:
            truth.close()

    def agrees(self) -> bool:
        held = {id: document.text for (_, id), document in self.place.documents.items()}
        return held == {id: document.text for id, document in self.source.documents.items()}


@pytest.fixture(params=["here", "beside"])
def beside(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether the destination is written while the job goes on."""
    if request.param == "beside":
        monkeypatch.setattr("syncline.destinations.remote.BESIDE_ROWS", 1)


@pytest.mark.usefixtures("beside")
@pytest.mark.parametrize("seed", range(25))
def test_invariant_07_after_any_history_of_failures_one_quiet_job_makes_both_sides_equal(
    tmp_path: Path, seed: int
) -> None:
    dice, world = random.Random(seed), World(tmp_path, MemorySheets if seed % 2 else MemorySource)
    for round in range(8):
        for _ in range(dice.randrange(8)):
            id = f"d{dice.randrange(15):02}"
            if id in world.source.documents and dice.random() < 0.4:
                world.source.remove(id)
            else:
                world.source.put(id, f"text {round} {dice.random()}")
        kinds = (LedgerFault.FAIL, LedgerFault.AMBIGUOUS, LedgerFault.FENCE)
        plan = [Failure(dice.choice(kinds), nth) for nth in range(1, 8) if dice.random() < 0.4]
        world.run(HostileDestination(MemoryDestination(world.place), plan))
    ending = world.run()
    assert ending.event is JobEvent.FINISH
    assert world.agrees()
    before = dict(world.place.documents)
    assert world.run().counters.changed == 0
    assert world.place.documents == before


@pytest.mark.usefixtures("beside")
@pytest.mark.parametrize("kind", [MemorySource, MemorySheets])
def test_invariants_01_05_07_a_document_that_vanished_between_a_kill_and_the_next_job_leaves_nothing_behind(
    tmp_path: Path, kind: type[MemorySource]
) -> None:
    def history(folder: Path, crash) -> CrashRecorder:
        folder.mkdir()
        world = World(folder, kind)
        world.source.put("kept", "kept")
        world.source.put("edited", "before")
        world.run()
        world.source.put("new", "new")
        world.source.put("edited", "after")
        recorder = CrashRecorder()
        try:
            world.run(crash=crash or recorder)
        except SimulatedCrash:
            world.source.remove("new")
            world.source.remove("edited")
            world.run()
            assert world.agrees(), f"died at {crash.point} (time {crash.nth})"
            world.source.put("edited", "before")
            world.run()
        assert world.agrees()
        return recorder

    recorder = history(tmp_path / "undisturbed", None)
    points = list(recorder.crashes())
    assert {"remote.write.before", "destination.write.after", "remote.write.after"} <= {one.point for one in points}
    for crash in points:
        history(tmp_path / f"{crash.point}-{crash.nth}", crash)


@pytest.mark.parametrize("kind", [MemorySource, MemorySheets])
def test_a_new_document_counts_only_when_it_is_there(tmp_path: Path, kind: type[MemorySource]) -> None:
    world, seen = World(tmp_path, kind), {}
    world.source.put("a", "text")

    def crash(point: str) -> None:
        if point.startswith(("remote.write", "engine.commit.after")):
            reader = Truth(world.path, read_only=True)
            seen[point] = reader.held(1, ["a"])["a"]
            reader.close()

    world.run(crash=crash)
    states = {point: row.state for point, row in seen.items()}
    assert states.pop("engine.commit.after", State.LIVE) == State.LIVE
    assert states == {"remote.write.before": State.FAILED, "remote.write.after": State.FAILED}
    truth = Truth(world.path)
    assert truth.held(1, ["a"])["a"] == seen["remote.write.before"]._replace(state=State.LIVE)
    truth.close()


def test_what_is_deleted_and_put_again_in_one_batch_has_another_row(tmp_path: Path) -> None:
    place, truth = Place(), Truth(str(tmp_path / "truth.db"))
    index, ticket = RemoteIndex(truth, MemoryDestination(place)), Ticket(1, 1, 1)
    index.begin(ticket)
    (old, _) = index.commit(ticket, Batch(puts=[_put("a"), _put("b")], recipe="r"))
    row = index.held(1, ["a"])["a"]
    bad = Mark(Held(0, "bad", None, b"", "", State.FAILED), None)
    batch = Batch(puts=[_put("c"), _put("a"), _put("d")], deletes=[row], marks=[bad], recipe="r")
    seqs = index.commit(ticket, batch)
    held = index.held(1, ["c", "a", "d", "bad"])
    assert seqs == [held[id].seq for id in ("c", "a", "d", "bad")]
    assert old not in seqs
    assert {id for _, id in place.documents} == {"a", "b", "c", "d"}
    truth.close()


def _put(id: str) -> Put:
    document = Document(id, text=f"text of {id}", version="1")
    return Put(document, document.fingerprint(), None)


def test_unchanged_documents_cost_no_write(tmp_path: Path) -> None:
    world = World(tmp_path)
    for n in range(10):
        world.source.put(f"d{n}", "text")
    world.run()
    destination = MemoryDestination(world.place)
    world.run(destination)
    assert destination.writes == 0


def test_what_is_left_of_a_connector_without_documents_goes_when_its_next_job_begins(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.source.put("a", "text")
    world.run()
    world.path = str(tmp_path / "another.db")  # the truth was lost
    world.source.remove("a")
    world.run()
    assert world.place.documents == {}


def test_another_place_is_not_written_to(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.source.put("a", "text")
    world.run()
    world.place = Place()
    ending = world.run()
    assert ending.error is not None
    assert ending.error.code == "destination.elsewhere"
