"""Reading server-sent events."""

from __future__ import annotations

import json
from typing import Any


def parse_frames(raw: str) -> list[dict[str, Any]]:
    """The events of a stream: {"event", "id", "data"}; `id` is None for what is not durable."""
    found = []
    for block in raw.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line and not line.startswith(":"))
        if "data" in fields:
            found.append({"event": fields["event"], "id": fields.get("id"), "data": json.loads(fields["data"])})
    return found
