"""An outside worker does its work through the system indices and fills hosted indexes: full, incremental, access."""

from __future__ import annotations

from typing import Any

import pytest
from elasticsearch import Elasticsearch
from tests.dialects.elastic.connector_labs import Lab
from tests.dialects.elastic.hosting_worker import CONNECTORS, JOBS, Tickets, Worker


class Place:
    """A connector that a worker serves."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.type = lab.name("tickets")
        self.index = lab.name("content")
        self.id = lab.connector(service_type=self.type, index_name=self.index)
        self.source = Tickets()
        self.worker = self.another("worker-1")

    def another(self, name: str, es: Elasticsearch | None = None) -> Worker:
        return Worker(es or self.lab.es, self.type, self.source, name)

    def post(self, type: str = "full") -> str:
        return str(self.lab.api.sync_job_post(id=self.id, job_type=type)["id"])

    def run(self, type: str = "full") -> Any:
        """One job of that type, posted and worked; the job as the Connector API shows it."""
        id = self.post(type)
        assert self.worker.poll() == [id]
        return self.lab.api.sync_job_get(connector_sync_job_id=id)

    def sources(self) -> dict[str, Any]:
        hits = self.lab.es.search(index=self.index, size=1000)["hits"]["hits"]
        return {hit["_id"]: hit["_source"] for hit in hits}


@pytest.fixture
def place(lab: Lab) -> Place:
    return Place(lab)


def counts(job: Any) -> tuple[str, int, int, int]:
    return job["status"], job["indexed_document_count"], job["deleted_document_count"], job["total_document_count"]


def test_full_jobs_bring_everything_and_delete_what_is_gone(place: Place) -> None:
    for n in range(250):
        place.source.put(f"T-{n}", title=f"Ticket {n}", body=f"The printer   number {n} is on fire.")
    assert counts(place.run()) == ("completed", 250, 0, 250)
    shown = place.sources()["T-7"]
    assert shown == {"id": "T-7", "_timestamp": shown["_timestamp"], "title": "Ticket 7",
                     "body": "The printer number 7 is on fire."}  # fmt: skip
    place.source.put("T-7", title="Ticket 7", body="It is out.")
    del place.source.items["T-8"], place.source.items["T-9"]
    place.source.put("T-new", title="New", body="Another one")
    assert counts(place.run()) == ("completed", 249, 2, 249)
    assert place.sources().keys() == place.source.items.keys()
    connector = place.lab.api.get(connector_id=place.id)
    assert (connector["status"], connector["last_sync_status"]) == ("connected", "completed")
    assert connector["last_indexed_document_count"] == 249
    assert connector["sync_cursor"] == {"at": place.source.clock}
    found = place.lab.native.get("/v1/search", params={"index": place.index, "q": '"out"'}).json()
    assert [hit["id"] for hit in found["results"]] == ["T-7"]


def test_what_is_the_same_again_is_not_written_again(place: Place) -> None:
    for n in range(20):
        place.source.put(f"T-{n}", title=f"Ticket {n}")
    place.run()
    before = {hit["_id"]: hit["_seq_no"] for hit in _numbered(place)}
    place.source.put("T-3", title="Changed")
    place.run()
    after = {hit["_id"]: hit["_seq_no"] for hit in _numbered(place)}
    assert {id for id in after if after[id] != before[id]} == {"T-3"}


def _numbered(place: Place) -> Any:
    return place.lab.es.search(index=place.index, size=100, seq_no_primary_term=True)["hits"]["hits"]


def test_incremental_jobs_bring_what_has_changed(place: Place) -> None:
    for n in range(30):
        place.source.put(f"T-{n}", title=f"Ticket {n}")
    assert counts(place.run()) == ("completed", 30, 0, 30)
    place.source.put("T-1", title="Changed")
    del place.source.items["T-2"]
    assert counts(place.run("incremental")) == ("completed", 1, 1, 29)
    assert counts(place.run("incremental")) == ("completed", 0, 0, 29)
    assert place.sources()["T-1"]["title"] == "Changed"


def test_access_control_jobs_say_who_sees_what(place: Place) -> None:
    place.source.put("public", title="For all", body="plans")
    place.source.put("sales", title="Sales", body="plans", _allow_access_control=["group:sales", "user:ann"])
    place.source.put("board", title="Board", body="plans", _allow_access_control=["group:board"])
    place.source.people = {"ann": ["user:ann"], "bob": ["user:bob", "group:sales"], "eve": ["user:eve"]}
    place.run()
    assert counts(place.run("access_control")) == ("completed", 3, 0, 3)
    del place.source.people["eve"]
    assert counts(place.run("access_control")) == ("completed", 2, 1, 2)
    acl = f".search-acl-filter-{place.index}"

    def seen_by(who: str) -> set[str]:
        template = place.lab.es.get(index=acl, id=who)["_source"]["query"]["template"]
        hits = place.lab.es.search(index=place.index, query={"bool": {"filter": template["source"]}})["hits"]["hits"]
        native = place.lab.native.post(
            "/v1/search", json={"index": place.index, "query": "plans", "groups": template["params"]["access_control"]}
        ).json()["results"]
        assert {hit["id"] for hit in native} == {hit["_id"] for hit in hits}
        return {hit["_id"] for hit in hits}

    assert seen_by("ann") == {"public", "sales"}
    assert seen_by("bob") == {"public", "sales"}
    everything = place.lab.native.post("/v1/search", json={"index": place.index, "query": "plans"}).json()
    assert everything["total"] == 1
    assert not place.lab.es.exists(index=acl, id="eve")


def test_of_two_workers_one_gets_the_job(place: Place) -> None:
    place.source.put("T-1", title="One")
    other = place.another("worker-2")
    id = place.post()
    (seen,) = other.pending([place.id])
    assert place.worker.poll() == [id]
    held = place.lab.es.get(index=CONNECTORS, id=place.id)
    stale = {**held.body, "_seq_no": held["_seq_no"] - 1}
    answer = place.lab.es.options(ignore_status=409).update(
        index=CONNECTORS,
        id=place.id,
        doc={"last_sync_status": "in_progress"},
        if_seq_no=stale["_seq_no"],
        if_primary_term=1,
    )
    assert answer.meta.status == 409
    assert answer["error"]["type"] == "version_conflict_engine_exception"
    assert other.poll() == []
    assert seen["_source"]["status"] == "pending"


def test_jobs_that_nobody_has_heard_of_are_found(place: Place) -> None:
    id = place.post()
    place.lab.api.sync_job_claim(connector_sync_job_id=id, worker_hostname="gone")
    assert place.worker.silent([place.id]) == []
    held = place.lab.es.get(index=JOBS, id=id)
    place.worker._update(JOBS, held.body, {"last_seen": "2026-01-01T00:00:00Z", "status": "in_progress"})
    assert [hit["_id"] for hit in place.worker.silent([place.id])] in ([id], [])  # the server may have ended it already


def test_system_indices_are_there_and_are_not_written_past_the_rules(place: Place) -> None:
    es = place.lab.es
    for name in (CONNECTORS, f"{CONNECTORS}-v1", JOBS, f"{JOBS}-v1"):
        assert es.indices.exists(index=name)
        made = es.options(ignore_status=400).indices.create(index=name)
        assert made["error"]["type"] == "resource_already_exists_exception"
        written = es.options(ignore_status=400).index(index=name, id="x", document={})
        assert written.meta.status == 400
        assert es.options(ignore_status=400).indices.delete(index=name).meta.status == 400
    assert es.get(index=CONNECTORS, id=place.id)["_source"]["service_type"] == place.type
    assert es.options(ignore_status=404).get(index=JOBS, id="none")["found"] is False
    missing = es.options(ignore_status=404).update(index=CONNECTORS, id="none", doc={"name": "x"})
    assert missing["error"]["type"] == "document_missing_exception"
    noop = es.update(index=CONNECTORS, id=place.id, doc={"service_type": place.type})
    assert noop["result"] == "noop"
    assert es.count(index=CONNECTORS, query={"term": {"service_type": place.type}})["count"] == 1


def test_a_worker_with_a_write_key_of_its_own(place: Place) -> None:
    place.source.put("T-1", title="One")
    es = place.lab.client(*place.lab.key("write"))
    id = place.post()
    assert place.another("worker-2", es).poll() == [id]
    assert counts(place.lab.api.sync_job_get(connector_sync_job_id=id)) == ("completed", 1, 0, 1)
