"""The truth of one index: documents, ledger, checkpoint and outcomes, one transaction a batch.

Documents are numbered: a number `n` is never reused, and an update gives the document a new one. So whoever derives
something from the documents (the text index) only needs "above this number" and "these are gone".
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from itertools import repeat
from typing import Any, NamedTuple

import xxhash

from syncline.model.documents import Document, Held, State, encode_metadata, fields_as_bytes, without_surrogates
from syncline.model.errors import JobFenced
from syncline.model.news import Names
from syncline.model.outcomes import Counters, Kind, Outcome
from syncline.model.ports import Batch, Mark, Pasted, Put, Resume, StoredDocument, Tally, Ticket
from syncline.model.sheets import Sheet
from syncline.store.relational.database import Database, load_queries, scalar
from syncline.store.relational.outcomes import Outcomes

SQL = load_queries("truth.sql")
NAMES = 50_000  # numbers or names read at once
MANY = 500  # ids from which on it pays to find out first whether they are new
FEED_BYTES = 8 << 20  # text handed out at once
_held = partial(tuple.__new__, Held)  # a row is a Held as it comes; its state is the plain number, equal to the State
_encode = encode_metadata
_document = partial(tuple.__new__, StoredDocument)  # from all fields in their order, without a call of Python
_decoded = json.JSONDecoder().scan_once  # type: ignore[attr-defined]  # (text, 0) -> (value, where it ends)


class HistoryLine(NamedTuple):
    """One outcome of one document, and the job it belongs to."""

    job: int
    outcome: Outcome


class Truth:
    """The `Ledger` and the `DocumentFeed` of an embedded index. Use it from one thread."""

    clean: Callable[[str], str] = staticmethod(without_surrogates)  # text as it can be stored
    takes_sheets = True
    _mostly_new = True  # what is looked up

    def __init__(self, database: Database) -> None:
        self.database = database
        self.path = database.path
        self.connection: Any = database.db
        self._outcomes = Outcomes(database)

    def writing(self, name: str) -> AbstractContextManager[None]:
        """All or nothing; one writer of the index at a time."""
        return self.database.writing(f"truth.{name}")

    def reading(self) -> AbstractContextManager[None]:
        """Errors of the database are ours within."""
        return self.database.reading()

    def keeps(self, sheet: Sheet) -> bool:
        """Whether all of its texts can be stored as they are."""
        return True

    def close(self) -> None:
        """Let go of the database."""
        self.database.close()

    # --- the ledger ------------------------------------------------------------------------------------------------

    def begin(self, ticket: Ticket) -> Resume:
        """Claim the connector for this attempt (invariant 2) and say where it left off."""
        with self.writing("begin"):
            row = self.connection.execute(SQL["state"], (ticket.connector,)).fetchone()
            if row is None:
                self.connection.execute(SQL["claim_new"], (ticket.connector, ticket.fence, ticket.job))
                return Resume()
            if row[0] > ticket.fence:
                raise _fenced(ticket)
            same_job = row[1] == ticket.job
            if same_job:
                self.connection.execute(SQL["claim_again"], (ticket.fence, ticket.connector))
            else:
                self.connection.execute(SQL["claim_next"], (ticket.fence, ticket.job, ticket.connector))
        return _resume(row, same_job)

    def peek(self, connector: int) -> Resume:
        """What a new job would start from; writes nothing."""
        with self.reading():
            row = self.connection.execute(SQL["state"], (connector,)).fetchone()
        return Resume() if row is None else _resume(row, same_job=False)

    def progress_of(self, connector: int, job: int) -> Counters | None:
        """The counters a job has made durable; None when the connector has begun another one since, or none."""
        with self.reading():
            row = self.connection.execute(SQL["state"], (connector,)).fetchone()
        return _resume(row, same_job=True).counters if row is not None and row[1] == job else None

    def held(self, connector: int, ids: Sequence[str]) -> dict[str, Held]:
        """The ledger rows of those ids, in one round trip or two."""
        many = len(ids) >= MANY
        with self.reading():
            asked = self._not_new(connector, ids) if many and self._mostly_new else list(ids)
            rows = self.connection.execute(SQL["held"], (connector, _encode(asked))) if asked else ()
            found = {row[1]: row for row in map(_held, rows)}
        if many:
            self._mostly_new = len(found) * 4 < len(ids)
        return found

    def _not_new(self, connector: int, ids: Sequence[str]) -> list[str]:
        """Those of the ids that may have a row. New ids often come in order, and then next to nothing lies between the
        first and the last of them."""
        first, last, most = min(ids), max(ids), len(ids) // 4
        if not (first.isascii() and last.isascii()):
            return list(ids)
        between = self.connection.execute(SQL["between"], (connector, first, last, most)).fetchall()
        if len(between) >= most:
            return list(ids)
        return list({id for (id,) in between}.intersection(ids))

    def rows(self, connector: int, batch: int = 5000) -> Iterator[list[Held]]:
        """Every row of the connector by seq, in batches; rows may come and go meanwhile."""
        seq = 0
        while True:
            with self.reading():
                rows = [_held(row) for row in self.connection.execute(SQL["rows"], (connector, seq, batch))]
            if not rows:
                return
            yield rows
            seq = rows[-1].seq

    def count(self, connector: int) -> tuple[int, int]:
        """(rows, live documents) of the connector."""
        with self.reading():
            counts: Any = self.connection.execute(SQL["count"], (connector,)).fetchone()
        return int(counts[0]), int(counts[1])

    def tally(self, connector: int, recipe: str) -> Tally:
        """The rows of the connector in numbers."""
        with self.reading():
            rows, settled, highest = self.connection.execute(SQL["tally"], (connector, recipe)).fetchone()
        return Tally(rows, bool(settled), highest)

    def names(self, connector: int) -> Iterator[Names]:
        """The id of every row by seq; rows may come and go meanwhile. They come as one text, which is quicker."""
        last = 0
        while True:
            with self.reading():
                told: Any = self.connection.execute(SQL["names"], (connector, last, NAMES)).fetchone()
                lines, count, highest = told
                if not count:
                    return
                ids: Names = bytes(lines)
                if ids.count(b"\n") != count:  # some have a line feed of their own
                    rows = self.connection.execute(SQL["names_apart"], (connector, last, highest))
                    ids = [id for (id,) in rows]
            yield ids
            last = highest

    def rows_that(self, connector: int, choose: Callable[[Sequence[int]], list[int]]) -> Iterator[list[Held]]:
        """Chosen rows by seq, in batches."""
        seq = 0
        while True:
            with self.reading():
                seqs = [number for (number,) in self.connection.execute(SQL["seqs"], (connector, seq, NAMES))]
            if not seqs:
                return
            chosen = choose(seqs)
            for start in range(0, len(chosen), 5000):
                yield self.rows_at(connector, chosen[start : start + 5000])
            seq = seqs[-1]

    def rows_at(self, connector: int, seqs: Sequence[int]) -> list[Held]:
        """The rows with those numbers."""
        with self.reading():
            return [_held(row) for row in self.connection.execute(SQL["rows_at"], (connector, _encode(list(seqs))))]

    def outcomes_of(self, job: int, ids: Sequence[str]) -> dict[str, Kind]:
        """What this job has recorded of those ids."""
        return {id: outcome.kind for id, outcome in self._outcomes.of(job, ids).items()}

    def commit(self, ticket: Ticket, batch: Batch) -> list[int]:
        """All of the batch or none of it, and only for the newest attempt (invariants 1 and 2)."""
        with self.writing("commit"):
            self._check_fence(ticket)
            seqs = self._apply(ticket, batch)
            self._save(ticket, batch, seqs)
            return seqs

    def _check_fence(self, ticket: Ticket) -> None:
        if scalar(self.connection, SQL["fence"], (ticket.connector,)) != ticket.fence:
            raise _fenced(ticket)

    def _apply(self, ticket: Ticket, batch: Batch) -> list[int]:
        self._take_out(ticket, batch)
        if batch.puts or batch.sheets or batch.marks:
            numbers = {str(key): int(value) for key, value in self.connection.execute(SQL["numbers"])}
            seqs = self._put(ticket, batch.puts, batch.recipe, numbers)
            for pasted in batch.sheets:
                seqs += self._paste(ticket, pasted, batch.recipe, numbers)
            seqs += self._mark(ticket, batch.marks, numbers)
            self.connection.executemany(SQL["set_number"], list(numbers.items()))
        else:
            seqs = []
        self._outcomes.record(ticket.job, batch.outcomes)
        return seqs

    def _take_out(self, ticket: Ticket, batch: Batch) -> None:
        self._delete([(row.seq, ticket.connector) for row in batch.deletes])
        forgotten = [(row.seq, ticket.connector) for row in batch.forgets]
        if forgotten:
            self._outcomes.write_down(ticket.connector, [seq for seq, _ in forgotten])
            self.connection.executemany(SQL["delete_row"], forgotten)

    def _delete(self, rows: list[tuple[int, int]]) -> None:
        if rows:
            self._outcomes.write_down(rows[0][1], [seq for seq, _ in rows])
            self.connection.executemany(SQL["remove_number"], rows)
            self.connection.executemany(SQL["delete_document"], rows)
            self.connection.executemany(SQL["delete_row"], rows)

    def _put(self, ticket: Ticket, puts: Sequence[Put], recipe: str, numbers: dict[str, int]) -> list[int]:
        known = [(put.seq, ticket.connector) for put in puts if put.seq is not None]
        if known:
            self.connection.executemany(SQL["remove_number"], known)
            self.connection.executemany(SQL["delete_document"], known)
        seqs, new, old, documents = [], [], [], []
        n, seq, live = numbers["next_n"], numbers["next_seq"], int(State.LIVE)
        for document, fingerprint, at in puts:
            if at is None:
                row = (seq, ticket.connector, document.id, document.version, fingerprint, recipe, live, n, ticket.job)
                new.append(row)
                at, seq = seq, seq + 1
            else:
                old.append((at, document.version, fingerprint, recipe, live, n, ticket.job))
            documents.append(_document_row(n, ticket.connector, document, self.clean))
            seqs.append(at)
            n += 1
        numbers["next_n"], numbers["next_seq"] = n, seq
        self.connection.executemany(SQL["insert_row"], new)
        self.connection.executemany(SQL["update_row"], old)
        self.connection.executemany(SQL["insert_document"], documents)
        return seqs

    def _paste(self, ticket: Ticket, pasted: Pasted, recipe: str, numbers: dict[str, int]) -> Sequence[int]:
        """Documents that are new, and the outcome of each."""
        sheet, fingerprints = pasted
        if not self.keeps(sheet):
            puts = [Put(document, mark, None) for document, mark in zip(sheet.documents(), fingerprints, strict=True)]
            seqs: Sequence[int] = self._put(ticket, puts, recipe, numbers)
        else:
            n, seq = numbers["next_n"], numbers["next_seq"]
            numbers["next_n"], numbers["next_seq"] = n + len(sheet), seq + len(sheet)
            seqs = range(seq, seq + len(sheet))
            self.connection.executemany(SQL["insert_row"], _ledger_rows(ticket, pasted, recipe, seqs, n))
            self.connection.executemany(SQL["insert_document"], _document_rows(n, ticket.connector, sheet))
        self._outcomes.inserted(ticket.job, ticket.connector, seqs[0], seqs[-1])
        return seqs

    def _mark(self, ticket: Ticket, marks: Sequence[Mark], numbers: dict[str, int]) -> list[int]:
        seqs, new, old = [], [], []
        for held, at in marks:
            if at is None:
                at = numbers["next_seq"]
                numbers["next_seq"] += 1
                row = (held.version, held.fingerprint, held.recipe, int(held.state), None, ticket.job)
                new.append((at, ticket.connector, held.id, *row))
            else:
                old.append((at, held.version, held.fingerprint, held.recipe, int(held.state)))
            seqs.append(at)
        self.connection.executemany(SQL["insert_row"], new)
        self.connection.executemany(SQL["mark_row"], old)
        return seqs

    def _save(self, ticket: Ticket, batch: Batch, seqs: list[int]) -> None:
        counters = None if batch.counters is None else _encode(batch.counters.as_dict())
        counted = None if batch.counted is None else batch.counted(seqs)
        memory = None if batch.memory is None else _encode(dict(batch.memory))
        row = (ticket.connector, counters, counted, batch.job_cursor, batch.feed_cursor, batch.anchor, memory)
        self.connection.execute(SQL["save"], row)

    def settle(self) -> None:
        """The truth itself is searchable by id at once; text search settles in the index above it."""

    # --- documents that lie elsewhere --------------------------------------------------------------------------------

    def announce(self, ticket: Ticket, batch: Batch, unsettled: Sequence[Mark]) -> range:
        """See `Announces`."""
        with self.writing("announce"):
            self._check_fence(ticket)
            first = int(scalar(self.connection, SQL["get_number"], ("next_seq",)))
            numbers = {"next_seq": first}
            new = [Mark(put.row(batch.recipe, State.FAILED), None) for put in batch.puts if put.seq is None]
            self._mark(ticket, [*unsettled, *new], numbers)
            self._paste_rows(ticket, batch, numbers, State.FAILED)
            self.connection.executemany(SQL["set_number"], list(numbers.items()))
        return range(first, numbers["next_seq"])

    def commit_announced(self, ticket: Ticket, batch: Batch, rows: range) -> list[int]:
        """See `Announces`."""
        with self.writing("commit"):
            self._check_fence(ticket)
            self._take_out(ticket, batch)
            self.connection.execute(SQL["settle_rows"], (rows.start, rows.stop - 1))
            pasted = sum(len(one.sheet) for one in batch.sheets)
            if pasted:
                self._outcomes.inserted(ticket.job, ticket.connector, rows.stop - pasted, rows.stop - 1)
            new, numbers = iter(rows), {"next_seq": int(scalar(self.connection, SQL["get_number"], ("next_seq",)))}
            old = [Mark(put.row(batch.recipe), put.seq) for put in batch.puts if put.seq is not None]
            self._mark(ticket, old, numbers)
            seqs = [next(new) if put.seq is None else put.seq for put in batch.puts] + list(new)
            seqs += self._mark(ticket, batch.marks, numbers)
            self.connection.executemany(SQL["set_number"], list(numbers.items()))
            self._outcomes.record(ticket.job, batch.outcomes)
            self._save(ticket, batch, seqs)
            return seqs

    def _apply_rows(self, ticket: Ticket, batch: Batch, first: int) -> list[int]:
        """As `_apply`, without documents: they become durable in the same transaction. `first`: number of a new row."""
        self._take_out(ticket, batch)
        numbers = {"next_seq": first}
        seqs = self._mark(ticket, [Mark(put.row(batch.recipe), put.seq) for put in batch.puts], numbers)
        pasted = self._paste_rows(ticket, batch, numbers, State.LIVE)
        if pasted:
            self._outcomes.inserted(ticket.job, ticket.connector, pasted.start, pasted.stop - 1)
        seqs += [*pasted, *self._mark(ticket, batch.marks, numbers)]
        self._outcomes.record(ticket.job, batch.outcomes)
        return seqs

    def _paste_rows(self, ticket: Ticket, batch: Batch, numbers: dict[str, int], state: State) -> range:
        first = numbers["next_seq"]
        for pasted in batch.sheets:
            seqs = range(numbers["next_seq"], numbers["next_seq"] + len(pasted.sheet))
            rows = _ledger_rows(ticket, pasted, batch.recipe, seqs, None, state)
            self.connection.executemany(SQL["insert_row"], rows)
            numbers["next_seq"] = seqs.stop
        return range(first, numbers["next_seq"])

    # --- deletions that wait ---------------------------------------------------------------------------------------

    def withhold(self, ticket: Ticket, seqs: Sequence[int], reason: str) -> None:
        """Replace the list; an approval is used up with it."""
        with self.writing("withhold"):
            self._check_fence(ticket)
            self.connection.execute(SQL["clear_withheld"], (ticket.connector,))
            self.connection.executemany(SQL["withhold"], ((ticket.connector, seq, reason) for seq in seqs))

    def withheld_count(self, connector: int) -> int:
        """How many wait."""
        with self.reading():
            return int(scalar(self.connection, SQL["withheld_count"], (connector,)))

    def withheld(self, connector: int) -> list[tuple[str, str, bool]]:
        """(id, reason, approved) of each, by id."""
        with self.reading():
            return [(id, why, bool(yes)) for id, why, yes in self.connection.execute(SQL["withheld"], (connector,))]

    def approve(self, connector: int) -> int:
        """Approve all that wait now; returns how many."""
        with self.writing("approve"):
            self.connection.execute(SQL["approve"], (connector,))
            return int(self.connection.changes())

    def approved(self, connector: int) -> frozenset[int]:
        """Ledger rows whose deletion has been approved."""
        with self.reading():
            return frozenset(seq for (seq,) in self.connection.execute(SQL["approved"], (connector,)))

    # --- what became of documents ------------------------------------------------------------------------------------

    def outcomes(
        self,
        job: int,
        *,
        kinds: Sequence[Kind] = (),
        code: str | None = None,
        troubles: bool = False,
        after: str = "",
        limit: int = 100,
    ) -> list[Outcome]:
        """Outcomes of a job by id. `troubles`: only failures and warnings."""
        return self._outcomes.page(job, kinds, code, troubles, after, limit)

    def history(self, id: str, jobs: Sequence[int]) -> list[HistoryLine]:
        """The outcomes of one document in those jobs, oldest first."""
        return [HistoryLine(*line) for line in self._outcomes.history(id, jobs)]

    def kinds_in(self, jobs: Sequence[int]) -> Iterator[tuple[str, Kind]]:
        """What those jobs have recorded of each document: (id, kind), by id, the oldest job first."""
        return self._outcomes.kinds(jobs)

    def forget_jobs(self, jobs: Sequence[int]) -> None:
        """Drop the outcomes of old jobs."""
        with self.writing("forget_jobs"):
            self._outcomes.forget(jobs)

    def drop_connector(self, connector: int) -> int:
        """Remove everything of a connector; returns how many ledger rows went. In batches, each durable."""
        gone = 0
        while True:
            with self.writing("drop_connector"):
                found = self.connection.execute(SQL["connector_seqs"], (connector, 5000))
                rows = [(seq, connector) for (seq,) in found]
                self._delete(rows)
                if not rows:
                    self._outcomes.drop_runs(connector)
                    self.connection.execute(SQL["clear_withheld"], (connector,))
                    self.connection.execute(SQL["drop_connector"], (connector,))
                    return gone
            gone += len(rows)

    # --- the feed ----------------------------------------------------------------------------------------------------

    def newest(self) -> int:
        """The highest number handed out; 0 at first."""
        with self.reading():
            return int(scalar(self.connection, SQL["newest"]))

    def after(self, n: int, limit: int) -> list[StoredDocument]:
        """Documents above `n` in order: at most `limit`, and at most some MiB of text."""
        found: list[StoredDocument] = []
        size = 0
        with self.reading():
            for row in self.connection.execute(SQL["after"], (n, limit)):
                found.append(_stored(row))
                size += len(row[4])
                if size >= FEED_BYTES:
                    break
        return found

    def removed(self, limit: int) -> list[int]:
        """Numbers whose documents are gone, not yet confirmed."""
        with self.reading():
            return [n for (n,) in self.connection.execute(SQL["removed"], (limit,))]

    def confirmed(self) -> int:
        """The text index has everything up to here."""
        with self.reading():
            return int(scalar(self.connection, SQL["get_number"], ("confirmed",)))

    def confirm(self, n: int, removed: Sequence[int]) -> None:
        """Remember what the text index has made durable."""
        with self.writing("confirm"):
            self.connection.execute(SQL["set_number"], ("confirmed", n))
            self.connection.executemany(SQL["confirm_removed"], [(gone,) for gone in removed])

    def get(self, numbers: Sequence[int], *, text: bool = True) -> dict[int, StoredDocument]:
        """The documents with these numbers, or all of them but their texts."""
        query = SQL["get" if text else "get_heads"]
        with self.reading():
            return {row[0]: _stored(row) for row in self.connection.execute(query, (_encode(list(numbers)),))}


def checksum(document: Document, metadata: str | None = None) -> int:
    """Unsigned 64 bits over everything a reader of the index can see. `metadata`: its JSON, if at hand.
    Source: XXH3-64."""
    id, text = document.id, document.text
    head = f"{len(id)}:{id}".encode("utf-8", "surrogatepass") + fields_as_bytes(document, metadata)
    return int(xxhash.xxh3_64_intdigest(head + text.encode("utf-8", "surrogatepass") if text else head))


def _document_row(n: int, connector: int, document: Document, clean: Callable[[str], str]) -> tuple[Any, ...]:
    text, title = clean(document.text or ""), clean(document.title)
    if text != (document.text or "") or title != document.title:  # the checksum is of what is stored
        document = replace(document, text=text, title=title)
    metadata = clean(document.metadata_as_json())
    return (
        n,
        connector,
        document.id,
        title,
        text,
        metadata or None,
        document.media_type,
        document.url,
        _encode(sorted(document.allow)) if document.allow else None,
        _encode(sorted(document.deny)) if document.deny else None,
        _signed(checksum(document, metadata)),
    )


def _ledger_rows(
    ticket: Ticket, pasted: Pasted, recipe: str, seqs: Sequence[int], n: int | None, state: State = State.LIVE
) -> Iterator[tuple[Any, ...]]:
    """The rows of new documents, the first one of which is number `n`; None: they lie elsewhere."""
    sheet, fingerprints = pasted
    connector, job = repeat(ticket.connector), repeat(ticket.job)
    states, recipes = repeat(int(state)), repeat(recipe)
    numbers: Iterable[int | None] = repeat(None) if n is None else range(n, n + len(seqs))
    return zip(seqs, connector, sheet.ids, sheet.versions, fingerprints, recipes, states, numbers, job, strict=False)


def _document_rows(n: int, connector: int, sheet: Sheet) -> Iterator[tuple[Any, ...]]:
    """What `_document_row` gives for each, the first one being number `n`."""
    return zip(
        range(n, n + len(sheet)),
        repeat(connector),
        sheet.ids,
        sheet.titles,
        sheet.texts,
        [metadata or None for metadata in sheet.metadata],
        repeat(""),
        sheet.urls or repeat(""),
        [_encode(sorted(allow)) if allow else None for allow in sheet.allow] if sheet.allow else repeat(None),
        repeat(None),
        sheet.checksums(),
    )


def _stored(row: Sequence[Any]) -> StoredDocument:
    n, connector, id, title, body, metadata, media_type, url, allow, deny, total = row
    values = _decoded(metadata, 0)[0] if metadata else {}
    may, may_not = tuple(json.loads(allow)) if allow else (), tuple(json.loads(deny)) if deny else ()
    total &= 0xFFFF_FFFF_FFFF_FFFF
    return _document((n, connector, id, title, body, values, media_type, url, may, may_not, total))


def _signed(number: int) -> int:
    return number - (1 << 64) if number >= 1 << 63 else number


def _resume(row: Sequence[Any], same_job: bool) -> Resume:
    _, _, counted, counters, job_cursor, feed_cursor, anchor, memory = row
    resume = Resume(feed_cursor=feed_cursor, anchor=anchor, memory=json.loads(memory) if memory else None)
    if same_job:
        resume.counted = counted or b""
        resume.counters = Counters(json.loads(counters) if counters else None)
        resume.job_cursor = job_cursor
    return resume


def _fenced(ticket: Ticket) -> JobFenced:
    return JobFenced(f"a newer attempt has taken over the connector of job {ticket.job}")
