"""The laws of sources, held by the web source: by a site map, by links, and when nothing can be kept for later."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import ClassVar
from urllib.parse import quote

import pytest
from tests.sources.web.sites import Reply, Site, VirtualTime, html, web

from syncline.sources.web.source import WebSource
from syncline.testing.suites import SourceSuite


class SiteLab:
    """Documents are pages; a site map names them."""

    options: ClassVar[dict[str, object]] = {}

    def __init__(self, site: Site, other: Site) -> None:
        self.site = site
        self.other = other
        self.names: list[str] = []
        self._edits = 0
        self._tell()

    def open(self) -> WebSource:
        return web(self.site.clock, **self.start(), **self.options)

    def start(self) -> dict[str, object]:
        return {"sitemaps": [self.site.url("/sitemap.xml")]}

    def broken(self) -> WebSource:
        self.other.pages.clear()
        return web(self.site.clock, urls=[self.other.url()])

    def put(self, id_hint: str, content: str) -> str:
        path = "/" + quote(id_hint)
        if path not in self.names:
            self.names.append(path)
        self.site.pages[path] = html(text=content)
        self._tell()
        return self.site.url(path)

    def change(self, id: str) -> None:
        self._edits += 1
        self.site.pages[self._path(id)] = html(text=f"Edit {self._edits}.")

    def remove(self, id: str) -> None:
        del self.site.pages[self._path(id)]
        self.names.remove(self._path(id))
        self._tell()
        self.site.clock.advance(7200)

    def _path(self, id: str) -> str:
        return re.sub("^http://[^/]*", "", id)

    def _tell(self) -> None:
        urls = "".join(f"<url><loc>{self.site.url(path)}</loc></url>" for path in self.names)
        self.site.pages["/sitemap.xml"] = f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{urls}</urlset>'


class LinkLab(SiteLab):
    """Documents are pages; a front page that is none itself links to the first, and each to the next."""

    def start(self) -> dict[str, object]:
        return {"urls": [self.site.url()], "max_depth": 100}

    def _tell(self) -> None:
        links = list(self.names)
        self.site.pages["/"] = html(*links, head='<meta name="robots" content="noindex">')


class PlainLab(SiteLab):
    """No validators, and no room for bodies: everything is read in full, and again when it is fetched."""

    options: ClassVar[dict[str, object]] = {"spool_bytes": 0}

    def open(self) -> WebSource:
        self.site.fault = lambda asked: (
            Reply(200, page) if isinstance(page := self.site.pages.get(asked.path), str) else None
        )
        return super().open()


@pytest.fixture(params=[SiteLab, LinkLab, PlainLab])
def a_lab(request: pytest.FixtureRequest, make_site: Callable[[], Site], clock: VirtualTime) -> SiteLab:
    lab: SiteLab = request.param(make_site(), make_site())
    return lab


class TestWeb(SourceSuite):
    @pytest.fixture
    def lab(self, a_lab: SiteLab) -> SiteLab:
        return a_lab
