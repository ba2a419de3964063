"""The truth of one index in one SQLite file."""

from __future__ import annotations

from syncline.model.ports import CrashPoint, no_crash
from syncline.store.relational import truth
from syncline.store.sqlite.database import File


class Truth(truth.Truth):
    """The `Ledger` and the `DocumentFeed` of an embedded index. One connection: use it from one thread."""

    def __init__(
        self, path: str, *, create: bool = True, read_only: bool = False, crash: CrashPoint = no_crash
    ) -> None:
        super().__init__(File(path, "truth", create=create, read_only=read_only, crash=crash))
