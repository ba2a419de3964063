"""Connectors that follow their source by themselves: one pass after another, for as long as they stand.

A pass is an ordinary job. The next one begins an interval after the last has ended, however it ended: a source that
cannot be reached is asked again, and what it holds is followed from there.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from syncline.model.connectors import Connector
from syncline.model.errors import Category, JobActive
from syncline.model.jobs import Job, JobState, Trigger, WhenActive
from syncline.service import connectors, jobs
from syncline.wiring import Installation

KEEP_PASSES: Final = 200  # of those in which nothing happened, for people who look at the history
_FOR_PEOPLE: Final = frozenset({Category.CONFIG, Category.CREDENTIALS, Category.PERMISSION})


class Standing(NamedTuple):
    """Where a connector that follows its source stands.

    begun     a pass of it has been begun.
    complete  a pass of it has come to its end: everything there was then has been looked at.
    error     why the newest pass that ended failed, as `SynclineError.as_dict` tells it; None when it did not.
    stuck     that error will not go away by itself.
    withheld  deletions that wait for approval.
    passed    the newest pass that came to its end; None before.
    active    the pass under way; None between them.
    """

    begun: bool
    complete: bool
    error: dict[str, Any] | None
    stuck: bool
    withheld: int
    passed: Job | None
    active: Job | None


def follow(installation: Installation, followers: Iterable[Connector], interval_s: float, cause: str) -> float | None:
    """Start every pass that is due; returns when the next one will be (Unix seconds), None when only the end of a pass
    can tell. Paused connectors rest."""
    control, now = installation.control(), installation.clock()
    soonest: float | None = None
    for connector in followers:
        if connector.paused or control.active_job(connector.number) is not None:
            continue
        newest = next(iter(control.jobs(connector.number, limit=1)), None)
        due = now if newest is None else (newest.ended_at or newest.created_at) + interval_s
        if due <= now:
            begin(installation, connector, cause, Trigger.SCHEDULED)
            control.forget_idle_jobs(connector.number, cause, KEEP_PASSES)
        else:
            soonest = due if soonest is None else min(soonest, due)
    return soonest


def begin(
    installation: Installation,
    connector: Connector,
    cause: str,
    trigger: Trigger = Trigger.ON_DEMAND,
    requested_by: str = "",
) -> Job:
    """Ask for a pass; one that waits already will do."""
    ordered = jobs.start(
        installation,
        connector,
        trigger=trigger,
        when_active=WhenActive.COALESCE,
        cause=cause,
        requested_by=requested_by,
    )
    return ordered.job


def standing(installation: Installation, connector: Connector) -> Standing:
    """Where it stands now."""
    control = installation.control()
    recent = control.jobs(connector.number, limit=3)  # two may be active: one that runs, one that waits
    active = next((job for job in reversed(recent) if job.active), None)
    ended = next((job for job in recent if not job.active and job.state is not JobState.STOPPED), None)
    passed = _passed(installation, connector, ended)
    failed = ended is not None and ended.state is JobState.FAILED
    error = dict(ended.error or {}) if failed and ended is not None else None
    with installation.reading_truth(connector.index) as truth:
        withheld = 0 if truth is None else truth.withheld_count(connector.number)
    return Standing(
        begun=any(job.started_at is not None for job in recent),
        complete=passed is not None,
        error=error,
        stuck=error is not None and error.get("category") in _FOR_PEOPLE,
        withheld=withheld,
        passed=passed,
        active=active,
    )


def _passed(installation: Installation, connector: Connector, newest: Job | None) -> Job | None:
    through = (JobState.SUCCEEDED, JobState.INCOMPLETE)
    if newest is not None and newest.state in through:
        return newest
    control = installation.control()
    found = [job for state in through for job in control.jobs(connector.number, state, limit=1)]
    return max(found, key=lambda job: job.number, default=None)


def retire(installation: Installation, connector: Connector) -> bool:
    """Remove it with everything it has brought. False while a pass has not let go yet; ask again then. It must be
    paused, so that no other pass begins."""
    halt(installation, connector)
    try:
        connectors.check_idle(installation.control(), connector)
        connectors.remove(installation, connector)
    except JobActive:
        return False
    return True


def halt(installation: Installation, connector: Connector) -> None:
    """Whatever of it runs or waits need not come to its end."""
    for job in installation.control().active_jobs(connector.number):
        jobs.stop(installation, job.id)
