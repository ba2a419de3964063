"""Memory of this process over time, from /proc/self/status, and what it sent to the disk."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

INTERVAL_S = 0.5


def status_mb() -> dict[str, float]:
    """VmRSS, VmHWM, RssAnon and RssFile of this process, in MB."""
    with open("/proc/self/status", encoding="utf-8") as status:
        pairs = (line.split(":", 1) for line in status)
        return {
            name: int(value.split()[0]) / 1024
            for name, value in pairs
            if name in ("VmRSS", "VmHWM", "RssAnon", "RssFile")
        }


def disk_write_mb() -> float:
    """What this process has sent towards the disk so far; 0.0 where the kernel does not say."""
    try:
        with open("/proc/self/io", encoding="utf-8") as io:
            return next(int(line.split()[1]) / 2**20 for line in io if line.startswith("write_bytes"))
    except (OSError, StopIteration):
        return 0.0


class Sampler:
    """A thread that takes a sample every half second between `with` and its end. `written` tells the progress."""

    def __init__(self, written: Callable[[], int]) -> None:
        self.samples: list[dict[str, Any]] = []
        self._written = written
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._began = time.perf_counter()

    def __enter__(self) -> Sampler:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._take()

    def _run(self) -> None:
        while not self._stop.wait(INTERVAL_S):
            self._take()

    def _take(self) -> None:
        memory = status_mb()
        self.samples.append(
            {
                "at_s": round(time.perf_counter() - self._began, 2),
                "written": self._written(),
                "rss_mb": round(memory["VmRSS"], 1),
                "anonymous_mb": round(memory.get("RssAnon", 0.0), 1),
                "file_mb": round(memory.get("RssFile", 0.0), 1),
            }
        )
