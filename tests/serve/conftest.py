"""A real server in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT_SECRET = "a-root-secret-for-tests-0123456789"


class Served:
    """`syncline serve` on a free port. Use it in a `with`; `kill` ends it like a power cut would."""

    def __init__(self, data_dir: Path, *args: str, cwd: Path | None = None, **environ: str) -> None:
        self.data_dir = data_dir
        self._args = args
        self._cwd = cwd
        self._environ = {**os.environ, "SYNCLINE_ROOT_KEY": f"root:{ROOT_SECRET}", **environ}
        self.url = ""
        self.process: subprocess.Popen[str] | None = None
        self._errors = data_dir.parent / "server.log"

    def start(self) -> Served:
        """Begin it and return once it answers."""
        command = [sys.executable, "-m", "syncline.cli", "serve", "--port", "0", "--json", *self._args]
        with self._errors.open("a") as errors:
            self.process = subprocess.Popen(
                [*command, "--data-dir", str(self.data_dir)],
                cwd=self._cwd or self.data_dir.parent,
                env=self._environ,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.errors
        self.url = json.loads(line)["url"]
        return self

    @property
    def errors(self) -> str:
        """Everything it has written to stderr, in all its lives."""
        return self._errors.read_text()

    def kill(self) -> None:
        """SIGKILL."""
        assert self.process is not None
        self.process.kill()
        self.process.communicate()

    def stop(self) -> int:
        """SIGTERM, and its exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=60)
        return self.process.returncode

    def client(self, secret: str = ROOT_SECRET, **more: Any) -> Any:
        """An httpx client that knows the address and the key."""
        import httpx

        headers = {"authorization": f"Bearer {secret}"} if secret else {}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60, **more)

    def __enter__(self) -> Served:
        return self.start()

    def __exit__(self, *_: object) -> None:
        if self.process is not None and self.process.poll() is None:
            self.kill()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A server on a new data directory, not yet started."""
    made = Served(tmp_path / "state")
    yield made
    made.__exit__()
