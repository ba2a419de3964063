"""Which jobs begin now: pure. Those left behind come first; then whoever had its last turn longest ago."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from syncline.model.jobs import Candidate


@dataclass(slots=True, frozen=True)
class Limits:
    """How many jobs run at once: in all, and in one index (None: no limit of its own). One connector has one
    (invariant 3)."""

    total: int
    per_index: int | None = None


def choose(
    left: Sequence[Candidate],
    waiting: Sequence[Candidate],
    taken: Mapping[int, str],
    last_start: Mapping[int, float],
    limits: Limits,
    running: int,
    now: float,
) -> Iterator[Candidate]:
    """The jobs to begin, in order.

    taken       connectors that run a job now, with their indexes.
    running     how many of the limit in all are in use; jobs of others count only in their index.
    last_start  when a job of each connector began last, on any clock; absent: never.
    """
    busy = set(taken)
    in_index = Counter(taken.values())
    turn = sorted(waiting, key=lambda job: (last_start.get(job.connector, float("-inf")), job.number))
    for job in (*left, *turn):
        if running >= limits.total:
            return
        if job.connector in busy or job.not_before > now:
            continue
        if limits.per_index is not None and in_index[job.index] >= limits.per_index:
            continue
        running += 1
        busy.add(job.connector)
        in_index[job.index] += 1
        yield job
