"""The asynchronous client, through one connector's life."""

from __future__ import annotations

import asyncio

import pytest
from elasticsearch import BadRequestError, NotFoundError
from tests.dialects.elastic.connector_labs import ENDED, Lab, counted


def test_one_life(lab: Lab) -> None:
    place = lab.folder({f"{n}.md": f"text {n}" for n in range(10)})
    asyncio.run(_one_life(lab, str(place)))


async def _one_life(lab: Lab, place: str) -> None:
    id = lab.name("async")
    async with lab.asynchronous() as es:
        api = es.connector
        await api.put(connector_id=id, service_type="dir", index_name=f"index-of-{id}")
        await api.update_configuration(connector_id=id, values={"directory": place})
        posted = await asyncio.gather(*(api.sync_job_post(id=id) for _ in range(3)))
        for one in posted:
            while (job := (await api.sync_job_get(connector_sync_job_id=one["id"])).body)["status"] not in ENDED:
                await asyncio.sleep(0.02)
            assert job["status"] == "completed"
        listed = await api.sync_job_list(connector_id=id, status="completed")
        assert sorted(counted(job) for job in listed["results"]) == [(0, 0, 10), (0, 0, 10), (10, 0, 10)]
        doc = await api.get(connector_id=id)
        assert doc["last_sync_status"] == "completed"
        with pytest.raises(BadRequestError, match="status_exception"):
            await api.update_status(connector_id=id, status="created")
        await api.delete(connector_id=id, hard=True)
        with pytest.raises(NotFoundError, match="resource_not_found_exception"):
            await api.get(connector_id=id)
