"""A bucket, kept searchable through boto3's client of Amazon Kendra: `pip install boto3`, and a server that runs.

syncline serve &
export SYNCLINE_KEY_ID=$(cut -d: -f1 .syncline/root.key) SYNCLINE_KEY=$(cut -d: -f2- .syncline/root.key)
python examples/kendra_s3.py http://127.0.0.1:8484/kendra my-bucket "parental leave"

Without AWS, let moto be S3, for the server and for this script, and fill the bucket from a folder:

moto_server -p 5000 &
export AWS_ENDPOINT_URL_S3=http://127.0.0.1:5000 AWS_ACCESS_KEY_ID=x AWS_SECRET_ACCESS_KEY=x
syncline serve &
python examples/kendra_s3.py http://127.0.0.1:8484/kendra handbook "parental leave" examples/handbook
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

import boto3

REGION = os.environ.get("AWS_REGION", "us-east-1")
ROLE = "arn:aws:iam::123456789012:role/kendra"  # looked at and kept; the server reads with its own credentials


def fill(bucket: str, folder: Path) -> None:
    """Put the files of a folder into a new bucket."""
    s3 = boto3.client("s3", region_name=REGION)
    s3.create_bucket(Bucket=bucket)
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        s3.upload_file(str(path), bucket, path.relative_to(folder).as_posix())


def ended(kendra: Any, index: str, source: str) -> dict[str, Any]:
    """The newest sync job, once it has ended."""
    while True:
        job: dict[str, Any] = kendra.list_data_source_sync_jobs(Id=source, IndexId=index)["History"][0]
        if job["Status"] not in ("SYNCING", "SYNCING_INDEXING", "STOPPING"):
            return job
        time.sleep(0.1)


def told(job: dict[str, Any]) -> str:
    """What became of it, on one line."""
    counts = job["Metrics"]
    words = [f"{counts[f'Documents{name}']} {name.lower()}" for name in ("Added", "Modified", "Deleted", "Failed")]
    return f"{job['Status']}: {', '.join(words)}. {job.get('ErrorMessage', '')}".strip()


def main(url: str, bucket: str, question: str, folder: str | None = None) -> None:
    """Make an index with the bucket as its data source, run it twice, and ask."""
    if folder is not None:
        fill(bucket, Path(folder))
    kendra = boto3.client(
        "kendra",
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id=os.environ["SYNCLINE_KEY_ID"],
        aws_secret_access_key=os.environ["SYNCLINE_KEY"],
    )
    index = kendra.create_index(Name="example", RoleArn=ROLE)["Id"]
    while kendra.describe_index(Id=index)["Status"] == "CREATING":
        time.sleep(0.1)
    configuration = {"S3Configuration": {"BucketName": bucket, "ExclusionPatterns": ["**/*.tmp"]}}
    source = kendra.create_data_source(
        Name="bucket", IndexId=index, Type="S3", RoleArn=ROLE, Configuration=configuration
    )["Id"]
    for run in ("first run ", "second run"):
        kendra.start_data_source_sync_job(Id=source, IndexId=index)
        print(run, told(ended(kendra, index, source)))
    for item in kendra.query(IndexId=index, QueryText=question)["ResultItems"][:3]:
        print(f"{item.get('DocumentTitle', {}).get('Text', '')}  ({item['DocumentId']})")
    kendra.delete_index(Id=index)


if __name__ == "__main__":
    main(*sys.argv[1:5])
