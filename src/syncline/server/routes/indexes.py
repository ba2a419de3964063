"""Indexes: sets of documents that can be searched."""

from __future__ import annotations

from typing import Annotated, Any, Final
from urllib.parse import quote

import anyio
import anyio.to_thread
from pydantic import Field
from starlette.responses import Response

from syncline.destinations.kinds import EMBEDDED
from syncline.model.errors import NotFound, SynclineError
from syncline.model.indexes import Index
from syncline.model.keys import Scope
from syncline.server.operations import (
    FIRST,
    Body,
    Call,
    Cursor,
    Flag,
    IndexRef,
    Limit,
    Operations,
    answered,
    made,
    tagged,
)
from syncline.server.paging import Pages
from syncline.server.parameters import Query
from syncline.server.problems import RequestInvalid
from syncline.server.stopping import stop_jobs
from syncline.service import indexes, landing
from syncline.wiring import Installation

operations = Operations("indexes")

OUTSIDE = anyio.CapacityLimiter(4)  # checks wait for others; they leave most threads to everybody else
CHECK_S: Final = 60.0


class IndexIn(Body):
    """A new index."""

    name: str = Field(description="Lower-case letters, digits, - and _; never changes.", examples=["handbook"])
    description: str = Field(default="", max_length=2000, description="For people.")
    destination: str = Field(
        default=EMBEDDED,
        min_length=1,
        max_length=200,
        description="Where its documents land; never changes.",
        examples=["embedded", "postgresql"],
    )
    settings: dict[str, Any] = Field(default_factory=dict, description="Of the destination.")


class IndexChange(Body):
    """What may change of an index."""

    description: str | None = Field(default=None, max_length=2000, description="For people.")
    settings: dict[str, Any] | None = Field(
        default=None,
        description="Of the destination: each one given is set, null takes it back to its default, and asterisks keep "
        "the secret that is there.",
    )


def visible(call: Call, room: Installation, ref: str) -> Index:
    """The index. Raises NotFound, also for one that this key may not see."""
    unseen = NotFound(f"there is no index {ref!r:.200}", remedy="List the indexes to see which there are.")
    found = indexes.get(room, ref)
    if not call.caller.sees(found.name):
        raise unseen
    return found


@operations("GET", "/v1/indexes", "List indexes", scope=Scope.READ, answers="IndexPage")
def list_indexes(call: Call, limit: Limit = FIRST, cursor: Cursor = None) -> Response:
    """By name; those that the key may see."""
    with call.room() as room:
        found = [index for index in indexes.all(room) if call.caller.sees(index.name)]
    page = Pages("indexes", cursor).cut(found, limit, lambda index: index.name, indexes.shape, "")
    return answered(page)


@operations("POST", "/v1/indexes", "Make an index", scope=Scope.ADMIN, answers="Index", status=201, tells=(409,))
def create_index(call: Call, body: IndexIn) -> Response:
    """An index is also made when a connector names one that is not there."""
    call.caller.need_index(body.name)
    try:
        landing.check_reach(body.destination, body.settings)
    except NotFound as error:  # not what the path names, which would be 404
        raise RequestInvalid(f"the request is wrong: {error.message}", fields={"destination": error.message}) from None
    with call.room() as room:
        added = indexes.add(room, body.name, body.description, destination=body.destination, settings=body.settings)
    return made(indexes.shape(added), f"/v1/indexes/{quote(added.name, safe='')}")


@operations("GET", "/v1/indexes/{index}", "Show an index", scope=Scope.READ, answers="Index")
def get_index(call: Call, index: IndexRef) -> Response:
    """See also its stats."""
    with call.room() as room:
        return call.shown(indexes.shape(visible(call, room, index)))


@operations("GET", "/v1/indexes/{index}/stats", "Count what is in an index", scope=Scope.READ, answers="IndexStats")
def get_index_stats(call: Call, index: IndexRef) -> Response:
    """Documents, and those that are kept out, have failed, or wait to be deleted; bytes on disk."""
    with call.room() as room:
        return answered(indexes.stats(room, visible(call, room, index)))


@operations("POST", "/v1/indexes/{index}/check", "Check an index", scope=Scope.WRITE, answers="Check", changes=False)
async def check_index(call: Call, index: IndexRef) -> Response:
    """Prove that its destination can be reached and written. What is wrong is in the answer; the request itself has
    succeeded."""
    return await anyio.to_thread.run_sync(_check, call, index, limiter=OUTSIDE)


def _check(call: Call, ref: str) -> Response:
    with call.room() as room:
        found = visible(call, room, ref)
    error, told = None, {}
    try:
        told = call.house.run_task(
            "syncline.server.tasks:check_index", CHECK_S, data_dir=call.house.settings.data_dir, index=found.id
        )
    except SynclineError as wrong:
        error = wrong.as_dict()
    notes = told.get("notes", [])
    return answered({"id": found.id, "name": found.name, "ok": error is None, "notes": notes, "error": error})


@operations("PATCH", "/v1/indexes/{index}", "Change an index", scope=Scope.ADMIN, answers="Index")
def update_index(call: Call, index: IndexRef, body: IndexChange) -> Response:
    """What is left out stays as it is."""
    with call.room() as room:
        found = visible(call, room, index)
        expected = call.expected(found.revision)
        if body.settings is not None:
            landing.check_reach(found.destination, body.settings)
        changed = indexes.update(room, found, description=body.description, settings=body.settings, revision=expected)
    return tagged(indexes.shape(changed))


@operations("DELETE", "/v1/indexes/{index}", "Remove an index", scope=Scope.ADMIN, answers="IndexRemoved", tells=(409,))
def delete_index(
    call: Call,
    index: IndexRef,
    cascade: Annotated[Flag, Query(description="Also remove the connectors that feed it.")] = False,
    force: Annotated[Flag, Query(description="Stop the jobs of those connectors first.")] = False,
    abandon: Annotated[Flag, Query(description="Leave documents that lie elsewhere where they are.")] = False,
) -> Response:
    """With everything in it. Refused while connectors feed it, unless they are to be removed, too."""
    with call.room() as room:
        found = visible(call, room, index)
        expected = call.expected(found.revision)
        if cascade and force:
            for connector in indexes.feeding(room, found):
                stop_jobs(call, room, connector)
        removed = indexes.remove(room, found, cascade=cascade, revision=expected, abandon=abandon)
    return answered({"id": found.id, "name": found.name, "connectors": [one.name for one in removed]})
