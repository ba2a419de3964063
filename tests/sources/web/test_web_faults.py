"""Servers that are slow, broken, overloaded or hostile: a page fails alone, and nothing is deleted."""

from __future__ import annotations

import gzip
import threading
import zlib
from collections.abc import Callable
from email.utils import formatdate
from itertools import pairwise
from typing import Any

import pytest
from tests.sources.web.sites import Asked, Certificates, Reply, Site, VirtualTime, html, until, web

from syncline.model.documents import Document
from syncline.model.errors import SourceUnavailable, SynclineError
from syncline.model.news import Refused, Skipped
from syncline.sources.web import client
from syncline.sources.web.client import unpacked
from syncline.sources.web.pace import Pace, Times, retry_after_s
from syncline.sources.web.problems import Halted
from syncline.sources.web.source import WebSource
from syncline.testing.reading import Reading, answers_of, read_all


class Crawled:
    """One listing and what was fetched of it, by path."""

    def __init__(self, site: Site, memory: Any = None, **given: Any) -> None:
        given = {"urls": [site.url()], **given}
        self.source = web(site.clock, **given)
        self.reading: Reading = read_all(self.source, memory=memory)
        self.memory = self.reading.completes()[0].memory
        answers = answers_of(self.source, self.reading.entries())
        self.answers = {answer.id.removeprefix(site.url("")): answer for answer in answers}

    def documents(self) -> set[str]:
        return {path for path, answer in self.answers.items() if isinstance(answer, Document)}

    def failed(self) -> dict[str, str]:
        return {path: answer.error.code for path, answer in self.answers.items() if isinstance(answer, Refused)}

    def blind(self) -> dict[str, str]:
        return {part.prefix: part.error.code for part in self.reading.unlisted()}


def page_of(size: int) -> bytes:
    return html(text="x").encode() + b" " * size


