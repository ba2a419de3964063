"""The destination that comes along: documents in the store itself, and a text index derived from them.

Nothing is written in two places here, so it needs no `Destination`: `wiring.py` opens it as one with the store.
"""

from __future__ import annotations

from syncline.destinations.kinds import DestinationKind

KIND = DestinationKind(
    name="embedded",
    title="Embedded",
    config="syncline.destinations.embedded.config:EmbeddedConfig",
    open="",
)

__all__ = ["KIND"]
