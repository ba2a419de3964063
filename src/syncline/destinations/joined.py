"""An index whose documents lie in the database of the store: one transaction instead of three.

    commit ─▶ begin ─▶ ledger, outcomes, checkpoint ─▶ documents ─▶ commit

A process may die at any place: afterwards both are there, or neither. So no row has to be marked as not settled before
its document is written. Whether the two lie together is asked of the servers whenever an attempt begins. When they do
not, or when the user of the store may not write there, the index is what it would be without this: a `RemoteIndex`.

Large writes go on beside the caller, on a connection of their own, while the caller reads and decides.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final

from syncline.destinations.remote import BESIDE_ROWS, Flight, RemoteIndex, going, gone
from syncline.model.destinations import Joins, Shares, Transaction
from syncline.model.errors import DestinationError, SynclineError
from syncline.model.ports import Batch, Resume, Ticket

PAUSES_S: Final = (0.1, 0.5, 2.0)  # before a transaction is tried again that the database has given up
CONFLICT: Final = "destination.conflict"
DENIED: Final = "destination.permission_denied"
NOT_BEGUN: Final = "no job has begun"
ONE_BY_ONE: Final = "documents and ledger are written one after the other, not in one transaction"


class JoinedIndex(RemoteIndex):
    """For a ledger and a destination that `pair` finds a match. `apart`: why they are not written together, for people;
    empty when they are."""

    apart: str = NOT_BEGUN
    sleep: Callable[[float], None] = staticmethod(time.sleep)
    _untold: Sequence[str] = ()

    def begin(self, ticket: Ticket) -> Resume:
        """See `RemoteIndex.begin`."""
        first = not self._ledger.count(ticket.connector)[0]
        resume = super().begin(ticket)
        self.apart = self.why_apart()
        self._untold = _told(self.apart) if first else []
        return resume

    def remarks(self) -> list[str]:
        """See `Remarks`: said when a connector begins its first job, and not again."""
        untold, self._untold = self._untold, ()
        return list(untold)

    def notes(self) -> list[str]:
        """Why the two are not written together as things are now; nothing when they are."""
        return _told(self.why_apart())

    def why_apart(self) -> str:
        """Why the two cannot be written together now; empty when they can. Never raises for what it may meet."""
        both = pair(self._ledger, self.destination)
        if both is None:
            return "store and destination are not of one kind"
        ledger, destination = both
        try:
            return ledger.ask_with(destination.why_apart)
        except SynclineError as error:
            return error.message

    def begin_commit(self, ticket: Ticket, batch: Batch) -> Callable[[], Sequence[int]]:
        """Documents, ledger, outcomes and checkpoint: all of them or nothing (invariants 1 and 2)."""
        if self.apart:
            return super().begin_commit(ticket, batch)
        self._rest()
        ids = going(batch)
        deletes = gone(batch, self._ledger.held(ticket.connector, ids)) if ids else []
        if not (batch.documents or deletes):
            seqs = self._ledger.commit(ticket, batch)
            return lambda: seqs
        beside = batch.documents >= BESIDE_ROWS
        flight = self._flight = Flight(lambda: self._commit_both(ticket, batch, deletes), beside=beside)
        return lambda: self._landed(ticket, batch, flight)

    def _landed(self, ticket: Ticket, batch: Batch, flight: Flight[list[int]]) -> Sequence[int]:
        try:
            return flight.end()
        except DestinationError as error:
            if error.code != DENIED:
                raise
            self.apart = error.message  # a right was taken away; nothing has been written
        return super().commit(ticket, batch)

    def _commit_both(self, ticket: Ticket, batch: Batch, deletes: list[str]) -> list[int]:
        both = pair(self._ledger, self.destination)
        assert both is not None  # else they are apart
        ledger, destination = both
        documents, sheets = [put.document for put in batch.puts], [pasted.sheet for pasted in batch.sheets]
        part = destination.part(ticket, documents, sheets, deletes)

        def watched(transaction: Transaction) -> None:
            self._crash("joined.write.before")
            part(transaction)
            self._crash("joined.write.after")

        for pause_s in PAUSES_S:
            try:
                return ledger.commit_with(ticket, batch, watched)
            except DestinationError as error:
                if error.code != CONFLICT:
                    raise
            self.sleep(pause_s)
        return ledger.commit_with(ticket, batch, watched)


def _told(why: str) -> list[str]:
    return [f"{ONE_BY_ONE}: {why}"] if why else []


def pair(ledger: object, destination: object) -> tuple[Shares, Joins] | None:
    """The two, if it is worth asking the servers whether they lie together."""
    if isinstance(ledger, Shares) and isinstance(destination, Joins) and ledger.driver == destination.driver:
        return ledger, destination
    return None
