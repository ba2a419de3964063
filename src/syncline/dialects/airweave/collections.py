"""Collections: indexes, under a readable id that never changes and a name that may."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from pydantic import Field
from starlette.responses import Response

from syncline.dialects.airweave import messages
from syncline.dialects.airweave.calls import NAME, ORGANIZATION, Call, answered
from syncline.dialects.airweave.faults import Fault
from syncline.dialects.airweave.known import collection, collection_name, readable_id
from syncline.dialects.airweave.reading import Body, Query
from syncline.dialects.airweave.sources import Catalogue, short_name
from syncline.dialects.airweave.times import naive
from syncline.dialects.names import index_name
from syncline.model.connectors import Connector
from syncline.model.errors import NotFound, UsageError
from syncline.model.indexes import Index
from syncline.model.jobs import Job, JobState
from syncline.service import indexes, removal
from syncline.store.relational.control import Control
from syncline.wiring import Installation

READABLE_ID: Final = r"^[a-z0-9]+(-[a-z0-9]+)*$"
MODEL: Final = "none"  # nothing is embedded: search goes by words
TRIES: Final = 5
_ALPHABET: Final = "abcdefghijklmnopqrstuvwxyz0123456789"

_ACTIVE: Final = frozenset({JobState.SUCCEEDED, JobState.INCOMPLETE, JobState.RUNNING, JobState.STOPPING})


class Destinations(Body):
    """Which destinations a sync writes to."""

    skip_vespa: bool | None = None
    target_destinations: list[str] | None = None
    exclude_destinations: list[str] | None = None


class Handlers(Body):
    """Which handlers run."""

    enable_vector_handlers: bool | None = None
    enable_raw_data_handler: bool | None = None
    enable_postgres_handler: bool | None = None


class Cursor(Body):
    """What becomes of the cursor."""

    skip_load: bool | None = None
    skip_updates: bool | None = None


class Behavior(Body):
    """How a sync goes."""

    skip_hash_comparison: bool | None = None
    replay_from_arf: bool | None = None
    skip_guardrails: bool | None = None


class SyncConfig(Body):
    """Kept and shown; it has no meaning here."""

    destinations: Destinations | None = None
    handlers: Handlers | None = None
    cursor: Cursor | None = None
    behavior: Behavior | None = None


class CollectionIn(Body):
    """A new collection."""

    name: str = Field(min_length=4, max_length=64)
    readable_id: str | None = Field(default=None, max_length=128, pattern=READABLE_ID)
    sync_config: SyncConfig | None = None


class CollectionChange(Body):
    """What may change of a collection."""

    name: str | None = Field(default=None, min_length=4, max_length=64)
    sync_config: SyncConfig | None = None


class Listed(Query):
    """Which collections."""

    skip: int = Field(default=0, ge=0, le=1 << 53)
    limit: int = Field(default=100, ge=1, le=1000)
    search: str | None = Field(default=None, max_length=1000)


class Counted(Query):
    """Which collections to count."""

    search: str | None = Field(default=None, max_length=1000)


# --- found -----------------------------------------------------------------------------------------------------------


def found(call: Call, room: Installation, id: str) -> Index:
    """The same. Raises Fault (404), also for one that this key may not see."""
    index = collection(room.control(), id)
    if index is None:
        with suppress(NotFound, UsageError):  # made without a row by an older version
            index = indexes.get(room, id) if "/" not in id else None
    if index is None or readable_id(index) != id or not call.caller.sees(index.name):
        raise Fault(404, f"Collection '{id:.200}' not found")
    return index


def status(jobs: Iterable[Job | None]) -> str:
    """Computed from the last job of each connection, whenever somebody looks."""
    states = [None if job is None else job.state for job in jobs]
    if any(state in _ACTIVE for state in states):
        return "ACTIVE"
    if states and all(state is JobState.FAILED for state in states):
        return "ERROR"
    return "NEEDS SOURCE"


def shape(
    control: Control, index: Index, connectors: Sequence[Connector], sources: Catalogue | None = None
) -> dict[str, Any]:
    """One collection; with `sources` also the kinds of its connections, by name."""
    own = index.extras.get(NAME, {})
    return {
        "name": collection_name(index),
        "readable_id": readable_id(index),
        "id": index.id,
        "created_at": naive(index.created_at),
        "modified_at": naive(index.updated_at or index.created_at),
        "organization_id": ORGANIZATION,
        "created_by_email": None,
        "modified_by_email": None,
        "sync_config": own.get("sync_config"),
        "status": status(control.last_job(connector.number) for connector in connectors),
        "vector_size": 0,
        "embedding_model_name": MODEL,
        "source_connection_summaries": [] if sources is None else _summaries(connectors, sources),
    }


def _summaries(connectors: Sequence[Connector], sources: Catalogue) -> list[dict[str, str]]:
    kinds = dict.fromkeys(connector.kind for connector in connectors)
    known = [(short_name(kind), sources.of_kind(kind)) for kind in kinds]
    return [{"short_name": short, "name": short if source is None else source.name} for short, source in known]


def feeding(control: Control) -> Mapping[str, list[Connector]]:
    """The connectors of each index, by its name."""
    groups: defaultdict[str, list[Connector]] = defaultdict(list)
    for connector in control.connectors():
        groups[connector.index].append(connector)
    return groups


# --- operations ------------------------------------------------------------------------------------------------------


def _chosen(call: Call, control: Control, search: str | None) -> list[Index]:
    seen = [index for index in control.indexes() if call.caller.sees(index.name)]
    if search:
        wanted = search.lower()
        seen = [one for one in seen if wanted in collection_name(one).lower() or wanted in readable_id(one).lower()]
    return seen


def list_collections(call: Call) -> Response:
    """Newest first."""
    query: Listed = call.query
    with call.room() as room:
        control = room.control()
        chosen = _chosen(call, control, query.search)
        chosen.sort(key=lambda index: (-index.created_at, -index.number))
        page = chosen[query.skip : query.skip + query.limit]
        groups = feeding(control) if page else {}
        return answered([shape(control, index, groups.get(index.name, ()), call.sources) for index in page])


def count_collections(call: Call) -> Response:
    """How many there are."""
    with call.room() as room:
        return answered(len(_chosen(call, room.control(), call.query.search)))


def create_collection(call: Call) -> Response:
    """The readable id is the name in plain letters with something random behind it, unless one is given."""
    body: CollectionIn = call.body
    with call.room() as room:
        control = room.control()
        id = body.readable_id or _free_id(control, body.name)
        config = None if body.sync_config is None else body.sync_config.model_dump(exclude_unset=True)
        extras = {NAME: {"name": body.name, "readable_id": id, "sync_config": config}}
        index = _added(call, room, id, extras)
        shown = shape(control, index, ())
        messages.tell(room, "collection.created", messages.of_collection(index))
    return answered(shown)


def _free_id(control: Control, name: str) -> str:
    slug = "-".join(re.findall(r"[a-z0-9]+", index_name(name, ()).replace("_", "-"))) or "collection"
    while True:
        id = f"{slug[:56].rstrip('-')}-{''.join(_ALPHABET[byte % 36] for byte in os.urandom(6))}"
        if collection(control, id) is None:
            return id


def _added(call: Call, room: Installation, id: str, extras: Mapping[str, Any]) -> Index:
    """The index is called as the collection, if an index may be."""
    control = room.control()
    for _ in range(TRIES):
        with control.writing("airweave_collection"):
            if collection(control, id) is not None:
                raise Fault(400, f"Collection with readable_id '{id}' already exists")
            name = index_name(id, (index.name for index in control.indexes()))
            call.caller.need_index(name)
            messages.begin(room)
        with suppress(UsageError):  # somebody else has taken the name in this moment
            return indexes.add(room, name, extras=extras)
    raise Fault(409, f"Collection '{id}' could not be made: others are being made at the same time")


def get_collection(call: Call) -> Response:
    """With its status as of now."""
    with call.room() as room:
        index = found(call, room, call.path["readable_id"])
        return answered(shape(room.control(), index, indexes.feeding(room, index)))


def update_collection(call: Call) -> Response:
    """Its readable id stays, whatever its name becomes."""
    body: CollectionChange = call.body
    given = body.model_dump(exclude_unset=True)

    def renewed(kept: Mapping[str, Any]) -> Mapping[str, Any]:
        renamed = {} if body.name is None else {"name": body.name}
        configured = {"sync_config": given["sync_config"]} if "sync_config" in given else {}
        return {"readable_id": readable_id(index), "name": collection_name(index), **kept, **renamed, **configured}

    with call.room() as room:
        index = found(call, room, call.path["readable_id"])
        changed = indexes.annotate(room, index, NAME, renewed)
        messages.tell(room, "collection.updated", messages.of_collection(changed))
        return answered(shape(room.control(), changed, indexes.feeding(room, changed)))


def delete_collection(call: Call) -> Response:
    """With its connections and documents. Syncs that run are cancelled first."""
    with call.room() as room:
        index = found(call, room, call.path["readable_id"])
        connectors = indexes.feeding(room, index)
        shown = shape(room.control(), index, connectors)
        told = messages.of_collection(index)
        removal.remove_index(room, index, call.host.wake)
        messages.tell(room, "collection.deleted", told)
    return answered(shown)
