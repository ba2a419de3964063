"""Markdown: the text stays as it is; the title is the first heading or the front matter's, which is taken off.

Front matter is read as lines of `key: value`, `key: [a, b]` and lists of `- item`; anything deeper is passed over.
"""

from __future__ import annotations

from syncline.transforms.readers.dates import iso
from syncline.transforms.readers.reading import MAX_TITLE, MAX_VALUE, one_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

HEAD = 8192  # a first heading further down titles a chapter, not the document
FRONT = 65_536

_CLOSING = ("---", "...")
_NO_HEADING = ("#", ">", "-", "*", "|", "<")  # a line that begins so is not made a heading by what is under it
_KEYS = {
    "author": "author",
    "authors": "author",
    "date": "created",
    "created": "created",
    "updated": "modified",
    "modified": "modified",
    "lastmod": "modified",
    "last_updated": "modified",
    "tags": "tags",
    "keywords": "tags",
    "description": "description",
    "summary": "description",
    "lang": "language",
    "language": "language",
}


def read(text: str) -> tuple[str, str, dict[str, Any] | None]:
    """(text without its front matter, title, metadata or None)."""
    if text.startswith("---"):
        fields, text = front_matter(text)
        if fields:
            title = fields.pop("title", "")
            return text, one_line(str(title), MAX_TITLE) or heading(text), _metadata(fields)
    return text, heading(text), None


def heading(text: str) -> str:
    """The first heading, "# Like this" or underlined, outside of code blocks; "" if there is none near the start."""
    if text.startswith("# "):
        end = text.find("\n")
        if title := plain(text[2:end] if end >= 0 else text[2:]):
            return title
    head = text[:HEAD]
    if "#" not in head and "\n==" not in head and "\n--" not in head:
        return ""
    before = fence = ""
    at = 0
    while at < len(head):
        end = head.find("\n", at) + 1 or len(head)
        line = head[at:end]
        bare = line.strip()
        at = end
        if bare.startswith(("```", "~~~")):
            fence = "" if fence == bare[:3] else fence or bare[:3]
        elif not fence and line[:4].strip():
            if bare[0] == "#":
                title = bare.lstrip("#")
                if title[:1] in " \t" and len(bare) - len(title) <= 6 and (title := plain(title)):
                    return title
            elif before and len(bare) > 2 and not (bare.strip("=") and bare.strip("-")):
                return plain(before)
        before = "" if fence or bare.startswith(_NO_HEADING) else bare
    return ""


def plain(title: str) -> str:
    """A heading's words without closing hashes and the marks of links, code and emphasis."""
    title = title[: 2 * MAX_TITLE].strip().rstrip("#").rstrip()
    if "[" in title or "`" in title or "*" in title:
        import re

        title = re.sub(r"!?\[([^\[\]]*)\](\([^()]*\)|\[[^\[\]]*\])?", r"\1", title)
        title = re.sub(r"(`+|\*\*|\*)(.+?)\1", r"\2", title)
    return one_line(title, MAX_TITLE)


def front_matter(text: str) -> tuple[dict[str, str | list[str]], str]:
    """(fields, the text behind them); no fields and the whole text when it does not begin with front matter."""
    start = text.find("\n") + 1
    if not start or text[:start].rstrip() != "---":
        return {}, text
    end = start - 1
    while (end := text.find("\n", end, FRONT)) >= 0:
        end += 1
        if text.startswith(_CLOSING, end):
            after = text.find("\n", end) + 1 or len(text)
            if text[end:after].rstrip() in _CLOSING:
                fields = _fields(text[start:end].split("\n"))
                return (fields, text[after:].lstrip("\r\n")) if fields else ({}, text)
    return {}, text


def _fields(lines: list[str]) -> dict[str, str | list[str]]:
    fields: dict[str, str | list[str]] = {}
    key = ""
    for line in lines:
        bare = line.strip()
        if bare.startswith("- ") and key:
            held = fields.get(key)
            fields[key] = [*(held if isinstance(held, list) else []), _unquote(bare[2:])]
        elif line[:1].isspace() or bare.startswith(("#", "-")) or ":" not in bare:
            continue
        else:
            name, _, value = bare.partition(":")
            if value and not value[0].isspace():
                continue
            key = name.strip().lower()
            fields[key] = _value(value.strip())
    return {name: value for name, value in fields.items() if value not in ("|", ">", "|-", ">-")}


def _value(value: str) -> str | list[str]:
    if value.startswith("[") and value.endswith("]"):
        return [item for part in value[1:-1].split(",") if (item := _unquote(part))]
    return _unquote(value)


def _unquote(value: str) -> str:
    value = value.strip()
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        return value[1:-1]
    return value.partition(" #")[0].rstrip()


def _metadata(fields: dict[str, str | list[str]]) -> dict[str, Any]:
    metadata: dict[str, Any] = {}
    for name, value in fields.items():
        key = _KEYS.get(name)
        if not key or not value or key in metadata:
            continue
        if key == "tags":
            items = value if isinstance(value, list) else value.split(",")
            metadata[key] = [tag for item in items if (tag := one_line(item, MAX_VALUE))]
        else:
            line = one_line(", ".join(value) if isinstance(value, list) else value, MAX_VALUE)
            found = iso(line) if key in ("created", "modified") else line
            if found:
                metadata[key] = found
    return metadata
