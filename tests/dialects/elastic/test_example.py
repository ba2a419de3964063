"""The example for Elastic's client runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.dialects.elastic.connector_labs import Lab
from tests.serve.conftest import ROOT_SECRET

EXAMPLE = Path(__file__).parents[3] / "examples" / "elastic_connector.py"


def test_the_example_finds_what_it_has_read(lab: Lab) -> None:
    place = lab.folder({"leave.md": "# Parental leave\n\nFourteen weeks.", "lunch.md": "# Lunch\n\nAt noon."})
    done = subprocess.run(
        [sys.executable, str(EXAMPLE), lab.url, str(place), "weeks of leave"],
        env={**os.environ, "SYNCLINE_KEY": f"root:{ROOT_SECRET}"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    first, second, *found = done.stdout.splitlines()
    assert first == "first run  completed: 2 indexed, 0 deleted, 2 in all"
    assert second == "second run completed: 0 indexed, 0 deleted, 2 in all"
    assert "(leave.md)" in found[0]
    assert "example-files" not in [one["id"] for one in lab.api.list(size=1000)["results"]]
