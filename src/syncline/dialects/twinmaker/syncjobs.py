"""Sync jobs, which are connectors here: they stand, and follow SiteWise until they are deleted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from syncline.dialects import names
from syncline.dialects.aws import Fault, Request
from syncline.dialects.host import Host
from syncline.dialects.twinmaker import labels, paging, standing, synced
from syncline.dialects.twinmaker.place import ACCOUNT, CAUSE, DIALECT, KIND, SOURCE, Place, find, visible
from syncline.model.connectors import Connector
from syncline.model.documents import State
from syncline.model.errors import Conflict
from syncline.model.jobs import Job
from syncline.model.outcomes import Kind, Outcome
from syncline.service import connectors, following
from syncline.sources.sitewise.inventory import PREFIX
from syncline.store.relational.shelf import Row, Shelf
from syncline.wiring import Installation

INVALID, NOT_FOUND = "ValidationException", "ResourceNotFoundException"
WHAT: Final = f"sync-job/{SOURCE}"
NO_ROLE: Final = f"arn:aws:iam::{ACCOUNT}:role/syncline"  # of one that TwinMaker's clients have not made
SCANNED: Final = 5000  # rows looked at for one page; a page may then hold less than was asked for
BATCH: Final = 200


def create(host: Host, request: Request) -> dict[str, Any]:
    """CreateSyncJob."""
    with host.room() as room:
        place = find(host, room, request, INVALID)
        _check_source(request)
        taken = (one.name for one in room.control().connectors())
        draft = connectors.draft(
            room.control(),
            KIND,
            {"region": _region(host, request), "sibling_names": "unique"},
            name=names.connector_name(f"{place.id} {SOURCE}", taken),
            index=place.index.name,
        )
        draft.description = f"Assets of AWS IoT SiteWise, followed by the IoT TwinMaker workspace {place.id}."
        draft.extras[DIALECT] = {"source": SOURCE, "role": request["syncRole"], "region": request.region}
        with place.control.writing("twinmaker.create_job"):
            if place.job is not None:
                raise Fault("ConflictException", f"The workspace {place.id} has a sync job for {SOURCE} already.")
            made = connectors.add(room, draft)
            place.records.put("job", place.key(SOURCE), {"connector": made.id}, made.created_at, place.index.id)
            labels.first(place, WHAT, request)
            following.begin(room, made, CAUSE, requested_by=request.key_id)
        host.wake()
        return {"arn": place.arn(WHAT), "creationDateTime": made.created_at, "state": "CREATING"}


def _check_source(request: Request) -> None:
    if request["syncSource"] != SOURCE:
        raise Fault(INVALID, f"The syncSource {request['syncSource']} cannot be followed; {SOURCE} can.")


def _region(host: Host, request: Request) -> str:
    """Of the assets: what the server's environment says, else the region that the client has signed for."""
    return host.environ.get("AWS_REGION") or host.environ.get("AWS_DEFAULT_REGION") or request.region


def get(host: Host, request: Request) -> dict[str, Any]:
    """GetSyncJob: of a workspace, or the only one there is."""
    with host.room() as room:
        if "workspaceId" in request:
            place, job = _named(host, room, request)
        else:
            place, job = _only(host, room, request)
        own = job.extras.get(DIALECT, {})
        return {
            "arn": place.arn(WHAT),
            "workspaceId": place.id,
            "syncSource": SOURCE,
            "syncRole": own.get("role", NO_ROLE),
            "status": standing.status(place, job),
            "creationDateTime": job.created_at,
            "updateDateTime": standing.updated(place, job),
        }


def _named(host: Host, room: Installation, request: Request) -> tuple[Place, Connector]:
    place = find(host, room, request, NOT_FOUND)
    job = place.job if request["syncSource"] == SOURCE else None
    if job is None:
        raise Fault(NOT_FOUND, f"The workspace {place.id} has no sync job for {request['syncSource']}.")
    return place, job


def _only(host: Host, room: Installation, request: Request) -> tuple[Place, Connector]:
    places = visible(host, room, request) if request["syncSource"] == SOURCE else ()
    found = [(place, job) for place in places if (job := place.job) is not None]
    if len(found) > 1:
        raise Fault(INVALID, f"There are {len(found)} sync jobs for {SOURCE}; say of which workspace.")
    if not found:
        raise Fault(NOT_FOUND, f"There is no sync job for {request['syncSource']}.")
    return found[0]


def page(host: Host, request: Request) -> dict[str, Any]:
    """ListSyncJobs: one at the most."""
    with host.room() as room:
        place = find(host, room, request, INVALID)
        job = place.job
        shown, token = paging.page(request, [job] if job else [], lambda one: one.id)
        return {"syncJobSummaries": [_summary(place, one) for one in shown], "nextToken": token}


def _summary(place: Place, job: Connector) -> dict[str, Any]:
    return {
        "arn": place.arn(WHAT),
        "workspaceId": place.id,
        "syncSource": SOURCE,
        "status": standing.status(place, job),
        "creationDateTime": job.created_at,
        "updateDateTime": standing.updated(place, job),
    }


def delete(host: Host, request: Request) -> dict[str, Any]:
    """DeleteSyncJob: what it has brought goes, then the job; what people have made stays. The clockwork does it."""
    with host.room() as room:
        place, job = _named(host, room, request)
        if not standing.deleting(job):
            with place.control.writing("twinmaker.delete_job"):
                job = connectors.annotate(room, job, DIALECT, lambda own: {**own, "deleting": True})
                job = connectors.pause(room, job)
                place.records.put("job", place.key(SOURCE), {"connector": job.id}, room.clock(), place.index.id)
            following.halt(room, job)
        host.wake()
        return {"state": "DELETING"}


