"""Sync jobs that workers run: asked for, claimed, reported on, listed, deleted."""

from __future__ import annotations

from typing import Any

import pytest
from tests.dialects.elastic.connector_labs import WORKED, Lab, refused, until

STATS = {"deleted_document_count": 1, "indexed_document_count": 2, "indexed_document_volume": 3}
NOT_YET = {"started_at", "completed_at", "canceled_at", "cancelation_requested_at", "error", "worker_hostname"}


def test_a_new_job_remembers_its_connector(lab: Lab) -> None:
    id = lab.connector(language="en", description="not remembered")
    lab.api.update_configuration(connector_id=id, configuration={"a": {"label": "A", "value": "x"}})
    lab.api.update_pipeline(
        connector_id=id,
        pipeline={"extract_binary_content": True, "name": "p", "reduce_whitespace": True, "run_ml_inference": False},
    )
    before = lab.doc(id)
    answer = lab.api.sync_job_post(id=id, job_type="incremental", trigger_method="scheduled")
    assert answer.meta.status == 201
    assert set(answer.body) == {"id"}
    assert len(answer["id"]) == 20
    job = lab.job(answer["id"])
    assert job["connector"] == {
        "id": id,
        "filtering": before["filtering"][0]["active"],
        **{name: before[name] for name in ("index_name", "language", "pipeline", "service_type", "configuration")},
    }
    assert job["created_at"] == job["last_seen"]
    del job["connector"], job["created_at"], job["last_seen"]
    assert job == {
        "id": answer["id"],
        "status": "pending",
        "job_type": "incremental",
        "trigger_method": "scheduled",
        "deleted_document_count": 0,
        "indexed_document_count": 0,
        "indexed_document_volume": 0,
        "total_document_count": 0,
        "metadata": {},
    }


def test_what_the_connector_has_not_its_snapshot_has_not(lab: Lab) -> None:
    job = lab.job(lab.posted(lab.connector()))
    assert set(job["connector"]) == {"id", "filtering", "index_name", "service_type", "configuration"}
    assert (job["job_type"], job["trigger_method"]) == ("full", "on_demand")


def test_access_is_kept_in_an_index_of_its_own(lab: Lab) -> None:
    id = lab.connector()
    job = lab.job(lab.posted(id, job_type="access_control"))
    assert job["connector"]["index_name"] == f".search-acl-filter-{lab.doc(id)['index_name']}"
    bare = lab.connector(index_name=None)
    assert lab.job(lab.posted(bare, job_type="access_control"))["connector"]["index_name"] == ".search-acl-filter-null"


def test_jobs_that_cannot_be_asked_for(lab: Lab) -> None:
    refused(
        lambda: lab.posted("nobody"), 404, "resource_not_found_exception", "Connector with id 'nobody' does not exist."
    )
    bare = lab.connector(index_name=None)
    refused(lambda: lab.posted(bare), 400, "status_exception", f"[{bare}] with no index attached")
    typeless = lab.connector(service_type=None)
    refused(lambda: lab.posted(typeless), 400, "status_exception", "[service_type] not defined")
    id = lab.connector()
    for body in (
        {"id": id, "job_type": "partial"},
        {"id": id, "trigger_method": "magic"},
        {"id": id, "odd": 1},
        {"id": 5},
    ):
        answer = lab.raw.post("/_connector/_sync_job", json=body)
        assert (answer.status_code, answer.json()["error"]["type"]) == (400, "x_content_parse_exception")
    empty = lab.raw.post("/_connector/_sync_job", json={"id": ""}).json()["error"]
    assert empty["reason"] == "Validation Failed: 1: [id] of the connector cannot be null or empty;"
    assert lab.raw.post("/_connector/_sync_job", json={}).json()["error"]["reason"] == "Required [id]"
    assert lab.api.sync_job_list(connector_id=id)["count"] == 0


def test_a_deleted_connector_may_still_be_synced(lab: Lab) -> None:
    id = lab.connector()
    lab.api.delete(connector_id=id)
    assert lab.job(lab.posted(id))["status"] == "pending"


def test_cancelling_what_waits_is_one_instant(lab: Lab) -> None:
    id = lab.posted(lab.connector())
    assert lab.api.sync_job_cancel(connector_sync_job_id=id).body == {"result": "updated"}
    job = lab.job(id)
    assert job["cancelation_requested_at"] == job["canceled_at"] == job["completed_at"]


def test_cancelling_what_runs_is_a_request(lab: Lab) -> None:
    id = lab.posted(lab.connector())
    lab.api.sync_job_claim(connector_sync_job_id=id, worker_hostname="w")
    lab.api.sync_job_cancel(connector_sync_job_id=id)
    job = lab.job(id)
    assert job["cancelation_requested_at"]
    assert not {"canceled_at", "completed_at"} & job.keys()


