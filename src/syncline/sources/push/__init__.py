"""Documents that somebody hands over, instead of a place that is read.

    POST …/documents ──▶ inbox ──▶ read(cursor) ──▶ Document, Tombstone, Checkpoint

The inbox is durable before the push is acknowledged, and keeps the newest of each document, so that reading without a
cursor tells everything there is.
"""

from __future__ import annotations

from syncline.sources.kinds import SourceKind

KIND = SourceKind(
    name="push",
    title="Push",
    config="syncline.sources.push.config:PushConfig",
    open="syncline.sources.push.source:PushSource",
)

__all__ = ["KIND"]
