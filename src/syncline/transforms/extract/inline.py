"""Formats that are text already are read in the job's own process: decode, look at the first lines, done.

Twenty thousand small files must cost little more than decoding them, so the common case (valid UTF-8, not too long)
comes first, and everything it does not need is imported by the cases that do.
"""

from __future__ import annotations

from contextlib import suppress
from typing import NamedTuple

from syncline.transforms.extract.answers import Extracted, Warnings, cut
from syncline.transforms.extract.limits import Limits
from syncline.transforms.extract.media import Form
from syncline.transforms.readers import markdown

LONG = 4 << 20  # bytes; longer text is decoded piece by piece
HEAD = 8192  # a NUL in these first bytes, and it is no text
MAX_JSON_HERE = 1 << 20  # bytes; larger JSON is parsed by a child process
MAX_JSON = 16 << 20  # bytes; larger JSON is not parsed at all

READERS = frozenset({"text", "guess", "markdown", "json", "lines"})


class _Decoded(NamedTuple):
    """`total` says how many characters there are in all when `text` is only the beginning; "" when it is all."""

    text: str
    total: str = ""
    warnings: Warnings = ()


def read(content: bytes, form: Form, declared: str, limits: Limits) -> Extracted | None:
    """The text of a document of a text format; None when the bytes are no text at all."""
    decoded = _decode(content, form, declared, limits)
    if decoded is None:
        return None
    text, total, warnings = decoded
    reader, limit = form.reader, limits.max_text_chars
    title, metadata = "", None
    if reader == "markdown":
        text, title, metadata = markdown.read(text)
    elif reader == "lines" or (reader == "json" and len(content) <= MAX_JSON_HERE):
        return _read_json(decoded, reader, limit)
    elif reader == "json":
        warnings = (*warnings, ("extract.plain", f"JSON of {len(content)} bytes is indexed as plain text"))
    elif form.media_type == "text/x-rst":
        title = markdown.heading(text)
    if total or len(text) > limit:
        warnings = (*warnings, cut(limit, total or str(len(text))))
        text = text[:limit]
    return Extracted(text, title, metadata, "", warnings)


def _decode(content: bytes, form: Form, declared: str, limits: Limits) -> _Decoded | None:
    if len(content) > LONG:
        return _decode_long(content, form, declared, limits)
    try:
        text = content.decode()
        if "\0" not in text and "\x1b" not in text and text[0] != "\ufeff":
            return _Decoded(text)
    except UnicodeDecodeError:
        pass
    from syncline.transforms.readers import charset

    text, encoding = charset.decode(content, declared)
    if not _is_text(text, encoding, form):
        return None
    return _Decoded(text.replace("\0", "\ufffd"), "", _doubts(text, encoding))


def _decode_long(content: bytes, form: Form, declared: str, limits: Limits) -> _Decoded | None:
    """The beginning of a text that is too long to be held twice."""
    from syncline.transforms.readers import charset

    room = limits.max_text_chars * (4 if form.reader == "lines" else 1)  # JSON shrinks when its marks are taken off
    text, total, encoding = charset.decode_long(content[: limits.max_content_bytes], room, declared)
    if not _is_text(text, encoding, form):
        return None
    said = str(total) if total > len(text) else ""
    if len(content) > limits.max_content_bytes:
        said = f"more than {total}"
    return _Decoded(text.replace("\0", "\ufffd"), said, _doubts(text, encoding))


def _is_text(text: str, encoding: str, form: Form) -> bool:
    """Text has no NUL near its start, and some encoding, unless somebody vouches for it being text."""
    return "\0" not in text[:HEAD] and bool(encoding or form.reader != "guess")


def _doubts(text: str, encoding: str) -> Warnings:
    strays = text.count("\ufffd")
    if not encoding:
        return (("extract.encoding", "in no encoding known here; read as Windows-1252"),)
    return (("extract.encoding", f"{strays} characters could not be decoded"),) if strays else ()


def _read_json(decoded: _Decoded, reader: str, limit: int) -> Extracted:
    from syncline.transforms.readers import json_text
    from syncline.transforms.readers.reading import Budget, Enough, Reading

    reading = Reading(limit, Budget(0, 0, 0))
    with suppress(Enough):
        (json_text.read_lines if reader == "lines" else json_text.read_json)(decoded.text, reading)
    text = reading.text()
    if reading.cut or decoded.total:
        reading.warn(*cut(limit, "" if reading.cut else decoded.total))
    return Extracted(text, reading.title, None, "", (*decoded.warnings, *reading.warnings))
