"""A source that cannot be read: its documents are where they belong already."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from syncline.model.errors import SourceUnavailable
from syncline.model.news import Read


class HostedSource:
    """Raises whenever it is to be read, so that nothing is ever taken for gone."""

    incremental = True

    def __init__(self, config: Any) -> None:
        self._index = config.index

    def check(self) -> None:
        """Nothing can be wrong with it."""

    def read(self, cursor: str | None) -> Iterator[Read]:
        """Raises SourceUnavailable."""
        raise SourceUnavailable(
            f"the documents of the index {self._index!r} are written by clients; there is nothing to read",
            code="source.hosted",
            remedy="Write them again through the API they came by; they are searchable without a job.",
        )
        yield
