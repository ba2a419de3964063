"""Documents one by one: put, created, updated, deleted and read, at once and durable when it is answered."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Final

from syncline.dialects.elastic import documents_pipeline as pipeline
from syncline.dialects.elastic import hosting_names as names
from syncline.dialects.elastic import merging, query_source, system
from syncline.dialects.elastic.documents_shape import check_id, shaped
from syncline.dialects.elastic.hosting_names import Named
from syncline.dialects.elastic.query_docs import Doc
from syncline.dialects.elastic.query_fields import Fields, Kind, values_at
from syncline.dialects.elastic.query_refusals import unsupported
from syncline.dialects.elastic.query_source import SourceFilter
from syncline.dialects.elastic.query_targets import IndexTarget, fields_of
from syncline.dialects.elastic.query_values import boolean, number, span, spelled
from syncline.dialects.elastic.refusals import Refused, illegal, invalid, unparsable
from syncline.dialects.elastic.rules import new_id
from syncline.dialects.elastic.transport import Call, Reply, Route
from syncline.model.errors import DocumentRejected
from syncline.service import hosting
from syncline.service.hosting import Done, Operation
from syncline.store.relational.hosted import Written
from syncline.wiring import Installation

SHARDS: Final = {"total": 1, "successful": 1, "failed": 0}
_SOURCE: Final = frozenset({"_source", "_source_includes", "_source_excludes"})
_READ: Final = _SOURCE | {"realtime", "refresh", "preference", "routing", "version", "version_type", "stored_fields"}
_WRITE: Final = frozenset(
    {"refresh", "timeout", "wait_for_active_shards", "pipeline", "routing", "version", "version_type", "op_type",
     "if_seq_no", "if_primary_term", "require_alias", "require_data_stream", "include_source_on_error"}
)  # fmt: skip
_UPDATE: Final = (_WRITE | _SOURCE | {"retry_on_conflict", "lang"}) - {"pipeline", "op_type"}
_MODES: Final = ("", "true", "false", "wait_for")


def routes() -> list[Route]:
    """All of them."""
    doc, create, source = "/{index}/_doc/{id}", "/{index}/_create/{id}", "/{index}/_source/{id}"
    return [
        Route("PUT", doc, _put, _WRITE),
        Route("POST", doc, _put, _WRITE),
        Route("POST", "/{index}/_doc", _post, _WRITE),
        Route("GET", doc, _get, _READ, body="none"),
        Route("HEAD", doc, _head, _READ, body="none"),
        Route("DELETE", doc, _delete, _WRITE - {"pipeline", "op_type"}, body="none"),
        Route("PUT", create, _create, _WRITE),
        Route("POST", create, _create, _WRITE),
        Route("GET", source, _get_source, _READ, body="none"),
        Route("HEAD", source, _head_source, _READ, body="none"),
        Route("POST", "/{index}/_update/{id}", _update, _UPDATE),
        *(Route(method, path, _mget, _READ, names_scope()) for method in ("GET", "POST")
          for path in ("/_mget", "/{index}/_mget")),
    ]  # fmt: skip


def names_scope() -> Any:
    """Reading, whatever the verb."""
    from syncline.model.keys import Scope

    return Scope.READ


# --- what all of them refuse ------------------------------------------------------------------------------------------


def check_parameters(call: Call) -> None:
    """Raises Refused for what would need more than one shard, or numbers of versions that clients choose."""
    for name in ("routing", "stored_fields"):
        if call.query.get(name):
            raise unsupported(f"[{name}]")
    if call.query.get("version_type", "internal") != "internal" or call.query.get("version"):
        raise unsupported("[version]", "use [if_seq_no] and [if_primary_term]")
    if call.flag("require_alias") or call.flag("require_data_stream"):
        raise unsupported("[require_alias] or [require_data_stream]")


def refresh_mode(call: Call) -> str:
    """ "", "true", "false" or "wait_for". Raises Refused."""
    mode = call.query.get("refresh", "false")
    if mode not in _MODES:
        raise illegal(f"Unknown value for refresh: [{mode:.100}].")
    return "true" if mode == "" else mode


def expected(number: Any, term: Any) -> tuple[int, int] | None:
    """The number and the term that a document must have. Raises Refused unless both are given, or none."""
    if number is None and term is None:
        return None
    if number is None or term is None:
        raise invalid("ifSeqNo and primary term must be given together")
    return int(number) + 1, int(term)


def _expected(call: Call) -> tuple[int, int] | None:
    given = {}
    for name in ("if_seq_no", "if_primary_term"):
        said = call.query.get(name)
        if said is not None and not re.fullmatch(r"\d{1,18}", said, re.ASCII):
            raise illegal(f"Failed to parse long parameter [{name}] with value [{said:.200}]")
        given[name] = said
    return expected(given["if_seq_no"], given["if_primary_term"])


def body_of(call: Call) -> dict[str, Any]:
    """The object in the body. Raises Refused."""
    body = call.json()
    if body is None:
        raise unparsable("request body is required")
    if not isinstance(body, dict):
        raise unparsable("[1:1] request body must be an object")
    return body


# --- writing ----------------------------------------------------------------------------------------------------------


def check_fields(fields: Fields, source: Mapping[str, Any]) -> None:
    """Raises DocumentRejected for what the mapping does not allow."""
    strange = fields.strictly_refused(source)
    if strange is not None:
        raise DocumentRejected(f"mapping set to strict, dynamic introduction of [{strange:.200}] is not allowed")
    for field in fields.typed():
        for value in values_at(source, field.path):
            fits = {Kind.NUMBER: number, Kind.DATE: span, Kind.BOOLEAN: boolean}[field.kind](value)  # type: ignore[operator]
            if fits is None and not (field.kind is Kind.NUMBER and value == ""):
                raise DocumentRejected(
                    f"failed to parse field [{field.name:.200}] of type [{field.kind}]: {value!r:.100}"
                )


class Writing:
    """What is written to one index: shapes documents by its mapping."""

    def __init__(self, room: Installation, named: Named) -> None:
        assert named.index is not None
        self.room, self.named, self.index = room, named, named.index
        self._fields = fields_of(named.index)
        self._checked = bool(list(self._fields.typed())) or self._fields.strictly_refused({"\0": 1}) is not None

    def shape(self, id: str, source: dict[str, Any]) -> Written:
        """See `hosting.Shape`."""
        if self._checked:
            check_fields(self._fields, source)
        return shaped(self._fields, id, source)

    def write(self, operations: Sequence[Operation]) -> list[Done]:
        """Do them, in order."""
        return hosting.write(self.room, self.index, operations, self.shape)

    @cached_property
    def _target(self) -> IndexTarget:
        return IndexTarget(self.room, self.index)

    def is_foreign(self, id: str) -> bool:
        """Whether a connector of ours has brought a document of that id, and no client has written one."""
        return self._target.shared and self._target.get(id) is not None


def refusal(done: Done, named: Named, id: str, kind: str) -> Refused | None:
    """Why nothing was done; None when something was, or when there was nothing to delete."""
    about: dict[str, Any] = {"index_uuid": "_na_", "shard": "0", "index": named.name}
    match done.result:
        case "conflict":
            reason = f"[{id}]: version conflict, {done.reason}"
            return Refused(409, "version_conflict_engine_exception", reason, **about)
        case "exists":
            reason = f"[{id}]: version conflict, document already exists (current version [{done.version}])"
            return Refused(409, "version_conflict_engine_exception", reason, **about)
        case "rejected":
            type = "strict_dynamic_mapping_exception" if "strict" in done.reason else "document_parsing_exception"
            return Refused(400, type, f"[1:1] {done.reason}")
        case "not_found" if kind == "update":
            return Refused(404, "document_missing_exception", f"[{id}]: document missing", **about)
    return None


def told(done: Done, named: Named, id: str) -> dict[str, Any]:
    """What is answered of it."""
    return {
        "_index": named.name,
        "_id": id,
        "_version": done.version,
        "result": done.result,
        "_shards": SHARDS,
        "_seq_no": max(0, done.n - 1),
        "_primary_term": hosting.TERM,
    }


def status_of(done: Done) -> int:
    """The status of what was done."""
    return {"created": 201, "not_found": 404}.get(done.result, 200)


def _one(call: Call, kind: str, id: str, source: dict[str, Any] | None) -> Reply:
    check_parameters(call)
    mode, wanted = refresh_mode(call), _expected(call)
    wrong = check_id(id)
    if wrong is not None:
        raise invalid(wrong)
    if kind == "create" and wanted is not None:
        raise invalid("create operations do not support compare and set. use index instead")
    with call.room() as room:
        named = _to_write(call, room, kind)
        writing = Writing(room, named)
        if source is not None:
            (source,) = pipeline.run(
                room, writing.index, [source], pipeline.of(call.query.get("pipeline"), writing.index)
            )
        (done,) = writing.write([Operation(kind, id, source, expected=wanted)])
        return _answered(room, writing, done, id, kind, mode)


def _to_write(call: Call, room: Installation, kind: str) -> Named:
    name = call.parts["index"]
    named = names.one(call, room, name) if kind == "delete" else names.ensure(call, room, name)
    if named.index is None:
        raise system.refuse_write(name)
    return named


def _answered(room: Installation, writing: Writing, done: Done, id: str, kind: str, mode: str) -> Reply:
    if kind == "delete" and done.result == "not_found":
        check_not_foreign(writing, id)
    refused = refusal(done, writing.named, id, kind)
    if refused is not None:
        raise refused
    body = told(done, writing.named, id)
    if mode != "false":
        hosting.refresh(room, writing.index)
        if mode == "true":
            body["forced_refresh"] = True
    return Reply(body, status_of(done))


def check_not_foreign(writing: Writing, id: str) -> None:
    """Raises Refused for a document that belongs to a connector of ours: nobody else deletes it."""
    if writing.is_foreign(id):
        raise illegal(f"the document [{id:.200}] was brought by a connector of Syncline, and can only be removed by it")


def _put(call: Call) -> Reply:
    type = call.query.get("op_type", "index")
    if type not in ("index", "create"):
        raise illegal(f"opType must be 'create' or 'index', found: [{type:.100}]")
    return _one(call, type, call.parts["id"], body_of(call))


def _create(call: Call) -> Reply:
    return _one(call, "create", call.parts["id"], body_of(call))


def _post(call: Call) -> Reply:
    type = call.query.get("op_type", "create")
    if type not in ("index", "create"):
        raise illegal(f"opType must be 'create' or 'index', found: [{type:.100}]")
    return _one(call, "create", new_id(), body_of(call))


def _delete(call: Call) -> Reply:
    return _one(call, "delete", call.parts["id"], None)


# --- partial updates --------------------------------------------------------------------------------------------------


_UPDATES: Final = ("doc", "upsert", "doc_as_upsert", "detect_noop", "_source", "script", "scripted_upsert", "lang")


def update_of(id: str, body: Mapping[str, Any], wanted: tuple[int, int] | None) -> Operation:
    """A partial update as an operation. Raises Refused."""
    odd = next((key for key in body if key not in _UPDATES), None)
    if odd is not None:
        raise unparsable(f"[1:1] [UpdateRequest] unknown field [{odd:.200}]")
    if body.get("script") is not None or body.get("scripted_upsert"):
        raise unsupported("[script] in an update", "send the partial document as [doc]")
    doc, upsert = body.get("doc"), body.get("upsert")
    for name, value in (("doc", doc), ("upsert", upsert)):
        if value is not None and not isinstance(value, dict):
            raise unparsable(f"[1:1] [UpdateRequest] [{name}] must be an object")
    as_upsert, detect = body.get("doc_as_upsert", False), body.get("detect_noop", True)
    if not isinstance(as_upsert, bool) or not isinstance(detect, bool):
        raise unparsable("[1:1] [UpdateRequest] [doc_as_upsert] and [detect_noop] must be booleans")
    if doc is None:
        raise invalid(
            "script or doc is missing" if not as_upsert else "doc must be specified if doc_as_upsert is enabled"
        )

    def change(before: dict[str, Any]) -> dict[str, Any] | None:
        after = merging.merged(before, doc)
        return None if detect and merging.same(before, after) else after

    return Operation("update", id, doc if as_upsert else upsert, change, wanted)


def _update(call: Call) -> Reply:
    check_parameters(call)
    body, id, name = body_of(call), call.parts["id"], call.parts["index"]
    mode, wanted = refresh_mode(call), _expected(call)
    operation = update_of(id, body, wanted)
    shown = query_source.of_query(call.query, query_source.parsed(body.get("_source", False)))
    wrong = check_id(id)
    if wrong is not None:
        raise invalid(wrong)
    with call.room() as room:
        if name in system.NAMES:
            return _update_system(call, room, name, id, body, wanted, shown)
        has_new = operation.source is not None
        named = names.ensure(call, room, name) if has_new else names.one(call, room, name)
        writing = Writing(room, named)
        (done,) = writing.write([operation])
        reply = _answered(room, writing, done, id, "update", mode)
    if shown.shown and done.source is not None:
        reply.body["get"] = _got(done.n - 1, done.source, shown)
    return reply


def _got(number: int, source: dict[str, Any], shown: SourceFilter) -> dict[str, Any]:
    return {"_seq_no": number, "_primary_term": hosting.TERM, "found": True, "_source": shown.of(source)}


def _update_system(
    call: Call,
    room: Installation,
    name: str,
    id: str,
    body: Mapping[str, Any],
    wanted: tuple[int, int] | None,
    shown: SourceFilter,
) -> Reply:
    if body.get("upsert") is not None or body.get("doc_as_upsert"):
        raise system.refuse_write(name)
    number = None if wanted is None else wanted[0] - 1 if wanted[1] == hosting.TERM else -1
    stored, changed = system.update(call, room, name, id, body["doc"], number)
    done = Done("updated" if changed else "noop", stored.seq_no + 1, stored.seq_no + 1)
    answer = told(done, Named(system.real_name(name), None), id)
    if shown.shown:
        answer["get"] = _got(stored.seq_no, stored.source, shown)
    call.host.wake()
    return Reply(answer)


# --- reading ----------------------------------------------------------------------------------------------------------


def _found(call: Call) -> tuple[Named, Doc | None]:
    check_parameters(call)
    with call.room() as room:
        named = names.one(call, room, call.parts["index"])
        if call.flag("refresh") and named.index is not None:
            hosting.refresh(room, named.index)
        return named, names.target(call, room, named).get(call.parts["id"])


def _get(call: Call) -> Reply:
    shown = query_source.of_query(call.query, SourceFilter())
    named, doc = _found(call)
    body = got(named.name, call.parts["id"], doc, shown)
    return Reply(body, 200 if doc is not None else 404)


def got(index: str, id: str, doc: Doc | None, shown: SourceFilter) -> dict[str, Any]:
    """What is answered of a document that was asked for by its id."""
    if doc is None:
        return {"_index": index, "_id": id, "found": False}
    body: dict[str, Any] = {
        "_index": doc.index,
        "_id": doc.id,
        "_version": doc.version,
        "_seq_no": doc.number,
        "_primary_term": hosting.TERM,
        "found": True,
    }
    if shown.shown:
        body["_source"] = shown.of(doc.source)
    return body


def _head(call: Call) -> Reply:
    return Reply(None, 200 if _found(call)[1] is not None else 404)


def _head_source(call: Call) -> Reply:
    return _head(call)


def _get_source(call: Call) -> Reply:
    shown = query_source.of_query(call.query, SourceFilter())
    named, doc = _found(call)
    if doc is None or not shown.shown:
        raise Refused(
            404, "resource_not_found_exception", f"Document not found [{named.name}]/[{call.parts['id']:.512}]"
        )
    return Reply(shown.of(doc.source))


def _mget(call: Call) -> Reply:
    check_parameters(call)
    body = body_of(call)
    default = query_source.of_query(call.query, SourceFilter())
    docs: list[dict[str, Any]] = []
    with call.room() as room:
        targets: dict[str, Any] = {}
        for index, id, shown in _asked(call, body, default):
            docs.append(_got_of_many(call, room, targets, index, id, shown))
    return Reply({"docs": docs})


def _asked(call: Call, body: Mapping[str, Any], default: SourceFilter) -> list[tuple[str, str, SourceFilter]]:
    odd = next((key for key in body if key not in ("docs", "ids")), None)
    if odd is not None:
        raise unparsable(f"[1:1] unknown key [{odd:.200}] in a multi get request")
    within = call.parts.get("index")
    items = body.get("docs", [{"_id": id} for id in _listed(body.get("ids", []))])
    found = []
    for at, item in enumerate(_listed(items)):
        if not isinstance(item, Mapping) or set(item) - {"_id", "_index", "_source"}:
            raise unparsable("[1:1] a document of a multi get request has [_id], [_index] and [_source]")
        index, id = item.get("_index", within), item.get("_id")
        faults = [
            text for text, absent in (("index is missing", index is None), ("id is missing", id is None)) if absent
        ]
        if faults:
            raise invalid(*(f"{text} for doc {at}" for text in faults))
        shown = query_source.parsed(item["_source"]) if "_source" in item else default
        found.append((spelled(index), spelled(id), shown))
    if not found:
        raise invalid("no documents to get")
    if len(found) > 10_000:
        raise illegal("more than 10000 documents in a multi get request")
    return found


def _listed(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise unparsable("[1:1] [docs] and [ids] must be lists")
    return value


def _got_of_many(
    call: Call, room: Installation, targets: dict[str, Any], index: str, id: str, shown: SourceFilter
) -> dict[str, Any]:
    try:
        if index not in targets:
            named = names.one(call, room, index)
            targets[index] = names.target(call, room, named)
    except Refused as refused:
        return {"_index": index, "_id": id, "error": refused.body()["error"]}
    return got(index, id, targets[index].get(id), shown)
