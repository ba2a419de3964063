"""What is found by following links, what is taken, and what is asked for again."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from email.utils import formatdate
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.sources.web.sites import Asked, Reply, Site, VirtualTime, html, resolver, tagged, web

from syncline.model.documents import Document
from syncline.model.errors import CredentialsInvalid, SourceUnavailable, SynclineError
from syncline.sources.web import pages
from syncline.sources.web.urls import Scope, joined, matcher, normalised
from syncline.testing.reading import Reading, answers_of, read_all, with_body
from syncline.transforms.extract import Extract


def crawl(site: Site, memory: Any = None, **given: Any) -> Reading:
    given = {"urls": [site.url()], **given}
    return read_all(web(site.clock, **given), memory=memory)


def paths(site: Site, reading: Reading) -> list[str]:
    return sorted(id.removeprefix(site.url("")) for id in reading.ids())


def rules(site: Site, reading: Reading) -> dict[str, str]:
    return {item.id.removeprefix(site.url("")): item.code for item in reading.skipped()}


def bodies(site: Site, **given: Any) -> dict[str, Document]:
    source = web(site.clock, **{"urls": [site.url()], **given})
    answers = answers_of(source, read_all(source).entries())
    return {a.id.removeprefix(site.url("")): with_body(a) for a in answers if isinstance(a, Document)}


# --- links -----------------------------------------------------------------------------------------------------------


def test_links_are_followed_as_a_browser_reads_them(site: Site) -> None:
    site.pages = {
        "/": html("b/", "/c?x=1#top", "./d/../e", "//127.0.0.1:1/other", "mailto:a@b.c", "javascript:x()", "http://["),
        "/b/": html(head='<base href="/base/">') + '<area href="f"><iframe src="g"></iframe><a>none</a><a href>x</a>',
        "/c?x=1": "<a href=/h>unclosed <p><b><a href='/i\n'>broken <table><a href=/j>",
        "/e": html(head='<meta http-equiv="Refresh" content="3; url=\'/k\'">'),
        **dict.fromkeys(("/base/f", "/base/g", "/h", "/i", "/j", "/k", "/base/"), html(text="end")),
    }
    expected = ["/", "/b/", "/base/", "/base/f", "/base/g", "/c?x=1", "/e", "/h", "/i", "/j", "/k"]
    assert paths(site, crawl(site)) == expected


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("HTTP://Example.COM:80/a/./b/../c?q#f", "http://example.com/a/c?q"),
        ("https://example.com:443", "https://example.com/"),
        ("https://bücher.example/ü?ü=ö", "https://xn--bcher-kva.example/%C3%BC?%C3%BC=%C3%B6"),
        ("https://e.com/%7euser/%c3%bc%2F%41 b", "https://e.com/~user/%C3%BC%2FA%20b"),
        ("https://e.com/?utm_source=x&a=1&gclid=2", "https://e.com/?a=1"),
        ("https://e.com/100%", "https://e.com/100%25"),
        ("https://e.com/a/..", "https://e.com/"),
        ("https://e.com/../../a//b", "https://e.com/a//b"),
        ("https://e.com:8443/a?", "https://e.com:8443/a"),
        ("ftp://e.com/", None),
        ("https://user:pw@e.com/", None),
        ("https://e.com/" + "a" * 2048, None),
        ("https://2130706433/", None),
    ],
)
def test_a_url_has_one_spelling(written: str, plain: str | None) -> None:
    assert normalised(written) == plain
    if plain is not None:
        assert normalised(plain) == plain


@given(st.text(st.sampled_from("/.%2Fa?&=#:@[]üß \t\\-;é"), max_size=30))
@example(";")
@example("/a/;")
@example("../;a;?;")
def test_spelling_a_url_again_changes_nothing(text: str) -> None:
    once = joined("https://example.com/a/b", text)
    if once is not None:
        assert normalised(once) == once
        assert once.isascii()
        assert joined("https://other.example/", once) == once


def test_the_scope_ends_at_the_host_or_its_subdomains_or_where_patterns_say() -> None:
    def inside(mode: str, *urls: str, **given: Any) -> list[str]:
        scope = Scope(mode, ["https://www.example.com/docs/"], **given)
        return [url for url in urls if scope.keeps_out(url) is None]

    urls = [
        "https://www.example.com/x", "http://www.example.com/x", "https://example.com/x", "https://a.example.com/x",
        "https://www.example.com:8443/x", "https://badexample.com/x", "https://example.com.evil.test/x",
    ]  # fmt: skip
    assert inside("host", *urls) == urls[:2]
    assert inside("subdomains", *urls) == [urls[0], urls[1], urls[3]]
    assert inside("any", *urls, include=["https://*example.com/*"]) == [urls[0], urls[2], urls[3], urls[5]]
    assert inside("host", *urls, exclude=["/x"]) == []
    assert inside("host", "https://www.example.com/docs/", exclude=["*"]) == ["https://www.example.com/docs/"]


@pytest.mark.parametrize(
    ("pattern", "url", "matches"),
    [
        ("https://e.com/docs/", "https://e.com/docs/a", True),
        ("/docs/", "https://e.com/docs/a", True),
        ("/docs/", "https://e.com/a/docs/", False),
        ("*/docs/*.pdf", "https://e.com/docs/a.pdf", True),
        ("*/docs/*.pdf", "https://e.com/docs/a.pdf?x", False),
        ("/a*b*c", "https://e.com/abc", True),
        ("/a*b*c", "https://e.com/acb", False),
        ("/*?page=*", "https://e.com/list?page=2", True),
        (r"regex:https://e\.com/\d+", "https://e.com/12", True),
        (r"regex:https://e\.com/\d+", "https://e.com/12/x", False),
    ],
)
def test_patterns(pattern: str, url: str, matches: bool) -> None:
    assert bool(matcher(pattern)(url)) is matches


def test_a_page_is_as_deep_as_its_shortest_way_and_depth_ends_the_crawl(site: Site) -> None:
    site.pages = {"/": html("/1", "/2"), "/1": html("/2", "/3"), "/2": html("/3"), "/3": html("/4"), "/4": html()}
    assert {path: d.metadata["depth"] for path, d in bodies(site, max_depth=2).items()} == {
        "/": 0, "/1": 1, "/2": 1, "/3": 2,
    }  # fmt: skip
    reading = crawl(site, max_depth=2)
    assert reading.completes()
    assert not reading.unlisted()
    assert "1 more pages" in str([item for item in reading.news if type(item).__name__ == "Note"])


def test_a_page_of_ten_thousand_links_is_read_whole(site: Site) -> None:
    links = [f"/p{n}" for n in range(10_000)]
    site.pages = {"/": html(*links)}
    site.fault = lambda asked: Reply(200, "<p>x") if asked.path.startswith("/p") else None
    found = pages.read(site.url(), html(*links).encode(), {"content-type": "text/html"}, pages.Wishes("x", 10_000))
    assert len(found.links) == 10_000
    assert not found.cut
    reading = crawl(site, max_pages=101)
    assert len(reading.ids()) == 101
    assert [part.error.code for part in reading.unlisted()] == ["source.page_limit"]


# --- what a page says of itself --------------------------------------------------------------------------------------


def test_robots_txt_noindex_and_nofollow_are_obeyed_and_say_so(site: Site) -> None:
    site.pages = {
        "/robots.txt": "User-agent: *\nAllow: /\nUser-agent: syncline\nDisallow: /private\nDisallow: /*.cgi$\n",
        "/": html("/private/a", "/x.cgi", "/noindex", "/none", "/tagged", "/ours") + '<a rel="nofollow x" href="/not">',
        "/noindex": html("/behind", head='<meta name="ROBOTS" content="NoIndex, follow">'),
        "/none": html("/never1", head="<meta name=robots content=none>"),
        "/tagged": lambda a: tagged(
            a, html("/never2"), {"x-robots-tag": "otherbot: noindex, syncline: noindex, nofollow"}
        ),
        "/ours": html("/never3", head='<meta name="syncline" content="nofollow">'),
        "/behind": html(text="behind"),
        **dict.fromkeys(("/not", "/never1", "/never2", "/never3", "/private/a", "/x.cgi"), html(text="forbidden")),
    }
    reading = crawl(site)
    assert paths(site, reading) == ["/", "/behind", "/ours"]
    assert rules(site, reading) == {
        "/private/a": "filtered.robots", "/x.cgi": "filtered.robots", "/noindex": "filtered.noindex",
        "/none": "filtered.noindex", "/tagged": "filtered.noindex",
    }  # fmt: skip
    again = crawl(site, reading.completes()[0].memory)
    assert (paths(site, again), rules(site, again)) == (paths(site, reading), rules(site, reading))
    assert "/private/a" not in site.paths()
    disobedient = paths(site, crawl(site, robots=False))
    assert {"/private/a", "/noindex", "/never1", "/not"} <= set(disobedient)


@pytest.mark.parametrize(
    ("reply", "reads"),
    [
        (Reply(404), True), (Reply(403), True), (Reply(401), True), (Reply(410), True),
        (Reply(500), False), (Reply(503), False), (Reply(429, headers={"retry-after": "9999"}), False),
        (Reply(200, b"\xff\xfe\x00garbage\x00" * 100, {"content-type": "image/png"}), True),
        (Reply(200, "User-agent: *\nDisallow:"), True),
        (Reply(200, "User-agent: *\r\nDisallow: /"), False),
        (Reply(200, "\ufeffUSER-AGENT: *\nDISALLOW: /"), False),
        (Reply(200, "User-agent: *\nAllow: /\n" + "Disallow: /x\n" * 100_000), True),
        (Reply(200, "User-agent: *\nDisallow: /" + "*a" * 1000 + "$"), True),
        (Reply(302, headers={"location": "/rules"}), False),
        (Reply(302, headers={"location": "/robots.txt"}), True),
        (Reply(302), True),
        (Reply(raw=b"HTTP/1.1 nonsense\r\n\r\n"), False),
    ],
)  # fmt: skip
def test_variants_of_robots_txt(site: Site, reply: Reply, reads: bool) -> None:
    site.pages = {"/": html(), "/robots.txt": reply, "/rules": "User-agent: *\nDisallow: /\n"}
    if reads:
        assert paths(site, crawl(site)) == ["/"]
    else:
        with pytest.raises(SourceUnavailable, match="robots"):
            crawl(site)
        assert "/" not in site.paths()


def test_a_canonical_address_is_taken_instead_of_those_that_name_it(site: Site) -> None:
    def named(path: str) -> str:
        return html(text="same", head=f'<link rel="canonical" href="{path}">')

    site.pages = {
        "/": html("/a?s=1", "/a?s=2", "/gone1", "/x", "/off", "/header", "/chain"),
        "/a?s=1": named("/a"), "/a?s=2": named("/a"), "/a": named("/a"),
        "/gone1": named("/missing"), "/x": named("/y"), "/y": named("/x"), "/off": named("https://elsewhere.example/"),
        "/header": lambda asked: tagged(asked, html(text="h"), {"link": '</a>; rel="canonical"'}),
        "/chain": named("/a?s=1"),
    }  # fmt: skip
    reading = crawl(site)
    assert paths(site, reading) == ["/", "/a", "/gone1", "/off", "/x"]
    duplicates = {path for path, code in rules(site, reading).items() if code == "filtered.duplicate"}
    assert duplicates == {"/a?s=1", "/a?s=2", "/header", "/y", "/chain"}
    again = crawl(site, reading.completes()[0].memory)
    assert again.versions() == reading.versions()
    assert again.skipped() == reading.skipped()
    assert "/a?s=1" in paths(site, crawl(site, canonical=False))


def test_the_same_content_under_many_tracking_links_is_read_once(site: Site) -> None:
    site.pages = {"/": html(*(f"/a?utm_source=s{n}&id=1&fbclid={n}" for n in range(50))), "/a?id=1": html(text="a")}
    assert paths(site, crawl(site)) == ["/", "/a?id=1"]
    assert len(site.paths()) == 2


def test_languages_and_media_types_can_be_chosen(site: Site) -> None:
    site.pages = {
        "/": html("/de", "/at", "/en", "/x.png", "/x.pdf", "/x.bin", "/sniffed"),
        "/de": "<html lang=de>Hallo", "/at": "<html lang=de-AT>Servus",
        "/en": Reply(200, html(text="hello"), {"content-language": "en"}),
        "/x.png": Reply(200, b"\x89PNG", {"content-type": "image/png"}),
        "/x.pdf": Reply(200, b"%PDF-1.4", {"content-type": "application/pdf"}),
        "/x.bin": Reply(200, b"\0", {"content-type": "application/octet-stream"}),
        "/sniffed": Reply(200, html(text="no type"), {"content-type": ""}),
    }  # fmt: skip
    reading = crawl(site, languages=["de"])
    assert paths(site, reading) == ["/", "/at", "/de", "/sniffed", "/x.pdf"]
    assert rules(site, reading) == {
        "/en": "filtered.language", "/x.png": "filtered.media_type", "/x.bin": "filtered.media_type"
    }  # fmt: skip
    documents = bodies(site)
    assert documents["/at"].metadata["language"] == "de-AT"
    assert documents["/en"].metadata["language"] == "en"
    assert documents["/x.pdf"].media_type == "application/pdf"


CHARSETS = [
    ("Größe 漢字", "utf-8", "text/html; charset=utf-8", ""),
    ("Größe", "iso-8859-1", "text/html; charset=iso-8859-1", ""),
    ("Größe €", "cp1252", "text/html; charset=iso-8859-1", ""),
    ("Größe", "iso-8859-1", "text/html", '<meta charset="iso-8859-1">'),
    (
        "こんにちは世界",
        "shift_jis",
        "text/html",
        '<meta http-equiv="Content-Type" content="text/html;charset=Shift_JIS">',
    ),
    ("こんにちは世界", "euc_jp", "text/html; charset=EUC-JP", ""),
    ("Привет мир", "koi8-r", "text/html;charset=koi8-r", ""),
    ("Привет мир", "windows-1251", 'text/html; charset="windows-1251"', ""),
    ("你好世界", "gb18030", "text/html", "<meta charset=gb18030>"),
    ("Größe", "utf-16", "text/html; charset=utf-16", ""),
    ("Größe", "utf-8-sig", "text/html", ""),
]


@pytest.mark.parametrize(("text", "charset", "content_type", "head"), CHARSETS)
def test_pages_in_any_charset_are_read_and_their_links_followed(
    site: Site, text: str, charset: str, content_type: str, head: str
) -> None:
    page = html("/next", text=text, head=head).encode(charset)
    site.pages = {"/": Reply(200, page, {"content-type": content_type}), "/next": html()}
    documents = bodies(site)
    assert set(documents) == {"/", "/next"}
    (extracted,) = Extract(workers=1).apply([documents["/"]])
    assert isinstance(extracted, Document)
    assert text in (extracted.text or "")


@pytest.mark.parametrize("charset", ["idna", "punycode", "hex", "rot13", "no-such", "undefined", "utf-16", "x" * 500])
def test_a_strange_charset_harms_nobody(site: Site, charset: str) -> None:
    site.pages = {
        "/": Reply(
            200, html("/next", head=f"<meta charset={charset}>"), {"content-type": f"text/html; charset={charset}"}
        ),
        "/next": html(),
    }
    assert "/" in paths(site, crawl(site))


# --- redirects -------------------------------------------------------------------------------------------------------


def moved(to: str, status: int = 301) -> Reply:
    return Reply(status, headers={"location": to})


def test_redirects_are_followed_to_the_page_that_is_the_document(site: Site) -> None:
    site.pages = {
        "/": html("/1", "/loop", "/self", "/off", "/nowhere", "/long0"),
        "/1": moved("/2", 302), "/2": moved("/3", 308), "/3": html(text="end"),
        "/loop": moved("/pool"), "/pool": moved("/loop"), "/self": moved("/self"),
        "/off": moved("https://elsewhere.example/"), "/nowhere": moved("http://["),
        **{f"/long{n}": moved(f"/long{n + 1}") for n in range(30)},
    }  # fmt: skip
    source = web(site.clock, urls=[site.url()])
    reading = read_all(source)
    answers = {a.id.removeprefix(site.url("")): type(a).__name__ for a in answers_of(source, reading.entries())}
    assert {path for path, kind in answers.items() if kind == "Document"} == {"/", "/3"}
    assert {path for path, kind in answers.items() if kind == "Refused"} == {
        "/loop", "/pool", "/self", "/nowhere", "/long10"
    }  # fmt: skip
    found = rules(site, reading)
    assert (found["/1"], found["/2"], found["/off"]) == ("filtered.redirect",) * 3
    assert len([path for path in site.paths() if path.startswith("/long")]) <= 12


def test_a_seed_may_move_to_www_and_nowhere_else(site: Site) -> None:
    there = site.url("/", "www.example.test")
    site.pages = {
        "/": lambda asked: tagged(asked, html("/a")) if "www" in asked.host else moved(there),
        "/a": html(text="a"),
    }
    reading = crawl(site, urls=[site.url("/", "example.test")])
    assert sorted(reading.ids()) == [there, site.url("/a", "www.example.test")]
    site.pages["/"] = moved(site.url("/", "other.test"))
    with pytest.raises(SourceUnavailable, match="redirects to"):
        crawl(site, urls=[site.url("/", "example.test")])


# --- only what has changed -------------------------------------------------------------------------------------------


def test_an_unchanged_page_costs_an_answer_without_a_body_and_still_gives_its_links(site: Site) -> None:
    site.pages = {"/": html("/a", "/b"), "/a": html("/c"), "/b": html(text="b"), "/c": html(text="c")}
    first = crawl(site)
    site.forget()
    second = crawl(site, first.completes()[0].memory)
    assert site.statuses() == {304: 4}
    assert second.versions() == first.versions()
    assert second.completes()[0].memory == first.completes()[0].memory


def test_of_a_thousand_pages_one_percent_is_edited_and_only_these_are_read(
    site: Site, remark: Callable[[str], None]
) -> None:
    site.pages = {"/": html(*(f"/p{n}" for n in range(999)))}
    site.pages |= {f"/p{n}": html("/", text=f"page {n}") for n in range(999)}
    first = crawl(site)
    for n in range(0, 1000, 100):
        site.pages[f"/p{n}"] = html("/", text=f"page {n}, edited")
    site.forget()
    second = crawl(site, first.completes()[0].memory)
    changed = {id for id, version in second.versions().items() if first.versions()[id] != version}
    assert changed == {site.url(f"/p{n}") for n in range(0, 1000, 100)}
    assert site.statuses() == {304: 990, 200: 10}
    remark("web source: 1,000 pages, 1 % edited: 10 read, 990 answered 304")


def test_times_of_change_serve_where_there_are_no_tags_once_they_have_settled(site: Site, clock: VirtualTime) -> None:
    changed = {"at": clock.now() - 1000}

    def dated(asked: Asked) -> Reply:
        date = formatdate(changed["at"], usegmt=True)
        if asked.headers.get("if-modified-since") == date:
            return Reply(304)
        return Reply(200, html(text=f"as of {changed['at']}"), {"last-modified": date})

    site.pages = {"/": dated}
    first = crawl(site)
    assert bodies(site)["/"].metadata["modified"] == "2023-11-14T21:56:40+00:00"
    site.forget()
    second = crawl(site, first.completes()[0].memory)
    assert site.statuses() == {304: 1}
    changed["at"] = clock.now()
    third = crawl(site, second.completes()[0].memory)
    assert third.versions() != second.versions()
    site.forget()
    clock.advance(100)
    crawl(site, third.completes()[0].memory)
    assert site.statuses() == {200: 1}, "it was read in the second of its change, so that time proves nothing"


def test_a_page_whose_distance_changes_is_read_again(site: Site) -> None:
    site.pages = {"/": html("/a"), "/a": html("/b"), "/b": html(text="b")}
    source = web(site.clock, urls=[site.url()])
    first = read_all(source)
    site.pages["/"] = html("/a", "/b")
    second = read_all(source, memory=first.completes()[0].memory)
    assert first.versions()[site.url("/b")] != second.versions()[site.url("/b")]
    entry = next(e for e in second.entries() if e.id == site.url("/b"))
    (document,) = answers_of(source, [entry])
    assert (document.metadata["depth"], document.version) == (1, entry.version)


def test_other_settings_and_damaged_memory_lead_to_a_full_reading(site: Site) -> None:
    site.pages = {"/": html("/a"), "/a": html(text="a")}
    memory = dict(crawl(site).completes()[0].memory or {})
    for more, kept in (
        ({"exclude": ["/x"]}, memory),
        ({}, {**memory, "pages": memory["pages"][:-7]}),
        ({}, {**memory, "pages": 7}),
        ({}, {"format": 99}),
        ({}, {**memory, "settings": None}),
    ):
        site.forget()
        assert paths(site, crawl(site, kept, **more)) == ["/", "/a"]
        assert site.statuses() == {200: 2}


# --- site maps -------------------------------------------------------------------------------------------------------


def test_site_maps_of_every_form_are_read(site: Site) -> None:
    def urls(*found: str) -> str:
        return "".join(f"<url><loc> {site.url(path)} </loc><priority>1</priority></url>" for path in found)

    space = (
        'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" xmlns:i="http://www.google.com/schemas/sitemap-image/1.1"'
    )
    site.pages = {
        "/index": f"<?xml version='1.0'?><sitemapindex {space}><sitemap><loc>{site.url('/m1')}</loc></sitemap>"
        f"<sitemap><loc>{site.url('/m2.gz')}</loc></sitemap></sitemapindex>",
        "/m1": f"<urlset {space}>{urls('/a', '/b&amp;c', '/a')}<url><i:image>"
        f"<i:loc>{site.url('/img')}</i:loc></i:image><loc>{site.url('/d')}</loc></url><url><loc>https://elsewhere.example/</loc></url></urlset>",
        "/m2.gz": Reply(
            200, gzip.compress(f"<urlset>{urls('/e')}</urlset>".encode()), {"content-type": "application/gzip"}
        ),
        "/text": Reply(200, f"{site.url('/f')}\n\n{site.url('/g')}\n", {"content-type": "text/plain"}),
        **dict.fromkeys(("/a", "/b&c", "/d", "/e", "/f", "/g"), html("/linked")),
        "/linked": html(text="linked"),
    }
    given = {"urls": [], "sitemaps": [site.url("/index"), site.url("/text")]}
    assert paths(site, crawl(site, max_depth=0, **given)) == ["/a", "/b&c", "/d", "/e", "/f", "/g"]
    assert "/linked" in paths(site, crawl(site, **given))


def test_site_maps_without_end_come_to_one(site: Site) -> None:
    def endless(asked: Asked) -> Reply:
        number = int(asked.path.rpartition("/")[2])
        if asked.path.startswith("/map/"):
            maps = "".join(f"<sitemap><loc>{site.url(f'/map/{number * 10 + n}')}</loc></sitemap>" for n in range(1, 9))
            return Reply(200, f"<sitemapindex>{maps}</sitemapindex>")
        urls = "".join(f"<url><loc>{site.url(f'/page/{n}')}</loc></url>" for n in range(500))
        return Reply(200, f"<urlset>{urls}</urlset>" if asked.path.startswith("/pages/") else html())

    site.fault = lambda asked: endless(asked) if asked.path[-1].isdigit() else None
    site.pages = {"/": html()}
    reading = crawl(site, sitemaps=[site.url("/map/1"), site.url("/pages/1")], max_pages=30)
    assert len(reading.ids()) == 30
    assert {part.error.code for part in reading.unlisted()} == {"source.seed_unreadable", "source.page_limit"}


@pytest.mark.parametrize(
    "body",
    [
        "<html><body>Not found</body></html>", "<urlset><url><loc>http://x/", "", "hello", "<a/>",
        '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><urlset><url><loc>&b;</loc></url></urlset>',
        gzip.compress(b"<urlset/>", mtime=0)[:-9], gzip.compress(b"\0" * (60 << 20), mtime=0),
    ],
)  # fmt: skip
def test_half_a_site_map_is_none(site: Site, body: bytes | str) -> None:
    site.pages = {"/m": Reply(200, body), "/": html()}
    if body == "":  # a list of no URLs
        assert crawl(site, urls=[], sitemaps=[site.url("/m")]).ids() == []
        return
    with pytest.raises(SourceUnavailable, match="which the connector's settings name"):
        crawl(site, urls=[], sitemaps=[site.url("/m")])
    beside = crawl(site, sitemaps=[site.url("/m")])
    assert paths(site, beside) == ["/"]
    assert [part.prefix for part in beside.unlisted()] == [""]


# --- who asks --------------------------------------------------------------------------------------------------------


def test_secrets_are_shown_to_the_hosts_of_the_settings_only(site: Site, make_site: Callable[[], Site]) -> None:
    other = make_site()
    other.pages = {"/": html()}
    site.pages = {"/": html(other.url("/", "other.test"), "/r"), "/r": moved(other.url("/", "other.test"))}
    crawl(
        site, urls=[site.url("/", "own.test")], scope="any", include=["*"], user="ann", password="hunter2",
        cookies="s=1", headers={"X-Token": "t0ken"}, user_agent="Finder/2",
    )  # fmt: skip
    own = [asked.headers for asked in site.asked]
    assert all(
        h["authorization"].startswith("Basic ") and h["cookie"] == "s=1" and h["x-token"] == "t0ken" for h in own
    )
    assert {h["user-agent"] for h in own} == {"Finder/2"}
    assert other.asked
    assert not [a for a in other.asked if {"authorization", "cookie", "x-token"} & a.headers.keys()]


def test_a_site_that_wants_a_password_says_so(site: Site) -> None:
    site.pages = {"/": Reply(401)}
    source = web(site.clock, urls=[site.url()], user="ann", password="hunter2")
    for attempt in (source.check, lambda: read_all(source)):
        with pytest.raises(CredentialsInvalid) as caught:
            attempt()
        assert "hunter2" not in str(caught.value.as_dict())


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "urls or sitemaps"), ({"urls": ["ftp://x/"]}, "not a URL"),
        ({"urls": ["http://a/"], "scope": "any"}, "include"),
        ({"urls": ["http://a/"], "include": ["regex:("]}, "regular expression"),
        ({"urls": ["http://a/"], "headers": {"Host": "x"}}, "cannot be set"),
        ({"urls": ["http://a/"], "headers": {"X": "a\r\nb"}}, "header"),
        ({"urls": ["http://a/"], "cookies": "a\nb"}, "cookies"), ({"urls": ["http://a/"], "password": "x"}, "user"),
        ({"urls": ["http://a/"], "proxy": "socks5://x"}, "proxy"),
        ({"urls": ["http://a/"], "user_agent": "a\nb"}, "agent"),
    ],
)  # fmt: skip
def test_settings_that_cannot_work_are_refused(clock: VirtualTime, given: dict[str, Any], words: str) -> None:
    with pytest.raises(SynclineError, match=words):
        web(clock, **given)


def test_a_proxy_is_asked_for_everything(site: Site, make_site: Callable[[], Site]) -> None:
    proxy = make_site()
    proxy.fault = lambda asked: Reply(200, html(text=asked.path)) if asked.path.startswith("http://") else None
    reading = crawl(site, urls=["http://far.test/a"], proxy=f"http://ann:pw@127.0.0.1:{proxy.port}", resolve=resolver())
    assert reading.ids() == ["http://far.test/a"]
    assert {a.path for a in proxy.asked} == {"http://far.test/a", "http://far.test/robots.txt"}
    assert all("proxy-authorization" in a.headers for a in proxy.asked)
