"""The web site as a listing source."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Protocol

import xxhash

from syncline.model.news import Complete, Entry, Fetched, Listed
from syncline.outgoing.addresses import Resolve
from syncline.sources.web import problems
from syncline.sources.web.book import Book, take_up
from syncline.sources.web.client import Client, Manner, basic
from syncline.sources.web.crawl import POLL_S, Crawl, Limits
from syncline.sources.web.ending import Ending, left_behind
from syncline.sources.web.fleet import Fleet
from syncline.sources.web.memory import Remembered, pack, unpack
from syncline.sources.web.pace import Pace, Times
from syncline.sources.web.pages import Wishes, parsed
from syncline.sources.web.private import private_allowed
from syncline.sources.web.problems import Halted
from syncline.sources.web.robots import Robots, token_of
from syncline.sources.web.spool import MAX_BYTES, Spool
from syncline.sources.web.urls import Scope, host_of, origin
from syncline.sources.web.visit import Job, Reader, Taste, Visit

CHECK_HOPS: Final = 5


class Settings(Protocol):
    """What this source reads of its settings; `WebConfig` says what they mean. Secrets are plain text here."""

    urls: Sequence[str]
    sitemaps: Sequence[str]
    scope: str
    include: Sequence[str]
    exclude: Sequence[str]
    max_depth: int
    max_pages: int
    max_links_per_page: int
    max_bytes: int
    requests_per_second: float
    requests_at_once: int
    timeout_s: float
    robots: bool
    user_agent: str
    user: str
    password: str
    cookies: str
    headers: Mapping[str, str]
    proxy: str
    allow_private: bool
    media_types: Sequence[str]
    languages: Sequence[str]
    canonical: bool
    keep_tracking: bool


class WebSource:
    """Pages of a web site. A document's id is its URL in one spelling (urls.py)."""

    def __init__(
        self,
        config: Settings,
        *,
        times: Times | None = None,
        resolve: Resolve = socket.getaddrinfo,
        allow_private: bool | None = None,
        certificates: ssl.SSLContext | None = None,
        spool_bytes: int = MAX_BYTES,
    ) -> None:
        """`allow_private` None: as the settings say, where the environment allows it. `resolve` and `certificates`
        stand in for those of the system."""
        if allow_private is None:
            allow_private = config.allow_private and private_allowed()
        self._config = config
        self._times = times or Times()
        self._pace = Pace(config.requests_per_second, self._times)
        self._client = Client(
            _manner(config),
            self._pace,
            allow_private=allow_private,
            resolve=resolve,
            certificates=certificates,
        )
        self._spool = Spool(spool_bytes)
        self._wishes = Wishes(
            token_of(config.user_agent) if config.robots else "", config.max_links_per_page, config.keep_tracking
        )
        self._taste = Taste(self._wishes, config.max_bytes, config.media_types, config.languages)
        self._settings = _fingerprint(config, self._wishes)

    # --- the port ----------------------------------------------------------------------------------------------------

    def check(self) -> None:
        """Every page and site map of the settings answers. Raises SourceUnavailable, CredentialsInvalid, TargetRefused,
        or ConfigInvalid when a package is missing."""
        parsed("")
        self._client.fresh()
        reader, halt = self._reader(), threading.Event()
        try:
            for url in self._config.urls:
                self._check(reader, Job(url), halt)
            for url in self._config.sitemaps:
                self._check(reader, Job(url, is_map=True), halt)
        except Halted:
            raise problems.interrupted() from None
        finally:
            self._client.close()

    def list(self, memory: Mapping[str, Any] | None, cursor: str | None) -> Iterator[Listed]:
        """Every page that is found, level by level, then Complete with what to remember; checkpoints in a long crawl.
        Raises what `check` raises when none of the first pages can be read, and SourceUnavailable when interrupted."""
        parsed("")
        crawl = self._crawl(memory, cursor)
        try:
            yield from crawl.run()
            yield from Ending(crawl, self._config.max_depth).news()
        except Halted:
            raise problems.interrupted() from None
        finally:
            self._client.close()
        yield Complete(memory=pack(Remembered(self._settings, left_behind(crawl), {})))

    def fetch(self, entries: Sequence[Entry]) -> Iterator[Fetched]:
        """The pages: as the listing read them, if that is not long ago, else read again. Raises SourceUnavailable when
        interrupted."""
        reader, halt = self._reader(), threading.Event()
        fleet: Fleet[Entry, Fetched] = Fleet(
            lambda entry: reader.again(entry, halt), lambda entry: host_of(entry.id), self._config.requests_at_once
        )
        try:
            for entry in entries:
                answer = reader.at_hand(entry)
                if answer is None:
                    fleet.add(entry)
                else:
                    yield answer
            while fleet.busy:
                answer = fleet.next(POLL_S)
                if answer is not None:
                    yield answer
                elif self._client.halt.is_set():
                    raise Halted
        except Halted:
            raise problems.interrupted() from None
        finally:
            halt.set()
            fleet.close()
            self._client.close()

    def interrupt(self) -> None:
        """From another thread: end what is under way. For good."""
        self._client.interrupt()

    # --- its parts ---------------------------------------------------------------------------------------------------

    def _reader(self) -> Reader:
        robots = Robots(self._client, self._config.user_agent, self._pace.slow_to) if self._config.robots else None
        return Reader(self._client, robots, self._taste, self._spool, self._times.clock)

    def _crawl(self, memory: Mapping[str, Any] | None, cursor: str | None) -> Crawl:
        config = self._config
        scope = Scope(config.scope, [*config.urls, *config.sitemaps], config.include, config.exclude)
        limits = Limits(config.max_depth, config.max_pages, config.max_links_per_page, config.requests_at_once)
        self._spool.begin()
        self._client.fresh()
        crawl = Crawl(
            self._reader().visit,
            scope,
            limits,
            self._settings,
            unpack(memory),
            canonical=config.canonical,
            monotonic=self._times.monotonic,
            halted=self._client.halt.is_set,
            cursor_of=self._cursor,
        )
        put_down = self._put_down(cursor)
        if put_down is None:
            crawl.begin(config.urls, config.sitemaps)
        else:
            crawl.go_on(*put_down)
        return crawl

    def _cursor(self, book: Book, jobs: Sequence[Job]) -> str:
        left = [(job.url, job.depth, job.hops, job.is_map) for job in jobs]
        return json.dumps(pack(Remembered(self._settings, book.records, book.put_down(left))))

    def _put_down(self, cursor: str | None) -> tuple[Book, Sequence[Job]] | None:
        """The crawl that an earlier attempt had come to; None when there is none, or it had other settings."""
        try:
            found = unpack(json.loads(cursor)) if cursor else None
            if found is None or found.settings != self._settings:
                return None
            return take_up(found.rest, found.records), [Job(*job) for job in found.rest["jobs"]]
        except (ValueError, KeyError, TypeError, AttributeError):
            return None

    def _check(self, reader: Reader, job: Job, halt: threading.Event) -> None:
        visit, hops = reader.visit(job, None, halt), 0
        while visit.target and hops < CHECK_HOPS:
            hops += 1
            visit = reader.visit(Job(visit.target, hops=hops, is_map=job.is_map), None, halt)
        if visit.trouble is not None:
            if visit.trouble.host or visit.trouble.closed:
                raise visit.trouble.error
            raise problems.root_unreadable(job.url, visit.trouble.error.message.rstrip("."))
        if why := _why_not(visit):
            raise problems.root_unreadable(job.url, why)


