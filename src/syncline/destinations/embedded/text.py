"""The text index of the embedded destination: derived from the truth, never ahead of it, replaceable at any time.

    truth ──feed──▶ whoever holds the writer lock ──▶ tantivy ──▶ search
                    (drains for everybody)

`start` lets a background thread index while a job still reads; `settle` is where a job makes sure that what it wrote is
found (invariant 9). Both work in any number of processes at once. tantivy is imported only when it is needed.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from syncline.destinations.embedded.drainer import Drainer
from syncline.destinations.embedded.guard import Broken
from syncline.destinations.embedded.layout import Layout
from syncline.destinations.embedded.session import Session, Tell
from syncline.model.beside import is_worth_it
from syncline.model.errors import DestinationError
from syncline.model.ports import Clock, CrashPoint, DocumentFeed, no_crash
from syncline.model.search import Request, Results

if TYPE_CHECKING:
    from syncline.destinations.embedded.feeds import FeedAt
    from syncline.destinations.embedded.helper import Helper
    from syncline.destinations.embedded.view import Snapshot, View

T = TypeVar("T")

_POLL_S = 0.02
_PATIENCE_S = 30.0  # that a search has with another process that builds the index again
_SAMPLE = 1000


class TextIndex:
    """The text index in `directory`. For any number of threads; a feed is used by one thread at a time.

    open_feed     a new reader of the truth; we close it.
    feed_at       how another process opens one: with it, a process of its own may index when very much waits.
    tell          one line for people when something was repaired or could not be done; logged as a warning if absent.
    merge_wait_s  how long `close` waits at most for tantivy to tidy up; what is not finished is done another time.
    """

    def __init__(
        self,
        directory: str,
        open_feed: Callable[[], DocumentFeed],
        *,
        feed_at: FeedAt | None = None,
        tell: Tell | None = None,
        merge_wait_s: float = 5.0,
        crash: CrashPoint = no_crash,
        clock: Clock = time.monotonic,
    ) -> None:
        self._layout = Layout(os.path.abspath(directory))
        self._open_feed = open_feed
        self._tell = tell or _warn
        self._merge_wait_s = merge_wait_s
        self._clock = clock
        self._session = Session(self._layout, self._tell, crash, clock)
        self._feed_at = feed_at
        start_helper = None if feed_at is None else self._start_helper
        self._drainer = Drainer(self._session, open_feed, self._tell, clock, start_helper)
        self._feed: DocumentFeed | None = None
        self._view_lock = threading.Lock()
        self._view: View | None = None

    def is_current(self, feed: DocumentFeed) -> bool:
        """Whether everything committed so far is searchable. Costs three small queries and no import of tantivy."""
        newest = feed.newest()
        if feed.confirmed() != newest or feed.removed(1):
            return False
        return self._usable(newest)

    def start(self) -> None:
        """Index in the background from now on, whenever we can be the writer. May be called again."""
        self._drainer.start()

    def wake(self) -> None:
        """New documents were committed: a hint that costs next to nothing and may be left out."""
        self._drainer.wake()

    def urge(self) -> None:
        """What `settle` would wait for, done by the background thread as soon as can be."""
        self._drainer.urge()

    @property
    def is_running(self) -> bool:
        """Whether the background thread is there; it ends when it fails."""
        return self._drainer.is_running

    @property
    def is_idle(self) -> bool:
        """Whether we are not the writer."""
        return not self._session.is_open

    def settle(self, timeout_s: float | None = None) -> None:
        """Return when everything committed in the truth before the call is searchable, whoever the writer is.
        Waits for another writer at most `timeout_s`. Raises DestinationError when that fails or takes longer."""
        with self._writing() as feed:
            target, deadline = _Target(feed), self._deadline(timeout_s)
            self._attempt(lambda: self._settle(feed, target, deadline))

    def search(self, request: Request, feed: DocumentFeed, connectors: Mapping[int, str]) -> Results:
        """What the text index answers as of its last commit. A missing or damaged index is built again first, unless
        it is the very first and another process is at it. `connectors` names them by number.
        Raises UsageError for a senseless request, DestinationError on failure."""
        from syncline.destinations.embedded.answer import answer

        def ask() -> Results:
            snapshot = self._snapshot(feed)
            return answer(snapshot, request, feed, connectors) if snapshot else Results()

        return self._attempt(ask)

    def snapshot(self, feed: DocumentFeed) -> Snapshot | None:
        """The newest commit, for those who put questions of their own to it; None when there is none yet. What the feed
        had confirmed before the call is in it. Raises DestinationError."""
        return self._attempt(lambda: self._snapshot(feed))

    def pairs(self) -> Iterator[tuple[int, int]]:
        """Every (n, checksum) in the index in order of n, as of now; a number that is there twice comes twice."""
        with self._writing() as feed:
            snapshot = self._attempt(lambda: self._snapshot(feed))
        try:
            yield from snapshot.pairs() if snapshot else ()
        except Broken as error:
            raise _failure(str(error)) from None

    def rebuild(self, timeout_s: float | None = None) -> None:
        """Build the index again from the truth. The old one answers until the new one is complete; a crash in between
        leaves the old one. Raises DestinationError as `settle` does."""
        with self._writing() as feed:
            self._attempt(lambda: self._rebuild(feed, self._deadline(timeout_s)))

    def repair(self, wrong: Sequence[int], missing: Sequence[int], timeout_s: float | None = None) -> None:
        """Delete the `wrong` numbers and put in the `missing` ones that the truth still has; a number that is there
        twice, or with a wrong checksum, is both. Raises DestinationError as `settle` does."""
        with self._writing() as feed:
            self._attempt(lambda: self._repair(feed, wrong, missing, self._deadline(timeout_s)))

    def close(self, hurry: Callable[[], bool] = bool) -> None:
        """Stop indexing and let go of everything; what is not yet indexed is caught up by whoever comes next. Does not
        wait any longer for tantivy to tidy up once `hurry` is true."""
        self._drainer.stop()
        with self._drainer.paused():
            end = self._clock() + self._merge_wait_s
            while self._session.merging and self._clock() < end and not hurry():
                time.sleep(_POLL_S)
            self._session.release()
            if self._feed is not None:
                self._feed.close()
                self._feed = None
        if self._view is not None:
            self._view.close()

    # --- writing ---

    @contextmanager
    def _writing(self) -> Iterator[DocumentFeed]:
        """Only one of our threads writes at a time, and the background thread steps back for the others."""
        with self._drainer.paused():
            if self._feed is None:
                self._feed = self._open_feed()
            if self._session.lost:
                self._session.release()
            try:
                yield self._feed
            except BaseException:
                self._session.release()
                raise

    def _start_helper(self) -> Helper:
        from syncline.destinations.embedded.helper import Helper

        assert self._feed_at is not None
        if not is_worth_it():
            raise OSError("there is one processor only")
        return Helper(self._layout.directory, self._feed_at, self._merge_wait_s)

    def _settle(self, feed: DocumentFeed, target: _Target, deadline: float) -> None:
        self._drainer.urge_helper()
        while not (target.met(feed) and self._usable(target.newest)):
            if not self._drainer.is_helped() and (self._session.is_open or self._session.open(feed)):
                self._session.drain(feed)
                self._let_go()
                return
            self._wait(deadline)

    def _rebuild(self, feed: DocumentFeed, deadline: float) -> None:
        self._drainer.dismiss()
        self._session.release()
        while not self._session.open(feed, afresh=True):
            self._wait(deadline)
        self._session.drain(feed)
        self._session.finish_merging()

    def _repair(self, feed: DocumentFeed, wrong: Sequence[int], missing: Sequence[int], deadline: float) -> None:
        self._drainer.dismiss()
        while not (self._session.is_open or self._session.open(feed)):
            self._wait(deadline)
        self._session.mend(feed, wrong, missing)
        self._let_go()

    def _let_go(self) -> None:
        """Release the lock, unless merges would be lost: then the background thread does, when they are done."""
        if self._session.merging:
            self._drainer.start()
        else:
            self._session.release()

    def _usable(self, newest: int) -> bool:
        trouble = self._layout.trouble()
        return trouble is None or (trouble == "missing" and newest == 0)

    def _deadline(self, timeout_s: float | None) -> float:
        return math.inf if timeout_s is None else self._clock() + timeout_s

    def _wait(self, deadline: float) -> None:
        if self._clock() >= deadline:
            raise _Busy(
                "Another process is writing the text index and has not come to the end in time.",
                remedy="Wait for the other job, or stop it.",
            )
        time.sleep(_POLL_S)

    # --- reading ---

    def _snapshot(self, feed: DocumentFeed) -> Snapshot | None:
        with self._view_lock:
            if self._view is None:
                from syncline.destinations.embedded.view import View

                self._view = View(self._layout)
            view = self._view
        snapshot = view.snapshot()
        if snapshot is None:
            first = feed.confirmed() == 0
            try:
                self.settle(0.0 if first else _PATIENCE_S)
            except _Busy:
                if not first:
                    raise
            snapshot = view.snapshot()
        return snapshot

    # --- failing ---

    def _attempt(self, do: Callable[[], T]) -> T:
        """`do`, and once more when it failed because the index is damaged."""
        try:
            return do()
        except (Broken, OSError) as error:
            failure = str(error)
        # Outside of the handler, where the exception no longer holds the writer.
        with self._drainer.paused():
            self._session.release()
            if self._layout.trouble() != "missing" and not self._layout.intact():
                self._layout.condemn()
                return _translated(do)
        raise _failure(failure)


class _Busy(DestinationError):
    """Another process writes, for longer than we were told to wait."""


class _Target:
    """What was committed in the truth when we were asked, and whether it is confirmed now."""

    def __init__(self, feed: DocumentFeed) -> None:
        self.newest = feed.newest()
        self._removed = set(feed.removed(_SAMPLE))

    def met(self, feed: DocumentFeed) -> bool:
        """Whoever did it."""
        if feed.confirmed() < self.newest:
            return False
        removed = feed.removed(_SAMPLE)
        known = len(self._removed) < _SAMPLE and len(removed) < _SAMPLE
        return not removed or (known and self._removed.isdisjoint(removed))


def _warn(line: str) -> None:
    import logging

    logging.getLogger(__name__).warning(line)


def _translated(do: Callable[[], T]) -> T:
    try:
        return do()
    except (Broken, OSError) as error:
        raise _failure(str(error)) from None


def _failure(reason: str) -> DestinationError:
    return DestinationError(f"The text index failed: {reason}")
