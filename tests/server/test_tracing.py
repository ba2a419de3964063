"""Traces, received by a real OTLP receiver: off unless asked for, whole when on, harmless when nobody listens."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

CANARY = "CANARY-5f1d-0123456789"


class Receiver:
    """Speaks OTLP over HTTP and keeps the spans it is sent."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        self.services: set[str] = set()
        self.bytes = b""
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.headers.get("content-encoding") == "gzip":
                    import gzip

                    body = gzip.decompress(body)
                assert self.path == "/v1/traces"
                receiver.take(body)
                self.send_response(200)
                self.send_header("content-type", "application/x-protobuf")
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def take(self, body: bytes) -> None:
        self.bytes += body
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.services |= {a.value.string_value for a in resource.resource.attributes if a.key == "service.name"}
            for scope in resource.scope_spans:
                self.spans.extend(scope.spans)

    def named(self, name: str) -> list[Any]:
        return [span for span in self.spans if span.name == name]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    for name in ("alpha", "beta", "gamma"):
        (folder / f"{name}.md").write_text(f"# {name}\n")
    return folder


def python(*args: str, endpoint: str | None, **more: str) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")} | more
    if endpoint is not None:
        env["OTEL_EXPORTER_OTLP_ENDPOINT"] = endpoint
    return subprocess.run([sys.executable, *args], env=env, capture_output=True, text=True, timeout=120)


def facts(span: Any) -> dict[str, Any]:
    return {a.key: getattr(a.value, a.value.WhichOneof("value")) for a in span.attributes}


def sync(docs: Path, endpoint: str | None, code: int = 0, **more: str) -> Any:
    words = ["sync", str(docs), "--json", "--data-dir", str(docs.parent / "state")]
    done = python("-m", "syncline.cli", *words, endpoint=endpoint, **more)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return json.loads(done.stdout)


def test_a_job_is_a_span_with_one_for_each_stage(receiver: Receiver, docs: Path) -> None:
    result = sync(docs, receiver.url)
    (job,) = receiver.named("syncline.job")
    told = facts(job)
    assert (told["syncline.job.id"], told["syncline.connector"], told["syncline.index"]) == (
        result["job_id"], "docs", "default",
    )  # fmt: skip
    assert (told["syncline.job.state"], told["syncline.documents.inserted"]) == ("succeeded", 3)
    stages = [span for span in receiver.spans if span.parent_span_id == job.span_id]
    assert [span.name for span in sorted(stages, key=lambda span: span.start_time_unix_nano)] == [
        "syncline.job.listing", "syncline.job.applying", "syncline.job.deleting", "syncline.job.indexing",
    ]  # fmt: skip
    assert all(span.trace_id == job.trace_id for span in stages)
    assert all(
        job.start_time_unix_nano <= span.start_time_unix_nano <= span.end_time_unix_nano <= job.end_time_unix_nano
        for span in stages
    )
    assert receiver.services == {"syncline"}


def test_a_job_that_fails_is_a_span_with_an_error(receiver: Receiver, docs: Path) -> None:
    sync(docs, None)
    for path in docs.iterdir():
        path.unlink()
    docs.rmdir()
    words = ["sync", "docs", "--json", "--data-dir", str(docs.parent / "state")]
    assert python("-m", "syncline.cli", *words, endpoint=receiver.url, OTEL_SERVICE_NAME="mine").returncode != 0
    (job,) = receiver.named("syncline.job")
    assert facts(job)["error.type"] == "source.root_missing"
    assert job.status.code == job.status.STATUS_CODE_ERROR
    assert receiver.services == {"mine"}


def test_the_process_of_a_job_tells_all_before_it_is_gone(receiver: Receiver, docs: Path) -> None:
    code = (
        "import os, sys; from syncline import Syncline; from syncline.service import jobs\n"
        "from syncline.service.processes import run_attempt; from syncline.wiring import Installation\n"
        "state, docs = sys.argv[1:]\n"
        "with Syncline(state) as one: one.add_connector('folder', {'path': docs}, name='docs')\n"
        "here = Installation(state); number = jobs.start(here, here.control().connector('docs')).job.number\n"
        "os._exit(run_attempt(state, number))"
    )
    done = python("-c", code, str(docs.parent / "state"), str(docs), endpoint=receiver.url)
    assert done.returncode == 0, done.stderr
    assert len(receiver.named("syncline.job")) == 1
    assert len(receiver.named("syncline.job.indexing")) == 1


REQUESTS = f"""
import asyncio
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from syncline.server.watching import Watched

async def show(request):
    request.scope["syncline.key_id"] = "sk_1"
    return PlainTextResponse("ok", int(request.path_params["id"]))

async def main():
    app = Watched(Starlette(routes=[Route("/v1/jobs/{{id}}", show)]))
    for id in ("200", "503"):
        headers = [
            (b"traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
            (b"authorization", b"Bearer {CANARY}"),
        ]
        scope = {{
            "type": "http", "method": "GET", "path": f"/v1/jobs/{{id}}", "headers": headers,
            "query_string": b"token={CANARY}", "root_path": "", "http_version": "1.1",
        }}
        async def receive(): return {{"type": "http.request", "body": b"", "more_body": False}}
        async def send(message): pass
        await app(scope, receive, send)

asyncio.run(main())
"""


def test_a_request_is_a_span_within_that_of_its_caller_and_holds_no_secret(receiver: Receiver) -> None:
    done = python("-c", REQUESTS, endpoint=receiver.url)
    assert done.returncode == 0, done.stderr
    well, ill = sorted(receiver.named("GET /v1/jobs/{id}"), key=lambda span: span.start_time_unix_nano)
    assert facts(well) == {
        "http.request.method": "GET",
        "http.route": "/v1/jobs/{id}",
        "http.response.status_code": 200,
        "syncline.key.id": "sk_1",
    }
    assert well.trace_id.hex() == "0af7651916cd43dd8448eb211c80319c"
    assert well.parent_span_id.hex() == "b7ad6b7169203331"
    assert ill.status.code == ill.status.STATUS_CODE_ERROR
    assert CANARY.encode() not in receiver.bytes


@pytest.mark.parametrize("off", [{}, {"OTEL_SDK_DISABLED": "true"}, {"OTEL_TRACES_EXPORTER": "none"}])
def test_without_being_asked_for_nothing_is_imported_and_nothing_is_sent(
    receiver: Receiver, docs: Path, off: dict[str, str]
) -> None:
    code = (
        "import sys; from syncline.cli import main\n"
        "try: main()\n"
        "finally: print(*sys.modules, sep='\\n', file=sys.stderr)"
    )
    words = ["sync", str(docs), "--json", "--data-dir", str(docs.parent / "state")]
    done = python("-c", code, *words, endpoint=receiver.url if off else None, **off)
    assert done.returncode == 0
    modules = done.stderr.split()
    assert "syncline.runner.tracing" in modules
    assert not [name for name in modules if name.startswith(("opentelemetry", "prometheus"))]
    assert receiver.spans == []


def test_without_the_extra_a_job_runs_as_ever(receiver: Receiver, docs: Path, tmp_path: Path) -> None:
    missing = tmp_path / "missing" / "opentelemetry"
    missing.mkdir(parents=True)
    (missing / "__init__.py").write_text("raise ImportError('not installed')\n")
    assert sync(docs, receiver.url, PYTHONPATH=str(missing.parent))["inserted"] == 3
    assert receiver.spans == []


def test_a_receiver_that_is_not_there_stops_no_job(docs: Path) -> None:
    assert sync(docs, "http://127.0.0.1:9")["inserted"] == 3
