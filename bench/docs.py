"""Puts tables between the markers of docs/benchmarks.md, and charts beside it.

    <!-- bench:targets -->
    (replaced)
    <!-- /bench:targets -->

Everything outside the markers is written by people and stays as it is. So do parts, and rows of the targets and of the
machine, whose section has not been measured now but was before: they keep the figures they have.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from functools import partial

from bench import charts, tables
from bench.environment import ROOT
from bench.figures import Figures
from bench.report import ROWS
from bench.subjects.base import Phase
from bench.targets import Outcome

PAGE = os.path.join(ROOT, "docs", "benchmarks.md")
CHARTS = os.path.join(ROOT, "docs", "benchmarks")


def _pictures(figures: Figures) -> str:
    shown = [phase for phase in Phase if charts.bars(figures, phase)]
    return "\n\n".join(f"![{tables.TITLES[phase]}](benchmarks/{phase}.svg)" for phase in shown) or tables.NOT_YET


PARTS: Mapping[str, Callable[[Figures], str]] = {
    "machine": tables.machine,
    "targets": tables.targets,
    "charts": _pictures,
    "files": tables.files,
    "startup": tables.startup,
    "search": tables.search,
    "memory": tables.memory,
    "serving": tables.serving,
    **{name: partial(tables.rows, name=name) for name in ROWS},
}
BY_ROW = ("machine", "targets")


def filled(page: str, figures: Figures) -> str:
    """The page with every part replaced. Raises ValueError when a part has no markers."""
    for name, part in PARTS.items():
        begin, end = f"<!-- bench:{name} -->", f"<!-- /bench:{name} -->"
        between = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
        found = between.findall(page)
        if len(found) != 1:
            raise ValueError(f"{begin} ... {end}: found {len(found)} times, expected once")
        earlier = found[0].removeprefix(begin).removesuffix(end).strip()
        page = page.replace(found[0], f"{begin}\n\n{_newest(name, earlier, part(figures))}\n\n{end}")
    return page


def _newest(name: str, earlier: str, new: str) -> str:
    if name in BY_ROW:
        return _rows_kept(earlier, new)
    return earlier if new == tables.NOT_YET and earlier else new


def _rows_kept(earlier: str, new: str) -> str:
    """The new table; a row that was not measured now is as it was, and so are whole groups that were not."""
    before = {_key(line): line for line in earlier.splitlines() if line.startswith("| ")}
    lines = new.splitlines()
    for at, line in enumerate(lines):
        known = before.pop(_key(line), line)
        if line.endswith(f"| {Outcome.UNKNOWN} |"):
            lines[at] = known
    groups = {_group(line) for line in lines}
    return "\n".join([*lines, *(line for line in before.values() if _group(line) not in groups)])


def _group(line: str) -> str:
    return line.strip("| ").split(" | ")[0]


def _key(line: str) -> str:
    """What a row is about: its words, without its figures."""
    cells = line.strip("| ").split(" | ")
    return " | ".join(cells[:2]) if len(cells) > 2 else cells[0]


def write(figures: Figures) -> None:
    """Update the page and its charts."""
    with open(PAGE, encoding="utf-8") as page:
        text = filled(page.read(), figures)
    os.makedirs(CHARTS, exist_ok=True)
    for phase in Phase:
        if picture := charts.phase_chart(figures, phase):
            with open(os.path.join(CHARTS, f"{phase}.svg"), "w", encoding="utf-8") as out:
                out.write(picture)
    with open(PAGE, "w", encoding="utf-8") as out:
        out.write(text)


def printed(figures: Figures, *, judged: bool = True) -> str:
    """The parts as one text, for the terminal; without the targets unless times are to be judged."""
    hidden = {"charts"} if judged else {"charts", "targets"}
    shown = {name: part(figures) for name, part in PARTS.items() if name not in hidden}
    return "\n\n".join(f"## {name}\n\n{text}" for name, text in shown.items() if text != tables.NOT_YET)
