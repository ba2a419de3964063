"""Sync jobs: what ran, what runs, what became of each document."""

from __future__ import annotations

import os
from typing import Annotated, Final, Literal

from starlette.responses import Response

from syncline.model.errors import NotFound
from syncline.model.jobs import Job, JobState, JobType, Trigger
from syncline.model.keys import Scope
from syncline.model.outcomes import Kind, Outcome
from syncline.server.live import EventStream, Wish, last_event_id
from syncline.server.operations import (
    FIRST,
    Call,
    ConnectorRef,
    Cursor,
    JobRef,
    Limit,
    Operations,
    Whole,
    answered,
)
from syncline.server.paging import Pages
from syncline.server.parameters import Query
from syncline.server.routes.shapes import job_answer, names_of
from syncline.service import jobs
from syncline.wiring import Installation

operations = Operations("jobs")

LOG_BYTES: Final = 1 << 20
KINDS = Literal["inserted", "updated", "deleted", "filtered", "failed", "withheld"]
STATES = Literal["pending", "running", "stopping", "suspended", "succeeded", "incomplete", "failed", "stopped"]
TYPES = Literal["full", "incremental", "access_control"]
TRIGGERS = Literal["on_demand", "scheduled", "event"]


def visible(call: Call, room: Installation, ref: str) -> Job:
    """The job, by number or whole id. Raises NotFound, also for one that this key may not see."""
    unseen = NotFound(f"there is no job {ref!r:.200}", remedy="List the jobs to see which there are.")
    if not (ref.isdecimal() and ref.isascii() and len(ref) < 16) and len(ref) != 36:
        raise unseen
    job = room.control().find_job(ref)
    if not call.caller.sees(job.index):
        raise unseen
    return job


def _shown(room: Installation, job: Job) -> dict[str, object]:
    connector = room.control().connector(job.connector_id)
    return job_answer(job, job.connector_id if connector is None else connector.name, room.clock())


def _page(
    call: Call, connector: str | None, index: str | None, limit: int, cursor: str | None, **chosen: str | None
) -> Response:
    with call.room() as room:
        control = room.control()
        number = None if connector is None else call.connector(control, connector).number
        pages = Pages("jobs", cursor, connector=number, index=index, **chosen)
        bound = call.indexes(control)
        wanted = bound if index is None else [index] if call.caller.sees(index) else []
        state, type, trigger = chosen["state"], chosen["type"], chosen["trigger"]
        found = control.jobs(
            number,
            None if state is None else JobState(state),
            limit + 1,
            before=pages.after(0) or None,
            trigger=None if trigger is None else Trigger(trigger),
            type=None if type is None else JobType(type),
            indexes=wanted,
        )
        names, now = names_of(control, found), room.clock()
    shape = lambda job: job_answer(job, names[job.connector_id], now)  # noqa: E731
    return answered(pages.page(found, limit, lambda job: job.number, shape))


@operations("GET", "/v1/jobs", "List jobs", scope=Scope.READ, answers="JobPage", tells=(404,))
def list_jobs(
    call: Call,
    connector: Annotated[str | None, Query(description="Name or id of a connector.")] = None,
    index: Annotated[str | None, Query(description="Name of an index.")] = None,
    state: STATES | None = None,
    type: TYPES | None = None,
    trigger: TRIGGERS | None = None,
    limit: Limit = FIRST,
    cursor: Cursor = None,
) -> Response:
    """Newest first."""
    return _page(call, connector, index, limit, cursor, state=state, type=type, trigger=trigger)


@operations(
    "GET", "/v1/connectors/{connector}/jobs", "List the jobs of a connector", scope=Scope.READ, answers="JobPage"
)
def list_connector_jobs(
    call: Call,
    connector: ConnectorRef,
    state: STATES | None = None,
    type: TYPES | None = None,
    trigger: TRIGGERS | None = None,
    limit: Limit = FIRST,
    cursor: Cursor = None,
) -> Response:
    """Newest first."""
    return _page(call, connector, None, limit, cursor, state=state, type=type, trigger=trigger)


@operations("GET", "/v1/jobs/{job}", "Show a job", scope=Scope.READ, answers="Job")
def get_job(call: Call, job: JobRef) -> Response:
    """While it runs, `progress` says how far it is."""
    with call.room() as room:
        return call.shown(_shown(room, visible(call, room, job)))


@operations("POST", "/v1/jobs/{job}/stop", "Stop a job", scope=Scope.WRITE, answers="Job", status=202)
def stop_job(call: Call, job: JobRef) -> Response:
    """It ends within two seconds. What it has committed stays. Harmless when it has ended."""
    with call.room() as room:
        stopped = jobs.stop(room, visible(call, room, job).id)
        call.house.wake()
        return answered(_shown(room, stopped), 202, {"location": f"/v1/jobs/{stopped.id}"})


