"""Deletion by proof (invariant 4): what absence proves, and how much of it one job may act upon."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

FOUND_AGAIN = 0.5  # share of the held documents that must turn up before a changed anchor is believed


@dataclass(slots=True, frozen=True)
class Absence:
    """What a finished listing says about documents that were not in it.

    complete    the source said Complete.
    trusted     the place is the one listed before, or enough was found again to believe it.
    blind       id prefixes that could not be listed.
    """

    complete: bool
    trusted: bool = True
    blind: tuple[str, ...] = ()

    def proves(self, id: str) -> bool:
        """True when a document of that id, not seen, is gone for certain."""
        return self.complete and self.trusted and not (self.blind and id.startswith(self.blind))


def place_is_trusted(anchor: str, remembered: str, live: int, found: int) -> bool:
    """Whether the listed place may speak for what is held. `live` documents were held, `found` of them turned up.

    An unmounted disk shows an empty folder of another device; a rebooted machine may show the same folder under
    another device number. The second finds again what the first does not. Nothing remembered is no proof either.
    """
    if anchor == remembered or not live:
        return True
    return found >= live * FOUND_AGAIN


MIXED = "?"  # what is held may come from more than one place


def place_in_progress(anchor: str, remembered: str) -> str:
    """What to remember when documents of `anchor` are written before its listing has come to its end."""
    return anchor if remembered in ("", anchor) else MIXED


def shortest_prefixes(prefixes: Iterable[str]) -> tuple[str, ...]:
    """The prefixes that are not covered by another one; ("",) when everything is covered."""
    kept: list[str] = []
    for prefix in sorted(set(prefixes)):
        if not (kept and prefix.startswith(kept[-1])):
            kept.append(prefix)
    return tuple(kept)
