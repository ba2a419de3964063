"""Where tantivy's failures become ours. It raises ValueError for most things, and a Rust panic arrives as a
BaseException that would pass every `except Exception` above us."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class Broken(Exception):
    """tantivy refused or failed. Becomes a rebuild when its files are damaged, a DestinationError otherwise."""


@contextmanager
def guarded(doing: str) -> Iterator[None]:
    """Run calls into tantivy; whatever goes wrong in them is raised as Broken, saying what was being done."""
    try:
        yield
    except (ValueError, OSError) as error:
        raise Broken(f"{doing}: {_first_line(error)}") from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise Broken(f"{doing}: {_first_line(error)}") from error


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300]
