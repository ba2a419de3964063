"""A Ledger of plain dicts: the model that property tests compare every store with.

It is strict where a store may be lenient: a put or a mark that contradicts the ledger is an InternalError, so that a
mistake of the engine shows where it is made.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from syncline.model.documents import Document, Held, State
from syncline.model.errors import InternalError, JobFenced
from syncline.model.outcomes import Counters, Kind, Outcome
from syncline.model.ports import Batch, CrashPoint, Put, Resume, Ticket, no_crash


@dataclass
class Desk:
    """What is kept for one connector. The first block belongs to one job, the second to the connector."""

    fence: int = 0
    job: int = 0
    counted: bytes = b""
    counters: Counters = field(default_factory=Counters)
    job_cursor: str | None = None

    feed_cursor: str | None = None
    anchor: str = ""
    memory: Mapping[str, Any] | None = None
    rows: dict[str, Held] = field(default_factory=dict)
    documents: dict[str, Document] = field(default_factory=dict)
    withheld: dict[int, str] = field(default_factory=dict)  # reason, by seq
    approved: frozenset[int] = frozenset()

    def forget_job(self) -> None:
        """Drop what belongs to one job."""
        self.counted, self.counters, self.job_cursor = b"", Counters(), None


@dataclass
class IndexMemory:
    """Everything durable of one index. Several ledgers may be opened on the same one, as on a file."""

    desks: dict[int, Desk] = field(default_factory=dict)
    outcomes: dict[int, dict[str, Outcome]] = field(default_factory=dict)
    last_seq: int = 0


class MemoryLedger:
    """A Ledger over an IndexMemory. begin, commit and withhold pass the crash points "ledger.VERB.before" and ".after".

    settled  how often `settle` was called.
    """

    takes_sheets = True

    def __init__(self, index: IndexMemory | None = None, *, crash: CrashPoint = no_crash) -> None:
        self.index = IndexMemory() if index is None else index
        self.settled = 0
        self._crash = crash

    # --- what tests look at

    def documents(self, connector: int) -> dict[str, Document]:
        """The connector's documents by id: what a search would find."""
        return dict(self._desk(connector).documents)

    def ledger(self, connector: int) -> dict[str, Held]:
        """Every ledger row of the connector, by id."""
        return dict(self._desk(connector).rows)

    def outcomes(self, job: int) -> dict[str, Outcome]:
        """What the job recorded, by id."""
        return dict(self.index.outcomes.get(job, {}))

    def withheld(self, connector: int) -> dict[str, str]:
        """Ids whose deletion is withheld, with the reason, approved or not."""
        desk = self._desk(connector)
        return {row.id: desk.withheld[row.seq] for row in desk.rows.values() if row.seq in desk.withheld}

    def approve(self, connector: int) -> int:
        """Approve every deletion that is withheld now; returns how many."""
        desk = self._desk(connector)
        desk.approved = frozenset(desk.withheld)
        return len(desk.approved)

    # --- the port

    def begin(self, ticket: Ticket) -> Resume:
        """Claim the connector for this attempt. Raises JobFenced when a later attempt has begun."""
        desk = self._desk(ticket.connector)
        if ticket.fence < desk.fence:
            raise JobFenced(f"attempt {ticket.fence} comes after attempt {desk.fence}")
        self._crash("ledger.begin.before")
        if ticket.job != desk.job:
            desk.forget_job()
        desk.fence, desk.job = ticket.fence, ticket.job
        self.index.desks[ticket.connector] = desk
        self._crash("ledger.begin.after")
        return _resume(desk)

    def peek(self, connector: int) -> Resume:
        """What `begin` would say to a new job; claims and writes nothing."""
        desk = copy.copy(self._desk(connector))
        desk.forget_job()
        return _resume(desk)

    def held(self, connector: int, ids: Sequence[str]) -> dict[str, Held]:
        """The ledger rows of those ids; absent ones are left out."""
        rows = self._desk(connector).rows
        return {id: rows[id] for id in ids if id in rows}

    def count(self, connector: int) -> tuple[int, int]:
        """(all ledger rows, those with a document)."""
        desk = self._desk(connector)
        return len(desk.rows), len(desk.documents)

    def rows(self, connector: int, batch: int = 5000) -> Iterator[list[Held]]:
        """Every ledger row in order of seq, in batches. Rows may be removed while it runs."""
        last = 0
        while True:
            ahead = sorted(held for held in self._desk(connector).rows.values() if held.seq > last)[:batch]
            if not ahead:
                return
            last = ahead[-1].seq
            yield ahead

    def outcomes_of(self, job: int, ids: Sequence[str]) -> dict[str, Kind]:
        """What this job has already recorded of those ids."""
        recorded = self.index.outcomes.get(job, {})
        return {id: recorded[id].kind for id in ids if id in recorded}

    def commit(self, ticket: Ticket, batch: Batch) -> list[int]:
        """Make all of the batch durable or none of it. Raises JobFenced for any attempt but the one that began last."""
        desk = self._fenced(ticket)
        self._crash("ledger.commit.before")
        fresh = copy.copy(desk)
        fresh.rows, fresh.documents = dict(desk.rows), dict(desk.documents)
        numbers = itertools.count(self.index.last_seq + 1)
        seqs = _apply(fresh, batch, numbers)
        _remember(fresh, batch, seqs)
        self.index.last_seq = next(numbers) - 1
        self.index.desks[ticket.connector] = fresh  # from here on it is durable
        recorded = self.index.outcomes.setdefault(ticket.job, {})
        recorded.update({outcome.id: outcome for outcome in batch.outcomes})
        for sheet, _ in batch.sheets:
            recorded.update({id: Outcome(id, Kind.INSERTED, "index") for id in sheet.ids})
        self._crash("ledger.commit.after")
        return seqs

    def withhold(self, ticket: Ticket, seqs: Sequence[int], reason: str) -> None:
        """Replace the connector's list of withheld deletions; none of them is approved."""
        desk = self._fenced(ticket)
        self._crash("ledger.withhold.before")
        desk.withheld, desk.approved = dict.fromkeys(seqs, reason), frozenset()
        self._crash("ledger.withhold.after")

    def withheld_count(self, connector: int) -> int:
        """How many deletions are withheld. Approved ones count until the list is replaced."""
        return len(self._desk(connector).withheld)

    def approved(self, connector: int) -> frozenset[int]:
        """Ledger rows whose deletion was withheld and has been approved since."""
        return self._desk(connector).approved

    def settle(self) -> None:
        """Nothing is ever behind."""
        self.settled += 1

    def close(self) -> None:
        """Nothing to let go of."""

    def _desk(self, connector: int) -> Desk:
        return self.index.desks.get(connector) or Desk()

    def _fenced(self, ticket: Ticket) -> Desk:
        desk = self._desk(ticket.connector)
        if ticket.fence != desk.fence or ticket.job != desk.job:
            raise JobFenced(f"attempt {ticket.fence} of job {ticket.job} is not the one that began last")
        return desk


