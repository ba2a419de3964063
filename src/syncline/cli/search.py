"""`syncline search`: ranked results with snippets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from syncline.cli.commands import Command
from syncline.cli.inputs import parse_facets, parse_filters, parse_sorts
from syncline.cli.session import Session
from syncline.cli.text import clean, count, one_line

if TYPE_CHECKING:
    from syncline.model.search import Hit, Results

# Put around matches by the API and replaced by a colour here; no text that was made safe contains them.
MATCH_BEGINS, MATCH_ENDS = "\x02", "\x03"


@click.command(
    cls=Command,
    examples=[
        'syncline search "refund policy"',
        "syncline search refund --filter 'year>=2023' --filter lang=en,de",
        "syncline search refund --sort -year --facet lang",
        "syncline search salaries --user ann --group hr       # what may ann find?",
        "syncline search refund --json | jq -r '.results[].id'",
    ],
)
@click.argument("query")
@click.option("--limit", type=click.IntRange(0, 1000), default=10, show_default=True, help="Results at most.")
@click.option("--offset", type=click.IntRange(0, 10_000), default=0, help="Pass over so many results.")
@click.option(
    "--filter",
    "filters",
    multiple=True,
    metavar="CONDITION",
    help="field=value, field=a,b (one of them), field>=low, field<=high (numbers or dates), or field (has it). "
    "Repeatable: all must hold.",
)
@click.option(
    "--sort",
    "sorts",
    multiple=True,
    metavar="FIELD",
    help="Sort by this field instead of by rank; -FIELD: descending. Repeatable: the next decides among equals.",
)
@click.option(
    "--facet",
    "facets",
    multiple=True,
    metavar="FIELD",
    help="Count the values of this field among all matches; FIELD=20: so many values. Repeatable.",
)
@click.option("--user", metavar="NAME", help="Search as this user.")
@click.option("--group", "groups", multiple=True, metavar="NAME", help="... who is in this group. Repeatable.")
@click.option("--all-documents", is_flag=True, help="Search documents that are not public, too, whoever may read them.")
@click.option("--index", metavar="NAME", help="The index to search.  [default: default]")
@click.pass_obj
def search(
    session: Session,
    query: str,
    limit: int,
    offset: int,
    filters: tuple[str, ...],
    sorts: tuple[str, ...],
    facets: tuple[str, ...],
    user: str | None,
    groups: tuple[str, ...],
    all_documents: bool,
    index: str | None,
) -> None:
    """Find documents by their words.

    Documents that name their readers are found only by those (--user, --group), or with --all-documents.
    """
    conditions, order, counted = parse_filters(filters), parse_sorts(sorts), parse_facets(facets)
    with session.api() as api:
        results = api.search(
            query,
            index=index,
            limit=limit,
            offset=offset,
            filters=conditions,
            user=user,
            groups=groups,
            unrestricted=all_documents,
            highlight=("", "") if session.as_json else (MATCH_BEGINS, MATCH_ENDS),
            sort=order,
            facets=counted,
        )
    if session.as_json:
        from syncline.cli.shapes import results_shape

        session.emit(results_shape(results))
    else:
        _show(session, query, results, offset)


def _show(session: Session, query: str, results: Results, offset: int) -> None:
    _show_hits(session, query, results, offset)
    for field, values in results.facets.items():
        session.say()
        session.say(click.style(clean(field), bold=True))
        for value, number in values:
            session.say(f"  {number:>9,}  {one_line(str(value))}")


def _show_hits(session: Session, query: str, results: Results, offset: int) -> None:
    if not results.hits and results.total and not offset:
        session.say(count(results.total, "result"))
        return
    if not results.hits:
        more = f"; there are {results.total:,} before the offset" if results.total else ""
        session.say(f"nothing found for {clean(query)!r}{more}")
        return
    for rank, hit in enumerate(results.hits, offset + 1):
        _show_hit(session, rank, hit)
    last = offset + len(results.hits)
    footer = (
        f"{count(results.total, 'result')}"
        if last >= results.total and not offset
        else (f"{offset + 1:,} to {last:,} of {count(results.total, 'result')}")
    )
    session.say(click.style(footer + (f"; more: --offset {last}" if last < results.total else ""), dim=True))


def _show_hit(session: Session, rank: int, hit: Hit) -> None:
    title, id = one_line(hit.title), clean(hit.id)
    name = click.style(title or id, bold=True)
    beside = " ".join(filter(None, (id if title not in ("", id) else "", clean(hit.connector), f"{hit.score:.2f}")))
    session.say(f"{rank:>3}. {name}  {click.style(beside, dim=True)}")
    if hit.snippet:
        session.say(f"     {highlighted(hit.snippet)}")
    if hit.url:
        session.say(f"     {click.style(clean(hit.url), fg='blue')}")
    session.say()


def highlighted(snippet: str) -> str:
    """A snippet on one line, made safe, its matches in colour."""
    parts = snippet.replace(MATCH_ENDS, MATCH_BEGINS).split(MATCH_BEGINS)
    text = []
    for i, part in enumerate(parts):
        flat = clean(" ".join(f"|{part}|".split())[1:-1])  # blanks at its ends are kept, as one
        text.append(click.style(flat, fg="yellow", bold=True) if i % 2 and flat else flat)
    return "".join(text)
