"""One reading of a source, from its first word to its last, in a form that laws can be stated about."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from typing import Any

from syncline.model.documents import Document, Tombstone
from syncline.model.news import Checkpoint, Complete, Entry, Page, Skipped, Unchanged, Unlisted
from syncline.model.ports import ListingSource, StreamSource

MAX_NEWS = 1_000_000


@dataclass(slots=True)
class Reading:
    """Everything a source said in one call of `list` or `read`, in order. `ended`: it stopped by itself."""

    news: list[Any] = field(default_factory=list)
    ended: bool = False

    def entries(self, start: int = 0) -> list[Entry]:
        """What was listed from the piece of news number `start` on; the documents of a stream count as entries."""
        found: list[Entry] = []
        for item in self.news[start:]:
            if isinstance(item, Page):
                found += item.entries
            elif isinstance(item, Document):
                found.append(Entry(item.id, item.version, item))
        return found

    def ids(self, start: int = 0) -> list[str]:
        """Ids of the entries, in the order they came."""
        return [entry.id for entry in self.entries(start)]

    def versions(self) -> dict[str, str | None]:
        """The last version told of each id."""
        return {entry.id: entry.version for entry in self.entries()}

    def completes(self) -> list[Complete]:
        """Every Complete; a good reading has one."""
        return [item for item in self.news if isinstance(item, Complete)]

    def checkpoints(self) -> list[tuple[int, str]]:
        """(number of the next piece of news, cursor) of every Checkpoint."""
        return [(at + 1, item.cursor) for at, item in enumerate(self.news) if isinstance(item, Checkpoint)]

    def tombstones(self) -> list[str]:
        """Ids that were said to be gone."""
        return [item.id for item in self.news if isinstance(item, Tombstone)]

    def skipped(self) -> list[Skipped]:
        """Documents that the source's own rules keep out."""
        return [item for item in self.news if isinstance(item, Skipped)]

    def unlisted(self) -> list[Unlisted]:
        """Parts that could not be listed."""
        return [item for item in self.news if isinstance(item, Unlisted)]


def begin(source: Any, *, memory: Mapping[str, Any] | None = None, cursor: str | None = None) -> Any:
    """The iterator of one reading, whichever way this source is read."""
    return source.list(memory, cursor) if isinstance(source, ListingSource) else source.read(cursor)


def read_all(source: Any, *, memory: Mapping[str, Any] | None = None, cursor: str | None = None) -> Reading:
    """Read to the end, or until MAX_NEWS pieces of news have come. Raises what the source raises."""
    return read_on(begin(source, memory=memory, cursor=cursor))


def read_on(news: Iterable[Any]) -> Reading:
    """The rest of a reading that has begun, or as much of it as MAX_NEWS allows. What is unchanged is named."""
    taken = list(islice(_by_name(news), MAX_NEWS))
    return Reading(taken, ended=len(taken) < MAX_NEWS)


def _by_name(news: Iterable[Any]) -> Iterable[Any]:
    for item in news:
        if isinstance(item, Unchanged):
            yield from item.pages()
        else:
            yield item


def answers_of(source: Any, entries: Sequence[Entry]) -> list[Any]:
    """What `fetch` answers, at most ten times as much as was asked; a stream has answered already."""
    if not isinstance(source, ListingSource):
        return [entry.token for entry in entries]
    return list(islice(source.fetch(entries), 10 * len(entries) + 10))


def with_body(document: Document) -> Document:
    """The document with its `load` called, as the engine does for new and changed ones."""
    if document.load is None or document.text is not None or document.content is not None:
        return document
    body = document.load()
    return (
        replace(document, text=body, load=None) if isinstance(body, str) else replace(document, content=body, load=None)
    )


class Subject:
    """A source under examination, read as rarely as the laws allow: its place may be slow, or cost money.

    open    gives a fresh source on the same place each time.
    sample  documents whose bodies are looked at.
    """

    def __init__(self, open: Callable[[], Any], *, sample: int = 50) -> None:
        self.open = open
        self.sample = sample
        self._unreadable: Exception | None = None

    @cached_property
    def source(self) -> Any:
        """One opened source."""
        return self.open()

    @cached_property
    def first(self) -> Reading:
        """A reading of everything. When it fails it is not tried again: every law fails with the same error."""
        if self._unreadable is not None:
            raise self._unreadable
        try:
            return read_all(self.source)
        except Exception as error:
            self._unreadable = error
            raise

    @cached_property
    def second(self) -> Reading:
        """The same again, by another source on the same place."""
        self.first.ids()  # if the first cannot be had, neither can this
        return read_all(self.open())

    @cached_property
    def complete(self) -> Complete:
        """The end of the first reading; an empty one when it did not come."""
        return next(iter(self.first.completes()), Complete())

    @cached_property
    def sampled(self) -> list[Entry]:
        """Entries of the first reading, spread evenly over it, at most `sample`."""
        entries = self.first.entries()
        return entries[:: max(1, -(-len(entries) // self.sample))]

    @cached_property
    def answers(self) -> list[Any]:
        """What fetching the sample gave."""
        return answers_of(self.source, self.sampled)

    @cached_property
    def documents(self) -> list[Document]:
        """The documents among the answers, with their bodies."""
        return [with_body(answer) for answer in self.answers if isinstance(answer, Document)]

    @property
    def lists(self) -> bool:
        """True for a ListingSource."""
        return isinstance(self.source, ListingSource)

    @property
    def incremental(self) -> bool:
        """True for a StreamSource with cursors."""
        return isinstance(self.source, StreamSource) and bool(self.source.incremental)
