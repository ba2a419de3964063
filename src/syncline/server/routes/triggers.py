"""Triggers: what starts jobs when something happens, and the door where signed calls come in."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field
from starlette.responses import Response

from syncline.model.connectors import Connector
from syncline.model.errors import NotFound
from syncline.model.keys import Scope
from syncline.model.triggers import Trigger
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
from syncline.service import triggers
from syncline.store.secrets import MASK
from syncline.wiring import Installation

operations = Operations("triggers")

TriggerRef = Annotated[str, Path(description="Id of a trigger.")]


class TriggerSettings(Body):
    """What belongs to the kind: watch has settle_s and max_wait_s, webhook name and secret, after connector and on."""

    settle_s: float | None = Field(default=None, ge=0, description="It must be quiet for so long,")
    max_wait_s: float | None = Field(default=None, ge=0, description="but a job waits no longer than that.")
    name: str | None = Field(default=None, max_length=200, description="For people.")
    secret: str | None = Field(
        default=None, max_length=1000, description="whsec_…; made if left out.", json_schema_extra={"writeOnly": True}
    )
    connector: str | None = Field(
        default=None, max_length=200, description="Name or id of the connector that is followed."
    )
    on: list[Literal["succeeded", "incomplete"]] | None = Field(
        default=None, description="The ends of its jobs to follow."
    )


class TriggerIn(Body):
    """A new trigger."""

    kind: Literal["watch", "webhook", "after"]
    settings: TriggerSettings = Field(default_factory=TriggerSettings)
    enabled: bool = True


class TriggerChange(Body):
    """What may change of a trigger. What is left out stays."""

    settings: TriggerSettings | None = None
    enabled: bool | None = None


def _seen(call: Call, room: Installation, ref: str) -> tuple[Trigger, Connector]:
    """The trigger and its connector. Raises NotFound, also when this key may not see it."""
    found = triggers.get(room, ref)
    connector = room.control().connector_numbered(found.connector)
    if connector is not None and call.caller.sees(connector.index):
        return found, connector
    raise NotFound(f"there is no trigger {ref!r:.200}", remedy="Look at the triggers of its connector.")


def _settings(call: Call, room: Installation, given: TriggerSettings | None) -> dict[str, Any] | None:
    """As the service takes them. A key that may not see the connector to follow does not follow it."""
    if given is None:
        return None
    said = {name: value for name, value in given.model_dump().items() if value not in (None, MASK)}
    if "connector" in said:
        said["connector"] = call.connector(room.control(), said["connector"]).id
    return said


@operations(
    "GET",
    "/v1/connectors/{connector}/triggers",
    "List triggers of a connector",
    scope=Scope.READ,
    answers="TriggerPage",
)
def list_triggers(call: Call, connector: ConnectorRef, limit: Limit = FIRST, cursor: Cursor = None) -> Response:
    """Oldest first."""
    with call.room() as room:
        found = call.connector(room.control(), connector)
        rows = triggers.of(room, found)
    shape = lambda row: triggers.shape(row, found.name)  # noqa: E731
    return answered(Pages("triggers", cursor, connector=found.id).cut(rows, limit, lambda row: row.number, shape, 0))


@operations(
    "POST",
    "/v1/connectors/{connector}/triggers",
    "Make a trigger",
    scope=Scope.ADMIN,
    answers="TriggerMade",
    status=201,
)
def create_trigger(call: Call, connector: ConnectorRef, body: TriggerIn) -> Response:
    """The secret of a webhook trigger is in this answer and never again."""
    with call.room() as room:
        found = call.connector(room.control(), connector)
        settings = _settings(call, room, body.settings)
        added = triggers.add(room, found, kind=body.kind, settings=settings, enabled=body.enabled)
    shown = {**triggers.shape(added.trigger, found.name), "secret": added.secret}
    return made(shown, f"/v1/triggers/{added.trigger.id}")


@operations("GET", "/v1/triggers/{id}", "Show a trigger", scope=Scope.READ, answers="Trigger")
def get_trigger(call: Call, id: TriggerRef) -> Response:
    """Without its secret."""
    with call.room() as room:
        found, connector = _seen(call, room, id)
    return call.shown(triggers.shape(found, connector.name))


@operations("PATCH", "/v1/triggers/{id}", "Change a trigger", scope=Scope.ADMIN, answers="Trigger")
def update_trigger(call: Call, id: TriggerRef, body: TriggerChange) -> Response:
    """What is left out stays."""
    with call.room() as room:
        found, connector = _seen(call, room, id)
        expected = call.expected(found.revision)
        settings = _settings(call, room, body.settings)
        changed = triggers.update(room, found, settings=settings, enabled=body.enabled, revision=expected)
    return tagged(triggers.shape(changed, connector.name))


@operations("DELETE", "/v1/triggers/{id}", "Remove a trigger", scope=Scope.ADMIN, answers="Removed")
def delete_trigger(call: Call, id: TriggerRef) -> Response:
    """Jobs that it has started go on."""
    with call.room() as room:
        found, _ = _seen(call, room, id)
        call.expected(found.revision)
        triggers.remove(room, found)
    return answered({"id": id, "removed": True})


@operations(
    "POST", "/v1/hooks/{id}", "Call a webhook trigger", scope=None, answers="HookCalled", status=202, tells=(401, 409)
)
def call_hook(call: Call, id: TriggerRef) -> Response:
    """Signed as Standard Webhooks says, with the secret of the trigger; no key is needed. The body may be anything. The
    same call again starts nothing."""
    with call.room() as room:
        ordered = triggers.accept(room, id, call.request.headers, call.raw, call.house.clock())
    call.house.wake()
    return answered({"job": ordered.job.number, "job_id": ordered.job.id, "created": ordered.created}, 202)
