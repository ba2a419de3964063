"""Writing within transactions of the store: whether that can be, and what it takes.

That both lie in one database is proved by an advisory lock, which only sessions of one database share: neither URLs nor
what a server tells of itself would do, for a server may have many names, and its copy tells the same.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, NamedTuple

from syncline.destinations.postgresql.problems import THERE, Passing, translated
from syncline.destinations.postgresql.table import Table, quoted
from syncline.model.destinations import Transaction

ELSEWHERE: Final = "documents and store lie in different databases"
NO_TABLE: Final = "the user of the store may not write to the table {table}, or to syncline_writers beside it"
NO_STAGE: Final = "the user of the store may not make temporary tables in the database"
NOT_SAFE: Final = (
    "the table {table} belongs to another user than the store, and triggers on it would run with the store's rights"
)
NOT_LEVEL: Final = "row security on the table {table} holds for the user of the store"


class Host(NamedTuple):
    """What the destination's own session is like. `path`: where it looks for names."""

    user: str
    path: str
    alone: bool


class Guest:
    """A destination within transactions of the store. `ask` runs something on a connection of the destination's own."""

    def __init__(self, table: Table, lock_timeout_s: float, ask: Callable[[Callable[[Any], Awaitable[Host]]], Host]):
        self._table = table
        self._lock_timeout = f"{int(lock_timeout_s * 1000)}ms"
        self._ask = ask
        self._path = ""

    def why_apart(self, transaction: Transaction) -> str:
        """See `Joins`."""
        key = secrets.randbits(62)
        with translated(self._table.name):
            transaction.run(lambda store: store.execute(self._table["hold"], key))
            host = self._ask(lambda connection: self._seen(connection, key))
            if host.alone:
                return ELSEWHERE
            self._path = host.path
            return transaction.run(lambda store: self._hindered(store, host)).format(table=self._table.name)

    async def _seen(self, connection: Any, key: int) -> Host:
        """Raises DestinationError when the destination's own user may not write there."""
        await self._table.check_rights(connection)
        return Host(*await connection.fetchrow(self._table["host"], key))

    async def _hindered(self, store: Any, host: Host) -> str:
        table = self._table
        if not await store.fetchval(table["may_look"], quoted(table.schema)):
            return NO_TABLE
        found: Mapping[str, bool] = await store.fetchrow(table["may_join"], table.quoted, table.writers, host.user)
        hindrances = {"may_write": NO_TABLE, "may_stage": NO_STAGE, "is_safe": NOT_SAFE, "is_level": NOT_LEVEL}
        return next((why for right, why in hindrances.items() if not found[right]), "")

    def part(self, write: Callable[[Any, str], Awaitable[None]]) -> Callable[[Transaction], None]:
        """What calls `write(connection, statement)` within a transaction that has been made to look like one of ours.
        The statement that puts new documents into the table is "paste" at first; when one of them is there, the
        transaction is given up, and it is "paste_over" in the next."""
        statements = ["paste_over", "paste"]

        async def inside(store: Any) -> None:
            await store.execute(self._table["as_guest"], self._path, self._lock_timeout)
            try:
                await write(store, statements[-1])
            except Exception as error:
                if getattr(error, "sqlstate", None) != THERE or len(statements) == 1:
                    raise
                statements.pop()
                what = f"{self._table.name}: one of the documents is there already"
                raise Passing(what, code="destination.conflict") from error

        def take_part(transaction: Transaction) -> None:
            with translated(self._table.name):
                transaction.run(inside)

        return take_part
