"""The index: a set of documents that can be searched."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Index:
    """One row of the index table.

    name      what people call it, and its directory; never changes.
    destination  where its documents land: a kind of destination, "embedded" or another, or an import path.
    settings  of the destination, validated, secrets sealed.
    extras    what a dialect keeps with it, by the dialect's name.
    revision  rises with every change of it; 1 at first.
    """

    number: int
    id: str
    name: str
    description: str = ""
    extras: dict[str, Any] = field(default_factory=dict)
    revision: int = 1
    created_at: float = 0.0
    updated_at: float = 0.0
    destination: str = "embedded"
    settings: dict[str, Any] = field(default_factory=dict)
