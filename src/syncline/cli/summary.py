"""How a job ended, in one paragraph, and what to do next."""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING

import click

from syncline.cli.failures import tell
from syncline.cli.text import COLORS, clean, count, counted, duration, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from syncline.cli.session import Session
    from syncline.model.outcomes import Counters
    from syncline.model.reports import SyncResult


def show_summary(session: Session, target: str, result: SyncResult) -> None:
    """The paragraph to stdout, silent with --quiet; why it failed to stderr, always."""
    if not session.quiet:
        session.say(headline(result))
        for note in result.notes:
            session.say(f"  note: {one_line(note)}")
        for step in next_steps(session, target, result):
            session.say(f"  {step}")
    if result.error:
        tell(result.error, session)


def headline(result: SyncResult) -> str:
    """ "job 12 succeeded in 0.42 s: 3 inserted, 1,196 kept"."""
    state = result.status.value
    head = f"job {result.number} {click.style(state, fg=COLORS.get(state, 'red'), bold=True)}"
    return f"{head} in {duration(result.duration_s)}: {told(result.counters)}"


def told(counters: Counters) -> str:
    """The counters that are not zero, in colour."""
    parts = [click.style(words, fg=COLORS.get(name)) for name, words in counted(counters.as_dict())]
    if not counters.total:
        parts.insert(0, "no documents")
    elif counters.total == counters.kept + counters.filtered:
        parts.insert(0, "nothing changed")
    return ", ".join(parts)


def next_steps(session: Session, target: str, result: SyncResult) -> Iterator[str]:
    """What needs a person, with the command for it."""
    counters, ref = result.counters, quote(result.connector or target)
    errors = session.command(f"errors {result.number}")
    if counters.failed:
        yield f"{count(counters.failed, 'document')} failed: {_command(errors)}"
    if counters.warnings:
        yield f"{count(counters.warnings, 'document')} taken with a warning: {_command(errors)}"
    if counters.withheld_deletes:
        look, approve = session.command(f"approve {ref} --list"), session.command(f"approve {ref}")
        yield f"{count(counters.withheld_deletes, 'deletion')} withheld until you approve them: {_command(look)}"
        yield f"then {_command(approve)} and sync again"
    if result.number == 1 and counters.inserted:
        yield f"try {_command(session.command('search WORDS'))}"


def _command(text: str) -> str:
    return click.style(clean(text), fg="cyan")
