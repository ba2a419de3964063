"""What is written about the dialect is true."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.dialects.airweave.labs import Lab
from tests.serve.conftest import ROOT_SECRET

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def rows() -> dict[str, list[str]]:
    """The rows of the table of sources, by short name."""
    page = (ROOT / "docs" / "dialects" / "airweave.md").read_text(encoding="utf-8")
    table = page.partition("## Sources")[2].partition("## Search")[0]
    found = [line.strip("| ").split("|") for line in table.splitlines() if line.startswith("| `")]
    return {cells[0].strip("` "): cells for cells in found}


def test_every_source_and_every_field_on_the_page_is_there(lab: Lab, rows: dict[str, list[str]]) -> None:
    sources = {source.short_name: source for source in lab.sdk.sources.list()}

    assert set(sources) == set(rows)
    for name, (_, *cells) in rows.items():
        source = sources[name]
        plain = {field.name for field in source.config_fields.fields}
        hidden = {field.name for field in source.auth_fields.fields}
        needed, others, secret, when = (set(re.findall(r"`([a-z_]+)`", cell)) for cell in cells)
        assert {field.name for field in source.config_fields.fields if field.required} <= needed
        assert needed | others <= plain | hidden, name
        assert secret <= hidden, name
        assert ("daily" in cells[3]) is not source.supports_continuous
        assert when == set()


def test_the_example_runs(lab: Lab) -> None:
    place = lab.folder({"leave.md": "# Parental leave\n\nSixteen weeks.", "b.md": "something else"})

    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "airweave_files.py"), lab.base_url, str(place), "parental leave"],
        env={**os.environ, "SYNCLINE_KEY": ROOT_SECRET},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].endswith("completed: 2 inserted, 0 updated, 0 deleted")
    assert lines[1].endswith("completed: 0 inserted, 0 updated, 0 deleted")
    assert re.fullmatch(r" +[0-9.]+  Parental leave  \(leave\.md\)", lines[2])
