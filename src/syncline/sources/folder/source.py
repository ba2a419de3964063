"""The folder as a listing source."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from syncline.model.errors import ConfigInvalid
from syncline.model.news import Entry, Fetched, Listed
from syncline.sources.folder.fetch import Reader
from syncline.sources.folder.files import Files
from syncline.sources.folder.globs import NeverMatches
from syncline.sources.folder.mounts import Mounts
from syncline.sources.folder.root import Place, Root
from syncline.sources.folder.rules import Scope
from syncline.sources.folder.walk import Orders, Walk


class Settings(Protocol):
    """What this source reads of its settings; `FolderConfig` says what they mean."""

    path: str
    include: Sequence[str]
    exclude: Sequence[str]
    gitignore: bool
    follow_symlinks: bool
    max_file_bytes: int


class FolderSource:
    """Files under one folder. A document's id is its path from there, with "/"; `names.py` tells of odd names."""

    def __init__(
        self,
        config: Settings,
        *,
        hidden: Sequence[str] = (),
        clock_ns: Callable[[], int] = time.time_ns,
        files: Files | None = None,
    ) -> None:
        """`hidden` are absolute paths to leave out without a word, like Syncline's own data. `clock_ns`: Unix time.
        Raises ConfigInvalid when a pattern can match nothing."""
        self._files = files or Files()
        self._follow = config.follow_symlinks
        self._max_bytes = config.max_file_bytes
        self._clock_ns = clock_ns
        self._root = Root(config.path, self._files, follow=self._follow)
        self._listed: Place | None = None
        try:
            scope = Scope.of(config.include, config.exclude)
        except NeverMatches as error:
            raise ConfigInvalid(f"A pattern of the folder {config.path} matches nothing: {error}.") from error
        self._orders = Orders(scope, self._follow, config.gitignore, tuple(hidden))

    def check(self) -> None:
        """Raises ConfigInvalid when the path is no folder, SourceUnavailable when it is not there or cannot be read."""
        descent, _ = self._root.open()
        with descent:
            self._root.look(descent)

    def list(self, memory: Mapping[str, Any] | None, cursor: str | None) -> Iterator[Listed]:
        """Every file, folder by folder, then Complete. There are no checkpoints: a listing is quick, and starts anew.
        Raises what `check` raises; and SourceUnavailable when the folder was replaced while it was listed."""
        started_ns = self._clock_ns()
        descent, self._listed = self._root.open()
        with descent:
            walk = Walk(self._root, self._files, self._orders, Mounts(memory), started_ns)
            yield from walk.run(descent, self._listed)

    def fetch(self, entries: Sequence[Entry]) -> Iterator[Fetched]:
        """The bodies. Raises SourceUnavailable when the folder is not the one that was listed."""
        descent, place = self._root.open()
        with descent:
            if self._listed is not None:
                self._root.prove(self._listed)
            reader = Reader(
                self._root,
                self._files,
                descent,
                place,
                follow=self._follow,
                max_bytes=self._max_bytes,
                clock_ns=self._clock_ns,
            )
            yield from reader.read(entries)
