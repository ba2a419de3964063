"""What a crawl knows so far, in a form that can be put down as JSON and taken up again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from syncline.model.errors import DocumentRejected, SourceUnavailable, SynclineError
from syncline.model.news import Unlisted
from syncline.sources.web.memory import Record


@dataclass(slots=True)
class Book:
    """Everything found so far.

    depth      of the pages that are being visited now.
    seen       every page that was ever queued.
    records    what was read, and what is remembered of what could not be read.
    roots_read the first pages have been read, so it is known where the site is.
    level      pages whose links are to be followed once that is known.
    first      pages of site maps, to be visited then.
    below      pages of the next depth.
    roots      pages and site maps of the settings, and where they redirect to.
    root_errors  roots that could not be read.
    redirects  (target, for good, suspicious) of pages that lead elsewhere.
    deferred   (canonical address, depth) of pages that say they are another one.
    missing, disallowed, failed  pages that are not there, may not be read, or could not be.
    hosts      origins that cannot be read.
    endless    pages with more redirects than are followed.
    blind      what could not be looked at.
    """

    depth: int = 0
    seen: set[str] = field(default_factory=set)
    records: dict[str, Record] = field(default_factory=dict)
    roots_read: bool = False
    level: list[str] = field(default_factory=list)
    first: list[str] = field(default_factory=list)
    below: dict[str, None] = field(default_factory=dict)
    roots: set[str] = field(default_factory=set)
    root_errors: dict[str, SynclineError] = field(default_factory=dict)
    redirects: dict[str, tuple[str, bool, bool]] = field(default_factory=dict)
    deferred: dict[str, tuple[str, int]] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    disallowed: list[str] = field(default_factory=list)
    failed: set[str] = field(default_factory=set)
    hosts: dict[str, SynclineError] = field(default_factory=dict)
    endless: list[str] = field(default_factory=list)
    blind: list[Unlisted] = field(default_factory=list)
    deeper: int = 0

    def put_down(self, jobs: Sequence[tuple[str, int, int, bool]]) -> dict[str, Any]:
        """As JSON, without the records; `jobs` are those that are not done."""
        return {
            "depth": self.depth,
            "jobs": [list(job) for job in jobs],
            "seen": [url for url in self.seen if url not in self.records],
            "roots_read": self.roots_read,
            "level": self.level,
            "first": self.first,
            "below": list(self.below),
            "roots": sorted(self.roots),
            "root_errors": {url: _error(error) for url, error in self.root_errors.items()},
            "redirects": {url: list(where) for url, where in self.redirects.items()},
            "deferred": {url: list(where) for url, where in self.deferred.items()},
            "missing": self.missing,
            "disallowed": self.disallowed,
            "failed": sorted(self.failed),
            "hosts": {url: _error(error) for url, error in self.hosts.items()},
            "endless": self.endless,
            "blind": [[part.prefix, _error(part.error)] for part in self.blind],
            "deeper": self.deeper,
        }


def take_up(rest: dict[str, Any], records: dict[str, Record]) -> Book:
    """What was put down. Raises KeyError, TypeError or ValueError when it is something else."""
    book = Book(depth=int(rest["depth"]), records=records, level=list(rest["level"]), deeper=int(rest["deeper"]))
    book.seen = {*rest["seen"], *records}
    book.roots_read, book.first = bool(rest["roots_read"]), list(rest["first"])
    book.below = dict.fromkeys(rest["below"])
    book.roots = set(rest["roots"])
    book.root_errors = {url: _unavailable(told) for url, told in rest["root_errors"].items()}
    book.redirects = {url: (target, good, odd) for url, (target, good, odd) in rest["redirects"].items()}
    book.deferred = {url: (canonical, depth) for url, (canonical, depth) in rest["deferred"].items()}
    book.missing, book.disallowed, book.endless = list(rest["missing"]), list(rest["disallowed"]), list(rest["endless"])
    book.failed = set(rest["failed"])
    book.hosts = {url: _unavailable(told) for url, told in rest["hosts"].items()}
    book.blind = [Unlisted(prefix, _unavailable(told)) for prefix, told in rest["blind"]]
    return book


def _error(error: SynclineError) -> list[str]:
    return [error.message, error.code, error.remedy]


def _unavailable(told: Sequence[str]) -> SourceUnavailable:
    message, code, remedy = told
    return SourceUnavailable(message, code=code, remedy=remedy)


def rejection(error: SynclineError) -> SynclineError:
    """The error for one document, whatever it was for the place."""
    if isinstance(error, DocumentRejected):
        return error
    return DocumentRejected(error.message, code=error.code, remedy=error.remedy)
