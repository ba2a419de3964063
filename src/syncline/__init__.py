"""Syncline keeps a searchable index in step with the places documents come from, by sync jobs you can trust."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from syncline.api import Syncline
    from syncline.model.documents import Document, Tombstone
    from syncline.model.news import Checkpoint
    from syncline.sources.authoring import source

__all__ = ["Checkpoint", "Document", "Syncline", "Tombstone", "__version__", "source"]

_HOMES = {
    "Syncline": "syncline.api",
    "Document": "syncline.model.documents",
    "Tombstone": "syncline.model.documents",
    "Checkpoint": "syncline.model.news",
    "source": "syncline.sources.authoring",
}


def __getattr__(name: str) -> Any:
    # Imported on first use: `syncline --version` must not pay for the engine.
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'syncline' has no attribute {name!r}")
