"""The control plane in one SQLite file."""

from __future__ import annotations

from syncline.model.ports import CrashPoint, no_crash
from syncline.store.relational import control
from syncline.store.sqlite.database import File


class Control(control.Control):
    """What a data directory knows of indexes, connectors, jobs and events."""

    def __init__(
        self, path: str, *, create: bool = True, read_only: bool = False, crash: CrashPoint = no_crash
    ) -> None:
        super().__init__(File(path, "control", create=create, read_only=read_only, crash=crash))
