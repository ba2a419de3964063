"""The doors between rooms. A small required core; every other ability is a protocol of its own.

The engine asks what a source can do by its type; it never catches NotImplementedError.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, runtime_checkable

from syncline.model.documents import Document, Held, State
from syncline.model.jobs import Job, JobEvent, JobType
from syncline.model.news import Entry, Fetched, Listed, Names, Read, Refused
from syncline.model.outcomes import Counters, Kind, Outcome
from syncline.model.sheets import Sheet

# --- sources ---------------------------------------------------------------------------------------------------------


@runtime_checkable
class ListingSource(Protocol):
    """Lists (id, version) cheaply; bodies are fetched only for what changed. Preferred wherever it is possible."""

    def check(self) -> None:
        """Prove that the target exists and may be read.
        Raises ConfigInvalid, CredentialsInvalid or SourceUnavailable."""
        ...

    def list(self, memory: Mapping[str, Any] | None, cursor: str | None) -> Iterator[Listed]:
        """Everything there is, in batches, then Complete. `memory` is what the last Complete left (None: never);
        `cursor` the last Checkpoint of an interrupted attempt of the same job (None: from the start).
        An error in one part is an Unlisted; an error of the whole is raised."""
        ...

    def fetch(self, entries: Sequence[Entry]) -> Iterator[Fetched]:
        """One answer for each entry, in any order: Document, Gone or Refused. Never raises for one document."""
        ...


@runtime_checkable
class FillsSheets(Protocol):
    """Optional for a listing source: fetch many documents as columns."""

    def sheet(self, entries: Sequence[Entry]) -> Sheet | None:
        """Exactly these documents in this order; None when some of them have to be looked at one by one, and all are
        to be fetched the ordinary way. Raises nothing."""
        ...


@runtime_checkable
class Rereads(Protocol):
    """Optional for a listing source that can pass over what did not change: with `afresh` true, set before `list`, it
    passes over nothing. What it remembers may still tell it whether it can be believed."""

    afresh: bool


@runtime_checkable
class StreamSource(Protocol):
    """Yields whole documents. With `incremental` true, `read(cursor)` yields only what changed since."""

    incremental: bool

    def check(self) -> None: ...

    def read(self, cursor: str | None) -> Iterator[Read]:
        """Everything when `cursor` is None, else every change after it, oldest first; then Complete."""
        ...


@runtime_checkable
class Interruptible(Protocol):
    """Optional: let go of a blocking call at once. Called from another thread when a job must stop."""

    def interrupt(self) -> None: ...


# --- transforms ------------------------------------------------------------------------------------------------------


class Transform(Protocol):
    """What happens to changed documents on the way."""

    recipe: str  # short fingerprint of the settings and of the code's version; a change re-runs this stage

    def apply(self, documents: Sequence[Document]) -> Iterator[Document | Refused | Unwanted]:
        """One answer for each document, in any order. Never raises for one document."""
        ...

    def close(self) -> None:
        """Let go of helpers (child processes, models)."""
        ...


@runtime_checkable
class LeavesSheets(Protocol):
    """Optional for a transform: tell at once of many documents that nothing would happen to them."""

    def leaves(self, sheet: Sheet) -> bool:
        """Whether `apply` would give every document of the sheet back as it is."""
        ...


class Unwanted(NamedTuple):
    """Answer of a transform: a rule keeps this document out (a format without text, an archive)."""

    id: str
    rule: str
    code: str = "filtered.rule"


# --- the index, its ledger and its checkpoint ------------------------------------------------------------------------


class Ticket(NamedTuple):
    """Who is writing: one attempt of one job of one connector. `fence` decides between the early and the late."""

    connector: int
    job: int
    fence: int


@dataclass(slots=True)
class Resume:
    """What an earlier attempt of the same job, or an earlier job, left behind.

    counted   bitmap (Seen.to_bytes) of ledger rows this job has already counted; b"" at its first attempt.
    counters  sums so far of this job.
    job_cursor    last Checkpoint inside this job's listing; None: list from the start.
    feed_cursor   where an incremental read goes on from, made durable by an earlier job; None: never read.
    anchor, memory  what the last Complete of this connector left.
    """

    counted: bytes = b""
    counters: Counters = field(default_factory=Counters)
    job_cursor: str | None = None
    feed_cursor: str | None = None
    anchor: str = ""
    memory: Mapping[str, Any] | None = None


class Put(NamedTuple):
    """Insert or update one document. `seq` is the ledger row it had (None: new)."""

    document: Document
    fingerprint: bytes
    seq: int | None

    def row(self, recipe: str, state: State = State.LIVE) -> Held:
        """The ledger row it makes; its seq is 0 when it is new."""
        document = self.document
        return Held(self.seq or 0, document.id, document.version, self.fingerprint, recipe, state)


class Pasted(NamedTuple):
    """Insert all documents of a sheet, none of which has a ledger row, and record an outcome for each: inserted."""

    sheet: Sheet
    fingerprints: Sequence[bytes]


class Mark(NamedTuple):
    """A ledger row that changes without the document being written: a newer version of the same content, or a
    document that is filtered or failed. `seq` None makes a new row."""

    held: Held
    seq: int | None


@dataclass(slots=True)
class Batch:
    """Everything one commit makes durable, all of it or none (invariant 1)."""

    puts: list[Put] = field(default_factory=list)
    sheets: list[Pasted] = field(default_factory=list)  # for a ledger that `TakesSheets` only
    deletes: list[Held] = field(default_factory=list)  # documents, with their ledger rows
    forgets: list[Held] = field(default_factory=list)  # ledger rows without a document
    marks: list[Mark] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    counters: Counters | None = None
    counted: Callable[[Sequence[int]], bytes] | None = None  # given the new rows' seqs; None: leave as it is
    job_cursor: str | None = None
    feed_cursor: str | None = None
    anchor: str | None = None
    memory: Mapping[str, Any] | None = None
    recipe: str = ""

    @property
    def rows(self) -> int:
        """Changes in it; 0 when it holds only a checkpoint."""
        return self.documents + len(self.deletes) + len(self.forgets) + len(self.marks)

    @property
    def documents(self) -> int:
        """How many are put."""
        return len(self.puts) + sum(len(sheet) for sheet, _ in self.sheets)


class Tally(NamedTuple):
    """The ledger rows of one connector in numbers.

    rows     all of them.
    settled  whether each is that of a document in the index that went through the given recipe and has a version.
    highest  no row of the connector has a higher seq; 0 when there is none.
    """

    rows: int
    settled: bool
    highest: int


@runtime_checkable
class Tallies(Protocol):
    """Optional for a ledger: answer without handing over every row."""

    def tally(self, connector: int, recipe: str) -> Tally | None:
        """The numbers, in one round trip; None when they cannot be had."""
        ...

    def names(self, connector: int) -> Iterator[Names]:
        """The id of every row of the connector by seq, in batches; rows may come and go meanwhile."""
        ...

    def rows_that(self, connector: int, choose: Callable[[Sequence[int]], list[int]]) -> Iterator[list[Held]]:
        """As `Ledger.rows`, but only the rows whose seq `choose` lets through, batch by batch."""
        ...

    def rows_at(self, connector: int, seqs: Sequence[int]) -> list[Held]:
        """The rows with those numbers, in their order; absent ones are left out. One round trip."""
        ...


@runtime_checkable
class CountsAhead(Protocol):
    """Optional for a ledger that tallies."""

    def count_ahead(self, connector: int, recipe: str) -> None:
        """`tally` will soon be asked this, if nothing is written until then: begin to work it out, and return."""
        ...


class Ledger(Protocol):
    """One index as the engine sees it: the ledger, the checkpoint and the documents behind them.

    Every write names its ticket and is refused with JobFenced when a later attempt has begun (invariant 2).
    """

    def begin(self, ticket: Ticket) -> Resume:
        """Claim the connector for this attempt and say where it left off."""
        ...

    def peek(self, connector: int) -> Resume:
        """What `begin` would say to a new job, claiming and writing nothing (for `plan`)."""
        ...

    def held(self, connector: int, ids: Sequence[str]) -> dict[str, Held]:
        """The ledger rows of those ids; absent ones are left out. One round trip."""
        ...

    def count(self, connector: int) -> tuple[int, int]:
        """(all ledger rows, those with a document) of this connector."""
        ...

    def rows(self, connector: int, batch: int = 5000) -> Iterator[list[Held]]:
        """Every ledger row of the connector in order of seq, in batches. Rows may be removed while it runs."""
        ...

    def outcomes_of(self, job: int, ids: Sequence[str]) -> dict[str, Kind]:
        """What this job has already recorded of those ids."""
        ...

    def commit(self, ticket: Ticket, batch: Batch) -> list[int]:
        """Make the batch durable. Returns the seq given to each put, to each document of the sheets and then to each
        mark, in order."""
        ...

    def withhold(self, ticket: Ticket, seqs: Sequence[int], reason: str) -> None:
        """Replace this connector's list of withheld deletions (ledger rows by seq); none of them is approved."""
        ...

    def withheld_count(self, connector: int) -> int:
        """How many deletions wait for approval."""
        ...

    def approved(self, connector: int) -> frozenset[int]:
        """Ledger rows whose deletion was withheld and has been approved since."""
        ...

    def settle(self) -> None:
        """Return when everything committed so far is found by the next search (invariant 9)."""
        ...


