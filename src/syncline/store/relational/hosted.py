"""Documents that are written one by one from outside, as JSON objects, straight into the truth.

Each of them is a ledger row and a document as any other, so everything that reads an index finds it; beside it lies the
object that was written, without the one member whose text the document has anyway. The number of a document is the
number of its last change; the ledger's version counts its changes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from syncline.model.documents import Document, Held, State
from syncline.model.ports import Batch, Put, Ticket
from syncline.store.relational.database import load_queries, scalar
from syncline.store.relational.tables import dump
from syncline.store.relational.truth import Truth

SQL = load_queries("hosted.sql")
PAGE: Final = 200  # documents read at once


class Row(NamedTuple):
    """What is known of a document that is there. `n` names its last change, `version` counts them."""

    seq: int
    id: str
    n: int
    version: int
    fingerprint: bytes


class Written(NamedTuple):
    """One document to be put. `source` is the JSON of its object with null for the member `field`, whose text the
    first `chars` characters of the document's text are."""

    document: Document
    fingerprint: bytes
    source: str
    field: str = ""
    chars: int = 0


@dataclass(slots=True)
class Changes:
    """What one round of writing does; an id comes up once."""

    puts: list[Written] = field(default_factory=list)
    deletes: list[Row] = field(default_factory=list)


class Stored(NamedTuple):
    """One document of an index, whoever brought it. `source` is None unless it was written as an object."""

    seq: int
    connector: int
    id: str
    n: int
    version: int
    title: str
    text: str
    metadata: dict[str, Any]
    media_type: str
    url: str
    allow: tuple[str, ...]
    deny: tuple[str, ...]
    source: dict[str, Any] | None


Decide = Callable[[Mapping[str, Row]], Changes]


class Hosted:
    """The documents of one index. Use it from the thread of the truth's connection."""

    def __init__(self, truth: Truth) -> None:
        self._truth = truth
        self._db = truth.connection

    # --- writing

    def write(self, connector: int, rounds: Sequence[tuple[Sequence[str], Decide]]) -> list[dict[str, int]]:
        """For each round, in order: look up its ids, do what it decides. All of it or nothing, durable when it returns.
        Returns for each round the numbers given to what was put, by id."""
        with self._truth.writing("hosted"):
            return [self._round(connector, *one) for one in rounds]

    def _round(self, connector: int, ids: Sequence[str], decide: Decide) -> dict[str, int]:
        known = self._rows(connector, ids)
        changes = decide(known)
        first = int(scalar(self._db, SQL["next_n"]))
        batch = Batch(deletes=[_held(row) for row in changes.deletes])
        for written in changes.puts:
            row = known.get(written.document.id)
            batch.puts.append(Put(written.document, written.fingerprint, None if row is None else row.seq))
        if not batch.rows:
            return {}
        self._truth._apply(Ticket(connector, 0, 0), batch)
        numbered = list(enumerate(changes.puts, first))
        rows = [(n, written.field, written.chars, written.source) for n, written in numbered]
        self._db.executemany(SQL["add_source"], rows)
        return {written.document.id: n for n, written in numbered}

    def _rows(self, connector: int, ids: Sequence[str]) -> dict[str, Row]:
        rows = self._db.execute(SQL["rows"], (connector, dump(list(ids))))
        return {id: Row(seq, id, n, _version(said), mark) for seq, id, n, said, mark in rows}

    def source_of(self, n: int) -> dict[str, Any]:
        """The object that was written under that number; empty when there is none."""
        with self._truth.reading():
            row = self._db.execute(SQL["source"], (n,)).fetchone()
        return {} if row is None else _object(row[0], row[1], row[2])

    # --- reading

    def live(self) -> tuple[int, int]:
        """(documents, highest seq)."""
        with self._truth.reading():
            row: Any = self._db.execute(SQL["live"]).fetchone()
        return int(row[0]), int(row[1])

    def live_of(self, connector: int) -> int:
        """Documents of one connector."""
        with self._truth.reading():
            return int(scalar(self._db, SQL["live_of"], (connector,)))

    def one(self, connectors: Sequence[int], id: str) -> list[Stored]:
        """The documents of that id."""
        return self._read("one", (dump(list(connectors)), id))

    def pages(self, after: int, to: int, *, text: bool = True, size: int = PAGE) -> Iterator[list[Stored]]:
        """Documents whose seq is above `after` and not above `to`, by seq, in pages."""
        while page := self._read("page" if text else "page_heads", (after, to, size)):
            yield page
            after = page[-1].seq

    def at(self, seqs: Sequence[int], *, text: bool = True) -> dict[int, Stored]:
        """Documents by seq; those that are gone are left out."""
        return {one.seq: one for one in self._read("at" if text else "at_heads", (dump(list(seqs)),))}

    def numbered(self, numbers: Sequence[int]) -> list[Stored]:
        """Documents by number; those that are gone are left out."""
        return self._read("numbered", (dump(list(numbers)),))

    def above(self, n: int, to: int, size: int = PAGE) -> Iterator[list[Stored]]:
        """Documents with a number above `n` and not above `to`, in order, in pages."""
        while page := self._read("above", (n, to, size)):
            yield page
            n = page[-1].n

    def _read(self, query: str, parameters: tuple[Any, ...]) -> list[Stored]:
        with self._truth.reading():
            return [_stored(row) for row in self._db.execute(SQL[query], parameters)]


def _version(said: str | None) -> int:
    return int(said) if said is not None and said.isdecimal() and len(said) < 18 else 1


def _held(row: Row) -> Held:
    return Held(row.seq, row.id, None, row.fingerprint, "", State.LIVE)


def _object(field: str, source: str, text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(source)
    if field:
        found[field] = text
    return found


def _stored(row: Sequence[Any]) -> Stored:
    seq, connector, id, n, version, title, text, metadata, media, url, allow, deny, field, chars, source = row
    return Stored(
        seq,
        connector,
        id,
        n,
        _version(version),
        title,
        text,
        json.loads(metadata) if metadata and source is None else {},
        media,
        url,
        tuple(json.loads(allow)) if allow else (),
        tuple(json.loads(deny)) if deny else (),
        None if source is None else _object(field, source, text[:chars]),
    )
