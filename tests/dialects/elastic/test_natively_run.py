"""Connectors whose service type names a source of ours: Syncline runs their jobs itself."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.dialects.airweave.labs import Site
from tests.dialects.elastic.connector_labs import Lab, counted, refused, until


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.close()


def slow(lab: Lab, site: Site) -> str:
    """The id of a connector whose jobs take long."""
    site.delay_s = 0.05
    id = lab.connector(service_type="web")
    lab.api.update_configuration(
        connector_id=id,
        values={
            "urls": f"{site.url}/page/0", "max_depth": 100, "requests_per_second": 100, "robots": False,
        },
    )  # fmt: skip
    return id


def test_from_the_first_sync_to_the_end(lab: Lab) -> None:
    """Made, configured, run; edited, added and removed at the source; run again with exact counters; deleted."""
    place = lab.folder({f"notes/{n}.md": f"words of note {n}" for n in range(40)})
    id = lab.connector(service_type="dir", name="Notes", description="of mine")
    doc = lab.doc(id)
    assert doc["status"] == "needs_configuration"
    assert {name: field["value"] for name, field in doc["configuration"].items()} == {
        "directory": "",
        "pattern": "**/*.*",
    }
    lab.api.update_configuration(connector_id=id, values={"directory": str(place)})
    assert lab.doc(id)["status"] == "configured"

    job = lab.run(id)
    assert (job["status"], counted(job)) == ("completed", (40, 0, 40))
    assert (job["job_type"], job["trigger_method"], job["connector"]["id"]) == ("full", "on_demand", id)
    assert job["indexed_document_volume"] == 1  # MiB, rounded up
    assert job["created_at"] <= job["started_at"] <= job["completed_at"]
    doc = lab.doc(id)
    assert (doc["status"], doc["error"], doc["last_sync_status"]) == ("connected", None, "completed")
    assert (doc["last_indexed_document_count"], doc["last_deleted_document_count"]) == (40, 0)
    assert doc["last_synced"] == job["completed_at"]

    (place / "notes/0.md").write_text("quite different words")
    (place / "notes/new.md").write_text("a new one")
    for n in range(30, 40):
        (place / f"notes/{n}.md").unlink()
    assert counted(lab.run(id)) == (2, 10, 31)
    assert counted(lab.run(id)) == (0, 0, 31)
    assert lab.doc(id)["last_deleted_document_count"] == 0

    lab.api.delete(connector_id=id, hard=True, delete_sync_jobs=True)
    refused(lambda: lab.doc(id, include_deleted=True), 404)
    assert lab.api.sync_job_list(connector_id=id)["count"] == 0
    assert lab.native.get("/v1/connectors").json()["items"] == [
        one for one in lab.native.get("/v1/connectors").json()["items"] if one["name"] != "Notes"
    ]


def test_a_full_sync_deletes_what_is_gone_however_much_that_is(lab: Lab) -> None:
    place = lab.folder({f"{n}.md": f"text {n}" for n in range(150)})
    id = lab.files(place)
    lab.run(id)
    for n in range(150):
        (place / f"{n}.md").unlink()
    job = lab.run(id)
    assert (job["status"], counted(job)) == ("completed", (0, 150, 0))


def test_a_source_that_is_gone_deletes_nothing(lab: Lab) -> None:
    place = lab.folder({"a.md": "text"})
    id = lab.files(place)
    lab.run(id)
    place.rename(place.with_name("away"))
    try:
        job = lab.run(id)
    finally:
        place.with_name("away").rename(place)
    assert (job["status"], job["deleted_document_count"]) == ("error", 0)
    assert str(place) in job["error"]
    doc = lab.doc(id)
    assert (doc["status"], doc["error"], doc["last_sync_error"]) == ("error", job["error"], job["error"])
    assert lab.run(id)["status"] == "completed"
    assert (lab.doc(id)["status"], lab.doc(id)["error"]) == ("connected", None)


def test_several_jobs_wait_for_each_other(lab: Lab) -> None:
    id = lab.files(lab.folder({"a.md": "text"}))
    posted = [lab.posted(id) for _ in range(4)]
    ended = [lab.ended(job) for job in posted]
    assert [job["status"] for job in ended] == ["completed"] * 4
    assert sorted(job["started_at"] for job in ended) == [job["started_at"] for job in ended]
    assert lab.api.sync_job_list(connector_id=id)["count"] == 4


def test_a_long_job_is_cancelled(lab: Lab, site: Site, remark: Callable[[str], None]) -> None:
    id = slow(lab, site)
    job = lab.posted(id)
    until(lambda: site.asked >= 3, "the crawl")
    assert lab.job(job)["status"] == "in_progress"
    assert lab.doc(id)["last_sync_status"] == "in_progress"
    behind = lab.posted(id)
    began = time.perf_counter()
    assert lab.api.sync_job_cancel(connector_sync_job_id=job)["result"] == "updated"
    ended = lab.ended(job)
    remark(f"elastic: a long job was cancelled in {time.perf_counter() - began:.2f} s")
    assert ended["status"] == "canceled"
    assert ended["cancelation_requested_at"] <= ended["canceled_at"] == ended["completed_at"]
    refused(
        lambda: lab.api.sync_job_cancel(connector_sync_job_id=job), 400, "status_exception", "[canceled] to [canceling]"
    )
    lab.api.sync_job_cancel(connector_sync_job_id=behind)
    assert lab.ended(behind)["status"] == "canceled"


def test_a_job_that_waits_is_cancelled_at_once(lab: Lab, site: Site) -> None:
    id = slow(lab, site)
    running, waiting = lab.posted(id), lab.posted(id)
    until(lambda: lab.job(running)["status"] == "in_progress", "the first job")
    lab.api.sync_job_cancel(connector_sync_job_id=waiting)
    job = lab.job(waiting)
    assert job["status"] == "canceled"
    assert job["cancelation_requested_at"] <= job["canceled_at"] == job["completed_at"]
    assert "started_at" not in job
    lab.api.delete(connector_id=id, hard=True)
    assert lab.job(running)["status"] == "canceled"


def test_a_deleted_job_of_ours_is_not_listed_any_more(lab: Lab) -> None:
    id = lab.files(lab.folder({"a.md": "text"}))
    job = lab.run(id)
    assert lab.api.sync_job_delete(connector_sync_job_id=job["id"]).body == {"acknowledged": True}
    refused(lambda: lab.job(job["id"]), 404)
    assert lab.api.sync_job_list(connector_id=id)["count"] == 0


def test_no_worker_touches_a_job_of_ours(lab: Lab) -> None:
    job = lab.run(lab.files(lab.folder({"a.md": "text"})))["id"]
    api = lab.api
    stats = {"deleted_document_count": 1, "indexed_document_count": 2, "indexed_document_volume": 3}
    for call in (
        lambda: api.sync_job_claim(connector_sync_job_id=job, worker_hostname="w"),
        lambda: api.sync_job_error(connector_sync_job_id=job, error="no"),
        lambda: api.sync_job_update_stats(connector_sync_job_id=job, **stats),
    ):
        refused(call, 400, "status_exception", "run by Syncline")
    assert api.sync_job_check_in(connector_sync_job_id=job)["result"] == "updated"
    assert lab.job(job)["status"] == "completed"


def test_access_comes_with_the_documents(lab: Lab) -> None:
    id = lab.files(lab.folder({"a.md": "text"}))
    refused(
        lambda: lab.posted(id, job_type="access_control"),
        400,
        "status_exception",
        "permissions come with the documents",
    )
    wanted = {"access_control": {"enabled": True, "interval": "0 0 0 * * ?"}}
    refused(lambda: lab.api.update_scheduling(connector_id=id, scheduling=wanted), 400, "status_exception")
    assert lab.doc(id)["scheduling"]["access_control"]["enabled"] is False


@pytest.mark.parametrize(
    ("service_type", "values", "told"),
    [
        ("dir", {"directory": ""}, "path is missing"),
        ("dir", {"directory": "/etc"}, "/etc"),
        ("s3", {"buckets": "one, two"}, "name one bucket"),
        ("postgresql", {"host": "h", "database": "d", "tables": "*"}, "name the tables"),
        ("postgresql", {"host": "h", "port": "many", "database": "d", "tables": "a"}, "port"),
        ("mysql", {"database": "d", "tables": "a", "ssl_ca": "PEM"}, "ssl_ca"),
    ],
    ids=range(6),
)
def test_settings_that_cannot_be_fail_the_job(lab: Lab, service_type: str, values: dict[str, str], told: str) -> None:
    id = lab.connector(service_type=service_type)
    assert lab.api.update_configuration(connector_id=id, values=values)["result"] == "updated"
    job = lab.job(lab.posted(id))
    assert job["status"] == "error"
    assert told in job["error"]
    doc = lab.doc(id)
    assert (doc["status"], doc["error"], doc["last_sync_status"], doc["last_sync_error"]) == (
        "error", job["error"], "error", job["error"],
    )  # fmt: skip


def test_elastics_settings_are_ours(lab: Lab) -> None:
    """What Elastic calls a setting reaches the one of ours, and comes back."""
    wanted = {
        "s3": (
            {"buckets": "handbook", "aws_access_key_id": "AKIA", "aws_secret_access_key": "S3CRET-VALUE"},
            {"bucket": "handbook", "access_key_id": "AKIA", "secret_access_key": "********"},
        ),
        "google_cloud_storage": (
            {"buckets": "handbook", "service_account_credentials": '{"S3CRET-VALUE": 1}'},
            {"bucket": "gs://handbook", "google_service_account": "********"},
        ),
        "azure_blob_storage": (
            {"containers": "handbook", "account_name": "acme", "account_key": "S3CRET-VALUE"},
            {"bucket": "az://handbook", "azure_account": "acme", "azure_key": "********"},
        ),
        "postgresql": (
            {"host": "db", "port": "5433", "username": "u", "password": "S3CRET-VALUE", "database": "d",
            "tables": "a, b",
             "ssl_enabled": True},
            {"host": "db", "port": 5433, "user": "u", "password": "********", "tables": ["public.a", "public.b"],
             "sslmode": "require"},
        ),
        "mysql": (
            {"host": "db", "port": 3307, "user": "u", "password": "S3CRET-VALUE", "database": "d", "tables": "a"},
            {"host": "db", "port": 3307, "user": "u", "password": "********", "table": "a", "tls": "prefer"},
        ),
    }  # fmt: skip
    for service_type, (values, settings) in wanted.items():
        id = lab.connector(service_type=service_type)
        lab.api.update_configuration(connector_id=id, values=values)
        [native] = [one for one in lab.native.get("/v1/connectors?limit=1000").json()["items"] if one["name"] == id]
        assert {name: native["settings"][name] for name in settings} == settings, service_type
        held = lab.doc(id)["configuration"]
        for name, value in values.items():
            shown = "********" if held[name]["sensitive"] else value
            assert held[name]["value"] == shown, (service_type, name)
        assert "S3CRET" not in json.dumps(lab.doc(id))


def test_settings_of_ours_may_be_beside_elastics(lab: Lab) -> None:
    place = lab.folder({"keep.md": "text", "drop.md": "text", "sub/keep.txt": "text"})
    id = lab.connector(service_type="dir")
    field = {"label": "Directory", "type": "str", "value": str(place)}
    lab.api.update_configuration(
        connector_id=id,
        configuration={"directory": field, "exclude": {"label": "Not", "type": "list", "value": "drop.md"}},
    )
    assert counted(lab.run(id)) == (2, 0, 2)
    lab.api.update_configuration(connector_id=id, values={"pattern": "*.md"})
    job = lab.run(id)
    assert (job["status"], job["total_document_count"]) == ("completed", 1)


def test_a_schedule_of_quartz_fires(lab: Lab) -> None:
    id = lab.files(lab.folder({"a.md": "text"}))
    every = {"enabled": True, "interval": "0/1 * * * * ?"}
    lab.api.update_scheduling(connector_id=id, scheduling={"full": every})

    def fired() -> Any:
        done = lab.api.sync_job_list(connector_id=id, status="completed")["results"]
        return len(done) >= 2 and done

    jobs = until(fired, "two jobs of the schedule")
    assert {job["trigger_method"] for job in jobs} == {"scheduled"}
    assert {job["job_type"] for job in jobs} == {"full"}
    assert lab.doc(id)["last_sync_scheduled_at"] is not None
    assert lab.doc(id)["scheduling"]["full"] == every
    lab.api.update_scheduling(connector_id=id, scheduling={"full": {**every, "enabled": False}})
    until(lambda: lab.api.sync_job_list(connector_id=id, status="pending,".strip(","))["count"] == 0, "the last job")
    [schedule] = lab.native.get(f"/v1/connectors/{id}/schedules").json()["items"]
    assert (schedule["expression"], schedule["dialect"], schedule["enabled"]) == ("0/1 * * * * ?", "quartz", False)


def test_a_deleted_connector_rests(lab: Lab) -> None:
    id = lab.files(lab.folder({"a.md": "text"}))
    lab.run(id)
    lab.api.delete(connector_id=id)
    assert lab.native.get(f"/v1/connectors/{id}").json()["paused"] is True
    lab.api.put(connector_id=id, service_type="dir")
    assert lab.doc(id)["deleted"] is False


def test_another_index_means_another_connector_and_the_old_documents_stay(lab: Lab) -> None:
    place = lab.folder({"a.md": "text"})
    id = lab.files(place)
    lab.run(id)
    first = lab.doc(id)["index_name"]
    lab.api.update_index_name(connector_id=id, index_name=f"{first}-2")
    assert counted(lab.run(id)) == (1, 0, 1)
    kinds = [
        one for one in lab.native.get("/v1/connectors?limit=1000").json()["items"] if one["index"].startswith(first)
    ]
    assert sorted((one["index"], one["paused"]) for one in kinds) == [(first, True), (f"{first}-2", False)]
    assert [one["id"] for one in lab.api.list(query=first)["results"]] == [id]
    assert lab.api.sync_job_list(connector_id=id)["count"] == 2
    lab.api.update_index_name(connector_id=id, index_name=first)
    assert counted(lab.run(id)) == (0, 0, 1)


def test_an_index_may_have_a_name_that_ours_have_not(lab: Lab) -> None:
    name = f"{lab.name('search')}.my.docs"
    id = lab.files(lab.folder({"a.md": "text"}), index_name=name)
    assert lab.run(id)["status"] == "completed"
    assert lab.doc(id)["index_name"] == name


def test_small_files(lab: Lab, remark: Callable[[str], None]) -> None:
    id = lab.files(lab.folder({f"{n}.md": f"# Page {n}\n\nSome words.\n" for n in range(300)}))
    began = time.perf_counter()
    job = lab.run(id)
    remark(f"elastic: post to completed, 300 small files: {time.perf_counter() - began:.2f} s")
    assert counted(job) == (300, 0, 300)


def test_the_requests_of_a_second(lab: Lab, remark: Callable[[str], None]) -> None:
    id = lab.files(lab.folder({"a.md": "text"}))
    lab.run(id)
    for name, call in {"get": lambda: lab.doc(id), "list": lambda: lab.api.list(size=10)}.items():
        began = time.perf_counter()
        for _ in range(50):
            assert call()
        remark(f"elastic: {50 / (time.perf_counter() - began):.0f} {name} requests a second, one client")


def test_service_types_may_be_left_to_workers(tmp_path: Path) -> None:
    lab = Lab(tmp_path, SYNCLINE_ELASTIC_OUTSIDE="dir, postgresql")
    try:
        id = lab.connector(service_type="dir")
        assert lab.doc(id)["configuration"] == {}
        job = lab.posted(id)
        lab.api.sync_job_claim(connector_sync_job_id=job, worker_hostname="w")
        assert lab.job(job)["status"] == "in_progress"
    finally:
        lab.close()


def test_rules_are_never_silently_left_out(lab: Lab) -> None:
    """What Syncline runs has no sync rules: a draft with rules is invalid at once, and no rule becomes active."""
    id = lab.files(lab.folder({"a.md": "text"}))
    rule = {"field": "a", "id": "r1", "order": 1, "policy": "exclude", "rule": "equals", "value": "x"}
    lab.api.update_filtering(connector_id=id, rules=[rule])
    validation = lab.doc(id)["filtering"][0]["draft"]["validation"]
    assert (validation["state"], validation["errors"][0]["ids"]) == ("invalid", ["r1"])
    refused(lambda: lab.api.update_active_filtering(connector_id=id), 400, "status_exception", "[invalid]")
    lab.api.update_filtering_validation(connector_id=id, validation={"state": "valid", "errors": []})
    refused(
        lambda: lab.api.update_active_filtering(connector_id=id), 400, "status_exception", "Sync rules are not applied"
    )
    lab.api.update_filtering(connector_id=id, rules=[])
    assert lab.doc(id)["filtering"][0]["draft"]["validation"]["state"] == "valid"
    assert lab.api.update_active_filtering(connector_id=id)["result"] == "updated"


def test_a_connector_rests_while_its_settings_cannot_be(lab: Lab) -> None:
    place = lab.folder({"a.md": "text"})
    id = lab.files(place)
    lab.run(id)
    lab.api.update_configuration(connector_id=id, values={"directory": "/etc"})
    assert lab.native.get(f"/v1/connectors/{id}").json()["paused"] is True
    assert "/etc" in lab.job(lab.posted(id))["error"]
    assert lab.doc(id)["configuration"]["directory"]["value"] == "/etc"
    lab.api.update_configuration(connector_id=id, values={"directory": str(place)})
    assert lab.native.get(f"/v1/connectors/{id}").json()["paused"] is False
    assert counted(lab.run(id)) == (0, 0, 1)


def test_a_deleted_connector_that_is_put_again_works_again(lab: Lab) -> None:
    place = lab.folder({"a.md": "text"})
    id = lab.files(place)
    lab.run(id)
    index = lab.doc(id)["index_name"]
    lab.api.delete(connector_id=id)
    lab.api.put(connector_id=id, name=id, service_type="dir", index_name=index)
    lab.api.update_configuration(connector_id=id, values={"directory": str(place)})
    assert lab.native.get(f"/v1/connectors/{id}").json()["paused"] is False
    assert counted(lab.run(id)) == (0, 0, 1)


def test_jobs_of_schedules_remember_their_connector_and_what_they_brought(lab: Lab) -> None:
    place = lab.folder({"a.md": "text"})
    id = lab.files(place)
    every = {"enabled": True, "interval": "0/1 * * * * ?"}
    lab.api.update_scheduling(connector_id=id, scheduling={"full": every})
    done = until(lambda: lab.api.sync_job_list(connector_id=id, status="completed")["results"], "a job of the schedule")
    lab.api.update_scheduling(connector_id=id, scheduling={"full": {**every, "enabled": False}})
    first = done[-1]["id"]

    def remembered() -> Any:
        def look(books: Any) -> Any:
            run = books.records.get("run", first)
            return run is not None and {"doc", "tally"} <= run.body.keys() and run.body

        return lab.books(look)

    kept = until(remembered, "what is remembered of the job")
    assert kept["doc"]["connector"]["configuration"]["directory"]["value"] == str(place)
    assert kept["tally"]["total"] == 1
    other = lab.folder({"b.md": "text"})
    lab.api.update_configuration(connector_id=id, values={"directory": str(other)})
    assert lab.job(first)["connector"]["configuration"]["directory"]["value"] == str(place)
