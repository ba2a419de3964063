"""The whole way: processes, files, state on disk, terminals."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

SYNCLINE = [sys.executable, "-m", "syncline.cli"]
RESULT_KEYS = [
    "job_id", "status", "inserted", "updated", "deleted", "kept", "failed", "filtered", "withheld_deletes", "warnings",
    "duration_s",
]  # fmt: skip


class Ran(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def error(self) -> dict[str, Any]:
        assert self.out == ""
        return dict(json.loads(self.err)["error"])


def environment(**more: str) -> dict[str, str]:
    mine = {key: value for key, value in os.environ.items() if key not in ("SYNCLINE_DATA_DIR", "NO_COLOR", "COLUMNS")}
    return {**mine, **more}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A directory with a folder of three documents."""
    docs = tmp_path / "docs"
    (docs / "sub").mkdir(parents=True)
    (docs / "refunds.md").write_text("# Refunds\n\nOur refund policy is generous.\n")
    (docs / "sub" / "hello.txt").write_text("hello world\n")
    (docs / "third.md").write_text("a third document about refund exceptions\n")
    return tmp_path


@pytest.fixture
def syncline(home: Path) -> Callable[..., Ran]:
    """Run the command in that directory, piped."""

    def go(*args: str, **env: str) -> Ran:
        done = subprocess.run(
            [*SYNCLINE, *args],
            cwd=home,
            env=environment(**env),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert "Traceback" not in done.stderr
        return Ran(done.returncode, done.stdout, done.stderr)

    return go


def test_a_folder_is_synced_and_the_second_time_nothing_changes(syncline, home):
    first = syncline("sync", "./docs")
    assert (first.code, first.err) == (0, "")
    assert list(first.json)[:11] == RESULT_KEYS
    assert (first.json["status"], first.json["inserted"], first.json["kept"]) == ("succeeded", 3, 0)
    second = syncline("sync", "docs", "--json").json
    assert (second["inserted"], second["updated"], second["deleted"], second["kept"]) == (0, 0, 0, 3)
    assert (home / ".syncline").is_dir()


def test_changes_are_planned_then_made(syncline, home):
    syncline("sync", "./docs")
    (home / "docs" / "third.md").unlink()
    (home / "docs" / "refunds.md").write_text("# Refunds\n\nNo refund is ever given, for any reason.\n")
    (home / "docs" / "new.md").write_text("brand new\n")
    plan = syncline("plan", "./docs").json
    assert (plan["insert"], plan["update"], plan["delete"]) == (["new.md"], ["refunds.md"], ["third.md"])
    assert plan["keep"] == 1
    assert set(plan["reasons"]) == {"new.md", "refunds.md", "third.md"}
    assert syncline("sync", "./docs", "-n").json == plan
    made = syncline("sync", "./docs").json
    assert (made["inserted"], made["updated"], made["deleted"], made["kept"]) == (1, 1, 1, 1)


def test_plan_before_the_first_sync_leaves_no_trace(syncline, home):
    assert sorted(syncline("plan", "./docs").json["insert"]) == ["refunds.md", "sub/hello.txt", "third.md"]
    assert sorted(os.listdir(home)) == ["docs"]


def test_what_was_synced_is_found(syncline):
    syncline("sync", "./docs")
    found = syncline("search", "refund policy").json
    assert found["results"][0]["id"] == "refunds.md"
    assert found["total"] == 2
    assert list(found["results"][0]) == ["id", "title", "score", "snippet", "metadata", "connector", "url"]
    assert syncline("search", "refund", "--limit", "1").json["total"] == 2
    assert [hit["id"] for hit in syncline("search", "", "--filter", "id=third.md").json["results"]] == ["third.md"]
    assert syncline("search", "nothingofthekind").json == {"total": 0, "results": []}


def test_why_tells_the_story(syncline):
    syncline("sync", "./docs")
    story = syncline("why", "refunds.md").json
    assert (story["id"], story["state"]) == ("refunds.md", "live")
    assert story["history"]
    assert len(story["stories"]) == 1
    assert syncline("why", "nope.md").code == 3


def test_jobs_and_one_job(syncline):
    made = syncline("sync", "./docs").json
    (job,) = syncline("jobs").json
    assert (job["id"], job["state"], job["connector"]) == (made["job_id"], "succeeded", made["connector"])
    assert job["inserted"] == 3
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", job["started_at"])
    for ref in (str(job["number"]), job["id"], job["id"][:8]):
        assert syncline("job", "show", ref).json["id"] == job["id"]
    assert syncline("job", "show", "1", "--follow").code == 0
    assert syncline("job", "stop", "1").json["state"] == "succeeded"
    for line in syncline("job", "logs", "1").out.splitlines():
        json.loads(line)
    assert syncline("job", "show", "99").error["code"] == "not_found"


def test_failed_documents_give_exit_code_4_and_are_listed(syncline, home):
    (home / "docs" / "bad.docx").write_bytes(b"PK\x03\x04 this is no archive")
    made = syncline("sync", "./docs")
    assert (made.code, made.json["status"], made.json["failed"], made.json["inserted"]) == (4, "incomplete", 1, 3)
    (error,) = syncline("errors").json
    assert error["id"] == "bad.docx"
    assert error["code"]
    assert error["remedy"]
    assert syncline("errors", str(made.json["number"])).json == [error]
    assert syncline("job", "show", "1", "--follow").code == 4


def test_surprising_deletions_are_withheld_until_approved(syncline, home):
    for i in range(20):
        (home / "docs" / f"{i}.md").write_text(f"document {i}")
    syncline("connector", "add", "folder", "--set", "path=docs", "--name", "docs", "--max-deletes", "2")
    assert syncline("sync", "docs").json["inserted"] == 23
    for i in range(20):
        (home / "docs" / f"{i}.md").unlink()
    held = syncline("sync", "docs")
    assert (held.code, held.json["status"], held.json["withheld_deletes"], held.json["deleted"]) == (
        8,
        "incomplete",
        20,
        0,
    )
    assert len(syncline("approve", "docs", "--list").json["withheld"]) == 20
    assert syncline("sync", "docs").code == 8
    assert syncline("approve", "docs").json["approved"] == 20
    made = syncline("sync", "docs")
    assert (made.code, made.json["deleted"]) == (0, 20)


def test_care(syncline, home):
    assert syncline("init").json == {"data_dir": str(home / ".syncline")}
    syncline("sync", "./docs")
    report = syncline("verify", "--source")
    assert (report.code, report.json["ok"], report.json["documents"]) == (0, True, 3)
    assert syncline("rebuild-index").json == {"index": "default", "documents": 3}
    assert syncline("search", "refund").json["total"] == 2


def test_a_damaged_text_index_is_noticed_and_built_again(syncline, home):
    syncline("sync", "./docs")
    for path in (home / ".syncline").rglob("text/*"):
        if path.is_file():
            path.unlink()
    assert syncline("rebuild-index").json["documents"] == 3
    assert syncline("verify").json["ok"] is True


def test_connectors(syncline, home):
    made = syncline("connector", "add", "folder", "--set", "path=./docs", "--name", "handbook").json
    assert (made["name"], made["settings"]["path"]) == ("handbook", str(home / "docs"))
    assert syncline("connector", "add", "folder", "--set", "path=./docs", "--name", "handbook").code == 2
    assert [each["name"] for each in syncline("connector", "list").json] == ["handbook"]
    assert syncline("sync", "handbook").json["inserted"] == 3
    assert syncline("connector", "check", "handbook").json == {"name": "handbook", "ok": True}
    assert syncline("connector", "show", "handbook").json["withheld_deletes"] == 0
    assert syncline("connector", "remove", "handbook").code == 2  # nobody to ask
    assert syncline("connector", "remove", "handbook", "--yes").json["removed_documents"] == 3
    assert syncline("search", "refund").json["total"] == 0
    assert syncline("connector", "show", "handbook").code == 3


def test_settings_are_kept_for_the_next_time(syncline):
    assert syncline("sync", "./docs", "--include", "*.md").json["inserted"] == 2
    again = syncline("sync", "./docs").json
    assert (again["inserted"], again["kept"]) == (0, 2)


def test_another_data_directory_by_option_or_environment(syncline, home):
    syncline("sync", "./docs", "--data-dir", "one")
    syncline("sync", "./docs", SYNCLINE_DATA_DIR="two")
    assert sorted(os.listdir(home)) == ["docs", "one", "two"]
    assert len(syncline("--data-dir", "two", "jobs").json) == 1
    assert syncline("search", "refund", "--data-dir", "one", SYNCLINE_DATA_DIR="two").json["total"] == 2


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["sync", "./missing"], 3, "missing"),
        (["plan", "./missing"], 3, "missing"),
        (["sync", "docs", "--set", "bogus=1"], 2, "bogus"),
        (["connector", "add", "nokind"], 3, "nokind"),
        (["connector", "add", "folder"], 2, "path"),
        (["sync"], 2, "argument"),
        (["serach", "x"], 2, "search"),
        (["job", "show", "7"], 3, "7"),
        (["connector", "show", "nobody"], 3, "nobody"),
        (["search", "x", "--index", "nowhere"], 3, "nowhere"),
    ],
)
def test_mistakes_have_their_exit_code_and_say_what_is_wrong(syncline, args, code, words):
    ran = syncline(*args)
    assert (ran.code, ran.out) == (code, "")
    assert words in ran.error["message"]


