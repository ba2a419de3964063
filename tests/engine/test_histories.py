"""Any history at all, against a model: a plain dict says what the index must hold after one undisturbed job.

A real folder is created, edited, renamed, made unreadable; jobs run, are stopped, die at a random durable write, are
resumed or left; rules change. Then invariants 4, 5, 6, 7 and 10 must hold. A long run:

    HYPOTHESIS_PROFILE=long python -m pytest tests/engine/test_histories.py
"""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from syncline.engine import desk, river
from syncline.engine.dry import plan_job
from syncline.engine.job import run_job
from syncline.engine.work import Ending, Work
from syncline.model.documents import Document
from syncline.model.jobs import JobEvent
from syncline.model.ports import Ticket, no_crash
from syncline.sources.folder.files import Files
from syncline.sources.folder.source import FolderSource
from syncline.store.sqlite.truth import Truth
from syncline.testing import CrashAt, SimulatedCrash

NAMES = ("a.txt", "b.txt", "c.log")
FOLDERS = ("", "x", "x/z")
TEXTS = ("one", "two", "six", "a longer text", "")
DEATHS = (
    "truth.begin.after",
    "truth.commit.before",
    "truth.commit.inside",
    "truth.commit.after",
    "truth.withhold.after",
)


class Decode:
    """The smallest transform: bytes to text."""

    recipe = "utf-8"

    def apply(self, documents: Sequence[Document]) -> Iterator[Document]:
        for document in documents:
            document.text = (document.content or b"").decode()
            yield document

    def close(self) -> None:
        """Nothing to let go of."""


