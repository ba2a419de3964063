"""Latency of searches in one warm process, by kind of query. Prints JSON.

Called as `python -m bench.search.queries DATA_DIR DOCUMENTS SEED QUERIES`.
"""

from __future__ import annotations

import json
import random
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

from bench.figures import percentile
from bench.small_documents import CATEGORIES, document
from bench.words import vocabulary
from syncline import Syncline
from syncline.model.search import Filter

WARM_UP = 20
FREQUENT = (1, 100)  # ranks in the vocabulary
MEDIUM = (1_000, 3_000)

Query = tuple[str, Sequence[Filter]]


def _words(rng: random.Random, ranks: tuple[int, int], count: int) -> str:
    return " ".join(rng.sample(vocabulary().ranks(*ranks), count))


def _phrase(rng: random.Random, documents: int, seed: int) -> str:
    """Two words that stand side by side in some document."""
    words = document(rng.randrange(documents), seed).words
    at = rng.randrange(len(words) - 1)
    return f'"{words[at]} {words[at + 1]}"'


def _prefix(rng: random.Random) -> str:
    """The first four letters of a word that is neither rare nor short."""
    return next(w for w in iter(lambda: _words(rng, MEDIUM, 1), "") if len(w) > 4)[:4] + "*"


def kinds(rng: random.Random, documents: int, seed: int, count: int) -> Iterator[tuple[str, list[Query]]]:
    """The name of each kind, with `count` queries of it."""
    plain: Sequence[Filter] = ()
    for number, name in enumerate(("one", "two", "three"), 1):
        words = "word" if number == 1 else "words"
        yield f"{name} frequent {words}", [(_words(rng, FREQUENT, number), plain) for _ in range(count)]
    yield "two medium words", [(_words(rng, MEDIUM, 2), plain) for _ in range(count)]
    yield "phrase of two words", [(_phrase(rng, documents, seed), plain) for _ in range(count)]
    yield "prefix of four letters", [(_prefix(rng), plain) for _ in range(count)]
    filters = [Filter("category", "eq", category) for category in CATEGORIES]
    yield "two frequent words, filtered", [(_words(rng, FREQUENT, 2), [rng.choice(filters)]) for _ in range(count)]


def ask(syncline: Syncline, query: Query) -> tuple[float, int]:
    """(milliseconds, matches) of one search for the first ten results with snippets."""
    text, filters = query
    began = time.perf_counter()
    total = syncline.search(text, filters=filters).total
    return (time.perf_counter() - began) * 1000, total


def summary(name: str, answers: Sequence[tuple[float, int]]) -> dict[str, Any]:
    """One line of the table."""
    times = [ms for ms, _ in answers]
    matches = [total for _, total in answers]
    return {
        "name": name,
        "queries": len(answers),
        "p50_ms": percentile(times, 50),
        "p95_ms": percentile(times, 95),
        "p99_ms": percentile(times, 99),
        "max_ms": max(times),
        "median_matches": int(statistics.median(matches)),
        "unmatched": matches.count(0),
    }


def measure(data_dir: str, documents: int, seed: int, count: int) -> dict[str, Any]:
    """Open the directory, ask everything, and say how long it took."""
    rng = random.Random(seed)
    asked = list(kinds(rng, documents, seed, count + WARM_UP))
    began = time.perf_counter()
    with Syncline(data_dir) as syncline:
        open_ms = (time.perf_counter() - began) * 1000
        first_ms, _ = ask(syncline, asked[0][1][0])
        lines = []
        for name, queries in asked:
            answers = [ask(syncline, query) for query in queries]
            lines.append(summary(name, answers[WARM_UP:]))
    return {"open_ms": open_ms, "first_query_ms": first_ms, "queries": lines}


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], *map(int, sys.argv[2:5]))))