# --- what it has brought ---------------------------------------------------------------------------------------------


def resources(host: Host, request: Request) -> dict[str, Any]:
    """ListSyncResources: assets and models, by id."""
    with host.room() as room:
        place = find(host, room, request, INVALID)
        job = place.job if request["syncSource"] == SOURCE else None
        if job is None:
            raise Fault(INVALID, f"The workspace {place.id} has no sync job for {request['syncSource']}.")
        wanted = [next(iter(one.items())) for one in request.get("filters", ())]
        (after,) = paging.place(request, "")
        shelf = synced.shelf(place)
        shown, token = _scan(place, job, shelf, request, wanted, after) if shelf else ([], None)
        return {"syncResources": shown, "nextToken": token}


def _scan(
    place: Place, job: Connector, shelf: Shelf, request: Request, wanted: list[tuple[str, str]], after: str
) -> tuple[list[dict[str, Any]], str | None]:
    reports, size, shown, seen = Reports(place, job, shelf), paging.size(request), list[dict[str, Any]](), 0
    while rows := shelf.rows(job.number, after, BATCH):
        for row, told in reports.of(rows):
            if len(shown) == size or seen >= SCANNED:
                return shown, paging.token(request, after)
            seen, after = seen + 1, row.id
            if _suits(told, wanted):
                shown.append(told)
    return shown, None


def _suits(told: Mapping[str, Any], wanted: list[tuple[str, str]]) -> bool:
    return all((told["status"]["state"] if name == "state" else told[name]) == value for name, value in wanted)


class Reports:
    """What became of each resource, as far as the newest passes tell."""

    def __init__(self, place: Place, job: Connector, shelf: Shelf) -> None:
        self._place = place
        self._job = job
        self._shelf = shelf
        self._times = synced.Times(place)
        stands = following.standing(place.room, job)
        self._deleting = standing.deleting(job)
        self._passes: list[Job] = [one for one in (stands.active, stands.passed) if one is not None]
        self._withheld = stands.withheld

    def of(self, rows: list[Row]) -> Iterator[tuple[Row, dict[str, Any]]]:
        """A SyncResourceSummary for each row of the ledger."""
        told = [(one, self._shelf.outcomes(one.number, [row.id for row in rows])) for one in self._passes]
        waiting: dict[str, str] = {}
        if self._withheld and rows:
            waiting = {one.id: one.reason for one in self._shelf.withheld(self._job.number, "", self._withheld)}
        for row in rows:
            newest = next(((one, outcomes[row.id]) for one, outcomes in told if row.id in outcomes), None)
            yield row, self._report(row, newest, waiting.get(row.id))

    def _report(self, row: Row, newest: tuple[Job, Outcome] | None, waiting: str | None) -> dict[str, Any]:
        is_type = row.id.startswith(PREFIX)
        id = row.id.removeprefix(PREFIX)  # TwinMaker's id of a resource cannot be spelled with a dot
        failed = newest is not None and newest[1].kind is Kind.FAILED
        job = newest[0].number if newest is not None and failed else row.job
        return {
            "resourceType": "COMPONENT_TYPE" if is_type else "ENTITY",
            "externalId": id,
            "resourceId": id,
            "status": self._status(row, newest[1] if newest else None, waiting),
            "updateDateTime": self._times.of_job(job),
        }

    def _status(self, row: Row, outcome: Outcome | None, waiting: str | None) -> dict[str, Any]:
        if outcome is not None and outcome.kind is Kind.FAILED:
            told = " ".join(filter(None, (outcome.message, outcome.remedy)))
            code = "VALIDATION_ERROR" if outcome.code.startswith("twin.") else "SYNC_PROCESSING_ERROR"
            return {"state": "ERROR", "error": {"code": code, "message": told[:2048]}}
        if waiting is not None:
            told = f"It looks gone from SiteWise, and its deletion waits for approval: {waiting}"
            return {"state": "ERROR", "error": {"code": "SYNC_DELETING_ERROR", "message": told}}
        if row.state is State.FAILED:
            told = "It could not be taken; the next pass tries again."
            return {"state": "ERROR", "error": {"code": "SYNC_CREATING_ERROR", "message": told}}
        return {"state": "PROCESSING" if self._deleting else "IN_SYNC"}


# --- by the clock ----------------------------------------------------------------------------------------------------


def followers(room: Installation, records: Any) -> tuple[list[Connector], list[Connector]]:
    """Sync jobs that TwinMaker's clients have made: those that stand, and those to be deleted. Notes of connectors that
    are gone are dropped."""
    standing_ones: list[Connector] = []
    leaving: list[Connector] = []
    for record in records.all("job"):
        found = room.control().connector(record.body["connector"])
        if found is None:
            records.remove("job", record.id)
        else:
            (leaving if standing.deleting(found) else standing_ones).append(found)
    return standing_ones, leaving


def retire(room: Installation, records: Any, connector: Connector) -> bool:
    """Remove it and what it has brought, with what people have added to that. False: not yet."""
    if not connector.paused:  # somebody has set it going again
        try:
            connector = connectors.pause(room, connector)
        except Conflict:
            return False
    index = room.control().index(connector.index)
    if not following.retire(room, connector):
        return False
    if index is not None:
        with room.control().writing("twinmaker.retired"):
            for record in records.all("more", index.id):
                drop_additions(records, record.id, record.body["components"])
            records.remove("job", f"{index.id}/{SOURCE}")
            records.remove("tags", f"{index.id}/{WHAT}")
    return True


def drop_additions(records: Any, id: str, components: Mapping[str, Any]) -> None:
    """Own components of a synced entity that is gone."""
    for name in components:
        records.remove("use", f"{id}/{name}")
    records.remove("more", id)
