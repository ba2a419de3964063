"""A real server with a stand-in for SiteWise behind it, and unmodified clients of boto3 before it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from tests.serve.conftest import ROOT_SECRET, Served

from syncline.dialects.aws import check_response
from syncline.testing.sitewise import REGION, SiteWise

ROLE = "arn:aws:iam::123456789012:role/twinmaker"
SOURCE = "SITEWISE"
INTERVAL_S = 0.4

T = TypeVar("T")


class Desk:
    """The server, SiteWise, and what a test asks of them."""

    def __init__(self, folder: Path, interval_s: float = INTERVAL_S) -> None:
        self.sitewise = SiteWise(page_size=20)
        self.folder = folder
        self.interval_s = interval_s
        self.served: Served = None  # type: ignore[assignment]
        self.seen: list[str] = []
        self._made = 0

    @contextmanager
    def open(self) -> Iterator[Desk]:
        """Both run."""
        with self.sitewise:
            environ = {"SYNCLINE_TWINMAKER_INTERVAL_S": str(self.interval_s), **self.sitewise.environ}
            self.served = Served(self.folder / "state", **environ)
            with self.served:
                yield self
            assert "aws.failed" not in self.served.errors, self.served.errors
            assert "aws.unmodelled" not in self.served.errors, self.served.errors
            assert "chore.failed" not in self.served.errors, self.served.errors

    @property
    def url(self) -> str:
        """Of the dialect."""
        return f"{self.served.url}/twinmaker"

    def client(self, id: str = "root", secret: str = ROOT_SECRET, **config: Any) -> Any:
        """One of boto3; every answer it gets is held against the model as it came."""
        options = {"inject_host_prefix": False, "retries": {"total_max_attempts": 1}, **config}
        client = boto3.client(
            "iottwinmaker",
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=id,
            aws_secret_access_key=secret,
            config=Config(**options),
        )
        client.meta.events.register("after-call.iottwinmaker.*", self._hold)
        return client

    def _hold(self, http_response: Any, model: Any, **_: Any) -> None:
        self.seen.append(model.name)
        headers = {name.lower(): value for name, value in http_response.headers.items()}
        check_response("iottwinmaker", model.name, http_response.status_code, headers, http_response.content)

    def name(self, wish: str = "Factory") -> str:
        """Of a workspace that there is not yet."""
        self._made += 1
        return f"{wish}-{self._made}"

    def key(self, *scopes: str, indexes: list[str] | None = None) -> tuple[str, str]:
        """(id, secret) of a new key."""
        with self.served.client() as native:
            body: dict[str, Any] = {"name": self.name("key"), "scopes": list(scopes)}
            if indexes is not None:
                body["indexes"] = indexes
            made = native.post("/v1/keys", json=body)
            assert made.status_code == 201, made.text
            return made.json()["id"], made.json()["secret"]


class Twin:
    """One workspace and its sync job, looked at through boto3 and through the native API."""

    def __init__(self, desk: Desk, workspace: str) -> None:
        self.desk = desk
        self.workspace = workspace
        self.client = desk.client()
        self.client.create_workspace(workspaceId=workspace)

    def begin(self) -> None:
        """CreateSyncJob, and wait until everything is there."""
        self.client.create_sync_job(workspaceId=self.workspace, syncSource=SOURCE, syncRole=ROLE)
        until(lambda: self.state() == "ACTIVE")

    def status(self) -> dict[str, Any]:
        """Of the sync job."""
        found: dict[str, Any] = self.client.get_sync_job(workspaceId=self.workspace, syncSource=SOURCE)["status"]
        return found

    def state(self) -> str:
        """CREATING, INITIALIZING, ACTIVE, ERROR, DELETING; GONE."""
        try:
            return str(self.status()["state"])
        except self.client.exceptions.ResourceNotFoundException:
            return "GONE"

    def entity(self, id: str) -> dict[str, Any] | None:
        """GetEntity; None when there is none."""
        try:
            found: dict[str, Any] = self.client.get_entity(workspaceId=self.workspace, entityId=id)
        except self.client.exceptions.ResourceNotFoundException:
            return None
        return found

    def entities(self, **filters: str) -> dict[str, Any]:
        """All pages of ListEntities by id."""
        given = {"workspaceId": self.workspace, "filters": [{name: value} for name, value in filters.items()]}
        return {one["entityId"]: one for one in pages(self.client.list_entities, "entitySummaries", **given)}

    def resources(self, **filters: str) -> dict[str, Any]:
        """All pages of ListSyncResources by externalId."""
        given = {
            "workspaceId": self.workspace,
            "syncSource": SOURCE,
            "filters": [{name: value} for name, value in filters.items()],
        }
        return {one["externalId"]: one for one in pages(self.client.list_sync_resources, "syncResources", **given)}

    def state_of(self, id: str) -> str | None:
        """Of one resource; None when it is not listed."""
        found = self.resources(externalId=id)
        return found[id]["status"]["state"] if found else None

    @property
    def connector(self) -> dict[str, Any]:
        """The sync job as the native API sees it."""
        with self.desk.served.client() as native:
            found = native.get("/v1/connectors", params={"limit": 100}).json()["items"]
            mine = [one for one in found if one["kind"] == "sitewise" and one["index"] == self.index]
            assert len(mine) == 1
            made: dict[str, Any] = mine[0]
            return made

    @property
    def index(self) -> str:
        """Its name as an index."""
        return self.workspace.lower()

    def jobs(self, **params: Any) -> list[dict[str, Any]]:
        """Passes of the sync job, newest first."""
        with self.desk.served.client() as native:
            asked = {"connector": self.connector["id"], "limit": 100, **params}
            found: list[dict[str, Any]] = native.get("/v1/jobs", params=asked).json()["items"]
            return found

    def more_passes(self, count: int = 1, state: str = "") -> None:
        """Wait until that many more have ended, in that state if one is given."""
        before = {one["id"] for one in self.jobs()}

        def ended() -> int:
            new = [one for one in self.jobs() if one["id"] not in before and one["ended_at"]]
            return sum(state in ("", one["state"]) for one in new)

        until(lambda: ended() >= count)

    def search(self, text: str) -> set[str]:
        """Ids of documents that the native search finds."""
        with self.desk.served.client() as native:
            found = native.post("/v1/search", json={"query": text, "index": self.index, "limit": 100})
            assert found.status_code == 200, found.text
            return {one["id"] for one in found.json()["results"]}

    def delete(self) -> None:
        """DeleteSyncJob, and wait until it is gone."""
        self.client.delete_sync_job(workspaceId=self.workspace, syncSource=SOURCE)
        until(lambda: self.state() == "GONE")


def pages(call: Callable[..., Any], member: str, **given: Any) -> Iterator[dict[str, Any]]:
    """What all pages hold."""
    token: dict[str, str] = {}
    while True:
        answer = call(**given, **token)
        yield from answer[member]
        if not answer.get("nextToken"):
            return
        token = {"nextToken": answer["nextToken"]}


def code_of(error: ClientError) -> str:
    """Of an error that a client of boto3 has raised."""
    return str(error.response["Error"]["Code"])


def refusal(call: Callable[..., Any], **given: Any) -> tuple[str, str]:
    """(code, message) of a call that must fail."""
    try:
        call(**given)
    except ClientError as error:
        return code_of(error), str(error.response["Error"]["Message"])
    raise AssertionError("it was not refused")


def until(done: Callable[[], T], limit_s: float = 60.0) -> T:
    """Wait for a condition; what it returned."""
    end = time.monotonic() + limit_s
    while not (found := done()):
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.03)
    return found


def command(desk: Desk, *args: str) -> str:
    """What a command of `syncline` prints, in the directory of the server."""
    line = [sys.executable, "-m", "syncline.cli", *args, "--data-dir", str(desk.served.data_dir)]
    done = subprocess.run(line, capture_output=True, text=True, cwd=desk.folder, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
