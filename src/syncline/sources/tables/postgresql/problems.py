"""SQLSTATEs and broken sockets in the words of the error family."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from syncline.model.errors import SourceUnavailable
from syncline.sources.tables import problems
from syncline.sources.tables.problems import Trouble

_LOST = frozenset({"57P01", "57P02", "57P03", "57P05"})


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Errors of the driver while `what` is read become Trouble."""
    try:
        yield
    except Trouble:
        raise
    except (OSError, TimeoutError) as error:
        told = (
            problems.let_go() if isinstance(error, ConnectionAbortedError) else problems.connection_lost(_said(error))
        )
        raise Trouble(told, whole=True) from error
    except Exception as error:
        if not type(error).__module__.startswith("asyncpg"):
            raise
        raise trouble_of(error, what) from error


def trouble_of(error: Any, what: str) -> Trouble:
    """Trouble for an error of asyncpg."""
    state = getattr(error, "sqlstate", None)
    if state is None or state.startswith("08") or state in _LOST:
        return Trouble(problems.connection_lost(_said(error)), whole=True)
    if state == "40001":
        return Trouble(problems.replica_conflict(), whole=True)
    told: dict[str, SourceUnavailable] = {
        "42P01": problems.table_missing(what),
        "3F000": problems.table_missing(what),
        "42501": problems.no_permission(what),
        "57014": problems.timed_out(what),
        "55P03": problems.locked(what),
    }
    if state == "42703":
        return Trouble(problems.column_gone(what, _said(error)), whole=False)
    return Trouble(told.get(state) or problems.unreadable(what, _said(error)), whole=False)


def _said(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300]
