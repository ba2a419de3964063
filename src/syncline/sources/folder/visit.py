"""A folder that waits for its turn in a walk, and the one the walk is in."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final, NamedTuple

from syncline.model.documents import MAX_ID_BYTES
from syncline.sources.folder.root import Place
from syncline.sources.folder.rules import Scope

_SAFE_PREFIX: Final = 768  # after so few characters no name makes an id longer than an id may be

DirEntry = os.DirEntry[str]


class Above(NamedTuple):
    """The folders a folder lies in, nearest first: what finds out a link that leads back."""

    place: Place
    above: Above | None


class Folder(NamedTuple):
    """A folder still to be listed.

    path    from the root, as text; "" is the root itself.
    prefix  what the ids in it begin with: its own id and "/", or "".
    scope   the rules in force in it.
    device  what its parent lies on; None at the root.
    above   its parents; None unless links are followed.
    """

    path: str
    prefix: str
    scope: Scope
    device: int | None = None
    above: Above | None = None


@dataclass(slots=True, eq=False)
class Visit:
    """The folder we are in.

    base     its path with the slash after it.
    silent   names in it that are left out without a word.
    below    its sub-folders, as they are found.
    too_long True when an id in it would be longer than an id may be.
    """

    base: str
    prefix: str
    scope: Scope
    device: int
    above: Above | None
    silent: frozenset[str]
    below: list[Folder]
    too_long: bool = False

    @property
    def is_deep(self) -> bool:
        """True when the id of something in it might be longer than an id may be."""
        return len(self.prefix) > _SAFE_PREFIX


def leads_back(place: Place, above: Above | None) -> bool:
    """True when `place` is one of the folders it was reached through."""
    while above is not None:
        if above.place == place:
            return True
        above = above.above
    return False


def that_fit(visit: Visit, chunk: list[DirEntry], names: list[str]) -> tuple[list[DirEntry], list[str]]:
    """Those whose id is not too long; `visit.too_long` tells whether there were others."""
    room = MAX_ID_BYTES - len(visit.prefix.encode())
    fitting = [(entry, name) for entry, name in zip(chunk, names, strict=True) if len(name.encode()) <= room]
    visit.too_long |= len(fitting) < len(chunk)
    return [entry for entry, _ in fitting], [name for _, name in fitting]
