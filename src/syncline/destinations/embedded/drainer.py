"""The background thread that indexes while a job still reads, and lets go of the writer lock when it is idle."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from syncline.destinations.embedded.guard import Broken
from syncline.destinations.embedded.session import MANY, Session, Tell
from syncline.model.errors import SynclineError
from syncline.model.ports import Clock, DocumentFeed

_POLL_S = 0.1
_LINGER_S = 0.5  # a few documents are left this long: a small job is over before, and settles by itself
_IDLE_S = 0.5
_MERGES_S = 60.0  # the lock is kept so long at most for merges only


class Drainer:
    """Owns the turn to use the session: the thread takes it batch by batch, others by `paused`."""

    def __init__(self, session: Session, open_feed: Callable[[], DocumentFeed], tell: Tell, clock: Clock) -> None:
        self._session, self._open_feed, self._tell, self._clock = session, open_feed, tell, clock
        self._turn = threading.RLock()
        self._counting = threading.Lock()
        self._others = 0  # that wait for the turn or have it
        self._bell = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._since: float | None = None  # when the first waiting document was seen, or the last one added

    def start(self) -> None:
        """Run, unless it does already."""
        with self._turn:
            if self._thread is None or not self._thread.is_alive():
                self._stopping.clear()
                self._thread = threading.Thread(target=self._run, name="syncline-text-index", daemon=True)
                self._thread.start()

    def wake(self) -> None:
        """There may be something to do."""
        self._bell.set()

    def stop(self) -> None:
        """Return when the thread has ended; it finishes the batch at hand."""
        self._stopping.set()
        self._bell.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    @contextmanager
    def paused(self) -> Iterator[None]:
        """The session is the caller's alone meanwhile; the thread does not try again before."""
        self._count(1)
        try:
            with self._turn:
                yield
        finally:
            self._count(-1)
            self._bell.set()

    def _count(self, more: int) -> None:
        with self._counting:
            self._others += more

    def _run(self) -> None:
        failure = ""
        try:
            feed = self._open_feed()
            try:
                self._loop(feed)
            finally:
                feed.close()
        except (Broken, OSError, SynclineError) as error:
            failure = str(error)
        if failure:  # outside of the handler, where the exception no longer holds the writer
            with self._turn:
                self._session.release()
            self._tell(f"Indexing in the background stopped, the next search or sync goes on: {failure}")

    def _loop(self, feed: DocumentFeed) -> None:
        while not self._stopping.is_set():
            busy = False
            if not self._others:
                with self._turn:
                    busy = self._step(feed)
            if not busy:
                self._bell.wait(_POLL_S)
                self._bell.clear()

    def _step(self, feed: DocumentFeed) -> bool:
        """Do one batch. False when there is nothing to do at once."""
        if not self._session.is_open and not self._open(feed):
            return False
        if self._session.pump(feed):
            self._since = None
            return True
        idle_s = self._seconds_since_first()
        if idle_s >= _IDLE_S:
            if self._session.behind(feed):
                self._session.commit(feed)
            elif not self._session.merging or idle_s >= _MERGES_S:
                self._session.release()
                self._since = None
        return False

    def _open(self, feed: DocumentFeed) -> bool:
        waiting = feed.newest() - feed.confirmed()
        if waiting == 0 and not feed.removed(1):
            self._since = None
            return False
        if waiting < MANY and self._seconds_since_first() < _LINGER_S:
            return False
        if not self._session.open(feed):
            return False
        self._since = None
        return True

    def _seconds_since_first(self) -> float:
        now = self._clock()
        if self._since is None:
            self._since = now
        return now - self._since
