"""What several operations ask of a connector before they do anything."""

from __future__ import annotations

import binascii
import os
from typing import Final

from syncline.dialects.elastic import indices, sources, words
from syncline.dialects.elastic.books import Books, Entry
from syncline.dialects.elastic.direct import Doc
from syncline.dialects.elastic.refusals import absent, against_rule, invalid
from syncline.dialects.elastic.transport import Call

CONTENT: Final = "content-"  # how the names of indexes of native connectors begin


def new_id() -> str:
    """20 characters that are safe in URLs."""
    return binascii.b2a_base64(os.urandom(15), newline=False).decode().replace("+", "-").replace("/", "_")


def needed(call: Call, name: str, *texts: str) -> str:
    """The id in the path. Raises Refused when it is empty, or another rule of the request is broken: `texts`."""
    id = call.parts[name]
    empty = () if id else (f'[{name}] cannot be [null] or [""].',)
    if empty or texts:
        raise invalid(*empty, *texts)
    return id


def found(books: Books, id: str, *, deleted: bool = False) -> Entry:
    """The connector; softly deleted ones only if asked for. Raises Refused."""
    entry = books.entry(id)
    if entry is None or (entry.deleted and not deleted):
        raise absent(f"connector [{id}] not found")
    return entry


def faults_of_index(name: str | None, *, native: bool = False) -> list[str]:
    """What is wrong with the name of a connector's index."""
    if name is None:
        return []
    fault = indices.fault_of(name)
    if fault is not None:
        return [f"Invalid index name [{name:.300}], {fault}"]
    return [bad_prefix(name)] if native and not name.startswith(CONTENT) else []


def check_prefix(native: bool, index_name: str | None) -> None:
    """Raises Refused when a native connector would have an index of another name."""
    if native and index_name is not None and not index_name.startswith(CONTENT):
        raise against_rule(bad_prefix(index_name))


def bad_prefix(name: str) -> str:
    """Why a native connector cannot have it."""
    return (
        f"Index attached to an Elastic-managed connector must start with the prefix: [{CONTENT}]. The index name "
        f"[{name}] doesn't comply with this requirement."
    )


def check_free(books: Books, id: str, index_name: str | None) -> None:
    """Raises Refused when another connector has the index."""
    if index_name is None:
        return
    books.need_index(index_name)
    for row in Books(books.host, books.room, None).rows():
        if row.index_name == index_name and row.id != id and not row.deleted and row.service_type != "push":
            raise against_rule(f"Index name [{index_name}] is used by another connector.")


def filled_in(books: Books, doc: Doc, service_type: str | None) -> Doc:
    """The document with the fields of its service type, as whoever runs it would fill them in."""
    type = sources.of(service_type, books.outside)
    if type is None:
        return doc
    bare = not doc["configuration"]
    doc = {**doc, "configuration": sources.filled(type, doc["configuration"])}
    return {**doc, "status": words.NEEDS} if bare and doc["status"] == words.CREATED else doc
