"""What the exit code says. One table, shown in `syncline --help` and in docs/cli.md."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from syncline.model.errors import SynclineError
    from syncline.model.jobs import Job
    from syncline.model.outcomes import Counters
    from syncline.model.reports import SyncResult


class Exit(IntEnum):
    """Every exit code, with its meaning."""

    meaning: str

    def __new__(cls, value: int, meaning: str) -> Exit:
        member = int.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member

    DONE = 0, "done"
    ERROR = 1, "error, or a check that did not hold"
    USAGE = 2, "the command line or a setting is wrong"
    NOT_FOUND = 3, "no such path, connector, job, document or index"
    INCOMPLETE = 4, "finished, but some documents failed or could not be listed"
    TEMPORARY = 5, "the source or the data directory is unavailable, or a job is active: try again later"
    CREDENTIALS = 6, "credentials or permissions are missing, wrong or expired"
    WITHHELD = 8, "finished, but deletions are withheld and wait for `syncline approve`"
    INTERRUPTED = 130, "stopped by Ctrl-C, SIGTERM or `syncline job stop`"
    PIPE_CLOSED = 141, "nobody reads the output any more"


_BY_CODE: Mapping[str, Exit] = {
    "not_found": Exit.NOT_FOUND,
    "usage": Exit.USAGE,
    "config.invalid": Exit.USAGE,
    "data_dir.busy": Exit.TEMPORARY,
    "store.busy": Exit.TEMPORARY,
    "store.unavailable": Exit.TEMPORARY,
    "job.active": Exit.TEMPORARY,
    "job.fenced": Exit.TEMPORARY,
}
_BY_CATEGORY: Mapping[str, Exit] = {
    "credentials": Exit.CREDENTIALS,
    "permission": Exit.CREDENTIALS,
    "quota": Exit.TEMPORARY,
    "source": Exit.TEMPORARY,
}


def of_error(error: SynclineError) -> Exit:
    """The exit code for an error that was raised."""
    from syncline.model import errors

    if isinstance(error, errors.NotFound):
        return Exit.NOT_FOUND
    if isinstance(error, (errors.UsageError, errors.ConfigInvalid)):
        return Exit.USAGE
    if isinstance(error, errors.JobActive) or error.recovery is errors.Recovery.RETRY:
        return Exit.TEMPORARY
    return of_error_dict(error.as_dict())


def of_error_dict(error: Mapping[str, Any]) -> Exit:
    """The exit code for an error as it is recorded with a job: by its code, else by its category. A source that is
    itself at fault will not be better later."""
    if error.get("mender") == "source":
        return Exit.ERROR
    by_category = _BY_CATEGORY.get(str(error.get("category", "")), Exit.ERROR)
    return _BY_CODE.get(str(error.get("code", "")), by_category)


def of_result(result: SyncResult) -> Exit:
    """The exit code for a job that was run here."""
    return _of_state(result.status.value, result.counters, result.error)


def of_job(job: Job) -> Exit:
    """The exit code for a job that was watched to its end."""
    return _of_state(job.state.value, job.counters, job.error)


def _of_state(state: str, counters: Counters, error: Mapping[str, Any] | None) -> Exit:
    if state == "failed":
        return of_error_dict(error or {})
    if state in ("stopping", "stopped", "suspended"):
        return Exit.INTERRUPTED
    if counters.withheld_deletes:  # needs a decision, so it is said before failures
        return Exit.WITHHELD
    return Exit.INCOMPLETE if state == "incomplete" or counters.failed else Exit.DONE
