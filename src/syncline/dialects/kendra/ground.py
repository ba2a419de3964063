"""What every room of the dialect stands on: the server, an index by Kendra's id, data sources, errors, pages.

A room is a module with `operations(ground) -> {name of the operation: function of a Request}`.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import xxhash

from syncline.dialects import names
from syncline.dialects.aws import Fault, Request
from syncline.dialects.aws.wire import Function
from syncline.dialects.host import Host
from syncline.model.connectors import Connector
from syncline.model.errors import Category, Conflict, JobActive, NotFound, SynclineError, UsageError
from syncline.model.indexes import Index
from syncline.service import indexes
from syncline.store.relational.records import Records
from syncline.wiring import Installation

__all__ = ["Function", "Ground", "Pages", "Place", "Request"]

DIALECT: Final = "kendra"  # names its records, and its part of the extras
IMPLICIT: Final = "implicit"  # in the extras of the connector that holds documents without a data source
_DS_ID: Final = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_-]{0,99}")

T = TypeVar("T")


@dataclass(frozen=True)
class Place:
    """Where a request works: an Installation that is its own meanwhile, and the index it names."""

    room: Installation
    index: Index

    @property
    def kept(self) -> dict[str, Any]:
        """What this dialect keeps with the index."""
        return extras_of(self.index)

    def data_sources(self) -> list[Connector]:
        """The data sources of the index, oldest first: connectors of any origin, but the one for documents without a
        data source."""
        found = [one for one in connectors_of(self.room, self.index) if not is_implicit(one)]
        return sorted(found, key=lambda one: one.number)

    def data_source(self, id: str) -> Connector:
        """By the id that Kendra's clients know. Raises ResourceNotFoundException, also for one of another index."""
        found = self.room.control().connector(id)
        if found is None or source_id(found) != id:  # names are no ids; an odd id of another dialect stands for one
            found = names.by_uuid(connectors_of(self.room, self.index), id, lambda one: one.id)
        if found is None or found.index != self.index.name or is_implicit(found):
            raise Fault("ResourceNotFoundException", f"Index {self.index.id} has no data source {id}.")
        return found

    def implicit(self) -> Connector | None:
        """The connector that holds documents without a data source; None while there are none."""
        id = self.kept.get(IMPLICIT)
        found = self.room.control().connector(id) if id else None
        return found if found is not None and found.index == self.index.name else None


@dataclass(frozen=True)
class Ground:
    """The dialect on one server. May be used from any thread."""

    host: Host

    def clock(self) -> float:
        """Unix seconds."""
        return self.host.clock()

    @contextmanager
    def room(self) -> Iterator[Installation]:
        """An Installation that is nobody else's meanwhile."""
        with self.host.room() as room:
            yield room

    @contextmanager
    def at(self, request: Request, index_id: str) -> Iterator[Place]:
        """The index with that id. Raises ResourceNotFoundException; AccessDeniedException when the key of the request
        is bound to other indexes, whether there is this one or not."""
        with self.host.room() as room:
            yield self.place(request, room, index_id)

    def place(self, request: Request, room: Installation, index_id: str) -> Place:
        """The same for a room that is at hand."""
        return Place(room, visible(request, room, index_id))

    def records(self, room: Installation) -> Records:
        """What this dialect keeps beyond connectors, indexes and jobs."""
        return Records(room.control(), DIALECT)


def visible(request: Request, room: Installation, index_id: str) -> Index:
    """The index of that id, if the caller may use it. Raises as `Ground.at`."""
    found = room.control().index(index_id)
    if found is not None and found.id != index_id:  # a name is no id
        found = None
    if request.caller.indexes is not None and (found is None or not request.caller.sees(found.name)):
        raise denied(request, f"index/{index_id}")
    if found is None:
        raise Fault("ResourceNotFoundException", f"There is no index {index_id}.")
    return found


def visible_indexes(request: Request, room: Installation) -> list[Index]:
    """Those that the caller may use, oldest first."""
    found = [one for one in indexes.all(room) if request.caller.sees(one.name)]
    return sorted(found, key=lambda one: one.number)


def denied(request: Request, resource: str) -> Fault:
    """The key is bound to other indexes."""
    action = f"kendra:{request.operation}"
    return Fault(
        "AccessDeniedException",
        f"User: {request.key_id} is not authorized to perform: {action} on resource: {resource}",
    )


def invalid(message: str) -> Fault:
    """A ValidationException."""
    return Fault("ValidationException", message)


# --- connectors ------------------------------------------------------------------------------------------------------


