"""The store in the files of a data directory."""

from __future__ import annotations

import os
from collections.abc import Hashable
from typing import TYPE_CHECKING

from syncline.model.ports import CrashPoint, no_crash
from syncline.store.sqlite.control import Control
from syncline.store.sqlite.truth import Truth

if TYPE_CHECKING:
    from syncline.store.sqlite.inbox import Inbox


class Store:
    """control.db, and indexes/NAME/truth.db for each index."""

    remote = False

    def __init__(self, data_dir: str, crash: CrashPoint = no_crash) -> None:
        self._data_dir = data_dir
        self._crash = crash
        self._control = os.path.join(data_dir, "control.db")

    def _path(self, index: str) -> str:
        return os.path.join(self._data_dir, "indexes", index, "truth.db")

    @property
    def exists(self) -> bool:
        """See `wiring.Store`; so with all below."""
        return os.path.exists(self._control)

    def control(self, *, read_only: bool = False) -> Control:
        if read_only:
            return Control(self._control, create=False, read_only=True)
        return Control(self._control, crash=self._crash)

    def indexes(self) -> list[str]:
        folder = os.path.join(self._data_dir, "indexes")
        names = os.listdir(folder) if os.path.isdir(folder) else []
        return sorted(name for name in names if self.has(name))

    def has(self, index: str) -> bool:
        return os.path.exists(self._path(index))

    def make(self, index: str, id: str, now: float) -> None:
        """Nothing to do: a file is made when it is opened."""

    def mark(self, index: str) -> Hashable:
        try:
            return os.stat(self._path(index)).st_ino
        except FileNotFoundError:
            return None

    def size(self, index: str) -> int:
        return sum(_size(self._path(index) + end) for end in ("", "-wal"))

    def truth(self, index: str, *, read_only: bool = False) -> Truth:
        if read_only:
            return Truth(self._path(index), create=False, read_only=True)
        return Truth(self._path(index), crash=self._crash)

    def inbox(self, index: str, connector: int, *, read_only: bool = False) -> Inbox:
        from syncline.store.sqlite.inbox import Inbox

        return Inbox(self._path(index), connector, read_only=read_only, crash=self._crash)

    def lease(self, name: str) -> None:
        return None

    def close(self) -> None:
        """Nothing is kept open here."""


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0
