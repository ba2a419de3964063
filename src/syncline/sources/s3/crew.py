"""Threads that work for a generator, bounded in what they hold, and let go of at once.

    run_ahead   one thread runs an iterator a few items ahead
    in_parallel many threads work on jobs; only so many bytes are under way

Whoever waits for the result waits for a condition and nothing else, so an interrupt is answered at once even if a
thread hangs in a call that nothing can end; the thread is a daemon and ends with its call.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Generic, TypeVar

from syncline.sources.s3.objects import Halted

T = TypeVar("T")
J = TypeVar("J")


class Operation:
    """One list, fetch or check under way. `halt` is set when it must end."""

    def __init__(self) -> None:
        self.halt = threading.Event()
        self.changed = threading.Condition()

    def interrupt(self) -> None:
        """From any thread: everything that waits here ends."""
        self.halt.set()
        with self.changed:
            self.changed.notify_all()


class _Results(Generic[T]):
    """Results on their way from threads to the one that takes them."""

    def __init__(self, operation: Operation, workers: int) -> None:
        self._operation = operation
        self._held: deque[T] = deque()
        self._working = workers
        self._error: Exception | None = None

    def put(self, item: T, most: int) -> None:
        """Waits while `most` are held. Raises Halted."""
        changed = self._operation.changed
        with changed:
            changed.wait_for(lambda: len(self._held) < most or self._operation.halt.is_set())
            if self._operation.halt.is_set():
                raise Halted
            self._held.append(item)
            changed.notify_all()

    def done(self, error: Exception | None) -> None:
        """One worker has ended. The first error is the one that is told."""
        with self._operation.changed:
            self._working -= 1
            self._error = self._error or error
            self._operation.changed.notify_all()

    def take(self) -> T | None:
        """The next one; None when all workers have ended. Raises Halted, or what a worker raised."""
        changed = self._operation.changed
        with changed:
            changed.wait_for(lambda: self._held or self._error or not self._working or self._operation.halt.is_set())
            if self._operation.halt.is_set():
                raise Halted
            if self._held:
                changed.notify_all()
                return self._held.popleft()
            if self._error is not None:
                raise self._error
            return None


def _start(results: _Results[T], work: Callable[[], None], name: str) -> None:
    def run() -> None:
        error: Exception | None = None
        try:
            work()
        except Halted:
            pass
        except Exception as raised:
            error = raised
        results.done(error)

    threading.Thread(target=run, name=name, daemon=True).start()


def run_ahead(items: Iterator[T], operation: Operation, ahead: int = 4) -> Iterator[T]:
    """The items, made in a thread of their own, `ahead` of whoever takes them. Raises what `items` raises, after what
    came before it; and Halted."""
    results: _Results[T] = _Results(operation, 1)

    def work() -> None:
        for item in items:
            results.put(item, ahead)

    _start(results, work, "s3-list")
    try:
        while (item := results.take()) is not None:
            yield item
    finally:
        operation.interrupt()


class Budget:
    """Bytes that may be under way at a time. One that is larger than all of them goes alone."""

    def __init__(self, operation: Operation, total: int) -> None:
        self._operation = operation
        self._total = total
        self._used = 0

    def take(self, size: int) -> None:
        """Waits until there is room. Raises Halted."""
        changed, halt = self._operation.changed, self._operation.halt
        with changed:
            changed.wait_for(lambda: not self._used or self._used + size <= self._total or halt.is_set())
            if halt.is_set():
                raise Halted
            self._used += size

    def give(self, size: int) -> None:
        """That much is done with."""
        with self._operation.changed:
            self._used -= size
            self._operation.changed.notify_all()


def in_parallel(
    jobs: Sequence[J], work: Callable[[J, Budget], tuple[T, int]], threads: int, total: int, operation: Operation
) -> Iterator[T]:
    """A result for each job, in any order. `work` takes from the budget what its result will hold, and says how much
    that is; it is given back when the next result is asked for. Raises what a `work` raises; and Halted."""
    threads = min(threads, len(jobs))
    results: _Results[tuple[T, int]] = _Results(operation, threads)
    budget, waiting, lock = Budget(operation, total), iter(jobs), threading.Lock()

    def run() -> None:
        while not operation.halt.is_set():
            with lock:
                job = next(waiting, None)
            if job is None:
                return
            results.put(work(job, budget), len(jobs))

    for number in range(threads):
        _start(results, run, f"s3-get-{number}")
    try:
        while (done := results.take()) is not None:
            yield done[0]
            budget.give(done[1])
    finally:
        operation.interrupt()


def watched(work: Callable[[threading.Event], T], operation: Operation) -> T:
    """The result of one call, made in a thread so that it can be let go of. Raises what it raises; and Halted."""

    def once() -> Iterator[tuple[T]]:
        yield (work(operation.halt),)

    answers = run_ahead(once(), operation)
    try:
        return next(answers)[0]
    finally:
        with suppress(Exception):
            answers.close()  # type: ignore[attr-defined]