def test_a_claim_says_who_works_and_where_to_go_on(lab: Lab) -> None:
    connector = lab.connector()
    id = lab.posted(connector)
    created = lab.job(id)["last_seen"]
    lab.api.sync_job_claim(connector_sync_job_id=id, worker_hostname="host", sync_cursor={"at": {"page": 5}})
    job = lab.job(id)
    assert (job["worker_hostname"], job["connector"]["sync_cursor"]) == ("host", {"at": {"page": 5}})
    assert job["started_at"] == job["last_seen"] > created
    assert "sync_cursor" not in lab.doc(connector)
    lab.api.sync_job_claim(connector_sync_job_id=id, worker_hostname="other")
    assert lab.job(id)["connector"]["sync_cursor"] == {"at": {"page": 5}}


def test_a_claim_needs_a_worker_before_it_needs_a_job(lab: Lab) -> None:
    for body in ({}, {"worker_hostname": None}, {"worker_hostname": None, "sync_cursor": {}}):
        answer = lab.raw.put("/_connector/_sync_job/nobody/_claim", json=body)
        assert (answer.status_code, answer.json()["error"]["type"]) == (400, "action_request_validation_exception")
    assert lab.raw.put("/_connector/_sync_job/nobody/_claim", json={"worker_hostname": "w"}).status_code == 404
    assert (
        lab.raw.put("/_connector/_sync_job/x/_claim", json={"worker_hostname": "w", "sync_cursor": 5}).status_code
        == 400
    )


def test_statistics_are_kept_and_metadata_merged(lab: Lab) -> None:
    id = lab.posted(lab.connector())
    update = lab.api.sync_job_update_stats
    update(connector_sync_job_id=id, **STATS, metadata={"a": 1, "c": {"d": 1}})
    update(
        connector_sync_job_id=id, **STATS, total_document_count=9, last_seen="2023-05-25T12:30:00.000Z",
        metadata={"b": 2, "c": {"e": 2}}
    )  # fmt: skip
    job = lab.job(id)
    assert {name: job[name] for name in STATS} == STATS
    assert job["total_document_count"] == 9
    assert job["last_seen"] == "2023-05-25T12:30:00.000Z"
    assert job["metadata"] == {"a": 1, "b": 2, "c": {"d": 1, "e": 2}}
    update(connector_sync_job_id=id, **STATS)
    assert lab.job(id)["last_seen"] > job["last_seen"]


@pytest.mark.parametrize("name", STATS)
def test_statistics_need_three_numbers_that_are_not_negative(lab: Lab, name: str) -> None:
    id = lab.posted(lab.connector())
    less = {key: value for key, value in STATS.items() if key != name}
    path = f"/_connector/_sync_job/{id}/_stats"
    assert lab.raw.put(path, json=less).json()["error"]["reason"] == f"Required [{name}]"
    said = lab.raw.put(path, json={**STATS, name: -1}).json()["error"]["reason"]
    assert said == f"Validation Failed: 1: [{name}] cannot be negative.;"
    for odd in ({**STATS, name: "many"}, {**STATS, name: 1.5}, {**STATS, "metadata": 5}, {**STATS, "odd": 1}):
        assert lab.raw.put(path, json=odd).status_code == 400
    assert lab.job(id)["indexed_document_count"] == 0


def test_absent_jobs_are_told_of_in_two_ways(lab: Lab) -> None:
    api = lab.api
    plain = (
        lambda: lab.job("nobody"),
        lambda: api.sync_job_delete(connector_sync_job_id="nobody"),
        lambda: api.sync_job_cancel(connector_sync_job_id="nobody"),
        lambda: api.sync_job_error(connector_sync_job_id="nobody", error="oh"),
        lambda: api.sync_job_claim(connector_sync_job_id="nobody", worker_hostname="w"),
    )
    for call in plain:
        assert refused(call, 404, "resource_not_found_exception").reason == "nobody"
    for call in (
        lambda: api.sync_job_check_in(connector_sync_job_id="nobody"),
        lambda: api.sync_job_update_stats(connector_sync_job_id="nobody", **STATS),
    ):
        said = refused(call, 404, "resource_not_found_exception")
        assert said.reason == "connector sync job [nobody] not found"


def test_an_error_needs_words(lab: Lab) -> None:
    id = lab.posted(lab.connector())
    lab.api.sync_job_claim(connector_sync_job_id=id, worker_hostname="w")
    assert lab.raw.put(f"/_connector/_sync_job/{id}/_error", json={"error": ""}).status_code == 400
    assert lab.raw.put(f"/_connector/_sync_job/{id}/_error", json={}).status_code == 400
    lab.api.sync_job_error(connector_sync_job_id=id, error="broken")
    job = lab.job(id)
    assert (job["status"], job["error"]) == ("error", "broken")
    assert "completed_at" not in job


