"""How a feed is told of to another process."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from syncline.model.ports import DocumentFeed


class FeedAt(NamedTuple):
    """How another process opens the feed.

    opener     "module:callable".
    arguments  by name; JSON.
    """

    opener: str
    arguments: Mapping[str, Any]

    def open(self) -> DocumentFeed:
        """Open it."""
        module, _, name = self.opener.partition(":")
        feed: DocumentFeed = getattr(import_module(module), name)(**self.arguments)
        return feed
