"""The inbox of one pushing connector: what was handed over, durable before it is acknowledged.

It holds the newest of each document for as long as the document lives, so that a full job can read everything again;
a deletion is dropped once a job has taken it over. A change gives a document a new number: the cursor of the feed.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import xxhash

from syncline.model.documents import Document, encode_metadata, fields_as_bytes
from syncline.store.relational.database import Database, load_queries, scalar

SQL = load_queries("inbox.sql")
PAGE_ROWS = 200
PAGE_BYTES = 8 << 20  # of what is read at once, unpacked
_LEVEL = 1


class Pushed(NamedTuple):
    """One row. `document` None: it is to be deleted."""

    seq: int
    id: str
    document: Document | None


class Taken(NamedTuple):
    """What a push changed: rows written, and those that were there already, byte for byte."""

    changed: int
    unchanged: int


class Standing(NamedTuple):
    """What is here of one id: its number, whether it is to be deleted, and the version that the document has."""

    seq: int
    gone: bool
    version: str


class Inbox:
    """The inbox of the connector with that number, in the truth of its index. Use it from one thread.
    `database` None: nothing was ever pushed."""

    def __init__(self, database: Database | None, connector: int) -> None:
        self._database = database
        self._connector = connector

    @property
    def _db(self) -> Any:
        assert self._database is not None
        return self._database.db

    def close(self) -> None:
        """Let go of the database."""
        if self._database is not None:
            self._database.close()

    # --- handing over ------------------------------------------------------------------------------------------------

    def take(self, documents: Sequence[Document], delete: Sequence[str], done: int = 0) -> Taken:
        """Put those documents and deletions, all or nothing; durable when it returns. The ids differ from each other.
        Deletions up to the number `done` have been taken over by a job, and go."""
        assert self._database is not None
        rows = {document.id: _row(document) for document in documents}
        with self._database.writing("inbox.take"):
            self._db.execute(SQL["forget_deletions"], (self._connector, done))
            held = self._digests([*rows, *delete])
            new = [(id, *row) for id, row in rows.items() if held.get(id) != row[0]]
            gone = [(id, b"", "{}", 0, None) for id in delete if held.get(id)]
            changes = [*new, *gone]
            self._db.executemany(SQL["take_out"], [(self._connector, row[0]) for row in changes])
            self._db.executemany(SQL["put"], [(self._connector, *row) for row in changes])
        return Taken(len(changes), len(documents) + len(delete) - len(changes))

    def _digests(self, ids: Sequence[str]) -> dict[str, bytes]:
        rows = self._db.execute(SQL["digests"], (self._connector, encode_metadata(list(ids))))
        return {id: bytes(digest) for id, digest in rows}

    def drop(self) -> None:
        """Forget everything of this connector."""
        if self._database is not None:
            with self._database.writing("inbox.drop"):
                self._db.execute(SQL["drop"], (self._connector,))

    # --- reading -----------------------------------------------------------------------------------------------------

    def after(self, seq: int) -> Iterator[list[Pushed]]:
        """Everything above that number, in order, also what arrives meanwhile; in pages, until there is no more."""
        while self._database is not None:
            page: list[Pushed] = []
            size = 0
            with self._database.reading():
                for row in self._db.execute(SQL["after"], (self._connector, seq, PAGE_ROWS)):
                    page.append(_pushed(row))
                    size += page[-1].document.size() if page[-1].document else 0
                    if size >= PAGE_BYTES:
                        break
            if not page:
                return
            yield page
            seq = page[-1].seq

    def standing(self, ids: Sequence[str]) -> dict[str, Standing]:
        """Those of the ids that are here."""
        if self._database is None:
            return {}
        with self._database.reading():
            rows = self._db.execute(SQL["standing"], (self._connector, encode_metadata(list(ids))))
            return {id: Standing(seq, bool(gone), bytes(digest).hex()) for id, seq, gone, digest in rows}

    def newest(self) -> int:
        """The highest number; 0 when there is nothing."""
        if self._database is None:
            return 0
        with self._database.reading():
            return int(scalar(self._db, SQL["newest"], (self._connector,)))

    def totals(self) -> tuple[int, int]:
        """(documents, bytes they take here)."""
        if self._database is None:
            return 0, 0
        with self._database.reading():
            documents, size = self._db.execute(SQL["totals"], (self._connector,)).fetchone()
        return int(documents), int(size)


def _row(document: Document) -> tuple[bytes, str, int, bytes]:
    """(digest, fields, is_text, body) as they are stored."""
    is_text = document.text is not None
    body = (document.text or "").encode() if is_text else document.content or b""
    fields = {
        name: value
        for name in ("title", "metadata", "url", "media_type", "allow", "deny")
        if (value := getattr(document, name))
    }
    digest = xxhash.xxh3_128(b"t" if is_text else b"b")
    digest.update(body)
    digest.update(b"\0" + fields_as_bytes(document))
    return digest.digest(), encode_metadata(fields), int(is_text), zlib.compress(body, _LEVEL)


def _pushed(row: Sequence[Any]) -> Pushed:
    seq, id, digest, fields, is_text, packed = row
    if packed is None:
        return Pushed(seq, id, None)
    body = zlib.decompress(packed)
    said = json.loads(fields)
    document = Document(
        id,
        content=None if is_text else body,
        text=body.decode() if is_text else None,
        title=said.get("title", ""),
        media_type=said.get("media_type", ""),
        metadata=said.get("metadata", {}),
        url=said.get("url", ""),
        allow=tuple(said.get("allow", ())),
        deny=tuple(said.get("deny", ())),
        version=bytes(digest).hex(),
    )
    return Pushed(seq, id, document)
