"""Data sources and indexes that are being deleted: marked at once, removed by a thread, also after a restart.

Delete… ──▶ marked (DELETING) ──▶ jobs are stopped ──▶ documents go ──▶ gone
"""

from __future__ import annotations

import logging
import threading
from typing import Final

from syncline.dialects.host import Host
from syncline.dialects.kendra.ground import Ground, Place
from syncline.dialects.kendra.members import Mappings
from syncline.dialects.kendra.once import GIVEN
from syncline.model.connectors import Connector
from syncline.model.errors import NotFound, SynclineError
from syncline.model.indexes import Index
from syncline.service import connectors, indexes, removal
from syncline.store.relational.records import Record
from syncline.wiring import Installation

MARK: Final = "deleting"
INDEX: Final = "index"
DATA_SOURCE: Final = "data source"
PATIENCE_S: Final = 5.0  # that an answer has; what takes longer goes on behind it
AGAIN_S: Final = 5.0

logger = logging.getLogger(__name__)
_at_work: Final[set[str]] = set()
_lock: Final = threading.Lock()


def is_deleting(ground: Ground, place: Place, connector: Connector | None = None) -> bool:
    """Whether the data source, or the index, is on its way out."""
    records = ground.records(place.room)
    ids = [place.index.id, *([connector.id] if connector is not None else [])]
    return any(records.get(MARK, id) is not None for id in ids)


def delete(ground: Ground, place: Place, thing: Connector | Index) -> None:
    """Mark it, and remove it; returns when it is gone, or after a while."""
    what = INDEX if isinstance(thing, Index) else DATA_SOURCE
    ground.records(place.room).add(MARK, thing.id, {"what": what}, ground.clock(), place.index.id)
    _finish(ground, thing.id, what).join(PATIENCE_S)


def tend(host: Host) -> float | None:
    """Go on with what a process that has died was removing; returns when to look again."""
    ground = Ground(host)
    with host.room() as room:
        left = list(ground.records(room).all(MARK))
    for record in left:
        _finish(ground, record.id, _what(record))
    return host.clock() + AGAIN_S if left else None


def _what(record: Record) -> str:
    return str(record.body["what"])


def _finish(ground: Ground, id: str, what: str) -> threading.Thread:
    thread = threading.Thread(target=_work, args=(ground, id, what), name=f"delete {what}", daemon=True)
    thread.start()
    return thread


def _work(ground: Ground, id: str, what: str) -> None:
    """Unless another thread is at it."""
    with _lock:
        if id in _at_work:
            return
        _at_work.add(id)
    try:
        with ground.room() as room:
            _remove(ground, room, id, what)
            _forget(ground, room, id, what)
    except SynclineError as error:  # it is tried again
        logger.warning("kendra.delete", extra={"fields": {"what": what, "id": id, **error.as_dict()}})
    except Exception:
        logger.exception("kendra.delete", extra={"fields": {"what": what, "id": id}})
    finally:
        with _lock:
            _at_work.discard(id)


def _forget(ground: Ground, room: Installation, id: str, what: str) -> None:
    """What the dialect has kept with it, and that it is being deleted."""
    records = ground.records(room)
    with room.control().writing("forget_deleted"):
        mark = records.get(MARK, id)
        if what == INDEX:
            Mappings(records, id).forget()
            records.remove_of(GIVEN, id)
        elif mark is not None:
            Mappings(records, mark.parent).forget(id)
        records.remove(MARK, id)


def _remove(ground: Ground, room: Installation, id: str, what: str) -> None:
    try:
        if what == INDEX:
            removal.remove_index(room, indexes.get(room, id), ground.host.wake)
        else:
            removal.remove_connector(room, connectors.get(room.control(), id), ground.host.wake)
    except NotFound:  # it has gone meanwhile
        return
