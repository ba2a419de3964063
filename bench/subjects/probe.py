"""Counts what a data directory holds, through the Python API: all documents, and those with each marker word.

Called as `python -m bench.subjects.probe DATA_DIR`.
"""

from __future__ import annotations

import json
import sys

from bench.markers import MARKERS
from syncline import Syncline


def counts(data_dir: str) -> dict[str, int]:
    """Documents, and documents found by each marker word."""
    with Syncline(data_dir) as syncline:
        words = {"documents": "", **MARKERS}
        return {name: syncline.search(word, limit=1, unrestricted=True).total for name, word in words.items()}


if __name__ == "__main__":
    print(json.dumps(counts(sys.argv[1])))
