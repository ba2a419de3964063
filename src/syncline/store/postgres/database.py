"""The schema of a PostgreSQL database as a `Database` of the store: statements, transactions, lost connections.

One writer at a time, as with a file: a transaction begins by counting up a row, and holds it to its end. So what is
numbered in order is also committed in order, which readers with a mark rely on. What is said of a transaction whose
answer was lost comes from the server itself: each turn leaves a token, which is there if and only if the transaction
was committed. So nothing is done twice. (pg_xact_status alone would not do: a server that has crashed gives out again
the numbers of transactions of which nothing had reached its disk.)
"""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import Any, Final, TypeVar

from syncline.model.errors import NotFound, SynclineError
from syncline.model.ports import CrashPoint, no_crash
from syncline.store.postgres.dialect import Text, text_of
from syncline.store.postgres.errors import StoreError, StoreUnavailable
from syncline.store.postgres.place import Place
from syncline.store.postgres.wire import Link, Pool

PATIENCE_S: Final = 30.0  # how long a server that was there before is waited for when it is gone
ALONE: Final = frozenset({"truth.confirm"})  # rows that nobody else writes: they wait for nobody
_TURN: Final = (
    "with turn as (update meta set value = value + 1 where key = 'version' returning value)"
    " insert into turns (slot, token) select value % 64, $1 from turn"
    " on conflict (slot) do update set token = excluded.token"
    " returning (select value from turn), pg_current_xact_id()::text"
)
_AT_WORK: Final = "select pg_xact_status($1::text::xid8) = 'in progress'"
_VERDICT: Final = (
    "select token = $2, (select value from meta where key = 'version') - $1::bigint < 64 from turns"
    " where slot = $1::bigint % 64"  # so many turns are remembered
)
NUL: Final = "\ufffd"  # in the place of a NUL character, which no text here can hold

T = TypeVar("T")


class Found:
    """The rows of a statement, all here."""

    __slots__ = ("_at", "_rows")

    def __init__(self, rows: list[tuple[Any, ...]]) -> None:
        self._rows = rows
        self._at = 0

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        rows, self._at = self._rows[self._at :], len(self._rows)
        return iter(rows)

    def fetchone(self) -> tuple[Any, ...] | None:
        """The next one; None after the last."""
        if self._at >= len(self._rows):
            return None
        self._at += 1
        return self._rows[self._at - 1]

    def fetchall(self) -> list[tuple[Any, ...]]:
        """All that are left."""
        return list(self)

    @property
    def get(self) -> Any:
        """The only value of the only row; else that row, or all rows."""
        rows = [row[0] if len(row) == 1 else row for row in self._rows]
        return rows[0] if len(rows) == 1 else rows or None