def test_a_folder_that_vanished_is_temporary_and_deletes_nothing(syncline, home):
    syncline("sync", "./docs")
    (home / "docs").rename(home / "away")
    ran = syncline("sync", "docs")
    assert (ran.code, ran.json["status"], ran.json["deleted"]) == (5, "failed", 0)
    assert ran.json["error"]["category"] == "source"
    assert syncline("search", "refund").json["total"] == 2


def test_a_data_directory_of_a_newer_version_is_left_alone(syncline, home):
    import sqlite3

    syncline("sync", "./docs")
    with sqlite3.connect(home / ".syncline" / "control.db") as database:
        database.execute("PRAGMA user_version = 999999")
    ran = syncline("sync", "./docs")
    assert ran.code == 1
    assert ran.error["code"] == "data_dir.newer"


def test_a_data_directory_that_is_a_file_is_an_error(syncline, home):
    (home / "state").write_text("not a directory")
    assert syncline("sync", "./docs", "--data-dir", "state").error["code"].startswith("data_dir.")


def test_an_unchanged_folder_costs_neither_pydantic_nor_rich(syncline, home):
    syncline("sync", "./docs")
    code = (
        "import sys; from syncline.cli import main; sys.argv = ['syncline', 'sync', './docs']\n"
        "main(); print('\\n'.join(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=home, env=environment(), capture_output=True, text=True)
    assert json.loads(done.stdout)["kept"] == 3
    assert not {"pydantic", "rich", "asyncio"} & set(done.stderr.split())


# --- slow sources, signals, terminals ------------------------------------------------------------------------------

SLOW = """
import os, time
from syncline import Document, source

@source("slow")
def slow(config):
    print("noise from a source")
    for i in range({count}):
        if not os.path.exists("hurry"):
            time.sleep(0.02)
        yield Document(id=f"{{i}}.md", text=f"document {{i}}")
"""


@pytest.fixture
def slow(home: Path, syncline: Callable[..., Ran]) -> Callable[[int], None]:
    """Make a connector "slow" with so many documents, 20 ms each unless there is a file "hurry"."""

    def make(count: int) -> None:
        (home / "slow.py").write_text(SLOW.format(count=count))
        assert syncline("connector", "add", "./slow.py:slow", "--name", "slow").code == 0

    return make


def wait_until_it_runs(syncline, seconds=30):
    """However long a busy machine takes to start a process: return once its job is running."""
    end = time.monotonic() + seconds
    while not syncline("jobs", "--state", "running").json:
        assert time.monotonic() < end, "no job has begun"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_sync_stops_long_before_its_end_and_the_next_run_carries_on(
    syncline, slow, home, number, remark
):
    slow(3000)  # a minute's work
    process = subprocess.Popen(
        [*SYNCLINE, "sync", "slow"],
        cwd=home,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until_it_runs(syncline)
    begun = time.monotonic()
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    remark(f"{number.name} during a sync: stopped after {time.monotonic() - begun:.1f} s")
    assert process.returncode == 130
    assert json.loads(out)["status"] == "stopped"
    assert "Traceback" not in err
    (home / "hurry").touch()
    after = syncline("sync", "slow")
    assert (after.code, after.json["status"]) == (0, "succeeded")
    assert syncline("search", "document").json["total"] == 3000


def test_a_running_job_is_refused_shown_and_stopped_from_elsewhere(syncline, slow, home):
    slow(3000)
    process = subprocess.Popen(
        [*SYNCLINE, "sync", "slow"], cwd=home, env=environment(), stdout=subprocess.PIPE, text=True
    )
    wait_until_it_runs(syncline)
    refused = syncline("sync", "slow")
    assert refused.code == 5
    assert refused.error["code"] == "job.active"
    assert syncline("job", "show", "1").json["state"] == "running"
    assert syncline("job", "stop", "1").json["state"] in ("stopping", "stopped")
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert json.loads(out)["status"] == "stopped"


def in_terminal(home: Path, *args: str, columns: int = 120) -> tuple[int, str]:
    """Run the command in a terminal of its own: (exit code, everything that was shown)."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [*SYNCLINE, *args],
        cwd=home,
        env=environment(TERM="xterm-256color", COLUMNS=str(columns)),
        stdin=slave,
        stdout=slave,
        stderr=slave,
    )
    os.close(slave)
    shown = b""
    while select.select([master], [], [], 30)[0]:
        try:
            part = os.read(master, 65536)
        except OSError:  # Linux says so when the other end is closed
            break
        if not part:
            break
        shown += part
    os.close(master)
    return process.wait(timeout=30), shown.decode("utf-8", "replace")


def what_stays(shown: str) -> str:
    """The text below the last line that was wiped, without styles."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.rpartition("\x1b[2K")[2])


def test_in_a_terminal_progress_is_shown_and_wiped_and_the_summary_stays(slow, home):
    slow(60)
    code, shown = in_terminal(home, "sync", "slow")
    assert code == 0
    assert "\x1b[2K" in shown  # the bar was drawn and wiped
    assert re.search(r"\d+ (new|listed)", shown)
    assert re.search(r"job 1 succeeded in \d+\.\d\d s: 60 inserted", what_stays(shown))


def test_in_a_terminal_the_summary_is_one_line(home):
    code, shown = in_terminal(home, "sync", "docs")
    assert code == 0
    assert "job 1" in shown
    assert "3 inserted" in shown
    code, shown = in_terminal(home, "sync", "docs", "--no-color")
    assert re.fullmatch(r"job 2 succeeded in \d+\.\d\d s: nothing changed, 3 kept\r\n", what_stays(shown))


def test_in_a_terminal_errors_are_for_people(home):
    code, shown = in_terminal(home, "sync", "missing", "--no-color")
    assert code == 3
    assert shown.startswith("error: ")
    assert "missing" in shown.splitlines()[0]
    assert "remedy: " in shown


def test_in_a_terminal_tables_fit(home):
    in_terminal(home, "sync", "docs")
    code, shown = in_terminal(home, "jobs", columns=80)
    assert code == 0
    assert "succeeded" in shown
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in shown.splitlines()]
    assert max(map(len, lines)) <= 80


def test_in_a_terminal_json_is_still_json(home):
    code, shown = in_terminal(home, "sync", "docs", "--json")
    assert code == 0
    assert json.loads(what_stays(shown))["inserted"] == 3
