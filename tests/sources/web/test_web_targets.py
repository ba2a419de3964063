"""No page, redirect, site map or robots.txt leads the source to an address that must not be called.

Every vector goes through the real source and its real sockets. A connection to anywhere but the one site that stands
for the internet is recorded by a socket that does not connect.
"""

from __future__ import annotations

import gzip
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import pytest
from tests.outgoing.test_addresses import ADDRESSES, LOCAL_NAMES, METADATA_NAMES, SPELLINGS
from tests.sources.web.sites import Reply, Site, html, settings, web

from syncline.model.errors import SynclineError
from syncline.model.news import Skipped, Unlisted
from syncline.outgoing import addresses, transport
from syncline.sources.web.source import WebSource
from syncline.sources.web.urls import normalised
from syncline.testing.reading import answers_of, read_all

PUBLIC = "93.184.215.14"
INSIDE = [address for address, _ in ADDRESSES]
SECRET = "the secret of the inside"
PASSED: list[str] = []
TRIED: list[str] = []


@pytest.fixture
def world(site: Site, make_site: Callable[[], Site], monkeypatch: pytest.MonkeyPatch) -> Site:
    """`site` is the internet, at PUBLIC; every other address is the inside, where a secret lies. The sockets of this
    process go to the one or the other by the address they are told."""
    inside = make_site()
    inside.fault = lambda asked: Reply(200, SECRET, {"content-type": "text/plain"})
    connect = socket.socket.connect

    class Routed(socket.socket):
        def connect(self, address: Any) -> None:
            host = address[0]
            if host != PUBLIC:
                PASSED.append(f"{host} in {TRIED[-1]}")
            connect(self, ("127.0.0.1", site.port if host == PUBLIC else inside.port))

    monkeypatch.setattr(transport, "socket", _Replaced(Routed))
    return site


class _Replaced:
    """The socket module for one other module."""

    def __init__(self, kind: type[socket.socket]) -> None:
        self._kind = kind

    def __getattr__(self, name: str) -> Any:
        return getattr(socket, name)

    @property
    def socket(self) -> Any:
        kind = self._kind

        class Made(kind):  # type: ignore[misc, valid-type]
            def __init__(self, family: int = socket.AF_INET, type: int = socket.SOCK_STREAM, *rest: Any) -> None:
                super().__init__(socket.AF_INET, type, *rest)

        return Made


def names(**inside: str | Sequence[str]) -> Callable[..., Sequence[tuple[Any, ...]]]:
    """The resolver of the world: example.com is public, other names as given, the rest unknown."""

    def resolve(host: str, port: int, **_: object) -> Sequence[tuple[Any, ...]]:
        found = inside.get(host.replace(".", "_").replace("-", "__"), PUBLIC if host.endswith("example.com") else None)
        if found is None:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        many = [found] if isinstance(found, str) else found
        return [(socket.AF_INET6 if ":" in a else socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, port)) for a in many]

    return resolve


def everything(source: WebSource) -> str:
    """All that a listing and a fetch of it bring in, or the error that ended it."""
    try:
        reading = read_all(source)
        answers = answers_of(source, reading.entries())
    except SynclineError as error:
        return f"{error.message}"
    return repr(reading.entries()) + "".join(repr(getattr(answer, "content", "")) for answer in answers)


def proves_safe(source: WebSource, what: str) -> None:
    """The source calls nothing inside, and brings nothing from there."""
    TRIED.append(what)
    before = len(PASSED)
    assert SECRET not in everything(source)
    with suppress(SynclineError):
        source.check()
    assert PASSED[before:] == []


def guarded(world: Site, resolve: Any = None, **given: Any) -> WebSource:
    given = {"urls": ["http://example.com/"], **given}
    return web(world.clock, allow_private=False, resolve=resolve or names(), **given)


def literal(address: str) -> str:
    return f"http://[{address}]/" if ":" in address else f"http://{address}/"


ANY = {"scope": "any", "include": ["*"]}
URLS = [*(literal(address) for address in INSIDE), *SPELLINGS, *LOCAL_NAMES, *METADATA_NAMES]


@pytest.mark.parametrize("address", INSIDE)
def test_an_address_that_is_not_public_is_reached_by_no_way(world: Site, address: str) -> None:
    url, name = literal(address), "http://inner.test/"
    resolve = names(inner_test=address)
    for where in (url, name):
        proves_safe(guarded(world, resolve, urls=[where]), f"seed {where} for {address}")
        world.pages = {"/": html(where, where + "latest/meta-data/")}
        proves_safe(guarded(world, resolve, **ANY), f"link {where} for {address}")
        world.pages = {"/": html("/a"), "/a": Reply(302, headers={"location": where})}
        proves_safe(guarded(world, resolve, **ANY), f"redirect of a page to {where} for {address}")
        proves_safe(guarded(world, resolve), f"redirect out of the site to {where} for {address}")
        world.pages = {"/": Reply(301, headers={"location": where})}
        proves_safe(guarded(world, resolve, **ANY), f"redirect of a seed to {where} for {address}")
        world.pages = {"/": html(), "/robots.txt": Reply(301, headers={"location": where + "robots.txt"})}
        proves_safe(guarded(world, resolve), f"redirect of robots.txt to {where} for {address}")
        world.pages = {"/": html(head=f'<link rel=canonical href="{where}"><base href="{where}">'), "/m": _map(where)}
        proves_safe(guarded(world, resolve, sitemaps=["http://example.com/m"], **ANY), f"site map, canonical {where}")


