"""The truth of one index in a schema of its own, and how far each reader has followed it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from syncline.model.destinations import Transaction
from syncline.model.documents import Held, without_surrogates
from syncline.model.ports import Batch, Mark, Resume, Ticket
from syncline.model.sheets import Sheet
from syncline.store.postgres.database import NUL, Session, again
from syncline.store.postgres.errors import StoreError
from syncline.store.postgres.readers import KEEP_S, ReaderFile
from syncline.store.relational import truth
from syncline.store.relational.database import load_queries, scalar
from syncline.store.relational.jobs import new_id

SQL: Final = load_queries("readers.sql", __file__.removesuffix("truth.py"))
SEEN_EVERY_S: Final = 3600.0

T = TypeVar("T")


class Truth(truth.Truth):
    """See there. Without a `reader` it can be read and written, and not be followed."""

    def __init__(self, session: Session, reader: ReaderFile | None = None) -> None:
        super().__init__(session)
        self._session = session
        self._file = reader
        self._reader = ""
        self._beside: Truth | None = None  # what another thread writes through

    driver = "asyncpg"  # see `Shares`
    clean = staticmethod(lambda text: without_surrogates(text).replace("\0", NUL))

    def keeps(self, sheet: Sheet) -> bool:
        """See there: PostgreSQL has no place for a NUL."""
        columns = (sheet.titles, sheet.texts, sheet.metadata)
        return not any("\0" in text for column in columns for text in column)

    def close(self) -> None:
        """See there."""
        if self._beside is not None:
            self._beside.close()
        super().close()

    # --- what is tried again when the connection was lost: nothing was done then, or it is known that it was ----------

    def begin(self, ticket: Ticket) -> Resume:
        """See `Ledger`; so with all below."""
        return again(lambda: super(Truth, self).begin(ticket))

    def commit(self, ticket: Ticket, batch: Batch) -> list[int]:
        return again(lambda: super(Truth, self).commit(ticket, batch))

    def announce(self, ticket: Ticket, batch: Batch, unsettled: Sequence[Mark]) -> range:
        return again(lambda: super(Truth, self).announce(ticket, batch, unsettled))

    def commit_announced(self, ticket: Ticket, batch: Batch, rows: range) -> list[int]:
        return again(lambda: super(Truth, self).commit_announced(ticket, batch, rows))

    def commit_with(self, ticket: Ticket, batch: Batch, part: Callable[[Transaction], None]) -> list[int]:
        """See `Shares`."""
        if self._beside is None:
            self._beside = Truth(self._session.another())
        beside = self._beside

        def both() -> list[int]:
            with beside.writing("commit"):
                seqs = beside._commit_rows(ticket, batch)
                part(beside._session)
                return seqs

        return again(both)

    def _commit_rows(self, ticket: Ticket, batch: Batch) -> list[int]:
        self._check_fence(ticket)
        first = int(scalar(self.connection, truth.SQL["get_number"], ("next_seq",)))
        seqs = self._apply_rows(ticket, batch, first)
        known = sum(put.seq is not None for put in batch.puts) + sum(mark.seq is not None for mark in batch.marks)
        self.connection.execute(truth.SQL["set_number"], ("next_seq", first + len(seqs) - known))
        self._save(ticket, batch, seqs)
        return seqs

    def ask_with(self, part: Callable[[Transaction], T]) -> T:
        """See `Shares`."""
        with self._session.moment():
            return part(self._session)

    def withhold(self, ticket: Ticket, seqs: Sequence[int], reason: str) -> None:
        again(lambda: super(Truth, self).withhold(ticket, seqs, reason))

    def held(self, connector: int, ids: Sequence[str]) -> dict[str, Held]:
        return super().held(connector, ids) if ids else {}

    # --- readers -----------------------------------------------------------------------------------------------------

    def confirmed(self) -> int:
        """This reader has everything up to here; 0 when nobody knows it any more, and it begins anew."""
        found = scalar(self.connection, SQL["confirmed"], (self._known(),))
        return int(found) if found is not None else self._register()

    def removed(self, limit: int) -> list[int]:
        """Numbers whose documents are gone, which this reader has not confirmed."""
        rows = self.connection.execute(truth.SQL["removed"], (limit, self._known()))
        return [n for (n,) in rows]

    def confirm(self, n: int, removed: Sequence[int]) -> None:
        """Remember what this reader has made durable, and sweep what all have passed. It may be repeated."""
        again(lambda: self._confirm(n, removed))

    def _confirm(self, n: int, removed: Sequence[int]) -> None:
        with self.writing("confirm"):
            self.connection.execute(SQL["confirm"], (self._known(), n, list(removed)))
            if not self.connection.changes():
                raise StoreError("the text index was away for too long, and is built again by the next search")
            if removed:
                self.connection.execute(SQL["strike_off"], (KEEP_S,))
                self.connection.execute(SQL["sweep"])

    def _known(self) -> str:
        """Our id; makes sure that the database knows it, once."""
        if not self._reader:
            if self._file is None:
                raise StoreError("this truth was opened without a reader", code="internal")
            self._reader = self._file.read()
            known = self._reader and scalar(self.connection, SQL["seen"], (self._reader, SEEN_EVERY_S)) is not None
            if not known:
                self._register()
        return self._reader

    def _register(self) -> int:
        """Be a new reader, unless another process of this data directory has just become one."""
        assert self._file is not None
        with self._file.locked():
            found = self._file.read()
            confirmed = scalar(self.connection, SQL["confirmed"], (found,)) if found else None
            if confirmed is None:
                found = new_id()
                self._file.renew(found)
                with self.writing("register"):
                    self.connection.execute(SQL["register"], (found,))
        self._reader = found
        return int(confirmed or 0)
