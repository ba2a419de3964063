"""A source that misbehaves by a plan, so that an engine can prove what it survives.

    inner.list ──▶ misdeeds of this reading, one coat each ──▶ engine
    inner.fetch ─▶ misdeeds of this reading, one coat each ──▶ engine

No fault here tells a lie that an engine could not see through. A reading with a hole either does not come to its end or
names the hole, so after any of them: no document that still exists may be deleted, except one that `fetch` called Gone.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Any, Final, NamedTuple

from syncline.model.documents import Document, Tombstone
from syncline.model.errors import DocumentRejected, SourceUnavailable
from syncline.model.news import Begin, Checkpoint, Complete, Entry, Gone, Page, Refused, Unlisted
from syncline.model.ports import FillsSheets, Interruptible, ListingSource, StreamSource
from syncline.model.sheets import Sheet


class Fault(StrEnum):
    """One way to misbehave. Those of `fetch` do nothing to a stream, which has none; REFUSE and BAD_LOAD do."""

    # the reading does not come to its end
    RAISE = "raise"  # an error of ours
    RAISE_FOREIGN = "raise_foreign"  # an error of nobody's
    TRUNCATE = "truncate"  # it just stops, without Complete
    LOSE_PAGE = "lose_page"  # a page is left out; no Checkpoint and no Complete after it
    GARBAGE = "garbage"  # a page is replaced by something a source may not say; Complete still comes
    FETCH_RAISE = "fetch_raise"  # fetch raises instead of going on
    FETCH_SHORT = "fetch_short"  # fetch does not answer for some entries
    HANG = "hang"  # it blocks until interrupted, then raises
    SPIN = "spin"  # it loops without end until interrupted, then raises
    # it comes to its end, and names the hole
    UNLIST = "unlist"  # what lies under `prefix` is missing, with an Unlisted
    UNMOUNT = "unmount"  # nothing there, and Complete with another anchor: an empty mount point
    # nothing is missing
    REPEAT = "repeat"  # every page comes twice
    DUPLICATE = "duplicate"  # every entry comes twice in its page, once without a version
    REVERSE = "reverse"  # every page is turned round
    # documents by themselves
    REFUSE = "refuse"  # Refused instead of the document
    GONE = "gone"  # Gone instead of the document: it counts as not listed
    BAD_LOAD = "bad_load"  # a document whose `load` raises


HARMLESS: Final = frozenset({Fault.REPEAT, Fault.DUPLICATE, Fault.REVERSE})
PER_DOCUMENT: Final = frozenset({Fault.REFUSE, Fault.GONE, Fault.BAD_LOAD})
HANGING: Final = frozenset({Fault.HANG, Fault.SPIN})
PARTIAL: Final = frozenset(Fault) - HARMLESS - PER_DOCUMENT  # nothing may be deleted for being absent from the hole
_OF_FETCH: Final = frozenset({Fault.FETCH_RAISE, Fault.FETCH_SHORT, Fault.REFUSE, Fault.GONE, Fault.BAD_LOAD})


class Misdeed(NamedTuple):
    """A fault at a place.

    reading  which call of list or read, from 1; None: each of them. A fetch belongs to the reading before it.
    after    pieces of news (or answers of one fetch) let through before; a shorter reading is hit at its Complete.
    prefix   for UNLIST: the id prefix that cannot be listed.
    ids      for faults of fetch: which documents; None: all of them.
    """

    fault: Fault
    reading: int | None = None
    after: int = 0
    prefix: str = ""
    ids: frozenset[str] | None = None


def misdeeds(
    seed: int, *, readings: int = 3, among: Iterable[Fault] = frozenset(Fault) - HANGING, chance: float = 0.7
) -> tuple[Misdeed, ...]:
    """A plan drawn by `seed`: each of the first `readings` readings meets one fault, with that chance."""
    dice, choices = random.Random(seed), sorted(among)  # noqa: S311 - a plan, not a secret
    return tuple(
        Misdeed(dice.choice(choices), reading, after=dice.randrange(6), prefix=dice.choice(("", "a", "b", "d")))
        for reading in range(1, readings + 1)
        if dice.random() < chance
    )


class HostileSource:
    """A coat around a ListingSource or a StreamSource that misbehaves by `plan`. It is whatever `inner` is.

    `interrupt` is offered when `inner` offers it or the plan hangs, unless `deaf`: then only killing helps.
    readings  calls of list or read so far.  struck  faults that took effect so far, in order.
    """

    def __new__(cls, inner: Any, *_: Any, **__: Any) -> HostileSource:
        return object.__new__(_HostileListing if isinstance(inner, ListingSource) else _HostileStream)

    def __init__(self, inner: Any, plan: Iterable[Misdeed], *, deaf: bool = False) -> None:
        self.inner = inner
        self.plan = tuple(plan)
        self.readings = 0
        self.struck: list[Fault] = []
        self._let_go = threading.Event()
        hangs = any(deed.fault in HANGING for deed in self.plan)
        if not deaf and (hangs or isinstance(inner, Interruptible)):
            self.interrupt = self._interrupt

    def check(self) -> None:
        """As honest as the inner source: a hostile place looks well until it is read."""
        self.inner.check()

    def _interrupt(self) -> None:
        self._let_go.set()
        if isinstance(self.inner, Interruptible):
            self.inner.interrupt()

    def _now(self) -> list[Misdeed]:
        return [deed for deed in self.plan if deed.reading in (None, self.readings)]

    def _dressed(self, news: Iterator[Any], cursor: str | None) -> Iterator[Any]:
        """News of the inner source under every misdeed of this reading."""
        self.readings += 1
        for deed in self._now():
            if deed.fault not in _OF_FETCH:
                news = _COATS[deed.fault](news, deed, Scene(self, cursor))
        return news

    def hang(self, fault: Fault) -> None:
        """Block, or loop, until interrupted; then raise SourceUnavailable. Without an interrupt: for ever."""
        while not self._let_go.is_set():
            if fault is Fault.HANG:
                self._let_go.wait()
        raise SourceUnavailable("hostile: interrupted while it was hanging", code="source.interrupted")


class _HostileListing(HostileSource):
    def list(self, memory: Mapping[str, Any] | None, cursor: str | None) -> Iterator[Any]:
        """The inner listing, under the misdeeds of this reading."""
        yield from self._dressed(self.inner.list(memory, cursor), None)

    def fetch(self, entries: Sequence[Entry]) -> Iterator[Any]:
        """The inner answers, under the misdeeds of this reading."""
        answers: Iterator[Any] = self.inner.fetch(entries)
        for deed in self._now():
            if deed.fault in _OF_FETCH:
                answers = _answers(answers, deed, self)
        yield from answers

    def sheet(self, entries: Sequence[Entry]) -> Sheet | None:
        """The inner answer, if it has one and no misdeed of this reading is about fetching."""
        able = isinstance(self.inner, FillsSheets) and not any(deed.fault in _OF_FETCH for deed in self._now())
        return self.inner.sheet(entries) if able else None


class _HostileStream(HostileSource):
    @property
    def incremental(self) -> bool:
        """As the inner stream."""
        return bool(self.inner.incremental)

    def read(self, cursor: str | None) -> Iterator[Any]:
        """The inner stream, under the misdeeds of this reading."""
        news = self._dressed(self.inner.read(cursor), cursor)
        for deed in self._now():
            if deed.fault in (Fault.REFUSE, Fault.BAD_LOAD):
                news = _answers(news, deed, self)
        yield from news


# --- coats over a reading -------------------------------------------------------------------------------------------


class Scene(NamedTuple):
    """Where a misdeed is done: by which source, in a reading that goes on from which cursor."""

    source: HostileSource
    cursor: str | None


def _placed(news: Iterator[Any], deed: Misdeed) -> Iterator[tuple[Any, bool]]:
    """Every piece of news, and whether this is where the deed is to be done: once, and at Complete at the latest."""
    done = False
    for position, item in enumerate(news):
        here = not done and (position >= deed.after or isinstance(item, Complete))
        done = done or here
        yield item, here


def _failing(news: Iterator[Any], deed: Misdeed, scene: Scene) -> Iterator[Any]:
    for item, here in _placed(news, deed):
        if here:
            scene.source.struck.append(deed.fault)
            if deed.fault is Fault.RAISE:
                raise SourceUnavailable("hostile: the place went away")
            if deed.fault is Fault.RAISE_FOREIGN:
                raise ConnectionResetError("hostile: connection reset by peer")
            if deed.fault in HANGING:
                scene.source.hang(deed.fault)
            return  # TRUNCATE
        yield item


def _losing(news: Iterator[Any], deed: Misdeed, scene: Scene) -> Iterator[Any]:
    lost = False
    for position, item in enumerate(news):
        if lost and isinstance(item, (Checkpoint, Complete)):
            continue
        if not lost and (isinstance(item, Complete) or (position >= deed.after and _carries(item))):
            lost = True
            scene.source.struck.append(deed.fault)
            continue
        yield item


def _garbling(news: Iterator[Any], deed: Misdeed, scene: Scene) -> Iterator[Any]:
    done = False
    for position, item in enumerate(news):
        if not done and (isinstance(item, Complete) or (position >= deed.after and _carries(item))):
            done = True
            scene.source.struck.append(deed.fault)
            yield GARBAGE[deed.after % len(GARBAGE)]
            if not isinstance(item, Complete):
                continue
        yield item


GARBAGE: Final[Sequence[Any]] = (
    None,
    {"id": "a", "text": "a dict is no document"},
    "text",
    42,
    Page([("a", "1")]),  # type: ignore[list-item]
    Page([Entry(b"bytes", "1")]),  # type: ignore[arg-type]
)


def _unlisting(news: Iterator[Any], deed: Misdeed, scene: Scene) -> Iterator[Any]:
    scene.source.struck.append(deed.fault)
    yield Unlisted(deed.prefix, SourceUnavailable(f"hostile: cannot look under {deed.prefix!r}"))
    streams = isinstance(scene.source, StreamSource)
    for item in news:
        if isinstance(item, Page):
            yield item._replace(entries=[entry for entry in item.entries if not entry.id.startswith(deed.prefix)])
        elif isinstance(item, (Document, Tombstone)) and item.id.startswith(deed.prefix):
            continue
        elif streams and isinstance(item, Checkpoint):
            continue  # going on from here would miss what was left out
        elif streams and isinstance(item, Complete):
            yield item._replace(cursor=scene.cursor)
        else:
            yield item


ELSEWHERE: Final = "hostile: an empty mount point"


def _unmounting(_news: Iterator[Any], deed: Misdeed, scene: Scene) -> Iterator[Any]:
    scene.source.struck.append(deed.fault)
    if isinstance(scene.source, ListingSource):
        yield Begin(ELSEWHERE)
    yield Complete(anchor=ELSEWHERE, cursor=scene.cursor)


def _repeating(news: Iterator[Any], deed: Misdeed, scene: Scene) -> Iterator[Any]:
    scene.source.struck.append(deed.fault)
    for item in news:
        yield item
        if isinstance(item, (Page, Document)):
            yield item


def _in_pages(change: Callable[[list[Entry]], list[Entry]]) -> Callable[..., Iterator[Any]]:
    """A coat that changes the entries of every page."""

    def coat(news: Iterator[Any], deed: Misdeed, scene: Scene) -> Iterator[Any]:
        scene.source.struck.append(deed.fault)
        for item in news:
            yield item._replace(entries=change(list(item.entries))) if isinstance(item, Page) else item

    return coat


def _carries(item: Any) -> bool:
    return isinstance(item, (Page, Document, Tombstone))


_COATS: Final[Mapping[Fault, Callable[..., Iterator[Any]]]] = {
    Fault.RAISE: _failing,
    Fault.RAISE_FOREIGN: _failing,
    Fault.TRUNCATE: _failing,
    Fault.HANG: _failing,
    Fault.SPIN: _failing,
    Fault.LOSE_PAGE: _losing,
    Fault.GARBAGE: _garbling,
    Fault.UNLIST: _unlisting,
    Fault.UNMOUNT: _unmounting,
    Fault.REPEAT: _repeating,
    Fault.DUPLICATE: _in_pages(lambda entries: entries + [entry._replace(version=None) for entry in entries]),
    Fault.REVERSE: _in_pages(lambda entries: entries[::-1]),
}


# --- coats over answers ---------------------------------------------------------------------------------------------


def _answers(answers: Iterator[Any], deed: Misdeed, source: HostileSource) -> Iterator[Any]:
    """Answers with documents: those named by the deed, after the first `after`, come to harm."""
    harmed = 0
    for position, answer in enumerate(answers):
        named = isinstance(answer, Document) and (deed.ids is None or answer.id in deed.ids)
        if not named or position < deed.after:
            yield answer
            continue
        harmed += 1
        if harmed == 1:
            source.struck.append(deed.fault)
        if deed.fault is Fault.FETCH_RAISE:
            raise SourceUnavailable("hostile: the place went away while documents were fetched")
        yield from _harmed(answer, deed.fault)


def _harmed(document: Document, fault: Fault) -> Iterator[Any]:
    if fault is Fault.REFUSE:
        yield Refused(document.id, DocumentRejected("hostile: this document is refused"))
    elif fault is Fault.GONE:
        yield Gone(document.id)
    elif fault is Fault.BAD_LOAD:
        yield replace(document, text=None, content=None, load=_no_body)


def _no_body() -> bytes:
    raise OSError(5, "hostile: Input/output error")