@operations("GET", "/v1/jobs/{job}/logs", "Read the log of a job", scope=Scope.READ, media="application/x-ndjson")
def get_job_logs(
    call: Call,
    job: JobRef,
    after: Annotated[Whole, Query(ge=0, le=1 << 40, description="The `X-Next-After` of the answer before.")] = 0,
    limit: Annotated[Whole, Query(ge=1024, le=LOG_BYTES, description="Bytes at most, in whole lines.")] = LOG_BYTES,
) -> Response:
    """JSON objects, one on each line. A job with nothing to tell has no lines. The header X-Next-After says where the
    next part begins."""
    with call.room() as room:
        path = room.log_path(visible(call, room, job).number)
    lines = _lines(path, after, limit)
    headers = {"x-next-after": str(after + len(lines)), "cache-control": "no-store"}
    return Response(lines, 200, headers, "application/x-ndjson")


def _lines(path: str, after: int, limit: int) -> bytes:
    """Whole lines; of one that is longer than the limit, its part."""
    if not os.path.exists(path):
        return b""
    with open(path, "rb") as file:
        file.seek(after)
        read = file.read(limit)
    end = read.rfind(b"\n") + 1
    return read[:end] if end or len(read) < limit else read


def outcome_shape(outcome: Outcome) -> dict[str, object]:
    """What became of one document."""
    return {**outcome._asdict(), "kind": outcome.kind.value, "warning": outcome.is_warning}


def _outcomes(
    call: Call, ref: str, limit: int, cursor: str | None, kind: str | None, code: str | None, troubles: bool
) -> Response:
    with call.room() as room:
        job = visible(call, room, ref)
        pages = Pages("outcomes", cursor, job=job.number, kind=kind, code=code, troubles=troubles)
        found: list[Outcome] = []
        after = pages.after("")
        if job.index in room.indexes():
            truth = room.index(job.index).truth
            kinds = () if kind is None else (Kind(kind),)
            found = truth.outcomes(
                job.number, kinds=kinds, code=code, troubles=troubles, after=after, limit=limit + 1
            )  # fmt: skip
    return answered(pages.page(found, limit, lambda one: one.id, outcome_shape))


@operations("GET", "/v1/jobs/{job}/outcomes", "List what became of documents", scope=Scope.READ, answers="OutcomePage")
def list_outcomes(
    call: Call,
    job: JobRef,
    kind: KINDS | None = None,
    code: Annotated[str | None, Query(description="Those with this code.")] = None,
    limit: Limit = FIRST,
    cursor: Cursor = None,
) -> Response:
    """By id. Documents that were kept are not listed: keeping one writes nothing. Old jobs are forgotten after the
    hundred newest of their connector."""
    return _outcomes(call, job, limit, cursor, kind, code, False)


@operations(
    "GET", "/v1/jobs/{job}/errors", "List failed documents and warnings", scope=Scope.READ, answers="OutcomePage"
)
def list_job_errors(call: Call, job: JobRef, limit: Limit = FIRST, cursor: Cursor = None) -> Response:
    """By id, each with what can be done about it."""
    return _outcomes(call, job, limit, cursor, None, None, True)


@operations(
    "GET", "/v1/jobs/{job}/events", "Follow a job", scope=Scope.READ, media="text/event-stream", answers="EventStream"
)
def follow_job(call: Call, job: JobRef) -> Response:
    """Server-sent events: what has happened to it so far, then what happens, `progress` whenever that has changed, and
    the end when it has ended. With Last-Event-ID only what came after that."""
    with call.room() as room:
        found = visible(call, room, job)
    after = last_event_id(call.request.headers.get("last-event-id"))
    return _stream(call, Wish(after=after, job=found.number))


@operations(
    "GET",
    "/v1/events",
    "Follow everything",
    scope=Scope.READ,
    media="text/event-stream",
    answers="EventStream",
    tells=(404,),
)
def follow_events(
    call: Call,
    connector: Annotated[str | None, Query(description="Name or id of the only connector to hear of.")] = None,
    index: Annotated[str | None, Query(description="Name of the only index to hear of.")] = None,
    type: Annotated[list[str] | None, Query(description="Event types to hear of; all if left out.")] = None,
    after: Annotated[Whole | None, Query(ge=0, description="Like the header Last-Event-ID, which goes first.")] = None,
) -> Response:
    """Server-sent events: all jobs that the key may see. Events carry their number as `id`; with Last-Event-ID every
    one after that comes first. `progress` comes whenever the progress of a job has changed. A `gap` says that events
    in between are not kept any more."""
    with call.room() as room:
        control = room.control()
        connector_id = None if connector is None else call.connector(control, connector).id
        bound = call.indexes(control)
    if index is not None:
        bound = [index] if call.caller.sees(index) else []
    said = last_event_id(call.request.headers.get("last-event-id"))
    wish = Wish(
        after=after if said is None else said,
        connector_id=connector_id,
        indexes=None if bound is None else tuple(bound),
        types=tuple(type or ()),
        progress=not type or "progress" in type,
    )
    return _stream(call, wish)


def _stream(call: Call, wish: Wish) -> Response:
    return EventStream(call.house, call.request.app.state.tail, wish)
