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
from collections.abc import Callable, Collection, Hashable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from syncline.destinations.joined import JoinedIndex, pair
from syncline.destinations.kinds import EMBEDDED
from syncline.destinations.remote import RemoteIndex
from syncline.model.connectors import Connector
from syncline.model.destinations import Destination, Prepares, Shows
from syncline.model.documents import Held
from syncline.model.errors import DataDirectoryError, NotFound, UsageError
from syncline.model.indexes import Index
from syncline.model.news import Names
from syncline.model.outcomes import Kind
from syncline.model.ports import (
    Batch,
    BeginsCommits,
    Clock,
    CountsAhead,
    CrashPoint,
    Resume,
    Tally,
    Ticket,
    Transform,
    no_crash,
)
from syncline.model.search import Request, Results
from syncline.runner.lease import Lease, Lock
from syncline.store.relational.control import Control
from syncline.store.relational.jobs import new_id
from syncline.store.relational.truth import Truth
from syncline.store.secrets import Vault

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncline.destinations.embedded.feeds import FeedAt
    from syncline.destinations.embedded.text import TextIndex
    from syncline.store.relational.inbox import Inbox
    from syncline.store.relational.shelf import Shelf

DEFAULT_INDEX = "default"
_INDEX_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


class Store(Protocol):
    """Where everything is kept: files of the data directory, or a database that several servers share.

    remote  it is not in the data directory.
    """

    remote: bool

    @property
    def exists(self) -> bool:
        """True once something was stored."""
        ...

    def control(self, *, read_only: bool = False) -> Control:
        """The control plane, opened once more; made when there is none, unless it is for reading only."""
        ...

    def indexes(self) -> list[str]:
        """Names of the indexes that have a truth."""
        ...

    def has(self, index: str) -> bool:
        """Whether that one has."""
        ...

    def make(self, index: str, id: str, now: float) -> None:
        """See to it that it has. `id`: for its row, should there be none."""
        ...

    def mark(self, index: str) -> Hashable:
        """What tells its truth from others of that name, before and after it; None when there is none."""
        ...

    def size(self, index: str) -> int:
        """How many bytes its truth takes."""
        ...

    def truth(self, index: str, *, read_only: bool = False) -> Truth:
        """Its truth, opened once more."""
        ...

    def inbox(self, index: str, connector: int, *, read_only: bool = False) -> Inbox:
        """What was pushed to the connector of that number."""
        ...

    def lease(self, name: str) -> Lock | None:
        """The right to do what `name` says, known to all that share the store; None when that is one machine."""
        ...

    def close(self) -> None:
        """Let go of what is kept open."""
        ...


class EmbeddedIndex:
    """The `Ledger` of an embedded index: every commit goes to the truth, and the text index follows."""

    takes_sheets = True

    def __init__(self, truth: Truth, text: TextIndex, mark: Callable[[], Hashable]) -> None:
        self.truth = truth
        self.text = text
        self._draining = False
        self._mark, self._was = mark, mark()

    def is_there(self) -> bool:
        """False once it has been removed, whether or not there is another one in its place."""
        return self._was is not None and self._mark() == self._was

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

    def count_ahead(self, connector: int, recipe: str) -> None:
        if isinstance(self.truth, CountsAhead):
            self.truth.count_ahead(connector, recipe)

    def names(self, connector: int) -> Iterator[Names]:
        return self.truth.names(connector)

    def rows_that(self, connector: int, choose: Callable[[Sequence[int]], list[int]]) -> Iterator[list[Held]]:
        return self.truth.rows_that(connector, choose)

    def rows_at(self, connector: int, seqs: Sequence[int]) -> list[Held]:
        return self.truth.rows_at(connector, seqs)

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
        if batch.documents or batch.deletes:
            self.follow()
        return seqs

    def begin_commit(self, ticket: Ticket, batch: Batch) -> Callable[[], Sequence[int]]:
        if not isinstance(self.truth, BeginsCommits):
            seqs = self.commit(ticket, batch)
            return lambda: seqs
        if batch.documents or batch.deletes:
            self.follow()
        return self.truth.begin_commit(ticket, batch)

    def follow(self) -> None:
        """Documents have been written or deleted in the truth: let the text index know."""
        if not self._draining:
            self._draining = True
            self.text.start()
        self.text.wake()

    def settle(self) -> None:
        """Invariant 9: return when everything committed so far is found by the next search."""
        self.text.settle()

    def search(self, request: Request, connectors: Mapping[int, str]) -> Results:
        """What the text index answers. Raises UsageError for a senseless request."""
        return self.text.search(request, self.truth, connectors)

    def shelf(self) -> Shelf:
        """Its documents, one by one and page by page."""
        from syncline.store.relational.shelf import Shelf

        return Shelf(self.truth)

    def drop(self, connector: int, *, abandon: bool = False) -> None:
        """Remove everything of a connector. `abandon`: documents that lie elsewhere are left there."""
        self.truth.drop_connector(connector)

    def transforms(self) -> Sequence[Transform]:
        """What changed documents go through because of where they land."""
        return ()

    def close(self) -> None:
        """Let go of files and threads."""
        self.text.close()
        self.truth.close()


