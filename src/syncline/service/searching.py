"""Search: one index, one request."""

from __future__ import annotations

from typing import Final

from syncline.model.errors import DestinationError
from syncline.model.search import Request, Results
from syncline.wiring import DEFAULT_INDEX, EmbeddedIndex, Installation, OpenIndex

FEW: Final = 2_000  # documents that are indexed in a fraction of a second


def search(
    installation: Installation, index: str | None, request: Request, *, patience_s: float | None = None
) -> Results:
    """Ranked results. What a dead process left unindexed is caught up first.

    With `patience_s`, a search waits no longer than that for another process that writes. While a job runs it does not
    wait, and catches up only a little: that job settles before it ends (invariant 9).
    """
    name = index or DEFAULT_INDEX
    opened = installation.index(name)
    if patience_s is None:
        opened.settle()
    else:
        _settle_briefly(installation, name, opened, patience_s)
    names = {connector.number: connector.name for connector in installation.control().connectors()}
    return opened.search(request, names)


def _settle_briefly(installation: Installation, name: str, opened: OpenIndex, patience_s: float) -> None:
    if not isinstance(opened, EmbeddedIndex):
        return  # its destination finds what is in it
    if opened.text.is_current(opened.truth):
        return
    at_work = any(job.index == name for job in installation.control().unended())
    if at_work and opened.truth.newest() - opened.truth.confirmed() > FEW:
        return
    try:
        opened.text.settle(0.0 if at_work else patience_s)
    except DestinationError:  # another process writes: it will be found when that has come to its end
        return
