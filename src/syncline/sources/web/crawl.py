"""The crawl: from the first pages to those they link to, one level after the other.

    roots ──▶ level 0 ──▶ visits (threads) ──▶ links ──▶ level 1 ──▶ … ──▶ max_depth ──▶ ending.py

Going level by level gives every page its true distance, whichever thread is faster, so that two crawls of the same site
list the same. A redirect, or the proper address of a page, is visited in the level of the page that names it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from syncline.model.errors import SynclineError
from syncline.model.news import Checkpoint, Entry, Listed, Page, Unlisted
from syncline.sources.web import problems
from syncline.sources.web.book import Book, rejection
from syncline.sources.web.fleet import Fleet
from syncline.sources.web.memory import MAX_LINKS, Record, Remembered
from syncline.sources.web.problems import Halted, Trouble
from syncline.sources.web.sitemaps import MAX_DEPTH
from syncline.sources.web.urls import Scope, host_of, looks_like_login, origin
from syncline.sources.web.visit import Body, Job, Visit, Want, version_of

PAGE: Final = 500  # entries
POLL_S: Final = 0.2
CHECKPOINT_S: Final = 60.0  # between two checkpoints of a long crawl
CHECKPOINT_SHARE: Final = 20  # and so many times what the last one took
MAX_HOPS: Final = 10
MAX_MAPS: Final = 2000
MAX_BLIND: Final = 5  # reasons told, when everything is blind already


@dataclass(frozen=True)
class Limits:
    """Where the crawl ends."""

    max_depth: int
    max_pages: int
    max_links: int
    per_host: int


Visiting = Callable[[Job, Record | None, threading.Event], Visit]


class Crawl:
    """One crawl. `old` is what the last one left."""

    def __init__(
        self,
        visit: Visiting,
        scope: Scope,
        limits: Limits,
        settings: str,
        old: Remembered | None,
        *,
        canonical: bool,
        monotonic: Callable[[], float],
        halted: Callable[[], bool],
        cursor_of: Callable[[Book, Sequence[Job]], str],
    ) -> None:
        self._visit = visit
        self._scope = scope
        self._limits = limits
        self.known = old.records if old is not None else {}
        self.has_memory = old is not None
        self._asks = self.known if old is not None and old.settings == settings else {}
        self._canonical = canonical
        self._monotonic = monotonic
        self._halted = halted
        self._cursor_of = cursor_of
        self.book = Book()
        self.bodies: dict[str, Body] = {}  # of deferred pages
        self._entries: list[Entry] = []
        self._halt = threading.Event()
        self._fleet: Fleet[Job, Visit] = Fleet(self._run, lambda job: host_of(job.url), limits.per_host)
        self._urls: dict[str, str] = {}  # each link once in memory, however many pages have it
        self._room = MAX_LINKS
        self._check_at = monotonic() + CHECKPOINT_S
        self._fresh = 0

    def _run(self, job: Job) -> Visit:
        return self._visit(job, self._asks.get(job.url), self._halt)

    # --- the loop ----------------------------------------------------------------------------------------------------

    def begin(self, urls: Sequence[str], sitemaps: Sequence[str]) -> None:
        """From the first pages."""
        self.book.roots = {*urls, *sitemaps}
        for url in sitemaps:
            self._fleet.add(Job(url, is_map=True))
        for url in urls:
            self._queue(url)

    def go_on(self, book: Book, jobs: Sequence[Job]) -> None:
        """From where another one was put down."""
        self.book = book
        for url in book.roots & book.redirects.keys():
            self._scope.widen(url, book.redirects[url][0])
        for job in jobs:
            self._fleet.add(job)

    def run(self) -> Iterator[Listed]:
        """Visit everything; pages of entries as they are found, and checkpoints. Raises Halted, and what is wrong with
        the roots when none of them can be read."""
        try:
            if not self.book.roots_read:
                yield from self._finish_level()
                self._know_roots()
            yield from self._finish_level()
            while self._descend():
                yield from self._finish_level()
            yield from self._page()
        finally:
            self._halt.set()
            self._fleet.close()

    def _finish_level(self) -> Iterator[Listed]:
        while self._fleet.busy:
            visit = self._fleet.next(POLL_S)
            if visit is not None:
                self._handle(visit)
                self._fresh += 1
            elif self._halted():
                raise Halted
            if len(self._entries) >= PAGE or (visit is None and self._entries):
                yield from self._page()
            if self._fresh and self._monotonic() >= self._check_at:
                yield from self._checkpoint()

    def _checkpoint(self) -> Iterator[Listed]:
        """A book of a large site takes seconds to put down, so it is done more rarely."""
        yield from self._page()
        began = self._monotonic()
        cursor = self._cursor_of(self.book, self._fleet.rest())
        took = self._monotonic() - began
        yield Checkpoint(cursor)
        self._check_at, self._fresh = self._monotonic() + max(CHECKPOINT_S, CHECKPOINT_SHARE * took), 0

    def _page(self) -> Iterator[Listed]:
        entries, self._entries = self._entries, []
        if entries:
            yield Page(entries)

    def _know_roots(self) -> None:
        """The first pages are read: now it is known where the site is. Raises what is wrong when none could be."""
        book = self.book
        errors = book.root_errors
        if errors and book.roots <= errors.keys() | book.redirects.keys():
            raise next(iter(errors.values()))
        book.roots_read = True
        level, book.level = book.level, []
        for url in level:
            self._follow(url)
        first, book.first = book.first, []
        for url in first:
            if self._scope.keeps_out(url) is None:
                self._queue(url)

    def _follow(self, url: str) -> None:
        """Keep those of its links that are of the site, and see to them in the next level."""
        book = self.book
        if not book.roots_read:
            book.level.append(url)
            return
        record = book.records[url]
        links = tuple(self._urls.get(link) or link for link in record.links or () if self._is_inside(link))
        for link in links:
            self._see_below(link)
        self._room -= len(links)
        record.links = links if self._room >= 0 else None

    def _is_inside(self, url: str) -> bool:
        if url in self._urls:
            return True
        if self._scope.keeps_out(url) is not None:
            return False
        if len(self._urls) < 2 * self._limits.max_pages:
            self._urls[url] = url
        return True

    def _see_below(self, url: str) -> None:
        book = self.book
        if url in book.seen or url in book.below:
            return
        if len(book.seen) + len(book.below) < self._limits.max_pages:
            book.below[url] = None
        elif book.depth < self._limits.max_depth:
            self._blind_once(problems.page_limit(self._limits.max_pages))

    def _descend(self) -> bool:
        """Queue the next level. False when there is none."""
        book = self.book
        below, book.below = [url for url in book.below if url not in book.seen], {}
        if book.depth >= self._limits.max_depth:
            book.deeper = len(below)
            return False
        book.depth += 1
        for url in below:
            self._queue(url)
        return bool(below)

    def _queue(self, url: str, hops: int = 0) -> None:
        if url in self.book.seen:
            return
        if len(self.book.seen) >= self._limits.max_pages:
            self._blind_once(problems.page_limit(self._limits.max_pages))
            return
        self.book.seen.add(url)
        self._fleet.add(Job(url, self.book.depth, hops))

    # --- what became of a visit --------------------------------------------------------------------------------------

    def _handle(self, visit: Visit) -> None:
        job = visit.job
        if visit.trouble is not None:
            self._failed(job, visit.trouble)
        elif visit.found is not None:
            self._mapped(job, visit)
        elif visit.record is not None:
            self._read(job, visit.record, visit.body, visit.cut)
        elif visit.target:
            self._redirected(job, visit.target, visit.permanent)
        elif visit.missing:
            self._absent(job)
        elif visit.disallowed and (job.is_map or job.url in self.book.roots):
            self._root_failed(job, problems.root_unreadable(job.url, "robots.txt does not allow it"))
        else:
            self.book.disallowed.append(job.url)

    def _read(self, job: Job, record: Record, body: Body | None, cut: bool) -> None:
        book, url = self.book, job.url
        book.records[url] = record
        self._follow(url)
        if cut:
            record.etag = record.modified = ""  # its end is looked for again next time
            self._blind_once(problems.link_limit(url, self._limits.max_links))
        if record.rule:
            return
        proper = record.canonical
        if self._canonical and proper and proper != url and self._scope.keeps_out(proper) is None:
            book.deferred[url] = (proper, job.depth)
            if body is not None:
                self.bodies[url] = body
            if job.hops < MAX_HOPS:
                self._queue(proper, job.hops + 1)
        else:
            self.take(url, job.depth, body)

    def take(self, url: str, depth: int, body: Body | None) -> None:
        """It is a document."""
        version = version_of(self.book.records[url].digest, depth)
        self._entries.append(Entry(url, version, Want(depth, body)))

    def _absent(self, job: Job) -> None:
        if job.is_map or job.url in self.book.roots:
            self._root_failed(job, problems.root_unreadable(job.url, "the server answers that it is not there"))
        else:
            self.book.missing.append(job.url)

    def _mapped(self, job: Job, visit: Visit) -> None:
        assert visit.found is not None
        for url in visit.found.maps:
            if job.hops >= MAX_DEPTH:
                self._root_failed(job, problems.root_unreadable(job.url, "it lists site maps in too many levels"))
                break
            if len(self.book.roots) >= MAX_MAPS:
                self._root_failed(job, problems.root_unreadable(job.url, f"there are more than {MAX_MAPS} site maps"))
                break
            if url not in self.book.roots and self._scope.keeps_out(url) is None:
                self.book.roots.add(url)
                self._fleet.add(Job(url, 0, job.hops + 1, is_map=True))
        room = self._limits.max_pages + 1 - len(self.book.first)  # the one too many shows that there are more
        self.book.first += visit.found.pages[: max(0, room)]

    # --- redirects ---------------------------------------------------------------------------------------------------

    def _redirected(self, job: Job, target: str, permanent: bool) -> None:
        book, url = self.book, job.url
        is_root = job.is_map or url in book.roots
        inside = self._scope.keeps_out(target) is None or (is_root and self._scope.widen(url, target))
        login = looks_like_login(target) and not looks_like_login(url)
        odd = not permanent and (not inside or login)
        if is_root and (odd or not inside):
            self._root_failed(job, problems.root_unreadable(url, f"it redirects to {target}"))
            return
        if is_root:
            book.roots.add(target)
        if job.is_map:
            self._follow_map(job, target)
            return
        book.redirects[url] = (target, permanent, odd)
        if odd:
            self._lean_on_memory(url, closed=True, error=problems.redirected(target))
        elif inside and job.hops < MAX_HOPS:
            self._queue(target, job.hops + 1)
        elif inside and target not in book.seen:
            book.endless.append(url)
            self._blind_once(problems.unknown_links(url, problems.circular()))

    def _follow_map(self, job: Job, target: str) -> None:
        self.book.redirects[job.url] = (target, True, False)
        if target in self.book.redirects or job.hops >= MAX_HOPS:
            self._root_failed(job, problems.root_unreadable(job.url, "it redirects in a circle"))
        else:
            self._fleet.add(Job(target, 0, job.hops + 1, is_map=True))

    # --- trouble -----------------------------------------------------------------------------------------------------

    def _failed(self, job: Job, trouble: Trouble) -> None:
        book, url = self.book, job.url
        if job.is_map or url in book.roots:
            self._root_failed(job, _as_root(url, trouble))
        if job.is_map:
            return
        book.failed.add(url)
        if trouble.host:
            book.hosts.setdefault(origin(url), trouble.error)
        else:
            self._entries.append(Entry(url, None, Want(job.depth, error=rejection(trouble.error))))
        self._lean_on_memory(url, trouble.closed, trouble.error)

    def _lean_on_memory(self, url: str, closed: bool, error: SynclineError) -> None:
        """A page cannot be read. What it linked to is visited, but what it links to now is not known, so that absence
        proves nothing; unless it has never let us in, at the last listing and now."""
        book, old = self.book, self.known.get(url)
        if old is not None:
            book.records[url] = old
            self._follow(url)
        elif closed:
            book.records[url] = Record(closed=True)
        leads_nowhere = closed and (old.closed if old is not None else not self.has_memory)
        if not leads_nowhere:
            self._blind_once(problems.unknown_links(url, error))

    def _root_failed(self, job: Job, error: SynclineError) -> None:
        self.book.root_errors[job.url] = error
        self._blind_once(problems.host_unlisted("", error))

    def _blind_once(self, part: Unlisted) -> None:
        """Everything is blind after the first; a few reasons are told."""
        blind = self.book.blind
        same = [known for known in blind if known.error.code == part.error.code]
        if len(same) < MAX_BLIND and all(known.error.message != part.error.message for known in same):
            blind.append(part)


def _as_root(url: str, trouble: Trouble) -> SynclineError:
    """What a root that cannot be read means for the whole."""
    if trouble.host or trouble.error.code.startswith("credentials."):
        return trouble.error
    return problems.root_unreadable(url, trouble.error.message.rstrip("."))
