"""What all drivers share: the two verbs and the clock. Standard library only: it runs in every environment."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator

from bench.markers import counted


def files(tree: str) -> Iterator[tuple[str, str]]:
    """(path, text) of every file below."""
    for folder, _, names in os.walk(tree):
        for name in names:
            path = os.path.join(folder, name)
            with open(path, encoding="utf-8") as file:
                yield path, file.read()


def clocked(work: Callable[[], object]) -> float:
    """Seconds that `work` takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def main(sync: Callable[[str, str], float], texts: Callable[[str], Iterable[str]]) -> None:
    """Do what the command line says. `sync(tree, state)` returns its inner seconds; `texts(state)` what is stored."""
    verb, tree, state = sys.argv[1:4]
    answer = {"inner_s": sync(tree, state)} if verb == "run" else counted(texts(state))
    print()
    print(json.dumps(answer))
