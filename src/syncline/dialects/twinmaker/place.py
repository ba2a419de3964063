"""Workspaces as indexes: found by the name TwinMaker's clients know them by, with what is kept beside them.

index       its description; extras["twinmaker"]: name, role, bucket, region
connector   the sync job; extras["twinmaker"]: source, role, region, whether it is being deleted
records     workspace  id: name                    ▶ the index
            job        id: index/source            ▶ the connector
            entity     id: index/entity            made by hand; parent: index
            child      id: index/entity            parent: index/parent entity
            name       id: index/parent/name       of an entity below another one: no two siblings share one
            more       id: index/entity            own components of a synced entity; parent: index
            use        id: index/entity/component  parent: index/component type
            type       id: index/component type    made by hand; parent: index
            heir       id: index/type/base         parent: index/base type
            tags       id: index/what              parent: index
            unsaid     id: index/document          parent: index; the documents of the index must follow
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from syncline.dialects.aws import Fault, Request
from syncline.dialects.host import Caller, Host
from syncline.model.connectors import Connector
from syncline.model.errors import NotFound
from syncline.model.indexes import Index
from syncline.service import indexes
from syncline.store.relational.control import Control
from syncline.store.relational.records import Records
from syncline.wiring import Installation

DIALECT: Final = "twinmaker"
SOURCE: Final = "SITEWISE"  # the only one that custom workspaces can follow
KIND: Final = "sitewise"
ACCOUNT: Final = "000000000000"  # there are none here
CAUSE: Final = "twinmaker sync"
_ID: Final = re.compile(r"[a-zA-Z_0-9][a-zA-Z_\-0-9]*[a-zA-Z0-9]+")
_ARN: Final = re.compile(r"arn:aws(?:-cn|-us-gov)?:iottwinmaker:[a-z0-9-]+:[0-9]{12}:workspace/([^/]+)(?:/(.+))?")


@dataclass
class Place:
    """One workspace at work, for one request. `room` is nobody else's meanwhile."""

    host: Host
    room: Installation
    index: Index
    region: str  # of whoever asks

    @property
    def control(self) -> Control:
        """The control plane."""
        return self.room.control()

    @cached_property
    def records(self) -> Records:
        """What TwinMaker keeps beyond indexes and connectors."""
        return Records(self.control, DIALECT)

    @property
    def id(self) -> str:
        """What TwinMaker's clients call it."""
        return workspace_id(self.index)

    @property
    def own(self) -> dict[str, Any]:
        """What is kept with the index."""
        found: dict[str, Any] = self.index.extras.get(DIALECT, {})
        return found

    def key(self, *parts: str) -> str:
        """The id of a record of this workspace."""
        return "/".join((self.index.id, *parts))

    def arn(self, *parts: str) -> str:
        """Of the workspace, or of something in it."""
        return arn(self.own.get("region") or self.region, self.id, *parts)

    @cached_property
    def feeding(self) -> list[Connector]:
        """The connectors that feed the index."""
        return indexes.feeding(self.room, self.index)

    @property
    def job(self) -> Connector | None:
        """The sync job: the one that TwinMaker's clients have made, or the oldest one that reads SiteWise."""
        found = [one for one in self.feeding if one.kind == KIND]
        return min(found, key=lambda one: (not one.extras.get(DIALECT), one.number), default=None)


def workspace_id(index: Index) -> str:
    """The name it was made under; the index's own where TwinMaker can spell it, else the id."""
    given = index.extras.get(DIALECT, {}).get("id")
    return str(given or (index.name if _ID.fullmatch(index.name) else index.id))


def arn(region: str, workspace: str, *parts: str) -> str:
    """Of a workspace, or of something in it."""
    return f"arn:aws:iottwinmaker:{region}:{ACCOUNT}:" + "/".join(("workspace", workspace, *parts))


def split_arn(text: str) -> tuple[str, str] | None:
    """(workspace, the rest: "", "sync-job/SITEWISE", "entity/…", "component-type/…"); None for any other."""
    found = _ARN.fullmatch(text)
    return (found[1], found[2] or "") if found else None


def lookup(room: Installation, workspace: str) -> Index | None:
    """The index behind a workspace, whoever may see it."""
    record = Records(room.control(), DIALECT).get("workspace", workspace)
    try:
        index = indexes.get(room, record.body["index"] if record else workspace)
    except NotFound:
        return None
    return index if workspace_id(index) == workspace else None


def find(host: Host, room: Installation, request: Request, code: str, workspace: str | None = None) -> Place:
    """The workspace that the request names. Raises Fault with that code when there is none; Forbidden."""
    name = request["workspaceId"] if workspace is None else workspace
    index = lookup(room, name)
    if index is None:
        raise Fault(code, f"There is no workspace {name}.")
    caller: Caller = request.caller
    caller.need_index(index.name)
    return Place(host, room, index, request.region)


def visible(host: Host, room: Installation, request: Request) -> Iterator[Place]:
    """Every workspace that the caller may see, by name of the index."""
    for index in indexes.all(room):
        if request.caller.sees(index.name):
            yield Place(host, room, index, request.region)
