"""What PostgreSQL and its driver raise, in our own words."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from syncline.model.errors import Category, DestinationError, InternalError, Mender, NotFound, SynclineError
from syncline.store.relational.database import Violated


class StoreError(DestinationError):
    """The database that keeps everything cannot do what it is asked."""

    code = "store.failed"
    default_remedy = "Look into the log of the database."


class StoreUnavailable(StoreError):
    """The database cannot be reached, or the connection to it was lost. `done`: None when a transaction may have been
    made durable all the same and nobody knows; False when it certainly was not."""

    code = "store.unavailable"
    default_remedy = "Make the database of SYNCLINE_DATABASE_URL reachable, and try again."

    def __init__(self, message: str, *, done: bool | None = False) -> None:
        super().__init__(message)
        self.done = done


class StoreDenied(StoreError):
    """The database does not let us in, or not do that."""

    code = "store.denied"
    category = Category.PERMISSION
    default_remedy = "Check the user, the password and the rights in SYNCLINE_DATABASE_URL (docs/postgres.md)."


class StoreReadOnly(StoreError):
    """The database takes no changes: a replica, or a server in recovery."""

    code = "store.read_only"
    default_remedy = "Name the primary server in SYNCLINE_DATABASE_URL."


class StoreFull(StoreError):
    """The database has no room left."""

    code = "store.full"
    default_remedy = "Give the database more disk space or memory."


class StoreBusy(StoreUnavailable):
    """The database took too long: a lock that somebody holds, or a statement timeout."""

    code = "store.busy"
    default_remedy = "Try again in a moment; look for sessions that are idle in a transaction."


class StoreUnsuitable(StoreError):
    """The database is not one that can be the store."""

    code = "store.unsuitable"
    mender = Mender.YOU
    default_remedy = "Use PostgreSQL 14 or newer, with a database in UTF8 (docs/postgres.md)."


# SQLSTATEs.  Source: PostgreSQL 18, appendix A.
_LOST: Final = frozenset({"57P01", "57P02", "57P03", "57P05", "25P03", "53300"})
_BUSY: Final = frozenset({"57014", "55P03", "40P01", "40001"})
_UNIQUE: Final = frozenset({"23505", "23514", "23P01", "23502"})
_FULL: Final = frozenset({"53100", "53200", "53000", "54000"})
_DENIED: Final = frozenset({"42501", "28000", "28P01", "3D000", "3F000"})
_READ_ONLY: Final = frozenset({"25006"})
_GONE: Final = frozenset({"42P01"})  # a table of ours


def is_lost(error: BaseException) -> bool:
    """Whether the connection is of no use any more."""
    if isinstance(error, OSError | EOFError | asyncio.TimeoutError | asyncio.IncompleteReadError):
        return True
    state = _state(error)
    return state in _LOST or state.startswith("08") or type(error).__name__ in _INTERFACE


_INTERFACE: Final = frozenset({"InterfaceError", "ConnectionDoesNotExistError", "InternalClientError"})


def translated(error: BaseException, shown: str, *, of_truth: bool = False) -> SynclineError:
    """The error of the family for it. `shown` names the database to people; `of_truth`: it is about one index."""
    state, said = _state(error), _said(error)
    if is_lost(error):
        return StoreUnavailable(f"the connection to {shown} was lost: {said}")
    if state in _BUSY:
        return StoreBusy(f"{shown} took too long: {said}")
    if state == "54000" and "index row" in said:
        what = "the id of a document is too long for an index of the database: 2,700 bytes, after compression"
        return StoreError(what, code="store.id_too_long", remedy="Leave the document out, or give it a shorter id.")
    if state == "42P07":
        what = f"there are tables in {shown} under the names of ours"
        return StoreUnsuitable(what, remedy="Name another schema with SYNCLINE_DATABASE_SCHEMA.")
    if state in _UNIQUE or state == "23503":
        return Violated(said, reference=state == "23503")
    if state in _FULL:
        return StoreFull(f"{shown} has no room: {said}")
    if state in _READ_ONLY:
        return StoreReadOnly(f"{shown} takes no changes: {said}")
    if state in _DENIED:
        return StoreDenied(f"{shown} refuses: {said}")
    if state.startswith("XX"):
        return StoreError(f"{shown} is damaged: {said}", code="store.damaged")
    if state in _GONE and of_truth:
        return NotFound("the index has been removed", remedy="List the indexes to see which there are.")
    if state in _GONE:
        what = f"the tables in {shown} are not what was made there: {said}"
        return StoreError(what, code="store.damaged", remedy="Restore the schema from a backup.")
    return InternalError(f"{shown}: {type(error).__name__}: {said}")


def _state(error: BaseException) -> str:
    state: Any = getattr(error, "sqlstate", None)
    return state if isinstance(state, str) else ""


def _said(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300]
