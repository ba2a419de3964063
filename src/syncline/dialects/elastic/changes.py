"""What may be changed of a connector, one operation for each thing.

An operation that reads first knows nothing of connectors that are softly deleted; a blind one merges straight away.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from syncline.dialects.elastic import direct, fields, merging, sealing, sources, words
from syncline.dialects.elastic.books import Books, Entry
from syncline.dialects.elastic.direct import Doc, missing, touched_by
from syncline.dialects.elastic.parsing import anything, date, each, flag, maybe, read, text, whole, word
from syncline.dialects.elastic.refusals import against_rule
from syncline.dialects.elastic.rules import check_free, check_prefix, faults_of_index, filled_in, found, needed
from syncline.dialects.elastic.transport import Call, Route
from syncline.model.keys import Scope


class At(NamedTuple):
    """A connector that is being changed, and its document in clear."""

    books: Books
    entry: Entry
    doc: Doc


Change = Callable[[At], Doc]

SYNC_STATES: Final = tuple(words.JOB_STATES)
LAST_SYNC: Final = {
    "last_access_control_sync_error": maybe(text),
    "last_access_control_sync_scheduled_at": maybe(date),
    "last_access_control_sync_status": maybe(word(SYNC_STATES, "sync status")),
    "last_incremental_sync_scheduled_at": maybe(date),
    "last_sync_error": maybe(text),
    "last_sync_scheduled_at": maybe(date),
    "last_sync_status": maybe(word(SYNC_STATES, "sync status")),
    "last_synced": maybe(date),
    "last_deleted_document_count": maybe(whole),
    "last_indexed_document_count": maybe(whole),
    "sync_cursor": anything,
}
_ONLY_IF_GIVEN: Final = frozenset({"last_deleted_document_count", "last_indexed_document_count", "sync_cursor"})


def routes(one: str) -> list[Route]:
    """All of them; `one` is the path of a connector."""
    admin, write = Scope.ADMIN, Scope.WRITE
    return [
        Route("PUT", f"{one}/_check_in", _check_in, scope=write, body="none"),
        Route("PUT", f"{one}/_last_sync", _last_sync, scope=write),
        Route("PUT", f"{one}/_error", _error, scope=write),
        Route("PUT", f"{one}/_status", _status, scope=write),
        Route("PUT", f"{one}/_features", _features, scope=write),
        Route("PUT", f"{one}/_filtering", _filtering, scope=write),
        Route("PUT", f"{one}/_filtering/_validation", _validation, scope=write),
        Route("PUT", f"{one}/_filtering/_activate", _activate, scope=write, body="none"),
        Route("PUT", f"{one}/_name", _name, scope=admin),
        Route("PUT", f"{one}/_api_key_id", _api_key_id, scope=admin),
        Route("PUT", f"{one}/_pipeline", _pipeline, scope=admin),
        Route("PUT", f"{one}/_scheduling", _scheduling, scope=admin),
        Route("PUT", f"{one}/_configuration", _configuration, scope=admin),
        Route("PUT", f"{one}/_service_type", _service_type, scope=admin),
        Route("PUT", f"{one}/_native", _native, scope=admin),
        Route("PUT", f"{one}/_index_name", _index_name, scope=admin),
    ]


# --- how a change is made ---------------------------------------------------------------------------------------------


def _blind(call: Call, id: str, partial: Mapping[str, Any]) -> Doc:
    """Merge it, whether or not the connector is softly deleted."""
    with call.room() as room:
        books = Books(call.host, room, call.caller)
        with books.writing():
            entry = books.entry(id)
            if entry is None:
                raise missing(id)
            before = books.clear(entry)
            return _kept(books, entry, before, merging.merged(before, partial), touched_by(partial))


def _reading(call: Call, id: str, change: Change) -> Doc:
    """Store what `change` makes of the document; softly deleted ones are not found."""
    with call.room() as room:
        books = Books(call.host, room, call.caller)
        with books.writing():
            entry = found(books, id)
            before = books.clear(entry)
            after = change(At(books, entry, dict(before)))
            changed = {name: one for name, one in after.items() if not merging.same(one, before.get(name))}
            return _kept(books, entry, before, after, touched_by(changed))


def _kept(books: Books, entry: Entry, before: Doc, after: Doc, touched: tuple[str, ...]) -> Doc:
    if merging.same(before, after):
        return {"result": "noop"}
    books.store(entry, before, after, touched)
    return {"result": "updated"}


# --- blind ------------------------------------------------------------------------------------------------------------


def _check_in(call: Call) -> Doc:
    id = needed(call, "connector_id")
    with call.room() as room:
        now = Books(call.host, room, call.caller).now()
    return _blind(call, id, {"last_seen": now})


def _error(call: Call) -> Doc:
    error = read(call, "connector_update_error_request", {"error": maybe(text)}, ("error",))["error"] or None
    status = words.CONNECTED if error is None else words.ERROR
    return _blind(call, needed(call, "connector_id"), {"error": error, "status": status})


def _name(call: Call) -> Doc:
    body = read(call, "connector_update_name_request", {"name": maybe(text), "description": maybe(text)})
    given = {name: value for name, value in body.items() if value is not None}
    texts = (
        []
        if given
        else ["[name] and [description] cannot both be [null]. Please provide a value for at least one of them."]
    )
    return _blind(call, needed(call, "connector_id", *texts), given)


def _api_key_id(call: Call) -> Doc:
    body = read(
        call, "connector_update_api_key_id_request", {"api_key_id": maybe(text), "api_key_secret_id": maybe(text)}
    )
    given = {name: value for name, value in body.items() if value is not None}
    texts = [] if given else [
        "[api_key_id] and [api_key_secret_id] cannot both be [null]. Please provide a value for at least one of them."
    ]  # fmt: skip
    return _blind(call, needed(call, "connector_id", *texts), given)


def _pipeline(call: Call) -> Doc:
    body = read(call, "connector_update_pipeline_request", {"pipeline": fields.PIPELINE}, ("pipeline",))
    return _blind(call, needed(call, "connector_id"), body)


def _scheduling(call: Call) -> Doc:
    body = read(call, "connector_update_scheduling_request", {"scheduling": fields.SCHEDULING}, ("scheduling",))
    texts = [] if body["scheduling"] else [
        "[scheduling] object needs to define at least one schedule type: [full | incremental | access_control]"
    ]  # fmt: skip
    answer = _blind(call, needed(call, "connector_id", *texts), body)
    call.host.wake()
    return answer


def _features(call: Call) -> Doc:
    body = read(call, "connector_update_features_request", {"features": fields.FEATURES}, ("features",))
    given = {name: one for name, one in body["features"].items() if one is not None}
    return _blind(call, needed(call, "connector_id"), {"features": given})


def _last_sync(call: Call) -> Doc:
    body = read(call, "connector_update_last_sync_request", LAST_SYNC)
    partial = {name: body.get(name) for name in LAST_SYNC if name not in _ONLY_IF_GIVEN}
    partial |= {name: body[name] for name in _ONLY_IF_GIVEN if body.get(name) is not None}
    return _blind(call, needed(call, "connector_id"), partial)


# --- what reads first -------------------------------------------------------------------------------------------------


def _status(call: Call) -> Doc:
    states = tuple(words.CONNECTOR_STATES)
    checks = {"status": word(states, "connector status")}
    status = read(call, "connector_update_status_request", checks, ("status",))["status"]

    def change(at: At) -> Doc:
        words.check_move(words.CONNECTOR_STATES, at.doc["status"], status)
        return at.doc | {"status": status}

    return _reading(call, needed(call, "connector_id"), change)


def _configuration(call: Call) -> Doc:
    checks = {"configuration": maybe(fields.configuration), "values": maybe(fields.values)}
    body = read(call, "connector_update_configuration_request", checks)
    given, values = body.get("configuration"), body.get("values")
    texts = []
    if given is None and values is None:
        texts.append("[configuration] and [values] cannot both be null.")
    elif given is not None and values is not None:
        texts.append("[configuration] and [values] cannot both be provided in the same request.")

    def change(at: At) -> Doc:
        held = at.doc["configuration"]
        wanted = _with_values(held, values) if given is None else given
        doc = at.doc | {"configuration": sealing.unmasked(wanted, held), "status": words.CONFIGURED}
        return doc if at.entry.foreign else filled_in(at.books, doc, doc.get("service_type"))

    return _reading(call, needed(call, "connector_id", *texts), change)


def _with_values(held: Mapping[str, Any], values: Mapping[str, Any] | None) -> Doc:
    given = values or {}
    unknown = sorted(name for name in given if name not in held)
    if unknown:
        raise against_rule(
            f"Unknown [configuration] fields in the request payload: [{', '.join(unknown)}]. Remove them from request "
            "or register their schema first."
        )
    return {name: {**field, "value": given[name]} if name in given else field for name, field in held.items()}


def _service_type(call: Call) -> Doc:
    body = read(call, "connector_update_service_type_request", {"service_type": text}, ("service_type",))

    def change(at: At) -> Doc:
        if at.entry.foreign and at.doc.get("service_type") == body["service_type"]:
            return at.doc
        status = words.CREATED if at.doc["status"] == words.CREATED else words.NEEDS
        return filled_in(at.books, at.doc | body | {"status": status}, body["service_type"])

    return _reading(call, needed(call, "connector_id"), change)


def _native(call: Call) -> Doc:
    body = read(call, "connector_update_native_request", {"is_native": flag}, ("is_native",))

    def change(at: At) -> Doc:
        check_prefix(body["is_native"], at.doc.get("index_name"))
        status = words.CONFIGURED if at.doc["status"] == words.CONNECTED else at.doc["status"]
        return at.doc | body | {"status": status}

    return _reading(call, needed(call, "connector_id"), change)


def _index_name(call: Call) -> Doc:
    body = read(call, "connector_update_index_name_request", {"index_name": maybe(text)}, ("index_name",))
    name = body["index_name"]
    id = needed(call, "connector_id", *faults_of_index(name))

    with call.room() as room:
        books = Books(call.host, room, call.caller)
        with books.writing():
            check_free(books, id, name)
            entry = found(books, id)
            before = books.clear(entry)
            check_prefix(before["is_native"], name)
            unchanged = before.get("index_name") == name
            return {"result": "noop"} if unchanged else _kept(books, entry, before, before | {"index_name": name}, ())


# --- filtering --------------------------------------------------------------------------------------------------------


def _filtering(call: Call) -> Doc:
    with call.room() as room:
        now = Books(call.host, room, call.caller).now()
    checks = {
        "filtering": maybe(fields.filtering_at(now)),
        "advanced_snippet": maybe(fields.snippet_at(now)),
        "rules": maybe(each(fields.rule_at(now))),
    }
    body = read(call, "connector_filtering_update_request", checks)
    whole, snippet, rules = body.get("filtering"), body.get("advanced_snippet"), body.get("rules")
    texts = []
    if whole is None and snippet is None and rules is None:
        texts.append("[advanced_snippet] and [rules] cannot be both [null].")
    if whole is not None and (snippet is not None or rules is not None):
        texts.append(
            "If [filtering] is specified, [rules] and [advanced_snippet] should not be present in the request body."
        )
    id = needed(call, "connector_id", *texts)
    if whole is not None:
        return _blind(call, id, {"filtering": whole})

    def change(at: At) -> Doc:
        draft = dict(_first(at.doc)["draft"])
        if snippet is not None:
            draft["advanced_snippet"] = snippet
        if rules is not None:
            draft["rules"] = fields.with_default_rule(rules, now)
        draft["validation"] = _validated_here(draft) if runs_here(at) else {"errors": [], "state": "edited"}
        return _with_first(at.doc, {"draft": draft})

    return _reading(call, id, change)


def _validation(call: Call) -> Doc:
    body = read(
        call, "connector_update_filtering_validation_request", {"validation": fields.VALIDATION}, ("validation",)
    )

    def change(at: At) -> Doc:
        return _with_first(at.doc, {"draft": {**_first(at.doc)["draft"], "validation": body["validation"]}})

    return _reading(call, needed(call, "connector_id"), change)


def _activate(call: Call) -> Doc:
    def change(at: At) -> Doc:
        draft = _first(at.doc)["draft"]
        state = draft.get("validation", {}).get("state")
        if state != "valid":
            raise against_rule(
                "Filtering draft needs to be validated by the connector service before activation. Current filtering "
                f"draft validation state [{state}] is not equal to [valid]."
            )
        return _with_first(at.doc, {"active": draft})

    return _reading(call, needed(call, "connector_id"), change)


def runs_here(at: At) -> bool:
    """Whether Syncline runs the connector."""
    return at.entry.foreign or sources.of(at.doc.get("service_type"), at.books.outside) is not None


def _validated_here(draft: Doc) -> Doc:
    """A draft for a connector that Syncline runs: there are no rules but the settings of its source."""
    ids = direct.rules_in(draft)
    if not ids:
        return {"errors": [], "state": "valid"}
    return {"errors": [{"ids": ids, "messages": [direct.NO_RULES]}], "state": "invalid"}


def _first(doc: Doc) -> Doc:
    if not doc["filtering"]:
        raise against_rule("The connector has no filtering.")
    first: Doc = doc["filtering"][0]
    return first


def _with_first(doc: Doc, change: Doc) -> Doc:
    return doc | {"filtering": [{**_first(doc), **change}, *doc["filtering"][1:]]}
