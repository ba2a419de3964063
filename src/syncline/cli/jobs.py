"""`syncline jobs`: what has run, and how it ended."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from syncline.cli.commands import Command
from syncline.cli.session import Session
from syncline.cli.text import COLORS, ago, duration
from syncline.model.jobs import JobState

if TYPE_CHECKING:
    from syncline.cli.tables import Cell
    from syncline.model.jobs import Job


COUNTERS = {"inserted": "+", "updated": "~", "deleted": "-", "kept": "=", "failed": "!"}
COLUMNS = (">job", "connector", "state!", "started!", ">took", "documents")


@click.command(
    cls=Command,
    examples=[
        "syncline jobs",
        "syncline jobs --connector handbook --state failed",
        "syncline jobs --json | jq '.[0].state'",
    ],
)
@click.option("--connector", metavar="NAME", help="Only of this connector.")
@click.option("--state", type=click.Choice([state.value for state in JobState]), help="Only in this state.")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="Jobs at most, the newest first.")
@click.pass_obj
def jobs(session: Session, connector: str | None, state: str | None, limit: int) -> None:
    """List sync jobs, the newest first."""
    from syncline.cli.shapes import connector_names
    from syncline.model.shapes import job_shape

    with session.api() as api:
        names = connector_names(api)
        found = api.jobs(connector=connector, state=JobState(state) if state else None, limit=limit)
    named = [(job, names.get(job.connector_id, job.connector_id)) for job in found]
    if session.as_json:
        session.emit([job_shape(job, name, time.time()) for job, name in named])
    elif not named:
        session.say(f"no jobs; begin with {session.command('sync PATH')}")
    else:
        _show(session, named)


def _show(session: Session, named: list[tuple[Job, str]]) -> None:
    from syncline.cli.tables import show_table

    now = time.time()
    show_table(session, COLUMNS, [_row(job, name, now) for job, name in named])


def _row(job: Job, name: str, now: float) -> list[str | Cell]:
    from syncline.cli.tables import Cell

    counts = ((sign, getattr(job.counters, counter)) for counter, sign in COUNTERS.items())
    return [
        str(job.number),
        name,
        Cell(job.state.value, COLORS.get(job.state.value, "red")),
        ago(job.started_at or job.created_at, now),
        duration(job.duration_s(now)),
        " ".join(f"{sign}{n:,}" for sign, n in counts if n) or "·",
    ]
