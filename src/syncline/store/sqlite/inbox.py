"""The inbox of a pushing connector in the SQLite file of its index."""

from __future__ import annotations

import os

from syncline.model.ports import CrashPoint, no_crash
from syncline.store.relational import inbox
from syncline.store.sqlite.database import File

_HAS_TABLE = "select 1 from sqlite_schema where type = 'table' and name = 'inbox'"


class Inbox(inbox.Inbox):
    """The inbox of the connector with that number, in the truth at `path`. `read_only` changes no byte."""

    def __init__(self, path: str, connector: int, *, read_only: bool = False, crash: CrashPoint = no_crash) -> None:
        super().__init__(_opened(path, read_only, crash), connector)


def _opened(path: str, read_only: bool, crash: CrashPoint) -> File | None:
    if read_only and not os.path.exists(path):
        return None
    file = File(path, "truth", create=not read_only, read_only=read_only, crash=crash)
    if file.db.execute(_HAS_TABLE).fetchone() is not None:
        return file
    file.close()  # an older file that was only read so far: nothing was ever pushed
    return None
