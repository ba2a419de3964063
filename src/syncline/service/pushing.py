"""Pushing: documents that are handed over, durable before they are acknowledged, taken over by a job."""

from __future__ import annotations

import binascii
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from syncline.model.connectors import Connector
from syncline.model.documents import Document
from syncline.model.errors import Category, Mender, SynclineError, UsageError
from syncline.model.jobs import WhenActive
from syncline.service import executions, jobs
from syncline.sources.authoring import id_fault, validate_document
from syncline.store.relational.inbox import Taken
from syncline.store.relational.jobs import Ordered
from syncline.wiring import Installation

MAX_ITEMS: Final = 1000
MAX_DOCUMENT_BYTES: Final = 32 << 20
FIELDS: Final = (
    "id", "title", "text", "content_base64", "metadata", "url", "media_type", "allow", "deny",
)  # fmt: skip
_TEXTS = ("title", "url", "media_type")


class NotPushed(SynclineError):
    """The connector reads its documents from a place of its own; nothing can be pushed to it."""

    code = "push.wrong_kind"
    category = Category.CONFIG
    mender = Mender.YOU
    default_remedy = "Push to a connector of the kind `push`."


class PushTooLarge(UsageError):
    """More documents at once than a push may hold."""

    code = "push.too_many"
    default_remedy = f"Push at most {MAX_ITEMS:,} documents and deletions at once."


class PushRejected(UsageError):
    """Not one of the documents and deletions could be taken. `rejected` says what is wrong with each."""

    code = "push.rejected"
    default_remedy = "Correct the documents, and push them again."


class PushEmpty(UsageError):
    """There is neither a document nor a deletion in it."""

    code = "push.empty"
    default_remedy = "Give `documents` or `delete`."


class Rejected(NamedTuple):
    """Why one document or deletion was not taken. `id` is None when it had none that can be shown."""

    id: str | None
    code: str
    message: str


@dataclass(slots=True)
class Sorted:
    """A push, each part looked at."""

    documents: list[Document] = field(default_factory=list)
    delete: list[str] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)

    @property
    def accepted(self) -> int:
        """Documents and deletions that can be taken."""
        return len(self.documents) + len(self.delete)


class Receipt(NamedTuple):
    """What came of a push: the job that takes it over, what is in the inbox now, and what was not taken."""

    ordered: Ordered
    taken: Taken
    accepted: int
    rejected: Sequence[Rejected]


def push(
    installation: Installation,
    connector: Connector,
    documents: Sequence[Any],
    delete: Sequence[Any],
    *,
    requested_by: str = "",
) -> Receipt:
    """Put them into the connector's inbox and ask for a job. What cannot be taken is in the receipt and stops nothing
    else. Raises NotPushed, PushTooLarge, PushEmpty, PushRejected when there is nothing left to take."""
    if connector.kind != "push":
        raise NotPushed(f"connector {connector.name!r} is of the kind {connector.kind!r}")
    if len(documents) + len(delete) > MAX_ITEMS:
        raise PushTooLarge(f"{len(documents) + len(delete):,} documents and deletions are too many")
    found = sort(documents, delete)
    if not (found.accepted or found.rejected):
        raise PushEmpty("there is nothing in it")
    if not found.accepted:
        raise PushRejected("nothing of it could be taken", rejected=[one._asdict() for one in found.rejected])
    return hand_over(installation, connector, found, requested_by=requested_by)


def hand_over(
    installation: Installation,
    connector: Connector,
    found: Sorted,
    *,
    cause: str = "push",
    same_cause: bool = False,
    requested_by: str = "",
) -> Receipt:
    """Put what was accepted into the connector's inbox and ask for a job; with `same_cause` a job of its own, unless
    one of that cause waits. Raises NotPushed."""
    if connector.kind != "push":
        raise NotPushed(f"connector {connector.name!r} is of the kind {connector.kind!r}")
    taken = _take(installation, connector, found)  # Invariant 1: durable before it is acknowledged.
    ordered = jobs.start(
        installation,
        connector,
        when_active=WhenActive.COALESCE,
        cause=cause,
        requested_by=requested_by,
        same_cause=same_cause,
    )
    return Receipt(ordered, taken, found.accepted, found.rejected)


def close_execution(installation: Installation, connector: Connector) -> executions.Execution | None:
    """Close the execution that is open, if there is one: what was pushed in it is still taken over."""
    closed = executions.close(installation, connector)
    if closed is None:
        return None
    if unread(installation, connector):  # the job that should have taken it over has failed, or was never asked for
        cause = executions.cause_of(closed.id)
        jobs.start(installation, connector, when_active=WhenActive.COALESCE, cause=cause, same_cause=True)
    return executions.settle(installation, connector, closed)


