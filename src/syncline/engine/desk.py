"""Where documents are counted and batches become durable.

Each document ends in one outcome per job (invariant 5), however often it comes up: `counted` remembers whom this job
has counted, over kills and resumes, because it is committed together with the counters and the rows it speaks of.
`seen` remembers whom this listing has named, and proves absence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from syncline.engine.work import Work
from syncline.model.documents import Document, Held, State
from syncline.model.errors import SynclineError
from syncline.model.news import Complete, Names
from syncline.model.outcomes import Counters, Kind, Outcome, combine
from syncline.model.ports import Batch, BeginsCommits, Mark, Pasted, Put, Resume, Tallies
from syncline.model.sheets import Sheet
from syncline.planning.absence import difference
from syncline.planning.deletions import place_in_progress
from syncline.planning.seen import Seen

BATCH_ROWS = 2000
BATCH_BYTES = 4 << 20
BATCH_S = 0.25
PASTED_ROWS = 25_000  # the same for new documents that come by column
PASTED_BYTES = 16 << 20
PASTED_S = 1.0
CLOCK_EVERY = 8  # rows between two looks at the clock
HELD_AT_ONCE = 5000

FROM_THE_START = ""

# Keeping costs no write, so it leaves no outcome behind; the row's state says what was counted.
_UNRECORDED = {State.LIVE: Kind.KEPT, State.FILTERED: Kind.FILTERED, State.FAILED: Kind.FAILED}


class Rest(NamedTuple):
    """Ledger rows that were not seen: how many, and a number that none of them exceeds."""

    rows: int
    highest: int


class Unseen(NamedTuple):
    """Ledger rows that were not seen, by seq in order, and how many rows there are; each has a document."""

    seqs: Sequence[int]
    rows: int


class Flight(NamedTuple):
    """A commit under way: what waits for its end, what had been counted before it, and the ids it is about."""

    land: Callable[[], Sequence[int]]
    before: dict[str, int]
    ids: set[str]


class Desk:
    """Collects what was decided, counts it, and commits it in batches, one of which may be on its way while the next
    one is collected."""

    def __init__(self, work: Work, resume: Resume) -> None:
        self._work = work
        self._ledger = work.ledger
        self._connector = work.ticket.connector
        self._recipe = work.recipe
        self.counters = resume.counters
        self.counted = Seen.from_bytes(resume.counted)
        # Without a cursor the source is listed from its start, and absence is proved afresh.
        self.seen = self.counted.copy() if resume.job_cursor else Seen()
        self.everything_seen = False  # every row of the ledger, without having met them one by one
        self.unseen: Unseen | None = None  # what was not seen, while nothing was written since it became known
        self.carried = len(self.seen)  # seen by an earlier attempt, perhaps in another place
        self.fresh = not resume.counted
        self.failed = resume.counters.failed > 0  # by this attempt or an earlier one of the job
        self.place: str | None = None  # what the source says it is listing
        self._anchor = resume.anchor
        self._memory = resume.memory
        self.list_again = False  # a resumed attempt must list from the start: what follows acts on absence
        self._revisits = not self.fresh
        self._flight: Flight | None = None
        self.ahead = True  # a commit may be under way while the next batch is collected
        self._start_batch()

    def _start_batch(self) -> None:
        self._batch = Batch(recipe=self._recipe)
        self._bytes = self._pasted = 0
        self._opened_at = 0.0
        self._open_ids: set[str] = set()
        self._again: dict[str, Kind | None] = {}  # came up before in this job: what it counted as, if not recorded

    # --- what became of a document -----------------------------------------------------------------------------

    def keep(self, seq: int, kind: Kind = Kind.KEPT) -> None:
        """Nothing has to be done: count it, once."""
        self.keep_all((seq,), kind)

    def keep_all(self, seqs: Sequence[int], kind: Kind) -> None:
        """The same for many at once."""
        self.seen.add_all(seqs)
        self.counters.add(kind, self.counted.add_all(seqs))

    def has_open(self, ids: Iterable[str]) -> bool:
        """Whether one of them has been decided and is not durable yet."""
        under_way = self._flight is not None and not self._flight.ids.isdisjoint(ids)
        return under_way or not self._open_ids.isdisjoint(ids)

    @property
    def named(self) -> int:
        """Ledger rows that were seen; number 0, which a plan gives to new documents, is none of them."""
        return len(self.seen) - (0 in self.seen)

    def rest(self) -> Rest | None:
        """The ledger rows that were not seen, in numbers; None when some of them have to be looked at. Nothing may be
        waiting to be committed."""
        tally = self._ledger.tally(self._connector, self._recipe) if isinstance(self._ledger, Tallies) else None
        if tally is None or not tally.settled or len(self.counted) != len(self.seen):
            return None
        return Rest(tally.rows - self.named, tally.highest) if tally.rows >= self.named else None

    def keep_rest(self, rest: Rest) -> None:
        """Keep every ledger row that was not seen."""
        self.everything_seen = True
        self.seen.add_up_to(rest.highest)
        self.counted.add_up_to(rest.highest)
        self.counters.add(Kind.KEPT, rest.rows)

    def keep_names(self, rest: Rest, names: Iterable[Names]) -> bool:
        """Keep the ledger rows of those ids. False: some of them are not in the ledger, and nothing was done."""
        assert isinstance(self._ledger, Tallies)
        rows_in_all = self.named + rest.rows
        found = difference(self._ledger.names(self._connector), names)
        gone = [] if found.only_second else self._unseen(found.only_first)
        if found.only_second or rest.rows - len(gone) != found.second:
            return False
        for bits in (self.seen, self.counted):
            bits.add_up_to(rest.highest)
            for seq in gone:
                bits.discard(seq)
        self.counters.add(Kind.KEPT, found.second)
        self.unseen = Unseen(sorted(gone), rows_in_all)
        return True

    def _unseen(self, ids: Sequence[str]) -> list[int]:
        """The ledger rows of those ids that were not seen."""
        gone: list[int] = []
        for start in range(0, len(ids), HELD_AT_ONCE):
            rows = self._ledger.held(self._connector, ids[start : start + HELD_AT_ONCE])
            gone += self.seen.without([row.seq for row in rows.values()])
        return gone

    def put(self, document: Document, fingerprint: bytes, held: Held | None, reason: str) -> None:
        """Insert or update it."""
        live = held is not None and held.state == State.LIVE
        code, message = document.warning or ("", reason if live else "")
        self._batch.puts.append(Put(document, fingerprint, held.seq if held else None))
        self._bytes += document.size() + 200
        self._note(Outcome(document.id, Kind.UPDATED if live else Kind.INSERTED, "index", code, message), held)

    def paste(self, sheet: Sheet, fingerprints: Sequence[bytes]) -> None:
        """Insert all of a sheet; none of its documents has a ledger row."""
        if self._revisits:  # some may have been counted before
            for document, fingerprint in zip(sheet.documents(), fingerprints, strict=True):
                self.put(document, fingerprint, None, "")
            return
        self.unseen = None
        self._batch.sheets.append(Pasted(sheet, fingerprints))
        self._bytes += sheet.size() + 200 * len(sheet)
        self._pasted += len(sheet)
        self._open_ids.update(sheet.ids)
        if self._pasted >= PASTED_ROWS or self._bytes >= PASTED_BYTES or self._is_late(PASTED_S):
            self.pass_on()

    def refresh(self, version: str | None, held: Held) -> None:
        """Same content: let the ledger know the newer version, if it is newer."""
        if version != held.version or held.recipe != self._recipe:
            row = held._replace(version=version, recipe=self._recipe)
            self._mark(row, held)
        self.keep(held.seq)

    def fail(self, id: str, held: Held | None, error: SynclineError, stage: str) -> None:
        """It cannot be taken now. What the index holds of it stays; the next job tries again."""
        self.failed = True
        if held is None or held.state == State.FILTERED:
            self._mark(Held(0, id, None, b"", "", State.FAILED), held)
        self._note(Outcome.failed(id, error, stage), held)
        self._work.log("warning", "document.failed", document=id, stage=stage, code=error.code, message=error.message)

    def filter(self, id: str, held: Held | None, rule: str, code: str, version: str | None, recipe: str) -> None:
        """A rule keeps it out, and the index does not hold it."""
        self._mark(Held(0, id, version, b"", recipe, State.FILTERED), held)
        self._note(Outcome(id, Kind.FILTERED, "filter", code, rule), held)

    def delete(self, held: Held, message: str, code: str = "") -> None:
        """Take it out of the index."""
        self._batch.deletes.append(held)
        self._note(Outcome(held.id, Kind.DELETED, "index", code, message), held)

    def delete_filtered(self, held: Held, rule: str, code: str, recipe: str) -> None:
        """Take it out of the index because a rule keeps it out now, and remember that at `held.version`."""
        self._batch.marks.append(Mark(Held(0, held.id, held.version, b"", recipe, State.FILTERED), None))
        self.delete(held, rule, code)

    def forget(self, held: Held) -> None:
        """Drop a ledger row that has no document: it is not there any more and never was in the index."""
        self._batch.forgets.append(held)
        self._grown()

    def withhold(self, held: Held, reason: str) -> None:
        """It looks gone, and waits for approval."""
        self._note(Outcome(held.id, Kind.WITHHELD, "guard", "deletion.withheld", reason), held)

    def _mark(self, row: Held, held: Held | None) -> None:
        self._batch.marks.append(Mark(row, held.seq if held else None))

    def _note(self, outcome: Outcome, held: Held | None) -> None:
        self.unseen = None
        self._batch.outcomes.append(outcome)
        self._open_ids.add(outcome.id)
        if held is not None:
            self.seen.add(held.seq)
            if held.seq in self.counted:
                self._again[outcome.id] = _UNRECORDED[held.state]
            else:
                self.counted.add(held.seq)
        elif self._revisits:
            self._again[outcome.id] = None
        if outcome.kind is Kind.DELETED:
            self._revisits = True  # it may come back in this job, without its row
        self._grown()

    # --- making it durable -----------------------------------------------------------------------------------------

    def _grown(self) -> None:
        rows = len(self._batch.outcomes) + len(self._batch.forgets)
        if rows >= BATCH_ROWS or self._bytes >= BATCH_BYTES or (rows % CLOCK_EVERY == 1 and self._is_late(BATCH_S)):
            self.pass_on()

    def _is_late(self, seconds: float) -> bool:
        now = self._work.clock()
        self._opened_at = self._opened_at or now
        return now - self._opened_at >= seconds

    def flush(self) -> None:
        """Return when everything that was collected is durable."""
        self.pass_on()
        self._land()

    def let_land(self) -> None:
        """Return when no commit is under way, however it ended."""
        with suppress(SynclineError):
            self._land()

    def pass_on(
        self,
        job_cursor: str | None = None,
        feed_cursor: str | None = None,
        memory: Mapping[str, Any] | None = None,
    ) -> None:
        """Commit what has been collected, with the counters, the bitmap and any cursor (invariant 1). It is durable
        when the next commit begins, or after `flush`."""
        batch = self._batch
        told = (job_cursor, feed_cursor, memory)
        if not (batch.rows or batch.outcomes or any(item is not None for item in told)):
            return
        if memory is not None:
            batch.memory = self._memory = memory
        batch.job_cursor, batch.feed_cursor = job_cursor, feed_cursor
        self._commit(batch)

    def close(self, complete: Complete | None, feed_cursor: str | None, remembered: Resume, trusted: bool) -> None:
        """The job's last commit: what the end of the scan left to remember. Nothing new, nothing written."""
        self._land()
        batch = self._batch
        if complete is not None and trusted:
            if complete.anchor != self._anchor:
                batch.anchor = complete.anchor
            provable = not (complete.proved and self.failed)
            if provable and dict(complete.memory or {}) != dict(self._memory or {}):
                batch.memory = complete.memory or {}
        if feed_cursor is not None and feed_cursor != remembered.feed_cursor:
            batch.feed_cursor = feed_cursor
        news = (batch.feed_cursor, batch.anchor, batch.memory)
        if batch.rows or batch.outcomes or any(item is not None for item in news):
            self._commit(batch)
            self._land()

    def _commit(self, batch: Batch) -> None:
        self._land()
        before = self.counters.as_dict()
        self._count(batch)
        self._remember_place(batch)
        batch.counters, batch.counted = Counters(self.counters.as_dict()), self.counted.copy().with_more
        if self.list_again:
            batch.job_cursor = FROM_THE_START
        self._work.crash("engine.commit.before")
        try:
            land = self._begin(batch)
        except BaseException:
            self.counters = Counters(before)
            raise
        self._flight = Flight(land, before, self._open_ids)
        self._start_batch()
        if not self.ahead:
            self._land()

    def _begin(self, batch: Batch) -> Callable[[], Sequence[int]]:
        if self.ahead and isinstance(self._ledger, BeginsCommits):
            return self._ledger.begin_commit(self._work.ticket, batch)
        seqs = self._ledger.commit(self._work.ticket, batch)
        return lambda: seqs

    def _land(self) -> None:
        """Wait for the commit under way. When it fails, what was decided since is forgotten like itself: the next
        attempt decides it again."""
        flight, self._flight = self._flight, None
        if flight is None:
            return
        try:
            seqs = flight.land()
        except BaseException:
            self.counters = Counters(flight.before)
            self._start_batch()
            raise
        self._work.crash("engine.commit.after")
        self.seen.add_all(seqs)
        self.counted.add_all(seqs)

    def _remember_place(self, batch: Batch) -> None:
        if batch.documents and batch.anchor is None and self.place is not None:
            anchor = place_in_progress(self.place, self._anchor)
            if anchor != self._anchor:
                batch.anchor = self._anchor = anchor

    def _count(self, batch: Batch) -> None:
        self.counters.add(Kind.INSERTED, self._pasted)
        if not self._again:
            self.counters.add_all(batch.outcomes)
            return
        recorded = self._ledger.outcomes_of(self._work.ticket.job, sorted(self._again))
        for position, outcome in enumerate(batch.outcomes):
            batch.outcomes[position] = self._recount(outcome, recorded.get(outcome.id))

    def _recount(self, outcome: Outcome, recorded: Kind | None) -> Outcome:
        earlier = recorded or self._again.get(outcome.id)
        if earlier is not None:
            self.counters.add(earlier, -1)
            outcome = outcome._replace(kind=combine(earlier, outcome.kind))
        self.counters.add_all((outcome,))
        return outcome
