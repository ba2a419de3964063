"""What is due: one schedule, judged at one instant.

    ──●────────●────────●───────▲──────●──▶     ● due times    ▲ now
      next_at                                   one run for all that have passed, or none (misfire); then the next one

With jitter a run begins at its due time + a delay. Each due time has its own, drawn from the schedule's id, so that it
is the same after a restart; and it is always shorter than the time to the next due time, so that runs stay in order.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass

from syncline.model.schedules import GRACE_S, Misfire, Schedule
from syncline.scheduler.cron import Cron


@dataclass(frozen=True, slots=True)
class Waiting:
    """Nothing to do before `until`."""

    until: float


@dataclass(frozen=True, slots=True)
class Passed:
    """`due` has passed, and everything before it. `run`: start a job for it. `next_at`: when it is due next."""

    due: float
    run: bool
    next_at: float | None


def judge(schedule: Schedule, cron: Cron, now: float, grace_s: float = GRACE_S) -> Waiting | Passed:
    """What is to be done about a schedule whose `next_at` has come."""
    assert schedule.next_at is not None
    due, following = schedule.next_at, cron.next_after(schedule.next_at)
    if following is not None and following <= now:
        due, following = _last(schedule, cron, now)
    begins = due + delay(schedule, due, following)
    if begins > now:
        return Waiting(begins)
    run = schedule.misfire is Misfire.RUN_ONCE or now - begins <= grace_s
    return Passed(due, run, following)


def _last(schedule: Schedule, cron: Cron, now: float) -> tuple[float, float | None]:
    """The last due time whose run should have begun, and the one after it. Several due times have passed."""
    last = cron.previous_or_at(now)
    assert last is not None
    following = cron.next_after(last)
    if last + delay(schedule, last, following) <= now:
        return last, following
    before = cron.previous_or_at(math.nextafter(last, 0.0))
    assert before is not None
    return before, last


def delay(schedule: Schedule, due: float, following: float | None) -> float:
    """Seconds between a due time and the start of its run: 0 up to the jitter, and less than up to the next one."""
    if not schedule.jitter_s:
        return 0.0
    longest = schedule.jitter_s if following is None else min(schedule.jitter_s, following - due)
    digest = hashlib.blake2b(f"{schedule.id}:{due!r}".encode(), digest_size=7).digest()
    return longest * (int.from_bytes(digest, "big") / (1 << 56))
