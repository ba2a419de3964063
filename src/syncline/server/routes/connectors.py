"""Connectors: standing arrangements of a source, its settings and an index."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import anyio.to_thread
from pydantic import Field
from starlette.responses import Response

from syncline.model.connectors import Connector, Guard
from syncline.model.errors import NotFound, SynclineError
from syncline.model.jobs import JobType, WhenActive
from syncline.model.keys import Scope
from syncline.server.operations import (
    FIRST,
    Body,
    Call,
    ConnectorRef,
    Cursor,
    Flag,
    Limit,
    Operations,
    answered,
    made,
    tagged,
)
from syncline.server.paging import Pages
from syncline.server.parameters import Query
from syncline.server.problems import RequestInvalid
from syncline.server.routes.shapes import job_answer
from syncline.server.stopping import stop_jobs
from syncline.service import connectors, jobs, pushing, reach
from syncline.store.relational.shelf import Shelf
from syncline.wiring import DEFAULT_INDEX, Installation

operations = Operations("connectors")

CHECK_S = 30.0
PLAN_S = 300.0
OUTSIDE = anyio.CapacityLimiter(4)  # checks and plans wait for others; they leave most threads to everybody else
LISTED = 100


class GuardIn(Body):
    """When deletions are a surprise: they are more than both."""

    max_deletes: int = Field(default=100, ge=0, le=2**53, description="In number.")
    max_percent: float = Field(default=25.0, ge=0, le=100, description="In percent of what the connector holds.")

    def guard(self, held: Guard) -> Guard:
        """The guard, with what was left out as it is."""
        given = self.model_dump(exclude_unset=True)
        return Guard(**{"max_deletes": held.max_deletes, "max_percent": held.max_percent, **given})


class ConnectorIn(Body):
    """A new connector."""

    kind: str = Field(min_length=1, max_length=1000, description="A source kind; /v1/sources lists them.")
    settings: dict[str, Any] = Field(
        default_factory=dict, description="Those of the source; /v1/sources/{kind} describes them."
    )
    name: str | None = Field(
        default=None, min_length=1, max_length=128, description="Made from the settings if left out."
    )
    description: str = Field(default="", max_length=2000, description="For people.")
    index: str = Field(default=DEFAULT_INDEX, description="The index it feeds; made if it is not there.")
    guard: GuardIn = Field(default_factory=GuardIn)


class ConnectorChange(Body):
    """What may change of a connector. What is left out stays."""

    name: str | None = Field(default=None, min_length=1, max_length=128)
    description: str | None = Field(default=None, max_length=2000)
    settings: dict[str, Any] | None = Field(
        default=None, description="Each one given is set; null takes it back to its default; ******** keeps a secret."
    )
    guard: GuardIn | None = None


class SyncIn(Body):
    """What kind of job."""

    type: Literal["auto", "full", "incremental"] = Field(default="auto", description="auto: whatever suits the source.")
    force: bool = Field(default=False, description="Read every document again, changed or not.")
    when_active: Literal["refuse", "coalesce", "queue"] = Field(
        default="refuse",
        description="While a job of it has not ended: refuse, coalesce into one that waits or follows, or queue.",
    )


class PlanIn(Body):
    """What to plan."""

    force: bool = Field(default=False, description="As if every document were read again.")
    limit: int = Field(
        default=LISTED, ge=0, le=10_000, description="Ids listed of each kind at most; totals count all."
    )


class PushIn(Body):
    """Documents and deletions. Each is looked at by itself."""

    documents: list[Any] = Field(
        default_factory=list,
        description="Objects with id, text or content_base64, and title, metadata, url, media_type, allow, deny.",
    )
    delete: list[Any] = Field(default_factory=list, description="Ids of documents that are gone.")


# --- looked at -------------------------------------------------------------------------------------------------------


@operations("GET", "/v1/connectors", "List connectors", scope=Scope.READ, answers="ConnectorPage")
def list_connectors(
    call: Call,
    index: Annotated[str | None, Query(description="Those that feed this index.")] = None,
    kind: Annotated[str | None, Query(description="Those of this source kind.")] = None,
    limit: Limit = FIRST,
    cursor: Cursor = None,
) -> Response:
    """By name; those that the key may see."""
    with call.room() as room:
        found = [one for one in room.control().connectors() if call.caller.sees(one.index)]
    chosen = [one for one in found if index in (None, one.index) and kind in (None, one.kind)]
    pages = Pages("connectors", cursor, index=index, kind=kind)
    return answered(pages.cut(chosen, limit, lambda one: one.name, connectors.shape, ""))


@operations(
    "POST", "/v1/connectors", "Make a connector", scope=Scope.ADMIN, answers="Connector", status=201, tells=(409, 424)
)
def create_connector(call: Call, body: ConnectorIn) -> Response:
    """The settings are validated; whether the source can be read is proved by a check."""
    call.caller.need_index(body.index)
    reach.check_kind(body.kind)
    if body.name is not None:
        connectors.checked_name(body.name)
    with call.room() as room:
        draft = _draft(room, body)
        reach.check_settings(draft.kind, draft.config, call.house.settings.folder_roots)
        added = connectors.add(room, draft)
    return made(connectors.shape(added), f"/v1/connectors/{added.id}")


def _draft(room: Installation, body: ConnectorIn) -> Connector:
    """The connector, not stored yet."""
    try:
        connectors.check_no_mask(body.kind, body.settings)
        draft = connectors.draft(
            room.control(),
            body.kind,
            body.settings,
            name=body.name,
            index=body.index,
            guard=body.guard.guard(Guard()),
        )
    except NotFound as error:  # not what the path names, which would be 404
        raise RequestInvalid(f"the request is wrong: {error.message}", fields={"kind": error.message}) from None
    draft.description = body.description
    return draft


@operations("GET", "/v1/connectors/{connector}", "Show a connector", scope=Scope.READ, answers="Connector")
def get_connector(call: Call, connector: ConnectorRef) -> Response:
    """Secrets are asterisks."""
    with call.room() as room:
        return call.shown(connectors.shape(call.connector(room.control(), connector)))


@operations(
    "PATCH",
    "/v1/connectors/{connector}",
    "Change a connector",
    scope=Scope.ADMIN,
    answers="Connector",
    tells=(409, 424),
)
def update_connector(call: Call, connector: ConnectorRef, body: ConnectorChange) -> Response:
    """What is left out stays. A job that runs goes on with the settings it began with."""
    with call.room() as room:
        found = call.connector(room.control(), connector)
        expected = call.expected(found.revision)
        if body.settings is not None:
            reach.check_kind(found.kind)
            reach.check_bounds(found.kind)
            _check_reach(call, found, body.settings)
        changed = connectors.update(
            room,
            found,
            name=body.name,
            description=body.description,
            settings=body.settings,
            guard=None if body.guard is None else body.guard.guard(found.guard),
            revision=expected,
        )
    return tagged(connectors.shape(changed))


def _check_reach(call: Call, connector: Connector, settings: dict[str, Any]) -> None:
    """Before anything is stored, with the settings as they would be."""
    if reach.paths_of(connector.kind):
        from syncline.sources.registry import validate

        wanted = {name: value for name, value in {**connector.config, **settings}.items() if value is not None}
        reach.check_settings(connector.kind, validate(connector.kind, wanted), call.house.settings.folder_roots)
    elif settings.get("endpoint_url"):
        reach.check_settings(connector.kind, settings, call.house.settings.folder_roots)


@operations(
    "DELETE",
    "/v1/connectors/{connector}",
    "Remove a connector",
    scope=Scope.ADMIN,
    answers="ConnectorRemoved",
    tells=(409,),
)
def delete_connector(
    call: Call,
    connector: ConnectorRef,
    force: Annotated[Flag, Query(description="Stop its jobs first.")] = False,
) -> Response:
    """With its documents. Refused while it has a job that has not ended, unless that is to be stopped."""
    with call.room() as room:
        control = room.control()
        found = call.connector(control, connector)
        call.expected(found.revision)
        if force:
            stop_jobs(call, room, found)
        connectors.check_idle(control, found)
        gone = connectors.remove(room, found)
    return answered({"id": found.id, "name": found.name, "removed_documents": gone})


# --- checked and planned, in a process of its own --------------------------------------------------------------------


@operations(
    "POST",
    "/v1/connectors/{connector}/check",
    "Check a connector",
    scope=Scope.WRITE,
    answers="Check",
    changes=False,
)
async def check_connector(call: Call, connector: ConnectorRef) -> Response:
    """Prove that its source can be read. What is wrong is in the answer; the request itself has succeeded."""
    return await anyio.to_thread.run_sync(_check, call, connector, limiter=OUTSIDE)


def _check(call: Call, ref: str) -> Response:
    found = _seen(call, ref)
    error = None
    try:
        call.house.run_task(
            "syncline.server.tasks:check", CHECK_S, data_dir=call.house.settings.data_dir, connector=found.id
        )
    except SynclineError as wrong:
        error = wrong.as_dict()
    return answered({"id": found.id, "name": found.name, "ok": error is None, "notes": [], "error": error})


@operations(
    "POST",
    "/v1/connectors/{connector}/plan",
    "Plan a sync",
    scope=Scope.READ,
    answers="Plan",
    changes=False,
    tells=(424,),
)
async def plan_connector(call: Call, connector: ConnectorRef, body: PlanIn | None = None) -> Response:
    """What a sync would do, and why. Changes nothing. Lists are cut; totals count everything."""
    return await anyio.to_thread.run_sync(_plan, call, connector, body or PlanIn(), limiter=OUTSIDE)


def _plan(call: Call, ref: str, body: PlanIn) -> Response:
    found = _seen(call, ref)
    planned = call.house.run_task(
        "syncline.server.tasks:plan",
        PLAN_S,
        data_dir=call.house.settings.data_dir,
        connector=found.id,
        force=body.force,
        limit=body.limit,
    )
    return answered(planned)


def _seen(call: Call, ref: str) -> Connector:
    with call.room() as room:
        return call.connector(room.control(), ref)


# --- started, paused -------------------------------------------------------------------------------------------------


@operations(
    "POST",
    "/v1/connectors/{connector}/sync",
    "Start a sync job",
    scope=Scope.WRITE,
    answers="JobStarted",
    status=202,
    tells=(409,),
)
def sync_connector(call: Call, connector: ConnectorRef, body: SyncIn | None = None) -> Response:
    """Answers at once with the job. While one is active the answer is 409 and names it, unless `when_active` says
    otherwise."""
    wanted = body or SyncIn()
    with call.room() as room:
        found = call.connector(room.control(), connector)
        ordered = jobs.start(
            room,
            found,
            wanted=None if wanted.type == "auto" else JobType(wanted.type),
            force=wanted.force,
            when_active=WhenActive(wanted.when_active),
            cause="api",
            requested_by=call.caller.key_id,
        )
        now = room.clock()
    call.house.wake()
    shown = {"job": job_answer(ordered.job, found.name, now), "created": ordered.created}
    return answered(shown, 202, {"location": f"/v1/jobs/{ordered.job.id}"})


@operations(
    "POST",
    "/v1/connectors/{connector}/pause",
    "Pause a connector",
    scope=Scope.WRITE,
    answers="Connector",
    tells=(409,),
)
def pause_connector(call: Call, connector: ConnectorRef) -> Response:
    """Schedules and triggers start no jobs of it any more; people still may."""
    with call.room() as room:
        return tagged(connectors.shape(connectors.pause(room, call.connector(room.control(), connector))))


@operations(
    "POST",
    "/v1/connectors/{connector}/resume",
    "Resume a connector",
    scope=Scope.WRITE,
    answers="Connector",
    tells=(409,),
)
def resume_connector(call: Call, connector: ConnectorRef) -> Response:
    """Schedules and triggers start its jobs again."""
    with call.room() as room:
        return tagged(connectors.shape(connectors.resume(room, call.connector(room.control(), connector))))


# --- withheld deletions ----------------------------------------------------------------------------------------------


@operations(
    "GET",
    "/v1/connectors/{connector}/withheld",
    "List deletions that wait for approval",
    scope=Scope.READ,
    answers="WithheldPage",
)
def list_withheld(call: Call, connector: ConnectorRef, limit: Limit = FIRST, cursor: Cursor = None) -> Response:
    """By id, each with the reason why it was a surprise."""
    with call.room() as room:
        found = call.connector(room.control(), connector)
        pages = Pages("withheld", cursor, connector=found.id)
        after = pages.after("")
        rows, total = [], 0
        if found.index in room.indexes():
            truth = room.index(found.index).truth
            rows = Shelf(truth).withheld(found.number, after, limit + 1)
            total = truth.withheld_count(found.number)
    page = pages.page(rows, limit, lambda row: row.id, lambda row: row._asdict())
    return answered({**page, "total": total})


@operations(
    "POST",
    "/v1/connectors/{connector}/approve",
    "Approve the deletions that wait",
    scope=Scope.WRITE,
    answers="Approved",
)
def approve_connector(call: Call, connector: ConnectorRef) -> Response:
    """All that wait now, and no others. The next job makes them."""
    with call.room() as room:
        found = call.connector(room.control(), connector)
        there = found.index in room.indexes()
        approved = room.index(found.index).truth.approve(found.number) if there else 0
    return answered({"id": found.id, "name": found.name, "approved": approved})


# --- pushed ----------------------------------------------------------------------------------------------------------


@operations(
    "POST",
    "/v1/connectors/{connector}/documents",
    "Push documents",
    scope=Scope.WRITE,
    answers="Pushed",
    status=202,
    any_text=True,
    tells=(409,),
)
def push_documents(call: Call, connector: ConnectorRef, body: PushIn) -> Response:
    """To a connector of the kind `push`: at most 1,000 documents and deletions. They are durable when this is
    answered, and found by search when the job has ended. What cannot be taken is named in `rejected`, and stops
    nothing else."""
    with call.room() as room:
        found = call.connector(room.control(), connector)
        receipt = pushing.push(room, found, body.documents, body.delete, requested_by=call.caller.key_id)
        now = room.clock()
    call.house.wake()
    job = receipt.ordered.job
    shown = {
        "job": job_answer(job, found.name, now),
        "accepted": receipt.accepted,
        "unchanged": receipt.taken.unchanged,
        "rejected": [one._asdict() for one in receipt.rejected],
    }
    return answered(shown, 202, {"location": f"/v1/jobs/{job.id}"})
