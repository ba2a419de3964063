"""The child process: reads one document after the other for its parent, and dies with it.

    parent ──request──▶ stdin   read by one of the READERS   stdout ──answer──▶ parent

It is confined before it looks at a byte: no core dumps, no writing of files, a ceiling on memory; for each document a
ceiling on processor time. The parent kills it when a document takes too long, and starts another.
An idle child ends when its stdin does. A busy one is ended by the kernel: it asks for SIGIO on its stdin, whose default
is death, and the parent has nothing to say while it waits, so the only event can be that the parent is gone.
"""

from __future__ import annotations

import fcntl
import os
import resource
import sys

from syncline.transforms.readers import wire
from syncline.transforms.readers.reading import Budget, Enough, NoText, Reading, Trouble

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

READERS: Mapping[str, tuple[str, str]] = {
    # reader   module and function
    "zip": ("container", "read_zip"),
    "ole": ("container", "read_ole"),
    "pdf": ("pdf", "read"),
    "html": ("html", "read"),
    "xml": ("xml", "read"),
    "rtf": ("rtf", "read"),
    "mail": ("mail", "read"),
    "json": ("json_text", "read"),
}
_PACKAGES = {"selectolax": "HTML", "pypdfium2_raw": "PDF", "python_calamine": "spreadsheets"}
_SPARE_CPU_S = 5
_GROWN = 4  # a child that keeps more than a quarter of its memory after a document makes way for a fresh one


def main(memory_bytes: int) -> None:
    """Serve until stdin ends. `memory_bytes` is what may be taken beyond the memory of the bare interpreter."""
    parent = os.getppid()
    answers = os.dup(1)
    os.dup2(2, 1)  # a library that prints must not print into the answers,
    os.set_blocking(2, False)  # and one that prints a lot must not wait for somebody to read it
    base = _memory_in_use()
    _confine(base + memory_bytes)
    requests = open(0, "rb", closefd=False)  # noqa: SIM115

    def arm(wall_s: float) -> None:
        _arm(parent, wall_s)

    while (received := wire.receive(requests.read)) is not None:
        request, content = wire.Request.unpack(received[0]), received[1]
        head, text = answer(request, content, arm)
        _disarm()
        del received, content
        head["last"] = is_last = _memory_in_use() > base + memory_bytes // _GROWN
        _write(answers, wire.frame(wire.to_json(head), text))
        _write(answers, text)
        if is_last:
            return
        del head, text


def answer(request: wire.Request, content: bytes, arm: Callable[[float], None]) -> tuple[dict[str, Any], bytes]:
    """(head, text) of the answer: {"error": [code, message]}, {"no_text": [code, rule]}, or the document.
    `arm` is called when the reader is loaded and the bytes are about to be looked at."""
    reading = Reading(
        request.max_chars,
        Budget(request.max_unpacked_bytes, request.max_zip_ratio, request.files),
        request.declared,
    )
    try:
        read = _reader(request.reader)
        arm(request.wall_s)
        text = _text(read, content, reading)
    except Trouble as trouble:
        return {"error": [trouble.code, trouble.message]}, b""
    except NoText as nothing:
        return {"no_text": [nothing.code, nothing.rule]}, b""
    except MemoryError:
        return {"error": ["extract.memory", "reading it takes more memory than a document may have"]}, b""
    except ModuleNotFoundError as missing:
        return {"error": _missing(missing)}, b""
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as problem:  # panics of Rust libraries are no Exceptions
        return {"error": ["extract.damaged", f"cannot be read: {type(problem).__name__}: {str(problem)[:200]}"]}, b""
    return {
        "title": reading.title,
        "metadata": reading.metadata,
        "media_type": reading.media_type,
        "warnings": reading.warnings,
        "cut": reading.cut,
    }, text.encode()


def _text(read: Callable[[bytes, Reading], None], content: bytes, reading: Reading) -> str:
    try:
        read(content, reading)
    except Enough:
        return reading.text()
    return reading.text()


def _reader(name: str) -> Callable[[bytes, Reading], None]:
    module, function = READERS[name]
    full = f"syncline.transforms.readers.{module}"
    __import__(full)
    return getattr(sys.modules[full], function)  # type: ignore[no-any-return]


def _missing(missing: ModuleNotFoundError) -> list[str]:
    package = (missing.name or "").partition(".")[0]
    if package in _PACKAGES:
        return ["extract.unavailable", f"the package that reads {_PACKAGES[package]} is not installed"]
    return ["extract.damaged", f"cannot be read: {missing}"]


def _confine(memory_bytes: int) -> None:
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_AS, memory_bytes)


def _limit(what: int, value: int) -> None:
    hard = resource.getrlimit(what)[1]
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    try:  # noqa: SIM105
        resource.setrlimit(what, (value, hard if what == resource.RLIMIT_CPU else value))
    except (ValueError, OSError):  # a system that does not know this limit has the others, and the parent's clock
        pass


def _arm(parent: int, wall_s: float) -> None:
    _limit(resource.RLIMIT_FSIZE, 0)  # only now: what was imported so far may have left its compiled code
    usage = resource.getrusage(resource.RUSAGE_SELF)
    _limit(resource.RLIMIT_CPU, int(usage.ru_utime + usage.ru_stime + wall_s) + _SPARE_CPU_S)
    fcntl.fcntl(0, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(0, fcntl.F_SETFL, fcntl.fcntl(0, fcntl.F_GETFL) | os.O_ASYNC)
    if os.getppid() != parent:
        os._exit(0)


def _disarm() -> None:
    fcntl.fcntl(0, fcntl.F_SETFL, fcntl.fcntl(0, fcntl.F_GETFL) & ~os.O_ASYNC)


def _write(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def _memory_in_use() -> int:
    """Bytes of address space, as RLIMIT_AS counts them; 0 where there is no /proc."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[0]) * resource.getpagesize()
    except OSError:
        return 0