@pytest.mark.parametrize("url", URLS)
def test_a_url_is_refused_however_it_is_written(world: Site, url: str) -> None:
    shown = url.replace("\r", "&#13;").replace("\n", "&#10;").replace("\x00", "&#0;").replace('"', "&quot;")
    world.pages = {"/": html(shown), "/m": _map(url)}
    proves_safe(guarded(world, sitemaps=["http://example.com/m"], **ANY), f"link {url!r}")
    if url.isascii() and url.isprintable():
        world.pages = {"/": html("/a"), "/a": Reply(302, headers={"location": url or "http:"})}
        proves_safe(guarded(world, **ANY), f"redirect {url!r}")
    if normalised(url):
        proves_safe(guarded(world, urls=[url]), f"seed {url!r}")


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "fd00:ec2::254", "0.0.0.0"])
def test_a_name_that_changes_between_look_and_call_gains_nothing(world: Site, address: str) -> None:
    asked: list[int] = []

    def rebinding(host: str, port: int, **_: object) -> Sequence[tuple[Any, ...]]:
        asked.append(1)
        turn = PUBLIC if len(asked) % 2 else address
        return [(socket.AF_INET6 if ":" in turn else socket.AF_INET, socket.SOCK_STREAM, 6, "", (turn, port))]

    def both(host: str, port: int, **_: object) -> Sequence[tuple[Any, ...]]:
        return names(example_com=[PUBLIC, address])(host, port)

    world.pages = {"/": html("/a", "/b"), "/a": html(text="a"), "/b": html(text="b")}
    world.fault = lambda asked: Reply(200, html("/a", "/b"), {"connection": "close"})
    proves_safe(guarded(world, rebinding), f"rebinding to {address}")
    proves_safe(guarded(world, both), f"public and {address}")
    assert asked


@pytest.mark.parametrize("address", ["169.254.169.254", "127.0.0.1", "10.1.2.3"])
def test_a_list_of_site_maps_leads_nowhere_inside(world: Site, address: str) -> None:
    url = literal(address)
    index = f"<sitemapindex><sitemap><loc>{url}sitemap.xml</loc></sitemap></sitemapindex>"
    world.pages = {"/": html(), "/m": index, "/n": Reply(200, gzip.compress(index.encode()))}
    maps = ["http://example.com/m", "http://example.com/n"]
    proves_safe(guarded(world, sitemaps=maps, **ANY), f"site map of {url}")
    world.pages["/m"] = Reply(302, headers={"location": url})
    proves_safe(guarded(world, sitemaps=maps[:1], **ANY), f"redirect of a site map to {url}")


def test_a_page_that_moves_inside_between_listing_and_fetching_is_not_read(world: Site) -> None:
    TRIED.append("fetch")
    world.pages = {"/": html("/a"), "/a": html(text="a")}
    source = guarded(world, spool_bytes=0)
    entries = read_all(source).entries()
    assert len(entries) == 2
    world.pages["/a"] = Reply(307, headers={"location": "http://169.254.169.254/"})
    before = len(PASSED)
    assert SECRET not in repr(answers_of(source, entries))
    assert PASSED[before:] == []


def test_a_proxy_inside_is_not_asked(world: Site) -> None:
    for proxy in ("http://127.0.0.1:3128", "http://10.0.0.1:3128", "http://inner.test:3128"):
        proves_safe(guarded(world, names(inner_test="10.0.0.1"), proxy=proxy), f"proxy {proxy}")
        proves_safe(guarded(world, proxy="http://proxy.example.com:3128", urls=["http://10.0.0.1/"]), "by proxy")


def test_the_world_does_answer_when_it_may_be_asked(world: Site) -> None:
    TRIED.append("the other way round")
    world.pages = {"/": html("http://inner.test/"), "/a": html(text="a")}
    resolve = names(inner_test="10.0.0.1")
    source = web(world.clock, allow_private=True, resolve=resolve, urls=["http://example.com/"], **ANY)
    before = len(PASSED)
    assert SECRET in everything(source)
    assert PASSED[before:] != []
    del PASSED[before:]


def test_a_refused_host_is_named_and_deletes_nothing(world: Site) -> None:
    TRIED.append("report")
    world.pages = {"/": html("http://inner.test/a")}
    reading = read_all(guarded(world, names(inner_test="10.0.0.1"), **ANY))
    codes = {part.prefix: part.error.code for part in reading.unlisted()}
    assert codes == {"": "source.links_unknown", "http://inner.test/": "target.refused"}
    assert not [item for item in reading.news if isinstance(item, Skipped)]
    assert any(isinstance(item, Unlisted) for item in reading.news)


def test_the_settings_allow_no_more_than_the_environment(monkeypatch: pytest.MonkeyPatch, site: Site) -> None:
    monkeypatch.delenv("SYNCLINE_ALLOW_PRIVATE_TARGETS", raising=False)
    with pytest.raises(SynclineError, match="SYNCLINE_ALLOW_PRIVATE_TARGETS"):
        settings(urls=[site.url()], allow_private=True)
    assert settings(urls=[site.url()]).allow_private is False
    monkeypatch.setenv("SYNCLINE_ALLOW_PRIVATE_TARGETS", "1")
    kept = settings(urls=[site.url()])
    assert kept.allow_private is True
    site.pages["/"] = html()
    WebSource(kept).check()
    monkeypatch.delenv("SYNCLINE_ALLOW_PRIVATE_TARGETS")
    with pytest.raises(addresses.TargetRefused):
        WebSource(kept).check()


def test_nothing_passed(remark: Callable[[str], None]) -> None:
    vectors = len(set(TRIED))
    remark(f"web source: {vectors} forbidden targets tried over real HTTP, {len(PASSED)} reached")
    assert PASSED == []


def _map(url: str) -> str:
    from xml.sax.saxutils import escape

    plain = "".join(char for char in url if char.isprintable())
    return f"<urlset><url><loc>{escape(plain)}</loc></url></urlset>"
