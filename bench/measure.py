"""One fresh process, measured: wall, CPU of its tree, peak memory, exit code, output."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

TIMEOUT_S = 3600
_LAUNCHER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "launcher.py")


@dataclass(slots=True)
class Measured:
    """What a process cost and said. `rss_mb` is the peak of its largest process; `code` is
    negative when a signal ended it."""

    wall_s: float
    cpu_s: float
    rss_mb: float
    code: int
    stdout: str
    stderr: str

    def json(self) -> dict[str, Any]:
        """The JSON object it printed: all of its output, or else the last line that is one; {} when there is none."""
        for text in (self.stdout, *reversed(self.stdout.splitlines())):
            try:
                found = json.loads(text)
            except ValueError:
                continue
            if isinstance(found, dict):
                return found
        return {}

    def complaint(self) -> str:
        """The end of what it wrote to standard error, or else to standard output; for reports of failures."""
        return (self.stderr.strip() or self.stdout.strip())[-2000:]


def run(command: Sequence[str], environment: Mapping[str, str], *, timeout_s: int = TIMEOUT_S) -> Measured:
    """Run it to its end. The disk is settled first, so that nobody pays for the writes of the one before."""
    os.sync()
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        note = os.path.join(scratch, "result.json")
        out, err = os.path.join(scratch, "out"), os.path.join(scratch, "err")
        launcher = [sys.executable, "-I", "-S", _LAUNCHER, note, str(timeout_s), *command]
        with open(out, "wb") as stdout, open(err, "wb") as stderr:
            subprocess.run(
                launcher,
                env=dict(environment),
                cwd=scratch,  # nobody finds settings, or leaves files, in the caller's folder
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                check=True,
            )
        with open(note, encoding="utf-8") as result:
            used = json.load(result)
        rss_mb = used["rss_kb"] / 1024
        return Measured(used["wall_s"], used["cpu_s"], rss_mb, used["code"], _read(out), _read(err))


def _read(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as text:
        return text.read()
