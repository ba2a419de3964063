"""Reading the files of rules that lie in the tree.

When one cannot be read nobody knows what its folder may show, so that is an error and never "no rules".
"""

from __future__ import annotations

import errno
import os
import stat
from bisect import bisect_left
from collections.abc import Sequence
from operator import attrgetter
from typing import Final

from syncline.sources.folder.files import FILE_FLAGS, Files
from syncline.sources.folder.ignore import Rule, parse_lines

_MOST_BYTES: Final = 1024 * 1024
_name = attrgetter("name")


def read_rules(
    files: Files, here: int, wanted: Sequence[str], names: Sequence[os.DirEntry[str]] | None, prefix: str
) -> list[Rule]:
    """The rules of the files `wanted` in the open folder `here`, whose ids begin with `prefix`.
    `names` are all there are in it, sorted; None: too many to be at hand.
    Raises OSError, with the file's name in it, when one is there and cannot be read."""
    rules: list[Rule] = []
    for name in wanted:
        if names is None or _is_in(names, name):
            content = _content(files, here, name, must_exist=names is not None)
            rules += parse_lines(content, f"{prefix}{name}: ")
    return rules


def _is_in(entries: Sequence[os.DirEntry[str]], name: str) -> bool:
    at = bisect_left(entries, name, key=_name)
    return at < len(entries) and entries[at].name == name


def _content(files: Files, here: int, name: str, *, must_exist: bool) -> bytes:
    """What is in it; nothing when it is no file."""
    try:
        descriptor = files.open(name, FILE_FLAGS, dir_fd=here)
    except FileNotFoundError as error:
        if not must_exist:
            return b""
        raise OSError(error.errno, "it is a link that leads nowhere, or has just gone", name) from None
    except OSError as error:
        raise OSError(error.errno, error.strerror, name) from None
    try:
        status = files.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return b""
        if status.st_size > _MOST_BYTES:
            raise OSError(errno.EFBIG, "it is larger than 1 MiB", name)
        return _read(files, descriptor, name)
    finally:
        files.close(descriptor)


def _read(files: Files, descriptor: int, name: str) -> bytes:
    try:
        return files.read(descriptor, _MOST_BYTES)
    except OSError as error:
        raise OSError(error.errno, error.strerror, name) from None