BROKEN = {
    "slow-loris in the headers": Reply(raw=b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nX: "),
    "no status line": Reply(raw=b"hello\r\n\r\n"),
    "closed at once": Reply(raw=b""),
    "half a header": Reply(raw=b"HTTP/1.1 200 OK\r\nContent-Le"),
    "two lengths": Reply(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"),
    "a length of letters": Reply(raw=b"HTTP/1.1 200 OK\r\nContent-Length: abc\r\n\r\nabcd"),
    "huge headers": Reply(raw=b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100_000 + b"\r\n"),
    "shorter than said": Reply(200, "abc", length=1000),
    "chunks that break off": Reply(raw=b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc"),
    "chunks of nonsense": Reply(raw=b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n"),
    "gzip that breaks off": Reply(200, gzip.compress(page_of(9999))[:-20], {"content-encoding": "gzip"}),
    "gzip that is none": Reply(200, "hello", {"content-encoding": "gzip"}),
    "packed as nobody asked for": Reply(200, "hello", {"content-encoding": "br"}),
    "a gzip bomb": Reply(200, gzip.compress(b"\0" * (80 << 20)), {"content-encoding": "gzip"}),
    "too large": Reply(200, page_of(200_000)),
    "part of a page": Reply(206, "abc", {"content-range": "bytes 0-2/9"}),
    "not modified, unasked": Reply(304),
    "a strange status": Reply(299, "abc"),
    "not implemented": Reply(501),
    "internal error": Reply(500),
    "forbidden": Reply(403),
    "a teapot": Reply(418),
}


@pytest.mark.parametrize("fault", [fault for fault in BROKEN if "unasked" not in fault])
def test_a_page_that_is_broken_fails_alone_and_nothing_is_deleted(site: Site, fault: str) -> None:
    site.pages = {"/": html("/a", "/b", "/c"), "/a": html("/behind"), "/b": html(text="b"), "/behind": html(text="c")}
    site.pages["/c"] = html(text="c")
    first = Crawled(site, max_bytes=100_000)
    assert first.documents() == {"/", "/a", "/b", "/c", "/behind"}
    del site.pages["/c"]
    site.pages["/a"] = BROKEN[fault]
    second = Crawled(site, first.memory, max_bytes=100_000)
    assert second.documents() == {"/", "/b", "/behind"}, "what it linked to is still found"
    assert list(second.failed()) == ["/a"]
    assert second.blind() == {"": "source.links_unknown"}, "but what is not found proves nothing"
    gone = [item.id for item in second.reading.skipped() if item.code == "filtered.missing"]
    assert gone == [site.url("/c")], "and what the server says is gone is gone"
    site.pages["/a"] = html("/behind")
    third = Crawled(site, second.memory, max_bytes=100_000)
    assert third.documents() == {"/", "/a", "/b", "/behind"}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_page_that_was_never_read_hides_what_it_may_link_to(site: Site, fault: str) -> None:
    site.pages = {"/": html("/b"), "/b": html(text="b")}
    first = Crawled(site, max_bytes=100_000)
    site.pages = {"/": html("/a"), "/a": BROKEN[fault]}
    second = Crawled(site, first.memory, max_bytes=100_000)
    assert list(second.failed()) == ["/a"]
    assert list(second.blind()) == [""], "nothing is deleted"


@pytest.mark.parametrize("fault", ["hang", "drip", "endless", "slow-loris"])
def test_time_and_size_of_a_page_end(site: Site, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    """For these the limits are real, and small."""
    monkeypatch.setattr(client, "TRIES", 1)
    replies = {
        "hang": Reply(hang=True), "drip": Reply(drip=True), "endless": Reply(200, b"x" * 65536, endless=True),
        "slow-loris": Reply(raw=b"HTTP/1.1 200 OK\r\nX-Header: ", drip=True),
    }  # fmt: skip
    site.pages = {"/": html("/a", "/b"), "/b": html(text="b"), "/a": replies[fault]}
    crawled = Crawled(site, timeout_s=1, max_bytes=1_000_000)
    assert crawled.documents() == {"/", "/b"}
    assert list(crawled.failed()) == ["/a"]
    assert crawled.blind() == {"": "source.links_unknown"}


def test_a_page_that_is_packed_is_unpacked(site: Site) -> None:
    plain = html("/next", text="packed").encode()
    raw = zlib.compressobj(wbits=-15)
    site.pages = {
        "/": html("/gzip", "/deflate", "/raw", "/two"),
        "/gzip": Reply(200, gzip.compress(plain), {"content-encoding": "gzip"}),
        "/deflate": Reply(200, zlib.compress(plain), {"content-encoding": "deflate"}),
        "/raw": Reply(200, raw.compress(plain) + raw.flush(), {"content-encoding": "DEFLATE"}),
        "/two": Reply(200, gzip.compress(plain[:50]) + gzip.compress(plain[50:]), {"content-encoding": "x-gzip"}),
    }
    answers = Crawled(site).answers
    for path in ("/gzip", "/deflate", "/raw", "/two"):
        document = answers[path]
        assert isinstance(document, Document)
        assert document.content == plain


def test_unpacking_gives_small_pieces_however_well_it_was_packed() -> None:
    packed = gzip.compress(b"\0" * (64 << 20))
    sizes = [len(piece) for piece in unpacked([packed], "gzip")]
    assert max(sizes) <= 64 << 10
    assert sum(sizes) == 64 << 20


@pytest.mark.parametrize("status", [401, 403, 418])
def test_a_page_that_never_let_us_in_leads_nowhere_from_the_second_listing_on(site: Site, status: int) -> None:
    site.pages = {"/": html("/admin", "/b"), "/admin": Reply(status), "/b": html(text="b")}
    first = Crawled(site)
    assert first.blind() == {}
    site.pages["/"] = html("/admin", "/staff")
    site.pages["/staff"] = Reply(status)
    second = Crawled(site, first.memory)
    assert second.blind() == {"": "source.links_unknown"}, "of /staff nothing is known yet"
    third = Crawled(site, second.memory)
    assert third.blind() == {}
    assert third.failed().keys() == {"/admin", "/staff"}
    site.pages["/admin"] = html("/inner")
    site.pages["/inner"] = html(text="inner")
    fourth = Crawled(site, third.memory)
    assert fourth.documents() == {"/", "/admin", "/inner"}
    site.pages["/admin"] = Reply(status)
    assert Crawled(site, fourth.memory).blind() == {"": "source.links_unknown"}, "it has let us in, so it may lead on"


def test_a_link_that_moves_to_a_page_that_cannot_be_read_costs_nothing(site: Site) -> None:
    site.pages = {"/": html("/a", "/b"), "/a": html(), "/b": html(text="b")}
    first = Crawled(site)
    site.pages |= {"/": html("/a"), "/a": Reply(500)}  # and /a links to /b now, which nobody can see
    second = Crawled(site, first.memory)
    assert second.blind() == {"": "source.links_unknown"}


# --- a host that cannot be reached -----------------------------------------------------------------------------------


def test_a_host_that_went_away_keeps_its_documents_and_what_they_link_to(
    site: Site, make_site: Callable[[], Site]
) -> None:
    other = make_site()
    here, there = "here.test", "there.test"
    other.pages = {"/": html(site.url("/only", here)), "/x": html(text="x")}
    site.pages = {"/": html(other.url("/", there), other.url("/x", there), "/c"), "/only": html(), "/c": html()}
    given: dict[str, Any] = {
        "urls": [site.url("/", here)],
        "scope": "any",
        "include": ["http://*.test"],
        "max_depth": 3,
    }
    given["include"] = ["http://here.test*", "http://there.test*"]
    first = Crawled(site, **given)
    assert len(first.documents()) == 5
    other.close()
    second = Crawled(site, first.memory, **given)
    assert second.blind() == {"": "source.links_unknown", other.url("/", there): "source.unreachable"}
    assert sorted(second.reading.ids()) == [site.url(path, here) for path in ("/", "/c", "/only")]
    site.pages["/"] = html("/c", other.url("/new", there), other.url("/", there))
    third = Crawled(site, second.memory, **given)
    assert third.blind().keys() == {"", other.url("/", there)}, "nobody knows what the new page links to"


def test_a_host_that_fails_again_and_again_is_left_alone(site: Site) -> None:
    site.pages = {"/": html(*(f"/p{n}" for n in range(100)))}
    site.pages |= {f"/p{n}": html(text=str(n)) for n in range(100)}
    first = Crawled(site)
    site.fault = lambda asked: Reply(500) if asked.path.startswith("/p") else None
    site.forget()
    second = Crawled(site, first.memory)
    assert len(site.asked) < 40
    assert second.blind() == {"": "source.links_unknown", site.url("/"): "source.unreachable"}
    site.fault = lambda asked: None
    assert len(Crawled(site, second.memory).documents()) == 101


@pytest.mark.parametrize("fault", ["dns", "refused", "tls", "reset"])
def test_a_site_that_cannot_be_reached_at_all_raises(site: Site, clock: VirtualTime, fault: str, tmp_path: Any) -> None:
    import socket

    def unknown(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    url = site.url("/", "here.test")
    resolve = unknown if fault == "dns" else None
    if fault == "refused":
        site.close()
    if fault == "tls":
        url = Certificates(tmp_path).serve(site, "other.test").replace("127.0.0.1", "here.test")
    if fault == "reset":
        site.fault = lambda asked: Reply(raw=b"")
    source = web(clock, urls=[url], resolve=resolve)
    with pytest.raises(SynclineError):
        source.check()
    with pytest.raises(SynclineError) as caught:
        read_all(web(clock, urls=[url], resolve=resolve))
    assert caught.value.code in ("source.unreachable", "target.unresolved", "source.seed_unreadable")


def test_a_site_with_a_certificate_is_read_by_its_name(site: Site, clock: VirtualTime, tmp_path: Any) -> None:
    authority = Certificates(tmp_path)
    url = authority.serve(site, "here.test").replace("127.0.0.1", "here.test")
    site.pages = {"/": html("/a"), "/a": html(text="a")}
    assert len(read_all(web(clock, urls=[url], certificates=authority.trusting())).ids()) == 2


# --- deletion by proof -----------------------------------------------------------------------------------------------


def test_a_wall_of_logins_deletes_nothing(site: Site) -> None:
    site.pages = {"/": html("/a", "/b"), "/a": html("/c"), "/b": html(text="b"), "/c": html(text="c")}
    first = Crawled(site)
    wall = Reply(302, headers={"location": "/login?next=x"})
    site.pages |= {"/a": wall, "/b": wall, "/login": html(text="who are you?")}
    second = Crawled(site, first.memory)
    assert second.failed() == {"/a": "document.redirected", "/b": "document.redirected"}
    assert second.documents() == {"/", "/c"}
    site.pages["/"] = wall
    with pytest.raises(SourceUnavailable, match="redirects to"):
        Crawled(site, second.memory)


def test_a_captive_portal_deletes_nothing(site: Site) -> None:
    site.pages = {"/": html("/a"), "/a": html("/c"), "/c": html(text="c")}
    first = Crawled(site)
    portal = Reply(302, headers={"location": "http://portal.test/welcome"})
    site.fault = lambda asked: portal if asked.path not in ("/", "/robots.txt") else None
    second = Crawled(site, first.memory)
    assert second.failed() == {"/a": "document.redirected", "/c": "document.redirected"}
    site.fault = lambda asked: portal
    with pytest.raises(SynclineError):
        Crawled(site, first.memory)


def test_what_is_gone_is_said_even_when_not_everything_was_looked_at(site: Site) -> None:
    site.pages = {"/": html("/a", "/b", "/c"), "/a": html(), "/b": html(), "/c": html(text="c")}
    first = Crawled(site)
    del site.pages["/a"]
    site.pages["/b"] = Reply(410)
    site.pages["/"] = html("/a", "/b", "/c", "/new", "/newer")
    second = Crawled(site, first.memory, max_pages=5)
    assert second.blind() == {"": "source.page_limit"}
    gone = {item.id: item.code for item in second.reading.news if isinstance(item, Skipped)}
    assert gone == {site.url("/a"): "filtered.missing", site.url("/b"): "filtered.missing"}


def test_an_endless_calendar_ends_at_the_limits_and_deletes_nothing(site: Site) -> None:
    def month(asked: Asked) -> Reply:
        number = int(asked.path.rpartition("/")[2])
        return Reply(200, html(f"/cal/{number + 1}", f"/cal/{2 * number + 7}", text=asked.path))

    site.pages = {"/": html("/cal/0", "/a"), "/a": html(text="a")}
    site.fault = lambda asked: month(asked) if asked.path.startswith("/cal/") else None
    by_pages = Crawled(site, max_pages=50, max_depth=100)
    assert len(by_pages.reading.ids()) == 50
    assert by_pages.blind() == {"": "source.page_limit"}
    by_depth = Crawled(site, max_depth=4)
    assert by_depth.blind() == {}
    assert all(item.metadata["depth"] <= 4 for item in by_depth.answers.values() if isinstance(item, Document))
    by_links = Crawled(site, max_links_per_page=1, max_depth=2)
    assert by_links.blind() == {"": "source.link_limit"}


# --- pace ------------------------------------------------------------------------------------------------------------


def waits(site: Site) -> list[float]:
    times = sorted(asked.at for asked in site.asked)
    return [round(after - before, 3) for before, after in pairwise(times)]


@pytest.mark.parametrize(("rate", "at_once"), [(5.0, 1), (5.0, 4), (0.5, 2), (50.0, 4)])
def test_a_host_is_asked_no_more_often_than_it_may_be(
    site: Site, remark: Callable[[str], None], rate: float, at_once: int
) -> None:
    site.pages = {"/": html(*(f"/p{n}" for n in range(40)))} | {f"/p{n}": html(text=str(n)) for n in range(40)}
    began = site.clock.now()
    Crawled(site, requests_per_second=rate, requests_at_once=at_once)
    took = site.clock.now() - began
    assert len(site.asked) == 42
    assert took >= 41 / rate - 1e-3
    remark(f"web source: 42 requests at {rate:g}/s with {at_once} at once took {took:.1f} s of virtual time")


def test_crawl_delay_slows_down(site: Site) -> None:
    site.pages = {"/robots.txt": "User-agent: *\nCrawl-delay: 7\n", "/": html("/a"), "/a": html()}
    Crawled(site, requests_at_once=1)
    assert waits(site)[1:] == [7.0]


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("form", ["seconds", "date", "none", "nonsense"])
def test_a_host_that_asks_for_a_pause_gets_it(site: Site, status: int, form: str) -> None:
    until_then = site.clock.now() + 30

    def busy(asked: Asked) -> Reply | None:
        if asked.path == "/robots.txt" or asked.at >= until_then:
            return None
        left = until_then - asked.at
        value = {"seconds": str(int(left + 1)), "date": formatdate(until_then, usegmt=True), "nonsense": "soon"}
        return Reply(status, headers={"retry-after": value[form]} if form in value else {})

    if form in ("none", "nonsense"):
        until_then = site.clock.now() + 3
    site.pages = {"/": html("/a"), "/a": html(text="a")}
    site.fault = busy
    assert Crawled(site, requests_at_once=1).documents() == {"/", "/a"}
    if form in ("seconds", "date"):
        assert site.statuses()[status] == 1
        assert max(waits(site)) >= 29
    else:
        assert 1 <= site.statuses()[status] <= 3


def test_a_pause_that_is_too_long_fails_the_page(site: Site) -> None:
    site.pages = {"/": html("/a"), "/a": Reply(503, headers={"retry-after": "86400"})}
    began = site.clock.now()
    assert list(Crawled(site).failed()) == ["/a"]
    assert site.clock.now() - began < 60


def test_bursts_of_errors_are_ridden_out(site: Site) -> None:
    site.pages = {"/": html(*(f"/p{n}" for n in range(30)))} | {f"/p{n}": html(text=str(n)) for n in range(30)}
    seen: dict[str, int] = {}

    def burst(asked: Asked) -> Reply | None:
        seen[asked.path] = seen.get(asked.path, 0) + 1
        return Reply(500) if seen[asked.path] < 3 and asked.path.endswith("7") else None

    site.fault = burst
    assert len(Crawled(site).documents()) == 31


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("", 0), ("5", 5), ("-1", 0), ("1e9", 0), ("9" * 400, 999999999), ("Tue, 14 Nov 2023 22:13:30 GMT", 10),
     ("Tue, 14 Nov 1823 22:13:30 GMT", 0), ("tomorrow", 0), ("\u0665", 0)],
)  # fmt: skip
def test_what_retry_after_means(text: str, seconds: float) -> None:
    assert retry_after_s({"retry-after": text}, 1_700_000_000.0) == seconds


def test_two_hosts_do_not_wait_for_each_other(clock: VirtualTime) -> None:
    pace, halt = Pace(1.0, clock.times), threading.Event()
    began = clock.now()
    for host in "abcdefgh":
        pace.turn(host, halt)
    assert clock.now() == began
    pace.turn("a", halt)
    assert clock.now() == began + 1


# --- stopping --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["hang", "drip", "endless", "pause"])
def test_an_interrupt_ends_whatever_is_under_way(site: Site, fault: str) -> None:
    replies = {
        "hang": Reply(hang=True), "drip": Reply(drip=True), "endless": Reply(200, b"x" * 1000, endless=True),
        "pause": Reply(503, headers={"retry-after": "100"}),
    }  # fmt: skip
    site.pages = {"/": html("/a", "/b"), "/a": replies[fault], "/b": replies[fault]}
    source = real_time(site)
    ended: list[SynclineError] = []

    def read() -> None:
        try:
            read_all(source)
        except SynclineError as error:
            ended.append(error)

    thread = threading.Thread(target=read)
    thread.start()
    until(lambda: {"/a", "/b"} & set(site.paths()), "the crawl")
    source.interrupt()
    thread.join(60)
    assert [error.code for error in ended] == ["source.interrupted"]
    with pytest.raises(SourceUnavailable):
        read_all(source)


def test_an_interrupt_ends_a_fetch_and_a_resolver_that_hangs(site: Site) -> None:
    hanging, release = threading.Event(), threading.Event()

    def resolve(host: str, port: int, **_: object) -> Any:
        hanging.set()
        release.wait(60)
        raise OSError("too late")

    source = real_time(site, resolve)
    ended: list[SynclineError] = []

    def read() -> None:
        try:
            read_all(source)
        except SynclineError as error:
            ended.append(error)

    thread = threading.Thread(target=read)
    thread.start()
    assert hanging.wait(60)
    source.interrupt()
    thread.join(60)
    release.set()
    assert [error.code for error in ended] == ["source.interrupted"]


def test_waiting_for_a_turn_ends_when_it_is_asked_to() -> None:
    pace, halt = Pace(0.001, Times()), threading.Event()
    pace.turn("a", halt)
    threading.Timer(0.05, halt.set).start()
    with pytest.raises(Halted):
        pace.turn("a", halt)


def real_time(site: Site, resolve: Any = None) -> WebSource:
    from tests.sources.web.sites import resolver, settings

    return WebSource(settings(urls=[site.url("/", "here.test")]), resolve=resolve or resolver(), allow_private=True)
