"""The truth of one index in one SQLite file."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from syncline.model.beside import is_worth_it
from syncline.model.ports import Batch, CrashPoint, Ticket, no_crash
from syncline.store.relational import truth
from syncline.store.relational.database import load_queries
from syncline.store.sqlite.database import File

if TYPE_CHECKING:
    from syncline.store.sqlite.scribe import Scribe

SQL = load_queries("truth.sql", os.path.dirname(__file__))
RUNS_SINCE = 5  # version of the file
BULK_ROWS = 15_000  # new documents in one commit from which on another process pays


class Truth(truth.Truth):
    """The `Ledger` and the `DocumentFeed` of an embedded index. One connection: use it from one thread."""

    def __init__(
        self, path: str, *, create: bool = True, read_only: bool = False, crash: CrashPoint = no_crash
    ) -> None:
        file = File(path, "truth", create=create, read_only=read_only, crash=crash)
        super().__init__(file)
        if read_only:
            self._stand_in(file)
        self._scribe: Scribe | None = None

    def _stand_in(self, file: File) -> None:
        """A file of an older version is read as it is: it has no runs."""
        with file.reading():
            if file.db.pragma("user_version") < RUNS_SINCE:
                file.db.execute("pragma query_only = off")
                file.db.execute(SQL["stand_in"])
                file.db.execute("pragma query_only = on")

    def begin_commit(self, ticket: Ticket, batch: Batch) -> Callable[[], Sequence[int]]:
        """See `BeginsCommits`. From the first large commit on, new documents are written by another process."""
        if self._scribe is None and batch.sheets and batch.documents >= BULK_ROWS:
            self._start_scribe()
        if self._scribe is None or not batch.sheets:
            seqs = self.commit(ticket, batch)
            return lambda: seqs
        self._scribe.begin(ticket, batch)
        return self._scribe.end

    def _start_scribe(self) -> None:
        from syncline.store.sqlite.scribe import Scribe

        if is_worth_it():
            with suppress(OSError):  # no room for another process: it is written here
                self._scribe = Scribe(self.path)

    def close(self) -> None:
        """See there."""
        if self._scribe is not None:
            self._scribe.close()
            self._scribe = None
        super().close()
