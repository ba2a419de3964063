"""An index whose documents lie elsewhere: the `Ledger` of a store, joined to a `Destination`.

    commit ─▶ ledger: these are not settled ─▶ destination: documents ─▶ ledger: settled, outcomes, checkpoint

A process may die at any place on this way, and a write may have been done or not: the ledger never says of a document
that it is settled unless the destination holds it exactly. A row that is not settled has no version and no fingerprint
(or is one of a document that was not taken so far), so the next job decides for itself to take it again. And a row that
goes away, or tells of a document that is kept out, takes along whatever the destination may hold of it.

A store that lies in the same database as its destination could do both in one transaction: that is another class with
the same verbs, chosen in `wiring.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from syncline.model.destinations import Destination, Prepares, Searches, Settles
from syncline.model.documents import Held, State
from syncline.model.errors import UsageError
from syncline.model.outcomes import Kind
from syncline.model.ports import Batch, CrashPoint, Ledger, Mark, Resume, Tallies, Tally, Ticket, Transform, no_crash
from syncline.model.search import Request, Results

UNSETTLED = ""


class RemoteIndex:
    """A `Ledger`, and what else can be asked of an index. `ledger` is that of the store, used without documents."""

    def __init__(self, ledger: Ledger, destination: Destination, crash: CrashPoint = no_crash) -> None:
        self._ledger = ledger
        self.destination = destination
        self._crash = crash

    # --- one attempt -------------------------------------------------------------------------------------------------

    def begin(self, ticket: Ticket) -> Resume:
        """Claim the connector here, and then there: from then on nobody older writes in either place (invariant 2)."""
        resume = self._ledger.begin(ticket)
        self._crash("remote.begin.before")
        self.destination.begin(ticket, empty=self._ledger.count(ticket.connector)[1] == 0)
        self._crash("remote.begin.after")
        return resume

    def commit(self, ticket: Ticket, batch: Batch) -> list[int]:
        """The documents are durable there before they are settled here (invariant 1)."""
        work = _Write(batch, self._rows_of(ticket, batch))
        if not work:
            return self._ledger.commit(ticket, batch)
        unsettled = self._ledger.commit(ticket, Batch(marks=work.unsettled))
        self._crash("remote.write.before")
        self.destination.write(ticket, [put.document for put in batch.puts], work.deletes)
        self._crash("remote.write.after")
        return self._ledger.commit(ticket, work.settled(unsettled))

    def _rows_of(self, ticket: Ticket, batch: Batch) -> Mapping[str, Held]:
        """What the ledger holds now of the documents that have a row."""
        ids = [put.document.id for put in batch.puts if put.seq is not None]
        ids += [row.id for row in (*batch.deletes, *batch.forgets)]
        ids += [mark.held.id for mark in batch.marks if mark.seq is not None and mark.held.state != State.LIVE]
        return self._ledger.held(ticket.connector, ids) if ids else {}

    def settle(self) -> None:
        """Return when the next search finds what was written (invariant 9)."""
        if isinstance(self.destination, Settles):
            self.destination.settle()

    # --- the ledger, as it is ----------------------------------------------------------------------------------------

    def peek(self, connector: int) -> Resume:
        """See `Ledger`; so with all below."""
        return self._ledger.peek(connector)

    def held(self, connector: int, ids: Sequence[str]) -> dict[str, Held]:
        return self._ledger.held(connector, ids)

    def count(self, connector: int) -> tuple[int, int]:
        return self._ledger.count(connector)

    def rows(self, connector: int, batch: int = 5000) -> Iterator[list[Held]]:
        return self._ledger.rows(connector, batch)

    def tally(self, connector: int, recipe: str) -> Tally | None:
        return self._ledger.tally(connector, recipe) if isinstance(self._ledger, Tallies) else None

    def names(self, connector: int) -> Iterator[Sequence[tuple[int, str]]]:
        assert isinstance(self._ledger, Tallies)  # else there is no tally, and nobody asks
        return self._ledger.names(connector)

    def rows_that(self, connector: int, choose: Callable[[Sequence[int]], list[int]]) -> Iterator[list[Held]]:
        if isinstance(self._ledger, Tallies):
            yield from self._ledger.rows_that(connector, choose)
            return
        for rows in self._ledger.rows(connector):
            chosen = set(choose([row.seq for row in rows]))
            yield [row for row in rows if row.seq in chosen]

    def rows_at(self, connector: int, seqs: Sequence[int]) -> list[Held]:
        assert isinstance(self._ledger, Tallies)
        return self._ledger.rows_at(connector, seqs)

    def outcomes_of(self, job: int, ids: Sequence[str]) -> dict[str, Kind]:
        return self._ledger.outcomes_of(job, ids)

    def withhold(self, ticket: Ticket, seqs: Sequence[int], reason: str) -> None:
        self._ledger.withhold(ticket, seqs, reason)

    def withheld_count(self, connector: int) -> int:
        return self._ledger.withheld_count(connector)

    def approved(self, connector: int) -> frozenset[int]:
        return self._ledger.approved(connector)

    # --- what else an index is asked ----------------------------------------------------------------------------------

    def transforms(self) -> Sequence[Transform]:
        """What changed documents go through because of the destination."""
        return self.destination.transforms() if isinstance(self.destination, Prepares) else ()

    def search(self, request: Request, connectors: Mapping[int, str]) -> Results:
        """See `Searches`. Raises UsageError when the destination answers no searches."""
        if not isinstance(self.destination, Searches):
            raise UsageError(
                "this index is searched where its documents are: its destination answers no searches",
                code="destination.no_search",
                remedy="Ask the destination itself.",
            )
        return self.destination.search(request, connectors)


class _Write:
    """One batch, taken apart. `rows`: what the ledger holds now of the documents that have a row."""

    def __init__(self, batch: Batch, rows: Mapping[str, Held]) -> None:
        self._batch = batch
        self._rows = rows
        self._gone = [row for row in batch.deletes if self._stands(row)]
        kept_out = [mark.held.id for mark in batch.marks if self._is_kept_out(mark)]
        forgotten = [row.id for row in batch.forgets if self._stands(row)]
        put = {one.document.id for one in batch.puts}
        gone = dict.fromkeys([*(row.id for row in self._gone), *forgotten, *kept_out])
        self.deletes = [id for id in gone if id not in put]
        self._again = {row.id for row in self._gone}  # deleted, and perhaps put again, with another row

    def __bool__(self) -> bool:
        return bool(self._batch.puts or self.deletes)

    @property
    def unsettled(self) -> list[Mark]:
        """The rows that must not be believed from here on. New documents get theirs."""
        marks = [_unsettled(row) for row in self._gone]
        for document, _, seq in self._batch.puts:
            if document.id in self._again:
                continue
            if seq is not None and document.id in self._rows:
                marks.append(_unsettled(self._rows[document.id]))
            else:
                marks.append(Mark(Held(0, document.id, None, b"", UNSETTLED, State.FAILED), None))
        return marks

    def settled(self, seqs: Sequence[int]) -> Batch:
        """The batch without documents; `seqs` are those of `unsettled`."""
        numbers = iter(seqs[len(self._gone) :])
        marks = []
        for document, fingerprint, seq in self._batch.puts:
            if document.id not in self._again:
                seq = next(numbers)
            row = Held(seq or 0, document.id, document.version, fingerprint, self._batch.recipe, State.LIVE)
            marks.append(Mark(row, seq))
        return replace(self._batch, puts=[], marks=marks + self._batch.marks)

    def _stands(self, row: Held) -> bool:
        held = self._rows.get(row.id)
        return held is not None and held.seq == row.seq

    def _is_kept_out(self, mark: Mark) -> bool:
        """Whether a document that has a row is not to be there. What an attempt has written that died may be."""
        if mark.seq is None or mark.held.state == State.LIVE:
            return False
        held = self._rows.get(mark.held.id)
        return held is not None and held.state != State.LIVE


def _unsettled(row: Held) -> Mark:
    return Mark(row._replace(version=None, fingerprint=b""), row.seq)
