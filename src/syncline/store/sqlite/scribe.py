"""A process beside the job that writes large batches, so that reading and deciding go on meanwhile.

    job ──batch──▶ stdin of the scribe ──seqs──▶ job

A thread would not do: SQLite gives up Python's lock for every row, and would wait for it as often. The process holds
one batch at the most. It ends with the pipe, so it outlives its job by one commit, which the fence judges like any
other (invariant 2): what it made durable was whole, with its checkpoint.
"""

from __future__ import annotations

import io
import os
import pickle
import signal
import struct
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import IO, Any, Final

from syncline.model.beside import command
from syncline.model.errors import DestinationError, InternalError, SynclineError
from syncline.model.garbage import collected_rarely
from syncline.model.ports import Batch, Ticket

END_S: Final = 10.0  # a commit at hand takes no longer
_PIPE_BYTES: Final = 1 << 20
_HEAD: Final = struct.Struct(">Q")


class Scribe:
    """The job's side. One batch at a time."""

    def __init__(self, path: str) -> None:
        """Start it. Raises OSError when it cannot be started."""
        started, pipe = command(__name__, path), subprocess.PIPE
        self._process = subprocess.Popen(started, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL)
        with suppress(OSError, AttributeError, ImportError):
            import fcntl

            fcntl.fcntl(self._stdin, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)

    @property
    def pid(self) -> int:
        """The number of its process."""
        return self._process.pid

    @property
    def _stdin(self) -> IO[bytes]:
        assert self._process.stdin is not None
        return self._process.stdin

    def begin(self, ticket: Ticket, batch: Batch) -> None:
        """Hand a batch over. Raises DestinationError when the process is gone."""
        try:
            _send(self._stdin, (ticket, batch))
        except OSError as error:
            raise self._gone() from error

    def end(self) -> Sequence[int]:
        """What came of it: as `Ledger.commit`."""
        assert self._process.stdout is not None
        answer = _receive(self._process.stdout)
        if answer is None:
            raise self._gone()
        if isinstance(answer, BaseException):
            raise answer
        seqs: Sequence[int] = answer
        return seqs

    def close(self) -> None:
        """Return when it has ended."""
        with suppress(OSError):
            self._stdin.close()
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _gone(self) -> DestinationError:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(1)
        return DestinationError(
            f"the process that writes the index has ended ({self._process.returncode})",
            remedy="Start the job again; it goes on where it was. Is the memory enough?",
        )


def _send(stream: IO[bytes], message: Any) -> None:
    data = io.BytesIO()
    pickler = pickle.Pickler(data, 5)
    pickler.fast = True  # nothing in it refers to itself
    pickler.dump(message)
    stream.write(_HEAD.pack(data.tell()))
    stream.write(data.getbuffer())
    stream.flush()


def _receive(stream: IO[bytes]) -> Any:
    """The next message; None when there is no whole one any more."""
    head = stream.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return None
    (size,) = _HEAD.unpack(head)
    data = stream.read(size)
    return pickle.loads(data) if len(data) == size else None  # noqa: S301  # from our own other half


def main(path: str) -> None:
    """Write what comes in, until nothing comes any more."""
    from syncline.store.sqlite.truth import Truth

    for name in (signal.SIGINT, signal.SIGTERM):  # meant for the job, which lets go of us
        signal.signal(name, signal.SIG_IGN)
    truth = Truth(path, create=False)
    try:
        with collected_rarely():
            while (message := _receive(sys.stdin.buffer)) is not None:
                _send(sys.stdout.buffer, _written(truth, *message))
    except BrokenPipeError:
        os._exit(0)  # nobody listens any more
    finally:
        truth.close()


def _written(truth: Any, ticket: Ticket, batch: Batch) -> Sequence[int] | SynclineError:
    try:
        seqs: Sequence[int] = truth.commit(ticket, batch)
        return seqs
    except SynclineError as error:
        return error
    except Exception as error:
        return InternalError(f"{type(error).__name__}: {error}")
