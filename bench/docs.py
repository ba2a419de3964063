"""Puts tables between the markers of docs/benchmarks.md, and charts beside it.

    <!-- bench:targets -->
    (replaced)
    <!-- /bench:targets -->

Everything outside the markers is written by people and stays as it is.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping

from bench import charts, tables
from bench.environment import ROOT
from bench.figures import Figures
from bench.subjects.base import Phase

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
}


def filled(page: str, figures: Figures) -> str:
    """The page with every part replaced. Raises ValueError when a part has no markers."""
    for name, part in PARTS.items():
        begin, end = f"<!-- bench:{name} -->", f"<!-- /bench:{name} -->"
        between = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
        found = between.findall(page)
        if len(found) != 1:
            raise ValueError(f"{begin} ... {end}: found {len(found)} times, expected once")
        page = page.replace(found[0], f"{begin}\n\n{part(figures)}\n\n{end}")
    return page


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
    return "\n\n".join(f"## {name}\n\n{part(figures)}" for name, part in PARTS.items() if name not in hidden)
