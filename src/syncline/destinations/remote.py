"""An index whose documents lie elsewhere: the `Ledger` of a store, joined to a `Destination`.

    commit ─▶ ledger: these are not settled ─▶ destination: documents ─▶ ledger: settled, outcomes, checkpoint

A process may die at any place on this way, and a write may have been done or not: the ledger never says of a document
that it is settled unless the destination holds it exactly. A row that is not settled has no version and no fingerprint,
or is one of a document that was not taken so far, so the next job decides for itself to take it again. And a row that
goes away, or tells of a document that is kept out, takes along whatever the destination may hold of it.

Large writes go on while the caller reads and decides (`begin_commit`). All work on the ledger is done in the caller's
thread: SQLite gives up Python's lock with every row, and would wait for it as often.

Where the store lies in the same database as its destination, both are done in one transaction: see `joined.py`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, wait
from dataclasses import replace
from threading import Lock, Thread
from typing import Any, Final, Generic, Protocol, TypeVar

from syncline.model.destinations import Announces, Destination, Pastes, Prepares, Searches, Settles
from syncline.model.documents import Held, State
from syncline.model.errors import UsageError
from syncline.model.news import Names
from syncline.model.outcomes import Kind
from syncline.model.ports import (
    Batch,
    CountsAhead,
    CrashPoint,
    Ledger,
    Mark,
    Resume,
    Tallies,
    Tally,
    Ticket,
    Transform,
    no_crash,
)
from syncline.model.search import Request, Results

T = TypeVar("T")

BESIDE_ROWS = 500  # documents that are written while the caller goes on; fewer are not worth a thread
TURN_S = 0.0005


class FarLedger(Ledger, Announces, Protocol):
    """The ledger of a store."""


class RemoteIndex:
    """A `Ledger`, and what else can be asked of an index. `ledger` is that of the store, used without documents."""

    takes_sheets = True

    def __init__(self, ledger: FarLedger, destination: Destination, crash: CrashPoint = no_crash) -> None:
        self._ledger = ledger
        self.destination = destination
        self._crash = crash
        self._flight: Flight[Any] | None = None

    # --- one attempt -------------------------------------------------------------------------------------------------

    def begin(self, ticket: Ticket) -> Resume:
        """Claim the connector here, and then there: from then on nobody older writes in either place (invariant 2)."""
        self._rest()
        resume = self._ledger.begin(ticket)
        self._crash("remote.begin.before")
        self.destination.begin(ticket, empty=self._ledger.count(ticket.connector)[1] == 0)
        self._crash("remote.begin.after")
        return resume

    def commit(self, ticket: Ticket, batch: Batch) -> list[int]:
        """The documents are durable there before they are settled here (invariant 1)."""
        return list(self.begin_commit(ticket, batch)())

    def begin_commit(self, ticket: Ticket, batch: Batch) -> Callable[[], Sequence[int]]:
        """See `BeginsCommits`."""
        self._rest()
        work = _Write(batch, self._rows_of(ticket, batch))
        if not work:
            seqs = self._ledger.commit(ticket, batch)
            return lambda: seqs
        rows = self._ledger.announce(ticket, work.batch, work.unsettled)
        self._crash("remote.write.before")
        flight = self._flight = Flight(lambda: self._write(ticket, work), beside=work.size >= BESIDE_ROWS)
        return lambda: self._land(ticket, work, rows, flight)

    def _land(self, ticket: Ticket, work: _Write, rows: range, flight: Flight[None]) -> Sequence[int]:
        flight.end()
        self._crash("remote.write.after")
        return work.in_order(self._ledger.commit_announced(ticket, work.batch, rows))

    def _write(self, ticket: Ticket, work: _Write) -> None:
        puts, sheets = work.documents, [pasted.sheet for pasted in work.batch.sheets]
        if not isinstance(self.destination, Pastes):
            puts += [document for sheet in sheets for document in sheet.documents()]
        if puts or work.deletes:
            self.destination.write(ticket, puts, work.deletes)
        if sheets and isinstance(self.destination, Pastes):
            self.destination.paste(ticket, sheets)

    def _rest(self) -> None:
        """Return when nothing is written any more; how that ended is told by landing."""
        if self._flight is not None:
            self._flight.wait()

    def _rows_of(self, ticket: Ticket, batch: Batch) -> Mapping[str, Held]:
        """What the ledger holds now of the documents that have a row."""
        ids = [put.document.id for put in batch.puts if put.seq is not None] + going(batch)
        return self._ledger.held(ticket.connector, ids) if ids else {}

    def settle(self) -> None:
        """Return when the next search finds what was written (invariant 9)."""
        self._rest()
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

    def count_ahead(self, connector: int, recipe: str) -> None:
        if isinstance(self._ledger, CountsAhead):
            self._ledger.count_ahead(connector, recipe)

    def names(self, connector: int) -> Iterator[Names]:
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
        self._rest()
        return self.destination.search(request, connectors)


class _Write:
    """One batch, taken apart. `now`: what the ledger holds of the documents that have a row.

    batch      the same for the ledger: what is deleted and put again in one batch becomes a mark, for its new row can
               only be made when the old one goes.
    documents  those to be put, without those of sheets; `size` counts all of them.
    """

    def __init__(self, batch: Batch, now: Mapping[str, Held]) -> None:
        self._rows = now
        self._gone = [row for row in batch.deletes if _stands(row, now)]
        again = {row.id for row in self._gone}
        self.documents = [put.document for put in batch.puts]
        self.deletes = gone(batch, now)
        self.size = batch.documents
        puts = [one if one.document.id in now else one._replace(seq=None) for one in batch.puts]
        self._later = [at for at, one in enumerate(puts) if one.document.id in again]
        marks = [Mark(puts[at].row(batch.recipe)._replace(seq=0), None) for at in self._later]
        puts = [one for one in puts if one.document.id not in again]
        self.batch = replace(batch, puts=puts, marks=marks + batch.marks)

    def __bool__(self) -> bool:
        return bool(self.size or self.deletes)

    @property
    def unsettled(self) -> list[Mark]:
        """The rows that must not be believed from here on."""
        known = [self._rows[put.document.id] for put in self.batch.puts if put.seq is not None]
        return [Mark(row._replace(version=None, fingerprint=b""), row.seq) for row in (*self._gone, *known)]

    def in_order(self, seqs: list[int]) -> list[int]:
        """The seqs of puts, sheets and marks, as the batch was given."""
        start = len(seqs) - len(self.batch.marks)
        later, rest = seqs[start : start + len(self._later)], seqs[:start] + seqs[start + len(self._later) :]
        for at, seq in zip(self._later, later, strict=True):
            rest.insert(at, seq)
        return rest


def going(batch: Batch) -> list[str]:
    """Ids of rows that go away, or tell of a document that is kept out."""
    ids = [row.id for row in (*batch.deletes, *batch.forgets)]
    return ids + [mark.held.id for mark in batch.marks if mark.seq is not None and mark.held.state != State.LIVE]


def gone(batch: Batch, now: Mapping[str, Held]) -> list[str]:
    """Ids of what must not be at the destination any more. A row without a document may tell of one that is there all
    the same: an attempt that died, or another way to write, has left it. `now`: what the ledger holds of `going`."""
    ids = [row.id for row in (*batch.deletes, *batch.forgets) if _stands(row, now)]
    for mark in batch.marks:
        held = now.get(mark.held.id)
        if mark.seq is not None and mark.held.state != State.LIVE and held is not None and held.state != State.LIVE:
            ids.append(held.id)
    put = {put.document.id for put in batch.puts}
    return [id for id in dict.fromkeys(ids) if id not in put]


def _stands(row: Held, now: Mapping[str, Held]) -> bool:
    held = now.get(row.id)
    return held is not None and held.seq == row.seq


class Flight(Generic[T]):
    """Something that is done now, or beside the caller; what it comes to is told when it is waited for."""

    def __init__(self, action: Callable[[], T], *, beside: bool) -> None:
        self._action = action
        self._future: Future[T] = Future()
        if beside:
            Thread(target=self._run_beside, name="syncline-write", daemon=True).start()
        else:
            self._run()

    def _run(self) -> None:
        try:
            self._future.set_result(self._action())
        except BaseException as error:
            self._future.set_exception(error)

    def _run_beside(self) -> None:
        with _TURNS:
            self._run()

    def wait(self) -> None:
        """Return when it is done, however it ended."""
        wait([self._future])

    def end(self) -> T:
        """What it came to. Raises what it raised."""
        return self._future.result()


class _ShortTurns:
    """While something is written beside a job, threads take Python's lock in shorter turns: whoever feeds a connection
    needs it for a moment, and often, and would wait 5 ms each time."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._inside = 0
        self._before = 0.0

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._before = sys.getswitchinterval()
                sys.setswitchinterval(min(self._before, TURN_S))
            self._inside += 1

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                sys.setswitchinterval(self._before)


_TURNS: Final = _ShortTurns()
