"""JSON shapes of the API that stand on more than one noun."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from syncline.model.jobs import Job
from syncline.model.shapes import job_shape
from syncline.store.relational.control import Control


def job_answer(job: Job, connector: str, now: float) -> dict[str, Any]:
    """One job; `connector` is the name of its connector. `progress` is null unless it runs."""
    return {
        **job_shape(job, connector, now),
        "wanted": "auto" if job.wanted is None else job.wanted.value,
        "force": job.force,
        "requested_by": job.requested_by or None,
        "stop_requested": job.stop_requested,
        "progress": job.progress or None,
    }


def names_of(control: Control, jobs: Iterable[Job]) -> Mapping[str, str]:
    """Names of the connectors of those jobs, by id; of one that is gone, its id."""
    ids = {job.connector_id for job in jobs}
    found = ((id, control.connector(id)) for id in ids)
    return {id: id if connector is None else connector.name for id, connector in found}
