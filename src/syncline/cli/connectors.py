"""`syncline connector add|list|show|remove|check`: standing arrangements."""

from __future__ import annotations

import json
import time
from shlex import quote
from typing import TYPE_CHECKING, Any

import click

from syncline.cli.commands import Group
from syncline.cli.inputs import parse_settings, setting_option
from syncline.cli.session import Session
from syncline.cli.text import COLORS, ago, clean, count, one_line

if TYPE_CHECKING:
    from syncline.model.connectors import Connector, Guard
    from syncline.model.jobs import Job

RECENT_JOBS = 500


@click.group(cls=Group)
def connector() -> None:
    """Add, list, show, check and remove connectors.

    A connector is a standing arrangement: a source with its settings, and the index it feeds. CONNECTOR is its name or
    id, or the path of its folder.
    """


@connector.command(
    examples=[
        "syncline connector add folder --set path=./docs --name handbook",
        "syncline connector add folder --set path=./docs --set 'include=[\"*.md\"]' --max-deletes 20",
        "syncline connector add mypackage.tickets:source --set project=refunds",
    ]
)
@click.argument("kind")
@click.option("--name", help="What to call it.  [default: made from its settings]")
@click.option("--index", metavar="NAME", help="The index it feeds.  [default: default]")
@setting_option
@click.option("--max-deletes", type=click.IntRange(0), metavar="N", help="Deletions beyond N ...")
@click.option(
    "--max-percent",
    type=click.FloatRange(0, 100),
    metavar="P",
    help="... and beyond P percent of what it holds are withheld until you approve them.",
)
@click.pass_obj
def add(
    session: Session,
    kind: str,
    name: str | None,
    index: str | None,
    pairs: tuple[str, ...],
    max_deletes: int | None,
    max_percent: float | None,
) -> None:
    """Make a connector. KIND is one of `syncline source list`, or module:name of your own."""
    settings, guard = parse_settings(pairs), _guard(max_deletes, max_percent)
    with session.api() as api:
        made = api.add_connector(kind, settings, name=name, index=index, guard=guard)
    if _emit(session, made):
        return
    step = session.command(f"sync {quote(made.name)}")
    session.say(f"connector {click.style(clean(made.name), bold=True)} added; {click.style(clean(step), fg='cyan')}")


@connector.command("list", examples=["syncline connector list", "syncline connector list --json | jq -r '.[].name'"])
@click.pass_obj
def list_(session: Session) -> None:
    """List connectors, each with its newest job."""
    with session.api() as api:
        found = api.connectors()
        newest: dict[str, Job] = {}
        for job in [] if session.as_json else api.jobs(limit=RECENT_JOBS):
            newest.setdefault(job.connector_id, job)
    if session.as_json:
        from syncline.cli.shapes import connector_shape

        session.emit([connector_shape(each) for each in found])
    elif not found:
        session.say(f"no connectors; begin with {session.command('sync PATH')}")
    else:
        _show_list(session, found, newest)


@connector.command(examples=["syncline connector show handbook"])
@click.argument("ref", metavar="CONNECTOR")
@click.pass_obj
def show(session: Session, ref: str) -> None:
    """Show a connector's settings, its guard and what waits for approval."""
    with session.api() as api:
        found = api.connector(ref)
        withheld = len(api.withheld(found.id))
    if not _emit(session, found, withheld_deletes=withheld):
        _show_one(session, found, withheld)


@connector.command(examples=["syncline connector check handbook"])
@click.argument("ref", metavar="CONNECTOR")
@click.pass_obj
def check(session: Session, ref: str) -> None:
    """Prove that a connector's source can be read; the exit code says what is wrong."""
    with session.api() as api:
        name = api.connector(ref).name
        api.check_connector(ref)
    if session.as_json:
        session.emit({"name": name, "ok": True})
    else:
        session.say(f"{click.style('ok', fg='green', bold=True)}: the source of {clean(name)} can be read")


@connector.command(examples=["syncline connector remove handbook --yes"])
@click.argument("ref", metavar="CONNECTOR")
@click.option("-y", "--yes", is_flag=True, help="Do not ask; needed when there is nobody to ask.")
@click.pass_obj
def remove(session: Session, ref: str, yes: bool) -> int:
    """Remove a connector and its documents from the index. The source is not touched."""
    with session.api() as api:
        found = api.connector(ref)
        if not yes and not _confirmed(found):
            session.note("nothing was removed")
            return 1
        gone = api.remove_connector(found.id)
    if session.as_json:
        session.emit({"name": found.name, "id": found.id, "removed_documents": gone})
    else:
        session.say(f"connector {clean(found.name)} removed with {count(gone, 'document')}")
    return 0


def _guard(max_deletes: int | None, max_percent: float | None) -> Guard | None:
    given = {"max_deletes": max_deletes, "max_percent": max_percent}
    given = {key: value for key, value in given.items() if value is not None}
    if not given:
        return None
    from syncline.model.connectors import Guard

    return Guard(**given)  # type: ignore[arg-type]


def _confirmed(connector: Connector) -> bool:
    import sys

    from syncline.cli.session import is_terminal

    if not (is_terminal(sys.stdin) and is_terminal(sys.stderr)):
        raise click.UsageError("nobody can be asked here: give --yes", click.get_current_context())
    question = f"Remove connector {clean(connector.name)} and all its documents from index {clean(connector.index)}?"
    return click.confirm(question, err=True)


def _emit(session: Session, connector: Connector, **more: Any) -> bool:
    if session.as_json:
        from syncline.cli.shapes import connector_shape

        session.emit({**connector_shape(connector), **more})
    return session.as_json


def _show_list(session: Session, found: list[Connector], newest: dict[str, Job]) -> None:
    from syncline.cli.tables import Cell, show_table
    from syncline.store.secrets import masked

    rows: list[list[str | Cell]] = []
    for each in found:
        job = newest.get(each.id)
        state = Cell(job.state.value, COLORS.get(job.state.value, "red")) if job else Cell("never run", "dim")
        at = ago(job.started_at or job.created_at, time.time()) if job else ""
        path = str(masked(each.config).get("path", ""))
        rows.append([Cell(each.name, "bold"), each.kind, each.index, path, state, at])
    show_table(session, ["connector", "kind", "index", "path", "newest job!", "started!"], rows)


def _show_one(session: Session, connector: Connector, withheld: int) -> None:
    from syncline.store.secrets import masked

    guard = connector.guard
    session.say(click.style(clean(connector.name), bold=True))
    facts = {
        "id": connector.id,
        "kind": clean(connector.kind),
        "index": clean(connector.index),
        "guard": f"withholds deletions beyond {guard.max_deletes:,} and {guard.max_percent:g} %",
        "added": ago(connector.created_at or None, time.time()),
        **{f"  {clean(key)}": one_line(json.dumps(value)) for key, value in masked(connector.config).items()},
    }
    for label, value in facts.items():
        session.say(f"  {click.style(f'{label:<18}', dim=True)} {value}")
    if withheld:
        step = session.command(f"approve {quote(connector.name)} --list")
        session.say(f"  {count(withheld, 'deletion')} withheld: {click.style(clean(step), fg='cyan')}")