def connectors_of(room: Installation, index: Index) -> list[Connector]:
    """All that feed the index."""
    return connectors_feeding(room, index.name)


def connectors_feeding(room: Installation, index: str) -> list[Connector]:
    """All that feed the index of that name (of ours)."""
    return [one for one in room.control().connectors() if one.index == index]


def extras_of(thing: Connector | Index) -> dict[str, Any]:
    """What this dialect keeps with an index or a connector; empty for one of other origin."""
    found: dict[str, Any] = thing.extras.get(DIALECT, {})
    return found


def is_implicit(connector: Connector) -> bool:
    """Whether it holds the documents of its index that have no data source."""
    return bool(extras_of(connector).get(IMPLICIT))


def source_id(connector: Connector) -> str:
    """Its id as Kendra's clients know it."""
    return connector.id if _DS_ID.fullmatch(connector.id) else names.as_uuid(connector.id)


# --- ids of documents ------------------------------------------------------------------------------------------------


def document_id(connector: Connector, id: str, metadata: Mapping[str, Any]) -> str:
    """The id of a document as Kendra's clients know it: objects of a bucket are called s3://bucket/key unless their
    metadata file says otherwise, all others as we call them."""
    if connector.kind != "s3":
        return id
    said = metadata.get("document_id")
    return said if isinstance(said, str) and said else f"{_bucket(connector)}{id}"


def own_id(connector: Connector, document_id: str) -> str | None:
    """What the connector would call that document, as far as the id alone can tell; None: it cannot be one of its."""
    if connector.kind != "s3":
        return document_id
    start = _bucket(connector)
    return document_id.removeprefix(start) if document_id.startswith(start) else None


def _bucket(connector: Connector) -> str:
    bucket = str(connector.config.get("bucket", ""))
    return f"{bucket}/" if "://" in bucket else f"s3://{bucket}/"


# --- errors ----------------------------------------------------------------------------------------------------------


def translated(error: SynclineError) -> Fault | None:
    """The Fault for an error of the family; None: our own."""
    if isinstance(error, NotFound):
        return Fault("ResourceNotFoundException", told(error))
    if isinstance(error, JobActive | Conflict):
        return Fault("ConflictException", told(error))
    asked_wrongly = error.category in (Category.CONFIG, Category.CREDENTIALS, Category.PERMISSION, Category.DOCUMENT)
    if isinstance(error, UsageError) or asked_wrongly:
        return invalid(told(error))
    return None


def told(error: SynclineError) -> str:
    """What it says, and what to do."""
    return f"{error.message.rstrip('.')}. {error.remedy}" if error.remedy else error.message


def one_line(text: str, most: int = 2048) -> str | None:
    """A text without control characters, as ErrorMessage may be; None when nothing is left of it."""
    plain = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return plain[:most] or None


# --- pages -----------------------------------------------------------------------------------------------------------


class Pages:
    """Pages of a list. A token says after which one the next page begins; it belongs to one operation with one set of
    parameters, and is refused with any other.

    pages = Pages(request, index_id)                    raises ValidationException for a token that is not ours
    rows = those with a number above pages.after, one more than pages.limit
    found, token = pages.cut(rows, number)
    """

    def __init__(self, request: Request, *belongs_to: Any, default: int = 100) -> None:
        """`belongs_to`: what else must be the same on every page, such as ids and filters."""
        self.limit: int = request.get("MaxResults", default)
        text = json.dumps([request.operation, *belongs_to], default=str, ensure_ascii=False)
        self._mark = xxhash.xxh3_64_hexdigest(text.encode("utf-8", "surrogatepass"))
        self.after: int = self._place(request["NextToken"]) if "NextToken" in request else 0

    def _place(self, token: str) -> int:
        try:
            mark, place = json.loads(base64.urlsafe_b64decode(token.encode("ascii")))
            if mark == self._mark and type(place) is int:
                return place
        except (ValueError, TypeError, binascii.Error):
            pass
        raise invalid("The NextToken is not one that this operation has given for these parameters.")

    def token(self, place: int) -> str:
        """What to send for the page after that place."""
        return base64.urlsafe_b64encode(json.dumps([self._mark, place]).encode()).decode()

    def cut(self, rows: Sequence[T], place: Sequence[int]) -> tuple[Sequence[T], str | None]:
        """The rows of this page, and the token of the next; `place` gives the number of each row."""
        if len(rows) <= self.limit:
            return rows, None
        return rows[: self.limit], self.token(place[self.limit - 1])
