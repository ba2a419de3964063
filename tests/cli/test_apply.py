"""`syncline apply`, on real data directories."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from syncline.cli.root import run

TEXT = """\
version: 1
indexes: {handbook: {description: For all}}
connectors:
  docs:
    kind: folder
    index: handbook
    settings: {path: docs}
    schedule: 0 3 * * *
  inbox: {kind: push, guard: {max_deletes: 5}}
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SYNCLINE_DATA_DIR", raising=False)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.md").write_text("hello")
    (tmp_path / "syncline.yaml").write_text(TEXT)
    return tmp_path / "syncline.yaml"


@pytest.fixture
def go(capfd) -> Callable[..., Any]:
    """(exit code, stdout, stderr) of a run of the command."""

    def run_it(*args: str) -> tuple[int, str, str]:
        return run(args), *capfd.readouterr()

    return run_it


def test_the_difference_is_shown_then_applied_then_nothing_is_left(file, go):
    shown = [
        "+ index default",
        "+ index handbook",
        "    description: For all",
        "+ connector docs",
        "    index: handbook",
        "    kind: folder",
        f"    settings.path: {file.parent}/docs",
        "+ connector inbox",
        "    guard.max_deletes: 5",
        "    kind: push",
        "+ schedule of docs",
        "    cron: 0 3 * * *",
    ]
    code, out, err = go("apply", "-n", "--human")
    assert (code, out.splitlines(), err) == (0, [*shown, "5 to make; nothing has been changed"], "")
    assert not (file.parent / ".syncline").exists()
    code, out, err = go("apply", "--human")
    assert (code, out.splitlines(), err) == (0, [*shown, "5 made"], "")
    assert go("apply", "--human") == (0, "nothing to change\n", "")


def test_updates_show_the_old_and_the_new_value(file, go):
    go("apply")
    file.write_text(
        TEXT.replace("max_deletes: 5", "max_deletes: 6").replace("For all", "For some\x1b[31m") + "webhooks: []"
    )
    assert go("apply", "--human")[0] == 2  # no escapes in YAML
    file.write_text(TEXT.replace("max_deletes: 5", "max_deletes: 6").replace("For all", '"For \\x1b[31mred"'))
    code, out, _ = go("apply", "--human")
    assert code == 0
    assert out.splitlines() == [
        "~ index handbook",
        "    description: For all → For \\x1b[31mred",
        "~ connector inbox",
        "    guard.max_deletes: 5 → 6",
        "2 changed",
    ]


def test_the_answer_for_programs(file, go):
    code, out, err = go("apply", "-n", "--json")
    answer = json.loads(out)
    assert (code, err, answer["dry_run"], answer["pending"]) == (0, "", True, 5)
    assert (answer["file"], answer["notes"], answer["left_alone"]) == ("syncline.yaml", [], [])
    assert answer["steps"][4] == {
        "what": "schedule", "name": "", "connector": "docs", "action": "create", "state": "pending", "allowed": True,
        "fields": answer["steps"][4]["fields"], "documents": 0, "error": None,
    }  # fmt: skip
    assert {"field": "cron", "old": None, "new": "0 3 * * *"} in answer["steps"][4]["fields"]
    assert {step["state"] for step in json.loads(go("apply", "--json")[1])["steps"]} == {"done"}
    assert json.loads(go("apply", "--json")[1])["steps"] == []
    file.write_text("version: 1")
    left = json.loads(go("apply", "--json")[1])["left_alone"]
    assert {"what": "connector", "name": "docs", "connector": None, "made_by_apply": True} in left


def test_removing_asks_and_tells_how_many_documents_go(file, go):
    go("apply")
    go("sync", "docs")
    file.write_text("version: 1\nindexes: {default: , handbook: {description: For all}}")
    code, out, _ = go("apply", "--human")
    left = "schedule of docs, connector inbox, connector docs"
    assert (code, out) == (0, f"  not declared any more (--prune removes it): {left}\nnothing to change\n")
    code, out, err = go("apply", "--prune", "--human")
    assert code == 2
    assert "2 things would be removed, and nobody can be asked here: give --yes" in err
    code, out, _ = go("apply", "--prune", "--yes", "--human")
    assert out.splitlines() == ["- connector inbox", "- connector docs with 1 document", "2 removed with 1 document"]
    assert json.loads(go("connector", "list", "--json")[1]) == []


