"""Bar charts as SVG, one for each phase: seconds on a logarithmic axis, shorter is better. No library."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

from bench.figures import Figures
from bench.subjects.base import Phase, Role
from bench.tables import TITLES, seconds

WIDTH = 760
_LEFT, _RIGHT, _TOP, _ROW, _BAR = 110, 110, 64, 30, 18
_COLOURS = {Role.OURS: "#0b6bcb", Role.FLOOR: "#9aa5b1", Role.PEER: "#7a6aa8"}
_TEXT, _GRID = "#1f2933", "#e4e7eb"


class Bar(NamedTuple):
    """One subject: median, shortest and longest run in seconds."""

    name: str
    role: Role
    median_s: float
    min_s: float
    max_s: float


class _Axis(NamedTuple):
    """Powers of ten from `low` to `high`."""

    low: int
    high: int

    def x(self, value: float) -> float:
        """Where a value lies."""
        share = (math.log10(value) - self.low) / (self.high - self.low)
        return _LEFT + max(0.0, share) * (WIDTH - _LEFT - _RIGHT)


def bars(figures: Figures, phase: Phase) -> list[Bar]:
    """Everybody who was measured in this phase, the fastest first."""
    section = figures.report.files
    found = []
    for contender in section.contenders if section else []:
        walls = [run.wall_s for run in figures.runs(contender.name, phase)]
        median = figures.median(contender.name, phase)
        if median:
            found.append(Bar(contender.name, contender.role, median, min(walls), max(walls)))
    return sorted(found, key=lambda bar: bar.median_s)


def chart(title: str, shown: Sequence[Bar]) -> str:
    """An SVG picture of one or more bars."""
    axis = _axis(shown)
    height = _TOP + _ROW * len(shown) + 34
    described = "; ".join(f"{bar.name} {seconds(bar.median_s)} s" for bar in shown)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'role="img" font-family="system-ui, sans-serif" font-size="13" fill="{_TEXT}">',
        f"<title>{escape(title)}</title>",
        f"<desc>{escape(described)}</desc>",
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="16" y="26" font-size="16" font-weight="600">{escape(title)}</text>',
        '<text x="16" y="46" fill="#52606d">seconds, median of a fresh process; logarithmic, shorter is better</text>',
        *_grid(axis, height),
        *(line for i, bar in enumerate(shown) for line in _bar(axis, bar, _TOP + i * _ROW)),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def phase_chart(figures: Figures, phase: Phase) -> str | None:
    """The chart of one phase; None when nobody was measured."""
    shown = bars(figures, phase)
    return chart(TITLES[phase], shown) if shown else None


def _axis(shown: Sequence[Bar]) -> _Axis:
    low = math.floor(math.log10(min(bar.min_s for bar in shown)))
    high = math.ceil(math.log10(max(bar.max_s for bar in shown)))
    return _Axis(low, max(high, low + 1))


def _grid(axis: _Axis, height: int) -> list[str]:
    lines = []
    for power in range(axis.low, axis.high + 1):
        x = axis.x(10.0**power)
        lines.append(f'<line x1="{x:.1f}" y1="{_TOP - 6}" x2="{x:.1f}" y2="{height - 28}" stroke="{_GRID}"/>')
        lines.append(f'<text x="{x:.1f}" y="{height - 12}" text-anchor="middle" fill="#52606d">{10.0**power:g}</text>')
    return lines


def _bar(axis: _Axis, bar: Bar, y: int) -> list[str]:
    end, left, right = axis.x(bar.median_s), axis.x(bar.min_s), axis.x(bar.max_s)
    middle, weight = y + _BAR / 2, "700" if bar.role is Role.OURS else "400"
    label_x = max(end, right) + 8
    base, length, colour = middle + 4.5, max(1.0, end - _LEFT), _COLOURS[bar.role]
    return [
        f'<text x="{_LEFT - 8}" y="{base:.1f}" text-anchor="end" font-weight="{weight}">{escape(bar.name)}</text>',
        f'<rect x="{_LEFT}" y="{y}" width="{length:.1f}" height="{_BAR}" rx="2" fill="{colour}"/>',
        f'<line x1="{left:.1f}" y1="{middle}" x2="{right:.1f}" y2="{middle}" stroke="{_TEXT}" stroke-width="1.5"/>',
        f'<text x="{label_x:.1f}" y="{base:.1f}" font-weight="{weight}">{seconds(bar.median_s)} s</text>',
    ]
