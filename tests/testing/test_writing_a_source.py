"""docs/writing-a-source.md does what it says: its examples are taken out of it and run."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
import tomllib

import pytest

from syncline.model.documents import Document, Tombstone
from syncline.sources.registry import GROUP
from syncline.testing import check_source, open_source

PAGE = os.path.join(os.path.dirname(__file__), "..", "..", "docs", "writing-a-source.md")
TICKETS = [
    {"key": "DESK-1", "summary": "Cannot log in", "body": "The page stays empty.", "updated": "1", "state": "open"},
    {"key": "DESK-2", "summary": "Refund", "body": "Where is my refund?", "updated": "5", "state": "closed"},
    {"key": "SHOP-1", "summary": "Checkout", "body": "The button is gone.", "updated": "2", "state": "open"},
]
CHANGES = [{"id": "a", "text": "one"}, {"id": "b", "text": "two"}, {"id": "a", "text": "three"}]


def page():
    with open(PAGE, encoding="utf-8") as file:
        return file.read()


def examples():
    """{file name: code} of every block that names its file in the first line."""
    return dict(re.findall(r"^```\w+\n# (\S+)\n(.*?)^```$", page(), re.MULTILINE | re.DOTALL))


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """A directory with every example in it, and something for them to read."""
    monkeypatch.chdir(tmp_path)
    for name, code in examples().items():
        (tmp_path / name).write_text(code, encoding="utf-8")
    (tmp_path / "export.json").write_text(json.dumps(TICKETS))
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(change) + "\n" for change in CHANGES))
    with sqlite3.connect(tmp_path / "wiki.db") as db:
        db.execute("create table pages (name text primary key, body text, updated text)")
        db.executemany("insert into pages values (?, ?, '1')", [("Home", "Welcome."), ("Help", "Ask us.")])
    db.close()
    return tmp_path


def test_every_example_is_run_or_says_that_it_is_not():
    blocks = re.findall(r"(<!-- not run -->\n)?^```python\n(# \S+\n)?", page(), re.MULTILINE)
    assert len(blocks) >= 6
    assert all(bool(excused) != bool(named) for excused, named in blocks)
    assert set(examples()) == {"my_source.py", "my_changes.py", "my_wiki.py", "test_my_wiki.py", "pyproject.toml"}


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("./my_source.py:tickets", "export.json"),
        ("./my_changes.py:changes", "log.jsonl"),
        ("./my_wiki.py:Wiki", "wiki.db"),
    ],
)
def test_each_example_keeps_every_law(desk, kind, path):
    checks = check_source(kind, {"path": path})
    assert [check for check in checks if not check.passed] == []


def test_the_first_example_reads_tickets_and_has_twenty_lines(desk):
    news = list(open_source("./my_source.py:tickets", path="export.json", project="DESK").read(None))
    documents = [item for item in news if isinstance(item, Document)]
    assert [(d.id, d.title, d.metadata) for d in documents] == [
        ("DESK-1", "Cannot log in", {"state": "open"}),
        ("DESK-2", "Refund", {"state": "closed"}),
    ]
    code = [
        line for line in examples()["my_source.py"].splitlines() if line and not line.startswith(("import", "from"))
    ]
    assert len(code) <= 20


def test_the_second_example_goes_on_from_its_cursor(desk):
    changes = open_source("./my_changes.py:changes", path="log.jsonl")
    cursor = list(changes.read(None))[-1].cursor
    with open("log.jsonl", "a") as log:
        log.write('{"id": "b", "gone": true}\n{"id": "c", "text": "four"}\n')
    news = list(changes.read(cursor))
    assert news[0] == Tombstone("b")
    assert (news[1].id, news[1].text) == ("c", "four")


def test_the_test_file_of_the_third_example_passes(desk):
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_my_wiki.py"],
        capture_output=True,
        text=True,
        cwd=desk,
        env={**os.environ, "PYTEST_ADDOPTS": ""},
    )
    assert run.returncode == 0, run.stdout
    assert " passed" in run.stdout


def test_the_entry_point_is_in_the_group_that_is_looked_at():
    announced = tomllib.loads(examples()["pyproject.toml"])["project"]["entry-points"]
    assert list(announced) == [GROUP]


COMMANDS = ("source test", "source list", "connector add", "connector check", "sync", "search", "why")


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_the_page_names_exists(command):
    assert f"syncline {command}" in page()
    run = subprocess.run([sys.executable, "-m", "syncline.cli", *command.split(), "--help"], capture_output=True)
    assert run.returncode == 0, run.stderr


def test_the_page_names_no_other_commands():
    told = re.findall(r"syncline ((?:source|connector) [a-z]+|sync|search|why)\b", page())
    assert set(told) == set(COMMANDS)
