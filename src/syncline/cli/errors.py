"""`syncline errors`: documents that failed, why, and what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from syncline.cli.commands import Command
from syncline.cli.session import Session

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from syncline.model.jobs import Job
    from syncline.model.outcomes import Outcome


@click.command(
    cls=Command,
    examples=[
        "syncline errors            # of the newest job of each connector",
        "syncline errors 12",
        "syncline errors --json | jq -r '.[] | [.id, .code] | @tsv'",
    ],
)
@click.argument("job", required=False)
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="Documents at most.")
@click.pass_obj
def errors(session: Session, job: str | None, limit: int) -> None:
    """List documents that failed or were taken with a warning.

    JOB is a job's number, its id or the beginning of its id.
    """
    from syncline.cli.shapes import connector_names, error_shape

    with session.api() as api:
        found = api.errors(job, limit=limit)
        names = connector_names(api)
    if session.as_json:
        session.emit([error_shape(job, names.get(job.connector_id, job.connector_id), told) for job, told in found])
    elif not found:
        session.say("no errors")
    else:
        _show(session, found, names, limit)


def _show(session: Session, found: Sequence[tuple[Job, Outcome]], names: Mapping[str, str], limit: int) -> None:
    from syncline.cli.tables import Cell, show_table

    rows: list[list[str | Cell]] = []
    for job, told in found:
        where = f"{job.number} {names.get(job.connector_id, '')}".rstrip()
        code = Cell(told.code, "yellow" if told.is_warning else "red")
        rows.append([where, told.id, told.stage, code, told.message, told.remedy])
    show_table(session, ["job", "document", "stage!", "code", "message", "remedy"], rows)
    if len(found) == limit:
        session.note(f"the first {limit:,}; more with --limit")
