"""The least that any tool must do, as one small process: look at every file, or read every file.

Called as `floors.py walk|read FOLDER`.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator


def walk(folder: str) -> Iterator[tuple[str, int]]:
    """(path, size) of every file below, each looked at by one stat call."""
    pending = [folder]
    while pending:
        with os.scandir(pending.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    pending.append(entry.path)
                else:
                    yield entry.path, entry.stat(follow_symlinks=False).st_size


def walk_all(folder: str) -> dict[str, int]:
    """How many files there are, and their bytes."""
    sizes = [size for _, size in walk(folder)]
    return {"documents": len(sizes), "bytes": sum(sizes)}


def read_all(folder: str) -> dict[str, int]:
    """The same, from reading and hashing every one of them."""
    from xxhash import xxh3_128_digest

    digests = []
    size = 0
    for path, bytes_ in walk(folder):
        descriptor = os.open(path, os.O_RDONLY)
        body = os.read(descriptor, bytes_ + 1)
        os.close(descriptor)
        digests.append(xxh3_128_digest(body))
        size += len(body)
    return {"documents": len(digests), "bytes": size}


if __name__ == "__main__":
    print(json.dumps((walk_all if sys.argv[1] == "walk" else read_all)(sys.argv[2])))
