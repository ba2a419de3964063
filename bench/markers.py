"""Four words that make the result of a sync countable by anything that can find a word."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

MARKERS: Mapping[str, str] = {
    # count       word in the text
    "unedited": "zzbefore",  # will be edited
    "edited": "zzedited",
    "added": "zzadded",
    "doomed": "zzdoomed",  # will be deleted
}


def counted(texts: Iterable[str]) -> dict[str, int]:
    """How many texts there are, and how many hold each word."""
    counts = dict.fromkeys(("documents", *MARKERS), 0)
    for text in texts:
        counts["documents"] += 1
        for name, word in MARKERS.items():
            counts[name] += word in text
    return counts
