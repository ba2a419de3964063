"""Where processes are born: a small process that has imported everything a job needs, and forks itself for each.

    server ──{"run": 7, "task": "module:function", "args": {…}}──▶ nursery ──fork──▶ task(**args)
           ◀──{"ref": 7, "pid": …}, later {"ref": 7, "exit": …}──

A fork of it costs a few milliseconds; a new interpreter with its imports costs hundreds. It has one thread and no open
database, so forking is safe. It ends, and every child with it, when the server does, whatever ended that.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from typing import Any, NamedTuple, NoReturn

_PR_SET_PDEATHSIG = 1
_MAX_LINE = 1 << 16
NICENESS = 5  # jobs step back for whoever answers requests


class Born(NamedTuple):
    """A process has begun."""

    ref: int
    pid: int


class Died(NamedTuple):
    """It has ended: exit code, or minus the number of the signal that ended it."""

    ref: int
    exit: int


# --- the server's side ------------------------------------------------------------------------------------------------


class Nursery:
    """A handle on the nursery. Used by one thread; `fileno` may be waited on, then `news` read."""

    def __init__(self, preload: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-m", "syncline.runner.nursery", str(theirs.fileno()), *preload]
            self._process = subprocess.Popen(
                command,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,  # a Ctrl-C is for the server, which decides what becomes of jobs
                env=None if environment is None else dict(environment),
            )
        self._socket = ours
        self._rest = b""

    def fileno(self) -> int:
        """What to wait on."""
        return self._socket.fileno()

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    def run(self, ref: int, task: str, args: Mapping[str, Any]) -> None:
        """Begin a process for `task` ("module:function"); `args` are JSON. Raises OSError when the nursery is gone."""
        self._send({"run": ref, "task": task, "args": args})

    def signal(self, ref: int, number: int) -> None:
        """Send a signal to that process and its helpers, unless it has ended."""
        self._send({"signal": number, "ref": ref})

    def news(self) -> Iterator[Born | Died]:
        """What has happened since; does not wait. Raises OSError when the nursery is gone."""
        try:
            data = self._socket.recv(_MAX_LINE, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        if not data:
            raise ConnectionResetError("the nursery is gone")
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            told = json.loads(line)
            yield Died(told["ref"], told["exit"]) if "exit" in told else Born(told["ref"], told["pid"])

    def close(self) -> None:
        """End it; its children are killed."""
        self._socket.close()
        try:
            self._process.wait(2.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _send(self, order: Mapping[str, Any]) -> None:
        self._socket.sendall(json.dumps(order).encode() + b"\n")


# --- its own side -----------------------------------------------------------------------------------------------------


class _Home:
    """The loop of the nursery: orders from the server, deaths of children."""

    def __init__(self, server: socket.socket, wake: int) -> None:
        self._server = server
        self._wake = wake
        self._children: dict[int, int] = {}  # pid: ref
        self._rest = b""

    def run(self) -> None:
        """Until the server is gone; then end all children."""
        try:
            while self._turn():
                pass
        finally:
            for pid in self._children:
                _kill_group(pid, signal.SIGKILL)

    def _turn(self) -> bool:
        ready: list[object] = list(select.select([self._server.fileno(), self._wake], [], [])[0])
        if self._wake in ready:
            os.read(self._wake, 4096)
            self._reap()
        if self._server.fileno() in ready:
            data = self._server.recv(_MAX_LINE)
            if not data:
                return False
            *lines, self._rest = (self._rest + data).split(b"\n")
            for line in lines:
                self._obey(json.loads(line))
        return True

    def _obey(self, order: Mapping[str, Any]) -> None:
        if "run" in order:
            pid = os.fork()
            if pid == 0:
                self._be_a_child(order)
            self._children[pid] = order["run"]
            self._tell(ref=order["run"], pid=pid)
            return
        for pid, ref in self._children.items():
            if ref == order["ref"]:
                _kill_group(pid, order["signal"])

    def _reap(self) -> None:
        while self._children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            _kill_group(pid, signal.SIGKILL)  # helpers it has left behind
            ref = self._children.pop(pid, None)
            if ref is not None:
                self._tell(ref=ref, exit=os.waitstatus_to_exitcode(status))

    def _tell(self, **told: int) -> None:
        with suppress(OSError):  # the next turn notices that the server is gone
            self._server.sendall(json.dumps(told).encode() + b"\n")

    def _be_a_child(self, order: Mapping[str, Any]) -> NoReturn:
        code = 70
        try:
            _die_with_parent()
            os.setpgid(0, 0)
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.close(self._wake)
            self._server.close()
            gc.enable()
            code = int(_load(order["task"])(**order["args"]) or 0)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)


def _load(path: str) -> Any:
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)


def _kill_group(pid: int, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)
    if number != signal.SIGKILL:
        return
    with suppress(ProcessLookupError, PermissionError):  # it may not have made its group yet
        os.kill(pid, number)


def _die_with_parent() -> None:
    """The kernel ends us when the nursery dies, even by SIGKILL. Elsewhere than on Linux the lease outlives it."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def main(args: Sequence[str]) -> None:
    """`python -m syncline.runner.nursery FD MODULE...`"""
    server = socket.socket(fileno=int(args[0]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(OSError):
        os.nice(NICENESS)
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    for module in args[1:]:
        import_module(module)
    gc.collect()
    gc.freeze()  # what is here now stays; looking through it in every child would only copy its pages
    gc.disable()
    _Home(server, reading).run()


if __name__ == "__main__":
    main(sys.argv[1:])
