"""A folder, kept searchable through Elastic's own client: `pip install elasticsearch`, and a server that runs.

syncline serve &
export SYNCLINE_KEY=$(cat .syncline/root.key)
python examples/elastic_connector.py http://127.0.0.1:8484/elastic examples/handbook "parental leave"
"""

from __future__ import annotations

import os
import sys
import time
import warnings
from typing import Any

from elasticsearch import Elasticsearch
from elasticsearch.exceptions import GeneralAvailabilityWarning

ENDED = ("completed", "error", "canceled")
CONNECTOR, INDEX = "example-files", "example-files"


def run(es: Elasticsearch) -> dict[str, Any]:
    """A full sync, once it has ended."""
    posted = es.connector.sync_job_post(id=CONNECTOR, job_type="full")
    while True:
        job: dict[str, Any] = es.connector.sync_job_get(connector_sync_job_id=posted["id"]).body
        if job["status"] in ENDED:
            return job
        time.sleep(0.05)


def told(job: dict[str, Any]) -> str:
    """What became of it, on one line."""
    counts = f"{job['indexed_document_count']} indexed, {job['deleted_document_count']} deleted"
    return f"{job['status']}: {counts}, {job['total_document_count']} in all {job.get('error', '')}".rstrip()


def main(url: str, folder: str, question: str) -> None:
    """Make a connector of the folder, run it twice, and search in its index."""
    id, _, secret = os.environ["SYNCLINE_KEY"].partition(":")
    es = Elasticsearch(url, api_key=(id, secret))
    es.connector.put(connector_id=CONNECTOR, name="Example files", service_type="dir", index_name=INDEX)
    es.connector.update_configuration(connector_id=CONNECTOR, values={"directory": os.path.abspath(folder)})
    print("first run ", told(run(es)))
    print("second run", told(run(es)))
    found = es.search(index=INDEX, query={"match": {"body": question}}, size=3)
    for hit in found["hits"]["hits"]:
        print(f"{hit['_score']:6.2f}  {hit['_source'].get('title', '')}  ({hit['_id']})")
    es.connector.delete(connector_id=CONNECTOR, hard=True)


if __name__ == "__main__":
    warnings.simplefilter("ignore", GeneralAvailabilityWarning)  # Elastic's client warns of each call that is in beta
    main(*sys.argv[1:4])
