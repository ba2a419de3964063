"""`syncline apply`: bring everything into the state that syncline.yaml declares, and show first what that changes."""

from __future__ import annotations

import json
from contextlib import closing
from typing import TYPE_CHECKING, Any

import click

from syncline.cli.commands import Command
from syncline.cli.session import Session
from syncline.cli.text import clean, count, one_line

if TYPE_CHECKING:
    from syncline.model.errors import SynclineError
    from syncline.service.declaration.applying import Applied, Plan
    from syncline.service.declaration.difference import Change, Item

SIGNS = {"create": ("+", "green"), "update": ("~", "yellow"), "replace": ("-/+", "red"), "remove": ("-", "red")}
WORDS = {"create": "made", "update": "changed", "replace": "replaced", "remove": "removed"}
TO_DO = {"create": "to make", "update": "to change", "replace": "to replace", "remove": "to remove"}


@click.command(
    cls=Command,
    examples=[
        "syncline apply -n                       # what would change",
        "syncline apply -f deploy/syncline.yaml --prune --yes",
        "syncline apply --export > syncline.yaml # what there is, as a file",
        "syncline apply --schema > syncline.schema.json",
    ],
)
@click.option("-f", "--file", metavar="FILE", help="What is declared; - for stdin.  [default: syncline.yaml]")
@click.option("-n", "--dry-run", is_flag=True, help="Show what would change, and change nothing.")
@click.option("--prune", is_flag=True, help="Also remove what an apply has made and the file does not hold any more.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask before removing; needed when there is nobody to ask.")
@click.option("--export", is_flag=True, help="Print what there is as a syncline.yaml, without its secrets.")
@click.option("--schema", is_flag=True, help="Print the JSON schema of the file, for editors.")
@click.pass_obj
def apply(session: Session, file: str | None, dry_run: bool, prune: bool, yes: bool, export: bool, schema: bool) -> int:
    """Bring everything into the state that syncline.yaml declares.

    Indexes, connectors with schedules and triggers, and webhooks are made or changed until they are as the file says.
    What is not in it is left alone, or removed with --prune if an apply has made it. The difference is shown first.
    A second apply changes nothing.
    """
    if schema:
        return _print_schema()
    from syncline.service.declaration import applying

    with closing(session.installation()) as installation:
        if export:
            return _print_export(installation)
        plan = applying.plan(installation, file, prune=prune)
        if not session.as_json:
            _show(session, plan)
        if dry_run or not plan.steps:
            applied = applying.Applied(plan) if dry_run else applying.carry_out(installation, plan)
        elif plan.removals and not yes and not _confirmed(plan):
            session.note("nothing was changed")
            return 1
        else:
            applied = applying.carry_out(installation, plan)
    return _report(session, applied, dry_run)


def _print_schema() -> int:
    from syncline.service.declaration.shape import schema

    click.echo(json.dumps(schema(), indent=2))
    return 0


def _print_export(installation: Any) -> int:
    from syncline.service.declaration.export import exported

    click.echo(exported(installation), nl=False)
    return 0


def _confirmed(plan: Plan) -> bool:
    import sys

    from syncline.cli.session import is_terminal

    if not (is_terminal(sys.stdin) and is_terminal(sys.stderr)):
        what = f"{count(len(plan.removals), 'thing')} would be removed, and nobody can be asked here: give --yes"
        raise click.UsageError(what, click.get_current_context())
    gone = [_removal(change) for change in plan.removals]
    return click.confirm(f"Remove {', '.join(gone)}?", err=True)


def _removal(change: Change) -> str:
    from syncline.service.declaration.difference import told

    assert change.current is not None
    held = change.current.documents
    return clean(told(change.current)) + (f" with {count(held, 'document')}" if held else "")


# --- for people -------------------------------------------------------------------------------------------------------


def _show(session: Session, plan: Plan) -> None:
    """The difference, as differences are shown."""
    for change in plan.steps:
        _show_step(session, change)
    if not session.quiet:
        _show_left(session, plan)


