"""`syncline index add|list|show|set|check|remove|kinds`: what is filled and searched, and where its documents land."""

from __future__ import annotations

import json
import time
from shlex import quote
from typing import TYPE_CHECKING, Any

import click

from syncline.cli.commands import Group
from syncline.cli.inputs import parse_settings
from syncline.cli.session import Session
from syncline.cli.text import ago, clean, count, one_line

if TYPE_CHECKING:
    from syncline.model.indexes import Index

destination_setting = click.option(
    "--set",
    "pairs",
    multiple=True,
    metavar="KEY=VALUE",
    help="A setting of the destination (see `syncline index kinds`); [..] and {..} are read as JSON. Repeatable.",
)


@click.group(cls=Group)
def index() -> None:
    """Add, list, show, change, check and remove indexes.

    An index is a set of documents that can be searched. They land in its destination: in the data directory, unless
    another one is named. INDEX is its name or id.
    """


@index.command(
    examples=[
        "syncline index add handbook",
        "syncline index add shop --destination postgresql --set url=postgresql://me@db/shop --set table=documents",
    ]
)
@click.argument("name")
@click.option(
    "--destination", metavar="KIND", default="embedded", help="Where its documents land.  [default: embedded]"
)
@destination_setting
@click.option("--description", default="", help="What it is for, for people.")
@click.pass_obj
def add(session: Session, name: str, destination: str, pairs: tuple[str, ...], description: str) -> None:
    """Make an index. KIND is one of `syncline index kinds`, or module:name of your own; it never changes."""
    with session.api() as api:
        made = api.add_index(name, destination=destination, settings=parse_settings(pairs), description=description)
    if _emit(session, made):
        return
    step = session.command(f"index check {quote(made.name)}")
    session.say(f"index {click.style(clean(made.name), bold=True)} added; {click.style(clean(step), fg='cyan')}")


@index.command("list", examples=["syncline index list", "syncline index list --json | jq -r '.[].name'"])
@click.pass_obj
def list_(session: Session) -> None:
    """List indexes."""
    with session.api() as api:
        found = api.list_indexes()
    if session.as_json:
        session.emit([_shape(each) for each in found])
        return
    from syncline.cli.tables import Cell, show_table

    rows = [(Cell(each.name, "bold"), each.destination, each.description) for each in found]
    show_table(session, ["index", "destination", "description"], rows)


@index.command(examples=["syncline index show shop"])
@click.argument("ref", metavar="INDEX")
@click.pass_obj
def show(session: Session, ref: str) -> None:
    """Show an index and the settings of its destination."""
    with session.api() as api:
        found = api.index(ref)
    if _emit(session, found):
        return
    session.say(click.style(clean(found.name), bold=True))
    facts = {
        "id": found.id,
        "description": clean(found.description),
        "destination": clean(found.destination),
        "added": ago(found.created_at or None, time.time()),
        **{f"  {clean(key)}": one_line(json.dumps(value)) for key, value in _masked(found).items()},
    }
    for label, value in facts.items():
        session.say(f"  {click.style(f'{label:<18}', dim=True)} {value}")


@index.command("set", examples=["syncline index set shop --set url=postgresql://me@other/shop"])
@click.argument("ref", metavar="INDEX")
@destination_setting
@click.option("--description", help="What it is for, for people.")
@click.pass_obj
def set_(session: Session, ref: str, pairs: tuple[str, ...], description: str | None) -> None:
    """Change settings of an index's destination, or its description."""
    settings = parse_settings(pairs)
    with session.api() as api:
        changed = api.update_index(ref, description=description, settings=settings or None)
    if not _emit(session, changed):
        session.say(f"index {click.style(clean(changed.name), bold=True)} changed")


@index.command(examples=["syncline index check shop"])
@click.argument("ref", metavar="INDEX")
@click.pass_obj
def check(session: Session, ref: str) -> None:
    """Prove that its destination can be written; the exit code says what is wrong."""
    with session.api() as api:
        name = api.index(ref).name
        notes = api.check_index(ref)
    if session.as_json:
        session.emit({"name": name, "ok": True, "notes": notes})
        return
    session.say(f"{click.style('ok', fg='green', bold=True)}: the destination of {clean(name)} can be written")
    for note in notes:
        session.note(clean(note))


@index.command(examples=["syncline index remove shop --yes"])
@click.argument("ref", metavar="INDEX")
@click.option("--cascade", is_flag=True, help="Also remove the connectors that feed it.")
@click.option("--abandon", is_flag=True, help="Leave documents that lie elsewhere where they are.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask; needed when there is nobody to ask.")
@click.pass_obj
def remove(session: Session, ref: str, cascade: bool, abandon: bool, yes: bool) -> int:
    """Remove an index with its documents. Refused while connectors feed it, unless they are to go, too."""
    with session.api() as api:
        found = api.index(ref)
        if not yes and not _confirmed(found):
            session.note("nothing was removed")
            return 1
        gone = api.remove_index(found.id, cascade=cascade, abandon=abandon)
    if session.as_json:
        session.emit({"name": found.name, "id": found.id, "connectors": gone})
    else:
        session.say(f"index {clean(found.name)} removed with {count(len(gone), 'connector')}")
    return 0


@index.command(examples=["syncline index kinds", "syncline index kinds --json    # with the JSON schema of each"])
@click.pass_obj
def kinds(session: Session) -> None:
    """List the kinds of destination there are, with their settings."""
    from syncline.destinations.kinds import available, find

    if session.as_json:
        told = [(name, where, find(name)) for name, where in sorted(available().items())]
        session.emit(
            [
                {"name": name, "title": kind.title, "where": where, "settings": kind.load_config().model_json_schema()}
                for name, where, kind in told
            ]
        )
        return
    from syncline.cli.sources import show_settings

    for name in sorted(available()):
        kind = find(name)
        session.say(f"{click.style(clean(name), bold=True)}  {one_line(kind.title)}")
        show_settings(session, kind.load_config().model_json_schema())


def _confirmed(found: Index) -> bool:
    import sys

    from syncline.cli.session import is_terminal

    if not (is_terminal(sys.stdin) and is_terminal(sys.stderr)):
        raise click.UsageError("nobody can be asked here: give --yes", click.get_current_context())
    return click.confirm(f"Remove index {clean(found.name)} and all its documents?", err=True)


def _masked(found: Index) -> dict[str, Any]:
    from syncline.store.secrets import masked

    return masked(found.settings)


def _shape(found: Index) -> dict[str, Any]:
    return {
        "name": found.name,
        "id": found.id,
        "description": found.description,
        "destination": found.destination,
        "settings": _masked(found),
    }


def _emit(session: Session, found: Index) -> bool:
    if session.as_json:
        session.emit(_shape(found))
    return session.as_json
