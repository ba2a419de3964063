"""The end of a listing: what was not seen is deleted when that is proved, and withheld when it would be a surprise.

Two passes over the ledger's numbers: the first only counts, so that the guard can judge before anything is deleted.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass

from syncline.engine.desk import Desk
from syncline.engine.river import River
from syncline.engine.work import Work
from syncline.model.documents import Held, State
from syncline.model.news import Complete
from syncline.model.ports import Resume, Tallies
from syncline.planning.deletions import Absence, place_is_trusted, shortest_prefixes

ELSEWHERE = "the place that was listed is not the one listed before, and most documents were not found in it"
ROWS_AT_ONCE = 5000
GONE = "not in the listing any more"


@dataclass(slots=True)
class Verdict:
    """What the first pass found: of `live` documents `unseen` were not listed, `candidates` of them are provably gone,
    and `approved` of those have been approved."""

    live: int = 0
    unseen: int = 0
    candidates: int = 0
    approved: int = 0
    trusted: bool = True


class Sweep:
    """Acts on absence, once the source has said Complete. `withheld` counts what waits for approval afterwards."""

    def __init__(self, work: Work, desk: Desk, river: River, resume: Resume) -> None:
        self._work = work
        self._connector = work.ticket.connector
        self._desk = desk
        self._river = river
        self._anchor = resume.anchor
        self._absence = Absence(True, True, shortest_prefixes(news.prefix for news in river.blind))
        self._approved = work.ledger.approved(self._connector)
        self._waiting = array("q")
        self._reason = ""
        self.trusted = True  # the place that was listed is believed to be the one that is held

    @property
    def withheld(self) -> int:
        """Deletions that wait for approval."""
        return len(self._waiting)

    def run(self, complete: Complete) -> None:
        """Delete, withhold or keep every document that was not seen. Nothing may be waiting to be committed."""
        rows, live = self._counts()
        known = self._desk.unseen  # then `named` counts numbers that no row has any more
        nothing_left = self._desk.named == rows if known is None else not known.seqs
        all_named = self._desk.fresh and not self._river.ruled_out and nothing_left
        if not (self._desk.everything_seen or all_named):
            self._desk.list_again = True
            verdict = self._judge(live, complete.anchor)
            self._act(verdict)
            self.trusted = verdict.trusted
        if self._waiting or self._work.ledger.withheld_count(self._connector):
            self._desk.flush()
            self._work.ledger.withhold(self._work.ticket, self._waiting, self._reason)

    def _counts(self) -> tuple[int, int]:
        """(ledger rows, those with a document); nobody asks when all of them were seen."""
        if self._desk.everything_seen:
            return 0, 0
        known = self._desk.unseen
        return (known.rows, known.rows) if known is not None else self._work.ledger.count(self._connector)

    def _unseen(self) -> Iterator[Held]:
        seen, ledger, known = self._desk.seen, self._work.ledger, self._desk.unseen
        if known is not None and not self._river.ruled_out and isinstance(ledger, Tallies):
            left = seen.without(known.seqs)
            for start in range(0, len(left), ROWS_AT_ONCE):
                self._river.check_stop()
                yield from ledger.rows_at(self._connector, left[start : start + ROWS_AT_ONCE])
            return
        if isinstance(ledger, Tallies):
            for rows in ledger.rows_that(self._connector, seen.without):
                self._river.check_stop()
                yield from rows
            return
        for rows in ledger.rows(self._connector):
            self._river.check_stop()
            for row in rows:
                if row.seq not in seen:
                    yield row

    def _judge(self, live: int, anchor: str) -> Verdict:
        verdict = Verdict(live=live)
        for row in self._unseen():
            if row.state == State.LIVE:
                verdict.unseen += row.seq not in self._river.ruled_out
                if self._is_gone(row):
                    verdict.candidates += 1
                    verdict.approved += row.seq in self._approved
        found = max(0, live - verdict.unseen - self._desk.carried)
        verdict.trusted = place_is_trusted(anchor, self._anchor, live, found)
        return verdict

    def _is_gone(self, row: Held) -> bool:
        return row.seq in self._river.ruled_out or self._absence.proves(row.id)

    def _act(self, verdict: Verdict) -> None:
        others = verdict.candidates - verdict.approved
        delete_others = verdict.trusted and not self._work.guard.withholds(others, verdict.live)
        if others and not delete_others:
            self._reason = self._why(verdict, others)
        for row in self._unseen():
            if not self._is_gone(row):
                if row.state == State.LIVE:
                    self._desk.keep(row.seq)
            elif row.state != State.LIVE:
                self._desk.forget(row)
            elif delete_others or row.seq in self._approved:
                self._delete(row)
            else:
                self._waiting.append(row.seq)
                self._desk.withhold(row, self._reason)

    def _delete(self, row: Held) -> None:
        rule = self._river.ruled_out.get(row.seq)
        if rule is None:
            self._desk.delete(row, GONE)
        else:
            self._desk.delete_filtered(row._replace(version=rule.version), rule.rule, rule.code, rule.recipe)

    def _why(self, verdict: Verdict, others: int) -> str:
        if not verdict.trusted:
            return ELSEWHERE
        guard = self._work.guard
        return (
            f"{others} of {verdict.live} documents would go: more than {guard.max_deletes} "
            f"and more than {guard.max_percent:g} %"
        )
