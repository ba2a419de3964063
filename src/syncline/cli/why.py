"""`syncline why`: the whole story of one document."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from syncline.cli.commands import Command
from syncline.cli.session import Session
from syncline.cli.text import COLORS, clean, indented, local, one_line

if TYPE_CHECKING:
    from syncline.model.reports import Chapter, Story


@click.command(
    cls=Command,
    examples=[
        "syncline why refunds.md",
        "syncline why refunds.md --connector handbook",
        "syncline why refunds.md --json | jq -r .state",
    ],
)
@click.argument("id")
@click.option("--index", metavar="NAME", help="Only in this index.")
@click.option("--connector", metavar="NAME", help="Only from this connector.")
@click.pass_obj
def why(session: Session, id: str, index: str | None, connector: str | None) -> None:
    """Tell why a document is, or is not, in the index.

    Which job took it, which rule kept it out, which error it had and what to do about it. ID is what `plan`, `search`
    and `errors` call it; for a file, its path inside the folder.
    """
    with session.api() as api:
        stories = api.why(id, index=index, connector=connector)
    if not stories:
        from syncline.model.errors import NotFound

        plan = session.command("plan PATH")
        raise NotFound(f"no connector knows a document {id!r}", remedy=f"`{plan}` says what the next sync would take.")
    if session.as_json:
        from syncline.cli.shapes import stories_shape

        session.emit(stories_shape(id, stories))
    else:
        for story in stories:
            _show(session, story)


def _show(session: Session, story: Story) -> None:
    state = click.style(clean(story.state), fg=COLORS.get(story.state, "red"), bold=True)
    session.say(f"{click.style(clean(story.id), bold=True)}  {state}")
    session.say(click.style(f"  connector {clean(story.connector)}, index {clean(story.index)}", dim=True))
    session.say(f"  {indented(story.summary, 2)}")
    for chapter in story.chapters:
        _show_chapter(session, chapter)
    session.say()


def _show_chapter(session: Session, chapter: Chapter) -> None:
    job = "" if chapter.job is None else f"job {chapter.job}"
    event = click.style(f"{clean(chapter.event):<10}", fg=COLORS.get(chapter.event))
    detail = " ".join(filter(None, (one_line(chapter.detail), f"({clean(chapter.code)})" if chapter.code else "")))
    session.say(f"  {local(chapter.at)}  {job:<8}  {event}  {detail}".rstrip())
    if chapter.remedy:
        session.say(f"{'':43}{click.style('remedy:', fg='cyan')} {one_line(chapter.remedy)}")
