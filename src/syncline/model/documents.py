"""The document and what we believe about it.

A *document* is the unit inserted, updated, deleted, kept or failed. Its id is chosen by the source and is
unique within one connector; two connectors of one index may use the same id without touching each other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from json.encoder import c_make_encoder, encode_basestring  # type: ignore[attr-defined]
from typing import Any, NamedTuple

import xxhash

MAX_ID_BYTES = 4096

_SMALL = 65_536  # characters up to which a body is joined to the other fields, and hashed in one go

# What json.JSONEncoder.encode makes anew for every call.
_chunks = c_make_encoder(None, str, encode_basestring, None, ":", ",", True, False, True)


def encode_metadata(value: Any) -> str:
    """Metadata as canonical JSON: the same mapping gives the same text, whatever its order."""
    return "".join(_chunks(value, 0))


@dataclass(slots=True)
class Document:
    """One document as a source hands it over, or as it leaves the transforms.

    id          1 to 4096 bytes of UTF-8, unique within the connector.
    content     raw bytes, to be extracted by `media_type`; or None when `text` is given.
    text        plain text; wins over `content`.
    load        called only when the document turns out to be new or changed; returns bytes or str.
                Give it together with `version` so that unchanged documents cost no read.
    title       shown and searched with more weight; extraction may fill it when empty.
    media_type  such as "text/markdown"; guessed from `id` and the bytes when empty.
    metadata    flat JSON: strings, numbers, booleans, or lists of strings. Filterable in search. Once a document has
                been handed over, whoever changes it gives the document another mapping.
    url         where a person can open it.
    allow, deny principals ("user:ann", "group:sales"); an empty `allow` means public. `deny` wins.
    version     anything that changes when the document does (etag, mtime, revision); None: compare by content.
    warning     (code, message) when the document was taken with a reservation, such as text that was cut.
    vector      made of it on the way, for destinations that keep one: a sequence of floats. A source gives none.
    """

    id: str
    content: bytes | None = None
    text: str | None = None
    title: str = ""
    media_type: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
    url: str = ""
    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    version: str | None = None
    load: Callable[[], bytes | str] | None = None
    warning: tuple[str, str] | None = None
    vector: Any = None
    _told: tuple[Any, str] | None = field(default=None, init=False, repr=False, compare=False)

    def fingerprint(self) -> bytes:
        """16 bytes that change when anything a reader of the index could see changes. `version` has no part in it.
        Source: XXH3-128 over length-prefixed fields; a change detector, not a signature."""
        body = (self.content if self.text is None else self.text.encode("utf-8", "surrogatepass")) or b""
        if not (self.title or self.metadata or self.url or self.allow or self.deny or self.media_type):
            return xxhash.xxh3_128_digest(body)
        fields = b"\0" + fields_as_bytes(self)
        if len(body) <= _SMALL:
            return xxhash.xxh3_128_digest(body + fields)
        digest = xxhash.xxh3_128(body)
        digest.update(fields)
        return digest.digest()

    def metadata_as_json(self) -> str:
        """The metadata as `encode_metadata` has it, "" when there is none; encoded once."""
        metadata = self.metadata
        if not metadata:
            return ""
        if self._told is None or self._told[0] is not metadata:
            self._told = (metadata, encode_metadata(metadata))
        return self._told[1]

    def size(self) -> int:
        """Bytes (or characters, of text) this document holds in memory."""
        return len(self.text or "") + len(self.content or b"") + (0 if self.vector is None else 4 * len(self.vector))


def fields_as_bytes(document: Document, metadata: str | None = None) -> bytes:
    """Everything of a document but id, body and version, unambiguous and in a fixed order. `metadata` is its JSON, if
    another one than its own is meant."""
    if metadata is None:
        metadata = document.metadata_as_json()
    title, media_type, url = document.title, document.media_type, document.url
    fields = f"{len(title)}:{title}{len(media_type)}:{media_type}{len(url)}:{url}{len(metadata)}:{metadata}"
    if document.allow or document.deny:
        principals = ["allow", *sorted(document.allow), "deny", *sorted(document.deny)]
        fields += "".join([f"{len(part)}:{part}" for part in principals])
    return fields.encode("utf-8", "surrogatepass")


class Tombstone(NamedTuple):
    """A source saying "this one is gone"."""

    id: str


class State(IntEnum):
    """What the ledger says of a document: in the index, kept out by a rule, or known but not taken so far."""

    LIVE = 1
    FILTERED = 2
    FAILED = 3


class Held(NamedTuple):
    """A ledger row: what we believe the index holds for one document of one connector.

    seq          number of the row; never reused within an index. The seen-bitmap speaks of these.
    version      the source's version when we took it; None: compare by content next time.
    fingerprint  `Document.fingerprint()` of what was taken; b"" unless LIVE.
    recipe       fingerprint of the transforms it went through; for FILTERED rows the rule that kept it out.
    """

    seq: int
    id: str
    version: str | None
    fingerprint: bytes
    recipe: str
    state: State


def without_surrogates(text: str) -> str:
    """Text that can be stored and sent: a lone surrogate becomes a question mark."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()
    return text
