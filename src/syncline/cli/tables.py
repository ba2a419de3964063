"""Tables for people. Rich is imported here and in `progress`, and nowhere else."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from syncline.cli.session import Session, is_terminal
from syncline.cli.text import clean

MIN_WIDTH = 4  # of a column: in a narrow terminal texts are folded, none vanishes


class Cell(NamedTuple):
    """Text in a colour."""

    text: str
    style: str = ""


def show_table(session: Session, columns: Sequence[str], rows: Iterable[Sequence[str | Cell]]) -> None:
    """Print a table to stdout. A column named ">count" is set to the right, "count!" is never cut nor wrapped.
    Texts are made safe here."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(
        file=sys.stdout,
        no_color=session.color is False,
        markup=False,
        highlight=False,
        emoji=False,
        width=_width(),
    )
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    for column in columns:
        table.add_column(
            Text(column.strip(">!")),
            justify="right" if column.startswith(">") else "left",
            no_wrap=column.endswith("!") or column.startswith(">"),
            overflow="fold",
            min_width=MIN_WIDTH,
        )
    for row in rows:
        cells = [cell if isinstance(cell, Cell) else Cell(cell) for cell in row]
        table.add_row(*(Text(clean(cell.text), style=cell.style) for cell in cells))
    console.print(table)


def _width() -> int | None:
    """As wide as the terminal; in a pipe as wide as it takes."""
    return None if is_terminal(sys.stdout) or "COLUMNS" in os.environ else 1000
