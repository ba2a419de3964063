"""The folder a connector points at: opened, and proved to be the same one later."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from syncline.sources.folder.descent import Descent
from syncline.sources.folder.files import FOLDER_FLAGS, Files
from syncline.sources.folder.names import name_of
from syncline.sources.folder.problems import not_a_folder, root_missing, root_replaced, root_unreadable


class Place(NamedTuple):
    """What makes a folder that folder and no other, until the machine starts again."""

    device: int
    inode: int

    @classmethod
    def of(cls, stat: os.stat_result) -> Place:
        """The place that `stat` tells of."""
        return cls(stat.st_dev, stat.st_ino)


class Root:
    """The folder at `path`."""

    def __init__(self, path: str, files: Files, *, follow: bool) -> None:
        self.path = path
        self._name = name_of(path)
        self._files = files
        self._follow = follow

    def open(self) -> tuple[Descent, Place]:
        """The open root and which one it is. The caller closes it.
        Raises ConfigInvalid when it is not a folder, SourceUnavailable when it is not there or cannot be read."""
        try:
            descriptor = self._files.open(self._name, FOLDER_FLAGS)
        except OSError as error:
            raise self._why_not(error) from error
        descent = Descent(self._files, descriptor, follow=self._follow)
        try:
            self._files.stat(".", dir_fd=descriptor)  # may we look at what is in it?
            return descent, Place.of(self._files.fstat(descriptor))
        except OSError as error:
            descent.close()
            raise root_unreadable(self.path, error) from error

    def look(self, descent: Descent) -> None:
        """Raises SourceUnavailable when the names in it cannot be read."""
        try:
            with self._files.scandir(descent.enter("")) as names:
                next(names, None)
        except OSError as error:
            raise root_unreadable(self.path, error) from error

    def prove(self, place: Place) -> None:
        """Raises SourceUnavailable unless `path` still leads to `place`."""
        try:
            now = Place.of(self._files.stat(self._name))
        except OSError as error:
            raise self._why_not(error) from error
        if now != place:
            raise root_replaced(self.path)

    def below(self, paths: Sequence[str]) -> dict[str, set[str]]:
        """Those of the absolute `paths` that lie under the root, links resolved: names by the path of their folder."""
        found: dict[str, set[str]] = {}
        root = os.path.realpath(self._name) if paths else ""
        for path in paths:
            folder, name = os.path.split(os.path.realpath(name_of(path)))
            relative = os.path.relpath(folder, root)
            if name and relative != ".." and not relative.startswith("../"):
                found.setdefault("" if relative == "." else relative, set()).add(name)
        return found

    def places(self, paths: Sequence[str]) -> frozenset[Place]:
        """Which folders the absolute `paths` are; those that are not there are left out."""
        found = set()
        for path in paths:
            with suppress(OSError):
                found.add(Place.of(self._files.stat(name_of(path))))
        return frozenset(found)

    def _why_not(self, error: OSError) -> Exception:
        if error.errno == errno.ENOTDIR and self._is_file():
            return not_a_folder(self.path)
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            return root_missing(self.path)
        return root_unreadable(self.path, error)

    def _is_file(self) -> bool:
        try:
            return not stat.S_ISDIR(self._files.stat(self._name).st_mode)
        except OSError:
            return False
