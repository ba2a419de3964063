"""Schedules: when a connector starts jobs by itself."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field
from starlette.responses import Response

from syncline.model.connectors import Connector
from syncline.model.errors import NotFound
from syncline.model.keys import Scope
from syncline.model.schedules import Schedule
from syncline.server.operations import (
    FIRST,
    Body,
    Call,
    ConnectorRef,
    Cursor,
    Limit,
    Operations,
    answered,
    made,
    tagged,
)
from syncline.server.paging import Pages
from syncline.server.parameters import Path
from syncline.service import schedules
from syncline.wiring import Installation

operations = Operations("schedules")

ScheduleRef = Annotated[str, Path(description="Id of a schedule.")]
DialectName = Literal["unix", "quartz", "aws"]
TypeName = Literal["auto", "full", "incremental"]
MAX_CHARS = 500


class ScheduleIn(Body):
    """A new schedule."""

    expression: str = Field(min_length=1, max_length=MAX_CHARS, examples=["0 3 * * *", "rate(15 minutes)"])
    dialect: DialectName | None = Field(default=None, description="Guessed from the expression if left out.")
    zone: str = Field(default="UTC", max_length=100, description="IANA name of a time zone.")
    name: str = Field(default="", max_length=200, description="Unique within the connector.")
    type: TypeName = Field(default="auto", description="Of the jobs it starts.")
    misfire: Literal["run_once", "skip"] = Field(
        default="run_once", description="When nobody was there at the due time."
    )
    when_active: Literal["skip", "coalesce"] = Field(
        default="skip", description="When a job of it has not ended by then."
    )
    jitter_s: float = Field(default=0.0, ge=0, le=1e9, description="Begin up to so many seconds late, always the same.")
    enabled: bool = True


class ScheduleChange(Body):
    """What may change of a schedule. What is left out stays."""

    expression: str | None = Field(default=None, min_length=1, max_length=MAX_CHARS)
    dialect: DialectName | None = None
    zone: str | None = Field(default=None, max_length=100)
    name: str | None = Field(default=None, max_length=200)
    type: TypeName | None = None
    misfire: Literal["run_once", "skip"] | None = None
    when_active: Literal["skip", "coalesce"] | None = None
    jitter_s: float | None = Field(default=None, ge=0, le=1e9)
    enabled: bool | None = None


class PreviewIn(Body):
    """An expression to be explained."""

    expression: str = Field(min_length=1, max_length=MAX_CHARS)
    dialect: DialectName | None = None
    zone: str = Field(default="UTC", max_length=100)
    count: int = Field(default=5, ge=1, le=100, description="How many of the next times to tell.")


def _seen(call: Call, room: Installation, ref: str) -> tuple[Schedule, Connector]:
    """The schedule and its connector. Raises NotFound, also when this key may not see it."""
    found = schedules.get(room, ref)
    connector = room.control().connector_numbered(found.connector)
    if connector is not None and call.caller.sees(connector.index):
        return found, connector
    raise NotFound(f"there is no schedule {ref!r:.200}", remedy="Look at the schedules of its connector.")


@operations(
    "GET",
    "/v1/connectors/{connector}/schedules",
    "List schedules of a connector",
    scope=Scope.READ,
    answers="SchedulePage",
)
def list_schedules(call: Call, connector: ConnectorRef, limit: Limit = FIRST, cursor: Cursor = None) -> Response:
    """Oldest first."""
    with call.room() as room:
        found = call.connector(room.control(), connector)
        rows = schedules.of(room, found)
    shape = lambda row: schedules.shape(row, found.name)  # noqa: E731
    return answered(Pages("schedules", cursor, connector=found.id).cut(rows, limit, lambda row: row.number, shape, 0))


@operations(
    "POST",
    "/v1/connectors/{connector}/schedules",
    "Make a schedule",
    scope=Scope.ADMIN,
    answers="Schedule",
    status=201,
    tells=(409,),
)
def create_schedule(call: Call, connector: ConnectorRef, body: ScheduleIn) -> Response:
    """The answer tells when it runs next."""
    with call.room() as room:
        found = call.connector(room.control(), connector)
        added = schedules.add(room, found, **body.model_dump())
    return made(schedules.shape(added, found.name), f"/v1/schedules/{added.id}")


@operations("GET", "/v1/schedules/{id}", "Show a schedule", scope=Scope.READ, answers="Schedule")
def get_schedule(call: Call, id: ScheduleRef) -> Response:
    """With its next runs."""
    with call.room() as room:
        found, connector = _seen(call, room, id)
    return call.shown(schedules.shape(found, connector.name))


@operations("PATCH", "/v1/schedules/{id}", "Change a schedule", scope=Scope.ADMIN, answers="Schedule", tells=(409,))
def update_schedule(call: Call, id: ScheduleRef, body: ScheduleChange) -> Response:
    """What is left out stays."""
    changes: dict[str, Any] = {name: value for name, value in body.model_dump().items() if value is not None}
    with call.room() as room:
        found, connector = _seen(call, room, id)
        changed = schedules.update(room, found, changes, call.expected(found.revision))
    return tagged(schedules.shape(changed, connector.name))


@operations("DELETE", "/v1/schedules/{id}", "Remove a schedule", scope=Scope.ADMIN, answers="Removed")
def delete_schedule(call: Call, id: ScheduleRef) -> Response:
    """Jobs that it has started go on."""
    with call.room() as room:
        found, _ = _seen(call, room, id)
        call.expected(found.revision)
        schedules.remove(room, found)
    return answered({"id": id, "removed": True})


@operations(
    "POST", "/v1/schedules/preview", "Explain a schedule", scope=Scope.READ, answers="SchedulePreview", changes=False
)
def preview_schedule(call: Call, body: PreviewIn) -> Response:
    """What an expression means, in words, and when it would run next."""
    return answered(schedules.preview(body.expression, body.dialect, body.zone, call.house.clock(), body.count))
