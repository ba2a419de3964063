"""`syncline sync`: run one job here, watch it, and say how it ended."""

from __future__ import annotations

import os
import sys
import time
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any

import click

from syncline.cli import exits
from syncline.cli.commands import Command
from syncline.cli.inputs import settings_of, source_options
from syncline.cli.session import Session

if TYPE_CHECKING:
    from syncline.api import Syncline
    from syncline.model.jobs import Job
    from syncline.model.reports import SyncResult


@click.command(
    cls=Command,
    examples=[
        "syncline sync ./docs",
        "syncline sync ./docs --include '*.md' --exclude drafts/    # remembered for the next time",
        "syncline sync handbook --full             # a connector; read every document again",
        "syncline sync ./docs --json | jq .inserted",
    ],
)
@click.argument("target", metavar="PATH|CONNECTOR")
@source_options
@click.option("-n", "--dry-run", is_flag=True, help="Only say what would be done: the same as `syncline plan`.")
@click.pass_obj
def sync(
    session: Session, /, target: str, index: str | None, full: bool, pairs: tuple[str, ...], dry_run: bool, **named: Any
) -> int:
    """Make the index agree with a folder or a connector.

    The first sync of a folder makes a connector for it. What has not changed is neither read nor written again. A job
    that is stopped or killed carries on where it was, the next time.
    """
    options = {"index": index, "full": full, "settings": settings_of(pairs, **named)}
    if dry_run:
        from syncline.cli.plan import run_plan

        return run_plan(session, target, options, everything=False)
    return _finish(session, target, _run(session, target, options))


def _run(session: Session, target: str, options: dict[str, Any]) -> SyncResult:
    from syncline.cli.interrupts import StopFlag
    from syncline.cli.progress import Display

    stdout = sys.stdout
    started: list[Job] = []

    def end_by_force() -> None:
        """A source does not let go. The job is written down as stopped; say so and leave at once."""
        try:
            display.close()
            sys.stdout = stdout
            with session.api() as api:
                _finish(session, target, _result_of(api, started[0]))
            sys.stdout.flush()
        finally:
            os._exit(exits.Exit.INTERRUPTED)

    # A source may print; stdout belongs to the result.
    with session.api() as api, StopFlag() as stop, redirect_stdout(sys.stderr), Display(session, stop) as display:
        return api.sync(
            target, on_progress=display.watch, on_start=started.append, stop=stop, on_hang=end_by_force, **options
        )


def _result_of(api: Syncline, started: Job) -> SyncResult:
    from syncline.model.reports import SyncResult

    return SyncResult.of(api.job(started.id), api.connector(started.connector_id), time.time())


def _finish(session: Session, target: str, result: SyncResult) -> int:
    if session.as_json:
        session.emit(result.as_dict())
    else:
        from syncline.cli.summary import show_summary

        show_summary(session, target, result)
    code = exits.of_result(result)
    if code is exits.Exit.INTERRUPTED and not session.errors_as_json:
        from syncline.cli.interrupts import STOPPED

        session.note(STOPPED)
    return code
