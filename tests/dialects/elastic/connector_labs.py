"""What the tests of the connector half stand on: a served data directory and Elastic's own client."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
from elasticsearch import ApiError, AsyncElasticsearch, Elasticsearch
from elasticsearch.exceptions import GeneralAvailabilityWarning
from tests.serve.conftest import ROOT_SECRET, Served

from syncline.dialects.elastic.books import Books
from syncline.wiring import Installation

warnings.simplefilter("ignore", GeneralAvailabilityWarning)

WAIT_S = 60.0
ENDED = ("completed", "error", "canceled")
WORKED = "super-connector"  # a service type that nobody here runs


def until(condition: Callable[[], Any], what: str = "it") -> Any:
    """What the condition gives as soon as that is something."""
    end = time.monotonic() + WAIT_S
    while not (found := condition()):
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.02)
    return found


class Said:
    """An error as it came: status, type and reason."""

    def __init__(self, error: ApiError) -> None:
        self.status = error.meta.status
        body: Any = error.body
        assert body["status"] == self.status
        assert set(body) == {"error", "status"}
        told = body["error"]
        self.type = told["type"]
        self.reason = told["reason"]
        assert told["root_cause"][0]["type"] == self.type
        assert told["root_cause"][0]["reason"] == self.reason


def refused(call: Callable[[], Any], status: int, type: str | None = None, reason: str | None = None) -> Said:
    """The error that the call is answered with, which must be of that kind."""
    try:
        answer = call()
    except ApiError as error:
        said = Said(error)
    else:
        raise AssertionError(f"it was not refused: {answer}")
    assert said.status == status, said.reason
    assert type is None or said.type == type, said.type
    assert reason is None or reason in said.reason, said.reason
    return said


class Lab:
    """A server, its clients, and folders to sync."""

    def __init__(self, home: Path, **environ: str) -> None:
        self.home = home
        environ = {"SYNCLINE_FOLDER_ROOTS": str(home), "SYNCLINE_ALLOW_PRIVATE_TARGETS": "1", **environ}
        self.environ = environ
        self.served = Served(home / "state", **environ)
        self.served.start()
        self.url = f"{self.served.url}/elastic"
        self.es = self.client()
        self.api = self.es.connector
        self.native = self.served.client()
        key = {"authorization": f"Bearer {ROOT_SECRET}"}
        self.raw = httpx.Client(base_url=self.url, timeout=WAIT_S, headers=key)
        self._number = 0

    def close(self) -> None:
        self.es.close()
        self.native.close()
        self.raw.close()
        self.served.__exit__()

    def client(self, id: str = "root", secret: str = ROOT_SECRET, **more: Any) -> Elasticsearch:
        """One that knows the address and the key."""
        return Elasticsearch(self.url, api_key=(id, secret), request_timeout=WAIT_S, max_retries=0, **more)

    def asynchronous(self) -> AsyncElasticsearch:
        return AsyncElasticsearch(self.url, api_key=("root", ROOT_SECRET), request_timeout=WAIT_S)

    def key(self, *scopes: str, indexes: list[str] | None = None) -> tuple[str, str]:
        """Id and secret of a new key."""
        body = {"scopes": list(scopes), **({} if indexes is None else {"indexes": indexes})}
        made = self.native.post("/v1/keys", json=body).json()
        return made["id"], made["secret"]

    def name(self, stem: str) -> str:
        self._number += 1
        return f"{stem}-{self._number}"

    def folder(self, files: dict[str, str] | None = None) -> Path:
        """A new folder with those files."""
        place = self.home / self.name("files")
        place.mkdir()
        for name, text in (files or {}).items():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_text(text)
        return place

    def connector(self, **body: Any) -> str:
        """The id of a new one that waits for a worker."""
        id = self.name("connector")
        given = {"index_name": f"index-of-{id}", "service_type": WORKED, "name": id, **body}
        self.api.put(connector_id=id, **{name: value for name, value in given.items() if value is not None})
        return id

    def files(self, place: Path, **body: Any) -> str:
        """The id of a new connector that reads the folder."""
        id = self.connector(service_type="dir", **body)
        self.api.update_configuration(connector_id=id, values={"directory": str(place)})
        return id

    def doc(self, id: str, **more: Any) -> dict[str, Any]:
        return dict(self.api.get(connector_id=id, **more).body)

    def job(self, id: str) -> dict[str, Any]:
        return dict(self.api.sync_job_get(connector_sync_job_id=id).body)

    def posted(self, id: str, **more: Any) -> str:
        """The id of a new job of the connector."""
        return str(self.api.sync_job_post(id=id, **more)["id"])

    def ended(self, job: str) -> dict[str, Any]:
        """The job, when it has ended."""
        return dict(until(lambda: (found := self.job(job))["status"] in ENDED and found, "the end of the job"))

    def run(self, id: str, **more: Any) -> dict[str, Any]:
        """A job of the connector, when it has ended."""
        return self.ended(self.posted(id, **more))

    def books(self, work: Callable[[Books], Any]) -> Any:
        """What `work` gives with the documents as the system indices hold them, beside the server."""
        room = Installation(str(self.home / "state"))
        host: Any = SimpleNamespace(environ=self.environ, folder_roots=(str(self.home),), clock=time.time)
        try:
            return work(Books(host, room, None))
        finally:
            room.close()


def counted(job: dict[str, Any]) -> tuple[int, int, int]:
    """(indexed, deleted, total)."""
    return job["indexed_document_count"], job["deleted_document_count"], job["total_document_count"]
