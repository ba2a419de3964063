"""Sync jobs: asked for, looked at, cancelled; and run by workers, which claim them, check in and report.

A job of a connector that Syncline runs itself is a job of ours: asking for it is all there is to do, and no worker may
touch it. Any other one waits until a worker claims it. `watching.py` notices workers that fall silent.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from syncline.dialects.elastic import blank, linking, merging, sources, timetable, words
from syncline.dialects.elastic.books import Books, Entry, Task
from syncline.dialects.elastic.direct import Doc, run_here
from syncline.dialects.elastic.parsing import date, maybe, read, table, text, whole, word
from syncline.dialects.elastic.refusals import absent, against_rule, illegal, invalid
from syncline.dialects.elastic.rules import needed, new_id
from syncline.dialects.elastic.transport import Call, Reply, Route
from syncline.model.connectors import Connector
from syncline.model.jobs import JobType, Trigger, WhenActive
from syncline.model.keys import Scope
from syncline.service import jobs
from syncline.store.relational.joined import Wanted

ID: Final = "connector_sync_job_id"
_COUNTS: Final = ("deleted_document_count", "indexed_document_count", "indexed_document_volume", "total_document_count")


def routes() -> list[Route]:
    """All of them."""
    all, one, write = "/_connector/_sync_job", f"/_connector/_sync_job/{{{ID}}}", Scope.WRITE
    listed = frozenset({"from", "size", "status", "connector_id", "job_type"})
    return [
        Route("POST", all, _post, scope=write),
        Route("GET", all, _list, listed, body="none"),
        Route("GET", one, _get, body="none"),
        Route("DELETE", one, _delete, scope=write, body="none"),
        Route("PUT", f"{one}/_cancel", _cancel, scope=write, body="none"),
        Route("PUT", f"{one}/_check_in", _check_in, scope=write, body="none"),
        Route("PUT", f"{one}/_claim", _claim, scope=write),
        Route("PUT", f"{one}/_error", _error, scope=write),
        Route("PUT", f"{one}/_stats", _stats, scope=write),
    ]


# --- asked for --------------------------------------------------------------------------------------------------------


def _post(call: Call) -> Reply:
    checks = {
        "id": text,
        "job_type": maybe(word(words.JOB_TYPES, "sync job type")),
        "trigger_method": maybe(word(words.TRIGGERS, "trigger method")),
    }
    body = read(call, "connector_sync_job_post_request", checks, ("id",))
    if not body["id"]:
        raise invalid("[id] of the connector cannot be null or empty")
    type, trigger = body.get("job_type") or "full", body.get("trigger_method") or "on_demand"
    with call.room() as room:
        books = Books(call.host, room, call.caller)
        with books.writing():
            entry = books.entry(body["id"])
            if entry is None:
                raise absent(f"Connector with id '{body['id']}' does not exist.")
            id = _ordered(books, entry, type, trigger, call.caller.key_id)
    call.host.wake()
    return Reply({"id": id}, 201)


def _ordered(books: Books, entry: Entry, type: str, trigger: str, key_id: str) -> str:
    """The id of the new job."""
    doc = books.clear(entry)
    if doc.get("index_name") is None and type != JobType.ACCESS_CONTROL:
        raise against_rule(
            f"Cannot start a sync for connector [{entry.id}] with no index attached. Set the [index_name] property for "
            "the connector to enable syncs."
        )
    if doc.get("service_type") is None:
        raise against_rule(
            f"Cannot start a sync for connector [{entry.id}] with [service_type] not defined. Set the service type of "
            "your connector before starting the sync."
        )
    if not entry.foreign and sources.of(doc["service_type"], books.outside) is None:
        return _for_worker(books, entry, doc, type, trigger)
    if type == JobType.ACCESS_CONTROL:
        raise timetable.no_access_control(entry.id)
    if entry.connector is None:  # what it lacked may be there now: a variable, a folder that may be read
        entry = books.store(entry, doc, doc)
    if entry.connector is None or entry.link.get("problem"):
        return _failed_at_once(books, entry, doc, type, trigger)
    return _for_us(books, entry, entry.connector, type, trigger, key_id)


def _for_us(books: Books, entry: Entry, connector: Connector, type: str, trigger: str, key_id: str) -> str:
    ordered = jobs.start(
        books.room,
        connector,
        wanted=JobType(type),
        trigger=Trigger(trigger),
        when_active=WhenActive.QUEUE,
        requested_by=key_id,
    )
    books.add_run(ordered.job, entry, blank.snapshot(entry.id, books.shown(entry), type))
    return ordered.job.id


def _for_worker(books: Books, entry: Entry, doc: Doc, type: str, trigger: str) -> str:
    id = new_id()
    books.add_task(id, entry, blank.job(blank.snapshot(entry.id, doc, type), type, trigger, books.now()))
    return id


def _failed_at_once(books: Books, entry: Entry, doc: Doc, type: str, trigger: str) -> str:
    """Its settings cannot be: the job says so, as a worker that had looked at them would."""
    problem = str(entry.link.get("problem") or "the connector cannot be run")
    id, now = new_id(), books.now()
    job = blank.job(blank.snapshot(entry.id, doc, type), type, trigger, now)
    books.add_task(id, entry, job | {"status": words.ERROR, "error": problem, "started_at": now, "completed_at": now})
    tell_connector(books, entry.id, problem)
    return id


def tell_connector(books: Books, id: str, problem: str) -> None:
    """A job of the connector has failed, and nobody else will say so in its document."""
    entry = books.entry(id)
    if entry is None or linking.behind(books.room, entry.link) is not None:
        return
    before = books.clear(entry)
    failed = {"last_sync_status": words.ERROR, "last_sync_error": problem, "last_synced": books.now()}
    after = merging.merged(before, {"status": words.ERROR, "error": problem, **failed})
    books.store(entry, before, after, ("sync", "state"))


# --- looked at --------------------------------------------------------------------------------------------------------


def _needed(books: Books, id: str, reason: str = "{}") -> Task:
    task = books.task(id)
    if task is None:
        raise absent(reason.format(id))
    return task


def _get(call: Call) -> Doc:
    id = needed(call, ID)
    with call.room() as room:
        books = Books(call.host, room, call.caller)
        return {"id": id, **books.shown_task(_needed(books, id))}


def _list(call: Call) -> Doc:
    begin, many = call.page()
    status, types, connector = call.query.get("status"), call.words("job_type"), call.query.get("connector_id")
    if status is not None and status not in words.JOB_STATES:
        raise illegal(f"Unknown sync job status [{status:.100}].")
    for type in types:
        if type not in words.JOB_TYPES:
            raise illegal(f"Unknown sync job type [{type:.100}].")
    with call.room() as room:
        books = Books(call.host, room, call.caller)
        wanted = Wanted(
            parent=connector,
            connectors=None if connector is None else books.numbers_of(connector),
            words=None if status is None else [status],
            states=None if status is None else words.states_of(status),
            types=types or None,
        )
        count, tasks = books.tasks(wanted, begin, many)
        return {"count": count, "results": [{"id": task.id, **books.shown_task(task)} for task in tasks]}


# --- ended ------------------------------------------------------------------------------------------------------------


def _delete(call: Call) -> Doc:
    id = needed(call, ID)
    with call.room() as room:
        books = Books(call.host, room, call.caller)
        task = _needed(books, id)
        if task.job is not None and task.job.active:
            jobs.stop(room, task.job.id)
        with books.writing():
            books.remove_task(task)
    call.host.wake()
    return {"acknowledged": True}


def _cancel(call: Call) -> Doc:
    id = needed(call, ID)
    with call.room() as room:
        books = Books(call.host, room, call.caller)
        with books.writing():
            task = _needed(books, id)
            status = task.doc["status"] if task.job is None else words.STATUS[task.job.state]
            ends = status in (words.PENDING, words.SUSPENDED)
            after = words.CANCELED if ends else words.CANCELING
            words.check_move(words.JOB_STATES, status, after)
            if task.job is None:
                books.store_task(task, _cancelled(books.now(), task.doc, ends))
            else:
                at = room.clock()
                books.note_run(task, lambda body: {**body, "cancel": at})
        if task.job is not None:
            jobs.stop(room, task.job.id)
    call.host.wake()
    return {"result": "updated"}


def _cancelled(now: str, doc: Doc, ends: bool) -> Doc:
    if not ends:
        return {**doc, "status": words.CANCELING, "cancelation_requested_at": now}
    times = dict.fromkeys(("cancelation_requested_at", "canceled_at", "completed_at"), now)
    return {**doc, **times, "status": words.CANCELED}


# --- run by workers ---------------------------------------------------------------------------------------------------


def _worked(call: Call, id: str, change: Callable[[str, Doc], Doc], reason: str = "{}") -> Doc:
    """Change the document of a job that a worker runs. `change` is given what time it is, and the document."""
    with call.room() as room:
        books = Books(call.host, room, call.caller)
        with books.writing():
            task = _needed(books, id, reason)
            if task.job is not None:
                raise run_here(id)
            after = change(books.now(), task.doc)
            if merging.same(task.doc, after):
                return {"result": "noop"}
            books.store_task(task, after)
    call.host.wake()
    return {"result": "updated"}


_NOT_FOUND: Final = "connector sync job [{}] not found"


def _check_in(call: Call) -> Doc:
    id = needed(call, ID)
    with call.room() as room:
        books = Books(call.host, room, call.caller)
        with books.writing():
            task, at = _needed(books, id, _NOT_FOUND), room.clock()
            if task.job is None:
                books.store_task(task, {**task.doc, "last_seen": books.now()})
            else:
                books.note_run(task, lambda body: {**body, "seen": at})
    return {"result": "updated"}


def _claim(call: Call) -> Doc:
    body = read(call, "connector_sync_job_claim", {"worker_hostname": maybe(text), "sync_cursor": maybe(table)})
    host = body.get("worker_hostname")
    id = needed(call, ID, *([] if host is not None else ["[worker_hostname] cannot be null."]))

    def claimed(now: str, doc: Doc) -> Doc:
        snapshot = doc["connector"]
        if body.get("sync_cursor") is not None:
            snapshot = {**snapshot, "sync_cursor": body["sync_cursor"]}
        times = {"last_seen": now, "started_at": now}
        return {**doc, **times, "connector": snapshot, "status": words.IN_PROGRESS, "worker_hostname": host}

    return _worked(call, id, claimed)


def _error(call: Call) -> Doc:
    error = read(call, "connector_sync_job_error_request", {"error": maybe(text)}, ("error",))["error"]
    id = needed(call, ID, *([] if error else ["[error] of the connector sync job cannot be null or empty"]))

    def failed(_: str, doc: Doc) -> Doc:
        words.check_move(words.JOB_STATES, doc["status"], words.ERROR)
        return {**doc, "status": words.ERROR, "error": error}

    return _worked(call, id, failed)


def _stats(call: Call) -> Doc:
    checks = {**dict.fromkeys(_COUNTS[:3], whole), "total_document_count": maybe(whole)}
    body = read(
        call,
        "connector_update_sync_job_stats_request",
        {**checks, "last_seen": maybe(date), "metadata": maybe(table)},
        _COUNTS[:3],
    )
    negative = [f"[{name}] cannot be negative." for name in _COUNTS if (body.get(name) or 0) < 0]
    id = needed(call, ID, *negative)
    given = {name: value for name, value in body.items() if value is not None}

    def counted(now: str, doc: Doc) -> Doc:
        return merging.merged(doc, {"last_seen": now, **given})

    return _worked(call, id, counted, _NOT_FOUND)
