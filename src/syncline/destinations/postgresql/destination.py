"""The destination: a fence, writes that may be repeated, and everything else that an index is asked.

A write is one transaction: it holds the row of the fence, copies the batch into a temporary table, and makes of it one
INSERT … ON CONFLICT and one DELETE; documents that come as columns are new, and are inserted from them as they come,
without a look at what is there, unless that turns out to be needed. So it is done whole or not at all, and never by an
attempt that is late. When the connection is lost, or the server gives the transaction up, it is simply done again: a
few times here, and by the next job after that.
"""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeVar

from syncline.destinations.postgresql import problems
from syncline.destinations.postgresql.columns import Columns
from syncline.destinations.postgresql.joining import Guest
from syncline.destinations.postgresql.prepare import Prepare
from syncline.destinations.postgresql.problems import Passing, translated
from syncline.destinations.postgresql.rows import FIELDS, Record, record
from syncline.destinations.postgresql.table import STAGE, Settings, Table
from syncline.destinations.postgresql.wire import Wire
from syncline.model.destinations import Found, Shown, Transaction
from syncline.model.documents import Document
from syncline.model.errors import JobFenced, SynclineError
from syncline.model.ports import CrashPoint, Ticket, Transform, no_crash
from syncline.model.search import Request, Results
from syncline.model.sheets import Sheet

T = TypeVar("T")

PAUSES_S: Final = (0.1, 0.5, 2.0)  # before a transaction is tried again


