"""Indexes: sets of documents that can be searched."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from pydantic import Field
from starlette.responses import Response

from syncline.model.errors import NotFound
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
from syncline.server.stopping import stop_jobs
from syncline.service import indexes
from syncline.wiring import Installation

operations = Operations("indexes")


class IndexIn(Body):
    """A new index."""

    name: str = Field(description="Lower-case letters, digits, - and _; never changes.", examples=["handbook"])
    description: str = Field(default="", max_length=2000, description="For people.")


class IndexChange(Body):
    """What may change of an index."""

    description: str | None = Field(default=None, max_length=2000, description="For people.")


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
    with call.room() as room:
        added = indexes.add(room, body.name, body.description)
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


@operations("PATCH", "/v1/indexes/{index}", "Change an index", scope=Scope.ADMIN, answers="Index")
def update_index(call: Call, index: IndexRef, body: IndexChange) -> Response:
    """What is left out stays as it is."""
    with call.room() as room:
        found = visible(call, room, index)
        expected = call.expected(found.revision)
        changed = indexes.update(room, found, description=body.description, revision=expected)
    return tagged(indexes.shape(changed))


@operations("DELETE", "/v1/indexes/{index}", "Remove an index", scope=Scope.ADMIN, answers="IndexRemoved", tells=(409,))
def delete_index(
    call: Call,
    index: IndexRef,
    cascade: Annotated[Flag, Query(description="Also remove the connectors that feed it.")] = False,
    force: Annotated[Flag, Query(description="Stop the jobs of those connectors first.")] = False,
) -> Response:
    """With everything in it. Refused while connectors feed it, unless they are to be removed, too."""
    with call.room() as room:
        found = visible(call, room, index)
        expected = call.expected(found.revision)
        if cascade and force:
            for connector in indexes.feeding(room, found):
                stop_jobs(call, room, connector)
        removed = indexes.remove(room, found, cascade=cascade, revision=expected)
    return answered({"id": found.id, "name": found.name, "connectors": [one.name for one in removed]})
