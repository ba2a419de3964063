"""Documents from a folder of this machine, or of anything mounted on it.

    walk ──▶ rules ──▶ Page (id, version)          what is there, cheaply: one stat for each file and no open
    entries ──▶ fetch ──▶ Document                 bodies, only of what the engine asks for

The promises between the arrows: nothing outside the root is read unless links are followed; a file that may have
changed has another version or none; what could not be looked at is named (Unlisted), so that nothing in it is
deleted.
"""

from __future__ import annotations

from syncline.sources.kinds import SourceKind

KIND = SourceKind(
    name="folder",
    title="Folder",
    config="syncline.sources.folder.config:FolderConfig",
    open="syncline.sources.folder.source:FolderSource",
    identity=("path",),
    paths=("path",),
)

__all__ = ["KIND"]