@runtime_checkable
class TakesSheets(Protocol):
    """Optional for a ledger: take new documents column by column."""

    takes_sheets: bool


@runtime_checkable
class BeginsCommits(Protocol):
    """Optional for a ledger: commit while the caller goes on deciding."""

    def begin_commit(self, ticket: Ticket, batch: Batch) -> Callable[[], Sequence[int]]:
        """As `commit`; what is returned waits for its end, and says what `commit` would, or raises it. The caller
        begins no other commit before, reads `held` and `outcomes_of` of other documents only, and calls nothing else.
        The batch is not changed meanwhile."""
        ...


# --- the world -------------------------------------------------------------------------------------------------------

Clock = Callable[[], float]  # Unix seconds, UTC
CrashPoint = Callable[[str], None]  # called by name before and after every durable write; tests die in it


def no_crash(point: str) -> None:
    """The crash point of every day: nothing happens."""


# --- the book of jobs ------------------------------------------------------------------------------------------------


class JobBook(Protocol):
    """The job table as a runner sees it. Every write names the attempt by its fence."""

    def claim(self, number: int, worker: str, now: float, type: JobType, force: bool = False) -> Job:
        """Begin an attempt. Raises JobActive when it cannot be had."""
        ...

    def end(
        self,
        job: Job,
        event: JobEvent,
        now: float,
        counters: Counters,
        error: Mapping[str, Any] | None = None,
        notes: Sequence[str] = (),
    ) -> Job:
        """Move the job to its end. Raises JobFenced when another attempt has it."""
        ...

    def beat(self, job: Job, now: float, counters: Counters, progress: Mapping[str, Any]) -> None:
        """Say that the worker lives, and how far it is."""
        ...

    def stop_wanted(self, job: Job) -> bool:
        """True when somebody asked this job to stop."""
        ...

    def request_stop(self, number: int, now: float) -> Job:
        """Ask a job to stop."""
        ...

    def close(self) -> None: ...


