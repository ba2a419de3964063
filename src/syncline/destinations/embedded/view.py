"""The text index as readers see it: a snapshot that is kept open, and replaced when a commit has been made."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass

import tantivy

from syncline.destinations.embedded.fields import open_index
from syncline.destinations.embedded.guard import Broken, guarded
from syncline.destinations.embedded.layout import Layout, Stamp

_PAGE = 100_000


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An index as of one commit."""

    index: tantivy.Index
    searcher: tantivy.Searcher

    @classmethod
    def open(cls, path: str) -> Snapshot:
        """The newest commit in that directory. Raises Broken."""
        with guarded("cannot open the text index"):
            index = open_index(path)
            index.config_reader("manual")
            return cls(index, index.searcher())

    def again(self) -> Snapshot:
        """The newest commit now. Raises Broken."""
        with guarded("cannot read the text index"):
            self.index.reload()
            return Snapshot(self.index, self.index.searcher())

    def highest(self) -> int:
        """The highest number in it; 0 when it is empty."""
        with guarded("cannot read the text index"):
            found = self.searcher.search(
                tantivy.Query.all_query(), 1, count=False, order_by_field="n", order=tantivy.Order.Desc
            ).hits
        return int(found[0][0]) if found else 0

    def pairs(self) -> Iterator[tuple[int, int]]:
        """Every (n, checksum) in order of n; a number that is there twice comes twice."""
        last = 0
        while True:
            with guarded("cannot read the text index"):
                hits = self.searcher.search(
                    _above(self.index.schema, last), _PAGE, count=False, order_by_field="n", order=tantivy.Order.Asc
                ).hits
                checksums = self.searcher.fast_field_values("checksum", [address for _, address in hits])
            numbers = [int(n) for n, _ in hits]
            if len(hits) == _PAGE:  # the last number may have twins on the next page: leave it to that one
                keep = numbers.index(numbers[-1])
                numbers, checksums = numbers[:keep], checksums[:keep]
            yield from zip(numbers, map(int, checksums), strict=True)  # type: ignore[arg-type]
            if len(hits) < _PAGE:
                return
            last = numbers[-1]


class View:
    """The snapshot in use. For any number of threads."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._lock = threading.Lock()
        self._held: tuple[Stamp, Snapshot] | None = None

    def snapshot(self) -> Snapshot | None:
        """As of the last commit, by whichever process; None when there is no index. Raises Broken."""
        with self._lock:
            while True:
                stamp = self._layout.stamp()
                try:
                    self._held = (stamp, self._at(stamp)) if stamp else None
                except Broken:
                    if stamp == self._layout.stamp():
                        raise
                else:
                    return self._held[1] if self._held else None

    def _at(self, stamp: Stamp) -> Snapshot:
        if self._held is None or self._held[0].path != stamp.path:
            return Snapshot.open(stamp.path)
        return self._held[1] if self._held[0] == stamp else self._held[1].again()

    def close(self) -> None:
        """Let go of the files; the next question opens them again."""
        with self._lock:
            self._held = None


def readable(path: str) -> bool:
    """Whether this version of tantivy reads that format."""
    try:
        return tantivy.Index.is_compatible(path)
    except ValueError:
        return False


def _above(schema: tantivy.Schema, n: int) -> tantivy.Query:
    return tantivy.Query.range_query(schema, "n", tantivy.FieldType.Unsigned, lower_bound=n, include_lower=False)
