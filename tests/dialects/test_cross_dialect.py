"""One connector in four ways to speak of it: started, seen running, stopped, explained, each by another client."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from airweave import AirweaveSDK
from tests.dialects.airweave.labs import Site
from tests.dialects.elastic.connector_labs import Lab, refused, until
from tests.serve.conftest import ROOT_SECRET

pytestmark = pytest.mark.filterwarnings("ignore::elasticsearch.exceptions.GeneralAvailabilityWarning")

EXAMPLE = Path(__file__).parents[2] / "examples" / "four_dialects.py"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    made = Lab(tmp_path_factory.mktemp("cross"))
    yield made
    made.close()


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site(pages=100)
    yield made
    made.close()


def kendra_of(lab: Lab) -> Any:
    return boto3.client(
        "kendra",
        "us-east-1",
        endpoint_url=f"{lab.served.url}/kendra",
        aws_access_key_id="root",
        aws_secret_access_key=ROOT_SECRET,
    )


def cli(lab: Lab, *args: str) -> Any:
    """What the command line answers, asking the same server."""
    done = subprocess.run(
        [sys.executable, "-m", "syncline.cli", "--json", "--server", lab.served.url, *args],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "SYNCLINE_KEY": ROOT_SECRET},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_one_connector_in_four_ways(lab: Lab, site: Site) -> None:
    airweave = AirweaveSDK(base_url=f"{lab.served.url}/airweave", api_key=ROOT_SECRET)
    kendra, connections = kendra_of(lab), airweave.source_connections

    # Made with Airweave's client, which runs it at once: a few pages, quickly.
    collection = airweave.collections.create(name="Cross").readable_id
    connection = connections.create(
        short_name="web", readable_collection_id=collection, config={**site.config(), "max_depth": 4}
    ).id
    first = lab.ended(lab.api.sync_job_list(connector_id=connection)["results"][0]["id"])
    assert (first["status"], first["indexed_document_count"]) == ("completed", 5)

    # Started again with Airweave's client: slowly.
    site.delay_s = 0.3
    started = connections.run(connection, force_full_sync=True).id

    # Seen running with Elastic's.
    until(lambda: lab.job(started)["status"] == "in_progress", "the second job")
    doc = lab.doc(connection)
    assert (doc["service_type"], doc["index_name"], doc["last_sync_status"]) == ("web", collection, "in_progress")
    assert [job["id"] for job in lab.api.sync_job_list(connector_id=connection)["results"]] == [started, first["id"]]

    # Stopped with Amazon's.
    [index] = [one for one in kendra.list_indices()["IndexConfigurationSummaryItems"] if one["Name"] == collection]
    history = kendra.list_data_source_sync_jobs(Id=connection, IndexId=index["Id"])["History"]
    assert (history[0]["ExecutionId"], history[0]["Status"]) == (started, "SYNCING")
    kendra.stop_data_source_sync_job(Id=connection, IndexId=index["Id"])
    ended = lab.ended(started)
    assert ended["status"] == "canceled"
    assert connections.get_source_connection_jobs(connection, limit=1)[0].status == "cancelled"
    history = kendra.list_data_source_sync_jobs(Id=connection, IndexId=index["Id"])["History"]
    assert [one["Status"] for one in history] == ["ABORTED", "SUCCEEDED"]

    # Explained by the command line: what became of the job, and what of a document that it did not reach.
    told = cli(lab, "job", "show", started)
    assert (told["state"], told["connector_id"], told["id"]) == ("stopped", connection, started)
    why = cli(lab, "why", f"{site.url}/page/4", "--index", collection)["stories"][0]
    assert why["state"] == "live"

    # Removed with Airweave's client, and gone everywhere.
    airweave.collections.delete(collection)
    refused(lambda: lab.doc(connection), 404, "resource_not_found_exception")
    assert lab.native.get(f"/v1/connectors/{connection}").status_code == 404


def test_a_connector_of_elastics_client_is_run_by_the_others(lab: Lab) -> None:
    id = lab.files(lab.folder({"a.md": "a wombat", "b.md": "a quoll"}), name="From Elastic")
    airweave = AirweaveSDK(base_url=f"{lab.served.url}/airweave", api_key=ROOT_SECRET)
    index = lab.doc(id)["index_name"]
    [seen] = airweave.source_connections.list(collection=index)
    assert (seen.name, seen.short_name) == ("From Elastic", "filesystem")
    run = airweave.source_connections.run(seen.id)
    job = lab.ended(run.id)
    assert (job["status"], job["indexed_document_count"], job["connector"]["id"]) == ("completed", 2, id)
    assert lab.doc(id)["last_sync_status"] == "completed"
    found = cli(lab, "search", "quoll", "--index", index)
    assert [hit["id"] for hit in found["results"]] == ["b.md"]


def test_the_example_goes_through_all_four(lab: Lab, site: Site) -> None:
    site.delay_s = 0.1
    done = subprocess.run(
        [sys.executable, str(EXAMPLE), lab.served.url, f"{site.url}/page/0"],
        env={**os.environ, "SYNCLINE_KEY": f"root:{ROOT_SECRET}"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    elastic, kendra, airweave, syncline = done.stdout.splitlines()
    job = elastic.rpartition(" ")[2]
    assert elastic.startswith("Elastic : web connector ")
    assert kendra == "Kendra  : ABORTED"
    assert airweave == f"Airweave: cancelled, job {job}"
    assert syncline.startswith("Syncline: stopped after ")
