"""What is made by tools/ is what tools/ would make now."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from syncline.model.jobs import TRANSITIONS

Tool = Callable[[str], Any]

FAULT = """
class SynclineError(Exception):
    code = "internal"
    category = Category.INTERNAL
    recovery = Recovery.STOP
    mender = Mender.SYNCLINE
    default_remedy = ""

class DocumentRejected(SynclineError):
    '''One document cannot be taken.'''
    code = "document.rejected"
    recovery = Recovery.SKIP

def read(path):
    raise DocumentRejected("it is odd", code="document.odd")
"""


def test_the_pages_are_current(tool: Tool) -> None:
    assert sorted(tool("make_docs").stale()) == [], "run tools/make_docs.py"


def test_the_examples_are_current(tool: Tool) -> None:
    assert sorted(tool("make_examples").stale()) == [], "run tools/make_examples.py"


def test_the_drawing_of_job_states_has_every_transition_and_no_other(pages: dict[str, str]) -> None:
    drawn = re.findall(r"^    (\w+) --> (\w+): (.+)$", pages["docs/architecture.md"], re.MULTILINE)
    arrows = {(a, event, b) for a, b, events in drawn for event in events.split(", ")}
    assert arrows == {(a.value, event.value, b.value) for (a, event), b in TRANSITIONS.items()}


def test_every_code_in_the_source_has_a_row(pages: dict[str, str], tool: Tool) -> None:
    listed = set(re.findall(r"^\| `([^`]+)` \|", pages["docs/errors.md"], re.MULTILINE))
    make_docs = tool("make_docs")
    code = make_docs.read_source(make_docs.SOURCE)
    assert {use.code for use in code.uses} | {error.said["code"] for error in code.errors().values()} == listed


def test_every_row_says_what_it_means_and_each_error_has_a_remedy(tool: Tool) -> None:
    make_docs = tool("make_docs")
    words = make_docs.tomllib.loads(make_docs.PROSE.read_text(encoding="utf-8"))
    rows = make_docs.rows(make_docs.read_source(make_docs.SOURCE), words)
    assert [row.code for row in rows if not row.meaning.endswith(".")] == []
    assert [row.code for row in rows if row.group in ("stop", "skip", "unlisted") and not row.remedy] == ["interrupted"]


def test_a_code_without_words_stops_the_tool(tool: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_docs = tool("make_docs")
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "fault.py").write_text(FAULT)
    (tmp_path / "codes.toml").write_text("")
    monkeypatch.setattr(make_docs, "ROOT", tmp_path)
    with pytest.raises(make_docs.DocsError, match=r"document\.odd"):
        make_docs.error_tables(tmp_path / "src", tmp_path / "codes.toml")
    (tmp_path / "codes.toml").write_text('["document.odd"]\nmeaning = "It is odd."\nremedy = "Look."\n')
    table = make_docs.error_tables(tmp_path / "src", tmp_path / "codes.toml")
    assert (
        "| `document.odd` | internal | syncline | skips the document; the next job tries it again | It is odd. |"
        in table
    )


def test_words_without_a_code_stop_the_tool(tool: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_docs = tool("make_docs")
    (tmp_path / "src").mkdir()
    (tmp_path / "codes.toml").write_text('["document.gone"]\nmeaning = "Nobody says this any more."\n')
    monkeypatch.setattr(make_docs, "ROOT", tmp_path)
    with pytest.raises(make_docs.DocsError, match=r"document\.gone"):
        make_docs.error_tables(tmp_path / "src", tmp_path / "codes.toml")
