"""Figures for Prometheus: right after a restart, right for jobs of the command line, and cheap to ask for."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route

from syncline import Syncline, __version__
from syncline.model.jobs import JobEvent, JobType, Trigger
from syncline.model.outcomes import Counters
from syncline.server.house import House
from syncline.server.metrics import metrics_text
from syncline.server.settings import Settings
from syncline.server.watching import Watched

Figures = dict[tuple[str, frozenset[tuple[str, str]]], float]


class Clock:
    """Stands until it is moved."""

    now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    for name in ("alpha", "beta", "gamma"):
        (folder / f"{name}.md").write_text(f"# {name}\n")
    return folder


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def house(state: Path, clock: Clock) -> Iterator[House]:
    house = House(Settings(str(state)), clock)
    yield house
    house.close()


def figures(house: House) -> Figures:
    families = text_string_to_metric_families(metrics_text(house).decode())
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def value(house: House, name: str, **labels: str) -> float:
    return figures(house)[name, frozenset(labels.items())]


def totals(house: House) -> Figures:
    """What only counts up, and must not begin anew with the server."""
    names = ("syncline_jobs_total", "syncline_documents_total", "syncline_job_duration_seconds")
    return {key: n for key, n in figures(house).items() if key[0].startswith(names)}


def job(house: House, connector: str, event: JobEvent, took_s: float = 1.0, **counters: int) -> None:
    """A job of that connector that ends so."""
    with house.room() as room:
        control, now = room.control(), room.clock()
        found = control.connector(connector)
        assert found is not None
        ordered = control.add_job(found, None, Trigger.ON_DEMAND, False, now)
        claimed = control.claim(ordered.job.number, "here:1", now, JobType.FULL)
        control.end(claimed, event, now + took_s, Counters(counters))


def connector(house: House, name: str) -> None:
    from syncline.model.connectors import Connector

    with house.room() as room:
        room.control().add_connector(Connector(0, f"id-{name}", name, "default", "folder", created_at=room.clock()), "")


# --- what jobs have done ----------------------------------------------------------------------------------------------


def test_jobs_and_documents_are_counted_by_connector_and_by_how_they_came_out(house: House) -> None:
    connector(house, "docs")
    job(house, "docs", JobEvent.FINISH, inserted=3, kept=1)
    job(house, "docs", JobEvent.FINISH_WITH_SKIPS, failed=1, kept=4)
    job(house, "docs", JobEvent.FAIL)
    assert value(house, "syncline_jobs_total", connector="docs", status="succeeded") == 1
    assert value(house, "syncline_jobs_total", connector="docs", status="incomplete") == 1
    assert value(house, "syncline_jobs_total", connector="docs", status="failed") == 1
    assert value(house, "syncline_jobs_total", connector="docs", status="stopped") == 0
    for outcome, n in (("inserted", 3), ("updated", 0), ("deleted", 0), ("kept", 5), ("failed", 1), ("filtered", 0)):
        assert value(house, "syncline_documents_total", connector="docs", outcome=outcome) == n


def test_figures_that_are_taken_bit_by_bit_are_those_of_a_server_that_begins(house: House, state: Path) -> None:
    connector(house, "docs")
    connector(house, "other")
    for round in range(5):
        job(house, "docs", JobEvent.FINISH, 0.4 * 4**round, inserted=round)
        figures(house)
        job(house, "other", JobEvent.FAIL, 100.0, failed=1)
    with_all_seen = totals(house)
    assert sum(n for (name, _), n in with_all_seen.items() if name == "syncline_jobs_total") == 10
    fresh = House(Settings(str(state)))
    assert totals(fresh) == with_all_seen
    fresh.close()


def test_jobs_of_the_command_line_are_counted_too(house: House, state: Path, docs: Path) -> None:
    with Syncline(state) as syncline:
        syncline.sync(str(docs))
        assert value(house, "syncline_documents_total", connector="docs", outcome="inserted") == 3
        (docs / "delta.md").write_text("# delta\n")
        (docs / "alpha.md").unlink()
        syncline.sync(str(docs))
    assert value(house, "syncline_jobs_total", connector="docs", status="succeeded") == 2
    assert value(house, "syncline_documents_total", connector="docs", outcome="inserted") == 4
    assert value(house, "syncline_documents_total", connector="docs", outcome="deleted") == 1


def test_events_that_were_dropped_before_they_were_read_are_made_up_for(house: House) -> None:
    connector(house, "docs")
    job(house, "docs", JobEvent.FINISH, inserted=1)
    figures(house)
    for _ in range(3):
        job(house, "docs", JobEvent.FINISH, inserted=1)
    with house.room() as room:
        room.control().forget_events(keep=2)
    job(house, "docs", JobEvent.FINISH, inserted=1)
    assert value(house, "syncline_documents_total", connector="docs", outcome="inserted") == 5
    assert value(house, "syncline_jobs_total", connector="docs", status="succeeded") == 5


def test_how_long_jobs_took_is_a_histogram(house: House) -> None:
    connector(house, "docs")
    for took_s in (0.25, 0.5, 2.0, 100_000.0):
        job(house, "docs", JobEvent.FINISH, took_s)
    found = {
        dict(labels)["le"]: n
        for (name, labels), n in figures(house).items()
        if name == "syncline_job_duration_seconds_bucket"
    }
    assert (found["0.5"], found["1.0"], found["2.5"], found["14400.0"], found["+Inf"]) == (2, 2, 3, 3, 4)
    assert value(house, "syncline_job_duration_seconds_count", connector="docs") == 4
    assert value(house, "syncline_job_duration_seconds_sum", connector="docs") == pytest.approx(100_002.75)


def test_a_job_that_was_stopped_before_it_began_took_no_time(house: House) -> None:
    connector(house, "docs")
    with house.room() as room:
        control = room.control()
        found = control.connector("docs")
        assert found is not None
        ordered = control.add_job(found, None, Trigger.ON_DEMAND, False, room.clock())
        control.request_stop(ordered.job.number, room.clock() + 50)
    assert value(house, "syncline_jobs_total", connector="docs", status="stopped") == 1
    assert value(house, "syncline_job_duration_seconds_count", connector="docs") == 0


# --- how it stands ----------------------------------------------------------------------------------------------------


def test_freshness_grows_from_the_start_of_the_last_job_that_read_everything(house: House, clock: Clock) -> None:
    connector(house, "docs")
    clock.now += 100
    assert value(house, "syncline_connector_freshness_seconds", connector="docs") == 100  # since it was made
    assert value(house, "syncline_connector_last_success_timestamp_seconds", connector="docs") == 0
    job(house, "docs", JobEvent.FINISH, 10.0)
    clock.now += 30
    assert value(house, "syncline_connector_freshness_seconds", connector="docs") == 30
    succeeded = value(house, "syncline_connector_last_success_timestamp_seconds", connector="docs")
    assert succeeded == clock.now - 20
    job(house, "docs", JobEvent.FAIL)
    assert value(house, "syncline_connector_freshness_seconds", connector="docs") == 30
    job(house, "docs", JobEvent.FINISH_WITH_SKIPS)
    assert value(house, "syncline_connector_freshness_seconds", connector="docs") == 0
    assert value(house, "syncline_connector_last_success_timestamp_seconds", connector="docs") == succeeded


def test_the_queue_is_as_deep_and_as_old_as_what_waits(house: House, clock: Clock) -> None:
    connector(house, "docs")
    connector(house, "other")
    assert (value(house, "syncline_queue_depth"), value(house, "syncline_oldest_queued_seconds")) == (0, 0)
    with house.room() as room:
        control = room.control()
        for name in ("docs", "other"):
            found = control.connector(name)
            assert found is not None
            control.add_job(found, None, Trigger.ON_DEMAND, False, clock.now)
            clock.now += 5
        assert (value(house, "syncline_queue_depth"), value(house, "syncline_oldest_queued_seconds")) == (2, 10)
        claimed = control.claim(1, "here:1", clock.now, JobType.FULL)
        assert (value(house, "syncline_queue_depth"), value(house, "syncline_oldest_queued_seconds")) == (1, 5)
        assert value(house, "syncline_jobs_active", status="running") == 1
        assert value(house, "syncline_orphan_jobs") == 0
        clock.now += 31
        assert value(house, "syncline_orphan_jobs") == 1
        control.beat(claimed, clock.now, Counters(), {})
        assert value(house, "syncline_orphan_jobs") == 0


def test_withheld_deletions_are_shown_until_they_are_approved_and_done(house: House, state: Path, docs: Path) -> None:
    from syncline.model.connectors import Guard

    with Syncline(state) as syncline:
        syncline.add_connector("folder", {"path": str(docs)}, name="docs", guard=Guard(0, 0.0))
        syncline.sync("docs")
        assert value(house, "syncline_deletes_withheld", connector="docs") == 0
        for path in docs.iterdir():
            path.unlink()
        (docs / "new.md").write_text("# new\n")
        syncline.sync("docs")
        assert value(house, "syncline_deletes_withheld", connector="docs") == 3
        syncline.approve("docs")
        syncline.sync("docs")
        assert value(house, "syncline_deletes_withheld", connector="docs") == 0
        assert value(house, "syncline_documents_total", connector="docs", outcome="deleted") == 3


def test_a_connector_that_is_gone_is_shown_no_more(house: House) -> None:
    connector(house, "docs")
    job(house, "docs", JobEvent.FINISH, inserted=3)
    assert any(("connector", "docs") in labels for _, labels in figures(house))
    with house.room() as room:
        found = room.control().connector("docs")
        assert found is not None
        room.control().remove_connector(found.number)
    assert not any(("connector", "docs") in labels for _, labels in figures(house))


def test_odd_names_of_connectors_do_not_break_the_text(house: House) -> None:
    name = 'a "b"\\c\nd ü'
    connector(house, name)
    assert value(house, "syncline_jobs_total", connector=name, status="failed") == 0


def test_the_build_and_the_process_are_told(house: House) -> None:
    found = figures(house)
    builds = [dict(labels) for name, labels in found if name == "syncline_build_info"]
    assert [one["version"] for one in builds] == [__version__]
    assert found["process_resident_memory_bytes", frozenset()] > 0
    assert not [name for name, _ in found if name.endswith("_created")]


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
def web(house: House) -> Web:
    async def show(request: Request) -> Response:
        return PlainTextResponse(request.path_params["id"], int(request.query_params.get("status", "200")))

    async def fail(request: Request) -> Response:
        raise RuntimeError("no")

    inner = Starlette(routes=[Route("/things/{id}", show)])
    app = Starlette(routes=[Route("/v1/jobs/{id}", show), Route("/fail", fail), Mount("/other", inner)])
    return Web(Watched(app, house.metrics))


def test_requests_are_counted_by_the_template_of_their_path(house: House, web: Web) -> None:
    for id in range(3):
        web.get(f"/v1/jobs/{id}?token=secret")
    web.get("/v1/jobs/7?status=404")
    web.get("/other/things/1")
    web.get("/nowhere/at/all")
    web.get("/nowhere/else")
    web.get("/fail")
    web.request("MAKEUP", "/v1/jobs/7")
    found = {
        (labels["method"], labels["path"], labels["status"]): n
        for (name, pairs), n in figures(house).items()
        if name == "syncline_http_requests_total" and (labels := dict(pairs))
    }
    assert found == {
        ("GET", "/v1/jobs/{id}", "200"): 3,
        ("GET", "/v1/jobs/{id}", "404"): 1,
        ("GET", "/other/things/{id}", "200"): 1,
        ("GET", "(none)", "404"): 2,
        ("GET", "/fail", "500"): 1,
        ("OTHER", "/v1/jobs/{id}", "405"): 1,
    }
    assert value(house, "syncline_http_request_duration_seconds_count", method="GET", path="/v1/jobs/{id}") == 4


# --- what it costs ----------------------------------------------------------------------------------------------------


def test_ten_thousand_jobs_are_counted_once_and_then_only_what_is_new(
    house: House, remark: Callable[[str], None]
) -> None:
    for n in range(100):
        connector(house, f"c{n}")
    counters = json.dumps(Counters({"inserted": 2}).as_dict())
    with house.room() as room:
        db: Any = room.control().db
        rows = [
            (f"job-{n}", n % 100 + 1, f"id-c{n % 100}", "full", "on_demand", "succeeded", counters, 0.0, 1.0, 2.0)
            for n in range(10_000)
        ]
        with room.control().writing("many"):
            db.executemany(
                "insert into jobs (id, connector, connector_id, type, trigger, state, counters, created_at, started_at,"
                " ended_at) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                rows,
            )
    began = time.perf_counter()
    first = totals(house)
    took_first = time.perf_counter() - began
    job(house, "c0", JobEvent.FINISH, inserted=1)
    began = time.perf_counter()
    text = metrics_text(house)
    took_next = time.perf_counter() - began
    assert first["syncline_jobs_total", frozenset({("connector", "c0"), ("status", "succeeded")})] == 100
    assert value(house, "syncline_jobs_total", connector="c0", status="succeeded") == 101
    assert value(house, "syncline_documents_total", connector="c0", outcome="inserted") == 201
    remark(
        f"/metrics with 10,000 jobs of 100 connectors: {took_first * 1000:.0f} ms at first (with parsing), "
        f"{took_next * 1000:.0f} ms afterwards, {len(text) / 1024:.0f} KiB"
    )
