"""The log of the server: one JSON object a line, nothing secret in it, whatever is logged."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from syncline.server import logs
from syncline.server.watching import Watched

CANARY = "CANARY-5f1d-0123456789"

logger = logging.getLogger("syncline.test")


class Lines(io.StringIO):
    """What was logged so far."""

    @property
    def all(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.getvalue().splitlines()]

    @property
    def last(self) -> dict[str, Any]:
        return self.all[-1]


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    logging.captureWarnings(False)


@pytest.fixture
def lines() -> Lines:
    stream = Lines()
    logs.configure(stream=stream, level="DEBUG", hidden=[CANARY])
    return stream


def test_a_line_is_an_event_with_its_fields(lines: Lines) -> None:
    logger.info("job.started", extra={"fields": {"job": 7, "connector": "docs", "code": None, "ts": "mine"}})
    told = lines.last
    assert list(told) == ["ts", "level", "event", "job", "connector"]
    assert (told["level"], told["event"], told["job"], told["connector"]) == ("info", "job.started", 7, "docs")
    assert len(told["ts"]) == len("2026-11-22T09:30:00.123Z")
    assert told["ts"].endswith("Z")


def test_whatever_is_logged_is_one_line_of_ascii() -> None:
    """Not through a logger: a report of the test run could not hold the half character."""
    odd = ("\u2028ü\udcff\x1b[31m",)
    record = logging.LogRecord("syncline.test", logging.WARNING, "", 0, "two\nlines %s", odd, None)
    record.fields = {"many": [b"\x00\n", {"a": {1}}]}
    line = logs.JsonLines(logs.Redactor()).format(record)
    assert "\n" not in line
    assert line.isascii()
    assert json.loads(line)["event"] == "two\nlines \u2028ü\udcff\x1b[31m"


def test_a_message_that_does_not_fit_its_arguments_is_told_as_it_is() -> None:
    record = logging.LogRecord("syncline.test", logging.INFO, "", 0, "done %s %s", ("once",), None)
    assert json.loads(logs.JsonLines(logs.Redactor()).format(record))["event"] == "done %s %s"


def test_an_exception_comes_with_its_traceback_and_without_secrets(lines: Lines) -> None:
    try:
        raise ValueError(f"no answer for token={CANARY}x and {CANARY}")
    except ValueError:
        logger.exception("chore.failed", extra={"fields": {"chore": "tidy"}})
    told = lines.last
    assert (told["level"], told["chore"]) == ("error", "tidy")
    assert told["error"].startswith("ValueError: no answer")
    assert any("test_logs.py" in line for line in told["traceback"])
    assert CANARY not in lines.getvalue()


def test_other_libraries_are_told_by_name_and_the_talkative_ones_are_quiet(lines: Lines) -> None:
    logging.getLogger("uvicorn.error").info("Started server process [%d]", 7)
    assert (lines.last["event"], lines.last["logger"]) == ("Started server process [7]", "uvicorn.error")
    before = len(lines.all)
    logging.getLogger("uvicorn.access").info("GET /?token=x")
    logging.getLogger("httpx").info("HTTP Request: GET https://x/?token=x")
    assert len(lines.all) == before


@pytest.mark.parametrize(
    "text",
    [
        f"Authorization: Bearer {CANARY[:-1]}",
        "header was 'authorization: bearer abcCANARYdef=='",
        "x-api-key=CANARY-abc",
        'X-Api-Key: "CANARY-abc"',
        '{"password": "CANARY-abc"}',
        "{'client_secret': 'CANARY-abc', 'id': 'x'}",
        "https://user:CANARY@example.org/path",
        "postgresql://user:CANARY-x@db/one",
        "GET https://x/?access_token=CANARY-abc&page=2",
        "signed with whsec_CANARYabc+/=",
        "key syncline_CANARYCANARYCANARYCANARY was used",
        "Basic CANARYlkOnB3",
        "ApiKey CANARYlkOnB3",
        f"and {CANARY} by itself",
        f'in json "{CANARY}"',
    ],
)
def test_invariant_12_what_looks_like_a_secret_does_not_come_out(lines: Lines, text: str) -> None:
    logger.error(text, extra={"fields": {"message": text, "deep": [{"more": text}], text: 1}})
    assert "CANARY" not in lines.getvalue()
    assert "***" in lines.last["event"]


@pytest.mark.parametrize("name", ["token", "Authorization", "client_secret", "x-api-key", "password", "api_key"])
def test_invariant_12_a_field_that_is_called_like_a_secret_does_not_come_out(lines: Lines, name: str) -> None:
    logger.error("x", extra={"fields": {name: "CANARY", "in": {name: ["CANARY"]}}})
    assert "CANARY" not in lines.getvalue()


@pytest.mark.parametrize(
    "text",
    ["3 tokens were counted", "the key 'sk_0f9c3a517be2d684' may not", "secret.key_missing", "/v1/keys/{id}", "a: b"],
)
def test_what_is_no_secret_stays(lines: Lines, text: str) -> None:
    logger.info(text)
    assert lines.last["event"] == text


def test_a_long_text_is_cut(lines: Lines) -> None:
    logger.info("x" * 1_000_000)
    assert len(lines.getvalue()) < 5000


def test_for_people_a_line_is_short_and_cannot_steer_the_terminal() -> None:
    stream = io.StringIO()
    logs.configure(stream=stream, human=True, color=False)
    logger.info("job.started", extra={"fields": {"job": 7, "name": "two words", "odd": "\x1b[31m\nroot#"}})
    line = stream.getvalue()
    assert line[8:].startswith(' info    job.started job=7 name="two words" odd=')
    assert line.count("\n") == 1
    assert "\x1b" not in line


# --- requests ---------------------------------------------------------------------------------------------------------


class Web:
    """Sends requests to an application in this process."""

    def __init__(self, app: Any) -> None:
        self._app = app

    def request(self, method: str, url: str, **more: Any) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(self._app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
                return await client.request(method, url, **more)

        return asyncio.run(send())

    def get(self, url: str, **more: Any) -> httpx.Response:
        return self.request("GET", url, **more)


@pytest.fixture
def web() -> Web:
    async def show(request: Request) -> Response:
        request.scope["syncline.request_id"] = "r-1"
        request.scope["syncline.key_id"] = "sk_1"
        logger.info("inside")
        return PlainTextResponse("ok")

    async def fail(request: Request) -> Response:
        raise RuntimeError(f"no: {CANARY}")

    async def operate(request: Request) -> Response:
        request.scope["syncline.operation"] = "kendra.ListDataSources"
        return PlainTextResponse("ok")

    routes = [Route("/v1/jobs/{id}", show), Route("/fail", fail), Route("/healthz", show)]
    app = Starlette(routes=[*routes, Route("/kendra", operate, methods=["POST"])])
    return Web(Watched(app))


def of_requests(lines: Lines) -> list[dict[str, Any]]:
    return [line for line in lines.all if line["event"] == "http.request"]


def test_each_request_is_told_of_without_its_path_query_headers_or_body(lines: Lines, web: Web) -> None:
    web.request(
        "POST", f"/v1/jobs/{CANARY}?token={CANARY}", headers={"x-thing": CANARY, "x-api-key": CANARY}, content=CANARY
    )
    web.get(f"/v1/jobs/{CANARY}?q={CANARY}", headers={"authorization": f"Bearer {CANARY}"})
    refused, told = of_requests(lines)
    assert refused["status"] == 405
    assert told.keys() == {
        "ts", "level", "event", "method", "path", "status", "duration_ms", "request_id", "key_id",
    }  # fmt: skip
    assert (told["method"], told["path"], told["status"]) == ("GET", "/v1/jobs/{id}", 200)
    assert (told["request_id"], told["key_id"], told["level"]) == ("r-1", "sk_1", "info")
    assert "CANARY" not in lines.getvalue()


def test_lines_that_are_written_while_a_request_is_served_say_which(lines: Lines, web: Web) -> None:
    web.get("/v1/jobs/1")
    inside = next(line for line in lines.all if line["event"] == "inside")
    assert (inside["request_id"], inside["key_id"]) == ("r-1", "sk_1")
    logger.info("outside")
    assert "request_id" not in lines.last


def test_a_request_that_fails_is_told_with_its_status(lines: Lines, web: Web) -> None:
    web.get("/fail")
    (told,) = of_requests(lines)
    assert (told["path"], told["status"]) == ("/fail", 500)
    assert "CANARY" not in lines.getvalue()


def test_a_dialect_names_its_operations(lines: Lines, web: Web) -> None:
    web.request("POST", "/kendra")
    assert of_requests(lines)[0]["path"] == "kendra.ListDataSources"


def test_requests_of_machines_that_ask_every_few_seconds_are_told_only_when_everything_is(
    lines: Lines, web: Web
) -> None:
    web.get("/healthz")
    assert of_requests(lines)[0]["level"] == "debug"
