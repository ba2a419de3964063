"""Who begins next: never beyond a limit, never two of one connector, and nobody is forgotten."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from syncline.model.jobs import Candidate
from syncline.runner.choice import Limits, choose

candidates = st.lists(
    st.builds(
        Candidate,
        number=st.integers(1, 10_000),
        connector=st.integers(1, 8),
        index=st.sampled_from(["a", "b"]),
        not_before=st.sampled_from([0.0, 0.0, 100.0]),
    ),
    max_size=30,
    unique_by=lambda job: job.number,
)


@given(candidates, candidates, st.dictionaries(st.integers(1, 8), st.sampled_from(["a", "b"]), max_size=4), st.data())
def test_what_is_chosen_keeps_every_limit_and_leaves_nobody_out_who_could_begin(left, waiting, taken, data) -> None:
    limits = Limits(data.draw(st.integers(1, 6)), data.draw(st.none() | st.integers(1, 4)))
    running = min(len(taken), limits.total)
    chosen = list(choose(left, waiting, taken, {}, limits, running, 50.0))
    connectors = Counter([job.connector for job in chosen]) + Counter(taken.keys())
    indexes = Counter([job.index for job in chosen]) + Counter(taken.values())
    already = Counter(taken.values())
    assert max(connectors.values(), default=0) <= 1
    assert running + len(chosen) <= limits.total
    assert all(job.not_before <= 50.0 for job in chosen)
    if limits.per_index is not None:
        assert all(indexes[job.index] <= limits.per_index for job in chosen)
    for job in (*left, *waiting):
        full = limits.per_index is not None and max(indexes[job.index], already[job.index]) >= limits.per_index
        could = job.not_before <= 50.0 and connectors[job.connector] == 0 and not full
        assert not could or running + len(chosen) == limits.total


def test_connectors_take_turns_however_many_jobs_one_of_them_has_queued() -> None:
    """One connector has 200 jobs in the queue before all others: each round still begins with another connector."""
    waiting = [Candidate(n, 1, "a", 0.0) for n in range(200)] + [Candidate(1000 + n, n, "a", 0.0) for n in range(2, 21)]
    last: dict[int, float] = {}
    order = []
    for tick in range(20):
        (job,) = choose([], waiting, {}, last, Limits(1), 0, 0.0)
        waiting.remove(job)
        last[job.connector] = float(tick)
        order.append(job.connector)
    assert order == list(range(1, 21))


def test_jobs_that_were_left_behind_come_before_those_that_wait() -> None:
    left, waiting = [Candidate(9, 9, "a", 0.0)], [Candidate(1, 1, "a", 0.0)]
    assert [job.number for job in choose(left, waiting, {}, {}, Limits(1), 0, 0.0)] == [9]
