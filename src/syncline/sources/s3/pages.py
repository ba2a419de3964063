"""One page of a bucket listing, read and doubted.

A page is taken only when it is a whole, well-formed answer to what was asked: it says whether more follows and how to
go on, holds as many keys as it says, all under the prefix and in order, none at or before what came earlier.
Source: ListObjectsV2 in the S3 API reference.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import unquote_plus
from xml.etree import ElementTree

from syncline.sources.s3.objects import Found


class Damaged(Exception):
    """The page cannot be right. The text says why."""


class ListPage(NamedTuple):
    """`token` asks for the next page; "" on the last one. `odd` are keys that are no UTF-8, as they were written."""

    found: Sequence[Found]
    token: str
    odd: Sequence[str] = ()

    @property
    def is_empty(self) -> bool:
        """True when nothing is there, and nothing follows."""
        return not (self.found or self.token or self.odd)


def parse_page(content: bytes, prefix: str, after: str, token: str) -> ListPage:
    """The page that was asked for with `prefix` and `token`, all of whose keys come after `after`. Raises Damaged."""
    root = _parsed(content)
    echo = root.findtext("ContinuationToken")
    if token and echo and echo != token:
        raise Damaged("it answers another question")
    encoded = root.findtext("EncodingType") == "url"
    contents = root.findall("Contents")
    _count(root.findtext("KeyCount"), len(contents))
    found: list[Found] = []
    odd: list[str] = []
    for element in contents:
        raw = element.findtext("Key") or ""
        key = _key(raw, encoded)
        if key is None:
            odd.append(raw)
            continue
        _check_place(key, prefix, after)
        found.append(_found(key, element))
        after = key
    return ListPage(found, _next(root), odd)


def _parsed(content: bytes) -> ElementTree.Element:
    """The document without its namespace."""
    if b"<!DOCTYPE" in content[:1024]:
        raise Damaged("it is not a listing")
    content = content.replace(b' xmlns="http://s3.amazonaws.com/doc/2006-03-01/"', b"", 1)
    try:
        root = ElementTree.fromstring(content)  # noqa: S314
    except (ElementTree.ParseError, ValueError):
        raise Damaged("it is not well-formed" if content.strip() else "it is empty") from None
    for element in root.iter() if "}" in root.tag else ():
        element.tag = element.tag.rpartition("}")[2]
    if root.tag != "ListBucketResult":
        raise Damaged("it is not a listing")
    return root


def _count(said: str | None, held: int) -> None:
    if said is not None and said.strip() != str(held):
        raise Damaged(f"it says that it holds {said[:10]} keys, and holds {held}")


def _next(root: ElementTree.Element) -> str:
    truncated, token = root.findtext("IsTruncated"), root.findtext("NextContinuationToken") or ""
    if truncated == "false":
        return ""
    if truncated != "true":
        raise Damaged("it does not say whether more follows")
    if not token:
        raise Damaged("more follows, and it does not say how to go on")
    return token


def _key(raw: str, encoded: bool) -> str | None:
    try:
        return unquote_plus(raw, errors="strict") if encoded else raw
    except UnicodeDecodeError:
        return None


def _check_place(key: str, prefix: str, after: str) -> None:
    if not key:
        raise Damaged("it holds an object without a key")
    if not key.startswith(prefix):
        raise Damaged("it holds keys outside of the prefix")
    if key <= after:  # code points compare as their UTF-8 does
        raise Damaged("its keys come again, or out of order")


def _found(key: str, element: ElementTree.Element) -> Found:
    size = element.findtext("Size") or ""
    if not (size.isascii() and size.isdecimal()):
        raise Damaged("an object in it has no size")
    etag = (element.findtext("ETag") or "").strip().strip('"')
    return Found(key, int(size), etag, milliseconds(element.findtext("LastModified") or ""))


def milliseconds(text: str) -> int:
    """An ISO 8601 time as Unix milliseconds; 0 when it is none."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return 0
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def error_code(content: bytes) -> tuple[str, str]:
    """(Code, Region) of an error's answer; "" for what is not in it."""
    if b"<!DOCTYPE" in content[:1024]:
        return "", ""
    try:
        root = ElementTree.fromstring(content)  # noqa: S314
    except (ElementTree.ParseError, ValueError):
        return "", ""
    inner = {element.tag.rpartition("}")[2]: element.text or "" for element in root.iter()}
    return inner.get("Code", "").strip(), inner.get("Region", "").strip()
