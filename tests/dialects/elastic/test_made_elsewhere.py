"""Connectors made natively or by another dialect are seen here, run here, and cancelled here."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.dialects.airweave.labs import Site
from tests.dialects.elastic.connector_labs import Lab, counted, refused, until


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.close()


def native(lab: Lab, **more: Any) -> dict[str, Any]:
    """A connector made with the native API."""
    name = lab.name("native")
    body = {
        "kind": "folder",
        "settings": {"path": str(lab.folder({"a.md": "text"}))},
        "name": name,
        "index": name,
        **more,
    }
    answer = lab.native.post("/v1/connectors", json=body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def test_it_has_a_document_in_elastics_words(lab: Lab) -> None:
    made = native(lab)
    doc = lab.doc(made["id"])
    assert (doc["id"], doc["name"], doc["index_name"]) == (made["id"], made["name"], made["index"])
    assert (doc["service_type"], doc["status"], doc["last_sync_status"]) == ("dir", "configured", None)
    assert doc["configuration"]["directory"]["value"] == made["settings"]["path"]
    [listed] = lab.api.list(connector_name=made["name"])["results"]
    assert listed == doc
    assert [one["id"] for one in lab.api.list(service_type="dir", index_name=made["index"])["results"]] == [made["id"]]


def test_its_secrets_are_asterisks(lab: Lab) -> None:
    settings = {"table": "a", "database": "d", "host": "h", "user": "u", "password": "S3CRET-VALUE"}
    made = native(lab, kind="postgresql", settings=settings)
    doc = lab.doc(made["id"])
    assert doc["service_type"] == "postgresql"
    assert doc["configuration"]["password"]["value"] == "********"
    lab.api.update_configuration(connector_id=made["id"], values={"host": "other", "password": "********"})
    stored = lab.native.get(f"/v1/connectors/{made['id']}").json()["settings"]
    assert (stored["host"], stored["password"], stored["user"]) == ("other", "********", "u")
    assert "S3CRET" not in json.dumps(lab.doc(made["id"]))


def test_it_is_run_and_its_jobs_are_listed_whoever_started_them(lab: Lab) -> None:
    made = native(lab)
    first = lab.native.post(f"/v1/connectors/{made['id']}/sync", json={}).json()["job"]
    job = lab.ended(first["id"])
    assert (job["status"], counted(job), job["connector"]["id"]) == ("completed", (1, 0, 1), made["id"])
    second = lab.run(made["id"])
    assert counted(second) == (0, 0, 1)
    listed = lab.api.sync_job_list(connector_id=made["id"])
    assert [one["id"] for one in listed["results"]] == [second["id"], first["id"]]
    assert lab.doc(made["id"])["last_sync_status"] == "completed"


def test_it_is_cancelled(lab: Lab, site: Site) -> None:
    site.delay_s = 0.05
    made = native(lab, kind="web", settings=site.config())
    started = lab.native.post(f"/v1/connectors/{made['id']}/sync", json={}).json()["job"]["id"]
    until(lambda: site.asked >= 2, "the crawl")
    assert lab.doc(made["id"])["last_sync_status"] == "in_progress"
    lab.api.sync_job_cancel(connector_sync_job_id=started)
    assert lab.ended(started)["status"] == "canceled"
    assert lab.native.get(f"/v1/jobs/{started}").json()["state"] == "stopped"


def test_what_has_words_here_can_be_changed(lab: Lab) -> None:
    made = native(lab)
    id = made["id"]
    lab.api.update_name(connector_id=id, name="Renamed here", description="in words")
    other = lab.folder({"b.md": "text", "c.md": "text"})
    lab.api.update_configuration(connector_id=id, values={"directory": str(other)})
    lab.api.update_scheduling(connector_id=id, scheduling={"full": {"enabled": True, "interval": "0 0 5 ? * MON"}})
    lab.api.update_features(connector_id=id, features={"sync_rules": {"basic": {"enabled": True}}})
    now = lab.native.get(f"/v1/connectors/{id}").json()
    assert (now["name"], now["description"], now["settings"]["path"]) == ("Renamed here", "in words", str(other))
    [schedule] = lab.native.get(f"/v1/connectors/{id}/schedules").json()["items"]
    assert (schedule["expression"], schedule["dialect"]) == ("0 0 5 ? * MON", "quartz")
    assert counted(lab.run(id))[0] == 2
    doc = lab.doc(id)
    assert (doc["name"], doc["features"]["sync_rules"]["basic"]) == ("Renamed here", {"enabled": True})
    assert [one["id"] for one in lab.api.list(connector_name="Renamed here")["results"]] == [id]


def test_what_is_changed_natively_is_seen_here(lab: Lab) -> None:
    place = lab.folder({"a.md": "text"})
    id = lab.files(place, name=lab.name("ours"))
    uuid = next(
        one["id"]
        for one in lab.native.get("/v1/connectors?limit=1000").json()["items"]
        if one["name"] == lab.doc(id)["name"]
    )
    other = lab.folder({"b.md": "text"})
    changed = lab.native.patch(
        f"/v1/connectors/{uuid}", json={"name": f"renamed-{id}", "settings": {"path": str(other)}, "description": "new"}
    )
    assert changed.status_code == 200
    doc = lab.doc(id)
    assert (doc["name"], doc["description"]) == (f"renamed-{id}", "new")
    assert doc["configuration"]["directory"]["value"] == str(other)
    assert [one["id"] for one in lab.api.list(connector_name=f"renamed-{id}")["results"]] == [id]
    assert lab.doc(uuid)["id"] == id
    lab.native.delete(f"/v1/connectors/{uuid}")
    refused(lambda: lab.doc(id), 404)
    assert lab.api.put(connector_id=id).meta.status == 201


def test_a_crontab_is_told_in_quartz(lab: Lab) -> None:
    made = native(lab)
    lab.native.post(f"/v1/connectors/{made['id']}/schedules", json={"expression": "30 2 * * 1-5"})
    assert lab.doc(made["id"])["scheduling"]["full"] == {"enabled": True, "interval": "0 30 2 ? * 2-6"}


def test_what_has_no_words_here_stays_as_it_is(lab: Lab) -> None:
    made = native(lab)
    id = made["id"]
    for call in (
        lambda: lab.api.put(connector_id=id, name="mine now"),
        lambda: lab.api.update_index_name(connector_id=id, index_name="elsewhere"),
        lambda: lab.api.update_service_type(connector_id=id, service_type="s3"),
    ):
        refused(call, 400, "status_exception", "not made with this API")
    assert lab.native.get(f"/v1/connectors/{id}").json()["name"] == made["name"]


def test_it_is_deleted_softly_and_then_for_good(lab: Lab) -> None:
    made = native(lab)
    lab.run(made["id"])
    lab.api.delete(connector_id=made["id"])
    assert lab.native.get(f"/v1/connectors/{made['id']}").json()["paused"] is True
    refused(lambda: lab.doc(made["id"]), 404)
    lab.api.delete(connector_id=made["id"], hard=True)
    assert lab.native.get(f"/v1/connectors/{made['id']}").status_code == 404


def test_a_key_sees_the_connectors_of_its_indexes(lab: Lab) -> None:
    seen, hidden = native(lab), native(lab)
    mine, bare = lab.connector(index_name=f"{seen['index']}-worked"), lab.connector(index_name=None)
    key = lab.client(*lab.key("read", "write", "admin", indexes=[seen["index"], f"{seen['index']}-worked"]))
    assert {one["id"] for one in key.connector.list()["results"]} == {seen["id"], mine}
    refused(lambda: key.connector.get(connector_id=hidden["id"]), 404)
    refused(lambda: key.connector.get(connector_id=bare), 404)
    refused(lambda: key.connector.put(connector_id=lab.name("x"), index_name="elsewhere"), 403, "security_exception")
    refused(lambda: key.connector.sync_job_post(id=hidden["id"]), 404)
    there = lab.run(hidden["id"])["id"]
    here = lab.run(seen["id"])["id"]
    refused(lambda: key.connector.sync_job_get(connector_sync_job_id=there), 404)
    assert [one["id"] for one in key.connector.sync_job_list()["results"]] == [here]
