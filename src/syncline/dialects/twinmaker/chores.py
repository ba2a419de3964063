"""What happens by time: passes of sync jobs, the end of those that are deleted, and what a dead server has left."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from syncline.dialects.host import Host
from syncline.dialects.twinmaker import publishing, standing, syncjobs
from syncline.dialects.twinmaker.place import CAUSE, DIALECT, Place
from syncline.model.connectors import Connector
from syncline.model.errors import NotFound
from syncline.service import following
from syncline.store.relational.records import Records
from syncline.wiring import Installation

INTERVAL: Final = "SYNCLINE_TWINMAKER_INTERVAL_S"
USUAL_S: Final = 60.0
_TIDIED: Final[dict[str, int]] = {}  # by connector: the job after which its additions were looked through
AGAIN_S: Final = 0.5  # until a connector that is being deleted is looked at again


def run(host: Host) -> float | None:
    """Do what is due; returns when there will be more (Unix seconds), None when only a change can tell."""
    with host.room() as room:
        records = Records(room.control(), DIALECT)
        _publish(host, room, records)
        stand, leaving = syncjobs.followers(room, records)
        for connector in stand:
            _tidy(room, records, connector)
        due = following.follow(room, stand, interval_s(host.environ), CAUSE)
        left = [one for one in leaving if not syncjobs.retire(room, records, one)]
        if left:
            soon = host.clock() + AGAIN_S
            due = soon if due is None else min(due, soon)
    host.wake()
    return due


def interval_s(environ: Mapping[str, str]) -> float:
    """Seconds between the end of a pass and the next one."""
    try:
        return max(0.05, float(environ.get(INTERVAL, "")))
    except ValueError:
        return USUAL_S


def _publish(host: Host, room: Installation, records: Records) -> None:
    """Documents that did not follow, because their server died in between."""
    for index_id in {record.parent for record in records.page("unsaid")}:
        index = room.control().index(index_id)
        if index is None:  # removed by somebody who does not know of workspaces
            for kind in ("entity", "more", "type", "tags", "unsaid"):
                records.remove_of(kind, index_id)
        else:
            publishing.publish(Place(host, room, index, ""))


def _tidy(room: Installation, records: Records, connector: Connector) -> None:
    """Own components go with the entity they were given to."""
    index = room.control().index(connector.index)
    if index is None or standing.deleting(connector) or not records.count("more", index.id):
        return
    stands = following.standing(room, connector)
    if stands.passed is None or stands.active is not None or not stands.passed.counters.deleted:
        return
    if _TIDIED.get(connector.id) == stands.passed.number:
        return
    try:
        shelf = room.index(connector.index).shelf()
    except NotFound:
        return
    for record in list(records.all("more", index.id)):
        if not shelf.one([connector.number], record.id.partition("/")[2]):
            with room.control().writing("twinmaker.tidy"):
                syncjobs.drop_additions(records, record.id, record.body["components"])
    _TIDIED[connector.id] = stands.passed.number
