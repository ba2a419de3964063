"""What a page says to a crawler: its links, its canonical address, its language, and what it does not want.

body, headers ──▶ Found        links are absolute, in one spelling, each once, in the order of the page
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from syncline.sources.web import problems
from syncline.sources.web.urls import joined

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser

HTML: Final = frozenset({"text/html", "application/xhtml+xml"})
_META_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([A-Za-z0-9_:.+-]{1,40})", re.IGNORECASE)
_NO_CHARSETS: Final = frozenset(
    {"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem"}
)
_LATIN: Final = frozenset({"iso-8859-1", "latin-1", "latin1", "iso8859-1", "us-ascii", "ascii"})
_BOMS: Final = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_REFRESH = re.compile(r"^\s*\d*\.?\d*\s*[;,]\s*(?:url\s*=\s*)?[\"']?([^\"']+)", re.IGNORECASE)
_CANONICAL = re.compile(r"<([^<>]{1,2048})>\s*;\s*rel\s*=\s*\"?canonical\"?", re.IGNORECASE)
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8}){0,3}")


class Found(NamedTuple):
    """What was found. `cut`: there are more links than were taken. `canonical`, `language`: "" when not said."""

    links: tuple[str, ...] = ()
    cut: bool = False
    canonical: str = ""
    indexed: bool = True
    language: str = ""


class Wishes(NamedTuple):
    """How a page is to be read. `agent` is the name that robots rules use; "" obeys none."""

    agent: str
    max_links: int
    keep_tracking: bool = False


def media_type_of(headers: Mapping[str, str], body: bytes) -> str:
    """The media type, without parameters; told by the body where the server does not say."""
    said = headers.get("content-type", "").partition(";")[0].strip().lower()
    if said:
        return said
    head = body[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return "text/html" if head.startswith((b"<!doctype html", b"<html", b"<head", b"<body")) else ""


def read(url: str, body: bytes, headers: Mapping[str, str], wishes: Wishes) -> Found:
    """What the page at `url` says. Never raises for a strange page."""
    index, follow = _allowed(_header_rules(headers, wishes.agent)) if wishes.agent else (True, True)
    canonical = _header_canonical(url, headers, wishes)
    language = _language(headers.get("content-language", ""))
    if media_type_of(headers, body) not in HTML:
        return Found((), False, canonical, index, language)
    tree = parsed(decoded(body, headers.get("content-type", "")))
    if wishes.agent:
        also_index, also_follow = _allowed(_meta_rules(tree, wishes.agent))
        index, follow = index and also_index, follow and also_follow
    base = _base(tree, url)
    links, cut = _links(tree, base, wishes) if follow else ((), False)
    root = tree.css_first("html")
    language = _language((root.attributes.get("lang") or "") if root else "") or language
    return Found(links, cut, canonical or _canonical(tree, base, wishes), index, language)


def parsed(markup: str) -> LexborHTMLParser:
    """A tree. Raises ConfigInvalid when the parser is not installed."""
    try:
        from selectolax.lexbor import LexborHTMLParser
    except ImportError as error:
        raise problems.extra_missing("Reading web pages") from error
    return LexborHTMLParser(markup)


def decoded(body: bytes, content_type: str) -> str:
    """The markup, by byte order mark, header, meta tag, UTF-8 or Windows-1252, whichever speaks first."""
    for bom, name in _BOMS:
        if body.startswith(bom):
            return body.decode(name, "replace")
    declared = content_type.lower().partition("charset=")[2].partition(";")[0].strip(" \"'")
    found = _META_CHARSET.search(body[:2048])
    meta = found[1].decode("ascii").lower() if found else ""
    for name in (declared, "" if meta.startswith("utf-16") else meta):
        text = _as(name, body)
        if text is not None:
            return text
    try:
        return body.decode()
    except UnicodeDecodeError:
        return body.decode("cp1252", "replace")


def _as(name: str, body: bytes) -> str | None:
    name = "cp1252" if name in _LATIN else name
    if not name or name.replace("-", "_") in _NO_CHARSETS:
        return None
    try:
        return body.decode(name, "replace")
    except (LookupError, UnicodeError, ValueError):
        return None


# --- links -----------------------------------------------------------------------------------------------------------


def _links(tree: LexborHTMLParser, base: str, wishes: Wishes) -> tuple[tuple[str, ...], bool]:
    found: dict[str, None] = {}
    for link in _references(tree, obey=bool(wishes.agent)):
        url = joined(base, link, keep_tracking=wishes.keep_tracking)
        if url is not None and url not in found:
            if len(found) >= wishes.max_links:
                return tuple(found), True
            found[url] = None
    return tuple(found), False


def _references(tree: LexborHTMLParser, *, obey: bool) -> Iterator[str]:
    for node in tree.css("a[href], area[href], iframe[src], frame[src], link[rel=next][href], link[rel=prev][href]"):
        attributes = node.attributes
        if obey and "nofollow" in (attributes.get("rel") or "").lower().split():
            continue
        yield attributes.get("href") or attributes.get("src") or ""
    for node in tree.css("meta[http-equiv][content]"):
        if (node.attributes.get("http-equiv") or "").lower() == "refresh":
            to = _REFRESH.match(node.attributes.get("content") or "")
            if to:
                yield to[1]


def _base(tree: LexborHTMLParser, url: str) -> str:
    node: Any = tree.css_first("base[href]")
    found = joined(url, node.attributes.get("href") or "", keep_tracking=True) if node else None
    return found or url


def _canonical(tree: LexborHTMLParser, base: str, wishes: Wishes) -> str:
    for node in tree.css("link[rel][href]"):
        if "canonical" in (node.attributes.get("rel") or "").lower().split():
            return joined(base, node.attributes.get("href") or "", keep_tracking=wishes.keep_tracking) or ""
    return ""


def _header_canonical(url: str, headers: Mapping[str, str], wishes: Wishes) -> str:
    found = _CANONICAL.search(headers.get("link", "")[:8192])
    return (joined(url, found[1], keep_tracking=wishes.keep_tracking) or "") if found else ""


def _language(text: str) -> str:
    first = text.partition(",")[0].strip()
    return first if _LANGUAGE.fullmatch(first) else ""


# --- what it does not want -------------------------------------------------------------------------------------------


def _allowed(rules: Sequence[str]) -> tuple[bool, bool]:
    """(may be indexed, may be followed)."""
    none = "none" in rules
    return not (none or "noindex" in rules), not (none or "nofollow" in rules)


def _meta_rules(tree: LexborHTMLParser, agent: str) -> list[str]:
    rules: list[str] = []
    for node in tree.css("meta[name][content]"):
        if (node.attributes.get("name") or "").strip().lower() in ("robots", agent):
            rules += _words(node.attributes.get("content") or "")
    return rules


def _header_rules(headers: Mapping[str, str], agent: str) -> list[str]:
    """X-Robots-Tag: "noindex, nofollow", or "agent: noindex"; a name holds until the next one."""
    rules: list[str] = []
    whom = ""
    for part in headers.get("x-robots-tag", "").lower().split(","):
        name, colon, rest = part.partition(":")
        if colon and name.strip() not in ("unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"):
            whom, part = name.strip(), rest
        if whom in ("", agent):
            rules.append(part.strip())
    return rules


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.lower().split(",")]
