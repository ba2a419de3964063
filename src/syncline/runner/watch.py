"""A thread beside the job: heartbeat, stop flag, the end of patience (invariant 8: a stop takes effect within 2 s)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from syncline.model.errors import SynclineError
from syncline.model.jobs import Job, JobEvent
from syncline.model.outcomes import Counters
from syncline.model.ports import Clock, Interruptible, JobBook
from syncline.model.reports import Progress

POLL_S = 0.1
BEAT_EVERY_S = 1.0
INTERRUPT_AFTER_S = 0.3
PATIENCE_S = 1.0


class Watch:
    """Watches one attempt. `stopping()` is what the engine asks between two documents.

    A stop comes from this process (`stop`), from the job table, or as a wish to suspend (`suspend`): `why` then says
    which. When it is not noticed, blocking helpers are interrupted after INTERRUPT_AFTER_S; after PATIENCE_S the job is
    written down as stopped or suspended and `on_hang` is called, which is expected to end the process.
    """

    def __init__(
        self,
        job: Job,
        open_book: Callable[[], JobBook],
        clock: Clock,
        stop: Callable[[], bool],
        on_hang: Callable[[], None] | None,
        suspend: Callable[[], bool] = lambda: False,
    ) -> None:
        self._job = job
        self._open_book = open_book
        self._clock = clock
        self._asked = stop
        self._on_hang = on_hang
        self._suspended = suspend
        self.why = JobEvent.HALT
        self._stop = threading.Event()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"watch-job-{job.number}", daemon=True)
        self._progress = Progress()
        self.interruptible: Sequence[object] = ()

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def finish(self) -> None:
        """The attempt is over."""
        self._done.set()
        self._thread.join()

    def stopping(self) -> bool:
        """True once somebody asked the job to stop."""
        return self._stop.is_set() or self._asked() or self._suspended()

    def report(self, progress: Progress) -> None:
        """Take the newest progress; it reaches the job table with the next heartbeat."""
        self._progress = progress

    def _run(self) -> None:
        # A job shorter than one poll is never heard of: no connection, no heartbeat.
        if self._done.wait(POLL_S):
            return
        book = self._open_book()
        try:
            self._watch(book)
        finally:
            book.close()

    def _watch(self, book: JobBook) -> None:
        beaten = time.monotonic()
        while not self._done.wait(POLL_S):
            if self._asked() or _quietly(lambda: book.stop_wanted(self._job)):
                self._enforce(book, JobEvent.HALT)
                return
            if self._suspended():
                self._enforce(book, JobEvent.SUSPEND)
                return
            if time.monotonic() - beaten >= BEAT_EVERY_S:
                beaten = time.monotonic()
                progress = self._progress
                _quietly(lambda p=progress: book.beat(self._job, self._clock(), p.counters, p.as_dict()))  # type: ignore[misc]

    def _enforce(self, book: JobBook, why: JobEvent) -> None:
        self.why = why
        self._stop.set()
        if why is JobEvent.HALT:
            _quietly(lambda: book.request_stop(self._job.number, self._clock()))
        if self._done.wait(INTERRUPT_AFTER_S):
            return
        for helper in self.interruptible:
            if isinstance(helper, Interruptible):
                helper.interrupt()
        if self._done.wait(PATIENCE_S - INTERRUPT_AFTER_S) or self._on_hang is None:
            return
        counters = Counters(self._progress.counters.as_dict())
        _quietly(lambda: book.end(self._job, why, self._clock(), counters, None, ("ended by force",)))
        self._on_hang()


def _quietly(action: Callable[[], object]) -> object:
    """A busy book is no reason to stop watching; the next round tries again."""
    try:
        return action()
    except SynclineError:
        return None
