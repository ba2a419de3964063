"""What tests of the dialect do over and over: clients, indexes, data sources, waiting."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from tests.serve.conftest import ROOT_SECRET, Served

from syncline.dialects.aws import check_response

REGION = "eu-west-1"
ROLE = "arn:aws:iam::123456789012:role/kendra"
SECRETS = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:"
NOBODY = "00000000-0000-4000-8000-000000000000"
NAMES = (f"{os.getpid()}-{n}" for n in itertools.count(1))
PATIENCE_S = 60.0


def secrets_file() -> dict[str, Any]:
    """What SecretArns stand for on the server."""
    return {
        "prod/articles": {"username": "reader", "password": "a-password", "host": "db.example.com"},
        "prod/open": {"username": "reader", "password": "a-password"},
        "prod/broken": {"username": "reader"},
        "local/postgres": {"username": "postgres", "password": "unused", "host": "127.0.0.1"},
        "local/site": {"userName": "ann", "password": "of the site"},
    }


def name(stem: str) -> str:
    """One that nobody has used."""
    return f"{stem}-{next(NAMES)}"


def until(done: Callable[[], Any]) -> Any:
    """Wait for a condition, and return what it gave."""
    end = time.monotonic() + PATIENCE_S
    while not (found := done()):
        assert time.monotonic() < end, "it never came"
        time.sleep(0.03)
    return found


def code_of(error: ClientError) -> str:
    """The code of an error of boto3."""
    return str(error.response["Error"]["Code"])


@contextmanager
def refused(code: str, *words: str) -> Iterator[None]:
    """What is within is refused by the server with this code, and the message has those words."""
    with pytest.raises(ClientError) as caught:
        yield
    error = caught.value
    assert code_of(error) == code, error
    message = error.response["Error"]["Message"]
    assert message
    assert "\n" not in message
    for word in words:
        assert word in message, message
    assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 400


class Desk:
    """Clients of one server."""

    def __init__(self, served: Served, moto_url: str) -> None:
        self.served = served
        self.moto_url = moto_url
        self.broken: list[AssertionError] = []
        self.kendra = self.client()

    @property
    def url(self) -> str:
        """Where the dialect is served."""
        return f"{self.served.url}/kendra"

    def client(self, id: str = "root", secret: str = ROOT_SECRET, **config: Any) -> Any:
        """An unmodified client of boto3. What it is answered is held against the model."""
        made = boto3.client(
            "kendra",
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=id,
            aws_secret_access_key=secret,
            config=Config(retries={"total_max_attempts": 1}, read_timeout=PATIENCE_S, **config),
        )
        made.meta.events.register("after-call.kendra", self._look)
        return made

    def _look(self, http_response: Any, model: Any, **_: Any) -> None:
        try:
            check_response(
                "kendra", model.name, http_response.status_code, dict(http_response.headers), http_response.content
            )
        except AssertionError as error:
            self.broken.append(error)

    def key(self, *scopes: str, indexes: list[str] | None = None) -> Any:
        """A client with a key of its own."""
        body: dict[str, Any] = {"name": name("key"), "scopes": list(scopes)}
        if indexes is not None:
            body["indexes"] = indexes
        with self.served.client() as http:
            made = http.post("/v1/keys", json=body).raise_for_status().json()
        return self.client(made["id"], made["secret"])

    # --- things

    def index(self, **more: Any) -> str:
        """The id of a new one."""
        found: str = self.kendra.create_index(Name=name("index"), RoleArn=ROLE, **more)["Id"]
        return found

    def index_name(self, id: str) -> str:
        """What the native API calls it."""
        with self.served.client() as http:
            found: str = http.get(f"/v1/indexes/{id}").raise_for_status().json()["name"]
        return found

    def bucket(self, s3: Any, files: dict[str, str | bytes]) -> str:
        """A new bucket with those objects."""
        made = name("bucket")
        s3.create_bucket(Bucket=made, CreateBucketConfiguration={"LocationConstraint": REGION})
        for key, body in files.items():
            s3.put_object(Bucket=made, Key=key, Body=body)
        return made

    def s3_source(self, index: str, bucket: str, **more: Any) -> str:
        """The id of a data source that reads the bucket; `more` goes into its S3Configuration."""
        return self.source(index, "S3", {"S3Configuration": {"BucketName": bucket, **more}})

    def source(self, index: str, type: str, configuration: dict[str, Any] | None = None, **more: Any) -> str:
        """The id of a data source."""
        if configuration is not None:
            more |= {"Configuration": configuration, "RoleArn": ROLE}
        found: str = self.kendra.create_data_source(Name=name("source"), IndexId=index, Type=type, **more)["Id"]
        return found

    def custom(self, index: str) -> str:
        """The id of a data source that is pushed to."""
        return self.source(index, "CUSTOM")

    # --- runs

    def start(self, index: str, source: str) -> str:
        """The id of an execution."""
        found: str = self.kendra.start_data_source_sync_job(Id=source, IndexId=index)["ExecutionId"]
        return found

    def history(self, index: str, source: str, **more: Any) -> list[dict[str, Any]]:
        """One page of it."""
        found: list[dict[str, Any]] = self.kendra.list_data_source_sync_jobs(Id=source, IndexId=index, **more)[
            "History"
        ]
        return found

    def row(self, index: str, source: str, execution: str) -> dict[str, Any]:
        """One row of the history."""
        return next(one for one in self.history(index, source) if one["ExecutionId"] == execution)

    def ended(self, index: str, source: str, execution: str) -> dict[str, Any]:
        """The row when it has come to its end."""
        over = ("SUCCEEDED", "FAILED", "INCOMPLETE", "ABORTED")

        def look() -> dict[str, Any] | None:
            row = self.row(index, source, execution)
            return row if row["Status"] in over else None

        found: dict[str, Any] = until(look)
        return found

    def run(self, index: str, source: str) -> dict[str, Any]:
        """Start a job and wait for its end."""
        return self.ended(index, source, self.start(index, source))

    def put(self, index: str, *documents: dict[str, Any], client: Any = None) -> list[dict[str, Any]]:
        """Push documents; what could not be taken."""
        answer = (client or self.kendra).batch_put_document(IndexId=index, Documents=list(documents))
        found: list[dict[str, Any]] = answer["FailedDocuments"]
        return found

    def status(self, index: str, *ids: str, **more: Any) -> list[str]:
        """The status of documents."""
        infos = [{"DocumentId": id, **more} for id in ids]
        answer = self.kendra.batch_get_document_status(IndexId=index, DocumentInfoList=infos)
        return [one["DocumentStatus"] for one in answer["DocumentStatusList"]]

    def search(self, index: str, query: str) -> list[str]:
        """Ids of what is found, by the native API."""
        with self.served.client() as http:
            body = {"query": query, "index": self.index_name(index), "unrestricted": True}
            found = http.post("/v1/search", json=body).raise_for_status().json()
        return [one["id"] for one in found["results"]]


def document(id: str, text: str = "some words", source: str | None = None, execution: str | None = None) -> Any:
    """A Document of BatchPutDocument."""
    attributes = []
    if source is not None:
        attributes.append({"Key": "_data_source_id", "Value": {"StringValue": source}})
    if execution is not None:
        attributes.append({"Key": "_data_source_sync_job_execution_id", "Value": {"StringValue": execution}})
    return {"Id": id, "Blob": text.encode(), "ContentType": "PLAIN_TEXT", "Attributes": attributes}
