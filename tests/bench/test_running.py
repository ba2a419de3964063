"""Measuring a process, judging a subject, and what the command line accepts."""

from __future__ import annotations

import os
import sqlite3
import sys

import pytest
from bench.environment import child_environment
from bench.measure import Measured, run
from bench.options import Options
from bench.peers.install import PEERS, is_installed
from bench.search.written import Watch
from bench.subjects import Phase, Role, all_subjects, differences
from bench.subjects.floors import Floor
from bench.workloads import expected
from tests.bench.reports import files as section_of
from tests.bench.reports import report
from tests.bench.reports import run as measured_run

from bench import cli, files


def python(code: str, timeout_s: int = 60) -> Measured:
    return run([sys.executable, "-c", code], child_environment(), timeout_s=timeout_s)


def test_a_process_is_measured_with_its_children():
    burn = (
        "import subprocess, sys; subprocess.run([sys.executable, '-c', 'sum(range(10_000_000))']); print('{\"a\": 1}')"
    )
    done = python(burn)
    assert done.code == 0
    assert done.json() == {"a": 1}
    assert done.cpu_s > 0.05
    assert done.wall_s > 0


def test_the_peak_is_that_of_the_process_and_not_of_this_one():
    ballast = b"x" * 100_000_000  # this process is large while it starts a small one
    small, large = python("pass"), python("x = b'y' * 150_000_000")
    assert small.rss_mb < 50 < len(ballast) / 2**20 < 150 < large.rss_mb


def test_a_failure_has_its_code_and_its_words():
    done = python("import sys; sys.exit('no luck')")
    assert (done.code, done.complaint(), done.json()) == (1, "no luck", {})
    assert run(["/no/such/command"], child_environment()).code == 127


def test_a_process_that_hangs_is_ended():
    assert python("import time; time.sleep(60)", timeout_s=1).code == -9


def test_json_is_found_after_other_output():
    assert Measured(0, 0, 0, 0, 'progress\n{"a": 1}\n', "").json() == {"a": 1}
    assert Measured(0, 0, 0, 0, '{\n "a": 1\n}\n', "").json() == {"a": 1}


def test_children_see_no_settings_that_change_the_measurement(monkeypatch):
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("SYNCLINE_DATA_DIR", "elsewhere")
    assert not {"PYTHONDONTWRITEBYTECODE", "SYNCLINE_DATA_DIR", "PYTHONPATH"} & child_environment().keys()
    assert "PYTHONPATH" in child_environment(finds_bench=True)


def test_only_counts_that_are_there_are_compared():
    assert differences({"documents": 5, "doomed": 0}, {"documents": 5}) == []
    assert differences({"documents": 5, "doomed": 0}, {"documents": 4, "doomed": 1}) == [
        "documents: 4, expected 5",
        "doomed: 1, expected 0",
    ]


def test_a_floor_that_saw_too_little_is_caught():
    done = Measured(0, 0, 0, 0, '{"documents": 499, "bytes": 1}', "")
    assert Floor("walk").check(Phase.FULL, done, "", expected(500, changed=False)).problems == [
        "documents: 499, expected 500"
    ]


def test_wrong_counts_of_ours_fail_the_command_and_those_of_a_library_are_a_finding():
    section = section_of({"syncline": (1, 1, 1), "dlt": (1, 1, 1)})
    section.runs = [
        measured_run("dlt", Phase.CHANGE, 1.0, doomed=5),
        measured_run("syncline", Phase.NOOP, 1.0, doomed=5),
    ]
    assert files.problems(section) == ["syncline, noop, repetition 1: doomed: 5, expected 0"]


def test_every_subject_is_accounted_for_whether_installed_or_not(tmp_path):
    subjects = all_subjects(str(tmp_path))
    assert len({subject.name for subject in subjects}) == len(subjects) == 5 + len(PEERS)
    assert sum(subject.role is Role.OURS for subject in subjects) == 1
    for subject in subjects[5:]:
        assert (subject.missing() or "").startswith("not installed")


def test_a_peer_counts_as_installed_only_from_the_pins_of_today(tmp_path):
    peer = PEERS[0]
    (tmp_path / peer.name).mkdir()
    (tmp_path / peer.name / "installed-from.txt").write_text("something==0.1\n")
    assert not is_installed(peer, str(tmp_path))


def test_the_floors_run_through_all_phases(tmp_path):
    floors = ("floor-walk", "floor-read")
    options = Options(str(tmp_path), str(tmp_path / "peers"), subjects=floors, reps=1, files=100, settle_s=0.0)
    section = files.measure(options)
    assert [run_.problems for run_ in section.runs] == [[]] * 6
    assert {run_.counts["documents"] for run_ in section.runs} == {100}
    assert all(c.missing == "left out by --subjects" for c in section.contenders if not c.name.startswith("floor"))


def test_a_commit_and_a_grown_table_are_noticed(tmp_path):
    database = sqlite3.connect(tmp_path / "a.db", isolation_level=None)
    database.execute("create table job (n integer)")
    (tmp_path / "same").write_text("same")
    with Watch(str(tmp_path)) as watch:
        database.execute("insert into job values (1)")
    database.close()
    changed, same = watch.changes
    assert (changed.name, changed.written, changed.rows_before, changed.rows_after) == (
        "a.db",
        True,
        {"job": 0},
        {"job": 1},
    )
    assert (same.name, same.written, same.same_bytes) == ("same", None, True)
    with Watch(str(tmp_path)) as quiet:
        pass
    assert [change.written for change in quiet.changes] == [False, None]


def test_quick_means_small_and_apart_from_real_results():
    options = cli._options(cli._parser().parse_args(["--quick", "--work", "w"]))
    assert (options.files, options.reps, options.documents) == (500, 1, 5_000)
    assert options.work == os.path.abspath("w/quick")


@pytest.mark.parametrize("arguments", [["--only", "nothing"], ["--files", "150"], ["--unknown"]])
def test_wrong_usage_is_refused(arguments):
    with pytest.raises(SystemExit) as stopped:
        cli.main(arguments)
    assert stopped.value.code == 2


def test_an_unknown_peer_is_refused(tmp_path, capsys):
    assert cli.main(["--install-peers", "nobody", "--peers", str(tmp_path)]) == 2
    assert "no such peer: nobody" in capsys.readouterr().out


def test_a_section_with_a_wrong_count_is_not_kept_and_the_others_are():
    sound = cli._sound(report(), {"files": [], "search": ["build: lost a document"]})
    assert sound.search is None
    assert sound.files == report().files
