"""Sources over plain dicts: one that lists, one that streams. They keep every promise of the ports and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from syncline.model.documents import Document, Tombstone
from syncline.model.errors import SourceProtocolError
from syncline.model.news import Begin, Checkpoint, Complete, Entry, Fetched, Gone, Listed, Page, Read
from syncline.model.sheets import Sheet


class MemorySource:
    """A ListingSource over a dict. Lists in order of id, with a Checkpoint after every page but the last.

    page_size   entries in a page.
    versioned   False: entries and documents carry no version, so they are compared by content.
    anchor      what Complete calls the place.
    documents   what is there now, by id.
    fetched     ids that `fetch` was asked for, in order: proves that nothing was read in vain.
    """

    def __init__(
        self,
        documents: Iterable[Document] = (),
        *,
        page_size: int = 100,
        versioned: bool = True,
        anchor: str = "memory",
    ) -> None:
        self.page_size = page_size
        self.versioned = versioned
        self.anchor = anchor
        self.documents: dict[str, Document] = {}
        self.fetched: list[str] = []
        self._revision = 0
        for document in documents:
            self.add(document)

    def add(self, document: Document) -> str:
        """Put a document, new or instead of the one with its id. It gets a version of its own unless it brings one."""
        self._revision += 1
        version = (document.version or str(self._revision)) if self.versioned else None
        self.documents[document.id] = replace(document, version=version)
        return document.id

    def put(self, id: str, text: str = "", **fields: Any) -> str:
        """Put a document of that text, with any other fields of Document. Returns its id."""
        return self.add(Document(id=id, text=text, **fields))

    def touch(self, id: str) -> None:
        """Give a document a new version and leave its content alone. Raises KeyError when it is not there."""
        self.add(replace(self.documents[id], version=None))

    def remove(self, id: str) -> None:
        """Take a document away. Raises KeyError when it is not there."""
        del self.documents[id]

    def check(self) -> None:
        """There is nothing that could be wrong."""

    def list(self, memory: Mapping[str, Any] | None, cursor: str | None) -> Iterator[Listed]:
        """Everything after `cursor`, an id; `memory` is counted on, never needed."""
        yield Begin(self.anchor)
        ids = sorted(id for id in self.documents if cursor is None or id > cursor)
        for start in range(0, len(ids), self.page_size):
            if start:
                yield Checkpoint(ids[start - 1])
            there = (self.documents.get(id) for id in ids[start : start + self.page_size])
            yield Page([Entry(document.id, document.version) for document in there if document is not None])
        yield Complete(anchor=self.anchor, memory={"listings": int((memory or {}).get("listings", 0)) + 1})

    def fetch(self, entries: Sequence[Entry]) -> Iterator[Fetched]:
        """The documents as they are now; Gone for those removed since they were listed."""
        for entry in entries:
            self.fetched.append(entry.id)
            document = self.documents.get(entry.id)
            yield Gone(entry.id) if document is None else replace(document)


class MemorySheets(MemorySource):
    """The same, which hands over documents as columns whenever they are nothing but text and fields.

    pasted  ids that were handed over so, in order.
    """

    def __init__(self, documents: Iterable[Document] = (), **settings: Any) -> None:
        self.pasted: list[str] = []
        super().__init__(documents, **settings)

    def sheet(self, entries: Sequence[Entry]) -> Sheet | None:
        """See `FillsSheets`."""
        found = [self.documents.get(entry.id) for entry in entries]
        documents = [document for document in found if document is not None and _is_plain(document)]
        if len(documents) < len(entries):
            return None
        self.pasted += [document.id for document in documents]
        return Sheet(
            [document.id for document in documents],
            [document.version for document in documents],
            [document.title for document in documents],
            [document.text or "" for document in documents],
            [document.metadata_as_json() for document in documents],
            [document.url for document in documents],
            [document.allow for document in documents],
        )


def _is_plain(document: Document) -> bool:
    others = (document.content, document.load, document.warning, document.vector)
    return document.text is not None and not (any(others) or document.deny or document.media_type)


class MemoryStream:
    """A StreamSource with a change log. A cursor is a position in the log, as text.

    incremental  False: every read gives everything, with no cursors.
    page_size    changes between two checkpoints.
    documents    what is there now, by id.
    """

    def __init__(self, documents: Iterable[Document] = (), *, incremental: bool = True, page_size: int = 100) -> None:
        self.incremental = incremental
        self.page_size = page_size
        self.documents: dict[str, Document] = {}
        self._log: list[str] = []  # ids, in the order of their changes; position n is the n-th change
        for document in documents:
            self.add(document)

    def add(self, document: Document) -> str:
        """Put a document, new or instead of the one with its id. It gets a version of its own unless it brings one."""
        self._log.append(document.id)
        self.documents[document.id] = replace(document, version=document.version or str(len(self._log)))
        return document.id

    def put(self, id: str, text: str = "", **fields: Any) -> str:
        """Put a document of that text, with any other fields of Document. Returns its id."""
        return self.add(Document(id=id, text=text, **fields))

    def remove(self, id: str) -> None:
        """Take a document away; incremental reads tell of it. Raises KeyError when it is not there."""
        del self.documents[id]
        self._log.append(id)

    def check(self) -> None:
        """There is nothing that could be wrong."""

    def read(self, cursor: str | None) -> Iterator[Read]:
        """Each changed document once, as it is now, in the order of last changes; a Tombstone for one that is gone."""
        start, end = self._position(cursor), len(self._log)
        latest = {id: position for position, id in enumerate(self._log[start:end], start + 1)}
        told = 0
        for id, position in sorted(latest.items(), key=lambda item: item[1]):
            document = self.documents.get(id)
            if document is None and cursor is None:
                continue
            if self.incremental and told and told % self.page_size == 0:
                yield Checkpoint(str(position - 1))
            yield Tombstone(id) if document is None else replace(document)
            told += 1
        yield Complete(cursor=str(end) if self.incremental else None)

    def _position(self, cursor: str | None) -> int:
        if cursor is None:
            return 0
        if not (cursor.isdecimal() and int(cursor) <= len(self._log)):
            raise SourceProtocolError(f"no cursor of this stream: {cursor!r}", code="source.cursor_unknown")
        return int(cursor)
