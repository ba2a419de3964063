"""Invariant 10: a plan changes nothing, and what it says is what happens."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from syncline.model.connectors import Guard
from syncline.model.outcomes import Kind

edits = st.lists(st.tuples(st.sampled_from(["put", "bad", "skip", "remove", "touch"]), st.sampled_from("abcdef")))


def edit(source: Any, verb: str, id: str) -> None:
    if verb in ("remove", "touch"):
        if id in source.documents:
            getattr(source, verb)(id)
    else:
        source.put(id, f"{verb} {len(source.documents)}")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edits, edits, st.sampled_from([Guard(), Guard(1, 10)]), st.booleans())
def test_invariant_10_a_job_does_what_its_plan_said(
    world: Any, picky: Any, before: Any, after: Any, guard: Guard, force: bool
) -> None:
    world.settings.update(transforms=[picky()], guard=guard)
    for verb, id in before:
        edit(world.source, verb, id)
    world.run()
    for verb, id in after:
        edit(world.source, verb, id)
    untouched = world.truth.connection.total_changes()
    plan = world.plan(force=force)
    assert world.truth.connection.total_changes() == untouched
    ending = world.run(force=force)
    by_kind: dict[Kind, list[str]] = {}
    for id, kind in sorted(world.kinds().items()):
        by_kind.setdefault(kind, []).append(id)
    assert sorted(plan.insert) == by_kind.get(Kind.INSERTED, [])
    assert sorted(plan.update) == by_kind.get(Kind.UPDATED, [])
    assert sorted(plan.delete) == by_kind.get(Kind.DELETED, [])
    assert sorted(plan.withhold) == by_kind.get(Kind.WITHHELD, [])
    assert sorted(plan.fail) == by_kind.get(Kind.FAILED, [])
    assert plan.keep == ending.counters.kept
    assert set(plan.reasons) == set(plan.insert + plan.update + plan.delete + plan.withhold + plan.fail)
