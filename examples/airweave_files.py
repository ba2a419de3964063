"""A folder, kept searchable through the vendor's own client: `pip install airweave-sdk`, and a server that runs.

syncline serve &
export SYNCLINE_KEY=$(cut -d: -f2- .syncline/root.key)
python examples/airweave_files.py http://127.0.0.1:8484/airweave examples/handbook "parental leave"
"""

from __future__ import annotations

import os
import sys
import time

from airweave import AirweaveSDK, SourceConnectionJob

ENDED = ("completed", "failed", "cancelled")


def ended(airweave: AirweaveSDK, connection: str) -> SourceConnectionJob:
    """The newest job of a connection, once it has ended."""
    while True:
        job: SourceConnectionJob = airweave.source_connections.get_source_connection_jobs(connection, limit=1)[0]
        if job.status in ENDED:
            return job
        time.sleep(0.05)


def told(job: SourceConnectionJob) -> str:
    """What became of it, on one line."""
    counts = f"{job.entities_inserted} inserted, {job.entities_updated} updated, {job.entities_deleted} deleted"
    return f"{job.status}: {counts}" + (f", {job.entities_failed} failed" if job.entities_failed else "")


def main(base_url: str, folder: str, question: str) -> None:
    """Make a collection of the folder, run it twice, and search in it."""
    airweave = AirweaveSDK(base_url=base_url, api_key=os.environ["SYNCLINE_KEY"])
    collection = airweave.collections.create(name="Example files")
    connection = airweave.source_connections.create(
        short_name="filesystem",
        readable_collection_id=collection.readable_id,
        config={"path": os.path.abspath(folder)},
    )
    print("first run ", told(ended(airweave, connection.id)))
    airweave.source_connections.run(connection.id)
    print("second run", told(ended(airweave, connection.id)))
    answer = airweave.collections.search.instant(collection.readable_id, query=question, limit=3)
    for result in answer.results or []:
        print(f"{result.relevance_score:6.2f}  {result.name}  ({result.airweave_system_metadata.original_entity_id})")
    airweave.collections.delete(collection.readable_id)


if __name__ == "__main__":
    main(*sys.argv[1:4])