class FarIndex(RemoteIndex):
    """An index whose documents lie in a destination, and whose ledger is here: the truth, without documents."""

    def __init__(
        self, truth: Truth, destination: Destination, mark: Callable[[], Hashable], crash: CrashPoint = no_crash
    ) -> None:
        super().__init__(truth, destination, crash)
        self.truth = truth
        self._mark, self._was = mark, mark()

    def is_there(self) -> bool:
        """See `EmbeddedIndex`; so with all below."""
        return self._was is not None and self._mark() == self._was

    def shelf(self) -> Shelf:
        from syncline.store.relational.farshelf import FarShelf

        return FarShelf(self.truth, self.destination if isinstance(self.destination, Shows) else None)

    def drop(self, connector: int, *, abandon: bool = False) -> None:
        # The ledger first: what is left there of a connector without documents goes when its next job begins.
        self.truth.drop_connector(connector)
        if not abandon:
            self.destination.drop(connector)

    def close(self) -> None:
        self.destination.close()
        self.truth.close()


class NearIndex(JoinedIndex, FarIndex):
    """The same, where the destination may lie in the database that the ledger is in."""


OpenIndex = EmbeddedIndex | FarIndex


class Installation:
    """One data directory: opens what is asked for, when it is asked for."""

    def __init__(self, data_dir: str, clock: Clock = time.time, crash: CrashPoint = no_crash) -> None:
        self.data_dir = os.path.abspath(data_dir)
        self.clock = clock
        self.crash = crash
        self.vault = Vault(self.data_dir)
        self.store = self._chosen_store()
        self._control: Control | None = None
        self._indexes: dict[str, OpenIndex] = {}
        if os.path.exists(self.data_dir) and not os.path.isdir(self.data_dir):
            raise DataDirectoryError(f"{self.data_dir} is not a directory")

    def _chosen_store(self) -> Store:
        """The database of SYNCLINE_DATABASE_URL, or else files of the data directory."""
        if not os.environ.get("SYNCLINE_DATABASE_URL"):
            from syncline.store.sqlite.store import Store as Files

            return Files(self.data_dir, self._crash_point)
        from syncline.store.postgres.place import place_of
        from syncline.store.postgres.store import Store as Database

        place = place_of()
        assert place is not None
        return Database(place, partial(self.path, "indexes"), self._forget_text, self._crash_point)

    def _crash_point(self, point: str) -> None:
        self.crash(point)

    def _forget_text(self, index: str) -> None:
        """What was derived from an earlier truth of that name is of no use any more."""
        from syncline.destinations.embedded.layout import Layout

        folder = self.path("indexes", index, "text")
        if os.path.isdir(folder):
            Layout(folder).condemn()

    def path(self, *parts: str) -> str:
        """A path inside the data directory."""
        return os.path.join(self.data_dir, *parts)

    @property
    def exists(self) -> bool:
        """True once something was stored."""
        return self.store.exists

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
        return self.store.control()

    @contextmanager
    def reading_control(self) -> Iterator[Control | None]:
        """The control plane without changing a byte; None when there is none yet."""
        if not self.exists:
            yield None
            return
        control = self.store.control(read_only=True)
        try:
            yield control
        finally:
            control.close()

    # --- indexes -----------------------------------------------------------------------------------------------------

    def indexes(self) -> list[str]:
        """Names of the indexes there are."""
        return self.store.indexes()

    def has_index(self, name: str) -> bool:
        """Whether there is one of that name, with a truth."""
        return self.store.has(checked_index(name))

    def truth_path(self, index: str) -> str:
        """Where the truth of an index lies when it is a file."""
        return self.path("indexes", checked_index(index), "truth.db")

    def index(self, name: str, *, create: bool = False) -> OpenIndex:
        """An index, opened once. Raises NotFound unless it exists or `create` is true."""
        opened = self._indexes.get(name)
        if opened is not None and not opened.is_there():  # another process, or another thread, has removed it
            self._indexes.pop(name).close()
            opened = None
        if opened is None:
            opened = self._indexes[name] = self.open_index(name, create=create)
        return opened

    def embedded(self, name: str, *, create: bool = False) -> EmbeddedIndex:
        """An index whose documents and text index are here. Raises UsageError ("index.not_here") for another one."""
        opened = self.index(name, create=create)
        if isinstance(opened, EmbeddedIndex):
            return opened
        raise UsageError(
            f"the documents of index {name!r} lie in a destination elsewhere, and this needs them here",
            code="index.not_here",
            remedy="Use an index with the destination embedded.",
        )

    def let_go(self, keep: int) -> None:
        """Close all but that many of the indexes that are open, those first that were opened first. Nobody may be using
        them."""
        for name in list(self._indexes)[: max(0, len(self._indexes) - keep)]:
            self._indexes.pop(name).close()

    def forget(self, name: str) -> None:
        """Open it anew when it is needed next: its settings have been changed."""
        opened = self._indexes.pop(name, None)
        if opened is not None:
            opened.close()

    def open_index(self, name: str, *, create: bool = False) -> OpenIndex:
        """One more set of connections to it, for another thread."""
        if create:
            self.make()
            self.store.make(checked_index(name), new_id(), self.clock())
        elif not self.has_index(name):
            raise NotFound(f"there is no index named {name!r}", remedy="Sync something into it first.")
        destination, mark = self._destination_of(name), partial(self.store.mark, name)
        truth = self.store.truth(name)
        if destination is not None:
            far = FarIndex if pair(truth, destination) is None else NearIndex
            return far(truth, destination, mark, self.crash)
        from syncline.destinations.embedded.text import TextIndex

        folder = self.path("indexes", name, "text")
        text = TextIndex(folder, partial(self.store.truth, name), feed_at=self._feed_at(name), crash=self.crash)
        return EmbeddedIndex(truth, text, mark)

    def _feed_at(self, name: str) -> FeedAt | None:
        """How another process reads the documents of an index; None where that needs more than a path."""
        from syncline.destinations.embedded.feeds import FeedAt

        if self.store.remote or self.crash is not no_crash:  # crash points are in this process
            return None
        return FeedAt("syncline.store.sqlite.truth:Truth", {"path": self.truth_path(name), "create": False})

    def destination(self, index: Index) -> Destination | None:
        """Where its documents land, not connected yet; None when that is the store itself. Raises NotFound when there
        is no such kind any more, CredentialsInvalid when a secret of it cannot be read."""
        if index.destination == EMBEDDED:
            return None
        from types import SimpleNamespace

        from syncline.destinations.kinds import find

        opened = self.vault.open(index.id, index.settings)
        made: Destination = find(index.destination).load_source()(SimpleNamespace(**opened.config), index=index.id)
        return made

    def _destination_of(self, name: str) -> Destination | None:
        if self._control is not None:
            row = self._control.index(name)
        else:
            with self.reading_control() as control:
                row = None if control is None else control.index(name)
        return None if row is None else self.destination(row)

    @contextmanager
    def reading_truth(self, index: str) -> Iterator[Truth | None]:
        """The truth of an index without changing a byte; None when there is none yet."""
        if not self.has_index(index):
            yield None
            return
        truth = self.store.truth(index, read_only=True)
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
        if connector.kind == "sitewise":
            return {"taken": partial(self._made_by_hand, connector)}
        return {}

    def _made_by_hand(self, connector: Connector, ids: Collection[str]) -> set[str]:
        """Which of those ids entities have that people have made in the connector's index."""
        from syncline.store.relational.records import Records

        with self.reading_control() as control:
            index = None if control is None else control.index(connector.index)
            if control is None or index is None:
                return set()
            records = Records(control, "twinmaker")
            return {id for id in ids if records.get("entity", f"{index.id}/{id}") is not None}

    def inbox(self, connector: Connector, *, read_only: bool = False) -> Inbox:
        """What was pushed to it, opened once more. `read_only` changes no byte."""
        if not read_only:
            self.store.make(connector.index, new_id(), self.clock())
        return self.store.inbox(connector.index, connector.number, read_only=read_only)

    def transforms(self, connector: Connector) -> list[Transform]:
        """What changed documents of this connector go through."""
        from syncline.transforms.extract import Extract

        opened = self._indexes.get(connector.index)
        if opened is not None:
            return [Extract(), *opened.transforms()]
        destination = self._destination_of(connector.index)
        return [Extract(), *(destination.transforms() if isinstance(destination, Prepares) else ())]

    def lease(self, name: str) -> Lock:
        """The right to do what `name` says; only one process has it, of all that share the store."""
        return self.store.lease(name) or Lease(self.path("leases", f"{name}.lock"))

    def lease_of(self, connector: int) -> Lock:
        """Who has it runs the jobs of the connector of that number."""
        return self.lease(f"connector-{connector}")

    def log_path(self, job: int) -> str:
        """Where the log of a job lies, if it has one."""
        return self.path("logs", f"job-{job}.jsonl")

    def leave(self) -> None:
        """What a process does that ends now: writers and threads are let go of, files are left to its end. Closing the
        last connection to a database would copy its log back, and wait for the disk; whoever opens it next need not."""
        for index in self._indexes.values():
            if isinstance(index, EmbeddedIndex):
                index.text.close()

    def close(self) -> None:
        """Let go of everything."""
        for index in self._indexes.values():
            index.close()
        self._indexes.clear()
        if self._control is not None:
            self._control.close()
            self._control = None
        self.store.close()


def checked_index(name: str) -> str:
    """The name, if an index may be called that. Raises UsageError."""
    if not _INDEX_NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot be the name of an index",
            code="index.bad_name",
            remedy="Use lower-case letters, digits, - and _, at most 63 of them.",
        )
    return name