def _why_not(visit: Visit) -> str:
    if visit.disallowed:
        return "robots.txt does not allow it"
    if visit.missing:
        return "the server answers that it is not there"
    return "it redirects too often" if visit.target else ""


def _manner(config: Settings) -> Manner:
    headers = {name.lower(): value for name, value in config.headers.items()}
    if config.user:
        headers["authorization"] = basic(config.user, config.password)
    if config.cookies:
        headers["cookie"] = config.cookies
    if config.languages:
        headers.setdefault("accept-language", ", ".join(config.languages))
    own = frozenset(origin(url) for url in (*config.urls, *config.sitemaps))
    return Manner(config.user_agent, headers=headers, own=own, proxy=config.proxy, timeout_s=config.timeout_s)


def _fingerprint(config: Settings, wishes: Wishes) -> str:
    """Of everything that decides what is made of a page: under other settings, "not modified" says nothing."""
    deciding = (
        2,  # raise it when a page would be understood otherwise
        *(list(config.urls), list(config.sitemaps), config.scope, list(config.include), list(config.exclude)),
        *(wishes.agent, wishes.max_links, wishes.keep_tracking, list(config.media_types), list(config.languages)),
        config.user,
    )
    return xxhash.xxh3_64_hexdigest(repr(deciding).encode())
