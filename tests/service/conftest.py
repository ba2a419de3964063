"""Real data directories, real folders, real processes."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from syncline import Syncline


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    for name in ("alpha", "beta", "gamma"):
        (folder / f"{name}.md").write_text(f"# The {name}\n\nA page about {name}.\n")
    return folder


@pytest.fixture
def syncline(state: Path) -> Iterator[Syncline]:
    with Syncline(state) as opened:
        yield opened


def bytes_of(folder: Path) -> dict[str, str]:
    """Every file below a folder with a hash of its bytes."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture
def snapshot() -> Callable[[Path], dict[str, str]]:
    return bytes_of


class Command:
    """The command line in a process of its own."""

    def __init__(self, state: Path, cwd: Path) -> None:
        self._state = state
        self._cwd = cwd

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Begin it and return at once."""
        env = {**os.environ, "SYNCLINE_DATA_DIR": str(self._state)}
        return subprocess.Popen(
            [sys.executable, "-m", "syncline.cli", *words],
            cwd=self._cwd,
            env=env,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def __call__(self, *words: str, code: int = 0) -> Any:
        """Run it to its end; what it printed, as JSON."""
        process = self.start(*words, "--json")
        out, err = process.communicate(timeout=60)
        assert process.returncode == code, (process.returncode, out, err)
        assert "Traceback" not in err
        return json.loads(out) if out.strip() else json.loads(err)


@pytest.fixture
def command(state: Path, tmp_path: Path) -> Command:
    return Command(state, tmp_path)