# --- the text index, derived from the documents ----------------------------------------------------------------------


class StoredDocument(NamedTuple):
    """One document as it lies in the index. `n` is never reused: an update gives the document a new one."""

    n: int
    connector: int
    id: str
    title: str
    text: str
    metadata: dict[str, Any]
    media_type: str
    url: str
    allow: tuple[str, ...]
    deny: tuple[str, ...]
    checksum: int  # unsigned 64 bits over all of the above but n


class DocumentFeed(Protocol):
    """The truth, read by whoever derives something from it. Used by one thread at a time.

    Numbers only grow, and a document that changes gets a new one, so "added" and "removed" may be applied in any order
    and any number of times.
    """

    def newest(self) -> int:
        """The highest number handed out so far and committed; 0 at first."""
        ...

    def after(self, n: int, limit: int) -> list[StoredDocument]:
        """Documents with a number above `n`, in order, at most `limit`."""
        ...

    def removed(self, limit: int) -> list[int]:
        """Numbers whose documents are gone and not yet confirmed, at most `limit`."""
        ...

    def confirmed(self) -> int:
        """Everything up to here is durable in the derived index."""
        ...

    def confirm(self, n: int, removed: Sequence[int]) -> None:
        """Everything up to `n`, and those removals, are durable in the derived index."""
        ...

    def get(self, numbers: Sequence[int], *, text: bool = True) -> dict[int, StoredDocument]:
        """The documents with these numbers; absent ones are left out. One round trip. Without `text`, theirs is left
        empty, and none is read."""
        ...

    def close(self) -> None: ...