def test_jobs_are_listed_newest_first(lab: Lab) -> None:
    connector = lab.connector()
    made = [lab.posted(connector) for _ in range(5)]
    found = lab.api.sync_job_list(connector_id=connector)
    assert [job["id"] for job in found["results"]] == made[::-1]
    page = lab.api.sync_job_list(connector_id=connector, from_=1, size=2)
    assert page["count"] == 5
    assert [job["id"] for job in page["results"]] == made[::-1][1:3]


def test_jobs_are_listed_by_state_and_type(lab: Lab) -> None:
    connector = lab.connector()
    full, incremental, access = (
        lab.posted(connector, job_type=type) for type in ("full", "incremental", "access_control")
    )
    lab.api.sync_job_cancel(connector_sync_job_id=full)

    def listed(**more: Any) -> list[str]:
        return [job["id"] for job in lab.api.sync_job_list(connector_id=connector, **more)["results"]]

    assert listed(status="pending") == [access, incremental]
    assert listed(status="canceled") == [full]
    assert listed(job_type="full,access_control") == [access, full]
    assert listed(job_type=["incremental"], status="canceled") == []
    refused(lambda: listed(status="happy"), 400, "illegal_argument_exception")
    refused(lambda: listed(job_type="happy"), 400, "illegal_argument_exception")
    refused(lambda: listed(size=-1), 400, "illegal_argument_exception")
    assert lab.api.sync_job_list(connector_id="nobody").body == {"count": 0, "results": []}


def test_a_deleted_job_is_gone(lab: Lab) -> None:
    id = lab.posted(lab.connector())
    assert lab.api.sync_job_delete(connector_sync_job_id=id).body == {"acknowledged": True}
    refused(lambda: lab.job(id), 404)
    refused(lambda: lab.api.sync_job_delete(connector_sync_job_id=id), 404)


def test_a_worker_goes_through_a_whole_job(lab: Lab) -> None:
    """As Elastic's connector service does it: it finds the job in the system index, and writes its end there."""
    id, jobs = lab.connector(), ".elastic-connectors-sync-jobs"
    lab.api.update_configuration(
        connector_id=id, configuration={"password": {"label": "P", "sensitive": True, "value": "S3CRET-VALUE"}}
    )
    posted = lab.posted(id)
    query = {"bool": {"must": [{"terms": {"status": ["pending", "suspended"]}}, {"terms": {"connector.id": [id]}}]}}
    [hit] = lab.es.search(index=jobs, query=query, seq_no_primary_term=True)["hits"]["hits"]
    assert (hit["_id"], hit["_source"]["connector"]["configuration"]["password"]["value"]) == (posted, "S3CRET-VALUE")
    lab.api.sync_job_claim(connector_sync_job_id=posted, worker_hostname="w")
    lock = {"if_seq_no": hit["_seq_no"], "if_primary_term": hit["_primary_term"]}
    refused(
        lambda: lab.es.update(index=jobs, id=posted, doc={"status": "completed"}, **lock),
        409,
        "version_conflict_engine_exception",
    )
    lab.api.sync_job_update_stats(connector_sync_job_id=posted, **STATS)
    ended = {"status": "completed", "completed_at": "2026-11-22T10:00:00.123456Z", "total_document_count": 2}
    lab.es.update(index=jobs, id=posted, doc=ended)
    job = lab.job(posted)
    assert {name: job[name] for name in ended} == ended
    lab.es.update(index=".elastic-connectors", id=id, doc={"last_sync_status": "completed", "status": "connected"})
    doc = lab.doc(id)
    assert (doc["last_sync_status"], doc["status"]) == ("completed", "connected")
    assert doc["configuration"]["password"]["value"] == "********"
    refused(lambda: lab.es.update(index=jobs, id=posted, doc={"status": "great"}), 400)
    refused(lambda: lab.es.update(index=".elastic-connectors", id=id, doc={"filtering": 5}), 400)
    reader = lab.client(*lab.key("read"))
    [seen] = reader.search(index=".elastic-connectors", query={"term": {"_id": id}})["hits"]["hits"]
    assert seen["_source"]["configuration"]["password"]["value"] == "********"


def test_a_worker_that_falls_silent_is_noticed(tmp_path: Any) -> None:
    lab = Lab(tmp_path, SYNCLINE_ELASTIC_SILENT_S="0.5")
    try:
        id = lab.connector()
        silent, cancelled, waiting = (lab.posted(id) for _ in range(3))
        for job in (silent, cancelled):
            lab.api.sync_job_claim(connector_sync_job_id=job, worker_hostname="a-worker")
        lab.api.sync_job_cancel(connector_sync_job_id=cancelled)
        for job in (silent, cancelled):
            until(lambda: lab.job(job)["status"] == "error", "the end of the silence")  # noqa: B023
            assert "a-worker has fallen silent" in lab.job(job)["error"]
        assert lab.job(waiting)["status"] == "pending"
        doc = lab.doc(id)
        assert (doc["status"], doc["last_sync_status"]) == ("error", "error")
        assert "fallen silent" in doc["error"]
        assert lab.doc(id)["service_type"] == WORKED
    finally:
        lab.close()
