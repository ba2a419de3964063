"""Dialects with everything in PostgreSQL, through unmodified clients: what makes an index within a larger change, and
what writes straight into one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.dialects.elastic.connector_labs import Lab, refused, until
from tests.dialects.twinmaker.desk import Desk, Twin
from tests.dialects.twinmaker.test_following import Plant


def test_documents_are_hosted_for_clients_of_elasticsearch(base: Any, tmp_path: Path) -> None:
    from elasticsearch.helpers import bulk

    lab = Lab(tmp_path)
    try:
        es = lab.es
        mappings = {"properties": {"n": {"type": "long"}}}
        assert es.indices.create(index="made", mappings=mappings)["acknowledged"]
        assert es.count(index="made")["count"] == 0
        refused(lambda: es.indices.create(index="made"), 400, "resource_already_exists_exception")
        assert es.index(index="unmade", id="1", document={"t": "a wallaby"})["result"] == "created"
        actions = [{"_index": "made", "_id": f"{n}", "n": n, "t": f"a wallaroo {n}"} for n in range(500)]
        assert bulk(es, actions)[0] == 500
        assert es.update(index="made", id="7", doc={"t": "a numbat"})["result"] == "updated"
        assert es.delete(index="made", id="8")["result"] == "deleted"
        es.indices.refresh(index="made")
        assert es.count(index="made")["count"] == 499
        found = es.search(index="made,unmade", query={"match": {"t": "numbat wallaby"}}, size=10)["hits"]["hits"]
        assert {(hit["_index"], hit["_id"]) for hit in found} == {("made", "7"), ("unmade", "1")}
        ranged = es.search(index="made", query={"range": {"n": {"gte": 490}}}, size=20)
        assert ranged["hits"]["total"]["value"] == 10
        assert es.indices.delete(index="made")["acknowledged"]
        assert not es.indices.exists(index="made")
        assert es.indices.create(index="made")["acknowledged"]
        assert es.count(index="made")["count"] == 0
    finally:
        lab.close()
    assert {name for (name,) in base.ask(f'select name from "{base.schema}".indexes')} >= {"made", "unmade"}


def test_a_connector_of_elastic_makes_its_index_and_is_run(base: Any, tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "a.txt").write_text("a wallaby")
    lab = Lab(tmp_path)
    try:
        made = lab.api.put(connector_id="c", index_name="folder-of-c", service_type="dir")
        assert made["result"] == "created"
        native = lab.native.post("/v1/connectors", json={
            "kind": "folder", "name": "docs", "index": "folder-of-docs", "settings": {"path": str(docs)},
        })  # fmt: skip
        assert native.status_code == 201, native.text
        id = native.json()["id"]
        started = lab.api.sync_job_post(id=id, job_type="full")["id"]
        ended = until(lambda: (job := lab.api.sync_job_get(connector_sync_job_id=started)).get("completed_at") and job)
        assert (ended["status"], ended["indexed_document_count"]) == ("completed", 1)
        assert lab.es.count(index="folder-of-docs")["count"] == 1
    finally:
        lab.close()


def test_a_workspace_of_twinmaker_follows_its_source(base: Any, tmp_path: Path) -> None:
    with Desk(tmp_path).open() as desk:
        twin = Twin(desk, "Factory")
        plant = Plant(twin)
        twin.begin()
        assert twin.entities().keys() == plant.all
        assert twin.search("Pump") >= set(plant.pumps)
        own = twin.client.create_entity(workspaceId="Factory", entityName="By hand", entityId="by-hand")
        assert own["state"] in ("ACTIVE", "CREATING")
        new = plant.sitewise.add_asset("Pump 4", plant.pump, plant.lines[1])
        until(lambda: twin.entity(new))
        assert twin.entities().keys() == {*plant.all, new, "by-hand"}
        assert twin.client.list_workspaces()["workspaceSummaries"][0]["workspaceId"] == "Factory"
        twin.delete()
        assert twin.entities().keys() == {"by-hand"}
        twin.client.delete_entity(workspaceId="Factory", entityId="by-hand")
        desk.client(retries={"total_max_attempts": 20}).delete_workspace(workspaceId="Factory")
        assert twin.client.list_workspaces()["workspaceSummaries"] == []
