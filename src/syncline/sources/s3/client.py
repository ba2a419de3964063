"""One bucket that speaks S3: signs, asks, tries again, and says in our words what an answer means.

Answers that are worth another try: none at all, a broken one, 429, 500, 502, 503, 504, and codes that say so. A wrong
region and a wrong clock are corrected from the answer, once each.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final, NamedTuple

import httpcore

from syncline.model.errors import SynclineError
from syncline.sources.s3 import problems
from syncline.sources.s3.addressing import REGION, Address
from syncline.sources.s3.credentials import Provider
from syncline.sources.s3.objects import Body, Found, NotThere, TooLarge, Unreadable
from syncline.sources.s3.pace import Pace
from syncline.sources.s3.pages import Damaged, ListPage, error_code, parse_page
from syncline.sources.s3.signing import encoded_query, signed
from syncline.sources.s3.wire import Answer, Broken, Wire

PAGE_BYTES: Final = 32 << 20
EMPTY_AGAIN: Final = 2  # times that an empty bucket is asked again
AGAIN: Final = frozenset({429, 500, 502, 503, 504})
_AGAIN_CODES: Final = frozenset({"SlowDown", "RequestTimeout", "InternalError", "ServiceUnavailable", "Throttling"})
_SLOWER: Final = frozenset({429, 503})
_META: Final = "x-amz-meta-"


class Options(NamedTuple):
    """What goes with requests. `own` headers go with every one, `reading` with those for an object."""

    own: Mapping[str, str] = {}
    reading: Mapping[str, str] = {}
    page_size: int = 1000
    tries: int = 5


class _Place(NamedTuple):
    """Where a listing is: its last two keys, and what asks for the next page."""

    prefix: str
    before: str
    last: str
    token: str = ""

    def one_back(self) -> _Place:
        """What asks for the last key again, and whatever follows it."""
        return _Place(self.prefix, "", self.before)


class Refusal(Exception):
    """The last answer, after every try, was not a good one. `status` 0: there was none, and `reason` says why."""

    def __init__(self, status: int, code: str, reason: str, region: str = "") -> None:
        super().__init__(reason)
        self.status = status
        self.code = code
        self.reason = reason
        self.region = region


class S3Client:
    """See ObjectStore. Used by many threads."""

    def __init__(
        self,
        name: str,
        address: Callable[[str], Address],
        region: str,
        provider: Provider,
        wire: Wire,
        pace: Pace,
        options: Options,
        clock: Callable[[], float],
    ) -> None:
        """`address` is where the bucket is called when it lies in the region it is given."""
        self.name = name
        self._address_in = address
        self._address = address(region)
        self.anchor = f"s3 {'aws' if _is_aws(self._address) else self._address.base} {name.removeprefix('s3://')}"
        self._provider = provider
        self._wire = wire
        self._pace = pace
        self._options = options
        self._clock = clock
        self._skew = 0.0  # seconds the server's clock is ahead of ours

    def link(self, key: str) -> str:
        """See ObjectStore."""
        return self._address.base + self._address.path(key)

    def cut(self) -> None:
        """See ObjectStore."""
        self._wire.cut()

    # --- listing -----------------------------------------------------------------------------------------------------

    def pages(self, prefix: str, after: str, halt: threading.Event) -> Iterator[Sequence[Found]]:
        """See ObjectStore. Raises SourceUnavailable "source.listing_damaged" when a page cannot be trusted."""
        at = _Place(prefix, "", after)
        while True:
            page = self._page(at, halt)
            if page.odd:
                raise problems.key_unusable(self.name, page.odd[0])
            if page.found:
                yield page.found
            if not page.token:
                return
            keys = [at.before, at.last, *(found.key for found in page.found[-2:])]
            at = _Place(prefix, keys[-2], keys[-1], page.token)

    def _page(self, at: _Place, halt: threading.Event) -> ListPage:
        """One page, asked for again while it is damaged."""
        reason = ""
        for attempt in range(1, self._options.tries + 1):
            try:
                page = parse_page(self._list(at, halt), at.prefix, at.last, at.token)
                if page.is_empty:
                    self._confirm_the_end(at, attempt, halt)
                return page
            except Damaged as damage:
                reason = str(damage)
            if attempt < self._options.tries:
                self._pace.rest(attempt, halt)
        raise problems.listing_damaged(self.name, reason)

    def _confirm_the_end(self, at: _Place, attempt: int, halt: threading.Event) -> None:
        """That nothing is there, or nothing more, is asked again, since much would be deleted because of it. Where a
        key is known, the answer must hold it: who says that nothing follows must know what it follows. Raises Damaged.
        """
        if at.token:
            again = parse_page(self._list(at.one_back(), halt), at.prefix, at.before, "")
            if [found.key for found in again.found] != [at.last] or again.token or again.odd:
                raise Damaged("it is empty, and another answer is not")
            return
        for _ in range(EMPTY_AGAIN):
            self._pace.rest(attempt, halt)
            if not parse_page(self._list(at, halt), at.prefix, at.last, "").is_empty:
                raise Damaged("it is empty, and another answer is not")

    def _list(self, at: _Place, halt: threading.Event) -> bytes:
        query = [("list-type", "2"), ("encoding-type", "url"), ("max-keys", str(self._options.page_size))]
        if at.prefix:
            query.append(("prefix", at.prefix))
        if at.token:
            query.append(("continuation-token", at.token))
        elif at.last:
            query.append(("start-after", at.last))
        try:
            answer = self._ask("", query, self._options.own, PAGE_BYTES, halt)
        except Refusal as refusal:
            raise self._listing_problem(at.prefix, refusal) from None
        if answer.cut:
            raise Damaged("it is larger than any page")
        return answer.content

    def _listing_problem(self, prefix: str, refusal: Refusal) -> SynclineError:
        where = f"{self.name}/{prefix}" if prefix else self.name
        whole = self._whole_problem(refusal)
        if whole is not None:
            return whole
        if refusal.status == 403:
            return problems.access_denied(where)
        return problems.unreachable(where, refusal.reason)

    def _whole_problem(self, refusal: Refusal) -> SynclineError | None:
        """What is wrong with everything, not with one object or prefix."""
        credentials = problems.credentials_problem(self.name, refusal.status, refusal.code)
        if credentials is not None:
            return credentials
        if refusal.code == "NoSuchBucket":
            return problems.bucket_missing(self.name)
        if refusal.status in (301, 307) or refusal.code in ("PermanentRedirect", "IllegalLocationConstraintException"):
            return problems.wrong_region(self.name, refusal.region)
        return None

    # --- objects -----------------------------------------------------------------------------------------------------

    def get(self, key: str, limit: int, halt: threading.Event) -> Body:
        """See ObjectStore."""
        try:
            answer = self._ask(key, (), {**self._options.own, **self._options.reading}, limit, halt)
        except Refusal as refusal:
            raise self._object_problem(refusal) from None
        if answer.cut:
            raise TooLarge(answer.cut)
        headers = answer.headers
        found = Found(key, len(answer.content), headers.get("etag", "").strip('"'), _modified(headers))
        user = {name.removeprefix(_META): value for name, value in headers.items() if name.startswith(_META)}
        media_type = headers.get("content-type", "")
        return Body(found, answer.content, media_type, headers.get("content-encoding", ""), user)

    def _object_problem(self, refusal: Refusal) -> Exception:
        whole = self._whole_problem(refusal)
        if whole is not None:
            return whole
        if refusal.status == 404:
            return NotThere()
        if refusal.code == "InvalidObjectState":
            return Unreadable("The object is archived and must be restored before it can be read.", "document.archived")
        return Unreadable(f"The object cannot be read: {refusal.reason}.", unreached=refusal.status == 0)

    # --- asking ------------------------------------------------------------------------------------------------------

    def _ask(
        self, key: str, query: Sequence[tuple[str, str]], headers: Mapping[str, str], limit: int, halt: threading.Event
    ) -> Answer:
        """A good answer. Raises Refusal, Halted, and what the credentials raise."""
        corrected: set[str] = set()
        attempt = 0
        while True:
            attempt += 1
            self._pace.wait(halt)
            try:
                answer = self._once(key, query, headers, limit)
            except Broken as error:
                refusal = Refusal(0, "", str(error))
                again = True
            else:
                if answer.status < 300:
                    return answer
                code, region = error_code(answer.content)
                refusal = Refusal(answer.status, code, problems.answer(answer.status, code), region)
                if self._correct(answer, refusal, corrected):
                    continue
                again = answer.status in AGAIN or code in _AGAIN_CODES
                if again and answer.status in _SLOWER:
                    again = self._pace.slow_down(attempt, answer.headers)
            self._pace.wait(halt)  # what was cut off by an interrupt ends here
            if not again or attempt >= self._options.tries:
                raise refusal
            self._pace.rest(attempt, halt)

    def _once(self, key: str, query: Sequence[tuple[str, str]], headers: Mapping[str, str], limit: int) -> Answer:
        address = self._address
        path, asked = address.path(key), encoded_query(query)
        who = self._provider()
        every = {"host": address.netloc, **headers}
        if who is not None:
            now = self._clock() + self._skew
            every = signed(address.netloc, path, asked, headers, who, address.region, now)
        target = f"{path}?{asked}" if asked else path
        url = httpcore.URL(
            scheme=address.scheme.encode(),
            host=address.host.strip("[]").encode("idna" if not address.host.isascii() else "ascii"),
            port=address.port,
            target=target.encode("ascii"),
        )
        return self._wire.get(url, every, limit)

    def _correct(self, answer: Answer, refusal: Refusal, corrected: set[str]) -> bool:
        """Whether the answer says what was wrong with our idea of region or time, for the first time."""
        region = answer.headers.get("x-amz-bucket-region") or refusal.region
        wrong_place = answer.status in (301, 307) or (answer.status in (400, 403) and refusal.region)
        if wrong_place and region != self._address.region and REGION.fullmatch(region) and "region" not in corrected:
            corrected.add("region")
            self._address = self._address_in(region)
            return True
        if refusal.code == "RequestTimeTooSkewed" and "time" not in corrected:
            corrected.add("time")
            there = _seconds(answer.headers.get("date", ""))
            self._skew = there - self._clock() if there else 0.0
            return bool(there)
        return False


def _is_aws(address: Address) -> bool:
    return address.host.endswith((".amazonaws.com", ".amazonaws.com.cn"))


def _modified(headers: Mapping[str, str]) -> int:
    return round(_seconds(headers.get("last-modified", "")) * 1000)


def _seconds(text: str) -> float:
    """An HTTP date in Unix seconds; 0.0 when it is none."""
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return 0.0
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