class Disk:
    """The operating system, with some paths that cannot be opened."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.locked: set[str] = set()
        self.files = Files(open=self._open)

    def _open(self, path: str, flags: int, *rest: Any, dir_fd: int | None = None) -> int:
        base = self.root if dir_fd is None else os.readlink(f"/proc/self/fd/{dir_fd}")
        place = os.path.relpath(os.path.join(base, path), self.root)
        if place in self.locked:
            raise PermissionError(13, "Permission denied")
        return os.open(path, flags, *rest, dir_fd=dir_fd)


class Histories(RuleBasedStateMachine):
    """`self.disk_model` is what lies in the folder, `self.index_model` what the index must hold when all is quiet."""

    @initialize()
    def start(self) -> None:
        self.home = tempfile.mkdtemp(prefix="syncline-histories-")
        self.root = os.path.join(self.home, "root")
        os.mkdir(self.root)
        self.disk = Disk(self.root)
        self.crash: Any = no_crash
        self.truth = self._open_truth()
        self.exclude: tuple[str, ...] = ()
        self.index_model: dict[str, str] = {}
        self.jobs, self.fences = itertools.count(1), itertools.count(1)
        self.left: int | None = None  # a job whose process died
        self.quiet = False
        self.later_s = 0

    def _open_truth(self) -> Truth:
        return Truth(os.path.join(self.home, "truth.db"), crash=lambda point: self.crash(point))

    def teardown(self) -> None:
        self.truth.close()
        shutil.rmtree(self.home)

    # --- what people do to folders ---

    def _at(self, path: str) -> str:
        return os.path.join(self.root, path)

    def _files(self) -> dict[str, str]:
        found = {}
        for folder, _, names in os.walk(self.root):
            for name in names:
                path = os.path.join(folder, name)
                with open(path, encoding="utf-8") as file:
                    found[os.path.relpath(path, self.root)] = file.read()
        return found

    @rule(folder=st.sampled_from(FOLDERS), name=st.sampled_from(NAMES), text=st.sampled_from(TEXTS))
    def write(self, folder: str, name: str, text: str) -> None:
        self.quiet = False
        os.makedirs(self._at(folder), exist_ok=True)
        with open(self._at(os.path.join(folder, name)), "w", encoding="utf-8") as file:
            file.write(text)

    @rule(data=st.data(), text=st.sampled_from(("one", "two", "six")))
    def edit_without_changing_size_or_mtime(self, data: st.DataObject, text: str) -> None:
        path = self._any_file(data)
        if path is not None:
            before = os.stat(self._at(path))
            self.quiet = False
            with open(self._at(path), "w", encoding="utf-8") as file:
                file.write(text)
            os.utime(self._at(path), ns=(before.st_atime_ns, before.st_mtime_ns))

    @rule(data=st.data())
    def touch(self, data: st.DataObject) -> None:
        path = self._any_file(data)
        if path is not None:
            os.utime(self._at(path))

    @rule(data=st.data(), folder=st.sampled_from(FOLDERS), name=st.sampled_from(NAMES))
    def rename(self, data: st.DataObject, folder: str, name: str) -> None:
        path = self._any_file(data)
        if path is not None and not os.path.isdir(self._at(os.path.join(folder, name))):
            self.quiet = False
            os.makedirs(self._at(folder), exist_ok=True)
            os.replace(self._at(path), self._at(os.path.join(folder, name)))

    @rule(source=st.sampled_from(FOLDERS[1:]), into=st.sampled_from(("x", "w")))
    def move_folder(self, source: str, into: str) -> None:
        inside = os.path.join(into, "moved")
        if os.path.isdir(self._at(source)) and not os.path.exists(self._at(inside)) and not into.startswith(source):
            self.quiet = False
            os.makedirs(self._at(into), exist_ok=True)
            os.rename(self._at(source), self._at(inside))

    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        path = self._any_file(data)
        if path is not None:
            self.quiet = False
            os.unlink(self._at(path))

    @rule(folder=st.sampled_from(FOLDERS[1:]))
    def delete_folder(self, folder: str) -> None:
        if os.path.isdir(self._at(folder)):
            self.quiet = False
            shutil.rmtree(self._at(folder))

    @rule(path=st.sampled_from([*FOLDERS[1:], "a.txt", "x/b.txt"]))
    def lock_or_unlock(self, path: str) -> None:
        self.quiet = False
        self.disk.locked ^= {path}

    @rule(exclude=st.sampled_from([(), ("*.log",), ("x/",), ("*.txt", "!a.txt")]))
    def change_rules(self, exclude: tuple[str, ...]) -> None:
        self.quiet = False
        self.exclude = exclude

    def _any_file(self, data: st.DataObject) -> str | None:
        files = sorted(self._files())
        return data.draw(st.sampled_from(files)) if files else None

    # --- jobs ---

    def _work(self, job: int, **settings: Any) -> Work:
        config = SimpleNamespace(
            path=self.root,
            include=(),
            exclude=self.exclude,
            gitignore=False,
            follow_symlinks=False,
            max_file_bytes=1000,
        )
        source = FolderSource(config, files=self.disk.files, clock_ns=lambda: time.time_ns() + self.later_s * 10**9)
        ticket = Ticket(1, job, next(self.fences))
        return Work(ticket, source, self.truth, clock=lambda: 0.0, transforms=[Decode()], **settings)

    @rule()
    def run_undisturbed(self) -> None:
        """Invariants 5, 6 and 7."""
        plan, before = plan_job(self._work(0)), self._held()
        job = self.left if self.left is not None else next(self.jobs)
        fresh, self.left = self.left is None, None
        ending = run_job(self._work(job))
        assert ending.error is None, ending.error
        self._check_counters(job, ending)
        if fresh:  # what a dead attempt has done counts too, and no plan knows of it
            assert sorted(plan.insert) == self._named(job, "inserted")
            assert sorted(plan.delete) == self._named(job, "deleted")
        self._expect(before)
        assert self._held() == self.index_model
        locked_out = any(self._is_locked(path) for path in self._files())
        if not locked_out:
            assert ending.event in (JobEvent.FINISH, JobEvent.FINISH_WITH_SKIPS)
        self.quiet = True

    @precondition(lambda self: self.quiet)
    @rule()
    def run_again(self) -> None:
        """A second job changes nothing, byte for byte."""
        self.later_s = 10  # the versions of files edited a moment ago settle
        run_job(self._work(next(self.jobs)))
        before = self._contents()
        ending = run_job(self._work(next(self.jobs)))
        self.later_s = 0
        assert ending.counters.changed == 0
        assert self._contents() == before

    @rule(point=st.sampled_from(DEATHS), nth=st.integers(1, 2))
    def run_and_die(self, point: str, nth: int) -> None:
        self.quiet = False
        job = self.left if self.left is not None else next(self.jobs)
        self.crash = CrashAt(point, nth)
        try:
            run_job(self._work(job))
            self.left = None
        except SimulatedCrash:
            self.left = job
        self.crash = no_crash
        self.truth.close()
        self.truth = self._open_truth()
        assert self._nothing_living_is_gone()

    @rule(after=st.integers(0, 12))
    def run_and_stop(self, after: int) -> None:
        self.quiet = False
        self.left = None
        countdown = itertools.count()
        run_job(self._work(next(self.jobs), stop=lambda: next(countdown) >= after))
        assert self._nothing_living_is_gone()

    @rule()
    def forget_the_dead_job(self) -> None:
        self.left = None

    # --- what must be true ---

    def _held(self) -> dict[str, str]:
        return {document.id: document.text for document in self.truth.after(0, 10_000)}

    def _contents(self) -> object:
        rows = sorted(row[1:] for rows in self.truth.rows(1) for row in rows)
        return sorted(d[1:] for d in self.truth.after(0, 10_000)), rows

    def _named(self, job: int, kind: str) -> list[str]:
        return sorted(o.id for o in self.truth.outcomes(job, limit=10_000) if o.kind == kind)

    def _is_locked(self, path: str) -> bool:
        parts = path.split("/")
        return any("/".join(parts[: depth + 1]) in self.disk.locked for depth in range(len(parts)))

    def _in_locked_folder(self, path: str) -> bool:
        parts = path.split("/")
        return any(
            os.path.isdir(self._at(folder)) and folder in self.disk.locked
            for folder in ("/".join(parts[: depth + 1]) for depth in range(len(parts) - 1))
        )

    def _excluded(self, path: str) -> bool:
        name = os.path.basename(path)
        if self.exclude == ("*.log",):
            return name.endswith(".log")
        if self.exclude == ("x/",):
            return "x" in path.split("/")[:-1]
        return self.exclude != () and name.endswith(".txt") and name != "a.txt"

    def _expect(self, before: dict[str, str]) -> None:
        """What the model index becomes by one undisturbed job: what cannot be seen stays as it was `before`."""
        files = self._files()
        expected = {
            path: text for path, text in files.items() if not self._is_locked(path) and not self._excluded(path)
        }
        for path, text in before.items():
            pruned = self.exclude == ("x/",) and "x" in path.split("/")[:-1]
            blind = self._in_locked_folder(path) and not pruned
            unreadable = path in files and self._is_locked(path) and not self._excluded(path)
            if blind or (unreadable and not pruned):
                expected[path] = text
        self.index_model = expected

    def _nothing_living_is_gone(self) -> bool:
        """Invariant 4: whatever the last quiet index held and still exists unchanged in rules is still held."""
        held = self._held()
        return all(path in held for path in self.index_model if path in self._files() and not self._excluded_ever(path))

    def _excluded_ever(self, path: str) -> bool:
        return path.endswith((".log", ".txt")) or "x" in path.split("/")

    def _check_counters(self, job: int, ending: Ending) -> None:
        """Invariant 5: the counters are the sum of the outcomes, and each document has one."""
        recorded: dict[str, int] = {}
        for outcome in self.truth.outcomes(job, limit=10_000):
            recorded[outcome.kind.value] = recorded.get(outcome.kind.value, 0) + 1
        counters = ending.counters.as_dict()
        for kind in ("inserted", "updated", "deleted", "failed"):
            assert counters[kind] == recorded.get(kind, 0), (kind, counters, recorded)

    @invariant()
    def the_ledger_and_the_documents_speak_of_the_same(self) -> None:
        if hasattr(self, "truth"):
            live = {row.id for rows in self.truth.rows(1) for row in rows if row.state == 1}
            assert live == set(self._held())


desk.BATCH_ROWS, river.FETCH_AT_ONCE = 2000, 256
TestHistories = Histories.TestCase
EXAMPLES = max(400, settings.default.max_examples)
TestHistories.settings = settings(max_examples=EXAMPLES, stateful_step_count=40, deadline=None)
