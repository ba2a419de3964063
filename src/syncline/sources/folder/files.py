"""The calls by which this source touches the disk, in one place, so that tests can put faulty ones there."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, NamedTuple

FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
FILE_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC  # never waits for a pipe, never takes a terminal
NO_LINKS = os.O_NOFOLLOW


class Files(NamedTuple):
    """Each with the signature and the errors of its namesake in `os`."""

    open: Callable[..., int] = os.open
    close: Callable[[int], None] = os.close
    read: Callable[[int, int], bytes] = os.read
    fstat: Callable[[int], os.stat_result] = os.fstat
    stat: Callable[..., os.stat_result] = os.stat
    scandir: Callable[[int], Any] = os.scandir
