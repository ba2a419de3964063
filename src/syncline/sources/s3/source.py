"""The bucket as a listing source."""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from syncline.model.errors import ConfigInvalid
from syncline.model.news import Begin, Entry, Fetched, Listed, Page
from syncline.sources.folder.globs import NeverMatches
from syncline.sources.s3 import problems
from syncline.sources.s3.access import MAX_BYTES as ACCESS_BYTES
from syncline.sources.s3.access import AccessFile, AccessInvalid, parse_file
from syncline.sources.s3.crew import Operation, in_parallel, run_ahead, watched
from syncline.sources.s3.listing import Listing
from syncline.sources.s3.objects import Halted, NotThere, ObjectStore, TooLarge, Unreadable
from syncline.sources.s3.reading import Reader
from syncline.sources.s3.selection import Selection
from syncline.sources.s3.stores import Settings, open_store
from syncline.sources.s3.wire import Patience

if TYPE_CHECKING:
    import threading

    import httpcore

UNDER_WAY_BYTES: Final = 64 << 20
USUAL: Final = Patience()


class S3Source:
    """Objects of one bucket. A document's id is the object's key."""

    def __init__(
        self,
        config: Settings,
        *,
        environ: Mapping[str, str] = os.environ,
        clock: Callable[[], float] = time.time,
        chance: Callable[[], float] = random.random,
        patience: Patience = USUAL,
        backend: httpcore.NetworkBackend | None = None,
        page_size: int = 1000,
        checkpoint_every: int = 10_000,
    ) -> None:
        """`clock` is in Unix seconds; `chance` gives 0.0 to 1.0; `backend` makes the connections, where not every place
        may be called; `page_size` objects are asked for at once. Raises ConfigInvalid."""
        try:
            self._selection = Selection(config.include, config.exclude)
        except NeverMatches as error:
            raise ConfigInvalid(f"A pattern of the bucket {config.bucket} matches nothing: {error}.") from error
        self._config = config
        self._open = partial(
            open_store, config, environ, patience, clock=clock, chance=chance, backend=backend, page_size=page_size
        )
        self._page_size = page_size
        self._checkpoint_every = checkpoint_every
        self._opened: ObjectStore | None = None
        self._access: AccessFile | None = None
        self._running: set[Operation] = set()

    @property
    def _store(self) -> ObjectStore:
        if self._opened is None:
            self._opened = self._open()
        return self._opened

    def check(self) -> None:
        """Raises ConfigInvalid, CredentialsInvalid or SourceUnavailable unless every prefix can be listed, and
        the access file read."""
        store = self._store
        operation = self._begin()
        try:
            watched(partial(self._look, store), operation)
        except Halted:
            raise problems.interrupted(store.name) from None
        finally:
            self._running.discard(operation)

    def list(self, memory: Mapping[str, Any] | None, cursor: str | None) -> Iterator[Listed]:
        """Every object under the prefixes, page by page, then Complete. Raises what `check` raises. A prefix that
        cannot be listed is Unlisted, if there are others."""
        store = self._store
        operation = self._begin()
        yield Begin(store.anchor)
        try:
            yield from run_ahead(self._listed(store, operation.halt, memory, cursor), operation)
        except Halted:
            yield Page(())  # whoever asked to stop leaves here
            raise problems.interrupted(store.name) from None
        finally:
            self._running.discard(operation)

    def fetch(self, entries: Sequence[Entry]) -> Iterator[Fetched]:
        """The bodies, in no order. Raises what concerns all of them: credentials, the bucket, a store that is away."""
        if not entries:
            return
        store = self._store
        operation = self._begin()
        open_ids = {entry.id for entry in entries}
        try:
            reader = Reader(store, self._config, self._access_file(store, operation.halt), operation.halt)
            for answer in in_parallel(entries, reader.read, self._config.parallel, UNDER_WAY_BYTES, operation):
                open_ids.discard(answer.id)
                yield answer
        except Halted:
            error = problems.interrupted(store.name)
            for id in open_ids:  # whoever asked to stop leaves here
                yield problems.refused(id, error.message, error.code)
            raise error from None
        finally:
            self._running.discard(operation)

    def interrupt(self) -> None:
        """Let go of everything under way, from another thread. What is begun later is not affected."""
        for operation in tuple(self._running):
            operation.interrupt()
        if self._opened is not None:
            self._opened.cut()

    def _begin(self) -> Operation:
        operation = Operation()
        self._running.add(operation)
        return operation

    def _listed(
        self, store: ObjectStore, halt: threading.Event, memory: Mapping[str, Any] | None, cursor: str | None
    ) -> Iterator[Listed]:
        self._access = None
        access = self._access_file(store, halt)
        sizes = self._page_size, self._checkpoint_every
        listing = Listing(store, self._config, self._selection, access, halt, *sizes, memory)
        yield from listing.run(*_place(cursor))

    def _look(self, store: ObjectStore, halt: threading.Event) -> None:
        for prefix in self._config.prefixes or [""]:
            next(iter(store.pages(prefix, "", halt)), None)
        self._access = None
        self._access_file(store, halt)

    def _access_file(self, store: ObjectStore, halt: threading.Event) -> AccessFile | None:
        """The access file as it was when the listing began; None when there is none in the settings."""
        key = self._config.acl_file
        if key and self._access is None:
            try:
                content = store.get(key, ACCESS_BYTES, halt).content
                self._access = parse_file(content, self._config.bucket.rpartition("//")[2])
            except NotThere:
                raise problems.access_file_problem(store.name, key, "it is not there") from None
            except TooLarge:
                raise problems.access_file_problem(store.name, key, "it is too large") from None
            except Unreadable as error:
                raise problems.access_file_problem(store.name, key, error.reason.rstrip(".")) from None
            except AccessInvalid as error:
                raise problems.access_file_problem(store.name, key, str(error)) from None
        return self._access


def _place(cursor: str | None) -> tuple[str, str]:
    """(prefix, key) to go on from, ("", "") to begin."""
    if cursor is None:
        return "", ""
    try:
        prefix, key = json.loads(cursor)
    except (ValueError, TypeError):
        return "", ""
    return str(prefix), str(key)
