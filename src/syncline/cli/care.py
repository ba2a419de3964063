"""`syncline verify`, `rebuild-index`, `init` and `version`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from syncline.cli.commands import Command
from syncline.cli.exits import Exit
from syncline.cli.session import Session
from syncline.cli.text import clean, count, one_line

if TYPE_CHECKING:
    from syncline.model.reports import VerifyReport

index_option = click.option("--index", metavar="NAME", help="The index meant.  [default: default]")


@click.command(
    cls=Command,
    examples=[
        "syncline verify",
        "syncline verify --source            # compare with what the sources hold now, too",
        "syncline verify --repair --json | jq .ok",
    ],
)
@click.option("--repair", is_flag=True, help="Mend what can be mended.")
@click.option("--source", is_flag=True, help="Read the sources too; slower.")
@index_option
@click.pass_obj
def verify(session: Session, repair: bool, source: bool, index: str | None) -> int:
    """Prove that index, ledger and documents agree; exit code 1 if they do not."""
    from syncline.cli.progress import Display

    with session.api() as api, Display(session) as display:
        report = api.verify(index=index, repair=repair, source=source, on_progress=display.steps)
    if session.as_json:
        session.emit(report.as_dict())
    else:
        _show(session, report, repair)
    return Exit.DONE if report.ok else Exit.ERROR


@click.command("rebuild-index", cls=Command, examples=["syncline rebuild-index"])
@index_option
@click.pass_obj
def rebuild_index(session: Session, index: str | None) -> None:
    """Build the text index again from the documents; nothing is read from the sources."""
    with session.api() as api:
        documents = api.rebuild_index(index=index)
    if session.as_json:
        session.emit({"index": index or "default", "documents": documents})
    else:
        session.say(f"index built again: {count(documents, 'document')}")


@click.command(cls=Command, examples=["syncline init", "syncline init --data-dir ~/search"])
@click.pass_obj
def init(session: Session) -> None:
    """Make the data directory. Optional: `sync` makes it too."""
    with session.api() as api:
        path = api.init()
    if session.as_json:
        session.emit({"data_dir": path})
        return
    session.say(f"state will live in {click.style(clean(path), bold=True)}")
    if not session.quiet:
        session.say("next:")
        for words, why in (("sync PATH", "index a folder"), ("search WORDS", "find"), ("jobs", "see what has run")):
            session.say(f"  {click.style(clean(session.command(words)), fg='cyan')}  {why}")


@click.command(cls=Command, examples=["syncline version --json"])
@click.pass_obj
def version(session: Session) -> None:
    """Say which version this is."""
    from platform import platform

    from syncline import __version__

    python = ".".join(map(str, sys.version_info[:3]))
    if session.as_json:
        session.emit({"version": __version__, "python": python, "platform": platform()})
    else:
        session.say(f"syncline {__version__} (Python {python}, {platform()})")


def _show(session: Session, report: VerifyReport, repair: bool) -> None:
    session.say(
        f"index {clean(report.index)}: {count(report.documents, 'document')}, "
        f"{count(report.ledger_rows, 'ledger row')}, {report.searchable:,} searchable"
        + (f", {report.source_checked:,} compared with the source" if report.source_checked else "")
    )
    for problem in report.problems:
        session.say(f"  {click.style('!', fg='red')} {one_line(problem)}")
    for mended in report.repaired:
        session.say(f"  {click.style('mended', fg='green')} {one_line(mended)}")
    if report.ok:
        session.say(click.style("all of it agrees" if not report.problems else "all of it agrees now", fg="green"))
    elif not repair:
        session.say(f"{session.command('verify --repair')} mends what can be mended")
