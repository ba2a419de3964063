"""A process beside the job that indexes when very many documents wait: it needs no turn of the job's interpreter.

    job ──"settle", "end"──▶ stdin of the helper ── a TextIndex of its own: takes the writer lock, drains for everybody
        ◀──an empty line when it is there, lines for people── stdout

It ends when it is told to, with the pipe when its job is gone, whatever ended that, and by itself after a time without
work.
Nothing depends on it: what it has not committed is added again by whoever takes the writer lock next.
"""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import subprocess
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from syncline.destinations.embedded.feeds import FeedAt
from syncline.model.beside import command
from syncline.model.garbage import collected_rarely

if TYPE_CHECKING:
    from syncline.destinations.embedded.text import TextIndex

START_S: Final = 15.0  # a process that has not said a word by then is none of ours
END_S: Final = 10.0  # what it is at when it is told to end takes no longer
IDLE_S: Final = 3.0
_PIECE: Final = 1 << 16
_SLICE_S: Final = 0.1


class Helper:
    """The job's side. For one thread at a time."""

    def __init__(self, directory: str, feed: FeedAt, merge_wait_s: float = 0.0) -> None:
        """Start it. `merge_wait_s`: how long it may tidy up when it is told to end. Raises OSError when it cannot be
        started."""
        told = json.dumps([directory, feed.opener, dict(feed.arguments), merge_wait_s])
        self._end_s = merge_wait_s + END_S
        self._process = subprocess.Popen(
            command(__name__, told),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )
        self._rest = b""
        self._heard, self._begun = False, time.monotonic()

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it has not ended yet, and may be relied upon."""
        return self._process.poll() is None and (self._heard or time.monotonic() < self._begun + START_S)

    @property
    def has_failed(self) -> bool:
        """Whether it is not alive, other than because there was nothing to do."""
        return not self.is_alive and self._process.returncode != 0

    def settle(self) -> None:
        """Ask it to make everything searchable that is committed in the truth by now. Does not wait."""
        self._say(b"settle\n")

    def said(self) -> list[str]:
        """Lines for people. Does not wait."""
        assert self._process.stdout is not None
        while select.select([self._process.stdout], [], [], 0)[0]:
            piece = self._process.stdout.read(_PIECE)
            if not piece:
                break
            self._rest += piece
            self._heard = True
        *lines, self._rest = self._rest.split(b"\n")
        return [line.decode("utf-8", "replace") for line in lines if line]

    def end(self) -> list[str]:
        """Let go of it, and return when it has ended; what it said last."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._say(b"end\n")
        try:
            self._process.wait(self._end_s if self.is_alive else 0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        lines = self.said()
        self._process.stdin.close()
        self._process.stdout.close()
        return lines

    def _say(self, line: bytes) -> None:
        assert self._process.stdin is not None
        with suppress(OSError, ValueError):  # it has ended, which whoever waits for it notices
            self._process.stdin.write(line)


# --- its own side -----------------------------------------------------------------------------------------------------


def main(told: str) -> None:
    """Index until told to end, or until there is nothing to do."""
    from syncline.destinations.embedded.text import TextIndex

    for number in (signal.SIGINT, signal.SIGTERM):  # meant for the job, which lets go of us
        signal.signal(number, signal.SIG_IGN)
    directory, opener, arguments, merge_wait_s = json.loads(told)
    index = TextIndex(directory, FeedAt(opener, arguments).open, tell=_tell, merge_wait_s=merge_wait_s)
    gc.freeze()
    index.start()
    _tell("")
    code = 1
    with suppress(Exception), collected_rarely():  # people were told, and our job does it again itself
        code = _serve(index)
    os._exit(code)  # the writer lock and all files go with us


def _serve(index: TextIndex) -> int:
    rest, idle_s = b"", 0.0
    while True:
        if not _is_spoken_to(_SLICE_S):
            idle_s = idle_s + _SLICE_S if index.is_idle else 0.0
            if not index.is_running:
                return 1
            if idle_s >= IDLE_S:
                return 0
            continue
        piece = os.read(0, _PIECE)
        if not piece:  # our job is gone: what is not committed is for whoever comes next
            return 0
        *lines, rest = (rest + piece).split(b"\n")
        if b"end" in lines:
            index.close(hurry=_is_spoken_to)  # there is nothing more to be said: the pipe has ended
            return 0
        index.urge()


def _is_spoken_to(timeout_s: float = 0.0) -> bool:
    return bool(select.select([0], [], [], timeout_s)[0])


def _tell(line: str) -> None:
    with suppress(OSError):
        os.write(1, line.replace("\n", " ").encode("utf-8", "replace") + b"\n")
