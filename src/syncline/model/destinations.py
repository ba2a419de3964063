"""The door to a destination: where documents of an index land when that is not the store itself.

    ledger: announced, not settled ──▶ destination: documents ──▶ ledger: settled, outcomes, checkpoint

Between the arrows a process may die. Before the destination is touched, the ledger knows of every document concerned
that it must be looked at again; so whatever the destination holds then, the next job puts it right. A destination needs
no memory of that: it writes by id, as often as it is told to. `syncline.destinations.remote` walks these steps.

A small required core; every other ability is a protocol of its own. Making one must not connect to anything.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar, runtime_checkable

from syncline.model.documents import Document
from syncline.model.ports import Batch, Mark, Ticket, Transform
from syncline.model.sheets import Sheet

if TYPE_CHECKING:
    from syncline.model.search import Request, Results

T = TypeVar("T")


class Destination(Protocol):
    """The documents of one index, each known by (number of its connector, id). Used by one thread at a time, which is
    not always the same: a large write may be done beside the job.

    Raises DestinationError for whatever cannot be done now, ConfigInvalid or CredentialsInvalid for what the settings
    have wrong. A write that may or may not have been done is a DestinationError, too.
    """

    def check(self) -> None:
        """Prove that it can be reached and written, changing nothing."""
        ...

    def begin(self, ticket: Ticket, *, empty: bool) -> None:
        """An attempt begins: whatever is missing is made, and from now on every write by an earlier attempt of this
        connector is refused, if that can be had here (invariant 2). Raises JobFenced when a later attempt has begun.

        `empty`: nothing of this connector is known to be here, so whatever is here of it is removed. Otherwise, when
        this is not the place that earlier attempts have written to, raises DestinationError and changes nothing."""
        ...

    def write(self, ticket: Ticket, puts: Sequence[Document], deletes: Sequence[str]) -> None:
        """Put these documents, new or in place of those with the same id, and delete the documents of those ids, as far
        as they are there. Durable when it returns; all of it or nothing, where that can be had. The same write again
        changes nothing (invariant 7). Raises JobFenced for an earlier attempt than the one that began last."""
        ...

    def drop(self, connector: int | None) -> None:
        """Remove every document of a connector, and what is remembered of it; None: of the whole index. Harmless when
        there is none."""
        ...

    def close(self) -> None:
        """Let go of everything."""
        ...


@runtime_checkable
class Pastes(Protocol):
    """Optional: takes new documents column by column."""

    def paste(self, ticket: Ticket, sheets: Sequence[Sheet]) -> None:
        """As `write` with all of their documents. As a rule none of them is here, and when some are, they are
        replaced."""
        ...


@runtime_checkable
class Settles(Protocol):
    """Optional: what is written is not found at once."""

    def settle(self) -> None:
        """Return when everything written so far is found by the next search (invariant 9)."""
        ...


@runtime_checkable
class Prepares(Protocol):
    """Optional: changed documents go through transforms of the destination, after all others.

    This is where a document is refused that could not be written, and where vectors are made. The recipes are those of
    the settings: another recipe has every document prepared, and written, anew. Must not connect.
    """

    def transforms(self) -> Sequence[Transform]: ...


@runtime_checkable
class Searches(Protocol):
    """Optional: answers searches."""

    def search(self, request: Request, connectors: Mapping[int, str]) -> Results:
        """`connectors` names them by number. Raises UsageError for a senseless request, and for one that cannot be
        answered here."""
        ...


class Shown(NamedTuple):
    """One document. `text` may be its beginning only; `chars` is the length of all of it. `version` is the source's,
    `job` the number of the job that brought it; a destination knows neither."""

    connector: int
    id: str
    title: str
    text: str
    chars: int
    metadata: dict[str, Any]
    media_type: str
    url: str
    allow: tuple[str, ...]
    deny: tuple[str, ...]
    checksum: int
    version: str | None = None
    job: int = 0


@runtime_checkable
class Shows(Protocol):
    """Optional: hands out documents one by one and page by page."""

    def one(self, connectors: Sequence[int], id: str) -> list[Shown]:
        """The documents of that id, of those connectors, by connector."""
        ...

    def page(self, after: tuple[int, str], limit: int, chars: int, connector: int | None = None) -> list[Shown]:
        """Documents after (connector, id), in the order of number and of the bytes of the id; of one connector those
        after the id. `chars` of each text at most."""
        ...


class Found(NamedTuple):
    """A document that is in a destination. `intact` False: it is not what was written."""

    id: str
    intact: bool


@runtime_checkable
class Takes(Protocol):
    """Optional: can be taken stock of, for `syncline verify`."""

    def stock(self, connector: int, after: str, limit: int) -> list[Found]:
        """What is there of a connector after that id, in the order of the bytes of the ids. Empty when the place is
        gone."""
        ...

    def discard(self, connector: int, ids: Sequence[str]) -> None:
        """Delete documents that nobody knows of. No job of the connector runs."""
        ...


# --- the ledger of documents that lie elsewhere -----------------------------------------------------------------------


class Announces(Protocol):
    """What a ledger must be able to do beside its own when documents lie elsewhere: write rows without documents, and
    make them count all at once when the documents are there."""

    def announce(self, ticket: Ticket, batch: Batch, unsettled: Sequence[Mark]) -> range:
        """The new documents of the batch (its puts without a row, then its sheets) are about to be written: each gets
        its row, with its version and all, but in the state of one that was not taken so far. `unsettled` are rows that
        are not to be believed meanwhile. Durable when it returns; returns the seqs of the new rows. Raises JobFenced.
        """
        ...

    def commit_announced(self, ticket: Ticket, batch: Batch, rows: range) -> list[int]:
        """As `Ledger.commit`, without documents, once they have been written. `rows`: what `announce` said of it."""
        ...


# --- a destination in the database of the store ----------------------------------------------------------------------


class Transaction(Protocol):
    """A transaction of the store, as somebody sees it who takes part in it and knows the driver. It is ended by whoever
    began it."""

    def run(self, action: Callable[[Any], Awaitable[T]]) -> T:
        """`action(connection)`, and wait for its end. Raises what it raises, and an error of the store when the
        connection was lost; after any error nothing of the transaction will be durable."""
        ...


@runtime_checkable
class Shares(Protocol):
    """Optional for a ledger: lets a destination write within its transactions.

    driver  what their connections are of: "asyncpg".
    """

    driver: str

    def commit_with(self, ticket: Ticket, batch: Batch, part: Callable[[Transaction], None]) -> list[int]:
        """As `Ledger.commit`, without documents, and `part` in the same transaction, as the last thing in it: all of
        both or nothing. Done again when the connection was lost and nothing was made durable. Another thread may read
        `held` and `outcomes_of` meanwhile."""
        ...

    def ask_with(self, part: Callable[[Transaction], T]) -> T:
        """What `part` finds in a transaction that changes nothing."""
        ...


@runtime_checkable
class Joins(Protocol):
    """Optional: can write within transactions of the store, if that lies in the same database.

    driver  what the connections must be of: "asyncpg".
    """

    driver: str

    def why_apart(self, transaction: Transaction) -> str:
        """Why nothing can be written within transactions like this one, for people; empty when it can. An attempt has
        begun. Changes nothing. Raises an error of the family when that cannot be found out."""
        ...

    def part(
        self, ticket: Ticket, puts: Sequence[Document], sheets: Sequence[Sheet], deletes: Sequence[str]
    ) -> Callable[[Transaction], None]:
        """What does a `write`, and puts the documents of the sheets, within a transaction. It may be called again after
        that was rolled back."""
        ...


@runtime_checkable
class Remarks(Protocol):
    """Optional for an index: has something to say of how it works."""

    def remarks(self) -> list[str]:
        """What is new since it was asked last, for people."""
        ...
