"""What goes wrong between us and a database, in the words of the error family, whatever driver it comes from.

`Trouble` carries an error together with how far it reaches: one table, or everything.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from syncline.model.errors import ConfigInvalid, CredentialsInvalid, SourceUnavailable, SynclineError

INTERRUPTED: Final = "source.interrupted"


class Trouble(Exception):
    """Reading failed. `whole`: nothing else can be read either."""

    def __init__(self, error: SynclineError, *, whole: bool) -> None:
        super().__init__(error.message)
        self.error = error
        self.whole = whole


def table_missing(table: str) -> SourceUnavailable:
    """No table or view of that name can be seen."""
    return SourceUnavailable(
        f"There is no table {table}, or it cannot be seen.",
        code="source.table_missing",
        remedy="Correct the connector's table, or bring the table back. Its documents are left as they are.",
    )


def no_permission(what: str) -> SourceUnavailable:
    """The user may not read it."""
    return SourceUnavailable(
        f"{what} may not be read by this user.",
        code="source.permission_denied",
        remedy="GRANT SELECT on it to the connector's user. Its documents are left as they are.",
    )


def column_missing(what: str, columns: Iterable[str]) -> SourceUnavailable:
    """A column that the settings name is not there any more."""
    return SourceUnavailable(
        f"{what} has no column {', '.join(columns)}.",
        code="source.column_missing",
        remedy="Correct the connector's settings, or bring the column back.",
    )


def no_key(table: str) -> ConfigInvalid:
    """Nothing tells one row from another."""
    return ConfigInvalid(
        f"{table} has no primary key and no unique index over columns that are never NULL.",
        code="config.no_key",
        remedy="Name the columns that identify a row with `id`.",
    )


def not_unique(table: str, id: str) -> SourceUnavailable:
    """Two rows have the same key."""
    return SourceUnavailable(
        f"{table} has more than one row with the id {id!r}.",
        code="source.id_not_unique",
        remedy="Choose `id` columns that identify a row.",
    )


def timed_out(what: str) -> SourceUnavailable:
    """The database ended a statement of ours."""
    return SourceUnavailable(
        f"The database cancelled the reading of {what}: a statement timeout, or somebody cancelled it.",
        code="source.statement_cancelled",
        remedy="Raise the timeout of the connector's user, or lower fetch_size, and run the job again.",
    )


def locked(what: str) -> SourceUnavailable:
    """Somebody holds it for themselves."""
    return SourceUnavailable(
        f"{what} is locked by another session and could not be read in time.",
        code="source.locked",
        remedy="Run the job again when the lock is gone, or raise lock_timeout_s.",
    )


def rewritten(what: str) -> SourceUnavailable:
    """Its rows were moved to another file after the snapshot was taken: in the snapshot it looks empty."""
    return SourceUnavailable(
        f"{what} was rewritten while the job began.",
        code="source.table_rewritten",
        remedy="Run the job again.",
    )


def replica_conflict() -> SourceUnavailable:
    """A replica could not keep what we were reading."""
    return SourceUnavailable(
        "The replica cancelled the reading because it had to apply changes of its primary.",
        code="source.replica_conflict",
        remedy="Turn hot_standby_feedback on, or raise max_standby_streaming_delay, and run the job again.",
    )


def connection_lost(why: str) -> SourceUnavailable:
    """It was there, and is not any more."""
    return SourceUnavailable(
        f"The connection to the database was lost: {why}.",
        code="source.connection_lost",
        remedy="Run the job again when the database is up.",
    )


def unreachable(where: str, why: str) -> SourceUnavailable:
    """It cannot be connected to."""
    return SourceUnavailable(
        f"The database at {where} cannot be reached: {why}.",
        code="source.unreachable",
        remedy="Check host, port and network, and that the database is running.",
    )


def refused(where: str) -> CredentialsInvalid:
    """It does not let us in."""
    return CredentialsInvalid(
        f"The database at {where} refuses user or password.",
        remedy="Give the connector a user and a password that may log in.",
    )


def older_state(where: str) -> SourceUnavailable:
    """It shows less than the last job has seen."""
    return SourceUnavailable(
        f"The database at {where} shows an older state than the last job has seen: a replica that lags behind, or a "
        "server restored from a copy.",
        code="source.older_state",
        remedy="Wait until the replica has caught up. If the server was restored, set accept_older_state for one job.",
    )


def unreadable(what: str, why: str) -> SourceUnavailable:
    """Anything else the database says about a statement."""
    return SourceUnavailable(
        f"{what} cannot be read: {why}.",
        code="source.unreadable",
        remedy="Try the same SELECT as the connector's user.",
    )


def let_go() -> SourceUnavailable:
    """Somebody asked us to stop."""
    return SourceUnavailable("Reading was interrupted.", code=INTERRUPTED, remedy="Run the job again.")


def driver_missing(package: str, extra: str) -> ConfigInvalid:
    """The extra is not installed."""
    return ConfigInvalid(
        f"This kind of source needs {package}, which is not installed.",
        code="source.extra_missing",
        remedy=f"pip install 'syncline[{extra}]'",
    )


def column_gone(what: str, why: str) -> SourceUnavailable:
    """The database knows no such column."""
    return SourceUnavailable(
        f"{what} cannot be read: {why}.",
        code="source.column_missing",
        remedy="Correct the connector's settings, or bring the column back.",
    )
