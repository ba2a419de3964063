"""The end of a crawl: pages that say they are another one, pages that lead elsewhere, and what could not be looked at.

Nothing here asks anybody. What is said is a function of the book, so two crawls of the same site end alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from syncline.model.news import Entry, Listed, Note, Page, Skipped
from syncline.sources.web import problems
from syncline.sources.web.book import Book
from syncline.sources.web.crawl import Crawl
from syncline.sources.web.memory import Record
from syncline.sources.web.urls import origin
from syncline.sources.web.visit import Want, version_of

DUPLICATE = "filtered.duplicate"
REDIRECT = "filtered.redirect"


class Path(NamedTuple):
    """From a page along redirects and canonical addresses: the pages passed, where it ends, unless in a `circle`."""

    steps: tuple[str, ...]
    end: str
    circle: bool


class Ending:
    """Everything that is said after the last visit, before Complete."""

    def __init__(self, crawl: Crawl, max_depth: int) -> None:
        self._crawl = crawl
        self._book: Book = crawl.book
        self._max_depth = max_depth
        self._entries: list[Entry] = []
        self._skipped: list[Skipped] = []

    def news(self) -> Iterator[Listed]:
        """In an order that does not depend on which thread was faster."""
        book = self._book
        for url in sorted(book.deferred):
            self._deferred(url)
        for url in sorted(book.redirects):
            self._redirect(url)
        for url, record in book.records.items():
            if record.rule and url not in book.failed and url not in book.redirects:
                self._skipped.append(Skipped(url, record.rule, record.code))
        self._skipped += [Skipped(url, "robots.txt", "filtered.robots") for url in book.disallowed]
        blind = [*book.blind, *(problems.host_unlisted(home, error) for home, error in sorted(book.hosts.items()))]
        if blind:
            self._tell_of_missing()
        if self._entries:
            yield Page(self._entries)
        yield from sorted(self._skipped)
        yield from blind
        if book.deeper:
            yield Note(
                f"{book.deeper} more pages are linked from the pages at max_depth = {self._max_depth} and belong to "
                "no document."
            )

    # --- pages that say they are another one -------------------------------------------------------------------------

    def _deferred(self, url: str) -> None:
        path = self._path(url)
        steps = [step for step in path.steps if step in self._book.deferred]
        if self._is_failed(path.end):
            self._leave(url)
            return
        if path.circle:
            proper = min(steps[steps.index(path.end) :] if path.end in steps else steps)
        else:
            proper = path.end if self._is_taken(path.end) else steps[-1]
        if proper != url:
            self._skipped.append(Skipped(url, f"canonical {proper}", DUPLICATE))
            return
        depth = self._book.deferred[url][1]
        version = version_of(self._book.records[url].digest, depth)
        self._entries.append(Entry(url, version, Want(depth, self._crawl.bodies.get(url))))

    def _path(self, url: str) -> Path:
        steps: dict[str, None] = {}
        at = url
        while at not in steps:
            if at in self._book.deferred:
                further = self._book.deferred[at][0]
            elif at in self._book.redirects:
                further = self._book.redirects[at][0]
            else:
                return Path(tuple(steps), at, False)
            steps[at] = None
            at = further
        return Path(tuple(steps), at, True)

    def _is_taken(self, url: str) -> bool:
        record = self._book.records.get(url)
        return record is not None and record.is_document and url not in self._book.failed

    def _is_failed(self, url: str) -> bool:
        redirect = self._book.redirects.get(url)
        return url in self._book.failed or origin(url) in self._book.hosts or (redirect is not None and redirect[2])

    # --- pages that lead elsewhere -----------------------------------------------------------------------------------

    def _redirect(self, url: str) -> None:
        if url not in self._book.seen:
            return  # a site map
        target, _, odd = self._book.redirects[url]
        if odd:
            self._odd(url, target)
            return
        path = self._path(url)
        in_circle = path.circle and not any(step in self._book.deferred for step in path.steps)
        if in_circle or url in self._book.endless:
            self._entries.append(Entry(url, None, Want(0, error=problems.circular())))
        elif any(self._is_failed(step) or step in self._book.endless for step in (*path.steps, path.end)):
            self._leave(url)
        elif path.end not in self._book.missing:
            self._skipped.append(Skipped(url, f"redirects to {target}", REDIRECT))

    def _odd(self, url: str, target: str) -> None:
        """Where it leads for now is no place for it: a page that was read before fails, another is left alone."""
        old = self._crawl.known.get(url)
        if old is not None and old.is_document:
            self._entries.append(Entry(url, None, Want(0, error=problems.redirected(target))))
        else:
            self._leave(url)

    def _leave(self, url: str) -> None:
        """Neither there nor gone."""
        self._entries.append(Entry(url, None, Want(0, unsure=True)))

    # --- what is gone though not everything was looked at ------------------------------------------------------------

    def _tell_of_missing(self) -> None:
        """Silence proves nothing now, but the server's own word does."""
        for url in self._book.missing:
            old = self._crawl.known.get(url)
            if old is not None and old.is_document:
                self._skipped.append(Skipped(url, "the server answers that it is not there", "filtered.missing"))


def left_behind(crawl: Crawl) -> dict[str, Record]:
    """The records to remember, by URL: of this crawl, and where it was blind, of what the last one knew besides."""
    book = crawl.book
    records = dict(book.records)
    if book.blind or book.hosts:
        gone = {*book.missing, *book.disallowed, *book.redirects}
        for url, old in crawl.known.items():
            if url not in records and url not in gone:
                records[url] = old
    return dict(sorted(records.items()))
