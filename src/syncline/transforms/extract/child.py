"""One child process that reads hostile files, seen from the parent. readers/worker.py is the other end.

    Child.begin(request, content, deadline)  ──▶  the child reads  ──▶  Child.finish(deadline) -> (head, text)

Both raise Expired when the deadline passes and Died when the child ends; whoever catches them kills the child.
It runs in a process group of its own, so Ctrl-C in a terminal reaches only the parent, and with an empty environment,
so no secret of ours is near a parser.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from typing import Any

from syncline.transforms.readers import wire

_BOOT = """\
import sys
memory_bytes, root = sys.argv[1:3]
sys.path[:] = sys.argv[3:]
for name, path in ("syncline", root), ("syncline.transforms", root + "/transforms"):
    package = sys.modules[name] = type(sys)(name)  # enter the packages above without running their __init__
    package.__path__ = [path]
from syncline.transforms.readers.worker import main
main(int(memory_bytes))
"""
_ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(wire.__file__))))
_KEPT_ENVIRONMENT = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
_OUT_OF_MEMORY = (b"memory allocation of", b"bad_alloc", b"MemoryError", b"out of memory", b"Cannot allocate memory")
_PIECE = 1 << 20


class Expired(Exception):
    """The document took longer than it may."""


class Died(Exception):
    """The child ended without an answer."""


class Child:
    """Starts at once; one document at a time."""

    def __init__(self, memory_bytes: int) -> None:
        paths = [os.path.abspath(path) for path in sys.path if isinstance(path, str)]
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-X", "utf8", "-c", _BOOT, str(memory_bytes), _ROOT, *paths],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            cwd="/",
            env={name: os.environ[name] for name in _KEPT_ENVIRONMENT if name in os.environ},
            process_group=0,
        )
        pipes = (self._process.stdin, self._process.stdout, self._process.stderr)
        self._requests, self.answers, self._complaints = (pipe.fileno() for pipe in pipes if pipe is not None)
        for fd in (self._requests, self.answers, self._complaints):
            os.set_blocking(fd, False)
        self.documents = 0  # begun so far

    @property
    def pid(self) -> int:
        """Process id, for tests and for people."""
        return self._process.pid

    def begin(self, request: wire.Request, content: bytes, deadline: float) -> None:
        """Hand over one document. `deadline` is on time.monotonic()."""
        self.documents += 1
        self._write(wire.frame(request.pack(), content), deadline)
        self._write(content, deadline)

    def finish(self, deadline: float, max_bytes: int) -> tuple[dict[str, Any], bytes]:
        """(head, text) of the answer. Raises Died also for an answer that makes no sense or is above `max_bytes`."""
        head_size, text_size = wire.sizes(self._read(wire.PREFIX, deadline))
        if head_size > wire.MAX_HEAD or text_size > max_bytes:
            raise Died
        head, text = self._read(head_size, deadline), self._read(text_size, deadline)
        try:
            answer = json.loads(head)
        except (ValueError, RecursionError) as problem:
            raise Died from problem
        if not isinstance(answer, dict):
            raise Died
        return answer, text

    def end(self) -> str:
        """Kill it if it still runs. Returns why it ended: "memory", "time" (of the processor), or words for people."""
        self._process.kill()
        code = self._process.wait()
        said = self._last_words()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()
        if any(words in said for words in _OUT_OF_MEMORY):
            return "memory"
        if code == -signal.SIGXCPU:
            return "time"
        if code < 0:
            return f"signal {-code}"
        return said.strip().rpartition(b"\n")[2].decode("utf-8", "replace")[:200] or f"exit code {code}"

    def has_ended(self) -> bool:
        """Whether it is gone already: idle children may be killed by anybody."""
        return self._process.poll() is not None

    def kill(self) -> None:
        """End it from another thread; `finish` then raises Died."""
        self._process.kill()

    def _write(self, data: bytes, deadline: float) -> None:
        view = memoryview(data)
        while view:
            self._wait(self._requests, select.POLLOUT, deadline)
            try:
                view = view[os.write(self._requests, view[:_PIECE]) :]
            except BlockingIOError:
                continue
            except OSError as problem:
                raise Died from problem

    def _read(self, size: int, deadline: float) -> bytes:
        data = bytearray()
        while len(data) < size:
            self._wait(self.answers, select.POLLIN, deadline)
            try:
                piece = os.read(self.answers, min(_PIECE, size - len(data)))
            except BlockingIOError:
                continue
            if not piece:
                raise Died
            data += piece
        return bytes(data)

    def _wait(self, fd: int, event: int, deadline: float) -> None:
        poller = select.poll()
        poller.register(fd, event)
        if not poller.poll(max(0.0, deadline - time.monotonic()) * 1000):
            raise Expired

    def _last_words(self) -> bytes:
        try:
            return os.read(self._complaints, _PIECE)
        except OSError:
            return b""
