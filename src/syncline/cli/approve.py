"""`syncline approve`: let deletions through that the guard withheld."""

from __future__ import annotations

from shlex import quote

import click

from syncline.cli.commands import Command
from syncline.cli.session import Session
from syncline.cli.text import clean, count

SHOWN = 20


@click.command(
    cls=Command,
    examples=["syncline approve handbook --list    # name them, change nothing", "syncline approve handbook"],
)
@click.argument("connector")
@click.option("--list", "only_list", is_flag=True, help="Name the withheld deletions; approve nothing.")
@click.pass_obj
def approve(session: Session, connector: str, only_list: bool) -> None:
    """Let the connector's next job make the deletions that are withheld now.

    A job withholds deletions when they are surprisingly many (see `connector add --max-deletes --max-percent`). Only
    those that are withheld now are approved, and the next job deletes only what is still gone then.
    """
    with session.api() as api:
        ids = api.withheld(connector)
        approved = 0 if only_list or not ids else api.approve(connector)
    if session.as_json:
        session.emit({"connector": connector, "approved": approved, "withheld": ids})
    else:
        _show(session, connector, ids, approved, len(ids) if only_list else SHOWN)


def _show(session: Session, connector: str, ids: list[str], approved: int, limit: int) -> None:
    if not ids:
        session.say("no deletions are withheld")
        return
    for id in ids[:limit]:
        session.say(f"  {click.style('-', fg='magenta')} {clean(id)}")
    if len(ids) > limit:
        session.say(click.style(f"    and {len(ids) - limit:,} more (--list names them)", dim=True))
    if approved:
        step = session.command(f"sync {quote(connector)}")
        session.say(f"{count(approved, 'deletion')} approved; {click.style(clean(step), fg='cyan')} makes them")
    else:
        session.say(f"{count(len(ids), 'deletion')} withheld")