@pytest.mark.parametrize(("answer", "code"), [("n", 1), ("y", 0)])
def test_a_person_is_asked(file, go, answer, code):
    go("apply")
    go("sync", "docs")
    file.write_text("version: 1\nindexes: {default: , handbook: {description: For all}}")
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "syncline.cli", "apply", "--prune"], stdin=theirs, stdout=theirs, stderr=theirs,
        env={**os.environ, "TERM": "dumb", "NO_COLOR": "1"},
    )  # fmt: skip
    os.close(theirs)
    os.write(ours, f"{answer}\n".encode())
    told = read_all(ours)
    assert process.wait(60) == code
    assert "Remove connector inbox, connector docs with 1 document? [y/N]" in told
    assert ("nothing was changed" in told) == (answer == "n")
    assert len(json.loads(go("connector", "list", "--json")[1])) == (2 if answer == "n" else 0)


def read_all(fd: int) -> str:
    parts = []
    while True:
        try:
            part = os.read(fd, 65536)
        except OSError:
            break
        if not part:
            break
        parts.append(part)
    os.close(fd)
    return b"".join(parts).decode()


def test_a_step_that_fails_is_told_and_the_exit_code_is_1(file, go):
    go("apply")
    file.write_text(TEXT.replace("kind: push", "kind: folder, settings: {path: x}").replace("0 3 *", "0 4 *"))
    code, out, err = go("apply", "--human")
    assert code == 1
    assert "-/+ connector inbox  not without --prune: its kind or index changes" in out
    assert out.splitlines()[-1] == "1 changed"
    assert "error: connector inbox: its kind and its index cannot be changed" in err
    assert "code: declaration.step_refused" in err
    code, out, err = go("apply", "--json")
    (step,) = json.loads(out)["steps"]
    assert (code, step["state"], step["allowed"], step["error"]["code"]) == (
        1,
        "failed",
        False,
        "declaration.step_refused",
    )
    assert go("apply", "--prune", "--yes", "--human")[1].splitlines()[-1] == "1 replaced"


def test_a_wrong_file_is_a_usage_error_with_every_fault(file, go):
    file.write_text(TEXT.replace("schedule:", "shedule:").replace("kind: push", "kind: pull"))
    code, out, err = go("apply", "--human")
    assert (code, out) == (2, "")
    assert "syncline.yaml:8:5 connectors.docs.shedule: is not known here. Did you mean 'schedule'?" in err
    file.write_text("version: 1\nconnectors: {docs: {kind: pull}}")
    code, _, err = go("apply", "--json")
    fault = json.loads(err)["error"]["faults"][0]
    assert (code, fault["line"], fault["column"], fault["path"]) == (2, 2, 27, "connectors.docs.kind")


def test_a_file_that_is_not_there_is_told(file, go):
    assert go("apply", "-f", "nothing.yaml")[0] == 3
    file.unlink()
    code, _, err = go("apply", "--human")
    assert code == 3
    assert f"there is no syncline.yaml in {file.parent}" in err


def test_a_file_comes_from_anywhere(file, go, tmp_path):
    (tmp_path / "etc").mkdir()
    file.rename(tmp_path / "etc" / "s.yaml")
    go("apply", "--file", "etc/s.yaml", "--data-dir", "state")
    (_, docs) = sorted(
        json.loads(go("connector", "list", "--json", "--data-dir", "state")[1]), key=lambda c: -len(c["name"])
    )
    assert docs["settings"]["path"] == f"{tmp_path}/etc/docs"
    command = [sys.executable, "-m", "syncline.cli", "apply", "-f", "-", "-n", "--json"]
    done = subprocess.run(command, input=b"version: 1\nindexes: {x: }", capture_output=True, check=True)
    assert json.loads(done.stdout)["steps"][0]["name"] == "x"


def test_export_prints_what_there_is(file, go):
    go("apply")
    code, out, _ = go("apply", "--export")
    assert code == 0
    file.write_text(out)
    assert go("apply", "--prune", "--human") == (0, "nothing to change\n", "")


def test_the_schema_is_printed(go):
    code, out, _ = go("apply", "--schema")
    assert (code, json.loads(out)["title"]) == (0, "syncline.yaml")


def modules_after(code: str) -> set[str]:
    """What Python has imported when the code has run."""
    told = f"import sys\n{code}\nprint(*sys.modules, sep='\\n', file=sys.stderr)"
    return set(subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True).stderr.split())


def test_what_apply_needs_is_imported_by_apply_only():
    heavy = {"yaml", "pydantic"}
    assert not heavy & modules_after("from syncline.cli.root import run; run(['sync', '--help'])")
    assert not heavy & modules_after("import syncline.api, syncline.cli.apply")
    assert heavy <= modules_after("import syncline.service.declaration.applying")
