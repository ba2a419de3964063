"""File names and document ids, each from the other.

A file's name is bytes; a document's id is UTF-8. An id is the path from the root, with "/", taken letter by letter
except:

    a byte that is not UTF-8                            becomes %XX, upper-case hexadecimal, 80 to FF
    a "%" that would read as one of these, or as "%25"  becomes %25

So "50%.md", "a%20b" and "Übung.md" stay as they are, the bytes `a\\xff` are "a%FF", and a file that is really
called "a%FF" is "a%25FF". Two names never share an id, and `path_of` gives back the very bytes. Unicode is not
normalised: a composed and a decomposed "é" are two files here because they are two files there.
"""

from __future__ import annotations

import os
import re
import sys

UTF8 = sys.getfilesystemencoding().lower().replace("-", "") == "utf8"  # else names reach us in another decoding

_ODD = re.compile("[\udc80-\udcff]|%(?=25|[89A-F][0-9A-F])")
_ESCAPE = re.compile("%(25|[89A-F][0-9A-F])")


def text_of(name: str) -> str:
    """A name from the operating system as UTF-8 text, undecodable bytes as surrogates U+DC80 to U+DCFF."""
    return name if UTF8 else os.fsencode(name).decode("utf-8", "surrogateescape")


def name_of(text: str) -> str:
    """The reverse of `text_of`."""
    return text if UTF8 else os.fsdecode(text.encode("utf-8", "surrogateescape"))


def is_plain(text: str) -> bool:
    """True when `id_of` would change nothing in `text`: one name, or many with "/" between them."""
    if text.isascii() and "%" not in text:
        return True
    return _ODD.search(text) is None


def id_of(text: str) -> str:
    """The id of a path that `text_of` gave."""
    return _ODD.sub(_escape, text)


def path_of(id: str) -> str:
    """The path, as `text_of` gives it, of an id."""
    return _ESCAPE.sub(_unescape, id) if "%" in id else id


def _escape(found: re.Match[str]) -> str:
    return "%25" if found[0] == "%" else f"%{ord(found[0]) - 0xDC00:02X}"


def _unescape(found: re.Match[str]) -> str:
    return "%" if found[1] == "25" else chr(0xDC00 + int(found[1], 16))
