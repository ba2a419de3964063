"""The tally of a connector, worked out beside the job while its source is asked what has changed.

SQLite lets go of Python's lock for as long as it counts, so a thread does, with a connection of its own. What it has
found is of use as long as nothing was written meanwhile, by whomever: else the caller counts again.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from threading import Thread
from typing import Any

from syncline.model.ports import Tally


class Ahead:
    """One tally under way. `open` makes a truth of its own; `state` says what the file is like, here and now."""

    def __init__(self, open: Callable[[], Any], connector: int, recipe: str, state: Callable[[], Any]) -> None:
        self._open = open
        self._asked = (connector, recipe)
        self._state, self._was = state, state()
        self._truth: Any = None
        self._found: Tally | None = None
        self._unwanted = False
        self._thread = Thread(target=self._count, name="tally", daemon=True)
        self._thread.start()

    def _count(self) -> None:
        with suppress(Exception):  # it may be interrupted; whoever asks counts, and meets whatever is wrong
            truth = self._truth = self._open()
            try:
                if not self._unwanted:
                    self._found = truth.tally(*self._asked)
            finally:
                truth.close()

    def result(self, connector: int, recipe: str) -> Tally | None:
        """What was found; None when that cannot be had, is of something else, or out of date."""
        if self._asked != (connector, recipe) or self._state() != self._was:
            self.stop()
            return None
        self._thread.join()
        return self._found if self._state() == self._was else None

    def stop(self) -> None:
        """Nobody wants it any more. Returns when it has ended."""
        self._unwanted = True
        while self._thread.is_alive():
            truth = self._truth
            if truth is not None:
                with suppress(Exception):  # it may have been closed a moment ago
                    truth.connection.interrupt()
            self._thread.join(0.01)
