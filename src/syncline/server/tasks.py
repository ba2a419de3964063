"""What is done in a process of its own, because the code of a source is somebody else's: it may hang, or die."""

from __future__ import annotations

from typing import Any

from syncline.model.reports import Plan
from syncline.service import jobs
from syncline.wiring import Installation

MAX_REASON_CHARS = 500


def check(data_dir: str, connector: str) -> dict[str, Any]:
    """Prove that the source of that connector (an id) can be read. Raises what is wrong."""
    installation = Installation(data_dir)
    try:
        with installation.reading_control() as control:
            found = None if control is None else control.connector(connector)
        if found is not None:
            jobs.open_source(installation, found).check()
        return {"ok": True}
    finally:
        installation.close()


def check_index(data_dir: str, index: str) -> dict[str, Any]:
    """Prove that the destination of that index (an id) can be reached and written. Raises what is wrong."""
    from syncline.service import landing

    installation = Installation(data_dir)
    try:
        with installation.reading_control() as control:
            found = None if control is None else control.index(index)
        return {"ok": True, "notes": [] if found is None else landing.check(installation, found)}
    finally:
        installation.close()


def plan(data_dir: str, connector: str, force: bool, limit: int) -> dict[str, Any]:
    """What a sync of that connector (an id) would do. Raises what would end the job."""
    installation = Installation(data_dir)
    try:
        return shape(jobs.plan(installation, jobs.Order(connector, full=force)), limit)
    finally:
        installation.close()


def shape(plan: Plan, limit: int) -> dict[str, Any]:
    """A plan with at most `limit` ids of each kind, and how many there are of each."""
    lists = {name: getattr(plan, name) for name in ("insert", "update", "delete", "withhold", "fail")}
    shown = {name: ids[:limit] for name, ids in lists.items()}
    listed = {id for ids in shown.values() for id in ids}
    return {
        **shown,
        "totals": {**{name: len(ids) for name, ids in lists.items()}, "keep": plan.keep, "filtered": plan.filtered},
        "reasons": {id: why[:MAX_REASON_CHARS] for id, why in plan.reasons.items() if id in listed},
        "notes": plan.notes[:limit],
        "complete": plan.complete,
        "cut": any(len(ids) > limit for ids in (*lists.values(), plan.notes)),
    }