class Session:
    """`Statements` and a `Database` in one. `index`: number of the one whose truth this is; 0: the control plane."""

    def __init__(self, place: Place, index: int = 0, *, read_only: bool = False, crash: CrashPoint = no_crash) -> None:
        self.path = ""
        self.place = place
        self.index = index
        self._schemas = place.schemas(index)
        self._read_only = read_only
        self._crash = crash
        self._pool = Pool.of(place)
        self._link: Link | None = None
        self._turn: tuple[int, str, str] | None = None  # its number, our token, the number of the transaction
        self._changes = 0

    def another(self) -> Session:
        """One more on the same, for another thread."""
        return Session(self.place, self.index, read_only=self._read_only, crash=self._crash)

    @property
    def db(self) -> Session:
        """See `Database`."""
        return self

    def close(self) -> None:
        """Let go of it."""
        if self._link is not None:
            self._drop()
        self._pool.leave()

    # --- statements ------------------------------------------------------------------------------------------------

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> Found:
        """See `Statements`."""
        text = text_of(statement)
        if text.table or text.rows:
            self._send(text, [parameters])
            return Found([])
        given = _fit(parameters)
        rows, self._changes = self.with_link(lambda link: link.run(text.sql, given), text.sql)
        return Found([tuple(row) for row in rows])

    def executemany(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        """See `Statements`."""
        sent = [_fit(row) for row in rows]
        if sent:
            self._send(text_of(statement), sent)

    def changes(self) -> int:
        """See `Statements`."""
        return self._changes

    def _send(self, text: Text, rows: list[Any]) -> None:
        if text.table:
            self.with_link(lambda link: link.copy(text.table, text.columns, rows))
            self._changes = len(rows)
        elif text.rows:
            arguments = [list(column) for column in zip(*rows, strict=True)]
            _, self._changes = self.with_link(lambda link: link.run(text.sql, arguments))
        else:
            self.with_link(lambda link: link.many(text.sql, rows))
            self._changes = len(rows)

    def with_link(self, action: Callable[[Link], T], sql: str = "") -> T:
        """Do something with the connection of the transaction, or with one that is lent for it."""
        if self._link is not None:
            return action(self._link)
        if sql[:6].lower() != "select":
            return self._lent(action)
        return again(lambda: self._lent(action), 2.0)  # reading may be repeated

    def run(self, action: Callable[[Any], Awaitable[T]]) -> T:
        """See `Transaction`."""
        assert self._link is not None
        return self._link.lend(action)

    def _lent(self, action: Callable[[Link], T]) -> T:
        link = self._pool.take(self._schemas)
        try:
            return action(link)
        finally:
            self._pool.give(link)

    # --- transactions ----------------------------------------------------------------------------------------------

    @property
    def in_transaction(self) -> bool:
        """Whether statements are part of one now."""
        return self._link is not None

    def writing(self, name: str) -> AbstractContextManager[None]:
        """See `Database`."""
        return nullcontext() if self._link is not None else self._transaction(name)

    @contextmanager
    def _transaction(self, name: str) -> Iterator[None]:
        if self._read_only:
            raise StoreError("this was opened for reading only", code="internal")
        self._crash(f"{name}.before")
        again(lambda: self._begin("begin", take_turn=name not in ALONE))
        try:
            yield
            self._crash(f"{name}.inside")
            self._commit()
        except BaseException:
            self._roll_back()
            raise
        self._crash(f"{name}.after")

    def reading(self) -> AbstractContextManager[None]:
        """See `Database`: errors are ours already."""
        return nullcontext()

    @contextmanager
    def moment(self) -> Iterator[None]:
        """See `Database`."""
        if self._link is not None:
            yield
            return
        again(lambda: self._begin("begin isolation level repeatable read read only", take_turn=False), 2.0)
        try:
            yield
        finally:
            self._roll_back()

    def _begin(self, how: str, *, take_turn: bool) -> None:
        link = self._pool.take(self._schemas)
        try:
            link.script(how)
            self._turn = None
            if take_turn:
                token = os.urandom(12).hex()
                rows, _ = link.run(_TURN, (token,))
                if not rows:
                    raise NotFound("the index has been removed", remedy="List the indexes to see which there are.")
                self._turn = (rows[0][0], token, rows[0][1])
        except BaseException:
            with suppress(SynclineError):
                if not link.closed:
                    link.script("rollback")
            self._pool.give(link)
            raise
        self._link = link

    def _commit(self) -> None:
        assert self._link is not None
        try:
            said = self._link.script("commit")
        except StoreUnavailable as error:
            turn = self._turn
            self._drop()
            if turn is not None and self._was_made_durable(*turn, error):
                return
            raise
        self._give_back()
        if said != "COMMIT":
            raise StoreError("a transaction was ended as if nothing had been: a statement in it had failed")

    def _was_made_durable(self, number: int, token: str, xid: str, error: StoreUnavailable) -> bool:
        """Whether a transaction whose answer was lost was committed. Raises the error when nobody can tell."""
        deadline = time.monotonic() + PATIENCE_S
        error.done = None
        while self._at_work(xid, error):
            if time.monotonic() >= deadline:
                raise error
            time.sleep(0.05)
        try:
            rows, _ = again(lambda: self._lent(lambda link: link.run(_VERDICT, (number, token))))
        except SynclineError:
            raise error from None
        durable, lately = rows[0] if rows else (False, True)
        if not durable and not lately:
            raise error
        error.done = False
        return bool(durable)

    def _at_work(self, xid: str, error: StoreUnavailable) -> bool:
        """Whether the server has not come to the end of it."""
        try:
            rows, _ = again(lambda: self._lent(lambda link: link.run(_AT_WORK, (xid,))))
        except StoreUnavailable:
            raise error from None
        except SynclineError:  # a number of the future: the server has forgotten it in a crash
            return False
        return bool(rows[0][0])

    def _roll_back(self) -> None:
        if self._link is None:
            return
        try:
            if not self._link.closed:
                self._link.script("rollback")
        except SynclineError:
            self._link.lost = True
        self._give_back()

    def _give_back(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            self._pool.give(link)

    def _drop(self) -> None:
        if self._link is not None:
            self._link.close()
            self._give_back()

    # --- the whole -------------------------------------------------------------------------------------------------

    def version(self) -> int:
        """See `Database`."""
        return int(self.execute("select value from meta where key = 'version'").get)

    def damage(self) -> str:
        """See `Database`: the server looks after its own files."""
        return ""

    def erase(self) -> bool:
        """See `Database`. Tables are written anew; the server's log and backups hold older pages for a while."""
        for table in ("connectors", "keys", "triggers", "webhooks", "answers", "records", "indexes"):
            with suppress(SynclineError):
                self._lent(lambda link, table=table: link.script(f"vacuum full {table}"))  # type: ignore[misc]
        return False


def _fit(row: Sequence[Any]) -> Sequence[Any]:
    for value in row:
        if type(value) is str and "\0" in value:
            return [value.replace("\0", NUL) if isinstance(value, str) else value for value in row]
    return row


def again(action: Callable[[], T], patience_s: float = PATIENCE_S) -> T:
    """`action`, repeated while the connection is lost and nothing was done, for so long."""
    deadline, pause = time.monotonic() + patience_s, 0.05
    while True:
        try:
            return action()
        except StoreUnavailable as error:
            if error.done is not False or time.monotonic() + pause >= deadline or error.code == "store.busy":
                raise
        time.sleep(pause)
        pause = min(1.0, pause * 2)
