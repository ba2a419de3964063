"""Points in time as this dialect writes them: ISO 8601 in UTC. What a client has given is kept as the same text."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

_ISO: Final = re.compile(
    r"(\d{4}-\d{2}-\d{2})(?:T(\d{2}:\d{2}(?::\d{2})?)(?:[.,](\d{1,9}))?(Z|[+-]\d{2}(?::?\d{2})?)?)?", re.ASCII
)


def stamp(at: float | None) -> str | None:
    """Unix seconds as text with microseconds; None for None."""
    if at is None:
        return None
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def seconds(text: object) -> float | None:
    """Unix seconds of a text; without a zone it is UTC. None for what is no point in time."""
    match = _ISO.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        return None
    day, clock, fraction, zone = match.groups()
    zone = "+00:00" if zone in (None, "Z") else zone
    try:
        moment = datetime.fromisoformat(f"{day}T{clock or '00:00'}{zone}")
        return moment.timestamp() + (float(f"0.{fraction}") if fraction else 0.0)
    except (ValueError, OverflowError):
        return None
