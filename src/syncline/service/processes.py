"""What the processes of a server run: one job, or one tool (a check, a plan)."""

from __future__ import annotations

import io
import json
import os
import signal
import sys
import threading
from contextlib import suppress
from importlib import import_module
from typing import Any

from syncline.model.errors import InternalError, SynclineError
from syncline.runner.supervisor import NOT_HAD
from syncline.service import jobs
from syncline.wiring import Installation

PRELOAD = (
    "syncline.service.processes",
    "syncline.destinations.embedded.feeds",
    "syncline.destinations.embedded.text",
    "syncline.destinations.embedded.session",
    "syncline.destinations.embedded.view",
    "syncline.sources.registry",
    "syncline.sources.folder.source",
    "syncline.transforms.extract",
    "pydantic",
    "tantivy",
)

LOCAL = ("apsw", "syncline.store.sqlite.store")  # where the store is files
REMOTE = ("asyncpg", "syncline.store.postgres.store")  # where it is a database


def run_attempt(data_dir: str, job: int) -> int:
    """Run that job to its end, or until SIGTERM suspends it. The exit code says whether it could be had."""
    suspend = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: suspend.set())
    _be_quiet()
    installation = Installation(data_dir)
    try:
        ended = jobs.attempt(installation, job, suspend=suspend.is_set, on_hang=lambda: os._exit(0))
    finally:
        installation.leave()
    return NOT_HAD if ended is None else 0


def run_tool(task: str, args: dict[str, Any], answer: str) -> int:
    """Call "module:function" with `args` and leave what it returns, or the error it raises, in the file `answer`."""
    _be_quiet()
    module, _, name = task.partition(":")
    told: dict[str, Any]
    try:
        told = {"answer": getattr(import_module(module), name)(**args)}
    except SynclineError as error:
        told = {"error": error.as_dict()}
    except Exception as error:
        told = {"error": InternalError(f"{type(error).__name__}: {error}").as_dict()}
    with open(f"{answer}.part", "w", encoding="utf-8") as file:
        json.dump(told, file)
    os.rename(f"{answer}.part", answer)
    return 0


def _be_quiet() -> None:
    """What a source prints belongs to nobody here, and might hold a secret: it is let go."""
    with suppress(OSError, ValueError):
        sys.stdout = io.TextIOWrapper(open(os.devnull, "wb"))  # noqa: SIM115
