"""The truth of one index in one SQLite file."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from syncline.model.beside import is_worth_it
from syncline.model.ports import Batch, CrashPoint, Tally, Ticket, no_crash
from syncline.store.relational import truth
from syncline.store.relational.database import load_queries, scalar
from syncline.store.sqlite.database import File

if TYPE_CHECKING:
    from syncline.store.sqlite.ahead import Ahead
    from syncline.store.sqlite.scribe import Scribe

SQL = load_queries("truth.sql", os.path.dirname(__file__))
RUNS_SINCE = 5  # version of the file
NUMBER = truth.SQL["get_number"]
AHEAD_ROWS = 50_000  # from which on a thread pays that counts them
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
        self._ahead: Ahead | None = None

    def _stand_in(self, file: File) -> None:
        """A file of an older version is read as it is: it has no runs."""
        with file.reading():
            if file.db.pragma("user_version") < RUNS_SINCE:
                file.db.execute("pragma query_only = off")
                file.db.execute(SQL["stand_in"])
                file.db.execute("pragma query_only = on")

    def count_ahead(self, connector: int, recipe: str) -> None:
        """See `CountsAhead`."""
        self._end_ahead()
        if not is_worth_it() or int(scalar(self.connection, NUMBER, ("next_seq",))) < AHEAD_ROWS:
            return
        from syncline.store.sqlite.ahead import Ahead

        open_another = partial(Truth, self.path, create=False, read_only=True)
        self._ahead = Ahead(open_another, connector, recipe, self._state)

    def tally(self, connector: int, recipe: str) -> Tally:
        """See there."""
        ahead, self._ahead = self._ahead, None
        found = None if ahead is None else ahead.result(connector, recipe)
        return super().tally(connector, recipe) if found is None else found

    def _state(self) -> tuple[int, int]:
        """Another one after whatever is written to the file."""
        return self.database.version(), self.connection.total_changes()

    def _end_ahead(self) -> None:
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            ahead.stop()

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
        self._end_ahead()
        if self._scribe is not None:
            self._scribe.close()
            self._scribe = None
        super().close()
