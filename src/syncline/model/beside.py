"""How a process of ours is started beside another one, to take work off its interpreter."""

from __future__ import annotations

import os
import sys
from typing import Final

_BOOT: Final = (
    "import sys; sys.path[:] = sys.argv[3:]; from importlib import import_module;"
    " import_module(sys.argv[1]).main(sys.argv[2])"
)


def command(module: str, told: str) -> list[str]:
    """What starts a process that calls `main(told)` of a module. It finds what we find, and nothing of the directory or
    the environment it is started in. Raises OSError where there is no interpreter to start."""
    if not sys.executable or getattr(sys, "frozen", False):
        raise FileNotFoundError("there is no interpreter to start")
    flags = ["-I", "-S", *(["-B"] if sys.dont_write_bytecode else [])]
    paths = [os.path.abspath(path) for path in sys.path if isinstance(path, str)]
    return [sys.executable, *flags, "-c", _BOOT, module, told, *paths]


def is_worth_it() -> bool:
    """Whether there is a processor for it."""
    return len(os.sched_getaffinity(0)) > 1 if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1) > 1
