"""AWS IoT TwinMaker: workspaces, their entities and component types, and sync jobs that follow AWS IoT SiteWise.

    workspace ── index          entity, component type ── document          sync job ── connector of the kind sitewise

A sync job stands until it is deleted; its passes are ordinary jobs, begun by the clockwork. What it has brought lies in
the index and is read from there; what people make lies in records (`place`), and its documents follow.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from syncline.dialects.aws import Fault, Request, Wire
from syncline.dialects.host import Host
from syncline.dialects.twinmaker import chores, entities, reading, syncjobs, tagging, types, workspaces
from syncline.model.errors import (
    ConfigInvalid,
    Conflict,
    DataDirectoryError,
    JobActive,
    NotFound,
    SynclineError,
    UsageError,
)

Function = Callable[[Host, Request], Mapping[str, Any]]

OPERATIONS: Final[Mapping[str, Function]] = {
    "CreateWorkspace": workspaces.create,
    "GetWorkspace": workspaces.get,
    "UpdateWorkspace": workspaces.update,
    "ListWorkspaces": workspaces.page,
    "DeleteWorkspace": workspaces.delete,
    "CreateSyncJob": syncjobs.create,
    "GetSyncJob": syncjobs.get,
    "ListSyncJobs": syncjobs.page,
    "DeleteSyncJob": syncjobs.delete,
    "ListSyncResources": syncjobs.resources,
    "CreateComponentType": types.create,
    "GetComponentType": types.get,
    "ListComponentTypes": types.page,
    "DeleteComponentType": types.delete,
    "CreateEntity": entities.create,
    "GetEntity": entities.get,
    "ListEntities": entities.page,
    "UpdateEntity": entities.update,
    "DeleteEntity": entities.delete,
    "GetPropertyValue": reading.value,
    "GetPropertyValueHistory": reading.history,
    "TagResource": tagging.tag,
    "UntagResource": tagging.untag,
    "ListTagsForResource": tagging.page,
}


def build(host: Host) -> Wire:
    """The application. Any Host will do, with `api.` or `data.` before it or not."""
    return Wire(
        "iottwinmaker",
        {name: partial(work, host) for name, work in OPERATIONS.items()},
        secret_of=host.secret_of,
        caller_of=host.identify_pair,
        translate=_translated,
        clock=host.clock,
    )


def by_the_clock(host: Host) -> float | None:
    """See `chores.run`."""
    return chores.run(host)


def _translated(error: SynclineError) -> Fault | None:
    """What the rooms below raise, in TwinMaker's words; None for our own fault."""
    if isinstance(error, NotFound):
        return Fault("ResourceNotFoundException", error.message)
    if isinstance(error, Conflict):
        return Fault("ConflictException", error.message)
    if isinstance(error, JobActive) or (isinstance(error, DataDirectoryError) and error.code == "data_dir.busy"):
        return Fault("ThrottlingException", error.message)
    if isinstance(error, (UsageError, ConfigInvalid)):
        return Fault("ValidationException", error.message)
    return None
