"""Sub-folders that other file systems are mounted on, remembered from one listing to the next.

An unmounted disk leaves an empty folder behind, and an empty folder looks like a thousand deletions. So a folder
that lay on another device than its parent, and does not now, has not been listed. Device numbers change when the
machine starts again; only that the two differ is held to mean something.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from syncline.model.news import Unlisted
from syncline.sources.folder.problems import folder_unmounted


class Mounts:
    """What one listing knows of mounts. Folders are named by the prefix of their ids."""

    def __init__(self, memory: Mapping[str, Any] | None) -> None:
        """`memory` is what `memory()` gave the last time."""
        before = (memory or {}).get("mounts")
        self._before: dict[str, Any] = dict(before) if isinstance(before, Mapping) else {}
        self._now: dict[str, Any] = {}
        self._unlisted: set[str] = set()

    def meet(self, prefix: str, device: int, parent: int | None) -> Unlisted | None:
        """A folder was opened. Unlisted when something was mounted on it and is not now."""
        if parent is None or (device == parent and prefix not in self._before):
            return None
        if device != parent:
            self._now[prefix] = device
            return None
        self._unlisted.add(prefix)
        return folder_unmounted(prefix)

    def leave_out(self, prefix: str) -> None:
        """A rule keeps this folder out: what was mounted in it does not matter any more."""
        for mount in [mount for mount in self._before if mount.startswith(prefix)]:
            del self._before[mount]

    def unlisted(self, prefix: str) -> None:
        """This folder could not be listed, and has been reported."""
        self._unlisted.add(prefix)

    def missing(self) -> Iterator[Unlisted]:
        """The listing is over: every mount of the last one that was not met, unless it lies in what is reported."""
        for mount in sorted(self._before.keys() - self._now.keys()):
            if not any(mount.startswith(prefix) for prefix in self._unlisted):
                self._unlisted.add(mount)
                yield folder_unmounted(mount)

    def memory(self) -> dict[str, Any]:
        """What the next listing must know, as JSON; empty when there is nothing."""
        mounts = {**self._before, **self._now}
        return {"mounts": {mount: mounts[mount] for mount in sorted(mounts)}} if mounts else {}
