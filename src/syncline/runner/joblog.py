"""The log of one job: JSON lines, capped in size, made only when there is something to tell.

A job that found nothing to do leaves no file behind; its beginning and end are in the job table.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, TextIO

from syncline.model.ports import Clock

MAX_BYTES = 4 << 20


class JobLog:
    """Appends to the file at `path`; the first `quiet` lines wait for something worth a file."""

    def __init__(self, path: str, clock: Clock, **always: Any) -> None:
        self._path = path
        self._clock = clock
        self._always = always
        self._waiting: list[str] = []
        self._file: TextIO | None = None
        self._room = MAX_BYTES

    def note(self, event: str, **fields: Any) -> None:
        """A line that alone is not worth a file."""
        self._waiting.append(self._line("info", event, fields))

    def log(self, level: str, event: str, **fields: Any) -> None:
        """A line, and all that waited before it."""
        self._waiting.append(self._line(level, event, fields))
        if self._file is None:
            os.makedirs(os.path.dirname(self._path), exist_ok=True)
            self._file = open(self._path, "a", encoding="utf-8", errors="replace")  # noqa: SIM115
            self._room -= self._file.tell()
        for line in self._waiting:
            self._write(line)
        self._waiting.clear()

    def _line(self, level: str, event: str, fields: dict[str, Any]) -> str:
        at = datetime.fromtimestamp(self._clock(), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return json.dumps({"ts": at, "level": level, "event": event, **self._always, **fields}, default=str)

    def _write(self, line: str) -> None:
        assert self._file is not None
        if self._room <= 0:
            return
        self._room -= len(line) + 1
        if self._room <= 0:
            line = self._line("warning", "log.full", {"message": f"the log is cut at {MAX_BYTES} bytes"})
        self._file.write(line + "\n")
        self._file.flush()

    def close(self, event: str, **fields: Any) -> None:
        """The last line, if there is a file at all."""
        if self._file is not None:
            self._write(self._line("info", event, fields))
            self._file.close()
            self._file = None


def read_log(path: str) -> Iterator[str]:
    """The lines so far; none when there is no file."""
    if os.path.exists(path):
        with open(path, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                yield line.rstrip("\n")
