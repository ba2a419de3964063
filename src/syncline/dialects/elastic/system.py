"""The system indices of connectors and their jobs, for workers that read and write them directly.

What they hold is what the Connector API shows: the same documents, with a number for optimistic locks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final

from syncline.dialects.elastic.books import Books, Stored
from syncline.dialects.elastic.query_targets import SystemTarget
from syncline.dialects.elastic.refusals import Refused, illegal
from syncline.dialects.elastic.transport import Call
from syncline.wiring import Installation

CONNECTORS: Final = (".elastic-connectors", ".elastic-connectors-v1")
JOBS: Final = (".elastic-connectors-sync-jobs", ".elastic-connectors-sync-jobs-v1")
NAMES: Final = (*CONNECTORS, *JOBS)

Row = tuple[str, dict[str, Any], int]


def real_name(name: str) -> str:
    """The name of the index behind an alias."""
    return name if name.endswith("-v1") else f"{name}-v1"


def target(call: Call, room: Installation, name: str) -> SystemTarget:
    """One of them, to be searched."""
    books = Books(call.host, room, call.caller, worker=True)
    if name in CONNECTORS:
        return SystemTarget(real_name(name), partial(_rows, books.connectors), partial(_row, books.connector))
    return SystemTarget(real_name(name), partial(_rows, books.jobs), partial(_row, books.job))


def _rows(read: Any) -> Iterator[Row]:
    for stored in read():
        yield stored.id, stored.source, stored.seq_no


def _row(read: Any, id: str) -> Row | None:
    stored: Stored | None = read(id)
    return None if stored is None else (stored.id, stored.source, stored.seq_no)


def update(
    call: Call, room: Installation, name: str, id: str, partial_: Mapping[str, Any], expected: int | None
) -> tuple[Stored, bool]:
    """Merge into one of their documents; returns it, and whether that changed it. Raises Refused."""
    books = Books(call.host, room, call.caller, worker=True)
    change = books.update_connector if name in CONNECTORS else books.update_job
    return change(id, partial_, expected)


def refuse_write(name: str) -> Refused:
    """Documents are made and removed by the Connector API only."""
    return illegal(
        f"documents of the system index [{name}] are made and deleted with the Connector API, and updated here"
    )
