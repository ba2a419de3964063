"""Text for terminals: made safe, counted, dated."""

from __future__ import annotations

import re
from collections.abc import Mapping

# C0, DEL, C1; marks that turn the direction of text; line separators; what is no character at all.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")

_WORDS = {
    "inserted": "inserted",
    "updated": "updated",
    "deleted": "deleted",
    "kept": "kept",
    "failed": "failed",
    "filtered": "filtered",
    "withheld_deletes": "deletions withheld",
    "warnings": "with a warning",
}
COLORS: Mapping[str, str] = {
    "inserted": "green",
    "updated": "yellow",
    "deleted": "magenta",
    "failed": "red",
    "withheld_deletes": "red",
    "warnings": "yellow",
    "succeeded": "green",
    "incomplete": "yellow",
    "stopped": "yellow",
    "stopping": "yellow",
    "running": "cyan",
    "pending": "cyan",
    "suspended": "cyan",
    "live": "green",
    "filtered": "yellow",
    "withheld": "yellow",
}


def clean(text: str) -> str:
    """`text` with everything that could steer a terminal written out as an escape; newlines and tabs too."""
    return _UNSAFE.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)


def one_line(text: str) -> str:
    """Clean prose: runs of white space become one blank."""
    return clean(" ".join(text.split()))


def indented(text: str, by: int = 4) -> str:
    """Clean text that keeps its lines; all but the first are set in."""
    return f"\n{'':{by}}".join(clean(line) for line in text.splitlines())


def count(n: int, noun: str) -> str:
    """ "1 document", "1,200 documents"."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def counted(counters: Mapping[str, int]) -> list[tuple[str, str]]:
    """The counters that are not zero, in their order, as (name, "3 inserted")."""
    return [(name, f"{n:,} {_WORDS.get(name, name)}") for name, n in counters.items() if n]


def duration(seconds: float) -> str:
    """ "0.42 s", "12 s", "3 min 5 s", "2 h 10 min"."""
    if seconds < 10:
        return f"{seconds:.2f} s"
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def ago(at: float | None, now: float) -> str:
    """ "just now", "5 min ago", "3 days ago"; "" for None."""
    if at is None:
        return ""
    seconds = max(0, int(now - at))
    if seconds < 5:
        return "just now"
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "min")):
        if seconds >= size:
            n = seconds // size
            return f"{n} {unit}{'s' if n > 1 and unit != 'min' else ''} ago"
    return f"{seconds} s ago"


def local(at: float | None) -> str:
    """The time where the reader is, to the second; blanks for None."""
    if at is None:
        return " " * 19
    from datetime import datetime

    return datetime.fromtimestamp(at).strftime("%Y-%m-%d %H:%M:%S")
