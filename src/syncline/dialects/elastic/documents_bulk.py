"""`_bulk`: many operations in one request, each with its own result. Those of one index are one transaction.

lines ──▶ items ──▶ by index, in order ──▶ pipeline ──▶ one transaction ──▶ results in the order of the items
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from syncline.dialects.elastic import bodies, documents, query_source, system
from syncline.dialects.elastic import documents_pipeline as pipeline
from syncline.dialects.elastic import hosting_names as names
from syncline.dialects.elastic.documents_shape import check_id
from syncline.dialects.elastic.query_refusals import unsupported
from syncline.dialects.elastic.refusals import Refused, illegal, translated
from syncline.dialects.elastic.rules import new_id
from syncline.dialects.elastic.transport import Call, Reply, Route
from syncline.model.errors import SynclineError
from syncline.service import hosting
from syncline.service.hosting import Operation
from syncline.wiring import Installation

KINDS: Final = ("index", "create", "update", "delete")
_QUERY: Final = frozenset(
    {"refresh", "pipeline", "timeout", "wait_for_active_shards", "routing", "require_alias", "require_data_stream",
     "_source", "_source_includes", "_source_excludes", "list_executed_pipelines", "include_source_on_error"}
)  # fmt: skip
_META: Final = frozenset(
    {"_index", "_id", "if_seq_no", "if_primary_term", "pipeline", "retry_on_conflict", "_source", "require_alias",
     "routing", "_routing", "version", "_version", "version_type", "dynamic_templates"}
)  # fmt: skip
_REFUSED: Final = ("routing", "_routing", "version", "_version", "version_type", "require_alias", "dynamic_templates")


def routes() -> list[Route]:
    """All of them."""
    return [
        Route(method, path, _bulk, _QUERY, body="ndjson")
        for method in ("POST", "PUT")
        for path in ("/_bulk", "/{index}/_bulk")
    ]


@dataclass(slots=True)
class Item:
    """One operation, and its answer when it has one."""

    kind: str
    index: str
    id: str
    body: dict[str, Any] | None
    meta: Mapping[str, Any]
    answer: dict[str, Any] | None = None

    def refuse(self, refused: Refused) -> None:
        """It cannot be done."""
        error = {name: value for name, value in refused.body()["error"].items() if name != "root_cause"}
        self.answer = {"_index": self.index, "_id": self.id, "status": refused.status, "error": error}


def _bulk(call: Call) -> Reply:
    began = time.monotonic()
    documents.check_parameters(call)
    mode = documents.refresh_mode(call)
    items = list(_items(call))
    if not items:
        raise Refused(400, "action_request_validation_exception", "Validation Failed: 1: no requests added;")
    by_index: dict[str, list[Item]] = {}
    for item in items:
        if item.answer is None:
            by_index.setdefault(item.index, []).append(item)
    for index, group in by_index.items():
        with call.room() as room:
            _do(call, room, index, group, mode)
    errors = any("error" in (item.answer or {}) for item in items)
    took = int((time.monotonic() - began) * 1000)
    return Reply({"errors": errors, "took": took, "items": [{item.kind: item.answer} for item in items]})


# --- reading ----------------------------------------------------------------------------------------------------------


def _items(call: Call) -> Iterator[Item]:
    raw = call.raw
    if not raw.strip():
        raise illegal("request body is required")
    if not raw.endswith(b"\n"):
        raise illegal("The bulk request must be terminated by a newline [\\n]")
    lines = ((number, line) for number, line in enumerate(raw.split(b"\n"), 1) if line.strip())
    for number, line in lines:
        kind, meta = _action(number, bodies.parsed(line))
        body = None if kind == "delete" else next(lines, None)
        if kind != "delete" and body is None:
            raise illegal(f"Malformed action/metadata line [{number}], no document follows it")
        yield _item(call, number, kind, meta, None if body is None else body[1])


def _action(number: int, said: Any) -> tuple[str, Mapping[str, Any]]:
    if not isinstance(said, Mapping) or len(said) != 1:
        raise illegal(f"Malformed action/metadata line [{number}], expected one field that names the action")
    ((kind, meta),) = said.items()
    if kind not in KINDS:
        raise illegal(
            f"Malformed action/metadata line [{number}], expected field [create], [delete], [index] or [update] but "
            f"found [{kind:.100}]"
        )
    if not isinstance(meta, Mapping):
        raise illegal(f"Malformed action/metadata line [{number}], expected an object for [{kind}]")
    odd = next((key for key in meta if key not in _META), None)
    if odd is not None:
        raise illegal(f"Action/metadata line [{number}] contains an unknown parameter [{odd:.100}]")
    return kind, meta


def _item(call: Call, number: int, kind: str, meta: Mapping[str, Any], line: bytes | None) -> Item:
    index, id = meta.get("_index", call.parts.get("index")), meta.get("_id")
    if not isinstance(index, str) or not index:
        raise Refused(400, "action_request_validation_exception", "Validation Failed: 1: index is missing;")
    if isinstance(id, int | float) and not isinstance(id, bool):
        id = str(id)
    if id is not None and not isinstance(id, str):
        raise illegal(f"Malformed action/metadata line [{number}], [_id] must be a text")
    item = Item(kind, index, new_id() if id is None else id, None, meta)
    try:
        _check(item, id is not None)
        if line is not None:
            item.body = _object(line)
    except Refused as refused:
        item.refuse(refused)
    return item


def _check(item: Item, named: bool) -> None:
    for name in _REFUSED:
        if item.meta.get(name) not in (None, False):
            raise unsupported(f"[{name}] of an operation")
    if item.kind in ("update", "delete") and not named:
        raise illegal(f"an id must be given for [{item.kind}]")
    wrong = check_id(item.id)
    if wrong is not None:
        raise illegal(wrong)


def _object(line: bytes) -> dict[str, Any]:
    try:
        body = bodies.parsed(line)
    except Refused as refused:
        raise Refused(400, "document_parsing_exception", f"failed to parse: {refused.reason}") from None
    if not isinstance(body, dict):
        raise Refused(400, "document_parsing_exception", "[1:1] failed to parse: a document must be an object")
    return body


# --- doing ------------------------------------------------------------------------------------------------------------


def _do(call: Call, room: Installation, index: str, items: list[Item], mode: str) -> None:
    """Do those of one index; what keeps all of them from being done is the answer of each."""
    try:
        only_deletes = all(item.kind == "delete" for item in items)
        named = names.one(call, room, index) if only_deletes else names.ensure(call, room, index)
        if named.index is None:
            raise system.refuse_write(index)
        writing = documents.Writing(room, named)
        _through_pipelines(call, room, writing, items)
        ready = [(item, operation) for item in items if (operation := _operation(item)) is not None]
        done = writing.write([operation for _, operation in ready])
        for (item, _), one in zip(ready, done, strict=True):
            _tell(call, writing, item, one, mode)
        if mode != "false":
            hosting.refresh(room, writing.index)
    except Refused as refused:
        _refuse_all(items, refused)
    except SynclineError as error:
        known = translated(error)
        if known.status >= 500:
            raise
        _refuse_all(items, known)


def _refuse_all(items: list[Item], refused: Refused) -> None:
    for item in items:
        if item.answer is None:
            item.refuse(refused)


def _through_pipelines(call: Call, room: Installation, writing: documents.Writing, items: list[Item]) -> None:
    through = []
    for item in items:
        if item.kind in ("index", "create") and item.answer is None:
            try:
                if pipeline.of(item.meta.get("pipeline", call.query.get("pipeline")), writing.index):
                    through.append(item)
            except Refused as refused:
                item.refuse(refused)
    sources = [item.body for item in through if item.body is not None]
    for item, source in zip(through, pipeline.run(room, writing.index, sources, True), strict=True):
        item.body = source


def _operation(item: Item) -> Operation | None:
    if item.answer is not None:
        return None
    try:
        wanted = documents.expected(_whole(item, "if_seq_no"), _whole(item, "if_primary_term"))
        if item.kind == "update":
            assert item.body is not None
            return documents.update_of(item.id, item.body, wanted)
        if item.kind == "create" and wanted is not None:
            raise illegal("create operations do not support compare and set. use index instead")
        return Operation(item.kind, item.id, item.body, expected=wanted)
    except Refused as refused:
        item.refuse(refused)
        return None


def _whole(item: Item, name: str) -> int | None:
    value = item.meta.get(name)
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 0):
        raise illegal(f"[{name}] must be a whole number, 0 or more")
    return value


def _tell(call: Call, writing: documents.Writing, item: Item, done: hosting.Done, mode: str) -> None:
    refused = documents.refusal(done, writing.named, item.id, item.kind)
    if item.kind == "delete" and done.result == "not_found":
        try:
            documents.check_not_foreign(writing, item.id)
        except Refused as foreign:
            refused = foreign
    if refused is not None:
        item.refuse(refused)
        return
    item.answer = {**documents.told(done, writing.named, item.id), "status": documents.status_of(done)}
    if mode == "true":
        item.answer["forced_refresh"] = True
    if item.kind == "update" and done.source is not None:
        said = item.body.get("_source", item.meta.get("_source", False)) if item.body else False
        shown = query_source.of_query(call.query, query_source.parsed(said))
        if shown.shown:
            item.answer["get"] = documents._got(done.n - 1, done.source, shown)
