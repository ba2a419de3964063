"""Tables, charts and the page."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from bench.figures import Figures
from bench.report import Report, load, merged, save
from bench.subjects.base import Phase, Role
from tests.bench.reports import files, report, rows, run, search

from bench import charts, docs, tables


def cells(markdown: str, first: str) -> list[str]:
    """The row that begins with this cell."""
    line = next(line for line in markdown.splitlines() if line.startswith(f"| {first} |"))
    return [cell.strip() for cell in line.strip("| ").split(" | ")]


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), (0.0123, "0.012"), (0.5, "0.50"), (2.345, "2.35"), (22.61, "22.6"), (120.0, "120.0")],
)
def test_seconds_have_as_many_places_as_they_deserve(value, text):
    assert tables.seconds(value) == text


def test_repetitions_show_as_median_and_spread():
    assert tables.spread([3.0, 1.0, 2.0]) == "2.00 (1.00–3.00)"
    assert tables.spread([1.0]) == "1.00"


def test_a_row_holds_wall_ratios_and_counts():
    change = tables.files(Figures(report())).split("### 1 % edited")[1]
    assert cells(change, "rclone") == ["rclone", "0.50", "1.00", "2.50", "0.40", "0.45", "40", "500", "5", "5", "0"]


def test_a_tool_that_is_not_installed_is_named_with_the_reason():
    text = tables.files(Figures(report()))
    assert cells(text, "dlt")[1] == "not installed"
    assert "- dlt: not installed (python -m bench --install-peers dlt)" in text


def test_a_wrong_count_stands_out_and_is_listed():
    section = files({"syncline": (1.0, 1.0, 1.0)})
    section.runs[-1] = run("syncline", Phase.CHANGE, 1.0, doomed=7)
    text = tables.files(Figures(Report({}, section)))
    assert "**7**" in text
    assert "- syncline, change: doomed: 7, expected 0" in text


def test_a_tool_that_failed_has_no_figures_and_its_traceback_stays_out_of_the_page():
    section = files({"syncline": (1.0, 1.0, 1.0)})
    section.runs[0].failed = True
    section.runs[0].problems = ["failed with exit code 1: Traceback in /home/somebody"]
    text = tables.files(Figures(Report({}, section)))
    assert cells(text, "syncline")[1] == "failed"
    assert "somebody" not in text


def test_every_row_of_a_table_has_as_many_cells_as_its_head():
    for part in docs.PARTS.values():
        for block in part(Figures(report())).split("\n\n"):
            if block.startswith("|"):
                assert len({line.count(" |") for line in block.splitlines()}) == 1, block


def test_a_target_shows_both_sides_and_the_miss():
    made = report()
    assert made.startup is not None
    made.startup.version_s = [0.15]
    line = next(line for line in tables.targets(Figures(made)).splitlines() if "--version" in line)
    assert line.endswith("| 0.15 s | 0.10 s | **missed** by 50% |")


def test_the_second_sync_shows_only_what_it_touched():
    text = tables.memory(Figures(report()))
    assert cells(text, "`control.db`")[3:] == ["yes", "job 1 → 2"]


def test_a_busy_machine_is_confessed():
    made = report()
    assert made.search is not None
    made.search.taken.load_before = 3.0
    assert tables.machine(Figures(made)).count("others were using the machine") == 1


def test_an_empty_report_renders_every_part():
    for part in docs.PARTS.values():
        assert part(Figures(Report({})))


def test_charts_are_sound_svg_with_the_fastest_first():
    picture = charts.phase_chart(Figures(report()), Phase.NOOP)
    assert picture is not None
    root = ElementTree.fromstring(picture)
    names = [text.text for text in root.iter("{http://www.w3.org/2000/svg}text") if text.get("text-anchor") == "end"]
    assert names == ["floor-walk", "syncline", "rclone", "floor-read", "langchain"]


def test_longer_bars_mean_more_seconds():
    axis = charts._axis([charts.Bar("a", Role.PEER, 0.02, 0.01, 0.03), charts.Bar("b", Role.PEER, 20.0, 19.0, 30.0)])
    assert axis.x(0.01) < axis.x(0.1) < axis.x(100.0) <= charts.WIDTH


def test_nobody_measured_is_no_chart():
    assert charts.phase_chart(Figures(Report({})), Phase.FULL) is None


def prose(page: str) -> str:
    """The page without its parts."""
    return re.sub(r"(<!-- bench:(\w+) -->).*?(<!-- /bench:\2 -->)", r"\1\3", page, flags=re.DOTALL)


def test_the_page_keeps_its_prose_and_can_be_filled_again_and_again():
    with open(docs.PAGE, encoding="utf-8") as file:
        page = file.read()
    once = docs.filled(page, Figures(report()))
    assert docs.filled(once, Figures(report())) == once
    assert prose(once) == prose(page)
    assert "## Caveats" in once
    assert "floor-read" in once


def test_a_page_without_a_marker_is_refused():
    with pytest.raises(ValueError, match="bench:machine"):
        docs.filled("# Benchmarks", Figures(report()))


def test_a_report_survives_its_file(tmp_path):
    path = str(tmp_path / "deep" / "report.json")
    assert load(path) is None
    save(report(), path)
    assert load(path) == report()


def test_parts_measured_alone_join_the_earlier_ones():
    both = merged(report(), Report({"CPU": "another"}, search=search(p95_ms=9.0)))
    assert both.files == report().files
    assert both.search == search(p95_ms=9.0)
    assert both.machine == {"CPU": "another"}


def test_figures_that_speak_for_themselves_become_a_table_for_each_group():
    first, second = docs.PARTS["objects"](Figures(report())).split("\n\n")
    assert cells(first, "ours") == ["ours", "250 /s", "5 listings"]
    assert cells(first, "theirs")[1] == "90.5 /s"
    assert cells(second, "a wait") == ["a wait", "0.25 s"]


def test_a_figure_with_a_limit_is_a_target():
    slow = Report({}, objects=rows(rate=150.0))
    assert cells(tables.targets(Figures(slow)), "a hundred objects")[1:] == [
        "ours", "150 /s", "200 /s", "**missed** by 25%",
    ]  # fmt: skip


PAGE = "\n".join(f"<!-- bench:{name} -->\n<!-- /bench:{name} -->" for name in docs.PARTS)


def test_what_is_not_measured_now_keeps_its_figures_on_the_page():
    whole = docs.filled(PAGE, Figures(report()))
    again = docs.filled(whole, Figures(Report({"CPU": "another one"}, objects=rows(rate=300.0))))
    for name in ("files", "startup", "search", "memory", "serving", "tables", "dialects"):
        part = docs.PARTS[name](Figures(report()))
        assert part in again
    assert cells(again, "ours")[1] == "300 /s"
    assert "another one" in again
    assert "a processor" not in again
    assert cells(again, "start-up measured") == cells(whole, "start-up measured")
    assert cells(again, "first sync, with text index") == cells(whole, "first sync, with text index")


def test_a_target_that_was_dropped_leaves_the_page():
    whole = docs.filled(PAGE, Figures(report()))
    old = whole.replace("| cold start | `syncline --version`", "| cold start | `syncline --help`")
    assert "--help" in old
    assert "--help" not in docs.filled(old, Figures(report()))


def test_a_page_that_is_written_twice_stays_the_same():
    once = docs.filled(PAGE, Figures(report()))
    assert docs.filled(once, Figures(report())) == once
    assert prose(once) == prose(PAGE)
