"""Site maps: lists of pages, and lists of such lists, as XML or as text, packed or not.

Source: sitemaps.org, "Sitemaps XML format".
"""

from __future__ import annotations

import zlib
from typing import Any, Final, NamedTuple
from xml.parsers import expat

from syncline.sources.web.urls import joined

MAX_BYTES: Final = 50 << 20  # as the format has it, unpacked
MAX_DEPTH: Final = 3  # lists of lists of lists
_LISTS: Final = {"urlset": "url", "sitemapindex": "sitemap"}


class Unreadable(ValueError):
    """It is no site map. The text says why."""


class SiteMap(NamedTuple):
    """URLs in one spelling, each once, in the order of the file. `bad` counts entries that are no URL."""

    pages: tuple[str, ...]
    maps: tuple[str, ...]
    bad: int = 0


def read(url: str, body: bytes, *, keep_tracking: bool = False) -> SiteMap:
    """What the site map at `url` names. Raises Unreadable; half a site map is none."""
    if body.startswith(b"\x1f\x8b"):
        body = _unpacked(body)
    head = body[:200].lstrip(b"\xef\xbb\xbf \t\r\n")
    pages, maps = _xml(body) if head.startswith(b"<") else (_text(body), [])
    found = [_spelled(url, page, keep_tracking) for page in pages]
    further = [_spelled(url, page, True) for page in maps]
    bad = found.count(None) + further.count(None)
    return SiteMap(
        tuple(dict.fromkeys(page for page in found if page)), tuple(dict.fromkeys(m for m in further if m)), bad
    )


def _spelled(url: str, page: str, keep_tracking: bool) -> str | None:
    return joined(url, page, keep_tracking=keep_tracking) if "://" in page else None


def _unpacked(body: bytes) -> bytes:
    engine = zlib.decompressobj(31)
    try:
        plain = engine.decompress(body, MAX_BYTES + 1)
    except zlib.error:
        raise Unreadable("it is no gzip file") from None
    if len(plain) > MAX_BYTES:
        raise Unreadable(f"it unpacks to more than {MAX_BYTES} bytes")
    if not engine.eof:
        raise Unreadable("it breaks off")
    return plain


def _text(body: bytes) -> list[str]:
    lines = [line.strip() for line in body.decode("utf-8-sig", "replace").splitlines()]
    lines = [line for line in lines if line]
    if any(not line.startswith(("http://", "https://")) for line in lines):
        raise Unreadable("it is neither XML nor a list of URLs")
    return lines


def _xml(body: bytes) -> tuple[list[str], list[str]]:
    reader = _Reader()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.EntityDeclHandler = _no_entities
    try:
        parser.Parse(body, True)
    except expat.ExpatError as error:
        raise Unreadable(f"it is malformed in line {error.lineno}") from None
    if reader.root not in _LISTS:
        raise Unreadable("it is XML, and no site map")
    return (reader.found, []) if reader.root == "urlset" else ([], reader.found)


def _no_entities(*_: Any) -> None:
    raise Unreadable("it declares entities")


class _Reader:
    """Collects what stands in <loc> of each <url> or <sitemap>, and not in <loc> of anything else."""

    def __init__(self) -> None:
        self.root = ""
        self.found: list[str] = []
        self._path: list[str] = []
        self._text: list[str] = []

    def start(self, name: str, _: dict[str, str]) -> None:
        name = name.rpartition(" ")[2]
        if not self._path:
            self.root = name
        self._path.append(name)
        self._text = []

    def end(self, _: str) -> None:
        if self._path == [self.root, _LISTS.get(self.root, ""), "loc"]:
            self.found.append("".join(self._text).strip())
        self._path.pop()

    def text(self, data: str) -> None:
        if self._path[-1] == "loc":
            self._text.append(data)
