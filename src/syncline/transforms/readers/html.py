"""HTML: the visible text, one line for each block, without scripts, styles and navigation."""

from __future__ import annotations

import re

from selectolax.lexbor import LexborHTMLParser

from syncline.transforms.readers import charset
from syncline.transforms.readers.dates import iso

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from syncline.transforms.readers.reading import Reading

_DROPPED = (
    "script,style,noscript,template,svg,math annotation,iframe,object,select,button,nav,[role=navigation],[hidden]"
)
_BLOCKS = (
    "p|div|br|hr|h[1-6]|ul|ol|li|dl|dt|dd|table|caption|tr|pre|blockquote|address|article|aside|details|summary|fieldset|"
    "legend|figure|figcaption|footer|form|header|main|section"
)
_TAG = re.compile(rf"(</?(?:{_BLOCKS}|t[dh])(?=[\s/>]))", re.IGNORECASE | re.ASCII)
_BREAK = "\f"  # blank to HTML, so it may stand between any two tags without moving them
_SPACE = "\ufdd0"  # a blank that must stay

_FACTS = {
    "author": "author",
    "article:author": "author",
    "dc.creator": "author",
    "dcterms.creator": "author",
    "description": "description",
    "og:description": "description",
    "dc.description": "description",
    "date": "created",
    "dc.date": "created",
    "dcterms.created": "created",
    "article:published_time": "created",
    "article:modified_time": "modified",
    "dcterms.modified": "modified",
    "last-modified": "modified",
}


def read(content: bytes, reading: Reading) -> None:
    """Text, title and the usual meta tags."""
    tree = LexborHTMLParser(_break_lines(decode(content, reading.declared)))
    _read_head(tree, reading)
    if not reading.title and (heading := tree.css_first("body h1")):
        reading.entitle(heading.text())
    _add_body(tree, reading)


def add_markup(markup: str, reading: Reading) -> None:
    """Only the text, of HTML that is part of something else (a mail's body, a chapter of a book)."""
    _add_body(LexborHTMLParser(_break_lines(markup)), reading)


def decode(content: bytes, declared: str = "") -> str:
    """The markup, in the encoding that was declared for it or that it declares itself."""
    return charset.decode(content, declared or declared_encoding(content))[0]


def _add_body(tree: Any, reading: Reading) -> None:
    body = tree.body
    if body is None:
        return
    for node in tree.css(_DROPPED):
        node.decompose()
    for node in tree.css("pre"):
        node.replace_with(_BREAK.join(node.text().replace(" ", _SPACE).splitlines()))
    for block in body.text().split(_BREAK):
        line = " ".join(block.split())
        if line:
            reading.add(line.replace(_SPACE, " ").rstrip() + "\n")


def _break_lines(markup: str) -> str:
    """Put a break before every tag that begins or ends a block, and a blank before every cell. In scripts, comments
    and attributes they do no harm: those are not read."""
    parts = _TAG.split(markup.replace(_BREAK, " ").replace(_SPACE, " "))
    parts[1::2] = [(" " if tag[-2:].lower() in ("td", "th") else _BREAK) + tag for tag in parts[1::2]]
    return "".join(parts)


def declared_encoding(content: bytes) -> str:
    """What a meta tag near the start declares, "" when none does. UTF-16 is not believed: the tag could be read."""
    head = content[:2048].lower()
    value = head.partition(b"charset")[2].lstrip().removeprefix(b"=").lstrip(b" \"'")
    name = value[:40].translate(None, b"\0")
    end = next((i for i, byte in enumerate(name) if not (chr(byte).isalnum() or byte in b"-_:.")), len(name))
    found = name[:end].decode("ascii", "replace")
    return "" if found.startswith("utf-16") else {"iso-8859-1": "cp1252", "latin1": "cp1252"}.get(found, found)


def _read_head(tree: Any, reading: Reading) -> None:
    if title := tree.css_first("head > title") or tree.css_first("title"):
        reading.entitle(title.text())
    for meta in tree.css("meta"):
        attributes = meta.attributes
        name = (attributes.get("name") or attributes.get("property") or attributes.get("http-equiv") or "").lower()
        value = attributes.get("content") or ""
        if name == "og:title":
            reading.entitle(value)
        elif name == "keywords":
            reading.note("tags", value.split(","))
        elif key := _FACTS.get(name):
            reading.note(key, iso(value) if key in ("created", "modified") else value)
    if root := tree.css_first("html"):
        reading.note("language", root.attributes.get("lang"))
