"""What PostgreSQL and the driver say, in the words of the error family."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from syncline.model.errors import ConfigInvalid, CredentialsInvalid, DestinationError, SynclineError

_LOST: Final = frozenset({"57P01", "57P02", "57P03", "57P05"})
_FULL: Final = frozenset({"53100", "53200", "53400", "54000"})
THERE: Final = "23505"  # a row with that key is there already
_AGAIN: Final = frozenset({"40001", "40P01", "40003"})


class Passing(DestinationError):
    """It may go well when it is tried again at once."""

    code = "destination.connection_lost"


def fault(code: str, message: str, remedy: str) -> DestinationError:
    """An error of the destination."""
    return DestinationError(message, code=code, remedy=remedy)


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Errors of the driver, while something is done with `what`, become errors of the family."""
    try:
        yield
    except SynclineError:
        raise
    except (OSError, TimeoutError, EOFError) as error:
        raise _lost(error) from error
    except Exception as error:
        if not type(error).__module__.startswith("asyncpg"):
            raise
        raise error_of(error, what) from error


def error_of(error: Exception, what: str) -> SynclineError:
    """The error of the family for one of asyncpg."""
    state = getattr(error, "sqlstate", None) or ""
    told = _said(error)
    if not state or state.startswith("08") or state in _LOST:
        return _lost(error)
    if state in _AGAIN:
        remedy = "Run the job again; if it happens often, see what else writes to the table."
        return Passing(
            f"{what}: PostgreSQL gave up the transaction: {told}", code="destination.conflict", remedy=remedy
        )
    if state in _FULL:
        return fault(
            "destination.full", f"{what} cannot be written: {told}", "Give the database room, and run the job again."
        )
    if state == "42501":
        return no_permission(f"{what}: {told}")
    if state in ("42P01", "3F000"):
        return table_missing(what)
    if state == "55P03":
        remedy = "Run the job again when the other session has let go, or raise lock_timeout_s."
        return fault("destination.locked", f"{what} is held by another session", remedy)
    if state == "57014":
        remedy = "Raise the statement timeout of the destination's user."
        return fault("destination.cancelled", f"{what}: PostgreSQL cancelled the statement: {told}", remedy)
    if state.startswith(("42", "23")):
        remedy = "Give the table the columns that docs/destinations/postgresql.md lists."
        return fault("destination.table_changed", f"{what} is not as it was: {told}", remedy)
    return fault("destination.refused", f"{what}: {told}", "See the log of the database.")


def no_permission(what: str) -> DestinationError:
    """The user may not do it."""
    remedy = "GRANT the destination's user what is missing: SELECT, INSERT, UPDATE, DELETE, and CREATE at first."
    return fault("destination.permission_denied", what, remedy)


def table_missing(table: str) -> DestinationError:
    """It was there once."""
    remedy = "Bring it back, or run `syncline verify --repair` and sync again: then it is made and filled anew."
    return fault("destination.table_missing", f"the table {table} is not there any more", remedy)


def elsewhere(table: str) -> DestinationError:
    """Nothing here tells of what this connector has written."""
    return fault(
        "destination.elsewhere",
        f"this index has not written its documents to the table {table} of this database",
        "Correct the url, or run `syncline verify --repair` and sync again: then it is filled anew.",
    )


def taken(table: str) -> ConfigInvalid:
    """Another index writes to it."""
    return ConfigInvalid(
        f"another index writes to the table {table}",
        code="destination.table_taken",
        remedy="Choose another table, or remove the other index.",
    )


def in_use(table: str) -> ConfigInvalid:
    """There are rows in it that no index of Syncline has written."""
    return ConfigInvalid(
        f"the table {table} holds rows that no index has written",
        code="destination.table_in_use",
        remedy="Empty it, or name another table.",
    )


def connecting(error: Exception) -> SynclineError:
    """Why there is no connection. The URL is not told: it may hold a password."""
    state = getattr(error, "sqlstate", None) or ""
    if isinstance(error, ImportError):
        return ConfigInvalid(
            "the destination postgresql needs asyncpg, which is not installed",
            code="destination.extra_missing",
            remedy="pip install 'syncline[postgres]'",
        )
    if state.startswith("28"):
        return CredentialsInvalid(
            "the database of this index refuses user or password",
            remedy="Give the index a url with a user and a password that may log in.",
        )
    if state == "3D000":
        return ConfigInvalid(
            "the server has no database of that name", code="destination.no_database", remedy="Correct the url."
        )
    why = _said(error) if state else type(error).__name__
    return Passing(
        f"the database of this index cannot be reached: {why}",
        code="destination.unreachable",
        remedy="Check the url and the network, and that the database is running.",
    )


def _lost(error: BaseException) -> Passing:
    return Passing(
        f"the connection to the database of this index was lost: {_said(error)}",
        remedy="Run the job again when the database is up.",
    )


def _said(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300] or type(error).__name__
