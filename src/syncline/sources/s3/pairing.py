"""Objects and the metadata files that belong to them, brought together while the bucket is listed.

The metadata file of KEY is called KEY.metadata.json, beside it or under a prefix of its own. In the order of keys it
comes after KEY, and everything between the two begins with KEY; so what waits for its file is a chain in which each
key begins with the one before, and is short however large the bucket is. A second listing is mapped onto the same
order by taking its prefix off.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from syncline.sources.s3.objects import Found

SUFFIX: Final = ".metadata.json"


class Paired(NamedTuple):
    """An object, and its metadata file if it has one. `key` of `sidecar` is its real key."""

    found: Found
    sidecar: Found | None = None


class Passed(NamedTuple):
    """Everything up to this key has been told; listing may begin after it."""

    key: str


class _Line(NamedTuple):
    key: str  # in the common order
    found: Found
    is_sidecar: bool


def beside(objects: Iterable[Found]) -> Iterator[Paired | Passed]:
    """Pairs of one listing, in which objects and metadata files lie side by side."""
    return _pairs(_Line(found.key, found, found.key.endswith(SUFFIX)) for found in objects)


def apart(objects: Iterable[Found], sidecars: Iterable[Found], prefix: str) -> Iterator[Paired | Passed]:
    """Pairs of two listings; the metadata files lie under `prefix`. Objects there are left out where they overlap."""
    documents = (
        _Line(found.key, found, False)
        for found in objects
        if not (found.key.startswith(prefix) and found.key.endswith(SUFFIX))
    )
    files = (_Line(found.key[len(prefix) :], found, True) for found in sidecars if found.key.endswith(SUFFIX))
    return _pairs(heapq.merge(documents, files, key=lambda line: line.key))


def _pairs(lines: Iterable[_Line]) -> Iterator[Paired | Passed]:
    waiting: list[Found] = []  # each key begins with the one before
    last = ""
    for line in lines:
        while waiting and not line.key.startswith(waiting[-1].key):
            yield Paired(waiting.pop())
        if not waiting and last and last != line.key:
            yield Passed(last)
        last = line.key
        if not line.is_sidecar:
            waiting.append(line.found)
            continue
        owner = line.key.removesuffix(SUFFIX)
        for at, found in enumerate(waiting):
            if found.key == owner:
                del waiting[at]
                yield Paired(found, line.found)
                break
    while waiting:
        yield Paired(waiting.pop())
