"""The whole listing: every prefix, page by page, as news."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Final, NamedTuple, Protocol

from syncline.model.errors import SourceUnavailable
from syncline.model.news import Checkpoint, Complete, Entry, Listed, Page, Skipped, Unlisted
from syncline.sources.s3 import problems
from syncline.sources.s3.access import AccessFile
from syncline.sources.s3.objects import Found, NotThere, ObjectStore, TooLarge, Unreadable
from syncline.sources.s3.pairing import Paired, Passed, apart, beside
from syncline.sources.s3.selection import Selection

_OF_ALL: Final = frozenset({"source.bucket_missing", "source.interrupted", "source.key_unusable"})


class Token(NamedTuple):
    """What a listing tells the fetch of one object."""

    found: Found
    sidecar: Found | None = None


class Settings(Protocol):
    """What is read of the settings here."""

    prefixes: Sequence[str]
    metadata_files: bool
    metadata_prefix: str
    acl_file: str
    max_bytes: int


class Listing:
    """One listing of a bucket."""

    def __init__(
        self,
        store: ObjectStore,
        config: Settings,
        selection: Selection,
        access: AccessFile | None,
        halt: threading.Event,
        page_size: int,
        checkpoint_every: int,
        memory: Mapping[str, Any] | None,
    ) -> None:
        """`memory` is what the last one left: for each prefix a witness, the first key that was there."""
        self._store = store
        self._config = config
        self._selection = selection
        self._access = access
        self._halt = halt
        self._page_size = page_size
        self._checkpoint_every = checkpoint_every
        known = (memory or {}).get("witnesses")
        self._known: Mapping[str, Any] = known if isinstance(known, Mapping) else {}
        self._witnesses: dict[str, str] = {}

    def run(self, prefix: str, after: str) -> Iterator[Listed]:
        """Everything behind the key `after` of `prefix`, then Complete. Raises what concerns the whole bucket, and what
        is wrong with every prefix."""
        prefixes = list(self._config.prefixes) or [""]
        start = prefixes.index(prefix) if prefix in prefixes else 0
        failed: list[SourceUnavailable] = []
        self._witnesses = {each: self._known[each] for each in prefixes if each in self._known}
        for at, each in enumerate(prefixes[start:], start):
            try:
                yield from self._prefix(each, after if at == start else "")
            except SourceUnavailable as error:
                failed.append(error)
                if error.code in _OF_ALL or len(failed) == len(prefixes):
                    raise
                yield Unlisted(each, error)
        yield Complete(anchor=self._store.anchor, memory={"witnesses": self._witnesses})

    def _prefix(self, prefix: str, after: str) -> Iterator[Listed]:
        entries: list[Entry] = []
        told = 0
        for news in self._watched(prefix, after):
            if isinstance(news, Passed):
                if told >= self._checkpoint_every:
                    if entries:
                        yield Page(entries)
                    entries, told = [], 0
                    yield Checkpoint(json.dumps([prefix, news.key], ensure_ascii=False))
                continue
            told += 1
            answer = self._news(news)
            if isinstance(answer, (Skipped, Unlisted)):
                yield answer
            elif answer is not None:
                entries.append(answer)
            if len(entries) >= self._page_size:
                yield Page(entries)
                entries = []
        if entries:
            yield Page(entries)

    def _watched(self, prefix: str, after: str) -> Iterator[Paired | Passed]:
        """The pairs, of which the first becomes the witness. Raises SourceUnavailable when there are none, and the last
        witness is still there."""
        first = after
        for news in self._pairs(prefix, after):
            if not first and isinstance(news, Paired):
                self._witnesses[prefix] = first = news.found.key
            yield news
        if not first and prefix in self._witnesses:
            self._ask_the_witness(self._witnesses[prefix])
            del self._witnesses[prefix]

    def _ask_the_witness(self, key: str) -> None:
        try:
            self._store.get(key, 0, self._halt)
        except NotThere:
            return
        except (TooLarge, Unreadable):
            pass
        raise problems.listing_damaged(self._store.name, "it is empty, and an object that was in it is there")

    def _pairs(self, prefix: str, after: str) -> Iterator[Paired | Passed]:
        objects = self._objects(prefix, after)
        if not self._config.metadata_files:
            return _alone(self._store.pages(prefix, after, self._halt))
        if not self._config.metadata_prefix:
            return beside(objects)
        under = self._config.metadata_prefix
        return apart(objects, self._objects(under + prefix, under + after if after else ""), under)

    def _objects(self, prefix: str, after: str) -> Iterable[Found]:
        return chain.from_iterable(self._store.pages(prefix, after, self._halt))

    def _news(self, pair: Paired) -> Entry | Skipped | Unlisted | None:
        """The document that an object is, the rule that keeps it out, or None when it is no document at all."""
        found = pair.found
        key = found.key
        if key == self._config.acl_file:
            return None
        if "\0" in key:
            return Unlisted(key.partition("\0")[0], problems.key_unusable(self._store.name, key))
        if key.endswith("/") and not found.size:
            return Skipped(key, "an empty object that stands for a folder", "filtered.folder_marker")
        rule = None if self._selection.idle else self._selection.keeps_out(key)
        if rule is not None:
            return Skipped(key, rule)
        if found.size > self._config.max_bytes:
            return Skipped(key, f"larger than max_bytes = {self._config.max_bytes}", "filtered.too_large")
        return Entry(key, self._version(pair), Token(found, pair.sidecar))

    def _version(self, pair: Paired) -> str | None:
        version = pair.found.version
        if version is None:
            return None
        if pair.sidecar is not None:
            if pair.sidecar.version is None:
                return None
            version = f"{version}+{pair.sidecar.version}"
        access = self._access.of(pair.found.key) if self._access is not None else None
        return version if access is None else f"{version}~{access.version}"


def _alone(pages: Iterable[Sequence[Found]]) -> Iterator[Paired | Passed]:
    for page in pages:
        yield from map(Paired, page)
        yield Passed(page[-1].key)
