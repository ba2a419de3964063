"""One object of a listing becomes a document."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Mapping
from typing import Any, Final, Protocol
from urllib.parse import unquote

from syncline.model.documents import Document
from syncline.model.news import Entry, Fetched, Gone
from syncline.sources.s3 import problems
from syncline.sources.s3.access import Access, AccessFile
from syncline.sources.s3.crew import Budget
from syncline.sources.s3.listing import Token
from syncline.sources.s3.objects import Body, Found, NotThere, ObjectStore, TooLarge, Unreadable
from syncline.sources.s3.sidecars import MAX_BYTES as SIDECAR_BYTES
from syncline.sources.s3.sidecars import Sidecar, SidecarInvalid, parse_sidecar

SLACK: Final = 4 << 10  # what is reserved for any object, however small
AWAY_AFTER: Final = 10  # objects in a row without any proper answer mean that the store is away
_NO_TYPE: Final = frozenset({"", "binary/octet-stream", "application/octet-stream", "application/x-directory"})


class Settings(Protocol):
    """What is read of the settings here."""

    max_bytes: int


class Reader:
    """Reads objects, in many threads."""

    def __init__(self, store: ObjectStore, config: Settings, access: AccessFile | None, halt: threading.Event) -> None:
        self._store = store
        self._most = config.max_bytes
        self._access = access
        self._halt = halt
        self._away = 0

    def read(self, entry: Entry, budget: Budget) -> tuple[Fetched, int]:
        """The answer, and what it holds of the budget. Raises what concerns every object."""
        token = entry.token if isinstance(entry.token, Token) else Token(Found(entry.id, 0, "", 0))
        size = min(token.found.size, self._most)
        while True:
            reserved = size + SLACK
            budget.take(reserved)
            try:
                return self._answer(entry, token, size), reserved
            except TooLarge as error:
                budget.give(reserved)
                if error.size > self._most:
                    return problems.too_large(entry.id, error.size, self._most), 0
                size = min(error.size + SLACK, self._most)  # it has grown since it was listed
            except BaseException:
                budget.give(reserved)
                raise

    def _answer(self, entry: Entry, token: Token, limit: int) -> Fetched:
        """Raises TooLarge, and what concerns every object."""
        try:
            body = self._store.get(entry.id, limit, self._halt)
            sidecar = self._sidecar(token)
            answer: Fetched = self._document(entry, token, body, sidecar)
            self._away = 0
        except NotThere:
            self._away = 0
            return Gone(entry.id)
        except Unreadable as error:
            self._note(error)
            return problems.refused(entry.id, error.reason, error.code)
        return answer

    def _note(self, error: Unreadable) -> None:
        """Raises SourceUnavailable when one object after the other gets no proper answer."""
        self._away = self._away + 1 if error.unreached else 0
        if self._away >= AWAY_AFTER:
            raise problems.unreachable(self._store.name, error.reason.removeprefix("The object cannot be read: ")[:-1])

    def _sidecar(self, token: Token) -> Sidecar:
        if token.sidecar is None:
            return Sidecar()
        key = token.sidecar.key
        try:
            return parse_sidecar(self._store.get(key, SIDECAR_BYTES, self._halt).content)
        except NotThere:
            return Sidecar()
        except (TooLarge, Unreadable, SidecarInvalid) as error:
            reason = "it is too large" if isinstance(error, TooLarge) else str(error).rstrip(".")
            told = f"The metadata file {key} cannot be used: {reason}."
            raise Unreadable(told, "document.metadata_invalid") from None

    def _document(self, entry: Entry, token: Token, body: Body, sidecar: Sidecar) -> Document:
        """Raises TooLarge and Unreadable."""
        access = sidecar.access or (self._access.of(entry.id) if self._access is not None else None) or Access()
        return Document(
            entry.id,
            self._unpacked(body),
            title=sidecar.title,
            media_type=sidecar.media_type or _media_type(body.media_type),
            metadata={**_of_key(entry.id), **_of_object(body.user), **sidecar.metadata},
            url=sidecar.url or self._store.link(entry.id),
            allow=access.allow,
            deny=access.deny,
            version=_version(entry, token, body),
        )

    def _unpacked(self, body: Body) -> bytes:
        """The content without the gzip that it is stored in."""
        if body.encoding.strip().lower() not in ("gzip", "x-gzip"):
            return body.content
        unpack = zlib.decompressobj(wbits=31)
        try:
            content = unpack.decompress(body.content, self._most + 1)
        except zlib.error:
            raise Unreadable("The object says that it is packed with gzip, and is not.") from None
        if len(content) > self._most:
            raise TooLarge(len(content))
        if not unpack.eof:
            raise Unreadable("The object is packed with gzip, and its end is missing.")
        return content


def _version(entry: Entry, token: Token, body: Body) -> str | None:
    """What was listed, if that is what came; else what came, unless the rest of its version is not known."""
    if body.found.etag == token.found.etag:
        return entry.version
    before, now = token.found.version, body.found.version
    if entry.version is None or before is None or now is None:
        return None
    return now + entry.version.removeprefix(before)


def _media_type(told: str) -> str:
    plain = told.partition(";")[0].strip().lower()
    return "" if plain in _NO_TYPE else plain


def _of_key(key: str) -> dict[str, Any]:
    folder, _, name = key.rpartition("/")
    dot = name.rfind(".")
    return {"folder": folder, "extension": name[dot + 1 :].lower() if dot > 0 else ""}


def _of_object(user: Mapping[str, str]) -> dict[str, Any]:
    """The object's own metadata. What is not ASCII travels as UTF-8 or percent-encoded."""
    return {name: unquote(_utf8(value)) if "%" in value else _utf8(value) for name, value in user.items()}


def _utf8(value: str) -> str:
    try:
        return value.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return value
