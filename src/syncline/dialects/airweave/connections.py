"""Source connections: connectors. What they are, and how they are made, changed and removed.

Checks are made in Airweave's order: body, source, way of logging in, credentials, settings, the source itself, the
collection, the schedule; then everything is stored at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final, NamedTuple

from pydantic import Field, field_validator, model_validator
from starlette.responses import Response

from syncline.dialects.airweave import collections, jobs, messages, timetable
from syncline.dialects.airweave.calls import NAME, ORGANIZATION, Call, answered
from syncline.dialects.airweave.faults import Fault, fault_of, said
from syncline.dialects.airweave.known import collection, connection_name, keep, own, readable_id, refused, sync_id
from syncline.dialects.airweave.reading import Body, Query, uuid_of
from syncline.dialects.airweave.sources import Source, entity_type, short_name
from syncline.dialects.airweave.times import naive
from syncline.dialects.airweave.timetable import ScheduleIn
from syncline.dialects.names import as_uuid, by_uuid, connector_name
from syncline.model.connectors import Connector
from syncline.model.errors import ConfigInvalid, Conflict, SynclineError, UsageError
from syncline.model.jobs import Job, JobState
from syncline.service import checking, connectors, reach, removal
from syncline.service import jobs as job_service
from syncline.store.relational.control import Control
from syncline.store.secrets import SEALED, masked
from syncline.wiring import Installation

TRIES: Final = 5
MAX_COUNTS: Final = 10_000
CAUSE: Final = "airweave"

_OAUTH_TOKEN: Final = frozenset({"access_token", "refresh_token", "expires_at"})
_AUTH_PROVIDER: Final = frozenset({"provider_readable_id", "provider_config"})
_OAUTH_BROWSER: Final = frozenset({"redirect_uri", "client_id", "client_secret", "consumer_key", "consumer_secret"})


# --- bodies ----------------------------------------------------------------------------------------------------------


def _shaped(said: dict[str, Any] | None) -> dict[str, Any] | None:
    """Authentication has no tag: it is told by its members."""
    if said is None or not said:
        return said
    names = said.keys()
    if names == {"credentials"}:
        if not isinstance(said["credentials"], dict) or not said["credentials"]:
            raise ValueError("credentials must be an object that is not empty")
        return said
    for known, needed in ((_OAUTH_TOKEN, "access_token"), (_AUTH_PROVIDER, "provider_readable_id")):
        if needed in names and names <= known and isinstance(said[needed], str):
            return said
    if names <= _OAUTH_BROWSER:
        return said
    raise ValueError("no way of authentication has these members")


class ConnectionIn(Body):
    """A new source connection."""

    name: str | None = Field(default=None, min_length=4, max_length=42)
    short_name: str = Field(min_length=1, max_length=200)
    readable_collection_id: str = Field(min_length=1, max_length=200)
    description: str | None = Field(default=None, max_length=255)
    config: dict[str, Any] | None = None
    schedule: ScheduleIn | None = None
    sync_immediately: bool | None = None
    authentication: dict[str, Any] | None = None
    redirect_url: str | None = Field(default=None, max_length=2000)

    _authentication = field_validator("authentication")(_shaped)


class ConnectionChange(Body):
    """What may change of a source connection. What is left out stays; null takes a description or schedule away."""

    name: str | None = Field(default=None, min_length=4, max_length=42)
    description: str | None = Field(default=None, max_length=255)
    config: dict[str, Any] | None = None
    schedule: ScheduleIn | None = None
    authentication: dict[str, Any] | None = None

    _authentication = field_validator("authentication")(_shaped)

    @model_validator(mode="after")
    def _something(self) -> ConnectionChange:
        if not self.model_fields_set:
            raise ValueError("at least one field must be given")
        return self


class Listed(Query):
    """Which connections."""

    collection: str | None = Field(default=None, max_length=200)
    skip: int = Field(default=0, ge=0, le=1 << 53)
    limit: int = Field(default=100, ge=1, le=1000)


# --- found -----------------------------------------------------------------------------------------------------------


def found(call: Call, control: Control) -> Connector:
    """The connection that the path names. Raises Fault (404), also for one that this key may not see; Invalid."""
    id = uuid_of(call.path["id"], "source_connection_id")
    connector = control.connector(id)
    if connector is None or connector.id != id:
        connector = by_uuid(control.connectors(), id, lambda one: one.id)
    if connector is None or not call.caller.sees(connector.index):
        raise Fault(404, "Source connection not found")
    return connector


def has_sync(room: Installation, connector: Connector, last: Job | None) -> bool:
    """False for one that was made without a schedule and never ran."""
    return own(connector).get("sync", True) or last is not None or timetable.shape(room, connector) is not None


# --- shown -----------------------------------------------------------------------------------------------------------


def status(job: Job | None) -> str:
    """Computed from the last job."""
    if job is None:
        return "active"
    if job.state in (JobState.RUNNING, JobState.STOPPING):
        return "syncing"
    if job.state is JobState.FAILED:
        return "needs_reauth" if jobs.refused(job) else "error"
    return "active"


def config_of(call: Call, connector: Connector) -> dict[str, Any]:
    """The settings without secrets."""
    source = call.sources.of_kind(connector.kind)
    secrets = frozenset() if source is None else source.secrets
    shown = {name: value for name, value in connector.config.items() if name not in secrets and not _sealed(value)}
    return masked(shown)


def _sealed(value: Any) -> bool:
    return isinstance(value, Mapping) and SEALED in value


def live(call: Call, room: Installation, connector: Connector, last: Job | None) -> int:
    """How many documents of it are in the index now. Only jobs change that: between them it is remembered."""
    if last is None or not room.has_index(connector.index):
        return 0
    known = call.counts.get(connector.number)
    if known is not None and known[0] == last.number:
        return known[1]
    count = room.index(connector.index).count(connector.number)[1]
    if not last.active:
        if len(call.counts) >= MAX_COUNTS:
            call.counts.clear()
        call.counts[connector.number] = (last.number, count)
    return count


def collection_id(control: Control, connector: Connector) -> str:
    """The readable id of its collection."""
    index = control.index(connector.index)
    return connector.index if index is None else readable_id(index)


def shape(call: Call, room: Installation, connector: Connector) -> dict[str, Any]:
    """One connection with everything."""
    control = room.control()
    last = control.last_job(connector.number)
    failed = last if last is not None and last.state is JobState.FAILED else None
    id = as_uuid(connector.id)
    return {
        "id": id,
        "organization_id": ORGANIZATION,
        "name": connection_name(connector),
        "description": connector.description or None,
        "short_name": short_name(connector.kind),
        "readable_collection_id": collection_id(control, connector),
        "status": status(last),
        "created_at": naive(connector.created_at),
        "modified_at": naive(connector.updated_at or connector.created_at),
        "auth": _auth(connector),
        "config": config_of(call, connector),
        "schedule": timetable.shape(room, connector),
        "sync": _sync(control, connector, last),
        "sync_id": sync_id(connector.id) if has_sync(room, connector, last) else None,
        "entities": _entities(call, room, connector, last),
        "federated_search": False,
        "error_category": jobs.API_KEY_INVALID if jobs.refused(last) else None,
        "error_message": None if failed is None else jobs.details(failed)["error"],
        "provider_settings_url": None,
        "provider_short_name": None,
    }


def _auth(connector: Connector) -> dict[str, Any]:
    return {
        "method": "direct",
        "authenticated": True,
        "authenticated_at": naive(own(connector).get("authenticated_at", connector.created_at)),
        **dict.fromkeys(
            (
                *("expires_at", "auth_url", "auth_url_expires", "redirect_url", "claim_token"),
                *("provider_readable_id", "provider_id"),
            )
        ),
    }


def _sync(control: Control, connector: Connector, last: Job | None) -> dict[str, Any] | None:
    if last is None:
        return None
    counts = control.job_counts_of(connector.number)
    good = sum(counts.get(state.value, 0) for state in (JobState.SUCCEEDED, JobState.INCOMPLETE))
    return {
        "total_runs": sum(counts.values()),
        "successful_runs": good,
        "failed_runs": counts.get(JobState.FAILED.value, 0),
        "last_job": jobs.details(last),
    }


def _entities(call: Call, room: Installation, connector: Connector, last: Job | None) -> dict[str, Any]:
    count = live(call, room, connector, last)
    at = None if last is None else last.ended_at or last.heartbeat_at
    types = {entity_type(connector.kind): {"count": count, "last_updated": naive(at)}} if count else {}
    return {"total_entities": count, "by_type": types}


def _item(call: Call, room: Installation, connector: Connector, collection_id: str) -> dict[str, Any]:
    last = room.control().last_job(connector.number)
    return {
        "id": as_uuid(connector.id),
        "name": connection_name(connector),
        "short_name": short_name(connector.kind),
        "readable_collection_id": collection_id,
        "created_at": naive(connector.created_at),
        "modified_at": naive(connector.updated_at or connector.created_at),
        "is_authenticated": True,
        "entity_count": live(call, room, connector, last),
        "federated_search": False,
        "auth_method": "direct",
        "status": status(last),
    }


# --- looked at -------------------------------------------------------------------------------------------------------


def list_connections(call: Call) -> Response:
    """Newest first; none for a collection that there is not."""
    query: Listed = call.query
    with call.room() as room:
        control = room.control()
        if query.collection is None:
            some = control.connectors()
        else:
            index = collection(control, query.collection)
            some = [] if index is None else control.connectors_of(index.name)
        chosen = [one for one in some if call.caller.sees(one.index)]
        chosen.sort(key=lambda one: (-one.created_at, -one.number))
        page = chosen[query.skip : query.skip + query.limit]
        ids = {name: readable_id(index) for name in {one.index for one in page} if (index := control.index(name))}
        return answered([_item(call, room, one, ids.get(one.index, one.index)) for one in page])


def get_connection(call: Call) -> Response:
    """With its last job, its schedule and what it holds."""
    with call.room() as room:
        return answered(shape(call, room, found(call, room.control())))


def get_sync_id(call: Call) -> Response:
    """The id of its sync. 404 when it has none."""
    with call.room() as room:
        connector = found(call, room.control())
        if not has_sync(room, connector, room.control().last_job(connector.number)):
            raise Fault(404, "No sync found for this source connection")
        return answered({"sync_id": sync_id(connector.id)})


# --- made ------------------------------------------------------------------------------------------------------------


class Settings(NamedTuple):
    """What a source is opened with: `wanted` as it was given, `valid` with defaults; secrets are in clear in both."""

    wanted: dict[str, Any]
    valid: dict[str, Any]


def create_connection(call: Call) -> Response:
    """A new one; it runs at once unless that is not wanted."""
    body: ConnectionIn = call.body
    source = _source(call, body.short_name)
    given = _credentials(source, body.authentication)
    settings = _validated(source, given, body.config or {})
    _check_reach(call, source, settings.valid)
    with call.room() as room:
        _check_live(call, room, source, settings.wanted)
        now = room.clock()
        index = collections.found(call, room, body.readable_collection_id)
        cron = timetable.default_cron(source, now) if body.schedule is None else body.schedule.cron
        often = timetable.checked(cron, source, now) if cron else False
        immediately = body.sync_immediately is not False
        added = _stored(call, room, body, source, settings.wanted, index.name, cron, often, immediately)
        shown = shape(call, room, added)
    if immediately:
        call.host.wake()
    return answered(shown)


def _source(call: Call, short: str) -> Source:
    source = call.sources.get(short)
    if source is None:
        raise Fault(404, f"Source '{short:.200}' not found")
    return source


def _credentials(source: Source, said: Mapping[str, Any] | None) -> dict[str, Any]:
    """The credentials. Raises Fault for any way of logging in but the direct one."""
    if said and "credentials" in said:
        return dict(said["credentials"])
    if said:
        method = "oauth_browser"
        method = "oauth_token" if "access_token" in said else method
        method = "auth_provider" if "provider_readable_id" in said else method
        raise Fault(400, _unsupported(source, method))
    if source.needed:
        raise Fault(400, _unsupported(source, "oauth_browser"))
    return {}


def _unsupported(source: Source, method: str) -> str:
    return f"Source '{source.short_name}' does not support authentication method '{method}'. Supported methods: direct"


def _validated(source: Source, given: Mapping[str, Any], config: Mapping[str, Any]) -> Settings:
    """Credentials first, then settings; settings that the source does not have are dropped. Raises Fault (422)."""
    from syncline.sources import registry

    strange = {name: "is not a field of this source" for name in given if name not in source.fields}
    if strange:
        raise Fault(422, _faulty("auth", strange))
    wanted = {**{name: value for name, value in config.items() if name in source.fields}, **given}
    try:
        connectors.check_no_mask(source.kind, wanted)
        return Settings(wanted, registry.validate(source.kind, wanted))
    except ConfigInvalid as error:
        faults: Mapping[str, str] = error.details.get("fields") or {"": error.message}
    heads = {name: name.partition(".")[0].partition("[")[0] for name in faults}
    wrong = {name: faults[name] for name, head in heads.items() if head in source.secrets or head in given}
    raise Fault(422, _faulty("auth", wrong) if wrong else _faulty("config", faults))


def _faulty(what: str, faults: Mapping[str, str]) -> str:
    told = "; ".join(f"{name}: {fault}" if name else fault for name, fault in faults.items())
    return f"Invalid {what} fields: {told}"[:2000]


def _check_reach(call: Call, source: Source, valid: Mapping[str, Any]) -> None:
    try:
        reach.check_kind(source.kind)
        reach.check_settings(source.kind, valid, call.host.folder_roots)
    except SynclineError as error:
        raise Fault(422, f"Invalid config fields: {said(error)}") from None


def _check_live(call: Call, room: Installation, source: Source, wanted: Mapping[str, Any]) -> None:
    """Whether the source can be read now, asked in a process of its own. Raises Fault: 400, 429 or 502."""
    if not source.fields:  # there is nothing to be wrong
        return
    try:
        call.host.run_task(
            checking.TASK, checking.CHECK_S, data_dir=room.data_dir, kind=source.kind, settings=dict(wanted)
        )
    except SynclineError as error:
        fault = fault_of(error)
        category = str(error.as_dict().get("category"))
        if category == "internal" and fault.status == 500:
            raise Fault(502, f"Source '{source.short_name}' could not be validated: its check failed") from None
        here = category == "source" and bool(reach.paths_of(source.kind))  # on this machine: nobody else is to blame
        status = 400 if here or fault.status in (404, 409, 422) else fault.status
        raise Fault(status, f"Source validation failed: {fault.detail}") from None


def _stored(
    call: Call,
    room: Installation,
    body: ConnectionIn,
    source: Source,
    wanted: Mapping[str, Any],
    index: str,
    cron: str | None,
    often: bool,
    immediately: bool,
) -> Connector:
    """Connector, schedule and job, all or none."""
    control = room.control()
    name = body.name or f"{source.name} Connection"[:42]
    with control.writing("airweave_connection"):
        if control.index(index) is None:
            raise Fault(404, f"Collection '{body.readable_collection_id:.200}' not found")
        taken = (one.name for one in control.connectors())
        draft = connectors.draft(control, source.kind, wanted, name=connector_name(name, taken), index=index)
        draft.description = body.description or ""
        now = room.clock()
        draft.extras[NAME] = {"name": name, "authenticated_at": now, "sync": bool(cron) or immediately}
        added = connectors.add(room, draft)
        if cron:
            timetable.put(room, added, cron, often)
        messages.begin(room)
        messages.tell(room, "source_connection.created", messages.of_connection(control, added))
        if immediately:
            job_service.start(room, added, cause=CAUSE, requested_by=call.caller.key_id)
    return added


# --- changed ---------------------------------------------------------------------------------------------------------


def update_connection(call: Call) -> Response:
    """Settings are replaced, not merged; credentials as well, which lets its schedule run again."""
    body: ConnectionChange = call.body
    with call.room() as room:
        for attempt in range(TRIES):
            try:
                changed = _changed(call, room, body, found(call, room.control()))
                break
            except Conflict:
                if attempt == TRIES - 1:
                    raise
        return answered(shape(call, room, changed))


def _changed(call: Call, room: Installation, body: ConnectionChange, connector: Connector) -> Connector:
    given, control = body.model_fields_set, room.control()
    source = call.sources.of_kind(connector.kind)
    replaced = body.authentication is not None
    settings = None
    if replaced or body.config is not None:
        settings = _replaced(call, room, body, connector, source)
    cron, often = body.schedule.cron if body.schedule is not None else None, False
    if cron:
        often = timetable.checked(cron, source, room.clock())
    with control.writing("airweave_connection"):
        same = not replaced and refused(control, connector) is not None
        notes: dict[str, Any] = {} if body.name is None else {"name": body.name}
        resumed = replaced and own(connector).get("held", False)
        if replaced:
            notes |= {"authenticated_at": room.clock(), "held": False}
        if "schedule" in given and cron:
            notes["sync"] = True
        keep(connector, notes, same=same)
        changed = connectors.update(
            room,
            connector,
            description=(body.description or "") if "description" in given else None,
            settings=settings,
            paused=False if resumed else None,
        )
        if cron:
            timetable.put(room, changed, cron, often)
        elif "schedule" in given:
            timetable.remove(room, changed)
    return changed


def _replaced(
    call: Call, room: Installation, body: ConnectionChange, connector: Connector, source: Source | None
) -> dict[str, Any]:
    """What to set so that the connector has these settings and no others; None takes one back to its default."""
    if source is None:
        raise Fault(400, f"Connections of '{short_name(connector.kind):.200}' cannot be changed here")
    clear = _opened(room, connector, without_secrets=body.authentication is not None, source=source)
    hidden = {name: value for name, value in clear.items() if name in source.secrets}
    plain = {name: value for name, value in clear.items() if name not in source.secrets}
    fresh = _credentials(source, body.authentication) if body.authentication is not None else {}
    if body.authentication is not None:
        hidden = {}
    if body.config is not None:
        plain = {name: value for name, value in body.config.items() if value is not None}
    wanted = _validated(source, fresh, {**hidden, **plain})
    _check_reach(call, source, wanted.valid)
    if body.authentication is not None:
        _check_live(call, room, source, wanted.wanted)
    return {**dict.fromkeys(clear), **wanted.wanted}


def _opened(room: Installation, connector: Connector, *, without_secrets: bool, source: Source) -> dict[str, Any]:
    """The settings in clear; secrets that are to be replaced need not be readable any more."""
    if without_secrets:
        return {name: None if name in source.secrets else value for name, value in connector.config.items()}
    return dict(room.vault.open(connector.id, connector.config).config)


# --- removed ---------------------------------------------------------------------------------------------------------


def delete_connection(call: Call) -> Response:
    """With its documents. A sync that runs is cancelled first."""
    with call.room() as room:
        control = room.control()
        connector = found(call, control)
        shown = shape(call, room, connector)
        told = messages.of_connection(control, connector)
        removal.remove_connector(room, connector, call.host.wake)
        messages.tell(room, "source_connection.deleted", told)
    return answered(shown)


# --- jobs ------------------------------------------------------------------------------------------------------------


class Run(Query):
    """How to run."""

    force_full_sync: bool = False


class Jobs(Query):
    """How many jobs."""

    limit: int = Field(default=100, ge=1, le=1000)


def run_connection(call: Call) -> Response:
    """Start a sync. While one is under way the answer is 400; with refused credentials it is 409 until they are
    replaced."""
    with call.room() as room:
        connector = found(call, room.control())
        job = start(call, room, connector, force=call.query.force_full_sync)
    call.host.wake()
    return answered(jobs.shape(job, as_uuid(connector.id)))


def start(call: Call, room: Installation, connector: Connector, *, force: bool = False) -> Job:
    """The job that was started. Raises Fault."""
    control = room.control()
    if not has_sync(room, connector, control.last_job(connector.number)):
        raise Fault(404, "No sync found for this source connection")
    with control.writing("airweave_run"):  # invariant 3: of several at once, one
        active = control.active_job(connector.number)
        if active is not None:
            raise Fault(400, f"Cannot start new sync: a sync job is already {jobs.STATUS[active.state]}")
        if refused(control, connector) is not None:
            raise Fault(409, "Sync is paused: its credentials were refused. Update the connection's credentials first.")
        return job_service.start(room, connector, force=force, cause=CAUSE, requested_by=call.caller.key_id).job


def list_jobs(call: Call) -> Response:
    """Newest first."""
    with call.room() as room:
        control = room.control()
        connector = found(call, control)
        some = control.jobs(connector.number, limit=call.query.limit)
        if not some and not has_sync(room, connector, None):
            raise Fault(404, "No sync found for this source connection")
        return answered([jobs.shape(job, as_uuid(connector.id)) for job in some])


def _job(call: Call, control: Control, connector: Connector) -> Job:
    id = uuid_of(call.path["job_id"], "job_id")
    with suppress(UsageError):
        job = control.find_job(id)
        if job.connector_number == connector.number and job.id == id:
            return job
    raise Fault(404, "Sync job not found")


def get_job(call: Call) -> Response:
    """One job, with its counters as of now."""
    with call.room() as room:
        control = room.control()
        connector = found(call, control)
        return answered(jobs.shape(_job(call, control, connector), as_uuid(connector.id)))


def cancel_job(call: Call) -> Response:
    """A job that waits is cancelled at once; one that runs is being cancelled."""
    with call.room() as room:
        control = room.control()
        connector = found(call, control)
        job = _job(call, control, connector)
        if not job.active:
            raise Fault(400, f"Cannot cancel job in {jobs.STATUS[job.state]} state")
        stopped = job_service.stop(room, job.id)
        if stopped.state not in (JobState.STOPPED, JobState.STOPPING):  # it came to its end in this moment
            raise Fault(400, f"Cannot cancel job in {jobs.STATUS[stopped.state]} state")
    call.host.wake()
    return answered(jobs.shape(stopped, as_uuid(connector.id)))


def refresh_all(call: Call) -> Response:
    """Start every connection of a collection that can be started now."""
    started = []
    with call.room() as room:
        index = collections.found(call, room, call.path["readable_id"])
        for connector in room.control().connectors_of(index.name):
            with suppress(Fault):
                started.append(jobs.shape(start(call, room, connector), as_uuid(connector.id)))
    call.host.wake()
    return answered(started)
