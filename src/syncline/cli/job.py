"""`syncline job show|stop|logs`: one job."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from syncline.cli import exits
from syncline.cli.commands import Group
from syncline.cli.session import Session
from syncline.cli.text import COLORS, ago, clean, duration, local, one_line

if TYPE_CHECKING:
    from syncline.api import Syncline
    from syncline.model.jobs import Job

POLL_S = 0.3


@click.group(cls=Group)
def job() -> None:
    """Show, stop and read the log of one job.

    JOB is a job's number, its id or the beginning of its id.
    """


@job.command(
    examples=["syncline job show 12", "syncline job show 12 --follow    # exits with the code that sync would have had"]
)
@click.argument("ref", metavar="JOB")
@click.option("-f", "--follow", is_flag=True, help="Wait until it has ended, with a live bar on a terminal.")
@click.pass_obj
def show(session: Session, ref: str, follow: bool) -> int:
    """Show one job; with --follow, until it has ended."""
    with session.api() as api:
        found = _wait(session, api, api.job(ref)) if follow else api.job(ref)
        _tell(session, api, found)
    return exits.of_job(found) if follow else exits.Exit.DONE


@job.command(examples=["syncline job stop 12"])
@click.argument("ref", metavar="JOB")
@click.pass_obj
def stop(session: Session, ref: str) -> None:
    """Ask a job to stop; the next one carries on where it was."""
    with session.api() as api:
        before = api.job(ref)
        after = api.stop(ref) if before.active else before
        if session.as_json:
            _tell(session, api, after)
        elif before.active:
            session.say(f"job {after.number} is {after.state.value}")
        else:
            session.say(f"job {after.number} had already ended: {after.state.value}")


@job.command(examples=["syncline job logs 12 --follow", "syncline job logs 12 --json | jq .event"])
@click.argument("ref", metavar="JOB")
@click.option("-f", "--follow", is_flag=True, help="Wait for more lines until the job has ended.")
@click.pass_obj
def logs(session: Session, ref: str, follow: bool) -> None:
    """Print the log of a job: JSON lines, or a line each for people."""
    with session.api() as api:
        found = api.job(ref)
        for line in _follow(api, found) if follow else api.logs(found.id):
            if session.as_json:
                click.echo(line.rstrip("\n"))
            else:
                session.say(log_line(line))


def _wait(session: Session, api: Syncline, job: Job) -> Job:
    from syncline.cli.progress import Display
    from syncline.model.outcomes import Counters
    from syncline.model.reports import Progress

    names = ("stage", "listed", "to_write", "written", "planned", "rate", "eta_s")
    with Display(session) as display:
        while job.active:
            if display.watch:
                known = {name: job.progress[name] for name in names if name in job.progress}
                seen = {name: n for name, n in job.progress.items() if name in Counters.NAMES}
                counters = Counters(seen) if seen else job.counters
                display.watch(Progress(**{"stage": job.state.value, **known}, counters=counters))
            time.sleep(POLL_S)
            job = api.job(job.id)
    return job


def _follow(api: Syncline, job: Job) -> Iterator[str]:
    seen = 0
    while True:
        active = api.job(job.id).active  # asked first, so that its last lines are read after its end
        for line in islice(api.logs(job.id), seen, None):
            seen += 1
            yield line
        if not active:
            return
        time.sleep(POLL_S)


def _tell(session: Session, api: Syncline, job: Job) -> None:
    from syncline.cli.shapes import connector_names
    from syncline.model.shapes import job_shape

    name = connector_names(api).get(job.connector_id, job.connector_id)
    if session.as_json:
        session.emit(job_shape(job, name, time.time()))
    else:
        _show(session, job, name)


def _show(session: Session, job: Job, connector: str) -> None:
    from syncline.cli.summary import told

    now, state = time.time(), job.state.value
    session.say(f"job {job.number}  {click.style(state, fg=COLORS.get(state, 'red'), bold=True)}")
    facts = {
        "id": job.id,
        "connector": clean(connector),
        "type": f"{job.type.value}, {job.trigger.value.replace('_', ' ')}{', forced' if job.force else ''}",
        "started": f"{local(job.started_at)} ({ago(job.started_at, now)})" if job.started_at else "not yet",
        "took": duration(job.duration_s(now)),
        "attempts": str(job.attempt),
        "documents": told(job.counters),
    }
    for label, value in facts.items():
        session.say(f"  {click.style(f'{label:<10}', dim=True)} {value}")
    for note in job.notes:
        session.say(f"  {click.style('note      ', dim=True)} {one_line(note)}")
    if job.error:
        session.say(f"  {click.style('error     ', fg='red')} {one_line(str(job.error.get('message', '')))}")
        session.say(f"  {click.style('remedy    ', fg='cyan')} {one_line(str(job.error.get('remedy', '')))}")
    if job.counters.failed or job.counters.warnings:
        session.say(f"  {session.command(f'errors {job.number}')} lists the documents that failed")


def log_line(line: str) -> str:
    """One JSON line for people: time, level, event, message, then key=value. What is not JSON is only made safe."""
    try:
        record = dict(json.loads(line))
    except (ValueError, TypeError):
        return clean(line.rstrip("\n"))
    at, level, event, message = (str(record.pop(key, "")) for key in ("ts", "level", "event", "message"))
    color = {"error": "red", "warning": "yellow"}.get(level.lower())
    rest = " ".join(f"{key}={_value(value)}" for key, value in record.items())
    words = " ".join(filter(None, (one_line(event), one_line(message))))
    return f"{clean(at)} {click.style(f'{clean(level):<7}', fg=color)} {words} {click.style(one_line(rest), dim=True)}"


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
