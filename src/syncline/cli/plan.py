"""`syncline plan`: what a sync would do, and why. Changes nothing."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any

import click

from syncline.cli.commands import Command
from syncline.cli.exits import Exit
from syncline.cli.inputs import settings_of, source_options
from syncline.cli.session import Session
from syncline.cli.text import clean, count, one_line

if TYPE_CHECKING:
    from syncline.model.reports import Plan

SHOWN = 20


@click.command(
    cls=Command,
    examples=[
        "syncline plan ./docs",
        "syncline plan ./docs --exclude drafts/    # what would this rule change?",
        "syncline plan ./docs --json | jq '.delete[]'",
    ],
)
@click.argument("target", metavar="PATH|CONNECTOR")
@source_options
@click.option("--all", "everything", is_flag=True, help=f"Name every document, not only the first {SHOWN} of a kind.")
@click.pass_obj
def plan(
    session: Session,
    /,
    target: str,
    index: str | None,
    full: bool,
    pairs: tuple[str, ...],
    everything: bool,
    **named: Any,
) -> int:
    """Say what a sync would insert, update, delete and withhold, and why.

    Changes not one byte of state. Takes the same options as `sync`.
    """
    options = {"index": index, "full": full, "settings": settings_of(pairs, **named)}
    return run_plan(session, target, options, everything)


def run_plan(session: Session, target: str, options: dict[str, Any], everything: bool) -> int:
    """Make the plan and show it."""
    from syncline.cli.progress import Display

    with session.api() as api, redirect_stdout(sys.stderr), Display(session) as display:
        made = api.plan(target, on_progress=display.watch, **options)
    if session.as_json:
        session.emit(made.as_dict())
    else:
        show_plan(session, made, None if everything else SHOWN)
    return Exit.DONE if made.complete else Exit.INCOMPLETE


def show_plan(session: Session, plan: Plan, limit: int | None) -> None:
    """The plan by kind of action."""
    _group(session, "insert", click.style("+", fg="green"), plan.insert, plan, limit)
    _group(session, "update", click.style("~", fg="yellow"), plan.update, plan, limit)
    _group(session, "delete", click.style("-", fg="magenta"), plan.delete, plan, limit)
    _group(session, "withhold the deletion of", click.style("?", fg="red"), plan.withhold, plan, limit)
    _group(session, "fail on", click.style("!", fg="red"), plan.fail, plan, limit)
    if not (plan.insert or plan.update or plan.delete or plan.withhold or plan.fail):
        session.say(click.style("nothing to do", fg="green", bold=True))
    rest = [f"{n:,} {word}" for n, word in ((plan.keep, "kept"), (plan.filtered, "filtered")) if n]
    if rest:
        session.say(", ".join(rest))
    for note in plan.notes:
        session.say(f"note: {one_line(note)}")
    if not plan.complete:
        session.say(click.style("the source could not be listed to its end: this is not all", fg="red"))


def _group(session: Session, verb: str, sign: str, ids: Sequence[str], plan: Plan, limit: int | None) -> None:
    if not ids:
        return
    session.say(click.style(f"would {verb} {count(len(ids), 'document')}", bold=True))
    for id in ids[:limit]:
        reason = plan.reasons.get(id, "")
        session.say(f"  {sign} {clean(id)}" + (click.style(f"  {one_line(reason)}", dim=True) if reason else ""))
    if limit is not None and len(ids) > limit:
        session.say(click.style(f"    and {len(ids) - limit:,} more (--all names them)", dim=True))
