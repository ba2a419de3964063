"""What tests of the object store source stand on: moto's S3 server, and a proxy in front of it that misbehaves."""

from __future__ import annotations

import http.client
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import boto3
import pytest
from moto.server import ThreadedMotoServer

from syncline.model.news import Complete, Entry, Page, Skipped, Unlisted
from syncline.sources.registry import validate
from syncline.sources.s3.source import S3Source
from syncline.sources.s3.wire import Patience

KEY_ID, SECRET = "AKIAEXAMPLE000000001", "not-a-real-secret-not-a-real-secret-0000"
HASTY = Patience(step=5.0, whole=20.0, tries=4, base=0.005, cap=0.02, longest=2.0)


logging.getLogger("werkzeug").setLevel(logging.WARNING)


class Store:
    """A moto server, for all tests of a run."""

    def __init__(self) -> None:
        self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        self._server.start()
        self.port = self._server.get_host_and_port()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.client = boto3.client(
            "s3",
            endpoint_url=self.url,
            aws_access_key_id=KEY_ID,
            aws_secret_access_key=SECRET,
            region_name="us-east-1",
        )
        self.made = 0

    def bucket(self) -> str:
        """A new bucket."""
        self.made += 1
        name = f"bucket{self.made:04}"
        self.client.create_bucket(Bucket=name)
        return name

    def stop(self) -> None:
        self._server.stop()


@cache
def the_store() -> Store:
    """One server for a whole run."""
    return Store()


@pytest.fixture
def store() -> Store:
    return the_store()


@pytest.fixture
def proxy(store: Store) -> Iterator[Proxy]:
    made = Proxy(store.port)
    yield made
    made.stop()


class Request(SimpleNamespace):
    """What came in at the proxy: `key` is "" for the bucket itself; `query` has one value a name."""

    key: str
    query: dict[str, str]


class Answer(SimpleNamespace):
    """What goes out: status, headers, body."""

    def with_body(self, body: bytes) -> Answer:
        return Answer(status=self.status, headers=self.headers, body=body)


class Proxy:
    """In front of a server of the S3 kind. `act` may answer, change or break each request:
    act(request, forward, handler) -> Answer, or None when it has dealt with the connection itself."""

    def __init__(self, upstream_port: int) -> None:
        self.upstream_port = upstream_port
        self.requests: list[Request] = []
        self.act: Callable[..., Any] | None = None
        self.under_way = self.most_under_way = 0
        self._lock = threading.Lock()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                proxy.serve(self)

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

            def handle_error(self, *_: object) -> None:
                pass  # the other side has gone

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(handler.path)
        _, _, key = unquote(parts.path).removeprefix("/").partition("/")
        query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        request = Request(key=key, query=query, headers=dict(handler.headers), path=handler.path)
        with self._lock:
            self.requests.append(request)
            self.under_way += 1
            self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            forward = lambda: self.forward(request)  # noqa: E731
            answer = self.act(request, forward, handler) if self.act else forward()
        finally:
            with self._lock:
                self.under_way -= 1
        if answer is not None:
            respond(handler, answer)

    def forward(self, request: Request, path: str | None = None) -> Answer:
        """The real answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.upstream_port, timeout=30)
        try:
            connection.request("GET", path or request.path, headers=request.headers)
            real = connection.getresponse()
            return Answer(status=real.status, headers=dict(real.getheaders()), body=real.read())
        finally:
            connection.close()

    @property
    def listings(self) -> list[Request]:
        return [request for request in self.requests if "list-type" in request.query]

    @property
    def gets(self) -> Counter[str]:
        """How often each object was asked for."""
        return Counter(request.key for request in self.requests if "list-type" not in request.query)

    def forget(self) -> None:
        self.requests.clear()
        self.most_under_way = 0

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


DROPPED = ("connection", "transfer-encoding", "content-length", "date", "server")


def respond(handler: BaseHTTPRequestHandler, answer: Answer, length: int | None = None) -> None:
    handler.send_response(answer.status)
    for name, value in answer.headers.items():
        if name.lower() not in DROPPED:
            handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(answer.body) if length is None else length))
    handler.end_headers()
    handler.wfile.write(answer.body)


def error(status: int, code: str = "", **headers: str) -> Answer:
    """An S3 error, whose message quotes what it should not."""
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>token {SECRET}</Message></Error>".encode()
    shown = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status=status, headers={"Content-Type": "application/xml", **shown}, body=body if code else b"")


def hang_up(handler: BaseHTTPRequestHandler) -> None:
    """Close the connection without a word."""
    import socket

    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)


# --- sources ---------------------------------------------------------------------------------------------------------


def values(bucket: str, **settings: Any) -> dict[str, Any]:
    """Validated settings."""
    given = {"access_key_id": KEY_ID, "secret_access_key": SECRET, **settings}
    if given.get("anonymous") or given.get("access_key_id") is None:
        given = {name: value for name, value in given.items() if name not in ("access_key_id", "secret_access_key")}
    return validate("s3", {"bucket": bucket, **given})


def opened(bucket: str, *, options: dict[str, Any] | None = None, **settings: Any) -> S3Source:
    """A source with plain values, as a job opens it; impatient, and deaf to the environment."""
    usual: dict[str, Any] = {"environ": {}, "patience": HASTY, "chance": lambda: 0.5}
    return S3Source(SimpleNamespace(**values(bucket, **settings)), **{**usual, **(options or {})})


def listed(source: S3Source, cursor: str | None = None) -> SimpleNamespace:
    """A whole listing."""
    news = list(source.list(None, cursor))
    assert isinstance(news[-1], Complete)
    entries: list[Entry] = [entry for item in news if isinstance(item, Page) for entry in item.entries]
    return SimpleNamespace(
        news=news,
        entries=entries,
        keys=[entry.id for entry in entries],
        versions={entry.id: entry.version for entry in entries},
        skipped={item.id: (item.rule, item.code) for item in news if isinstance(item, Skipped)},
        unlisted={item.prefix: item.error.code for item in news if isinstance(item, Unlisted)},
        anchor=news[-1].anchor,
    )


def fetched(source: S3Source, entries: Any = None) -> dict[str, Any]:
    """The answers to all entries, by id."""
    entries = listed(source).entries if entries is None else entries
    answers = list(source.fetch(entries))
    assert len(answers) == len({answer.id for answer in answers})
    return {answer.id: answer for answer in answers}


def eventually(true: Callable[[], bool], limit_s: float = 60.0) -> None:
    """Wait until it is so."""
    end = time.monotonic() + limit_s
    while not true():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.01)
