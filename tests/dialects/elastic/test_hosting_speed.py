"""How fast it is here: nothing is asserted of durations."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

from elasticsearch import helpers
from tests.dialects.elastic.connector_labs import Lab

DOCUMENTS = 5_000
WORDS = [f"word{n}" for n in range(500)]


def documents(index: str) -> list[dict[str, Any]]:
    """About a kilobyte each."""
    return [
        {
            "_index": index,
            "_id": f"d-{n}",
            "title": f"Document {n}",
            "body": " ".join(WORDS[(n * 7 + at * at) % len(WORDS)] for at in range(140)) + f" rare{n % 1000} common",
            "n": n,
            "tags": [f"t{n % 10}"],
        }
        for n in range(DOCUMENTS)
    ]


def test_figures_of_hosting(lab: Lab, remark: Callable[[str], None]) -> None:
    index = lab.name("speed")
    made = documents(index)
    began = time.perf_counter()
    assert helpers.bulk(lab.es, made, chunk_size=500) == (DOCUMENTS, [])
    written = time.perf_counter()
    lab.es.indices.refresh(index=index)
    refreshed = time.perf_counter()
    assert helpers.bulk(lab.es, made, chunk_size=500) == (DOCUMENTS, [])
    again = time.perf_counter()
    assert sum(1 for _ in helpers.scan(lab.es, index=index, _source=["id", "_timestamp"])) == DOCUMENTS
    scanned = time.perf_counter()
    remark(
        f"hosting: bulk of {DOCUMENTS} documents {DOCUMENTS / (written - began):.0f}/s, "
        f"refresh {refreshed - written:.2f} s, "
        f"the same again {DOCUMENTS / (again - refreshed):.0f}/s, scan {DOCUMENTS / (scanned - again):.0f}/s"
    )
    searches = {
        "rare word": ({"match": {"body": "rare7"}}, 5),
        "word of every document": ({"match": {"body": "common"}}, DOCUMENTS),
        "range": ({"range": {"n": {"lt": 10}}}, 10),
        "everything": ({"match_all": {}}, DOCUMENTS),
        "whole text": ({"term": {"tags.keyword": "t3"}}, DOCUMENTS // 10),
    }
    for name, (query, total) in searches.items():
        remark(f"hosting: search of {DOCUMENTS} documents, {name}: {latency(lab, index, query, total):.0f} ms")


def latency(lab: Lab, index: str, query: Any, total: int) -> float:
    """Median of five, in milliseconds."""
    taken = []
    for _ in range(5):
        began = time.perf_counter()
        found = lab.es.search(index=index, query=query)["hits"]
        taken.append((time.perf_counter() - began) * 1000)
        assert found["total"]["value"] == total
    return statistics.median(taken)
