"""Search: one index, one request."""

from __future__ import annotations

from syncline.model.search import Request, Results
from syncline.wiring import DEFAULT_INDEX, Installation


def search(installation: Installation, index: str | None, request: Request) -> Results:
    """Ranked results. What a dead process left unindexed is caught up first."""
    opened = installation.index(index or DEFAULT_INDEX)
    opened.settle()
    names = {connector.number: connector.name for connector in installation.control().connectors()}
    return opened.text.search(request, opened.truth, names)
