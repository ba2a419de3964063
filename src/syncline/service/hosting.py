"""Hosted documents: written one by one by clients, durable and readable before they are acknowledged.

    operations ──▶ one transaction in the truth of the index ──▶ text index, when somebody wants to see them

They belong to a connector of the kind `hosted`, made with the first of them, so that they are documents as any other.
A deletion is a tombstone: somebody has said that the document is gone (invariant 4). Documents of other connectors of
the index are never touched (invariant 11). What is the same as before costs no write.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, NamedTuple

from syncline.model.connectors import Connector
from syncline.model.documents import Document
from syncline.model.errors import DocumentRejected, UsageError
from syncline.model.indexes import Index
from syncline.model.news import Refused
from syncline.service import connectors
from syncline.sources.authoring import validate_document
from syncline.store.relational.hosted import Changes, Hosted, Row, Written
from syncline.wiring import Installation

KIND: Final = "hosted"
TERM: Final = 1  # of every number: documents have one home only


@dataclass(slots=True, frozen=True)
class Operation:
    """One thing to be done to one document.

    kind      "index" (put it), "create" (put it unless it is there), "update" or "delete".
    source    the object to be put: for "update" the one to be put when there is none; None: then it must be there.
    change    of "update": given the object that is there, the one to be put, or None when that is no change.
    expected  the number of its last change that it must still have, and the term.
    """

    kind: str
    id: str
    source: dict[str, Any] | None = None
    change: Callable[[dict[str, Any]], dict[str, Any] | None] | None = None
    expected: tuple[int, int] | None = None


class Done(NamedTuple):
    """What came of an operation.

    result   "created", "updated", "deleted", "noop"; or what kept it from being done: "not_found" (nothing to delete or
             to update), "exists", "conflict", "rejected".
    n        number of the document's last change; 0 when there is none.
    source   what the document is now, of an update.
    """

    result: str
    version: int = 0
    n: int = 0
    reason: str = ""
    source: dict[str, Any] | None = None


Shape = Callable[[str, dict[str, Any]], Written]
"""(id, object) -> the document that is searched, and what is kept. Raises DocumentRejected."""


def find(installation: Installation, index: Index) -> Connector | None:
    """The connector that the hosted documents of the index belong to; None when nothing was ever written."""
    return installation.control().connector_at(f"{KIND}:{index.name}", index.name)


def ensure(installation: Installation, index: Index) -> Connector:
    """The same, made if need be."""
    found = find(installation, index)
    if found is not None:
        return found
    control = installation.control()
    with control.writing("host_index"):
        found = find(installation, index)
        if found is None:
            name = connectors.free_name(control, f"{KIND}:{index.name}-{KIND}", {})
            draft = connectors.draft(control, KIND, {"index": index.name}, name=name, index=index.name)
            found = connectors.add(installation, draft)
    return found


def write(installation: Installation, index: Index, operations: Sequence[Operation], shape: Shape) -> list[Done]:
    """Do them in order, all in one transaction. Invariant 1: durable when it returns."""
    connector = ensure(installation, index)
    opened = installation.embedded(index.name, create=True)
    hosted = Hosted(opened.truth)
    results: list[Done | None] = [None] * len(operations)
    ready = [_prepared(one, shape) for one in operations]
    rounds = []
    for places in _rounds(operations):
        decide = partial(_decide, hosted, operations, ready, places, results, shape)
        rounds.append(([operations[at].id for at in places], decide))
    numbers = hosted.write(connector.number, rounds)
    for places, given in zip(_rounds(operations), numbers, strict=True):
        for at in places:
            done = results[at]
            if done is not None and done.result in ("created", "updated") and not done.n:
                results[at] = done._replace(n=given[operations[at].id])
    if any(numbers) or any(done is not None and done.result == "deleted" for done in results):
        opened.follow()
    return [done for done in results if done is not None]


def _prepared(one: Operation, shape: Shape) -> Written | DocumentRejected | None:
    """Made ready before anybody has to wait for the transaction."""
    if one.kind not in ("index", "create") or one.source is None:
        return None
    return _shaped(one.id, one.source, shape)


def _shaped(id: str, source: dict[str, Any], shape: Shape) -> Written | DocumentRejected:
    try:
        written = shape(id, source)
    except DocumentRejected as error:
        return error
    fault = validate_document(written.document)
    return written if fault is None else DocumentRejected(fault.message)


def _rounds(operations: Sequence[Operation]) -> list[list[int]]:
    """Places of operations, in order, cut where an id comes again."""
    rounds: list[list[int]] = []
    seen: set[str] = set()
    for at, one in enumerate(operations):
        if not rounds or one.id in seen:
            rounds.append([])
            seen = set()
        seen.add(one.id)
        rounds[-1].append(at)
    return rounds


def _decide(
    hosted: Hosted,
    operations: Sequence[Operation],
    ready: Sequence[Written | DocumentRejected | None],
    places: Iterable[int],
    results: list[Done | None],
    shape: Shape,
    known: Mapping[str, Row],
) -> Changes:
    changes = Changes()
    for at in places:
        one = operations[at]
        row = known.get(one.id)
        wrong = _unexpected(one, row)
        if wrong is not None:
            results[at] = Done("conflict", 0 if row is None else row.version, 0 if row is None else row.n, wrong)
        elif one.kind == "delete":
            results[at] = _delete(row, changes)
        elif one.kind == "update":
            results[at] = _update(hosted, one, row, changes, shape)
        elif one.kind == "create" and row is not None:
            results[at] = Done("exists", row.version, row.n)
        else:
            results[at] = _put(ready[at], row, changes)
    return changes


def _unexpected(one: Operation, row: Row | None) -> str | None:
    """Why the document is not the one that was expected; None when it is."""
    if one.expected is None:
        return None
    number, term = one.expected
    wanted = f"required seqNo [{number - 1}], primary term [{term}]"
    if row is None:
        return f"{wanted}. but no document was found"
    if (row.n, TERM) != one.expected:
        return f"{wanted}. current document has seqNo [{row.n - 1}] and primary term [{TERM}]"
    return None


def _delete(row: Row | None, changes: Changes) -> Done:
    if row is None:
        return Done("not_found", 1)
    changes.deletes.append(row)
    return Done("deleted", row.version + 1, row.n)


def _put(
    written: Written | DocumentRejected | None, row: Row | None, changes: Changes, source: dict[str, Any] | None = None
) -> Done:
    assert written is not None
    if isinstance(written, DocumentRejected):
        return Done("rejected", reason=written.message)
    if row is not None and row.fingerprint == written.fingerprint:
        return Done("updated", row.version, row.n, source=source)
    version = 1 if row is None else row.version + 1
    written.document.version = str(version)
    changes.puts.append(written)
    return Done("created" if row is None else "updated", version, source=source)


def _update(hosted: Hosted, one: Operation, row: Row | None, changes: Changes, shape: Shape) -> Done:
    if row is None:
        if one.source is None:
            return Done("not_found")
        return _put(_shaped(one.id, one.source, shape), None, changes, one.source)
    assert one.change is not None
    before = hosted.source_of(row.n)
    after = one.change(before)
    if after is None:
        return Done("noop", row.version, row.n, source=before)
    return _put(_shaped(one.id, after, shape), row, changes, after)


# --- files in documents -----------------------------------------------------------------------------------------------


def texts_of(
    installation: Installation, connector: Connector, files: Sequence[tuple[str, bytes]]
) -> list[str | Refused]:
    """The text of each file, named so that its kind can be told; or why it cannot be read. In processes with limits."""
    found: dict[str, str | Refused] = {}
    (extract,) = installation.transforms(connector)[:1]
    try:
        documents = [Document(f"{at}/{name}"[-500:], content) for at, (name, content) in enumerate(files)]
        for answer in extract.apply(documents):
            if isinstance(answer, Document):
                found[answer.id] = answer.text or ""
            elif isinstance(answer, Refused):
                found[answer.id] = answer
            else:
                found[answer.id] = ""
        return [found.get(document.id, "") for document in documents]
    finally:
        extract.close()


# --- looking ----------------------------------------------------------------------------------------------------------


def shelf(installation: Installation, index: Index) -> Hosted:
    """The documents of the index, whoever brought them."""
    return Hosted(installation.embedded(index.name, create=True).truth)


def refresh(installation: Installation, index: Index) -> None:
    """Return when everything written so far is found by every search."""
    installation.index(index.name, create=True).settle()


def check_alone(index: Index, feeding: Sequence[Connector]) -> None:
    """Raises UsageError when connectors other than its hosted one feed the index, which must not go without them."""
    others = [one.name for one in feeding if one.kind != KIND]
    if others:
        raise UsageError(
            f"connectors of Syncline feed the index {index.name!r}: {', '.join(others)[:300]}",
            code="index.in_use",
            remedy="Remove these connectors first.",
        )
