"""A ledger that takes its time: a commit that was begun is done when it is waited for, and no sooner."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from syncline.model.documents import Held
from syncline.model.outcomes import Kind
from syncline.model.ports import Batch, Ledger, Ticket


class LateLedger:
    """A coat around a Ledger that gives it `begin_commit`, and holds the caller to what he promises with it. Whatever
    else the inner ledger can do is passed through.

    late  how many commits were begun.
    """

    def __init__(self, inner: Ledger) -> None:
        self.inner = inner
        self.late = 0
        self._open: set[str] | None = None  # ids of the commit under way
        for name in dir(inner):  # set on the instance, where isinstance() with a protocol looks for them
            verb = getattr(inner, name)
            if not name.startswith("_") and not hasattr(type(self), name):
                setattr(self, name, self._alone(verb) if callable(verb) else verb)

    def _alone(self, verb: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            assert self._open is None, f"{verb.__name__} was called while a commit was under way"
            return verb(*given, **named)

        return call

    def begin_commit(self, ticket: Ticket, batch: Batch) -> Callable[[], Sequence[int]]:
        """See `BeginsCommits`."""
        assert self._open is None, "a second commit was begun"
        self._open = _ids(batch)
        self.late += 1

        def land() -> Sequence[int]:
            self._open = None
            return self.inner.commit(ticket, batch)

        return land

    def held(self, connector: int, ids: Sequence[str]) -> dict[str, Held]:
        """As the inner ledger."""
        self._see_that_others(ids)
        return self.inner.held(connector, ids)

    def outcomes_of(self, job: int, ids: Sequence[str]) -> dict[str, Kind]:
        """As the inner ledger."""
        self._see_that_others(ids)
        return self.inner.outcomes_of(job, ids)

    def _see_that_others(self, ids: Sequence[str]) -> None:
        assert self._open is None or self._open.isdisjoint(ids), "asked about a document whose commit is under way"


def _ids(batch: Batch) -> set[str]:
    ids = {put.document.id for put in batch.puts} | {mark.held.id for mark in batch.marks}
    ids |= {row.id for row in (*batch.deletes, *batch.forgets)} | {outcome.id for outcome in batch.outcomes}
    return ids.union(*(pasted.sheet.ids for pasted in batch.sheets))
