"""Documents column by column: what a source hands over when it can make thousands of them at once.

A sheet is the same as its documents, and where one of them needs to be looked at, it is. What makes it worth having is
that nothing has to be done for each document that can be done for a column.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import xxhash

from syncline.model.documents import Document

T = TypeVar("T")


@dataclass(slots=True)
class Sheet:
    """Columns of one length, one place for each document. See `Document` for what they mean.

    metadata  as `encode_metadata` has it; "" when there is none.
    urls, allow  None: no document has any.

    Text that is not Unicode (a lone surrogate) has no place in a sheet: see `is_sound`.
    """

    ids: Sequence[str]
    versions: Sequence[str | None]
    titles: Sequence[str]
    texts: Sequence[str]
    metadata: Sequence[str]
    urls: Sequence[str] | None = None
    allow: Sequence[tuple[str, ...]] | None = None
    _fields: list[str] | None = field(default=None, init=False, repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.ids)

    def __reduce__(self) -> tuple[Any, ...]:
        return Sheet, (self.ids, self.versions, self.titles, self.texts, self.metadata, self.urls, self.allow)

    def size(self) -> int:
        """Characters of text in all."""
        return sum(map(len, self.texts))

    def document(self, at: int) -> Document:
        """One of the documents."""
        metadata = self.metadata[at]
        return Document(
            self.ids[at],
            text=self.texts[at],
            title=self.titles[at],
            metadata=json.loads(metadata) if metadata else {},
            url=self.urls[at] if self.urls else "",
            allow=self.allow[at] if self.allow else (),
            version=self.versions[at],
        )

    def documents(self) -> Iterator[Document]:
        """All of them, one by one."""
        return map(self.document, range(len(self)))

    def pick(self, places: Sequence[int]) -> Sheet:
        """A sheet of some of the documents."""
        if len(places) == len(self):
            return self
        return Sheet(
            _some(self.ids, places),
            _some(self.versions, places),
            _some(self.titles, places),
            _some(self.texts, places),
            _some(self.metadata, places),
            _some(self.urls, places) if self.urls else None,
            _some(self.allow, places) if self.allow else None,
        )

    def is_sound(self) -> bool:
        """Whether every text can be written as UTF-8."""
        try:
            for column in (self.ids, self.titles, self.texts, self.metadata, self.urls or ()):
                "".join(column).encode()
        except UnicodeEncodeError:
            return False
        return True

    def fingerprints(self) -> list[bytes]:
        """`Document.fingerprint` of each."""
        digest = xxhash.xxh3_128_digest
        return [
            digest(f"{text}\0{fields}".encode() if fields != _NOTHING else text.encode())
            for text, fields in zip(self.texts, self._all_fields(), strict=True)
        ]

    def checksums(self) -> Sequence[int]:
        """Signed 64 bits over everything a reader of the index could see of each. Source: XXH3-64."""
        digest = xxhash.xxh3_64_digest
        digests = [
            digest(f"{len(id)}:{id}{fields}{text}".encode())
            for id, fields, text in zip(self.ids, self._all_fields(), self.texts, strict=True)
        ]
        return struct.unpack(f">{len(digests)}q", b"".join(digests))

    def _all_fields(self) -> list[str]:
        """`fields_as_bytes` of each, as text."""
        if self._fields is None:
            if self.urls is None:
                self._fields = [
                    f"{len(title)}:{title}0:0:{len(metadata)}:{metadata}"
                    for title, metadata in zip(self.titles, self.metadata, strict=True)
                ]
            else:
                self._fields = [
                    f"{len(title)}:{title}0:{len(url)}:{url}{len(metadata)}:{metadata}"
                    for title, url, metadata in zip(self.titles, self.urls, self.metadata, strict=True)
                ]
            if self.allow:
                self._fields = [
                    fields + _principals(allow) for fields, allow in zip(self._fields, self.allow, strict=True)
                ]
        return self._fields


_NOTHING = "0:0:0:0:"  # the fields of a document that has none


def _some(column: Sequence[T], places: Sequence[int]) -> list[T]:
    return [column[at] for at in places]


def _principals(allow: tuple[str, ...]) -> str:
    if not allow:
        return ""
    return "".join([f"{len(part)}:{part}" for part in ("allow", *sorted(allow), "deny")])
