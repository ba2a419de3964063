"""The children at work: as many as the work asks for, each with one document, restarted when they die.

    submit(task) ──▶ idle child, or a new one, or wait ──▶ Done(task, answer)      drain() waits for the rest

A document whose child dies gets one more try in a fresh child, so what somebody else did to the child (the system's
killer of processes, documents before it) is not held against the document, and the same bytes end the same way.
"""

from __future__ import annotations

import select
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from syncline.model.ports import Unwanted
from syncline.transforms.extract.answers import Answer, Done, Extracted, Task, cut
from syncline.transforms.extract.child import Child, Died, Expired
from syncline.transforms.extract.errors import NotExtracted
from syncline.transforms.extract.limits import Limits
from syncline.transforms.readers.wire import Request

PATIENCE_S = 0.25  # a further child is started when this long was waited for each that there is


class _Busy(NamedTuple):
    child: Child
    task: Task
    deadline: float


class Pool:
    """At most `workers` children. Used by one thread, but for `interrupt`."""

    def __init__(self, limits: Limits, workers: int) -> None:
        self._limits = limits
        self._workers = workers
        self._idle: list[Child] = []
        self._busy: list[_Busy] = []
        self._waited_s = 0.0
        self._interrupted = False

    def submit(self, task: Task) -> Iterator[Done]:
        """Give the task to a child; yields others that had to be finished first."""
        while len(self._busy) >= self._size():
            yield from self._collect()
        yield from self._begin(task)

    def drain(self) -> Iterator[Done]:
        """Wait for all of them."""
        while self._busy:
            yield from self._collect()

    def abandon(self) -> None:
        """Forget the tasks that are under way, and end their children."""
        for busy in self._busy:
            busy.child.end()
        self._busy.clear()

    def interrupt(self) -> None:
        """From another thread: whatever is under way or comes later is answered at once, as interrupted."""
        self._interrupted = True
        for busy in list(self._busy):
            busy.child.kill()

    def close(self) -> None:
        """End all children."""
        self.abandon()
        for child in self._idle:
            child.end()
        self._idle.clear()

    def pids(self) -> list[int]:
        """Process ids of the children there are."""
        return [child.pid for child in [*self._idle, *(busy.child for busy in self._busy)]]

    def _size(self) -> int:
        """How many children the work is worth. One, until waiting for it has cost more than starting another."""
        return min(self._workers, 1 + int(self._waited_s / PATIENCE_S))

    def _begin(self, task: Task) -> Iterator[Done]:
        if self._interrupted:
            yield Done(task, _interrupted())
            return
        try:
            child = self._take()
        except OSError as problem:  # the system has no process or no file left
            yield Done(task, self._error(f"none could be started: {problem.strerror}"))
            return
        limits = self._limits
        busy = _Busy(child, task, time.monotonic() + limits.wall_s)
        self._busy.append(busy)
        if self._interrupted:  # while it was being started
            child.kill()
        request = Request(
            task.form.reader,
            task.declared,
            limits.max_text_chars,
            limits.max_unpacked_bytes,
            limits.max_zip_ratio,
            limits.max_files_in_zip,
            limits.wall_s,
        )
        try:
            child.begin(request, task.content, busy.deadline)
        except (Expired, Died) as problem:
            yield from self._failed(busy, problem)

    def _take(self) -> Child:
        while self._idle:
            child = self._idle.pop()
            if not child.has_ended():
                return child
            child.end()
        return Child(self._limits.memory_bytes)

    def _collect(self) -> Iterator[Done]:
        """Wait until at least one child has answered or has run out of time; yields what was finished."""
        poller = select.poll()
        for busy in self._busy:
            poller.register(busy.child.answers, select.POLLIN)
        before = time.monotonic()
        nearest = min(busy.deadline for busy in self._busy)
        ready = {fd for fd, _ in poller.poll(max(0.0, nearest - before) * 1000 + 1)}
        now = time.monotonic()
        if all(busy.child.documents > 1 for busy in self._busy):  # a first document waits for its child to start
            self._waited_s += now - before
        for busy in list(self._busy):
            if busy.child.answers in ready or now >= busy.deadline:
                yield from self._finish(busy)

    def _finish(self, busy: _Busy) -> Iterator[Done]:
        limits, child = self._limits, busy.child
        try:
            head, text = child.finish(busy.deadline, 4 * limits.max_text_chars)
            answer = _understand(head, text, busy.task, limits)
        except (Expired, Died) as problem:
            yield from self._failed(busy, problem)
            return
        self._busy.remove(busy)
        lacks_memory = isinstance(answer, NotExtracted) and answer.code == "extract.memory"
        if lacks_memory or head.get("last"):
            child.end()
        else:
            self._idle.append(child)
        if lacks_memory and child.documents > 1 and not busy.task.tries:  # those before it may have taken the memory
            yield from self._begin(busy.task._replace(tries=1))
        else:
            yield Done(busy.task, answer)

    def _failed(self, busy: _Busy, problem: Exception) -> Iterator[Done]:
        self._busy.remove(busy)
        ended = busy.child.end()
        why = "time" if isinstance(problem, Expired) else ended
        if self._interrupted:
            yield Done(busy.task, _interrupted())
        elif why != "time" and not busy.task.tries:
            yield from self._begin(busy.task._replace(tries=1))
        else:
            yield Done(busy.task, self._error(why))

    def _error(self, why: str) -> NotExtracted:
        limits = self._limits
        if why == "time":
            return NotExtracted("extract.timeout", f"not read within {limits.wall_s:g} s")
        if why == "memory":
            return NotExtracted("extract.memory", f"reading it takes more than {limits.memory_bytes >> 20} MiB")
        return NotExtracted("extract.crashed", f"the process that read it died ({why})")


def _interrupted() -> NotExtracted:
    return NotExtracted("extract.interrupted", "the job was stopped before it was read")


def _understand(head: dict[str, Any], text: bytes, task: Task, limits: Limits) -> Answer:
    """What the child said, believed only as far as it has the right shape. Raises Died when it has not."""
    match head:
        case {"error": [str(code), str(message)]}:
            return NotExtracted(code, message)
        case {"no_text": [str(code), str(rule)]}:
            return Unwanted(task.document.id, rule, code)
        case {"title": str(title), "metadata": dict(metadata), "media_type": str(media_type), "warnings": list(listed)}:
            try:
                warnings = tuple((str(code), str(message)) for code, message in listed)
                read = text.decode()[: limits.max_text_chars]
            except (ValueError, TypeError) as problem:
                raise Died from problem
            if head.get("cut"):
                warnings = (*warnings, cut(limits.max_text_chars))
            known = {key: value for key, value in metadata.items() if _is_metadata(value)}
            return Extracted(read, title, known, media_type, warnings)
    raise Died


def _is_metadata(value: Any) -> bool:
    if isinstance(value, list):
        return all(isinstance(item, str) for item in value)
    return isinstance(value, (str, int, float))
