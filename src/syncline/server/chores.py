"""What is done beside requests and jobs: schedules that are due, triggers, outgoing webhooks, tidying up."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from syncline.dialects.catalog import CHORES
from syncline.model.errors import SynclineError
from syncline.server.mounts import Ground, named
from syncline.server.telling import Teller
from syncline.service.schedules import Ticker
from syncline.service.triggers import AfterSuccess, FolderWatcher
from syncline.service.webhooks import Dispatcher
from syncline.store.relational.records import Records
from syncline.wiring import Installation

if TYPE_CHECKING:
    from syncline.server.house import House

POLL_S = 0.2  # how soon a schedule that another process has made is seen
TIDY_EVERY_S = 600.0
AGAIN_S = 5.0  # after a chore of a dialect has failed

logger = logging.getLogger(__name__)


class Chores:
    """Threads that live as long as the server. One of them looks at the clock, the others wait for the world."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._installation = Installation(house.settings.data_dir, house.clock)
        self._thread = threading.Thread(target=self._run, name="chores", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Return when all have ended; `house.closing` is set before."""
        self._thread.join()

    def _run(self) -> None:
        settings = self._house.settings
        watcher = FolderWatcher(self._installation, self._house.wake)
        dispatcher = Dispatcher(Installation(settings.data_dir), allow_private=settings.allow_private)
        dispatcher.start()
        try:
            Clockwork(self._house, self._installation, watcher).run()
        finally:
            watcher.stop()
            dispatcher.stop()
            self._installation.close()


class Clockwork:
    """Turns when something is due or the database has changed."""

    def __init__(self, house: House, installation: Installation, watcher: FolderWatcher) -> None:
        self._house = house
        self._control = installation.control()
        self._teller = Teller(self._control)
        self._ticker = Ticker(self._control)
        self._after = AfterSuccess(installation)
        self._watcher = watcher
        self._due: float | None = 0.0
        self._dialects: dict[str, float | None] = dict.fromkeys(CHORES, 0.0)
        self._tidied = time.monotonic()

    def run(self) -> None:
        """Until the server ends. A failure of one chore is logged; it is tried again."""
        seen = -1
        while not self._house.closing.wait(POLL_S):
            version = self._version(seen)
            if version != seen or (self._due is not None and self._house.clock() >= self._due):
                seen = version
                self._quietly("log", self._teller.step)
                self._quietly("schedules", self._tick)
                self._quietly("triggers", self._follow)
                self._dialects = dict.fromkeys(CHORES, 0.0)
            for dialect, due in self._dialects.items():
                if due is not None and self._house.clock() >= due:
                    self._dialects[dialect] = None
                    self._quietly(dialect, partial(self._dialect, dialect))
            if time.monotonic() - self._tidied >= TIDY_EVERY_S:
                self._tidied = time.monotonic()
                self._quietly("tidy", self._tidy)

    def _version(self, seen: int) -> int:
        try:
            return self._control.version()
        except SynclineError as error:  # the database is away; it will be asked again
            logger.error("chore.failed", extra={"fields": {"chore": "version", **error.as_dict()}})
            self._house.closing.wait(AGAIN_S)
            return seen

    def _tick(self) -> None:
        self._due = self._ticker.tick(self._house.clock())
        self._house.wake()

    def _follow(self) -> None:
        if self._after.step(self._control):
            self._house.wake()
        self._watcher.refresh()

    def _dialect(self, dialect: str) -> None:
        self._dialects[dialect] = self._house.clock() + AGAIN_S  # should it fail
        if Records(self._control, dialect).any():
            self._dialects[dialect] = named(CHORES[dialect])(Ground(self._house))
        else:
            self._dialects[dialect] = None

    def _tidy(self) -> None:
        self._control.forget_events()

    def _quietly(self, what: str, chore: Callable[[], None]) -> None:
        try:
            chore()
        except SynclineError as error:
            logger.error("chore.failed", extra={"fields": {"chore": what, **error.as_dict()}})
        except Exception:
            logger.exception("chore.failed", extra={"fields": {"chore": what, "pid": os.getpid()}})
