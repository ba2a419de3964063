"""One connector, four ways to speak of it: `pip install airweave-sdk elasticsearch boto3`, and a server that runs.

It is made and started through Airweave's client, seen running through Elastic's, stopped through Amazon's, and
explained by the command line. Nothing is copied between them: there is one connector and one job.

syncline serve &
export SYNCLINE_KEY=$(cat .syncline/root.key)
python examples/four_dialects.py http://127.0.0.1:8484 https://docs.example.com/
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import boto3
from airweave import AirweaveSDK
from elasticsearch import Elasticsearch
from elasticsearch.exceptions import GeneralAvailabilityWarning


def until(look: Callable[[], Any]) -> Any:
    """What it finds, once that is something."""
    while not (found := look()):
        time.sleep(0.05)
    return found


def started(airweave: AirweaveSDK, page: str) -> tuple[str, str]:
    """Ids of a collection and of a connection that crawls the site of that page; it runs at once."""
    collection = airweave.collections.create(name="Four dialects")
    config = {"urls": [page], "max_depth": 50, "requests_per_second": 20}
    connection = airweave.source_connections.create(
        short_name="web", readable_collection_id=collection.readable_id, config=config
    )
    return collection.readable_id, connection.id


def running(es: Elasticsearch, connector: str) -> dict[str, Any]:
    """The connector's job, once it runs."""
    jobs = until(lambda: es.connector.sync_job_list(connector_id=connector, status="in_progress")["results"])
    return dict(jobs[0])


def stop(kendra: Any, collection: str, connector: str) -> str:
    """Stop what runs, and return the status of the execution when it has ended."""
    found = kendra.list_indices()["IndexConfigurationSummaryItems"]
    index = next(one["Id"] for one in found if one["Name"] == collection)
    kendra.stop_data_source_sync_job(Id=connector, IndexId=index)

    def look() -> str | None:
        newest = kendra.list_data_source_sync_jobs(Id=connector, IndexId=index)["History"][0]
        return None if newest["Status"] in ("SYNCING", "SYNCING_INDEXING", "STOPPING") else newest["Status"]

    return str(until(look))


def explained(server: str, secret: str, job: str) -> dict[str, Any]:
    """The job, as the command line tells of it."""
    command = [sys.executable, "-m", "syncline.cli", "--json", "--server", server, "job", "show", job]
    environ = {**os.environ, "SYNCLINE_KEY": secret}
    told: dict[str, Any] = json.loads(subprocess.run(command, env=environ, capture_output=True, check=True).stdout)
    return told


def main(server: str, page: str) -> None:
    """Go through all four."""
    id, _, secret = os.environ["SYNCLINE_KEY"].partition(":")
    airweave = AirweaveSDK(base_url=f"{server}/airweave", api_key=secret)
    es = Elasticsearch(f"{server}/elastic", api_key=(id, secret))
    kendra = boto3.client(
        "kendra", os.environ.get("AWS_REGION", "us-east-1"), endpoint_url=f"{server}/kendra",
        aws_access_key_id=id, aws_secret_access_key=secret,
    )  # fmt: skip
    collection, connector = started(airweave, page)
    job = running(es, connector)
    print(f"Elastic : {job['connector']['service_type']} connector {connector} is {job['status']}, job {job['id']}")
    print(f"Kendra  : {stop(kendra, collection, connector)}")
    seen = airweave.source_connections.get_source_connection_jobs(connector, limit=1)[0]
    print(f"Airweave: {seen.status}, job {seen.id}")
    told = explained(server, secret, job["id"])
    print(f"Syncline: {told['state']} after {told['duration_s']:.1f} s, {told['inserted']} documents stay")
    airweave.collections.delete(collection)


if __name__ == "__main__":
    warnings.simplefilter("ignore", GeneralAvailabilityWarning)  # Elastic's client warns of each call that is in beta
    main(*sys.argv[1:3])
