"""Medians, percentiles and verdicts."""

from __future__ import annotations

import pytest
from bench.figures import Figures, percentile
from bench.report import Report
from bench.subjects.base import Phase
from bench.targets import TARGETS, Outcome, Target, judge, judge_all
from tests.bench.reports import files, report, run, search, serving


def verdicts(made: Report) -> dict[str, Outcome]:
    return {verdict.target.text: verdict.outcome for verdict in judge_all(Figures(made))}


@pytest.mark.parametrize(("percent", "value"), [(50, 5), (95, 10), (99, 10), (10, 1), (1, 1)])
def test_percentiles_are_values_that_occurred(percent, value):
    assert percentile(range(10, 0, -1), percent) == value


def test_the_median_is_taken_over_repetitions_and_absent_subjects_have_none():
    section = files({})
    section.runs = [run("syncline", Phase.FULL, seconds, rep) for rep, seconds in enumerate((3.0, 1.0, 2.0))]
    figures = Figures(Report({}, section))
    assert figures.median("syncline", Phase.FULL) == 2.0
    assert figures.median("syncline", Phase.NOOP) is None
    assert figures.median("rsync", Phase.FULL) is None


def test_a_subject_that_failed_once_has_no_median():
    section = files({})
    section.runs = [run("dlt", Phase.FULL, seconds, rep) for rep, seconds in enumerate((3.0, 1.0))]
    section.runs[1].failed = True
    assert Figures(Report({}, section)).median("dlt", Phase.FULL) is None


def test_the_worst_repetition_counts_for_correctness():
    section = files({})
    section.runs = [run("dlt", Phase.CHANGE, 1.0, 0, doomed=0), run("dlt", Phase.CHANGE, 1.0, 1, doomed=5)]
    assert Figures(Report({}, section)).worst_count("dlt", Phase.CHANGE, "doomed") == 5


def test_every_target_is_reached_or_unmeasured_for_the_good_report():
    unmeasured = {text for text, outcome in verdicts(report()).items() if outcome is not Outcome.REACHED}
    assert unmeasured == {"at least 10 × faster than dlt"}


def test_a_server_under_a_smaller_load_is_not_judged():
    told = verdicts(Report({}, serving=serving(jobs=40)))
    assert set(told.values()) == {Outcome.UNKNOWN}
    assert verdicts(Report({}, serving=serving(storm_s=200.0)))["at least 20 tiny jobs a second"] is Outcome.MISSED


def test_nothing_measured_means_nothing_claimed():
    assert set(verdicts(Report({})).values()) == {Outcome.UNKNOWN}


def test_a_miss_says_by_how_much():
    at_most = Target("g", "t", lambda _: 1.2, lambda _: 1.0)
    at_least = Target("g", "t", lambda _: 3.0, lambda _: 4.0, "×", at_least=True)
    for target, by in ((at_most, 0.2), (at_least, 0.25)):
        verdict = judge(target, Figures(Report({})))
        assert verdict.outcome is Outcome.MISSED
        assert verdict.by == pytest.approx(by)


def test_a_value_on_the_limit_is_reached():
    for at_least in (False, True):
        target = Target("g", "t", lambda _: 2.0, lambda _: 2.0, at_least=at_least)
        assert judge(target, Figures(Report({}))).outcome is Outcome.REACHED


def test_a_single_deletion_left_misses_its_target():
    made = report()
    assert made.files is not None
    made.files.runs.append(run("syncline", Phase.CHANGE, 0.5, 1, doomed=1))
    assert verdicts(made)["every deletion seen"] is Outcome.MISSED


def test_limits_move_with_the_floors_of_the_same_run():
    slow = report()
    assert slow.files is not None
    for entry in slow.files.runs:
        entry.wall_s *= 3 if entry.subject == "syncline" else 1
    assert verdicts(slow)["at most 4 × floor-read"] is Outcome.MISSED
    for entry in slow.files.runs:
        entry.wall_s *= 3 if entry.subject.startswith("floor") else 1
    assert verdicts(slow)["at most 4 × floor-read"] is Outcome.REACHED


def test_file_targets_are_judged_only_at_their_size():
    small = files({"syncline": (9.0, 9.0, 9.0), "floor-read": (0.1, 0.1, 0.1)}, size=500)
    assert set(verdicts(Report({}, small)).values()) == {Outcome.UNKNOWN}


def test_search_and_memory_are_judged_only_at_their_size():
    made = Report({}, search=search(documents=5_000, p95_ms=50.0))
    assert set(verdicts(made).values()) == {Outcome.UNKNOWN}
    made = Report({}, search=search(p95_ms=50.0, late_mb=190.0))
    missed = {text for text, outcome in verdicts(made).items() if outcome is Outcome.MISSED}
    assert missed == {
        "p95 of one to three common words at most 10 ms",
        "memory flat from 200,000 documents on (growth at most 1.2 ×)",
    }


def test_no_target_is_written_twice():
    assert len({(target.group, target.text) for target in TARGETS}) == len(TARGETS)
