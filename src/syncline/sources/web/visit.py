"""One visit: a URL is asked for, and what came is understood. Runs in many threads and changes nothing they share but
the spool."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any, Final

import xxhash

from syncline.model.documents import Document
from syncline.model.errors import SynclineError
from syncline.model.news import Entry, Fetched, Gone, Refused
from syncline.sources.web import pages, problems, sitemaps
from syncline.sources.web.client import Answer, Client
from syncline.sources.web.memory import Record
from syncline.sources.web.pace import http_date
from syncline.sources.web.pages import HTML, Wishes, media_type_of
from syncline.sources.web.problems import Trouble
from syncline.sources.web.robots import Robots
from syncline.sources.web.spool import Spool, Where
from syncline.sources.web.urls import joined

BODY_AGE_S: Final = 3600.0  # so long a body in the spool is as good as a new one
_REDIRECTS: Final = {301: True, 302: False, 303: False, 307: False, 308: True}  # whether for good
_GONE: Final = frozenset({404, 410})
_LATIN = re.compile(r"charset\s*=\s*[\"']?(iso-8859-1|latin-?1|us-ascii)\b[\"']?", re.IGNORECASE)  # as the web reads it


@dataclass(eq=False, slots=True)
class Job:
    """A URL to visit. `hops` counts the redirects on the way to it."""

    url: str
    depth: int = 0
    hops: int = 0
    is_map: bool = False


@dataclass(slots=True)
class Body:
    """What came with a page. `where` is None when the spool had no room; `at` is in Unix seconds."""

    where: Where | None
    content_type: str
    metadata: dict[str, Any]
    at: float


@dataclass(slots=True)
class Want:
    """What an entry carries to `fetch`: a body, or the error that kept it from being read; `unsure`: neither there nor
    gone, leave it as it is."""

    depth: int
    body: Body | None = None
    error: SynclineError | None = None
    unsure: bool = False


@dataclass(slots=True)
class Visit:
    """What became of a job: a record (with the body, if one came), a target, a site map, trouble, or nothing there."""

    job: Job
    record: Record | None = None
    body: Body | None = None
    cut: bool = False
    missing: bool = False
    disallowed: bool = False
    target: str = ""
    permanent: bool = False
    found: sitemaps.SiteMap | None = None
    trouble: Trouble | None = None


@dataclass(frozen=True)
class Taste:
    """What is read and taken."""

    wishes: Wishes
    max_bytes: int
    media_types: Sequence[str]
    languages: Sequence[str]

    def takes_type(self, media_type: str) -> bool:
        """Whether documents of that type are wanted; "" is unknown, and told by what is in it."""
        return not media_type or any(fnmatchcase(media_type, pattern) for pattern in self.media_types)

    def takes_language(self, language: str) -> bool:
        """Whether pages in that language are wanted."""
        said = language.lower()
        return not (self.languages and said) or any(
            said == wanted or said.startswith(f"{wanted}-") for wanted in self.languages
        )


class Reader:
    """Visits pages of one site. `robots` None: there are no rules to obey."""

    def __init__(
        self, client: Client, robots: Robots | None, taste: Taste, spool: Spool, clock: Callable[[], float]
    ) -> None:
        self._client = client
        self._robots = robots
        self._taste = taste
        self._spool = spool
        self._clock = clock

    # --- listing -----------------------------------------------------------------------------------------------------

    def visit(self, job: Job, old: Record | None, halt: threading.Event) -> Visit:
        """`old` is the record to ask with, None to read in full. Raises Halted, and ConfigInvalid when a package is
        missing; everything else is in the answer."""
        try:
            if job.is_map:
                return self._map(job, halt)
            if self._robots is not None and not self._robots.allow(job.url, halt):
                return Visit(job, disallowed=True)
            asking = old if old is not None and old.links is not None and not old.closed else None
            answer = self._client.get(job.url, self._wants, _conditions(asking), halt)
            return self._understood(job, answer, asking)
        except Trouble as trouble:
            return Visit(job, trouble=trouble)

    def _wants(self, status: int, headers: Mapping[str, str]) -> int:
        media_type = media_type_of(headers, b"")
        wanted = status == 200 and (media_type in HTML or self._taste.takes_type(media_type))
        return self._taste.max_bytes if wanted else 0

    def _understood(self, job: Job, answer: Answer, old: Record | None) -> Visit:
        status = answer.status
        if status == 200:
            record, body, cut = self._read(job.url, answer)
            return Visit(job, record, body, cut)
        if status == 304 and old is not None and (old.etag or old.modified):
            return Visit(job, old)
        if status in _REDIRECTS:
            return self._redirect(job, answer)
        if status in _GONE:
            return Visit(job, missing=True)
        raise _refusal(job.url, status)

    def _redirect(self, job: Job, answer: Answer) -> Visit:
        keep = self._taste.wishes.keep_tracking
        target = joined(job.url, answer.headers.get("location", ""), keep_tracking=keep)
        if target is None or not answer.headers.get("location"):
            raise Trouble(problems.rejected("The page redirects to nothing that can be read."), closed=True)
        return Visit(job, target=target, permanent=_REDIRECTS[answer.status])

    def _map(self, job: Job, halt: threading.Event) -> Visit:
        if self._robots is not None and not self._robots.allow(job.url, halt):
            return Visit(job, disallowed=True)
        answer = self._client.get(job.url, lambda status, _: sitemaps.MAX_BYTES if status == 200 else 0, {}, halt)
        if answer.status != 200:
            return self._understood(job, answer, None)
        try:
            found = sitemaps.read(job.url, answer.body, keep_tracking=self._taste.wishes.keep_tracking)
        except sitemaps.Unreadable as error:
            raise Trouble(problems.rejected(f"It cannot be understood: {error}.")) from error
        return Visit(job, found=found)

    # --- a page ------------------------------------------------------------------------------------------------------

    def _read(self, url: str, answer: Answer) -> tuple[Record, Body | None, bool]:
        found = pages.read(url, answer.body, answer.headers, self._taste.wishes)
        record = Record(canonical=found.canonical, language=found.language, links=found.links)
        body = self._body(answer, found.language)
        record.digest = _digest(answer.body, body)
        record.rule, record.code = self._rule(answer, found)
        _remember_validators(record, answer.headers, self._clock())
        if record.rule:
            return record, None, found.cut
        body.where = self._spool.put(answer.body)
        return record, body, found.cut

    def _body(self, answer: Answer, language: str) -> Body:
        content_type = answer.headers.get("content-type", "") or media_type_of(answer.headers, answer.body)
        content_type = _LATIN.sub("charset=windows-1252", content_type)
        metadata: dict[str, Any] = {"language": language} if language else {}
        modified = http_date(answer.headers.get("last-modified", ""))
        if modified and _is_settled(modified, answer.headers, self._clock()):
            metadata["modified"] = datetime.fromtimestamp(modified, UTC).isoformat()
        return Body(None, content_type, metadata, self._clock())

    def _rule(self, answer: Answer, found: pages.Found) -> tuple[str, str]:
        """What keeps the page out of the index: (rule, code), or ("", "")."""
        media_type = media_type_of(answer.headers, answer.body)
        if not self._taste.takes_type(media_type):
            return f"media type {media_type}"[:200], "filtered.media_type"
        if not found.indexed:
            return "noindex", "filtered.noindex"
        if not self._taste.takes_language(found.language):
            return f"language {found.language}", "filtered.language"
        return "", ""

    # --- fetching ----------------------------------------------------------------------------------------------------

    def at_hand(self, entry: Entry) -> Fetched | None:
        """The answer, if it needs no request."""
        want = entry.token if isinstance(entry.token, Want) else Want(0)
        if want.unsure:
            return Gone(entry.id)
        if want.error is not None:
            return Refused(entry.id, want.error)
        body = want.body
        if body is None or body.where is None or self._clock() - body.at > BODY_AGE_S:
            return None
        content = self._spool.get(body.where)
        return None if content is None else _document(entry.id, content, body, want.depth, entry.version)

    def again(self, entry: Entry, halt: threading.Event) -> Fetched:
        """The answer, by asking for the page. Raises Halted."""
        depth = entry.token.depth if isinstance(entry.token, Want) else 0
        try:
            answer = self._client.get(entry.id, self._wants, {}, halt)
            if answer.status in _GONE or answer.status in _REDIRECTS:
                return Gone(entry.id)
            if answer.status != 200:
                raise _refusal(entry.id, answer.status)
            found = pages.read(entry.id, answer.body, answer.headers, self._taste.wishes)
            if self._rule(answer, found)[0]:
                return Gone(entry.id)
        except Trouble as trouble:
            return Refused(entry.id, trouble.error)
        body = self._body(answer, found.language)
        version = version_of(_digest(answer.body, body), depth)
        return _document(entry.id, answer.body, body, depth, version if version == entry.version else None)


def version_of(digest: str, depth: int) -> str:
    """The version of a page: what came, and how far from the first pages it was found."""
    return f"{digest}.{depth}"


def _document(url: str, content: bytes, body: Body, depth: int, version: str | None) -> Document:
    metadata = {**body.metadata, "depth": depth}
    return Document(url, content, media_type=body.content_type, metadata=metadata, url=url, version=version)


def _digest(content: bytes, body: Body) -> str:
    """Changes when the document does. Source: XXH3-128."""
    digest = xxhash.xxh3_128(content)
    digest.update(repr((len(content), body.content_type, sorted(body.metadata.items()))).encode())
    return digest.hexdigest()[:24]


def _refusal(url: str, status: int) -> Trouble:
    if status == 401:
        return Trouble(problems.not_admitted(url), closed=True)
    error = problems.rejected(f"The server answers {problems.phrase(status)}.")
    return Trouble(error, closed=400 <= status < 500)


# --- has it changed? -------------------------------------------------------------------------------------------------


def _conditions(old: Record | None) -> dict[str, str]:
    """Headers that let the server say "not modified".  Source: RFC 9110, section 13.1."""
    if old is None:
        return {}
    if old.etag:
        return {"if-none-match": old.etag}
    return {"if-modified-since": old.modified} if old.modified else {}


def _remember_validators(record: Record, headers: Mapping[str, str], now: float) -> None:
    """A page that was changed in the second it was read may change once more in it, and look the same: such a time
    proves nothing, and the page is read in full next time."""
    modified = headers.get("last-modified", "")
    changed = http_date(modified)
    if changed and not _is_settled(changed, headers, now):
        return
    etag = headers.get("etag", "")
    if 0 < len(etag) <= 512 and _is_plain(etag):
        record.etag = etag
    elif changed and len(modified) <= 64 and _is_plain(modified):
        record.modified = modified


def _is_settled(changed: float, headers: Mapping[str, str], now: float) -> bool:
    """Source: RFC 9110, section 8.8.2.2: by the server's own clock, where it tells the time."""
    return changed + 1 < (http_date(headers.get("date", "")) or now)


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable()
