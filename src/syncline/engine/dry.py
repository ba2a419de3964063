"""The same river with the last step replaced by a report (invariant 10): a ledger that writes nothing down."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from syncline.engine.job import run_job
from syncline.engine.work import Work
from syncline.model.documents import Held
from syncline.model.errors import InternalError
from syncline.model.news import Names
from syncline.model.outcomes import Kind
from syncline.model.ports import Batch, Ledger, Resume, Tallies, Tally, Ticket
from syncline.model.reports import Plan

NEW = "new"


def plan_job(work: Work) -> Plan:
    """What `run_job(work)` would do, without doing it. Raises the SynclineError that would end the job."""
    dry = DryLedger(work.ledger)
    ending = run_job(replace(work, ledger=dry))
    if ending.error is not None:
        raise ending.error
    plan = dry.plan
    plan.keep, plan.filtered = ending.counters.kept, ending.counters.filtered
    plan.notes, plan.missed, plan.complete = [*ending.remarks, *ending.notes], ending.notes, not ending.notes
    return plan


class DryLedger:
    """Answers as `inner` would, remembers in memory what a job would have written, and makes a Plan of it."""

    def __init__(self, inner: Ledger) -> None:
        self._inner = inner
        self._rows: dict[str, Held | None] = {}
        self.plan = Plan()

    def begin(self, ticket: Ticket) -> Resume:
        """What a new job would start from."""
        return self._inner.peek(ticket.connector)

    def peek(self, connector: int) -> Resume:
        """The same."""
        return self._inner.peek(connector)

    def held(self, connector: int, ids: Sequence[str]) -> dict[str, Held]:
        """The rows as they would be by now."""
        held = self._inner.held(connector, ids)
        for id in ids if self._rows else ():
            if id in self._rows:
                row = self._rows[id]
                if row is None:
                    held.pop(id, None)
                else:
                    held[id] = row
        return held

    def count(self, connector: int) -> tuple[int, int]:
        """Of the real ledger."""
        return self._inner.count(connector)

    def tally(self, connector: int, recipe: str) -> Tally | None:
        """Of the real ledger, if it can tell."""
        return self._inner.tally(connector, recipe) if isinstance(self._inner, Tallies) else None

    def names(self, connector: int) -> Iterator[Names]:
        """Of the real ledger."""
        assert isinstance(self._inner, Tallies)  # else there is no tally, and nobody asks
        return self._inner.names(connector)

    def rows_that(self, connector: int, choose: Callable[[Sequence[int]], list[int]]) -> Iterator[list[Held]]:
        """Of the real ledger."""
        if isinstance(self._inner, Tallies):
            yield from self._inner.rows_that(connector, choose)
            return
        for rows in self._inner.rows(connector):
            chosen = set(choose([row.seq for row in rows]))
            yield [row for row in rows if row.seq in chosen]

    def rows_at(self, connector: int, seqs: Sequence[int]) -> list[Held]:
        """Of the real ledger."""
        assert isinstance(self._inner, Tallies)
        return self._inner.rows_at(connector, seqs)

    def rows(self, connector: int, batch: int = 5000) -> Iterator[list[Held]]:
        """Of the real ledger."""
        return self._inner.rows(connector, batch)

    def approved(self, connector: int) -> frozenset[int]:
        """Of the real ledger."""
        return self._inner.approved(connector)

    def withheld_count(self, connector: int) -> int:
        """None here: there is nothing to replace."""
        return 0

    def withhold(self, ticket: Ticket, seqs: Sequence[int], reason: str) -> None:
        """The outcomes have told of them already."""

    def outcomes_of(self, job: int, ids: Sequence[str]) -> dict[str, Kind]:
        """Nothing is on record."""
        return {}

    def commit(self, ticket: Ticket, batch: Batch) -> list[int]:
        """Note it down in the plan."""
        for put in batch.puts:
            self._rows[put.document.id] = put.row(batch.recipe)
        for gone in (*batch.deletes, *batch.forgets):
            self._rows[gone.id] = None
        for mark in batch.marks:
            self._rows[mark.held.id] = mark.held._replace(seq=mark.seq or 0)
        self._note(batch)
        return [put.seq or 0 for put in batch.puts] + [mark.seq or 0 for mark in batch.marks]

    def settle(self) -> None:
        """Nothing was written."""

    def _note(self, batch: Batch) -> None:
        plan = self.plan
        lists = {
            Kind.INSERTED: plan.insert,
            Kind.UPDATED: plan.update,
            Kind.DELETED: plan.delete,
            Kind.WITHHELD: plan.withhold,
            Kind.FAILED: plan.fail,
        }
        for outcome in batch.outcomes:
            target = lists.get(outcome.kind)
            if target is not None:
                target.append(outcome.id)
                plan.reasons[outcome.id] = outcome.message or NEW


class EmptyLedger:
    """The ledger of an index that does not exist yet: it holds nothing and takes nothing."""

    def begin(self, ticket: Ticket) -> Resume:
        """Nothing was left behind."""
        return Resume()

    def peek(self, connector: int) -> Resume:
        """Nothing was left behind."""
        return Resume()

    def held(self, connector: int, ids: Sequence[str]) -> dict[str, Held]:
        """Nothing."""
        return {}

    def count(self, connector: int) -> tuple[int, int]:
        """Nothing."""
        return 0, 0

    def rows(self, connector: int, batch: int = 5000) -> Iterator[list[Held]]:
        """Nothing."""
        return iter(())

    def outcomes_of(self, job: int, ids: Sequence[str]) -> dict[str, Kind]:
        """Nothing."""
        return {}

    def commit(self, ticket: Ticket, batch: Batch) -> list[int]:
        """There is nowhere to write. Raises InternalError."""
        raise InternalError("an index that does not exist cannot be written")

    def withhold(self, ticket: Ticket, seqs: Sequence[int], reason: str) -> None:
        """Nothing can be withheld."""

    def withheld_count(self, connector: int) -> int:
        """Nothing."""
        return 0

    def approved(self, connector: int) -> frozenset[int]:
        """Nothing."""
        return frozenset()

    def settle(self) -> None:
        """Nothing to wait for."""
