"""Documents that are written one by one through a dialect that hosts indexes, straight into the index.

    _bulk, _doc, _update ──▶ the truth of the index

There is no place to read them from again, so a job of such a connector says so, and touches nothing.
"""

from __future__ import annotations

from syncline.sources.kinds import SourceKind

KIND = SourceKind(
    name="hosted",
    title="Hosted",
    config="syncline.sources.hosted.config:HostedConfig",
    open="syncline.sources.hosted.source:HostedSource",
    identity=("index",),
)

__all__ = ["KIND"]
