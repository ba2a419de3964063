"""Ctrl-C: the first asks the job to stop, the second ends the process."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any

STOPPED = "stopped; the next run carries on"


class StopFlag:
    """True once SIGINT or SIGTERM has come. Used as `stop=` of a sync, inside its own `with`."""

    def __init__(self) -> None:
        self.asked = False
        self._before: dict[signal.Signals, Any] = {}

    def __call__(self) -> bool:
        return self.asked

    def __enter__(self) -> StopFlag:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt(STOPPED)
        self.asked = True
