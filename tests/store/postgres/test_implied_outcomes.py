"""Outcomes that are told from runs of ledger rows, with everything in PostgreSQL."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from tests.store.test_implied_outcomes import (
    OLDER,
    STEPS,
    goes_on_as_before,
    play,
    test_a_job_that_inserts_everything_writes_one_row_for_all_outcomes,
    test_jobs_that_are_forgotten_leave_nothing,
    test_pages_of_a_job_whose_documents_lie_far_apart,
    test_runs_of_other_jobs_and_connectors_are_apart,
    test_what_became_of_a_document_outlives_it,
)

from syncline.store.postgres import migrations
from syncline.store.relational import outcomes

__all__ = [
    "test_a_job_that_inserts_everything_writes_one_row_for_all_outcomes",
    "test_jobs_that_are_forgotten_leave_nothing",
    "test_pages_of_a_job_whose_documents_lie_far_apart",
    "test_runs_of_other_jobs_and_connectors_are_apart",
    "test_what_became_of_a_document_outlives_it",
]


@pytest.mark.parametrize("few", [0, 1000])
def test_random_histories_are_told_as_if_every_outcome_were_a_row(
    base: Any, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr(outcomes, "FEW", few)
    store, names = base.store(), itertools.count()

    @settings(max_examples=8, deadline=None, print_blob=True)
    @given(STEPS)
    def run(steps: Sequence[Any]) -> None:
        name = f"i{next(names)}"
        store.make(name, name, 1.0)
        truth = store.truth(name)
        try:
            play(truth, steps)
        finally:
            truth.close()

    run()


def test_a_schema_of_an_older_version_keeps_what_it_says(base: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    scripts = migrations.scripts
    store = base.store()
    with monkeypatch.context() as then:
        then.setattr(migrations, "scripts", lambda kind: scripts(kind)[:1])
        store.make("index", "id", 1.0)
        rows = OLDER.replace("x'00'", "'\\x00'")
        base.run(f'set search_path to "{base.schema}_1"; {rows}; reset search_path')
        store.close()
        migrations.forget(base.place)
    truth = base.store().truth("index")
    goes_on_as_before(truth)
    version = base.ask(f"select value from \"{base.schema}_1\".meta where key = 'schema'")
    assert version == [(len(scripts("truth")),)]
    truth.close()
