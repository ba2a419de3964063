"""What is searched: an index of ours, or one of the two system indices. All say the same few things of themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cached_property
from typing import Any, Final, Protocol

from syncline.destinations.embedded.guard import Broken
from syncline.dialects.elastic import indices
from syncline.dialects.elastic.documents_shape import BODIES, source_of
from syncline.dialects.elastic.query_candidates import Rarity, narrowed, numbers
from syncline.dialects.elastic.query_docs import Doc
from syncline.dialects.elastic.query_fields import Fields, Kind
from syncline.dialects.elastic.query_nodes import AnyId, Need, Stats
from syncline.model.errors import DestinationError
from syncline.model.indexes import Index
from syncline.service import hosting
from syncline.store.relational.hosted import Stored
from syncline.wiring import Installation

SMALL: Final = 1_000  # documents that are looked at faster than the text index is asked
BACKLOG: Final = 20_000  # documents the text index may be behind; more are caught up first
PAGE: Final = 200

Pages = Iterator[Sequence[Doc]]


class Target(Protocol):
    """Documents to be searched. Use it within `moment`, so that all of it is of one moment."""

    name: str
    fields: Fields

    @property
    def stats(self) -> Stats:
        """What is known of words in it. Within `moment`."""
        ...

    def moment(self) -> AbstractContextManager[object]:
        """All that is read within is of one moment."""
        ...

    def count(self) -> int:
        """How many documents there are."""
        ...

    def docs(self, need: Need | None, *, text: bool = True) -> Pages:
        """Every document that may have what is needed, in pages. Without `text`, their main texts are left out."""
        ...

    def at(self, places: Sequence[int], *, text: bool = True) -> Mapping[int, Doc]:
        """Documents by place."""
        ...

    def get(self, id: str) -> Doc | None:
        """The document of that id."""
        ...


def needs_text(names: frozenset[str]) -> bool:
    """Whether one of these fields may be in a main text."""
    return any("*" in name or name.partition(".")[0] in BODIES for name in names)


class IndexTarget:
    """An index of ours."""

    def __init__(self, room: Installation, index: Index) -> None:
        self.index = index
        self.name = indices.theirs(index)
        self._room = room
        self._opened = room.embedded(index.name, create=True)
        self._hosted = hosting.shelf(room, index)
        self.fields = fields_of(index)
        self._confirmed = 0
        self._snapshot: Any = None

    @contextmanager
    def _at_once(self) -> Iterator[None]:
        truth = self._opened.truth
        if truth.newest() - truth.confirmed() > BACKLOG:
            self._opened.settle()
        self._confirmed = truth.confirmed()  # before the snapshot: everything up to here is in it
        self._snapshot = self._opened.text.snapshot(truth) if self._confirmed else None
        with truth.database.moment():
            yield

    def moment(self) -> AbstractContextManager[object]:
        return self._at_once()

    @property
    def stats(self) -> Stats:
        return Rarity(self._snapshot)

    def count(self) -> int:
        return self._live[0]

    @cached_property
    def _live(self) -> tuple[int, int]:
        return self._hosted.live()

    @cached_property
    def _feeding(self) -> list[int]:
        """Numbers of the connectors of the index, the hosted one first."""
        feeding = [one for one in self._room.control().connectors() if one.index == self.index.name]
        return [one.number for one in sorted(feeding, key=lambda one: (one.kind != hosting.KIND, one.number))]

    @property
    def shared(self) -> bool:
        """Whether a connector of ours feeds it, beside those who write to it."""
        return len(self._feeding) > 1 or hosting.find(self._room, self.index) is None

    def _is_foreign(self) -> bool:
        """Whether documents of connectors of ours are in it."""
        own = hosting.find(self._room, self.index)
        held = 0 if own is None else self._hosted.live_of(own.number)
        return held != self._live[0]

    def docs(self, need: Need | None, *, text: bool = True) -> Pages:
        if isinstance(need, AnyId):
            yield from self._by_ids(need.ids)
            return
        if need is not None and self._snapshot is not None and self._live[0] > SMALL:
            known = narrowed(need, self._is_foreign())
            if known is not None:
                yield from self._by_words(known)
                return
        for page in self._hosted.pages(0, self._live[1], text=text):
            yield [self._doc(stored) for stored in page]

    def _by_ids(self, ids: Sequence[str]) -> Pages:
        wanted = sorted(set(ids))
        for begin in range(0, len(wanted), PAGE):
            page = [
                stored for id in wanted[begin : begin + PAGE] for stored in self._hosted.one(self._feeding, id)
            ]  # fmt: skip
            yield [self._doc(stored) for stored in page]

    def _by_words(self, need: Need) -> Pages:
        try:
            for found in numbers(self._snapshot, need):
                named = [n for n in found if n <= self._confirmed]  # later ones are read below
                for begin in range(0, len(named), PAGE):
                    yield [self._doc(stored) for stored in self._hosted.numbered(named[begin : begin + PAGE])]
        except Broken as error:
            raise DestinationError(f"The text index failed: {error}") from None
        for page in self._hosted.above(self._confirmed, 1 << 62):
            yield [self._doc(stored) for stored in page]

    def at(self, places: Sequence[int], *, text: bool = True) -> Mapping[int, Doc]:
        found = {}
        for begin in range(0, len(places), PAGE):
            for seq, stored in self._hosted.at(places[begin : begin + PAGE], text=text).items():
                found[seq] = self._doc(stored)
        return found

    def get(self, id: str) -> Doc | None:
        found = self._hosted.one(self._feeding, id)
        by_connector = {stored.connector: stored for stored in found}
        first = next((by_connector[number] for number in self._feeding if number in by_connector), None)
        return None if first is None else self._doc(first)

    def _doc(self, stored: Stored) -> Doc:
        source, version = source_of(stored), stored.version
        return Doc(self.name, stored.id, source, number=stored.n - 1, place=stored.seq, version=version)


def fields_of(index: Index) -> Fields:
    """The fields of an index as its mapping has them."""
    said = index.extras.get(indices.EXTRAS, {}).get("mappings")
    return Fields(said if isinstance(said, Mapping) else {})


class Even:
    """Every word tells as much as any other."""

    def idf(self, word: str) -> float:
        """1."""
        return 1.0


_DATES: Final = (
    "last_seen", "last_synced", "last_sync_scheduled_at", "last_incremental_sync_scheduled_at", "created_at",
    "started_at",
    "last_access_control_sync_scheduled_at", "completed_at", "canceled_at", "cancelation_requested_at",
)  # fmt: skip
_NUMBERS: Final = (
    "indexed_document_count", "indexed_document_volume", "deleted_document_count", "total_document_count",
    "last_indexed_document_count", "last_deleted_document_count",
)  # fmt: skip
_FLAGS: Final = ("is_native", "deleted", "sync_now")
SYSTEM_MAPPING: Final = {
    "properties": {
        "description": {"type": "text"},
        **{name: {"type": "date"} for name in _DATES},
        **{name: {"type": "long"} for name in _NUMBERS},
        **{name: {"type": "boolean"} for name in _FLAGS},
    }
}


class SystemTarget:
    """One of the system indices; `read` gives (id, source, number) of all its documents, `one` that of an id."""

    def __init__(
        self,
        name: str,
        read: Callable[[], Iterator[tuple[str, dict[str, Any], int]]],
        one: Callable[[str], tuple[str, dict[str, Any], int] | None],
    ) -> None:
        self.name = name
        self.fields = Fields(SYSTEM_MAPPING, Kind.KEYWORD)
        self._read, self._one = read, one
        self._named: list[Doc] | None = None

    @property
    def stats(self) -> Stats:
        return Even()

    def moment(self) -> AbstractContextManager[object]:
        return nullcontext()

    @cached_property
    def _all(self) -> list[Doc]:
        return [
            Doc(self.name, id, source, number=number, place=place)
            for place, (id, source, number) in enumerate(self._read())
        ]  # fmt: skip

    def count(self) -> int:
        return len(self._all)

    def docs(self, need: Need | None, *, text: bool = True) -> Pages:
        if isinstance(need, AnyId):
            found = [one for id in dict.fromkeys(need.ids) if (one := self._one(id)) is not None]
            self._named = [Doc(self.name, *one[:2], number=one[2], place=place) for place, one in enumerate(found)]
            yield self._named
        else:
            yield self._all

    def at(self, places: Sequence[int], *, text: bool = True) -> Mapping[int, Doc]:
        held = self._all if self._named is None else self._named
        return {place: held[place] for place in places if place < len(held)}

    def get(self, id: str) -> Doc | None:
        one = self._one(id)
        return None if one is None else Doc(self.name, one[0], one[1], number=one[2])