def unread(installation: Installation, connector: Connector) -> bool:
    """Whether something waits in its inbox that no job has taken over."""
    with closing(installation.inbox(connector, read_only=True)) as inbox:
        return inbox.newest() > _taken_over(installation, connector)


class Held(NamedTuple):
    """What the inbox has of one id. `waits`: no job that has ended well has read it; `gone`: it is to be deleted;
    `version` of the document."""

    waits: bool
    gone: bool
    version: str


def held(installation: Installation, connector: Connector, ids: Sequence[str]) -> dict[str, Held]:
    """Those of the ids that the inbox has. A deletion that was taken over is none of them."""
    with closing(installation.inbox(connector, read_only=True)) as inbox:
        standing = inbox.standing(ids)
    done = _taken_over(installation, connector)
    found = {id: Held(one.seq > done, one.gone, one.version) for id, one in standing.items()}
    return {id: one for id, one in found.items() if one.waits or not one.gone}


def _taken_over(installation: Installation, connector: Connector) -> int:
    """The number up to which jobs have taken over what is in its inbox."""
    return _number_in(installation.index(connector.index, create=True).peek(connector.number).feed_cursor or "")


def _take(installation: Installation, connector: Connector, found: Sorted) -> Taken:
    with closing(installation.inbox(connector)) as inbox:
        return inbox.take(found.documents, found.delete, done=_taken_over(installation, connector))


def _number_in(cursor: str) -> int:
    number = cursor.rpartition(":")[2]
    return int(number) if number.isdecimal() else 0


# --- what was handed over --------------------------------------------------------------------------------------------


def sort(documents: Iterable[Any], delete: Iterable[Any]) -> Sorted:
    """What can be taken, and why the rest cannot. Of an id that comes twice the first counts."""
    found, ids = Sorted(), set[str]()
    for item in documents:
        made = _document(item)
        if isinstance(made, Rejected):
            found.rejected.append(made)
        elif made.id in ids:
            found.rejected.append(_twice(made.id))
        else:
            ids.add(made.id)
            found.documents.append(made)
    for id in delete:
        fault = id_fault(id)
        if fault is not None:
            found.rejected.append(Rejected(None, "document.invalid", f"the id to delete {fault}"))
        elif id in ids:
            found.rejected.append(_twice(id))
        else:
            ids.add(id)
            found.delete.append(id)
    return found


def _twice(id: str) -> Rejected:
    return Rejected(id, "push.duplicate", "the id comes twice in this push; the first was taken")


def _document(item: Any) -> Document | Rejected:
    """A document of what was handed over."""
    if not isinstance(item, Mapping):
        return Rejected(None, "document.invalid", "it is not an object")
    fault = id_fault(item.get("id"))
    if fault is not None:
        return Rejected(None, "document.invalid", f"the id {fault}" if "id" in item else "the id is missing")
    id = item["id"]
    try:
        document = _made(item)
    except _Faulty as why:
        return Rejected(id, "document.invalid", str(why))
    return fault_of(document) or document


def fault_of(document: Document) -> Rejected | None:
    """Why a document cannot be taken; None when it can."""
    error = validate_document(document)
    if error is not None:
        return Rejected(document.id, "document.invalid", error.message)
    if document.size() > MAX_DOCUMENT_BYTES:
        return Rejected(document.id, "document.too_large", f"it is larger than {MAX_DOCUMENT_BYTES >> 20} MiB")
    return None


class _Faulty(Exception):
    """What is wrong with a document, for people."""


def _made(item: Mapping[str, Any]) -> Document:
    unknown = next((name for name in item if name not in FIELDS), None)
    if unknown is not None:
        raise _Faulty(f"{unknown!r:.80} is not a field of a document; fields are {', '.join(FIELDS)}")
    text, packed = item.get("text"), item.get("content_base64")
    if (text is None) == (packed is None):
        raise _Faulty("it needs a text or a content_base64, and not both")
    return Document(
        id=item["id"],
        text=text,
        content=None if packed is None else _unpacked(packed),
        metadata=_or(item, "metadata", {}),
        allow=_principals(item, "allow"),
        deny=_principals(item, "deny"),
        **{name: _or(item, name, "") for name in _TEXTS},
    )


def _or(item: Mapping[str, Any], name: str, default: Any) -> Any:
    value = item.get(name)
    return default if value is None else value


def _principals(item: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = _or(item, name, [])
    if not isinstance(value, list):
        raise _Faulty(f"{name} must be a list of principals such as 'user:ann'")
    return tuple(value)


def _unpacked(packed: Any) -> bytes:
    if not isinstance(packed, str):
        raise _Faulty("content_base64 must be text")
    try:
        return binascii.a2b_base64(packed.encode("ascii"), strict_mode=True)
    except (ValueError, binascii.Error):
        raise _Faulty("content_base64 is not base64") from None
