"""What a listing of tables finds remembered, and forgets before it acts on something else.

What is remembered of a bucket says: the ledger holds its rows as they had this checksum. So it has to be forgotten, and
that made durable, before any other row of the bucket is taken: a job that fails afterwards leaves documents behind that
the remembered checksum knows nothing of, and rows that then become what they had been would never be read again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from syncline.sources.tables.buckets import Buckets

BUCKETS: Final = "buckets"


class Memory:
    """What the last Complete left, as far as it has not been forgotten since."""

    def __init__(self, told: Mapping[str, Any]) -> None:
        self.told = told

    @property
    def tables(self) -> Mapping[str, Any]:
        """What is remembered of each table."""
        found: Mapping[str, Any] = self.told.get("tables", {})
        return found

    def buckets(self, name: str, likeness: str) -> Buckets | None:
        """The buckets of a table; None when there are none, or none of the same likeness."""
        told = self.tables.get(name, {}).get(BUCKETS)
        return Buckets.unpacked(told) if told and told["like"] == likeness else None

    def has_buckets(self, name: str) -> bool:
        """Whether any buckets of the table are remembered."""
        return BUCKETS in self.tables.get(name, {})

    def replace(self, name: str, buckets: Buckets | None, likeness: str) -> None:
        """From now on only these buckets of the table are remembered."""
        table = {key: value for key, value in self.tables[name].items() if key != BUCKETS}
        self.told = {**self.told, "tables": {**self.tables, name: with_buckets(table, buckets, likeness)}}


def with_buckets(table: Mapping[str, Any], buckets: Buckets | None, likeness: str) -> dict[str, Any]:
    """What is remembered of a table, with its buckets."""
    told = {key: value for key, value in table.items() if key != BUCKETS}
    return told if buckets is None else {**told, BUCKETS: {"like": likeness, **buckets.packed()}}
