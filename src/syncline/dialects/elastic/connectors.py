"""The connector half: every route of the Connector API.

connectors       made, read, listed, deleted                                   here
changes          every other PUT below /_connector/{id}                        changes.py
sync jobs        posted, listed, cancelled, and run by workers                 sync_jobs.py
secrets          kept for workers                                              secrets.py
"""

from __future__ import annotations

from typing import Final

from syncline.dialects.elastic import blank, changes, linking, secrets, sync_jobs
from syncline.dialects.elastic.books import Books, Entry
from syncline.dialects.elastic.direct import Doc
from syncline.dialects.elastic.parsing import flag, maybe, read, text
from syncline.dialects.elastic.refusals import against_rule, invalid
from syncline.dialects.elastic.rules import check_free, faults_of_index, filled_in, found, needed, new_id
from syncline.dialects.elastic.transport import Call, Reply, Route
from syncline.dialects.host import Host
from syncline.model.errors import JobActive
from syncline.model.keys import Scope
from syncline.service import removal

FIELDS: Final = {
    "description": maybe(text),
    "index_name": maybe(text),
    "is_native": maybe(flag),
    "language": maybe(text),
    "name": maybe(text),
    "service_type": maybe(text),
}
_LISTED: Final = frozenset(
    {"from", "size", "index_name", "connector_name", "service_type", "query", "include_deleted"}
)  # fmt: skip


def routes(_: Host) -> list[Route]:
    """All of them."""
    one = "/_connector/{connector_id}"
    return [
        Route("POST", "/_connector", _post, scope=Scope.ADMIN),
        Route("PUT", "/_connector", _put, scope=Scope.ADMIN),
        Route("PUT", one, _put, scope=Scope.ADMIN),
        Route("GET", "/_connector", _list, _LISTED, body="none"),
        Route("GET", one, _get, frozenset({"include_deleted"}), body="none"),
        Route("DELETE", one, _delete, frozenset({"delete_sync_jobs", "hard"}), Scope.ADMIN, "none"),
        *changes.routes(one),
        *sync_jobs.routes(),
        *secrets.routes(),
    ]


# --- made -------------------------------------------------------------------------------------------------------------


def _post(call: Call) -> Reply:
    return _made(call, new_id())


def _put(call: Call) -> Reply:
    id = call.parts.get("connector_id") or new_id()
    return _made(call, id)


def _made(call: Call, id: str) -> Reply:
    body = read(call, "connector_put_request", FIELDS, optional=True)
    given = {name: value for name, value in body.items() if value is not None}
    faults = faults_of_index(given.get("index_name"), native=bool(given.get("is_native")))
    if faults:
        raise invalid(*faults)
    with call.room() as room:
        books = Books(call.host, room, call.caller)
        with books.writing():
            old = books.entry(id)
            if old is not None and old.foreign:
                raise against_rule(f"Connector [{id}] was not made with this API, and cannot be replaced with it.")
            check_free(books, id, given.get("index_name"))
            doc = filled_in(books, blank.connector(given, books.now()), given.get("service_type"))
            entry = old or books.fresh(id)
            books.store(entry, None, doc, ("sync", "state") if old is not None else ())
    created = old is None
    status = 201 if created else 200
    answer = {"id": id, "result": "created" if created else "updated"}
    return Reply(answer, status)


# --- read -------------------------------------------------------------------------------------------------------------


def _get(call: Call) -> Doc:
    id, deleted = needed(call, "connector_id"), call.flag("include_deleted")
    with call.room() as room:
        books = Books(call.host, room, call.caller)
        entry = found(books, id, deleted=deleted)
        return {"id": entry.id, **books.shown(entry)}


def _list(call: Call) -> Doc:
    begin, many = call.page()
    indexes, deleted = call.words("index_name"), call.flag("include_deleted")
    faults = [fault for name in indexes for fault in faults_of_index(name)]
    if faults:
        raise invalid(*faults)
    chosen = {"index_name": indexes, "name": call.words("connector_name"), "service_type": call.words("service_type")}
    query = call.query.get("query", "")
    with call.room() as room:
        books = Books(call.host, room, call.caller)
        rows = [row for row in books.rows() if deleted or not row.deleted]
        for name, wanted in chosen.items():
            rows = [row for row in rows if not wanted or getattr(row, name) in wanted]
        if query:
            rows = [
                row for row in rows if query in (row.index_name or "") or query in row.name or query in row.description
            ]
        rows.sort(key=lambda row: (row.index_name is None, row.index_name or "", row.id))
        page = [row.id for row in rows[begin : begin + many]]
        results = [{"id": entry.id, **doc} for entry, doc in books.entries(page)]
    return {"count": len(rows), "results": results}


# --- deleted ----------------------------------------------------------------------------------------------------------


def _delete(call: Call) -> Doc:
    id, jobs, hard = needed(call, "connector_id"), call.flag("delete_sync_jobs"), call.flag("hard")
    with call.room() as room:
        books = Books(call.host, room, call.caller)
        entry = found(books, id, deleted=hard)
        if jobs:
            with books.writing():
                books.remove_tasks_of(entry.id)
        if hard:
            _remove(call, books, entry)
        else:
            with books.writing():
                before = books.clear(found(books, id))
                books.store(entry, before, {**before, "deleted": True})
    call.host.wake()
    return {"acknowledged": True}


def _remove(call: Call, books: Books, entry: Entry) -> None:
    """With everything behind it, and what that has brought."""
    behind = [entry.connector, *(linking.behind(books.room, {"connector": id}) for id in entry.link.get("retired", []))]
    try:
        for connector in behind:
            if connector is not None:
                removal.remove_connector(books.room, connector, call.host.wake)
    except JobActive as error:
        raise against_rule(f"Connector [{entry.id}] cannot be deleted now: {error.message}", 409) from None
    with books.writing():
        books.forget(entry)
