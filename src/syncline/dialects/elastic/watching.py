"""What happens by time: workers fall silent, and jobs that were started elsewhere begin and end.

A job that a worker has claimed and that nobody has heard of for too long has failed. Of a job that a schedule has
started, the connector as it is now is remembered; of one that has ended, what it has brought.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from syncline.dialects.elastic import blank, words
from syncline.dialects.elastic.books import COUNT, RUN, WATCH, Books, Tallied
from syncline.dialects.elastic.sealing import DIALECT
from syncline.dialects.elastic.stamps import seconds
from syncline.dialects.elastic.sync_jobs import tell_connector
from syncline.dialects.host import Host
from syncline.model.errors import NotFound

VARIABLE: Final = "SYNCLINE_ELASTIC_SILENT_S"
SILENT_S: Final = 300.0
MOST: Final = 200  # jobs that are looked at in one go


def silence(environ: Mapping[str, str]) -> float:
    """How many seconds a worker may be silent."""
    try:
        said = float(environ.get(VARIABLE, "") or SILENT_S)
    except ValueError:
        return SILENT_S
    return said if 0 < said < 1e9 else SILENT_S


def step(host: Host) -> float | None:
    """Do what is due; returns when to look again (Unix seconds), None: when something has changed."""
    with host.room() as room:
        books = Books(host, room, None)
        soonest = _listen(books, silence(host.environ))
        _remember(books)
        _count(books)
        return soonest


def _remember(books: Books) -> None:
    """What the connectors of jobs that wait or run are like, where nobody has noted it yet."""
    control = books.control
    waiting = [control.job(one.number) for one in control.waiting()[:MOST]]
    for job in [*waiting, *control.unended()[:MOST]]:
        if books.records.get(RUN, job.id) is None:
            connector = control.connector(job.connector_id)
            known = None if connector is None else connector.extras.get(DIALECT, {}).get("id")
            entry = None if known is None else books.entry(known)
            if entry is not None:
                with books.writing():
                    books.add_run(job, entry, blank.snapshot(entry.id, books.shown(entry), words.type_of(job)))


def _count(books: Books) -> None:
    """What jobs that have ended have brought, before others change it."""
    for record in list(books.records.all(COUNT)):
        try:
            job = books.control.find_job(record.id)
        except NotFound:
            books.records.remove(COUNT, record.id)
            continue
        if not job.active:
            Tallied(books).of(job)
            books.records.remove(COUNT, record.id)


def _listen(books: Books, limit: float) -> float | None:
    """End the jobs of workers that are silent; returns when the next of them would be, None when nobody works."""
    soonest: float | None = None
    for record in list(books.records.all(WATCH)):
        due = float(record.body["last_seen"]) + limit
        if due <= books.room.clock():
            _end(books, record.id, limit)
        elif soonest is None or due < soonest:
            soonest = due
    return soonest


def _end(books: Books, id: str, limit: float) -> None:
    with books.writing():
        task = books.task(id)
        if task is None or task.doc.get("status") not in words.HEARD:
            books.records.remove(WATCH, id)
            return
        if (seconds(task.doc["last_seen"]) or 0.0) + limit > books.room.clock():
            return  # it has spoken meanwhile
        worker = task.doc.get("worker_hostname") or "its worker"
        problem = f"The job has not seen any update for more than {limit:g} seconds: {worker} has fallen silent."
        books.store_task(task, {**task.doc, "status": words.ERROR, "error": problem})
        tell_connector(books, task.parent, problem)
