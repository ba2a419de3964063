"""The script in examples/ runs as it is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_the_example_follows_a_factory(tmp_path: Path) -> None:
    line = [sys.executable, str(ROOT / "examples" / "twinmaker_sitewise.py")]
    done = subprocess.run(line, capture_output=True, text=True, cwd=tmp_path, check=False, timeout=240)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert sorted(lines[:5]) == ["  Pump 1", "  Pump 2", "  Pump 3", "Bottling", "Packing"]
    assert lines[5:8] == [
        "0 resources could not be taken",
        "speed of Pump 1: 1450.0",
        "after it was moved in SiteWise:",
    ]
    after = lines[8:]
    assert after[after.index("Packing") + 1] == "  Pump 1"
    assert len(after) == 5
