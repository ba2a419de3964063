"""The background thread that indexes while a job still reads, and lets go of the writer lock when it is idle.

When more documents wait than it can keep up with, it hands the work over to a process of its own (`helper`), and takes
it back when that has ended, whyever it did.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from syncline.destinations.embedded.guard import Broken
from syncline.destinations.embedded.session import MANY, Session, Tell
from syncline.model.errors import SynclineError
from syncline.model.ports import Clock, DocumentFeed

if TYPE_CHECKING:
    from syncline.destinations.embedded.helper import Helper

FLOOD = 10_000  # documents waiting from which on a process of its own is worth its start

_POLL_S = 0.1
_LINGER_S = 0.5  # a few documents are left this long: a small job is over before, and settles by itself
_SOON_S = 0.2  # a flood shows within that time, and is left to the helper from its beginning
_IDLE_S = 0.5
_MERGES_S = 60.0  # the lock is kept so long at most for merges only


class Drainer:
    """Owns the turn to use the session: the thread takes it batch by batch, others by `paused`.

    start_helper  starts a process that indexes; None: there is to be none. Raises OSError when it cannot be started.
    """

    def __init__(
        self,
        session: Session,
        open_feed: Callable[[], DocumentFeed],
        tell: Tell,
        clock: Clock,
        start_helper: Callable[[], Helper] | None = None,
    ) -> None:
        self._session, self._open_feed, self._tell, self._clock = session, open_feed, tell, clock
        self._start_helper = start_helper
        self._helper: Helper | None = None
        self._urged = False  # what is searchable is waited for
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
        """Return when the thread and the helper have ended; they finish what they are at."""
        self._stopping.set()
        self._bell.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self.dismiss()

    @property
    def is_running(self) -> bool:
        """Whether the thread is there."""
        return self._thread is not None and self._thread.is_alive()

    def urge(self) -> None:
        """Let everything that is committed in the truth by now become searchable as soon as can be."""
        self._urged = True
        self._bell.set()

    # --- the helper; for those who have paused the thread, or are the thread ------------------------------------------

    def is_helped(self) -> bool:
        """Whether a helper is there. When it has failed, there is not another one."""
        if self._helper is None:
            return False
        for line in self._helper.said():
            self._tell(line)
        if self._helper.is_alive:
            return True
        if self._helper.has_failed:
            self._start_helper = None
        self.dismiss()
        return False

    def urge_helper(self) -> None:
        """The same for the helper, if there is one. Does not wait."""
        if self._helper is not None:
            self._helper.settle()

    def dismiss(self) -> None:
        """Return when there is no helper."""
        with self._turn:
            helper, self._helper = self._helper, None
            for line in () if helper is None else helper.end():
                self._tell(line)

    def _hand_over(self, feed: DocumentFeed) -> bool:
        """Leave the work to a helper. False when there can be none."""
        if self._start_helper is None:
            return False
        if self._session.is_open:
            self._session.commit(feed)
            self._session.release()
        try:
            self._helper, self._since = self._start_helper(), None
        except OSError:
            self._start_helper = None
        return self._helper is not None

    # --- the session --------------------------------------------------------------------------------------------------

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
        if self.is_helped() or (not self._session.is_open and not self._open(feed)):
            return False
        if self._session.pump(feed):
            self._since = None
            return not (self._session.waiting >= FLOOD and self._hand_over(feed))
        idle_s = self._seconds_since_first()
        if self._urged or idle_s >= _IDLE_S:
            if self._session.behind(feed):
                self._session.commit(feed)
            elif not self._session.merging or idle_s >= _MERGES_S:
                self._session.release()
                self._since, self._urged = None, False
        return False

    def _open(self, feed: DocumentFeed) -> bool:
        waiting = feed.newest() - feed.confirmed()
        if waiting == 0 and not feed.removed(1):
            self._since = None
            return False
        if waiting >= FLOOD and self._hand_over(feed):
            return False
        if not self._urged and self._seconds_since_first() < self._patience_s(waiting):
            return False
        if not self._session.open(feed):
            return False
        self._since = None
        return True

    def _patience_s(self, waiting: int) -> float:
        if waiting < MANY:
            return _LINGER_S
        return 0.0 if self._start_helper is None else _SOON_S

    def _seconds_since_first(self) -> float:
        now = self._clock()
        if self._since is None:
            self._since = now
        return now - self._since
