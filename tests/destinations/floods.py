"""Jobs that write more than a thread beside them would index in time."""

from __future__ import annotations

import os
import sys
import time

from tests.destinations.truths import FileTruth

from syncline.destinations.embedded import drainer
from syncline.destinations.embedded.feeds import FeedAt
from syncline.destinations.embedded.text import TextIndex

BATCH = 1000


def opened(path: str, **options: object) -> tuple[FileTruth, TextIndex, list[str]]:
    """A truth and its text index in that folder, and what the index tells."""
    told: list[str] = []
    feed = FeedAt("tests.destinations.truths:FileTruth", {"path": f"{path}/truth.db"})
    index = TextIndex(f"{path}/text", feed.open, feed_at=feed, tell=told.append, **options)  # type: ignore[arg-type]
    return FileTruth(f"{path}/truth.db"), index, told


def pour(truth: FileTruth, index: TextIndex, first: int, documents: int) -> None:
    """Write so many, in batches; some of them twice."""
    for start in range(first, first + documents, BATCH):
        numbers = [*range(start, start + BATCH), *range(max(0, start - 10), start)]
        truth.put({str(number): f"word{number % 9} flood {start}" for number in numbers})
        index.wake()


def load(path: str, documents: int = 10**9, flood: int = 2 * BATCH) -> int:
    """A job: pours until it is killed or has poured so many, and settles. The id of its helper's process is left in the
    file "helper". Returns 0 when all that was poured can be found."""
    drainer.FLOOD = flood
    truth, index, _ = opened(path)
    index.start()
    shown, poured = 0, 0
    while poured < documents:
        helper = index._drainer._helper
        if helper is not None and not shown:
            shown = helper.pid
            with open(f"{path}/helper", "w", encoding="ascii") as file:
                file.write(f"{shown}\n")
        if truth.newest() - truth.confirmed() > 30 * BATCH or (not shown and poured >= 6 * BATCH):
            time.sleep(0.01)
            continue
        pour(truth, index, poured, BATCH)
        poured += BATCH
    index.settle()
    current = index.is_current(truth)
    index.close()
    return 0 if current else 3


if __name__ == "__main__":
    os._exit(load(sys.argv[1]))
