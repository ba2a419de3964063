"""The one place that picks implementations and joins them.

data directory
├── control.db                 connectors, jobs
├── secret.key                 opens the secrets of connectors; made when there is one and no $SYNCLINE_SECRET_KEY
├── indexes/NAME/truth.db      documents, ledger, checkpoint, outcomes
├── indexes/NAME/text/         the text index, derived from the truth
├── leases/connector-N.lock    who runs the jobs of a connector
└── logs/job-N.jsonl           what a job had to tell
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from syncline.model.connectors import Connector
from syncline.model.documents import Held
from syncline.model.errors import DataDirectoryError, NotFound, UsageError
from syncline.model.outcomes import Kind
from syncline.model.ports import Batch, Clock, CrashPoint, Resume, Tally, Ticket, Transform, no_crash
from syncline.store.secrets import Vault
from syncline.store.sqlite.control import Control
from syncline.store.sqlite.truth import Truth

if TYPE_CHECKING:
    from syncline.destinations.embedded.text import TextIndex
    from syncline.store.sqlite.inbox import Inbox

DEFAULT_INDEX = "default"
_INDEX_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


class EmbeddedIndex:
    """The `Ledger` of an embedded index: every commit goes to the truth, and the text index follows."""

    def __init__(self, truth: Truth, text: TextIndex) -> None:
        self.truth = truth
        self.text = text
        self._draining = False
        self._file = os.stat(truth.path).st_ino

    def is_there(self) -> bool:
        """False once it has been removed, whether or not there is another one in its place."""
        try:
            return os.stat(self.truth.path).st_ino == self._file
        except FileNotFoundError:
            return False

    def begin(self, ticket: Ticket) -> Resume:
        """See `Truth.begin`; so with all below."""
        return self.truth.begin(ticket)

    def peek(self, connector: int) -> Resume:
        return self.truth.peek(connector)

    def held(self, connector: int, ids: Sequence[str]) -> dict[str, Held]:
        return self.truth.held(connector, ids)

    def count(self, connector: int) -> tuple[int, int]:
        return self.truth.count(connector)

    def tally(self, connector: int, recipe: str) -> Tally:
        return self.truth.tally(connector, recipe)

    def names(self, connector: int) -> Iterator[Sequence[tuple[int, str]]]:
        return self.truth.names(connector)

    def rows_that(self, connector: int, choose: Callable[[Sequence[int]], list[int]]) -> Iterator[list[Held]]:
        return self.truth.rows_that(connector, choose)

    def rows(self, connector: int, batch: int = 5000) -> Iterator[list[Held]]:
        return self.truth.rows(connector, batch)

    def outcomes_of(self, job: int, ids: Sequence[str]) -> dict[str, Kind]:
        return self.truth.outcomes_of(job, ids)

    def withhold(self, ticket: Ticket, seqs: Sequence[int], reason: str) -> None:
        self.truth.withhold(ticket, seqs, reason)

    def withheld_count(self, connector: int) -> int:
        return self.truth.withheld_count(connector)

    def approved(self, connector: int) -> frozenset[int]:
        return self.truth.approved(connector)

    def commit(self, ticket: Ticket, batch: Batch) -> list[int]:
        """Commit to the truth, and let the text index know."""
        seqs = self.truth.commit(ticket, batch)
        if batch.puts or batch.deletes:
            if not self._draining:
                self._draining = True
                self.text.start()
            self.text.wake()
        return seqs

    def settle(self) -> None:
        """Invariant 9: return when everything committed so far is found by the next search."""
        self.text.settle()

    def close(self) -> None:
        """Let go of files and threads."""
        self.text.close()
        self.truth.close()


class Installation:
    """One data directory: opens what is asked for, when it is asked for."""

    def __init__(self, data_dir: str, clock: Clock = time.time, crash: CrashPoint = no_crash) -> None:
        self.data_dir = os.path.abspath(data_dir)
        self.clock = clock
        self.crash = crash
        self.vault = Vault(self.data_dir)
        self._control: Control | None = None
        self._indexes: dict[str, EmbeddedIndex] = {}
        if os.path.exists(self.data_dir) and not os.path.isdir(self.data_dir):
            raise DataDirectoryError(f"{self.data_dir} is not a directory")

    def path(self, *parts: str) -> str:
        """A path inside the data directory."""
        return os.path.join(self.data_dir, *parts)

    @property
    def exists(self) -> bool:
        """True once something was stored."""
        return os.path.exists(self.path("control.db"))

    # --- the control plane -------------------------------------------------------------------------------------------

    def make(self) -> None:
        """Make the data directory, readable by its owner only."""
        try:
            os.makedirs(self.data_dir, mode=0o700, exist_ok=True)
        except OSError as error:
            raise DataDirectoryError(f"{self.data_dir} cannot be made: {error.strerror}") from error

    def control(self) -> Control:
        """The control plane, made when it is first needed."""
        if self._control is None:
            self.make()
            self._control = self.open_control()
        return self._control

    def open_control(self) -> Control:
        """One more connection to it, for another thread."""
        return Control(self.path("control.db"), crash=self.crash)

    @contextmanager
    def reading_control(self) -> Iterator[Control | None]:
        """The control plane without changing a byte; None when there is none yet."""
        if not self.exists:
            yield None
            return
        control = Control(self.path("control.db"), create=False, read_only=True)
        try:
            yield control
        finally:
            control.close()

    # --- indexes -----------------------------------------------------------------------------------------------------

    def indexes(self) -> list[str]:
        """Names of the indexes there are."""
        folder = self.path("indexes")
        names = os.listdir(folder) if os.path.isdir(folder) else []
        return sorted(name for name in names if os.path.exists(self.truth_path(name)))

    def truth_path(self, index: str) -> str:
        """Where the truth of an index lies."""
        return self.path("indexes", checked_index(index), "truth.db")

    def index(self, name: str, *, create: bool = False) -> EmbeddedIndex:
        """An index, opened once. Raises NotFound unless it exists or `create` is true."""
        opened = self._indexes.get(name)
        if opened is not None and not opened.is_there():  # another process, or another thread, has removed it
            self._indexes.pop(name).close()
            opened = None
        if opened is None:
            opened = self._indexes[name] = self.open_index(name, create=create)
        return opened

    def let_go(self, keep: int) -> None:
        """Close all but that many of the indexes that are open, those first that were opened first. Nobody may be using
        them."""
        for name in list(self._indexes)[: max(0, len(self._indexes) - keep)]:
            self._indexes.pop(name).close()

    def open_index(self, name: str, *, create: bool = False) -> EmbeddedIndex:
        """One more set of connections to it, for another thread."""
        from syncline.destinations.embedded.text import TextIndex

        path = self.truth_path(name)
        if not create and not os.path.exists(path):
            raise NotFound(f"there is no index named {name!r}", remedy="Sync something into it first.")
        folder = self.path("indexes", name, "text")
        text = TextIndex(folder, lambda: Truth(path, crash=self.crash), crash=self.crash)
        return EmbeddedIndex(Truth(path, crash=self.crash), text)

    @contextmanager
    def reading_truth(self, index: str) -> Iterator[Truth | None]:
        """The truth of an index without changing a byte; None when there is none yet."""
        path = self.truth_path(index)
        if not os.path.exists(path):
            yield None
            return
        truth = Truth(path, create=False, read_only=True)
        try:
            yield truth
        finally:
            truth.close()

    # --- connectors --------------------------------------------------------------------------------------------------

    def source(self, connector: Connector) -> Any:
        """The connector's source, opened with its validated settings. Raises CredentialsInvalid when a secret of it
        cannot be read."""
        from syncline.sources.registry import open_source

        extra = self._offered(connector)
        opened = self.vault.open(connector.id, connector.config)
        if not opened.secrets:
            return open_source(connector.kind, opened.config, **extra)
        from syncline.sources.authoring import guarded_call, secret_texts

        secrets = secret_texts([secret.value for secret in opened.secrets.values()])
        return guarded_call(partial(open_source, **extra), connector.kind, opened.config, secrets=secrets)

    def _offered(self, connector: Connector) -> dict[str, Any]:
        """What a built-in kind is given beside its settings."""
        if connector.kind == "folder":
            return {"hidden": (self.data_dir,)}
        if connector.kind == "push":
            return {"inbox": partial(self.inbox, connector, read_only=True)}
        return {}

    def inbox(self, connector: Connector, *, read_only: bool = False) -> Inbox:
        """What was pushed to it, opened once more. `read_only` changes no byte."""
        from syncline.store.sqlite.inbox import Inbox

        path = self.truth_path(connector.index)
        return Inbox(path, connector.number, read_only=read_only, crash=self.crash)

    def transforms(self, connector: Connector) -> list[Transform]:
        """What changed documents of this connector go through."""
        from syncline.transforms.extract import Extract

        return [Extract()]

    def lease_path(self, connector: Connector) -> str:
        """The lock that says who runs its jobs."""
        return self.path("leases", f"connector-{connector.number}.lock")

    def log_path(self, job: int) -> str:
        """Where the log of a job lies, if it has one."""
        return self.path("logs", f"job-{job}.jsonl")

    def leave(self) -> None:
        """What a process does that ends now: writers and threads are let go of, files are left to its end. Closing the
        last connection to a database would copy its log back, and wait for the disk; whoever opens it next need not."""
        for index in self._indexes.values():
            index.text.close()

    def close(self) -> None:
        """Let go of everything."""
        for index in self._indexes.values():
            index.close()
        self._indexes.clear()
        if self._control is not None:
            self._control.close()
            self._control = None


def checked_index(name: str) -> str:
    """The name, if an index may be called that. Raises UsageError."""
    if not _INDEX_NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot be the name of an index",
            code="index.bad_name",
            remedy="Use lower-case letters, digits, - and _, at most 63 of them.",
        )
    return name
