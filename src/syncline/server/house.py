"""Everything the server keeps while it lives: rooms to work in, and the threads that run jobs."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from syncline.model.ports import Clock
from syncline.runner.supervisor import Supervisor
from syncline.server.metrics import Metrics
from syncline.server.settings import Settings
from syncline.wiring import Installation

KEEP_INDEXES = 4  # open in each room: some ten files each, and there may be thousands of indexes


class House:
    """One data directory, served. `room` may be used from any thread."""

    def __init__(self, settings: Settings, clock: Clock = time.time) -> None:
        self.settings = settings
        self.clock = clock
        self.supervisor: Supervisor | None = None
        self.metrics = Metrics(self)
        self.closing = threading.Event()  # answers without an end come to theirs
        self._rooms: queue.LifoQueue[Installation] = queue.LifoQueue()

    @contextmanager
    def room(self) -> Iterator[Installation]:
        """An Installation that is nobody else's meanwhile."""
        try:
            room = self._rooms.get_nowait()
        except queue.Empty:
            room = Installation(self.settings.data_dir, self.clock)
        try:
            yield room
        finally:
            room.let_go(KEEP_INDEXES)
            self._rooms.put(room)

    def wake(self) -> None:
        """There may be a job to start or to stop: look now instead of in a moment."""
        if self.supervisor is not None:
            self.supervisor.wake()

    def run_task(self, task: str, timeout_s: float, **args: Any) -> Any:
        """Run "module:function" in a process of its own, which is killed after `timeout_s`; returns its JSON answer.
        Raises what it raised when that is of the family, TaskTimedOut or TaskDied."""
        assert self.supervisor is not None
        return self.supervisor.run_task(task, timeout_s, **args)

    def close(self) -> None:
        """Let go of all rooms."""
        while not self._rooms.empty():
            self._rooms.get_nowait().close()
