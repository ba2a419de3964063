"""Keys, secrets, figures and the log of a real server, with commands beside it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.leaks import files_with

CANARY = "CANARY-5f1d-0123456789"
ROOT_SECRET = f"{CANARY}-root"
LIMIT_S = 60.0

SOURCE = f"""
from pydantic import BaseModel, SecretStr
from syncline.model.documents import Document
from syncline.sources.authoring import source

class Config(BaseModel):
    token: SecretStr

@source("notes", config=Config)
def notes(config):
    if config.token.get_secret_value() != "{CANARY}-token":
        raise ValueError("not the right " + config.token.get_secret_value())
    yield Document("a", title="The alpha", text="a body")
"""


class Server:
    """`syncline serve` in a process of its own."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.env = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "SYNCLINE_"))}
        self.log = state.parent / "server.log"
        self._process = subprocess.Popen(
            [sys.executable, "-m", "syncline.cli", "serve", "--port", "0", "--json", "--data-dir", str(state)],
            env={**self.env, "SYNCLINE_ROOT_KEY": f"boss:{ROOT_SECRET}"},
            stdout=subprocess.PIPE,
            stderr=self.log.open("w"),
            text=True,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, self.log.read_text()
        self.url: str = json.loads(line)["url"]
        self.http = httpx.Client(base_url=self.url, timeout=LIMIT_S)

    def get(self, path: str, secret: str, **more: Any) -> httpx.Response:
        return self.http.get(path, headers={"authorization": f"Bearer {secret}"}, **more)

    def command(self, *words: str, input: str | None = None) -> Any:
        """A command beside the server."""
        done = subprocess.run(
            [sys.executable, "-m", "syncline.cli", *words, "--json", "--data-dir", str(self.state)],
            env=self.env, input=input, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def lines(self) -> list[dict[str, Any]]:
        """Its log so far."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            assert self._process.wait(LIMIT_S) == 0, self.log.read_text()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("served") / "state")
    yield server
    server.close()


def until(holds: Callable[[], bool]) -> None:
    """Wait for a condition, not for a time."""
    limit = time.monotonic() + LIMIT_S
    while not holds():
        assert time.monotonic() < limit
        time.sleep(0.05)


def test_a_key_made_by_a_command_is_known_at_once_and_unknown_once_it_is_revoked(server: Server) -> None:
    secret = f"{CANARY}-key"
    assert server.get("/v1/indexes", secret).status_code == 401
    server.command("keys", "create", "--id", "ci", "--scopes", "read", "--secret-file", "-", input=secret + "\n")
    assert server.get("/v1/indexes", secret).status_code == 200
    refused = server.get("/v1/keys", secret)
    assert (refused.status_code, refused.json()["code"], refused.json()["scope"]) == (403, "auth.scope", "admin")
    assert server.get("/v1/keys", ROOT_SECRET).status_code == 200
    listed = next(key for key in server.command("keys", "list") if key["id"] == "ci")
    assert listed["last_used_at"] is not None
    server.command("keys", "revoke", "ci")
    refused = server.get("/v1/indexes", secret)
    assert (refused.status_code, refused.json()["code"]) == (401, "auth.invalid")
    assert refused.headers["www-authenticate"].startswith("Bearer")


def test_secrets_are_rotated_beside_the_server_and_its_next_job_opens_them(server: Server, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(SOURCE)
    kind = f"{tmp_path}/mine.py:notes"
    server.command("connector", "add", kind, "--name", "mine", "--set", f"token={CANARY}-token")

    def sync() -> str:
        asked = server.http.post("/v1/connectors/mine/sync", headers={"x-api-key": ROOT_SECRET}, json={})
        assert asked.status_code == 202, asked.text
        path = f"/v1/jobs/{asked.json()['job']['id']}"
        until(lambda: server.get(path, ROOT_SECRET).json()["state"] in ("succeeded", "failed", "incomplete", "stopped"))
        return str(server.get(path, ROOT_SECRET).json()["state"])

    assert sync() == "succeeded"
    before = (server.state / "secret.key").read_bytes()
    assert server.command("secrets", "rotate")["resealed"]["connectors"] == 1
    assert (server.state / "secret.key").read_bytes() != before
    assert sync() == "succeeded"


def test_invariant_12_the_log_is_json_and_holds_no_secret(server: Server, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(SOURCE)
    made = server.command("keys", "create", "--id", "logged", "--secret-file", "-", input=f"{CANARY}-logged\n")
    kind = f"{tmp_path}/mine.py:notes"
    server.command("connector", "add", kind, "--name", "wrong", "--set", f"token={CANARY}-wrong")
    for secret in (made["secret"], ROOT_SECRET, f"{CANARY}-unknown"):
        server.get(f"/v1/jobs?token={CANARY}", secret)
        server.get(f"/v1/connectors/{CANARY}", secret)
        server.get(f"/v1/documents/{CANARY}/x", secret)
        for method in ("PUT", "POST", "PATCH", "DELETE"):
            server.http.request(method, f"/v1/keys/{CANARY}", headers={"x-api-key": secret}, content=CANARY)
    server.http.post("/v1/connectors/wrong/sync", headers={"x-api-key": ROOT_SECRET}, json={})
    until(lambda: any(line["event"] == "job.failed" for line in server.lines()))
    lines = server.lines()
    assert CANARY not in server.log.read_text()
    asked = [line for line in lines if line["event"] == "http.request"]
    assert {line.get("key_id") for line in asked} >= {None, "logged", "boss"}
    assert all(line["request_id"] and line["duration_ms"] >= 0 and line["status"] for line in asked)
    assert {line.get("code") for line in asked if line["status"] == 401} == {"auth.invalid"}
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["ts"]) for line in lines)
    failed = next(line for line in lines if line["event"] == "job.failed")
    assert (failed["level"], failed["connector"]) == ("error", "wrong")
    assert "***" in failed["message"]


def test_invariant_12_no_secret_is_in_any_answer_or_in_any_file_of_the_data_directory(
    server: Server, tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text(SOURCE)
    secret = f"{CANARY}-admin"
    server.command("keys", "create", "--id", "admin", "--scopes", "admin", "--secret-file", "-", input=secret)
    kind = f"{tmp_path}/mine.py:notes"
    server.command("connector", "add", kind, "--name", "shown", "--set", f"token={CANARY}-token")
    shown = ("keys", "connectors", "connectors/shown", "jobs", "webhooks")
    for path in (*(f"/v1/{name}" for name in shown), "/metrics", "/openapi.json"):
        answer = server.get(path, secret)
        assert answer.status_code == 200, path
        assert CANARY not in answer.text
    assert files_with(server.state, CANARY) == []


def test_a_scrape_shows_what_the_server_and_the_commands_have_done(server: Server, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "alpha.md").write_text("# alpha\n")
    server.command("sync", str(tmp_path / "docs"))
    text = server.http.get("/metrics").text
    assert 'syncline_documents_total{connector="docs",outcome="inserted"} 1.0' in text
    assert "syncline_orphan_jobs 0.0" in text
