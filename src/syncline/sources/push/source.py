"""The inbox as a stream source."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import Any, Final, Protocol

from syncline.model.documents import Document, Tombstone
from syncline.model.errors import SourceProtocolError, SourceUnavailable
from syncline.model.news import Checkpoint, Complete, Read

FROM_THE_START: Final = "all:"  # begins the cursors of a reading of everything


class Row(Protocol):
    """What was pushed under one number; `document` None: a deletion."""

    @property
    def seq(self) -> int: ...
    @property
    def id(self) -> str: ...
    @property
    def document(self) -> Document | None: ...


class Rows(Protocol):
    """What this source reads of an inbox."""

    def after(self, seq: int) -> Iterator[Sequence[Row]]: ...
    def newest(self) -> int: ...
    def close(self) -> None: ...


class PushSource:
    """Tells what was pushed since the cursor, a number of the inbox as text; without one, everything there is."""

    incremental = True

    def __init__(self, config: Any, *, inbox: Callable[[], Rows] | None = None) -> None:
        """`inbox` opens the connector's inbox; whoever reads closes it."""
        self._inbox = inbox
        # Nothing above its answer is told. Asked after each page: whatever is on the page was pushed before.
        self.limit: Callable[[], int | None] = lambda: None

    def check(self) -> None:
        """Raises what opening the inbox raises, and SourceUnavailable when the connector has none yet."""
        with closing(self._open()):
            pass

    def read(self, cursor: str | None) -> Iterator[Read]:
        """Documents and deletions in the order they came, a Checkpoint after each page, then Complete.

        A reading of everything goes on until nothing more has come: a document that is pushed again meanwhile has
        moved to the end. Any other ends with what was there when it began, so that it does end.
        """
        everything = cursor is None or cursor.startswith(FROM_THE_START)
        at = _position((cursor or "").removeprefix(FROM_THE_START))
        with closing(self._open()) as inbox:
            end = inbox.newest()
            for page in inbox.after(at):
                limit = self.limit()
                rows = page if limit is None else [row for row in page if row.seq <= limit]
                if not rows:
                    break
                for row in rows:
                    yield Tombstone(row.id) if row.document is None else row.document
                at = rows[-1].seq
                if not everything and at >= end:
                    break
                yield Checkpoint(f"{FROM_THE_START}{at}" if everything else str(at))
        yield Complete(cursor=str(at))

    def _open(self) -> Rows:
        if self._inbox is None:
            raise SourceUnavailable(
                "there is no inbox here", code="source.no_inbox", remedy="Make a connector of it, and push to that."
            )
        return self._inbox()


def _position(cursor: str) -> int:
    if cursor == "":
        return 0
    if not (cursor.isascii() and cursor.isdecimal() and len(cursor) < 19):
        raise SourceProtocolError(f"no cursor of an inbox: {cursor!r}", code="source.bad_cursor")
    return int(cursor)
