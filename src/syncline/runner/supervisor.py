"""Starts every job in a process of its own, in a fair order and within limits; ends it when it must; notices its death.

    job table ──waiting, left behind──▶ choose ──▶ nursery ──▶ process of the job ──▶ job table
                ──stopping────────────▶ its own watch, then SIGTERM, then SIGKILL; what is left is written down here
    process gone without an end ──────▶ tried again, from its checkpoint; after MAX_DEATHS it has failed

The job table is the truth: whatever is only known here is known again after a restart. Who runs a job that is not ours
is told by its lease, so jobs of commands and of dead servers are seen too.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import select
import signal
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

from syncline.model.errors import Category, InternalError, Mender, SynclineError
from syncline.model.jobs import Candidate, Job, JobEvent, JobState
from syncline.model.outcomes import Counters
from syncline.model.ports import Clock, JobBook
from syncline.runner.choice import Limits, choose
from syncline.runner.lease import Lock
from syncline.runner.nursery import Born, Died, Nursery

POLL_S = 0.05  # how soon a stop asked for by another process is seen
IDLE_S = 0.15  # how soon a job is seen that another process has asked for, when nothing runs
LOOK_EVERY_S = 1.0  # for leases of dead processes, which change no table
TERM_AFTER_S = 1.3  # the job's own watch has had PATIENCE_S and some
KILL_AFTER_S = 1.5
SUSPEND_S = 1.5
MAX_DEATHS = 3
BACK_OFF_S = (0.0, 2.0, 10.0)
NOT_HAD = 75  # exit code of a process that could not have its job: somebody else runs one of the same connector
ASK_AGAIN_S = 0.5
PAUSE_S = 0.5

logger = logging.getLogger(__name__)


class WorkerDied(InternalError):
    """The process of a job ended without a word, several times."""

    code = "worker.died"
    default_remedy = "Look at the job's log and at the memory of the machine; then start the job again."


class TaskTimedOut(SynclineError):
    """A check or a plan took too long and was ended."""

    code = "task.timed_out"
    category = Category.SOURCE
    mender = Mender.YOU
    default_remedy = "Make the source answer faster, or run it from the command line."


class TaskDied(InternalError):
    """The process of a check or a plan ended without an answer."""

    code = "task.died"


class Told(SynclineError):
    """An error that another process has told of."""

    def __init__(self, told: dict[str, Any]) -> None:
        super().__init__(str(told.get("message", "")), code=str(told.get("code")), remedy=str(told.get("remedy", "")))
        self._told = told

    def as_dict(self) -> dict[str, Any]:
        """As it was told."""
        return dict(self._told)


class Book(JobBook, Protocol):
    """The job table as the supervisor sees it."""

    def version(self) -> int: ...
    def waiting(self) -> Sequence[Candidate]: ...
    def unended(self) -> list[Job]: ...
    def job(self, number: int) -> Job: ...
    def died(self, job: Job, not_before: float) -> int: ...
    def reserve(self, number: int, server: str) -> bool: ...


@dataclass(slots=True)
class Ground:
    """What the supervisor stands on.

    job_task   "module:function" that runs one job; called with `args` and job=NUMBER.
    tool_task  the same for anything else; called with task=, args=, answer=PATH.
    """

    open_book: Callable[[], Book]
    lease: Callable[[int], Lock]
    durable_counters: Callable[[Job], Counters]
    job_task: str
    tool_task: str
    args: dict[str, Any]
    preload: Sequence[str]
    limits: Limits
    clock: Clock = time.time


@dataclass(slots=True)
class _Process:
    """One that we have started. `stopping_since` is monotonic."""

    ref: int
    job: int = 0
    connector: int = 0
    index: str = ""
    stopping_since: float | None = None
    signals: int = 0
    answer: str = ""
    future: Future[Any] | None = None


@dataclass(slots=True)
class _Task:
    task: str
    args: dict[str, Any]
    future: Future[Any] = field(default_factory=Future)


class Supervisor:
    """One thread and one nursery. Public methods may be called from any thread."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._book: Book = ground.open_book()
        self._nursery = Nursery(ground.preload)
        self._processes: dict[int, _Process] = {}
        self._heard: deque[Born | Died] = deque()
        self._next_ref = 1
        self._tasks: queue.SimpleQueue[_Task] = queue.SimpleQueue()
        self._unwanted: queue.SimpleQueue[Future[Any]] = queue.SimpleQueue()
        self._last_start: dict[int, float] = {}
        self._name = f"{os.uname().nodename}:{os.getpid()}:{os.urandom(4).hex()}"
        self._ask_again: dict[int, float] = {}
        self._seen_version = -1
        self._looked_at = 0.0
        self._closing = threading.Event()
        self._bell, self._ringer = os.pipe()
        os.set_blocking(self._bell, False)
        os.set_blocking(self._ringer, False)
        self._scratch = tempfile.mkdtemp(prefix="syncline-")
        self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)
        self._thread.start()

    # --- for everybody -----------------------------------------------------------------------------------------------

    def wake(self) -> None:
        """Look now."""
        with suppress(BlockingIOError):
            os.write(self._ringer, b"!")

    @property
    def alive(self) -> bool:
        """False once it has ended."""
        return self._thread.is_alive()

    @property
    def running(self) -> int:
        """How many processes it looks after."""
        return len(self._processes)

    def run_task(self, task: str, timeout_s: float, **args: Any) -> Any:
        """See `House.run_task`."""
        asked = _Task(task, args)
        self._tasks.put(asked)
        self.wake()
        try:
            return asked.future.result(timeout_s)
        except FutureTimeout:
            self._unwanted.put(asked.future)
            self.wake()
            raise TaskTimedOut(f"it took longer than {timeout_s:g} s and was ended") from None

    def close(self) -> None:
        """Suspend every job, end every process. Returns within a few seconds."""
        self._closing.set()
        self.wake()
        self._thread.join()
        os.close(self._bell)
        os.close(self._ringer)
        with suppress(OSError):
            os.rmdir(self._scratch)

    # --- the loop ----------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while not self._closing.is_set():
                try:
                    self._turn()
                except OSError as error:
                    logger.error("nursery.lost", extra={"fields": {"message": str(error)}})
                    self._begin_again()
                except SynclineError as error:  # the table is busy or damaged; it is asked again
                    logger.error("supervisor.error", extra={"fields": error.as_dict()})
                    self._closing.wait(PAUSE_S)
                except Exception:  # our own fault; jobs must be looked after all the same
                    logger.exception("supervisor.error")
                    self._closing.wait(PAUSE_S)
            self._suspend_all()
        finally:
            self._nursery.close()
            self._book.close()

    def _turn(self) -> None:
        self._wait()
        self._heard.extend(self._nursery.news())
        while self._heard:
            self._hear(self._heard.popleft())
        self._start_tasks()
        if self._must_look():
            self._look()
        self._enforce_stops()

    def _wait(self) -> None:
        patience = POLL_S if self._processes else IDLE_S
        ready = select.select([self._bell, self._nursery.fileno()], [], [], patience)[0]
        if self._bell in ready:
            os.read(self._bell, 4096)
            self._seen_version = -1

    def _must_look(self) -> bool:
        version, now = self._book.version(), time.monotonic()
        if version == self._seen_version and now - self._looked_at < LOOK_EVERY_S:
            return False
        self._seen_version, self._looked_at = version, now
        return True

    # --- starting ----------------------------------------------------------------------------------------------------

    def _look(self) -> None:
        """Read the table: who must stop, who was left behind, who waits."""
        ours = {process.job: process for process in self._processes.values() if process.job}
        left: list[Candidate] = []
        taken: dict[int, str] = {process.connector: process.index for process in ours.values()}
        for job in self._book.unended():
            if job.number in ours:
                if job.state is JobState.STOPPING and ours[job.number].stopping_since is None:
                    ours[job.number].stopping_since = time.monotonic()
            elif job.state is not JobState.SUSPENDED and not self._ground.lease(job.connector_number).is_free():
                taken[job.connector_number] = job.index  # another process runs it
            elif job.state is JobState.STOPPING:
                self._bury(job)
            elif self._may_ask(job.number):
                left.append(Candidate(job.number, job.connector_number, job.index, job.not_before))
        ask = [each for each in self._book.waiting() if each.number not in ours and self._may_ask(each.number)]
        ground = self._ground
        for chosen in list(choose(left, ask, taken, self._last_start, ground.limits, len(ours), ground.clock())):
            self._start(chosen)

    def _may_ask(self, job: int) -> bool:
        return time.monotonic() >= self._ask_again.get(job, 0.0)

    def _start(self, chosen: Candidate) -> None:
        if not self._book.reserve(chosen.number, self._name):  # another server is about to begin it
            self._ask_again[chosen.number] = time.monotonic() + ASK_AGAIN_S
            return
        ref = self._new_ref()
        self._nursery.run(ref, self._ground.job_task, {"job": chosen.number, **self._ground.args})
        self._processes[ref] = _Process(ref, chosen.number, chosen.connector, chosen.index)
        self._last_start[chosen.connector] = time.monotonic()
        self._ask_again.pop(chosen.number, None)

    def _start_tasks(self) -> None:
        while not self._tasks.empty():
            asked = self._tasks.get()
            ref = self._new_ref()
            answer = os.path.join(self._scratch, f"answer-{ref}")
            process = _Process(ref, answer=answer, future=asked.future)
            order = {"task": asked.task, "args": asked.args, "answer": answer}
            self._nursery.run(ref, self._ground.tool_task, order)
            self._processes[ref] = process
        while not self._unwanted.empty():
            future = self._unwanted.get()
            for process in self._processes.values():
                if process.future is future:
                    self._nursery.signal(process.ref, signal.SIGKILL)

    def _new_ref(self) -> int:
        self._next_ref += 1
        return self._next_ref

    # --- ending ------------------------------------------------------------------------------------------------------

    def _enforce_stops(self) -> None:
        now = time.monotonic()
        for process in self._processes.values():
            if process.stopping_since is None:
                continue
            waited = now - process.stopping_since
            if waited >= KILL_AFTER_S and process.signals < 2:
                process.signals = 2
                self._nursery.signal(process.ref, signal.SIGKILL)
            elif waited >= TERM_AFTER_S and process.signals < 1:
                process.signals = 1
                self._nursery.signal(process.ref, signal.SIGTERM)

    def _hear(self, news: Born | Died) -> None:
        if isinstance(news, Born):
            return
        process = self._processes.pop(news.ref, None)
        if process is None:
            return
        self._seen_version = -1  # there is room for another one
        if process.future is not None:
            self._answer(process, news.exit)
        else:
            self._ended(process, news.exit)

    def _ended(self, process: _Process, exit: int) -> None:
        job = self._book.job(process.job)
        if job.state is JobState.STOPPING:
            self._bury(job)
        elif exit == NOT_HAD:  # another process has it, or has it no more
            self._ask_again[job.number] = time.monotonic() + ASK_AGAIN_S
        elif job.state in (JobState.PENDING, JobState.RUNNING):
            self._mourn(job, exit)

    def _mourn(self, job: Job, exit: int) -> None:
        """The process is gone and the job is not at its end: it is tried again from its checkpoint, a few times."""
        now = self._ground.clock()
        deaths = self._book.died(job, now + BACK_OFF_S[min(job.deaths, len(BACK_OFF_S) - 1)])
        how = f"by signal {-exit}" if exit < 0 else f"with exit code {exit}"
        fields = {"job": job.number, "connector_id": job.connector_id, "deaths": deaths, "how": how}
        logger.warning("worker.died", extra={"fields": fields})
        if deaths >= MAX_DEATHS:
            error = WorkerDied(f"its process has ended {how}, {deaths} times")
            self._end(job, JobEvent.FAIL, error.as_dict())

    def _bury(self, job: Job) -> None:
        self._end(job, JobEvent.HALT, None)

    def _end(self, job: Job, event: JobEvent, error: dict[str, Any] | None) -> None:
        with suppress(SynclineError):  # somebody else was quicker
            counters = self._ground.durable_counters(job)
            self._book.end(job, event, self._ground.clock(), counters, error, job.notes)

    def _answer(self, process: _Process, exit: int) -> None:
        assert process.future is not None
        try:
            with open(process.answer, encoding="utf-8") as file:
                told = json.load(file)
            os.unlink(process.answer)
        except (OSError, ValueError):
            process.future.set_exception(TaskDied(f"its process ended with {exit} and gave no answer"))
            return
        if "error" in told:
            process.future.set_exception(Told(told["error"]))
        else:
            process.future.set_result(told["answer"])

    # --- when the ground shakes --------------------------------------------------------------------------------------

    def _begin_again(self) -> None:
        """The nursery is gone, and every child with it."""
        self._nursery.close()
        self._heard.clear()
        lost, self._processes = list(self._processes.values()), {}
        for process in lost:
            if process.future is not None:
                process.future.set_exception(TaskDied("its process was lost"))
        self._closing.wait(0.2)
        self._nursery = Nursery(self._ground.preload)
        self._seen_version = -1

    def _suspend_all(self) -> None:
        for process in self._processes.values():
            self._nursery.signal(process.ref, signal.SIGTERM if process.job else signal.SIGKILL)
        deadline = time.monotonic() + SUSPEND_S
        with suppress(OSError):
            while self._processes and time.monotonic() < deadline:
                select.select([self._nursery.fileno()], [], [], 0.05)
                for news in self._nursery.news():
                    if isinstance(news, Died):
                        self._processes.pop(news.ref, None)
        for process in self._processes.values():
            self._nursery.signal(process.ref, signal.SIGKILL)
            if process.job and self._book.job(process.job).state is JobState.RUNNING:
                self._end(self._book.job(process.job), JobEvent.SUSPEND, None)