class PostgreSQLDestination:
    """One index in one table. Connects when it is first used. `index` is the id of the index."""

    driver = "asyncpg"  # see `Joins`

    def __init__(
        self,
        settings: Settings,
        *,
        index: str,
        crash: CrashPoint = no_crash,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._settings = settings
        self._index = index
        self._crash = crash
        self._sleep = sleep
        self._table = Table(settings)
        self._wire = Wire(settings.url, settings.connect_timeout_s, settings.lock_timeout_s)
        self._staged = 0  # the connection on which the temporary table was made
        self._guest = Guest(self._table, settings.lock_timeout_s, self._reading)

    def close(self) -> None:
        """See `Destination`."""
        self._wire.close()

    def transforms(self) -> Sequence[Transform]:
        """See `Prepares`."""
        return [Prepare(self._settings)]

    # --- who may write ------------------------------------------------------------------------------------------------

    def check(self) -> None:
        """See `Destination`."""

        async def look(connection: Any) -> None:
            table = self._table
            await table.check_language(connection)
            await table.check_rights(connection)
            if await table.exists(connection):
                await table.look_at(connection)
                owner, _ = await self._writers(connection, 0)
                if owner not in (None, self._index):
                    raise problems.taken(table.name)
            elif self._settings.dimensions is not None and not await connection.fetchval(table["has_vectors"]):
                await table.make(connection)  # says what is missing

        self._reading(look)

    def begin(self, ticket: Ticket, *, empty: bool) -> None:
        """See `Destination`."""
        self._in_transaction(lambda connection: self._begin(connection, ticket, empty=empty), "begin")

    async def _begin(self, connection: Any, ticket: Ticket, *, empty: bool) -> None:
        table = self._table
        await connection.execute(table["lock"])
        owner, fence = await self._writers(connection, ticket.connector)
        if owner not in (None, self._index):
            raise problems.taken(table.name)
        await connection.execute(table["make_writers"])
        await table.check_language(connection)
        if not await table.exists(connection):
            if not empty:
                raise problems.table_missing(table.name)
            await connection.execute(table["forget"], self._index, None)  # whoever else wrote to it finds nothing
            await table.make(connection)
        elif not empty and fence is None:
            raise problems.elsewhere(table.name)
        else:
            await table.look_at(connection)
            if owner is None and await connection.fetchval(table["any"]):
                raise problems.in_use(table.name)
        await connection.execute(table["claim"], self._index)
        raised = await connection.fetchval(table["fence"], ticket.connector, self._index, ticket.fence)
        if raised is None:
            raise _fenced(ticket)
        if empty:
            await connection.execute(table["delete_all"], ticket.connector)

    async def _writers(self, connection: Any, connector: int) -> tuple[str | None, int | None]:
        """(index whose table it is, newest attempt of that connector); None for what is not known."""
        if not await connection.fetchval(self._table["exists"], self._table.writers):
            return None, None
        rows = await connection.fetch(self._table["writers"], connector)
        owner = next((row["index_id"] for row in rows if row["connector"] == 0), None)
        fence = next((row["fence"] for row in rows if row["connector"] == connector != 0), None)
        return owner, fence

    # --- writing ------------------------------------------------------------------------------------------------------

    def write(self, ticket: Ticket, puts: Sequence[Document], deletes: Sequence[str]) -> None:
        """See `Destination`."""
        records = self._records(puts)

        async def staged(connection: Any) -> None:
            if self._staged != self._wire.served:
                await connection.execute(self._table["make_stage"])
            await self._write(connection, ticket, records, deletes)

        self._in_transaction(staged, "write")
        self._staged = self._wire.served

    def _records(self, puts: Sequence[Document]) -> list[Record]:
        return [record(at, document, searched=self._table.searched) for at, document in enumerate(puts, 1)]

    async def _write(self, connection: Any, ticket: Ticket, records: Sequence[Record], deletes: Sequence[str]) -> None:
        table = self._table
        await self._hold(connection, ticket)
        if records:
            await connection.copy_records_to_table(STAGE, records=records, columns=FIELDS)
            self._crash("postgresql.write.copied")
            await connection.execute(table["put"], ticket.connector)
        if deletes:
            await connection.execute(table["delete"], ticket.connector, list(deletes))

    async def _hold(self, connection: Any, ticket: Ticket) -> None:
        """Hold the fence. Raises JobFenced."""
        newest = await connection.fetchval(self._table["newest"], ticket.connector, self._index)
        if newest != ticket.fence:
            raise _fenced(ticket)

    def paste(self, ticket: Ticket, sheets: Sequence[Sheet]) -> None:
        """See `Pastes`: without a look at what is there, unless something is."""
        columns = Columns(sheets, searched=self._table.searched)
        try:
            self._in_transaction(lambda connection: self._paste(connection, ticket, columns, "paste"), "write")
        except SynclineError as error:
            if getattr(error.__cause__, "sqlstate", None) != problems.THERE:
                raise
            self._in_transaction(lambda connection: self._paste(connection, ticket, columns, "paste_over"), "write")

    async def _paste(self, connection: Any, ticket: Ticket, columns: Columns, statement: str) -> None:
        """`statement`: "paste", or "paste_over" when some may be there."""
        await self._hold(connection, ticket)
        last, _ = await connection.fetchrow(self._table["last"])
        prepared = await connection.prepare(self._table[statement + ("_bare" if columns.bare else "")], name="")
        await prepared.executemany(columns.parameters(ticket.connector, last))
        self._crash("postgresql.write.pasted")

    def why_apart(self, transaction: Transaction) -> str:
        """See `Joins`."""
        return self._guest.why_apart(transaction)

    def part(
        self, ticket: Ticket, puts: Sequence[Document], sheets: Sequence[Sheet], deletes: Sequence[str]
    ) -> Callable[[Transaction], None]:
        """See `Joins`."""
        records = self._records(puts)
        columns = Columns(sheets, searched=self._table.searched) if sheets else None

        async def write(connection: Any, statement: str) -> None:
            if columns is None or records or deletes:
                await connection.execute(self._table["make_stage"])
                await self._write(connection, ticket, records, deletes)
            if columns is not None:
                await self._paste(connection, ticket, columns, statement)

        return self._guest.part(write)

    def drop(self, connector: int | None) -> None:
        """See `Destination`."""
        self._in_transaction(lambda connection: self._drop(connection, connector), "drop")

    async def _drop(self, connection: Any, connector: int | None) -> None:
        table = self._table
        owner, _ = await self._writers(connection, 0)
        if owner != self._index:
            return
        if await table.exists(connection):
            if connector is None:
                await connection.execute(table["delete_index"], self._index)
            else:
                await connection.execute(table["delete_all"], connector)
        await connection.execute(table["forget"], self._index, connector)

    # --- asking -------------------------------------------------------------------------------------------------------

    def search(self, request: Request, connectors: Mapping[int, str]) -> Results:
        """See `Searches`."""
        from syncline.destinations.postgresql.search import Search

        search = Search(self._table, request, connectors)

        async def ask(connection: Any) -> Results:
            if not await self._is_ours(connection):
                return Results()
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                return await search.answer(connection)

        return self._reading(ask)

    def one(self, connectors: Sequence[int], id: str) -> list[Shown]:
        """See `Shows`."""
        return self._shown("one", list(connectors), id) if "\0" not in id else []

    def page(self, after: tuple[int, str], limit: int, chars: int, connector: int | None = None) -> list[Shown]:
        """See `Shows`."""
        if connector is None:
            return self._shown("page", *after, limit, chars)
        return self._shown("page_of", connector, after[1], limit, chars)

    def _shown(self, statement: str, *given: Any) -> list[Shown]:
        return [_shown(row) for row in self._rows(statement, *given)]

    def stock(self, connector: int, after: str, limit: int) -> list[Found]:
        """See `Takes`."""
        return [Found(row[0], bool(row[1])) for row in self._rows("stock", connector, after, limit)]

    def discard(self, connector: int, ids: Sequence[str]) -> None:
        """See `Takes`."""
        self._in_transaction(
            lambda connection: connection.execute(self._table["delete"], connector, list(ids)), "discard"
        )

    def _rows(self, statement: str, *given: Any) -> Sequence[Any]:
        async def ask(connection: Any) -> Sequence[Any]:
            if not await self._is_ours(connection):
                return []
            rows: Sequence[Any] = await connection.fetch(self._table[statement], *given)
            return rows

        return self._reading(ask)

    async def _is_ours(self, connection: Any) -> bool:
        """Whether the table is there, and this index writes to it. Nobody reads what another one has written."""
        owner, _ = await self._writers(connection, 0)
        return owner == self._index and await self._table.exists(connection)

    # --- transactions -------------------------------------------------------------------------------------------------

    def _in_transaction(self, work: Callable[[Any], Awaitable[Any]], name: str) -> None:
        """All of it or nothing; tried again when the connection is lost or the server gives it up."""

        async def whole(connection: Any) -> None:
            async with connection.transaction():
                await work(connection)
                self._crash(f"postgresql.{name}.inside")

        self._crash(f"postgresql.{name}.before")
        self._persistently(whole)
        self._crash(f"postgresql.{name}.after")

    def _reading(self, work: Callable[[Any], Awaitable[T]]) -> T:
        """Once more on another connection when the one at hand turns out to be lost."""
        return self._persistently(work, PAUSES_S[:1])

    def _persistently(self, work: Callable[[Any], Awaitable[T]], pauses: Iterable[float] = PAUSES_S) -> T:
        for pause_s in pauses:
            try:
                return self._attempt(work)
            except Passing:
                self._sleep(pause_s)
        return self._attempt(work)

    def _attempt(self, work: Callable[[Any], Awaitable[T]]) -> T:
        with translated(self._table.name):
            try:
                return self._wire.run(work)
            except SynclineError:
                raise
            except BaseException as error:
                if getattr(error, "sqlstate", None) is None:
                    self._wire.drop()  # nobody knows what state it is in
                raise


def _shown(row: Sequence[Any]) -> Shown:
    connector, id, title, text, chars, metadata, media_type, url, allow, deny, checksum = row
    return Shown(
        connector,
        id,
        title,
        text,
        chars,
        json.loads(metadata),
        media_type,
        url,
        tuple(allow),
        tuple(deny),
        checksum & 0xFFFF_FFFF_FFFF_FFFF,
    )


def _fenced(ticket: Ticket) -> JobFenced:
    return JobFenced(f"a newer attempt has taken over the connector of job {ticket.job}")
