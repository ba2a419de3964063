"""`syncline serve`, as a user starts, uses and ends it."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SLOW = """
import os, time
from syncline import Document, source

@source("slow")
def slow(config):
    for number in range(1_500):
        yield Document(f"d{number:06}", text=f"text {number}")
        if not os.path.exists(HURRY):
            time.sleep(0.005)
"""


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    for name in ("alpha", "beta", "gamma"):
        (folder / f"{name}.md").write_text(f"# The {name}\n\nA page about {name}.\n")
    return folder


def command(served: Any, *words: str, key: str | None = None) -> subprocess.CompletedProcess[str]:
    """The command line against that server, from another directory."""
    env = {**os.environ, "SYNCLINE_KEY": key or "a-root-secret-for-tests-0123456789"}
    env.pop("SYNCLINE_DATA_DIR", None)
    words = (*words, "--server", served.url)
    return subprocess.run(
        [sys.executable, "-m", "syncline.cli", *words], env=env, cwd="/", text=True, capture_output=True, timeout=120
    )


def wait_for(condition: Callable[[], Any], seconds: float = 60) -> Any:
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)
    return value


def slow_connector(served: Any, tmp_path: Path, name: str = "slow") -> Path:
    """Made on the machine itself, as sources by import path must be. Returns the file that makes it quick."""
    hurry = tmp_path / "hurry"
    (tmp_path / "slow.py").write_text(SLOW.replace("HURRY", repr(str(hurry))))
    made = [sys.executable, "-m", "syncline.cli", "connector", "add", f"{tmp_path}/slow.py:slow", "--name", name]
    subprocess.run([*made, "--data-dir", str(served.data_dir)], check=True, capture_output=True)
    return hurry


def test_a_job_from_the_api_to_the_search(served: Any, docs: Path, remark: Callable[[str], None]) -> None:
    begun = time.monotonic()
    with served, served.client() as client:
        assert client.get("/readyz").status_code == 200
        remark(f"the server was ready after {time.monotonic() - begun:.2f} s")
        made = client.post("/v1/connectors", json={"kind": "folder", "name": "docs", "settings": {"path": str(docs)}})
        assert made.status_code == 201, made.text
        started = client.post("/v1/connectors/docs/sync", json={})
        assert started.status_code == 202
        path = started.headers["location"]
        job = wait_for(lambda: (job := client.get(path).json())["ended_at"] and job)
        assert (job["state"], job["inserted"]) == ("succeeded", 3)
        found = client.get("/v1/search", params={"q": "gamma"}).json()
        assert [hit["id"] for hit in found["results"]] == ["gamma.md"]
        assert served.stop() == 0
    assert "Traceback" not in served.errors


def test_the_server_ends_at_once_and_its_jobs_go_on_at_its_next_start(served: Any, tmp_path: Path) -> None:
    with served:
        hurry = slow_connector(served, tmp_path)
        with served.client() as client:
            job = client.post("/v1/connectors/slow/sync", json={}).json()["job"]["number"]
            wait_for(lambda: client.get(f"/v1/jobs/{job}").json()["inserted"])
        assert served.stop() == 0
        shown = local(served, "job", "show", str(job))
        assert (shown["state"], shown["ended_at"]) == ("suspended", None)
        hurry.touch()
        served.start()
        with served.client() as client:
            ended = wait_for(lambda: (now := client.get(f"/v1/jobs/{job}").json())["ended_at"] and now)
        assert (ended["state"], ended["inserted"], ended["attempt"]) == ("succeeded", 1500, 2)


def local(served: Any, *words: str) -> Any:
    done = [sys.executable, "-m", "syncline.cli", *words, "--json", "--data-dir", str(served.data_dir)]
    return json.loads(subprocess.run(done, check=True, capture_output=True, text=True).stdout)


def test_a_second_server_on_the_same_data_directory_is_refused(served: Any) -> None:
    with served:
        args = [sys.executable, "-m", "syncline.cli", "serve", "--port", "0", "--data-dir", str(served.data_dir)]
        second = subprocess.run(args, capture_output=True, text=True, timeout=60)
        assert second.returncode != 0
        assert "data_dir.served" in second.stderr
        assert "Traceback" not in second.stderr


def test_an_address_that_is_taken_is_an_error_with_a_remedy(served: Any, tmp_path: Path) -> None:
    with served:
        port = served.url.rpartition(":")[2]
        args = [sys.executable, "-m", "syncline.cli", "serve", "--port", port, "--data-dir", str(tmp_path / "other")]
        second = subprocess.run(args, capture_output=True, text=True, timeout=60)
        assert (second.returncode, "serve.address" in second.stderr) == (2, True)
        assert "Traceback" not in second.stderr


def test_without_a_root_key_one_is_made_shown_once_and_kept_for_the_owner(tmp_path: Path) -> None:
    state = tmp_path / "state"
    env = {name: value for name, value in os.environ.items() if name != "SYNCLINE_ROOT_KEY"}
    args = [sys.executable, "-m", "syncline.cli", "serve", "--port", "0", "--human", "--data-dir", str(state)]
    shown = []
    for _ in range(2):
        process = subprocess.Popen(args, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert "http://127.0.0.1:" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        shown.append(process.communicate(timeout=60)[1])
        assert process.returncode == 0
    secret = (state / "root.key").read_text().strip().partition(":")[2]
    assert stat.S_IMODE((state / "root.key").stat().st_mode) == 0o600
    assert [secret in err for err in shown] == [True, False]


def test_the_command_line_against_a_server(served: Any, docs: Path) -> None:
    with served:
        added = command(served, "connector", "add", "folder", "--name", "docs", "--set", f"path={docs}")
        assert added.returncode == 0, added.stderr
        planned = json.loads(command(served, "plan", "docs").stdout)
        assert planned["insert"] == ["alpha.md", "beta.md", "gamma.md"]
        synced = command(served, "sync", "docs")
        assert (synced.returncode, json.loads(synced.stdout)["inserted"]) == (0, 3)
        assert json.loads(command(served, "search", "beta").stdout)["results"][0]["id"] == "beta.md"
        assert json.loads(command(served, "why", "beta.md").stdout)["state"] == "live"
        (job,) = json.loads(command(served, "jobs").stdout)
        assert (job["connector"], job["state"]) == ("docs", "succeeded")
        assert json.loads(command(served, "job", "show", "1", "--follow").stdout)["id"] == job["id"]
        assert command(served, "connector", "check", "docs").returncode == 0
        assert json.loads(command(served, "index", "check", "default").stdout) == {
            "name": "default", "ok": True, "notes": [],
        }  # fmt: skip
        assert command(served, "index", "check", "default", "--human").stdout.startswith("ok: ")
        assert json.loads(command(served, "errors").stdout) == []
        assert json.loads(command(served, "connector", "list").stdout)[0]["name"] == "docs"
        assert command(served, "connector", "remove", "docs", "--yes").returncode == 0
        assert json.loads(command(served, "search", "beta").stdout)["total"] == 0


def test_errors_of_a_server_are_the_errors_of_the_command(served: Any, tmp_path: Path) -> None:
    with served:
        url = "url=postgresql://nobody@127.0.0.1:1/gone"
        command(served, "index", "add", "far", "--destination", "postgresql", "--set", url, "--set", "table=t")
        command(served, "connector", "add", "folder", "--name", "gone", "--set", f"path={tmp_path / 'gone'}")
        codes = {
            ("index", "check", "far"): (1, "destination.unreachable"),
            ("connector", "check", "gone"): (5, "source.root_missing"),
            ("sync", "nothing"): (3, "not_found"),
            ("sync", "./docs"): (2, "server.local_path"),
            ("verify",): (2, "server.local_only"),
            ("job", "show", "99"): (3, "not_found"),
        }
        for words, (code, error) in codes.items():
            done = command(served, *words)
            assert (done.returncode, json.loads(done.stderr)["error"]["code"]) == (code, error), words
        wrong = command(served, "jobs", key="not-the-key-of-anybody")
        assert (wrong.returncode, json.loads(wrong.stderr)["error"]["code"]) == (6, "auth.invalid")
    gone = command(served, "jobs")
    assert (gone.returncode, json.loads(gone.stderr)["error"]["code"]) == (5, "server.unreachable")


def test_a_sync_that_is_interrupted_here_is_stopped_there(served: Any, tmp_path: Path) -> None:
    with served:
        slow_connector(served, tmp_path)
        env = {**os.environ, "SYNCLINE_KEY": "a-root-secret-for-tests-0123456789"}
        args = [sys.executable, "-m", "syncline.cli", "sync", "slow", "--server", served.url]
        process = subprocess.Popen(args, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        with served.client() as client:
            wait_for(lambda: [job for job in client.get("/v1/jobs").json()["items"] if job["inserted"]])
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=60)
            assert (process.returncode, json.loads(out)["status"]) == (130, "stopped"), err
            assert client.get("/v1/jobs/1").json()["state"] == "stopped"
