"""Live progress on stderr: a bar when somebody watches, lines with --verbose, else nothing.

Rich is imported only once a job has lasted long enough for a bar to be worth it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from syncline.cli.text import duration

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

    from syncline.cli.session import Session
    from syncline.model.reports import Progress

SHOW_AFTER_S = 0.5
LINE_EVERY_S = 5.0
UPDATE_EVERY_S = 0.05


class Display:
    """Shows how far a job is. Use it in a `with`; `watch` and `steps` are callbacks for the API."""

    def __init__(self, session: Session, stopping: Callable[[], bool] = lambda: False) -> None:
        self._session = session
        self._stopping = stopping
        self._next = time.monotonic() + (SHOW_AFTER_S if session.live else 0.0)
        self._stage = ""
        self._bar: Bar | None = None
        self._task: TaskID | None = None

    @property
    def watch(self) -> Callable[[Progress], None] | None:
        """For `on_progress` of sync and plan; None when nobody would see it."""
        return self._progress if self._wanted else None

    @property
    def steps(self) -> Callable[[str, int, int], None] | None:
        """For `on_progress` of verify; None when nobody would see it."""
        return self._step if self._wanted else None

    def __enter__(self) -> Display:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Wipe the bar."""
        if self._bar is not None:
            self._bar.stop()

    @property
    def _wanted(self) -> bool:
        return self._session.live or (self._session.verbose and not self._session.quiet)

    def _progress(self, progress: Progress) -> None:
        if not self._due(progress.stage):
            return
        done, total = fraction(progress)
        self._show(progress.stage, done, total, figures(progress), pace(progress))

    def _step(self, label: str, done: int, total: int) -> None:
        if self._due(label):
            self._show(label, done, total or None, f"{done:,} of {total:,}" if total else f"{done:,}", "")

    def _due(self, stage: str) -> bool:
        now = time.monotonic()
        if now < self._next and (self._session.live or stage == self._stage):
            return False
        self._next = now + (UPDATE_EVERY_S if self._session.live else LINE_EVERY_S)
        self._stage = stage
        return True

    def _show(self, stage: str, done: int, total: int | None, figures: str, pace: str) -> None:
        if self._stopping():
            stage = "stopping (Ctrl-C again ends at once)"
        if not self._session.live:
            self._session.note(": ".join(filter(None, (stage, "; ".join(filter(None, (figures, pace)))))))
            return
        if self._bar is None:
            self._bar = make_bar(self._session)
            self._task = self._bar.add_task("", total=None, figures="", pace="")
            self._bar.start()
        assert self._task is not None
        self._bar.update(self._task, description=stage, completed=done, total=total, figures=figures, pace=pace)


def make_bar(session: Session) -> Bar:
    """A bar that leaves nothing behind."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn
    from rich.table import Column

    class SteadyConsole(Console):
        """Never hides the cursor: a process that is killed could not bring it back."""

        def show_cursor(self, show: bool = True) -> bool:
            return False

    def text(template: str, style: str = "none") -> TextColumn:
        return TextColumn(template, style=style, markup=False, table_column=Column(no_wrap=True))

    return Progress(
        SpinnerColumn(),
        text("{task.description}", "bold"),
        BarColumn(bar_width=24),
        text("{task.fields[figures]}"),
        text("{task.fields[pace]}", "dim"),
        console=SteadyConsole(stderr=True, no_color=session.color is False, highlight=False, emoji=False),
        transient=True,
    )


def fraction(progress: Progress) -> tuple[int, int | None]:
    """(done, in all); in all is None while it is not known, or when the last steps have no number."""
    done = progress.counters.total
    if progress.planned is None or progress.stage == "indexing":
        return done, None
    return done, max(progress.planned, done)


def figures(progress: Progress) -> str:
    """What has come of it so far, in a few words."""
    words = {"inserted": "new", "updated": "changed", "withheld_deletes": "withheld"}
    parts = [f"{n:,} {words.get(name, name)}" for name, n in progress.counters.as_dict().items() if n]
    if progress.stage == "listing" or not parts:
        parts.insert(0, f"{progress.listed:,} listed")
    return ", ".join(parts)


def pace(progress: Progress) -> str:
    """Documents a second, and how long it will take."""
    parts = [f"{progress.rate:,.0f}/s"] if progress.rate >= 1 else []
    if progress.eta_s is not None:
        parts.append(f"{duration(max(1.0, round(progress.eta_s)))} left")
    return ", ".join(parts)