def _resume(desk: Desk) -> Resume:
    return Resume(
        desk.counted,
        Counters(desk.counters.as_dict()),
        desk.job_cursor,
        desk.feed_cursor,
        desk.anchor,
        copy.deepcopy(desk.memory),
    )


def _apply(desk: Desk, batch: Batch, numbers: Iterator[int]) -> list[int]:
    """Removals first, then puts, sheets and marks; returns the seq of each put, document and mark."""
    for gone in (*batch.deletes, *batch.forgets):
        row = desk.rows.get(gone.id)
        if row is not None and row.seq == gone.seq:
            del desk.rows[gone.id]
            desk.documents.pop(gone.id, None)
    seqs = []
    for put in (*batch.puts, *_puts_of(batch)):
        document = put.document
        seq = _seq(desk, document.id, put.seq, numbers)
        desk.rows[document.id] = Held(seq, document.id, document.version, put.fingerprint, batch.recipe, State.LIVE)
        desk.documents[document.id] = replace(document, metadata=copy.deepcopy(document.metadata))
        seqs.append(seq)
    for mark in batch.marks:
        seq = _seq(desk, mark.held.id, mark.seq, numbers)
        if (mark.held.state == State.LIVE) != (mark.held.id in desk.documents):
            raise InternalError(f"{mark!r} contradicts the documents: a mark neither writes nor removes one")
        desk.rows[mark.held.id] = mark.held._replace(seq=seq)
        seqs.append(seq)
    return seqs


def _puts_of(batch: Batch) -> Iterator[Put]:
    for sheet, fingerprints in batch.sheets:
        yield from map(Put, sheet.documents(), fingerprints, itertools.repeat(None))


def _seq(desk: Desk, id: str, given: int | None, numbers: Iterator[int]) -> int:
    """The row's number: the one it has, or a new one. Raises InternalError when the caller is wrong about it."""
    row = desk.rows.get(id)
    if given != (None if row is None else row.seq):
        raise InternalError(f"{id!r} is written as row {given}, and the ledger holds {row}")
    return next(numbers) if given is None else given


def _remember(desk: Desk, batch: Batch, seqs: Sequence[int]) -> None:
    """Keep the checkpoint of a batch. What a batch leaves out (None) stays as it is."""
    desk.counters = desk.counters if batch.counters is None else Counters(batch.counters.as_dict())
    desk.counted = desk.counted if batch.counted is None else batch.counted(seqs)
    desk.job_cursor = desk.job_cursor if batch.job_cursor is None else batch.job_cursor
    desk.feed_cursor = desk.feed_cursor if batch.feed_cursor is None else batch.feed_cursor
    desk.anchor = desk.anchor if batch.anchor is None else batch.anchor
    desk.memory = desk.memory if batch.memory is None else copy.deepcopy(batch.memory)
