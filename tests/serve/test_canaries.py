"""Invariant 12: a secret goes in, and comes out nowhere."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from tests.leaks import files_with

TICKETS = '''
from pydantic import BaseModel, SecretStr
from syncline import Document, source

class Login(BaseModel):
    user: str = "me"
    password: SecretStr

class Config(BaseModel):
    token: SecretStr
    logins: list[Login] = []

@source("tickets", config=Config)
def tickets(config):
    """Shows its secrets to whoever looks, and then fails with all of them in its message."""
    token, password = config.token.get_secret_value(), config.logins[0].password.get_secret_value()
    print("logging in with", token, password)
    yield Document("1", text="a ticket")
    raise OSError(f"GET https://user:{password}@api.example/?token={token}: 500")
'''
TOKEN, PASSWORD = "canary-token-8c1f0e7a55", "canary-password-2b9d4a6610"
KEY, ROOT = "canary-key-9f3e6c0b7d21aa", "canary-root-5a77c2d1e0f946"


@pytest.fixture
def receiver() -> Iterator[tuple[str, list[str]]]:
    """Somebody who is sent webhooks: its address, and all that it was sent."""
    got: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(f"{self.headers}\n{self.rfile.read(int(self.headers['content-length'])).decode()}")
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/hook", got
    server.shutdown()


def test_invariant_12_no_canary_comes_out_of_a_server(
    served: Any, tmp_path: Path, receiver: tuple[str, list[str]], remark: Callable[[str], None]
) -> None:
    served._environ |= {
        "SYNCLINE_ROOT_KEY": f"root:{ROOT}",
        "SYNCLINE_ALLOW_PRIVATE_TARGETS": "1",
    }
    (tmp_path / "tickets.py").write_text(TICKETS)
    made = json.dumps([{"user": "me", "password": PASSWORD}])
    local(
        served,
        "connector",
        "add",
        f"{tmp_path}/tickets.py:tickets",
        "--set",
        f"token={TOKEN}",
        "--set",
        f"logins={made}",
    )
    local(served, "keys", "create", "--id", "ci", "--secret", KEY, "--scopes", "read,write,admin")
    told: list[str] = []
    with served:
        visible = use_everything(served, receiver, told)
        served.stop()
    told += [served.errors, *receiver[1]]
    secrets = [TOKEN, PASSWORD, KEY, ROOT, *visible]
    for secret in secrets:
        for spelling in (secret, base64.b64encode(secret.encode()).decode().rstrip("=")):
            assert not [text for text in told if spelling in text], secret
            assert files_with(served.data_dir, spelling, but=("secret.key",)) == [], secret
    remark(
        f"canaries: {len(secrets)} secrets, none in {len(told)} answers, logs and messages, nor in the data directory"
    )


def local(served: Any, *words: str) -> str:
    command = [sys.executable, "-m", "syncline.cli", *words, "--data-dir", str(served.data_dir)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def use_everything(served: Any, receiver: tuple[str, list[str]], told: list[str]) -> list[str]:
    """Call what has to do with secrets; every answer is kept in `told`. Returns the secrets that were made there and
    shown once, in answers that are left out of `told`."""
    visible = []
    with served.client(KEY) as client:

        def call(method: str, path: str, body: Any = None) -> Any:
            response = client.request(method, path, json=body)
            told.append(f"{response.headers}\n{response.text}")
            return response

        hook = client.post("/v1/webhooks", json={"url": receiver[0]}).json()
        trigger = client.post("/v1/connectors/tickets/triggers", json={"kind": "webhook"}).json()
        another = client.post("/v1/keys", json={"name": "x", "scopes": ["read"]}).json()
        visible = [hook["secret"], trigger["secret"], another["secret"]]
        assert all(visible)
        asked = client.post(
            "/v1/keys", json={"name": "y", "scopes": ["read"]}, headers={"idempotency-key": "once"}
        ).json()
        visible.append(asked["secret"])
        for path in ("sync", "plan", "check"):
            call("POST", f"/v1/connectors/tickets/{path}", {} if path != "check" else None)
        wait_for(lambda: client.get("/v1/jobs/1").json()["ended_at"])
        assert call("GET", "/v1/jobs/1").json()["state"] == "failed"
        wait_for(lambda: any("job.failed" in got for got in receiver[1]))
        call("PATCH", "/v1/connectors/tickets", {"settings": {"token": 7}})
        call("PATCH", "/v1/connectors/tickets", {"settings": {"logins": [{"user": PASSWORD[:3]}]}})
        call("POST", f"/v1/hooks/{trigger['id']}", {"what": "ever"})
        call("POST", f"/v1/webhooks/{hook['id']}/test")
        with client.stream("GET", "/v1/jobs/1/events") as events:
            told.append("".join(events.iter_text()))
        for path in SEEN:
            call("GET", path.format(webhook=hook["id"], trigger=trigger["id"]))
    with served.client("wrong-" + KEY[::-1]) as stranger:
        told.append(stranger.get("/v1/jobs").text)
    return visible


SEEN = (
    "/v1/connectors",
    "/v1/connectors/tickets",
    "/v1/connectors/tickets/triggers",
    "/v1/triggers/{trigger}",
    "/v1/jobs",
    "/v1/jobs/1/logs",
    "/v1/jobs/1/errors",
    "/v1/jobs/1/outcomes",
    "/v1/keys",
    "/v1/webhooks",
    "/v1/webhooks/{webhook}",
    "/v1/webhooks/{webhook}/deliveries",
    "/v1/sources",
    "/v1/search?q=ticket",
    "/metrics",
    "/readyz",
    "/openapi.json",
)


def wait_for(condition: Callable[[], Any], seconds: float = 60) -> Any:
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)
    return value
