"""What the supervisor of a data directory stands on."""

from __future__ import annotations

from syncline.model.jobs import Job
from syncline.model.outcomes import Counters
from syncline.runner.choice import Limits
from syncline.runner.supervisor import Ground
from syncline.server.settings import Settings
from syncline.service import jobs
from syncline.service.processes import LOCAL, PRELOAD, REMOTE
from syncline.wiring import Installation


def ground_of(settings: Settings) -> Ground:
    """What the supervisor stands on, in this data directory."""
    installation = Installation(settings.data_dir)

    def durable_counters(job: Job) -> Counters:
        connector = installation.control().connector(job.connector_id)
        return job.counters if connector is None else jobs.durable_counters(installation, connector, job)

    installation.control()
    return Ground(
        open_book=installation.open_control,
        lease=installation.lease_of,
        durable_counters=durable_counters,
        job_task="syncline.service.processes:run_attempt",
        tool_task="syncline.service.processes:run_tool",
        args={"data_dir": installation.data_dir},
        preload=(*PRELOAD, *(REMOTE if installation.store.remote else LOCAL)),
        limits=Limits(settings.jobs, settings.jobs_per_index),
    )
