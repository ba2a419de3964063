"""Threads that do the same thing to many URLs: a few for each host, and a bounded number in all.

They are daemons, so that a resolver that hangs holds up nobody's exit.
"""

from __future__ import annotations

import queue
import threading
from collections import Counter, deque
from collections.abc import Callable
from typing import Final, Generic, TypeVar

J = TypeVar("J")
R = TypeVar("R")

THREADS: Final = 16


class Fleet(Generic[J, R]):
    """`run` is called in a thread for every job added, at most `per_host` at once for each host."""

    def __init__(self, run: Callable[[J], R], host: Callable[[J], str], per_host: int, threads: int = THREADS) -> None:
        self._run = run
        self._host = host
        self._per_host = per_host
        self._most = threads
        self._waiting: dict[str, deque[J]] = {}
        self._active: Counter[str] = Counter()
        self._todo: queue.SimpleQueue[J | None] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[tuple[J, R | BaseException]] = queue.SimpleQueue()
        self._threads = 0
        self.under_way: dict[int, J] = {}

    @property
    def busy(self) -> bool:
        """Whether anything is waited for."""
        return bool(self._waiting or self.under_way)

    def rest(self) -> list[J]:
        """Everything whose result has not been taken yet."""
        return [*self.under_way.values(), *(job for jobs in self._waiting.values() for job in jobs)]

    def add(self, job: J) -> None:
        """One more."""
        self._waiting.setdefault(self._host(job), deque()).append(job)
        self._send()

    def next(self, patience_s: float) -> R | None:
        """The next result; None when there is none in that time. Raises what `run` raised."""
        try:
            job, result = self._done.get(timeout=patience_s)
        except queue.Empty:
            return None
        self._active[self._host(job)] -= 1
        del self.under_way[id(job)]
        self._send()
        if isinstance(result, BaseException):
            raise result
        return result

    def close(self) -> None:
        """No more jobs: threads end when they have done what they are at."""
        self._waiting.clear()
        for _ in range(self._threads):
            self._todo.put(None)

    def _send(self) -> None:
        for host in list(self._waiting):
            jobs = self._waiting[host]
            while jobs and self._active[host] < self._per_host and len(self.under_way) < self._most:
                job = jobs.popleft()
                self._active[host] += 1
                self.under_way[id(job)] = job
                self._todo.put(job)
                if self._threads < len(self.under_way):
                    self._threads += 1
                    threading.Thread(target=self._serve, name="web", daemon=True).start()
            if not jobs:
                del self._waiting[host]
            if len(self.under_way) >= self._most:
                return

    def _serve(self) -> None:
        while (job := self._todo.get()) is not None:
            try:
                result: R | BaseException = self._run(job)
            except BaseException as error:
                result = error
            self._done.put((job, result))
