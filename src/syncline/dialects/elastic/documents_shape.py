"""A JSON object as a document of ours, and a document of ours as a JSON object.

    {"title": …, "body": …, "url": …, "author": {"name": …}, "_allow_access_control": […]}
        title, text (body first, then every other text), url, metadata author.name, allow

Every text of the object is part of the title or the text, so that whatever words are asked for anywhere, the text index
names the documents that may have them. Members whose names begin with "_" are told to nobody but who asks for them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import xxhash

from syncline.dialects.elastic.query_fields import Fields, Kind, leaves
from syncline.dialects.elastic.query_values import spelled
from syncline.model.documents import Document
from syncline.model.errors import DocumentRejected
from syncline.store.relational.hosted import Stored, Written
from syncline.store.relational.tables import dump

BODIES: Final = ("body", "content", "text", "body_content")  # the first of them that is a text is the main one
TITLES: Final = ("title", "name", "subject")
URLS: Final = ("url", "html_url", "link")
ALLOW: Final = "_allow_access_control"
MAX_ID_BYTES: Final = 512
_LONGEST_VALUE: Final = 1000  # characters of a text in the metadata
_MOST_KEYS: Final = 500
_LONGEST_TITLE: Final = 2000

Leaf = tuple[str, Any]  # dotted path, value


def check_id(id: str) -> str | None:
    """What is wrong with an id; None when a document may have it."""
    size = len(id.encode("utf-8", "replace"))
    if size > MAX_ID_BYTES:
        return f"id [{id[:100]}...] is too long, must be no longer than {MAX_ID_BYTES} bytes but was: {size}"
    if not id:
        return "if _id is specified it must not be empty"
    return "an id may not hold a NUL character" if "\0" in id else None


def shaped(fields: Fields, id: str, source: dict[str, Any]) -> Written:
    """See `syncline.service.hosting.Shape`."""
    main = next((name for name in BODIES if isinstance(source.get(name), str) and source[name]), "")
    title_at = next((name for name in TITLES if _is_title(source.get(name))), "")
    url_at = next((name for name in URLS if _is_url(source.get(name))), "")
    text = source[main] if main else ""
    found = list(leaves(source))
    more = list(_further_texts(fields, found, (main, title_at)))
    document = Document(
        id,
        text="\n".join((text, *more)) if more else text,
        title=source[title_at] if title_at else "",
        metadata=dict(_metadata(source, found, (main, title_at, url_at))),
        url=source[url_at] if url_at else "",
        allow=_principals(source.get(ALLOW)),
    )
    kept = dump({**source, main: None} if main else source)
    mark = xxhash.xxh3_128(f"{main}:{len(text)}:{text}{kept}".encode("utf-8", "surrogatepass")).digest()
    return Written(document, mark, kept, main, len(text))


def _is_title(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _LONGEST_TITLE


def _is_url(value: Any) -> bool:
    return isinstance(value, str) and value.startswith(("http://", "https://")) and len(value) <= _LONGEST_TITLE


def _further_texts(fields: Fields, found: Sequence[Leaf], said: tuple[str, str]) -> Iterator[str]:
    for path, value in found:
        if isinstance(value, str):
            if value and path not in said and not path.startswith("_"):
                yield value
        elif fields.resolve(path).kind is Kind.TEXT:
            yield spelled(value)


def _metadata(source: Mapping[str, Any], found: Sequence[Leaf], said: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    """What can be filtered by, flat."""
    kept: dict[str, list[Any]] = {}
    for path, value in found:
        if path in said or path == ALLOW or (isinstance(value, str) and len(value) > _LONGEST_VALUE):
            continue
        if path in kept:
            kept[path].append(value)
        elif len(kept) < _MOST_KEYS:
            kept[path] = [value]
    for path, values in kept.items():
        if len(values) == 1 and not isinstance(source.get(path), list):
            yield path, values[0]
        elif all(isinstance(value, str) for value in values):
            yield path, values
        else:
            yield path, [spelled(value) for value in values]


def _principals(said: Any) -> tuple[str, ...]:
    """Who may see it: none named means everybody, as in searches by that field."""
    given = said if isinstance(said, list) else [] if said is None else [said]
    if not all(isinstance(one, str) and one for one in given):
        raise DocumentRejected(f"[{ALLOW}] must be texts")
    return tuple(dict.fromkeys(given))


def source_of(stored: Stored) -> dict[str, Any]:
    """The object that a reader is given; that of a document which a connector of ours has brought is made of it."""
    if stored.source is not None:
        return stored.source
    made: dict[str, Any] = {"id": stored.id, "title": stored.title, "body": stored.text}
    if stored.url:
        made["url"] = stored.url
    if stored.media_type:
        made["media_type"] = stored.media_type
    for name, value in stored.metadata.items():
        made.setdefault(name, value)
    if "_timestamp" not in made:
        stamp = next((made[name] for name in ("modified_at", "updated_at", "modified") if name in made), None)
        if stamp is not None:
            made["_timestamp"] = stamp
    if stored.allow:
        made[ALLOW] = list(stored.allow)
    return made