def _show_step(session: Session, change: Change) -> None:
    from syncline.service.declaration.difference import told
    from syncline.service.declaration.export import is_usual

    sign, color = SIGNS[change.action.value]
    line = f"{sign} {_removal(change) if change.removes else clean(told(change.item))}"
    needs = "" if change.allowed else click.style("  not without --prune: its kind or index changes", fg="red")
    session.say(click.style(line, fg=color, bold=True) + needs)
    for field, old, new in change.fields:
        if old is None and change.declared is not None and is_usual(change.declared, field):
            continue
        if change.current is None:
            session.say(f"    {clean(field)}: {_value(new)}")
        elif new == "(secret changed)":
            session.say(f"    {clean(field)}: {new}")
        else:
            session.say(f"    {clean(field)}: {_value(old)} → {_value(new)}")


def _show_left(session: Session, plan: Plan) -> None:
    from syncline.service.declaration.difference import told

    left = [change.item for change in plan.left_alone]
    made = [one_line(told(item)) for item in left if item.owned]
    by_hand = [one_line(told(item)) for item in left if not item.owned]
    why = "not declared any more, but still used" if plan.prune else "not declared any more (--prune removes it)"
    for items, what in ((made, why), (by_hand, "not declared, left alone")):
        if items:
            session.say(click.style(f"  {what}: {', '.join(items)}", dim=True))


def _value(value: Any) -> str:
    if value is None:
        return "(none)"
    return clean(value) if isinstance(value, str) and value else clean(json.dumps(value, ensure_ascii=False))


def _counted(changes: list[Change], words: dict[str, str]) -> str:
    counts = [(word, sum(1 for change in changes if change.action.value == action)) for action, word in words.items()]
    return ", ".join(f"{n} {word}" for word, n in counts if n)


# --- how it ended -----------------------------------------------------------------------------------------------------


def _report(session: Session, applied: Applied, dry_run: bool) -> int:
    if session.as_json:
        session.emit(_shape(applied, dry_run))
    else:
        _say_end(session, applied, dry_run)
    for change, error in applied.failed:
        _tell(session, change, error)
    return 0 if applied.ok else 1


def _say_end(session: Session, applied: Applied, dry_run: bool) -> None:
    steps = applied.plan.steps
    if not steps:
        session.say("nothing to change")
    elif dry_run:
        session.say(f"{_counted(steps, TO_DO)}; nothing has been changed")
    elif applied.done:
        gone = sum(applied.documents.values())
        session.say(_counted(applied.done, WORDS) + (f" with {count(gone, 'document')}" if gone else ""))
    for note in applied.notes:
        session.note(clean(note))


def _tell(session: Session, change: Change, error: SynclineError) -> None:
    """A step that failed, as errors are told; its name comes first."""
    from syncline.cli.failures import tell
    from syncline.service.declaration.difference import told

    shape = error.as_dict()
    tell({**shape, "message": f"{told(change.item)}: {error.message}"}, session)


def _shape(applied: Applied, dry_run: bool) -> dict[str, Any]:
    """The answer of `apply --json`; docs/declaring.md shows it."""
    failed = {id(change): error for change, error in applied.failed}
    done = {id(change) for change in applied.done}
    return {
        "file": applied.plan.file,
        "dry_run": dry_run,
        "pending": len(applied.plan.steps) - len(applied.done),
        "steps": [
            {
                **_named(change.item),
                "action": change.action.value,
                "state": "done" if id(change) in done else "failed" if id(change) in failed else "pending",
                "allowed": change.allowed,
                "fields": [each._asdict() for each in change.fields],
                "documents": change.current.documents if change.current is not None and change.removes else 0,
                "error": failed[id(change)].as_dict() if id(change) in failed else None,
            }
            for change in applied.plan.steps
        ],
        "left_alone": [
            {**_named(change.item), "made_by_apply": change.item.owned} for change in applied.plan.left_alone
        ],
        "notes": applied.notes,
    }


def _named(item: Item) -> dict[str, Any]:
    return {"what": item.what.value, "name": item.name, "connector": item.connector or None}
