"""Invariant 4: a document is deleted by proof only, and surprising deletions wait for approval."""

from __future__ import annotations

from typing import Any

import pytest

from syncline.model.connectors import Guard
from syncline.model.jobs import JobEvent
from syncline.model.outcomes import Counters, Kind
from syncline.testing import HANGING, PARTIAL, Fault, HostileSource, Misdeed, misdeeds

SOME = 260  # more than two pages


def fill(world: Any, n: int = SOME) -> None:
    for number in range(n):
        world.source.put(f"{'abd'[number % 3]}/{number:04}", f"text {number}")


@pytest.mark.parametrize("fault", sorted(PARTIAL - HANGING))
@pytest.mark.parametrize("after", [0, 1, 3])
def test_invariant_04_a_partial_listing_deletes_nothing(world: Any, fault: Fault, after: int) -> None:
    fill(world)
    world.run()
    world.source.put("a/0000", "changed")
    world.source.put("zz", "added")
    held = set(world.documents())
    hostile = HostileSource(world.source, [Misdeed(fault, after=after, prefix="b")])
    ending = world.run(hostile)
    assert ending.counters.deleted == 0
    assert set(world.documents()) >= held
    assert not hostile.struck or ending.event in (JobEvent.FAIL, JobEvent.FINISH_WITH_SKIPS)


@pytest.mark.parametrize("seed", range(200))
def test_invariant_04_whatever_goes_wrong_no_living_document_is_deleted(world: Any, seed: int) -> None:
    fill(world, 120)
    world.source.page_size = 25
    world.run()
    for ending in [world.run(HostileSource(world.source, misdeeds(seed, readings=1, chance=1.0))) for _ in range(2)]:
        assert ending.counters.deleted == 0
        assert len(world.documents()) == 120
    assert world.run().event is JobEvent.FINISH


def test_invariant_04_real_deletions_are_seen_by_the_next_whole_listing(world: Any) -> None:
    fill(world)
    world.run()
    world.source.remove("b/0001")
    world.source.remove("a/0000")
    world.run(HostileSource(world.source, [Misdeed(Fault.UNLIST, prefix="b/")]))
    assert "a/0000" not in world.documents()
    assert "b/0001" in world.documents()
    assert world.run().counters.deleted == 1
    assert "b/0001" not in world.documents()


def test_invariant_06_a_scope_that_could_not_be_listed_makes_the_job_incomplete_and_names_it(world: Any) -> None:
    fill(world, 30)
    world.run()
    ending = world.run(HostileSource(world.source, [Misdeed(Fault.UNLIST, prefix="b/")]))
    assert ending.event is JobEvent.FINISH_WITH_SKIPS
    assert ending.notes[0].startswith("b/: ")
    assert ending.counters == Counters({"kept": 30})


def test_invariant_06_a_source_that_does_not_say_it_came_to_its_end_is_no_success(world: Any) -> None:
    fill(world, 30)
    ending = world.run(HostileSource(world.source, [Misdeed(Fault.TRUNCATE, after=9)]))
    assert ending.event is JobEvent.FAIL
    assert ending.error is not None
    assert ending.error.code == "source.no_proof"
    assert ending.counters.inserted == len(world.documents()) == 30


def test_surprising_deletions_are_withheld_by_name_and_additions_go_on(world: Any) -> None:
    fill(world, 200)
    world.run()
    for id in list(world.source.documents)[:150]:
        world.source.remove(id)
    world.source.put("new", "document")
    ending = world.run()
    assert ending.event is JobEvent.FINISH_WITH_SKIPS
    assert ending.counters == Counters({"inserted": 1, "kept": 50, "withheld_deletes": 150})
    assert len(world.documents()) == 201
    assert len(world.truth.withheld(1)) == 150
    assert set(world.kinds().values()) == {Kind.INSERTED, Kind.WITHHELD}


def test_an_approval_covers_what_was_named_and_nothing_else(world: Any) -> None:
    world.settings["guard"] = Guard(max_deletes=0, max_percent=0)
    for name in "abcd":
        world.source.put(name, name)
    world.run()
    world.source.remove("a")
    world.source.remove("b")
    assert world.run().counters.withheld_deletes == 2
    assert world.truth.approve(1) == 2
    world.source.put("b", "came back")
    world.source.remove("c")
    ending = world.run()
    assert ending.counters == Counters({"deleted": 1, "updated": 1, "kept": 1, "withheld_deletes": 1})
    assert world.documents().keys() == {"b", "c", "d"}
    assert [id for id, _, _ in world.truth.withheld(1)] == ["c"]


def test_withheld_deletions_that_come_back_are_withheld_no_more(world: Any) -> None:
    world.settings["guard"] = Guard(max_deletes=0, max_percent=0)
    world.source.put("a", "text")
    world.run()
    world.source.remove("a")
    world.run()
    world.source.put("a", "text")
    assert world.run().event is JobEvent.FINISH
    assert world.truth.withheld(1) == []


def test_an_unmounted_root_deletes_nothing_until_it_is_approved(world: Any) -> None:
    fill(world, 10)
    world.run()
    elsewhere = type(world.source)(anchor="another-disk")
    ending = world.run(elsewhere)
    assert ending.event is JobEvent.FINISH_WITH_SKIPS
    assert ending.counters == Counters({"withheld_deletes": 10})
    assert world.run(elsewhere).counters.withheld_deletes == 10
    world.truth.approve(1)
    assert world.run(elsewhere).counters == Counters({"deleted": 10})
    assert world.run(elsewhere).event is JobEvent.FINISH


def test_a_root_under_another_device_number_is_believed_when_most_is_found_again(world: Any) -> None:
    fill(world, 10)
    world.run()
    world.source.anchor = "same-disk-after-a-reboot"
    world.source.remove("a/0000")
    assert world.run().counters == Counters({"kept": 9, "deleted": 1})
    for id in list(world.source.documents):
        world.source.remove(id)
    assert world.run().counters == Counters({"deleted": 9})
