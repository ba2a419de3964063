"""What the tests stand on: a served data directory with clients of Airweave, a slow web site, a language model."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
from airweave import AirweaveSDK, AsyncAirweaveSDK
from tests.serve.conftest import ROOT_SECRET, Served

WAIT_S = 60.0
ENDED = ("completed", "failed", "cancelled")


def until(condition: Callable[[], Any], what: str = "it") -> Any:
    """What the condition gives as soon as that is something."""
    end = time.monotonic() + WAIT_S
    while not (found := condition()):
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.02)
    return found


class Lab:
    """A server, its clients, and folders to sync."""

    def __init__(self, home: Path, **environ: str) -> None:
        self.home = home
        environ = {"SYNCLINE_FOLDER_ROOTS": str(home), "SYNCLINE_ALLOW_PRIVATE_TARGETS": "1", **environ}
        self.served = Served(home / "state", **environ)
        self.served.start()
        self.base_url = f"{self.served.url}/airweave"
        self.sdk = AirweaveSDK(base_url=self.base_url, api_key=ROOT_SECRET)
        self.raw = httpx.Client(base_url=self.base_url, headers={"x-api-key": ROOT_SECRET}, timeout=WAIT_S)
        self.native = self.served.client()
        self._number = 0

    def close(self) -> None:
        self.raw.close()
        self.native.close()
        self.served.__exit__()

    def client(self, secret: str) -> AirweaveSDK:
        return AirweaveSDK(base_url=self.base_url, api_key=secret)

    def asynchronous(self) -> AsyncAirweaveSDK:
        return AsyncAirweaveSDK(base_url=self.base_url, api_key=ROOT_SECRET)

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

    def collection(self) -> str:
        """The readable id of a new one."""
        name = self.name("things")
        return self.sdk.collections.create(name=name, readable_id=name).readable_id

    def files(self, place: Path, collection: str | None = None, **more: Any) -> Any:
        """A connection that reads the folder."""
        return self.sdk.source_connections.create(
            short_name="filesystem",
            readable_collection_id=collection or self.collection(),
            config={"path": str(place)},
            **more,
        )

    def ended(self, connection_id: str) -> Any:
        """The newest job of a connection, when it has ended."""

        def look() -> Any:
            newest = self.sdk.source_connections.get_source_connection_jobs(connection_id, limit=1)[0]
            return newest if newest.status in ENDED else None

        return until(look, "the end of the job")

    def run(self, connection_id: str, **more: Any) -> Any:
        """The job of a run, when it has ended."""
        started = self.sdk.source_connections.run(connection_id, **more)
        ended = self.ended(connection_id)
        assert ended.id == started.id
        return ended

    def key(self, *scopes: str, indexes: Iterable[str] | None = None) -> str:
        """The secret of a new key."""
        body = {"scopes": list(scopes), **({} if indexes is None else {"indexes": list(indexes)})}
        made = self.native.post("/v1/keys", json=body)
        assert made.status_code == 201, made.text
        return str(made.json()["secret"])


def counters(job: Any) -> tuple[int, int, int, int]:
    """(inserted, updated, deleted, failed)."""
    return (job.entities_inserted, job.entities_updated, job.entities_deleted, job.entities_failed)


class Listener(ThreadingHTTPServer):
    """Does not mind clients that go away."""

    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """Say nothing."""


class Site:
    """A web site of one chain of pages, each of which takes its time. With `password`, it wants basic authentication
    by the user "reader"."""

    def __init__(self, pages: int = 500) -> None:
        self.delay_s = 0.0
        self.password = ""
        self.asked = 0
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                status, body = site.answer(self.path, self.headers.get("authorization", ""), pages)
                self.send_response(status)
                self.send_header("content-type", "text/html; charset=utf-8")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                with suppress(OSError):  # whoever asked has gone
                    self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server = Listener(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def answer(self, path: str, authorization: str, pages: int) -> tuple[int, bytes]:
        if not path.startswith("/page/"):
            return 404, b"nothing"
        wanted = "Basic " + base64.b64encode(f"reader:{self.password}".encode()).decode()
        if self.password and authorization != wanted:
            return 401, b"who are you?"
        time.sleep(self.delay_s)
        self.asked += 1
        number = int(path.removeprefix("/page/"))
        link = f'<a href="/page/{number + 1}">next</a>' if number + 1 < pages else ""
        return 200, f"<html><title>Page {number}</title><body><p>words of page {number}</p>{link}</body>".encode()

    def config(self, **more: Any) -> dict[str, Any]:
        """Settings of a connection that reads it quickly."""
        return {
            "urls": [f"{self.url}/page/0"],
            "max_depth": 100,
            "requests_per_second": 100,
            "robots": False,
            **more,
        }

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


Answer = dict[str, Any] | int | bytes


class Model:
    """A language model that says what a test tells it to: an endpoint in the chat completions format of OpenAI."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.script: list[Answer | Callable[[dict[str, Any]], Answer]] = []
        model = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                headers = {name.lower(): value for name, value in self.headers.items()}
                status, raw = model.answer(self.path, body, headers)
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(raw)))
                self.end_headers()
                with suppress(OSError):
                    self.wfile.write(raw)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server = Listener(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"

    def answer(self, path: str, body: dict[str, Any], headers: dict[str, str]) -> tuple[int, bytes]:
        assert path == "/v1/chat/completions", path
        self.requests.append(body)
        self.headers.append(headers)
        said = self.script.pop(0)
        answer = said(body) if callable(said) else said
        if isinstance(answer, int):
            return answer, b'{"error": {"message": "no"}}'
        if isinstance(answer, bytes):
            return 200, answer
        return 200, json.dumps(answer).encode()

    def says(self, *script: Answer | Callable[[dict[str, Any]], Answer]) -> None:
        """What it answers next, one after the other."""
        self.requests.clear()
        self.headers.clear()
        self.script[:] = script

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def message(text: str | None = None, *calls: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    """A chat completion with that text and those calls of tools."""
    said: dict[str, Any] = {"role": "assistant", "content": text}
    if calls:
        said["tool_calls"] = [
            {"id": f"call_{n}", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
            for n, (name, arguments) in enumerate(calls)
        ]
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": "test",
        "choices": [{"index": 0, "message": said, "finish_reason": "tool_calls" if calls else "stop"}],
        "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18},
    }
