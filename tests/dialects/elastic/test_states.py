"""Both tables of states, over all pairs: what Elastic's connector protocol allows, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import product
from typing import Any

import pytest
from tests.dialects.elastic.connector_labs import Lab, refused

from syncline.dialects.elastic import words
from syncline.dialects.elastic.refusals import Refused
from syncline.model.jobs import JobState

CONNECTOR = {
    "created": {"needs_configuration", "error"},
    "needs_configuration": {"configured", "error"},
    "configured": {"needs_configuration", "configured", "connected", "error"},
    "connected": {"connected", "configured", "error"},
    "error": {"connected", "configured", "error"},
}
JOB = {
    "pending": {"in_progress", "canceled"},
    "in_progress": {"canceling", "completed", "suspended", "error"},
    "suspended": {"in_progress", "canceled"},
    "canceling": {"canceled", "error"},
    "completed": set(),
    "canceled": set(),
    "error": set(),
}


@pytest.mark.parametrize(
    ("table", "expected"), [(words.CONNECTOR_STATES, CONNECTOR), (words.JOB_STATES, JOB)], ids=["c", "j"]
)
def test_every_pair_is_in_the_table_or_refused(table: Any, expected: dict[str, set[str]]) -> None:
    for before, after in product(expected, repeat=2):
        if after in expected[before]:
            words.check_move(table, before, after)
        else:
            with pytest.raises(Refused) as refusal:
                words.check_move(table, before, after)
            assert refusal.value.reason == (
                f"Invalid transition attempt from [{before}] to [{after}]. Such a status transition is not supported "
                "by the Connector Protocol."
            )


def test_every_state_of_ours_has_a_word() -> None:
    assert set(words.STATUS) == set(JobState)
    assert set(words.STATUS.values()) == set(JOB)


# --- connectors -------------------------------------------------------------------------------------------------------


def connector_that_is(lab: Lab, state: str) -> str:
    id = lab.connector(is_native=state == "needs_configuration", index_name=None)
    if state == "configured":
        lab.api.update_configuration(connector_id=id, configuration={})
    if state in ("connected", "error"):
        lab.api.update_error(connector_id=id, body={"error": "broken" if state == "error" else None})
    assert lab.doc(id)["status"] == state
    return id


@pytest.mark.parametrize("before", CONNECTOR)
def test_a_connector_moves_as_the_table_says(lab: Lab, before: str) -> None:
    for after in CONNECTOR:
        id = connector_that_is(lab, before)
        if after in CONNECTOR[before]:
            result = lab.api.update_status(connector_id=id, status=after)["result"]
            assert result == ("noop" if after == before else "updated")
            assert lab.doc(id)["status"] == after
        else:
            call = partial(lab.api.update_status, connector_id=id, status=after)
            said = refused(call, 400, "status_exception")
            assert said.reason == (
                f"Invalid transition attempt from [{before}] to [{after}]. Such a status transition is not supported "
                "by the Connector Protocol."
            )
            assert lab.doc(id)["status"] == before


def test_there_are_no_other_states(lab: Lab) -> None:
    refused(lambda: lab.api.update_status(connector_id=lab.connector(), status="happy"), 400)


# --- sync jobs --------------------------------------------------------------------------------------------------------


def job_that_is(lab: Lab, state: str) -> str:
    """A job of a worker's in that state; those that no call leads to are written as a worker writes them."""
    id = lab.posted(lab.connector())
    api = lab.api
    if state in ("in_progress", "canceling", "error"):
        api.sync_job_claim(connector_sync_job_id=id, worker_hostname="w")
    if state in ("canceling", "canceled"):
        api.sync_job_cancel(connector_sync_job_id=id)
    if state == "error":
        api.sync_job_error(connector_sync_job_id=id, error="broken")
    if state in ("completed", "suspended"):
        lab.books(lambda books: books.update_job(id, {"status": state}))
    assert lab.job(id)["status"] == state
    return id


EVENTS: dict[str, Callable[[Lab, str], Any]] = {
    "cancel": lambda lab, it: lab.api.sync_job_cancel(connector_sync_job_id=it),
    "error": lambda lab, it: lab.api.sync_job_error(connector_sync_job_id=it, error="oh"),
    "claim": lambda lab, it: lab.api.sync_job_claim(connector_sync_job_id=it, worker_hostname="w2"),
    "check_in": lambda lab, it: lab.api.sync_job_check_in(connector_sync_job_id=it),
    "stats": lambda lab, it: lab.raw.put(
        f"/_connector/_sync_job/{it}/_stats",
        json={"deleted_document_count": 1, "indexed_document_count": 2, "indexed_document_volume": 3},
    ).raise_for_status(),
}
AFTER = {
    "cancel": {"pending": "canceled", "suspended": "canceled", "in_progress": "canceling"},
    "error": {"in_progress": "error", "canceling": "error"},
    "claim": dict.fromkeys(JOB, "in_progress"),
    "check_in": {state: state for state in JOB},
    "stats": {state: state for state in JOB},
}


@pytest.mark.parametrize("event", EVENTS)
def test_a_job_moves_as_the_table_says(lab: Lab, event: str) -> None:
    for before in JOB:
        id = job_that_is(lab, before)
        after = AFTER[event].get(before)
        if after is None:
            said = refused(lambda: EVENTS[event](lab, id), 400, "status_exception")  # noqa: B023
            assert said.reason.startswith(f"Invalid transition attempt from [{before}] to [")
        else:
            EVENTS[event](lab, id)
        assert lab.job(id)["status"] == (after or before)
