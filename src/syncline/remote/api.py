"""`Remote`: what `Syncline` is for a data directory, for a server. What needs the files themselves is refused."""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NoReturn
from urllib.parse import quote

from syncline.model.connectors import Connector, Guard
from syncline.model.errors import SynclineError, UsageError
from syncline.model.indexes import Index
from syncline.model.jobs import Job, JobState
from syncline.model.outcomes import Kind, Outcome
from syncline.model.reports import Plan, Progress, Story, SyncResult, VerifyReport
from syncline.model.search import Condition, Facet, Results, Sort
from syncline.remote import parsing
from syncline.remote.client import Client, Told
from syncline.remote.errors import of_dict

LOOK_S = 0.1  # how soon a stop that is asked for here is passed on
RECONNECT_S = 1.0
PLAN_S = 3600.0
PLANNED = 10_000  # ids of each kind that a server names at most


class Remote:
    """One server. The methods are those of `syncline.Syncline`, with the same answers and errors."""

    def __init__(self, url: str, key: str | None) -> None:
        """`url` without a path, such as "http://127.0.0.1:8484"; `key` is the secret of a key."""
        self.url = url.rstrip("/")
        self._client = Client(self.url, key)

    @property
    def data_dir(self) -> str:
        """The address stands for it."""
        return self.url

    def close(self) -> None:
        """Let go of connections."""
        self._client.close()

    def __enter__(self) -> Remote:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- jobs --------------------------------------------------------------------------------------------------------

    def sync(
        self,
        target: str,
        *,
        index: str | None = None,
        full: bool = False,
        settings: Mapping[str, Any] | None = None,
        on_progress: Callable[[Progress], None] | None = None,
        on_start: Callable[[Job], None] | None = None,
        stop: Callable[[], bool] | None = None,
        on_hang: Callable[[], None] | None = None,
    ) -> SyncResult:
        """Start a job there and follow it to its end. `target` is a connector's name or id. When `stop` turns true the
        job is stopped. `on_hang` is never called: the server sees to it."""
        connector = self._target(target, index)
        if settings:
            self._client.patch(self._connector(connector.id), {"settings": dict(settings)})
        asked = self._client.post(f"{self._connector(connector.id)}/sync", {"force": full})
        started = parsing.job(asked["job"])
        if on_start is not None:
            on_start(started)
        job = self.follow(started, on_progress=on_progress, stop=stop)
        return SyncResult.of(job, connector, time.time())

    def follow(
        self,
        job: Job,
        *,
        on_progress: Callable[[Progress], None] | None = None,
        stop: Callable[[], bool] | None = None,
    ) -> Job:
        """Wait until the job has ended, telling how far it is."""
        following = _Following(self._client, job.id)
        asked = False
        while True:
            told = following.next()
            if told is not None and told.event == "progress" and on_progress is not None:
                on_progress(parsing.progress(told.data))
            elif told is not None and told.event != "progress" and not (now := self.job(job.id)).active:
                following.close()
                return now
            if stop is not None and stop() and not asked:
                asked = True
                self.stop(job.id)

    def plan(
        self,
        target: str,
        *,
        index: str | None = None,
        full: bool = False,
        settings: Mapping[str, Any] | None = None,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> Plan:
        """What `sync` would do there."""
        connector = self._target(target, index)
        if settings:
            raise UsageError("a plan with other settings cannot be made over the network", remedy="Leave them out.")
        asked = {"force": full, "limit": PLANNED}
        told = self._client.post(f"{self._connector(connector.id)}/plan", asked, timeout_s=PLAN_S)
        return parsing.plan(told)

    def jobs(self, *, connector: str | None = None, state: JobState | None = None, limit: int = 50) -> list[Job]:
        """Newest first."""
        chosen = None if connector is None else self.connector(connector).id
        found = self._client.pages("/v1/jobs", limit, connector=chosen, state=None if state is None else state.value)
        return [parsing.job(told) for told in found]

    def job(self, ref: str | int) -> Job:
        """By number, id, or a unique beginning of the id."""
        return parsing.job(self._client.get(self._job(ref)))

    def stop(self, ref: str | int) -> Job:
        """Ask a job to stop; returns it as it stands."""
        return parsing.job(self._client.post(f"{self._job(ref)}/stop"))

    def logs(self, ref: str | int) -> Iterator[str]:
        """The lines of a job's log, oldest first: JSON objects."""
        return self._client.lines(f"{self._job(ref)}/logs")

    def outcomes(
        self, ref: str | int, *, kinds: Sequence[Kind] = (), code: str | None = None, limit: int = 100, after: str = ""
    ) -> list[Outcome]:
        """What became of single documents in a job, by id, after the id `after`."""
        chosen = [kind.value for kind in kinds] or None
        told = self._client.pages(f"{self._job(ref)}/outcomes", kind=chosen, code=code)
        found = (parsing.outcome(each) for each in told)
        return [each for _, each in zip(range(limit), (each for each in found if each.id > after), strict=False)]

    def errors(self, ref: str | int | None = None, *, limit: int = 100) -> list[tuple[Job, Outcome]]:
        """Failed documents and warnings of one job, or of the newest job of each connector."""
        chosen = [self.job(ref)] if ref is not None else self._newest_jobs()
        found: list[tuple[Job, Outcome]] = []
        for job in chosen:
            told = self._client.pages(f"{self._job(job.id)}/errors", limit - len(found))
            found += [(job, parsing.outcome(each)) for each in told]
            if len(found) >= limit:
                break
        return found

    def _newest_jobs(self) -> list[Job]:
        return [job for each in self.connectors() for job in self.jobs(connector=each.id, limit=1)]

    # --- documents ---------------------------------------------------------------------------------------------------

    def search(
        self,
        text: str,
        *,
        index: str | None = None,
        limit: int = 10,
        offset: int = 0,
        filters: Sequence[Condition] = (),
        user: str | None = None,
        groups: Sequence[str] = (),
        unrestricted: bool = False,
        highlight: tuple[str, str] = ("", ""),
        sort: Sequence[Sort] = (),
        facets: Sequence[Facet] = (),
    ) -> Results:
        """Ranked results, or in the order of `sort`."""
        asked = {
            "query": text,
            "index": index,
            "limit": limit,
            "offset": offset,
            "filters": [parsing.said_condition(each) for each in filters],
            "sort": [each._asdict() for each in sort],
            "facets": [each._asdict() for each in facets],
            "user": user,
            "groups": list(groups),
            "unrestricted": unrestricted,
            "highlight": list(highlight),
        }
        body = {name: value for name, value in asked.items() if value is not None}
        return parsing.results(self._client.post("/v1/search", body))

    def why(self, id: str, *, index: str | None = None, connector: str | None = None) -> list[Story]:
        """The whole story of one document."""
        if index is None and connector is not None:
            index = self.connector(connector).index
        stories: list[Story] = []
        for name in self.indexes() if index is None else [index]:
            told = self._client.get(f"/v1/documents/{quote(name, safe='')}/why", id=id, connector=connector)
            stories += [parsing.story(each) for each in told["stories"]]
        return stories

    # --- connectors --------------------------------------------------------------------------------------------------

    def add_connector(
        self,
        kind: str,
        settings: Mapping[str, Any],
        *,
        name: str | None = None,
        index: str | None = None,
        guard: Guard | None = None,
    ) -> Connector:
        """Make a connector there; paths are the server's."""
        asked = {
            "kind": kind,
            "settings": dict(settings),
            "name": name,
            "index": index,
            "guard": guard and {"max_deletes": guard.max_deletes, "max_percent": guard.max_percent},
        }
        body = {name: value for name, value in asked.items() if value is not None}
        return parsing.connector(self._client.post("/v1/connectors", body))

    def connectors(self) -> list[Connector]:
        """All that the key may see, by name."""
        return [parsing.connector(told) for told in self._client.pages("/v1/connectors")]

    def connector(self, ref: str) -> Connector:
        """By name or id."""
        return parsing.connector(self._client.get(self._connector(ref)))

    def check_connector(self, ref: str) -> None:
        """Prove that its source can be read. Raises what is wrong."""
        told = self._client.post(f"{self._connector(ref)}/check", timeout_s=PLAN_S)
        if told["error"] is not None:
            raise of_dict(told["error"])

    def remove_connector(self, ref: str) -> int:
        """Remove it with its documents. Returns how many documents went."""
        told = self._client.delete(self._connector(ref))
        return int(told["removed_documents"])

    def approve(self, ref: str) -> int:
        """Let the connector's next job make the deletions that are withheld now. Returns how many."""
        return int(self._client.post(f"{self._connector(ref)}/approve")["approved"])

    def withheld(self, ref: str) -> list[str]:
        """Ids whose deletion waits for approval."""
        return [told["id"] for told in self._client.pages(f"{self._connector(ref)}/withheld")]

    def add_index(
        self,
        name: str,
        *,
        destination: str = "embedded",
        settings: Mapping[str, Any] | None = None,
        description: str = "",
    ) -> Index:
        """Make an index there."""
        asked = {"name": name, "description": description, "destination": destination, "settings": dict(settings or {})}
        return parsing.index(self._client.post("/v1/indexes", asked))

    def list_indexes(self) -> list[Index]:
        """All that the key may see, by name."""
        return [parsing.index(told) for told in self._client.pages("/v1/indexes")]

    def index(self, ref: str) -> Index:
        """By name or id."""
        return parsing.index(self._client.get(self._index(ref)))

    def update_index(
        self, ref: str, *, description: str | None = None, settings: Mapping[str, Any] | None = None
    ) -> Index:
        """Change what is given."""
        given = {"description": description, "settings": settings}
        body = {name: value for name, value in given.items() if value is not None}
        return parsing.index(self._client.patch(self._index(ref), body))

    def check_index(self, ref: str) -> list[str]:
        """Prove that its destination can be reached and written. Raises what is wrong; returns what is worth knowing
        besides."""
        told = self._client.post(f"{self._index(ref)}/check", timeout_s=PLAN_S)
        if told["error"] is not None:
            raise of_dict(told["error"])
        return list(told["notes"])

    def remove_index(self, ref: str, *, cascade: bool = False, abandon: bool = False) -> list[str]:
        """Remove it with its documents; returns the names of the connectors that went with it."""
        flags = {"cascade": cascade or None, "abandon": abandon or None}
        return [str(name) for name in self._client.delete(self._index(ref), **flags)["connectors"]]

    def indexes(self) -> list[str]:
        """Names of the indexes there."""
        return [told["name"] for told in self._client.pages("/v1/indexes")]

    # --- what is done where the files are ----------------------------------------------------------------------------

    def init(self) -> str:
        """Not over the network."""
        self._refuse("init")

    def verify(self, **_: Any) -> VerifyReport:
        """Not over the network."""
        self._refuse("verify")

    def rebuild_index(self, **_: Any) -> int:
        """Not over the network."""
        self._refuse("rebuild-index")

    def _refuse(self, command: str) -> NoReturn:
        raise UsageError(
            f"`syncline {command}` works on the files of a data directory",
            code="server.local_only",
            remedy="Run it on the machine of the server, without --server.",
        )

    # --- addresses ---------------------------------------------------------------------------------------------------

    def _target(self, target: str, index: str | None) -> Connector:
        if os.sep in target or target.startswith((".", "~")):
            raise UsageError(
                f"{target} is a path on this machine, and the server is another one",
                code="server.local_path",
                remedy="Name a connector of the server: `syncline connector list --server URL`.",
            )
        found = self.connector(target)
        if index is not None and index != found.index:
            raise UsageError(f"connector {found.name!r} fills the index {found.index!r}, not {index!r}")
        return found

    @staticmethod
    def _index(ref: str) -> str:
        return f"/v1/indexes/{quote(ref, safe='')}"

    @staticmethod
    def _connector(ref: str) -> str:
        return f"/v1/connectors/{quote(ref, safe='')}"

    @staticmethod
    def _job(ref: str | int) -> str:
        return f"/v1/jobs/{quote(str(ref), safe='')}"


class _Following:
    """The events of one job, read by a thread, so that whoever waits for them can look at other things too."""

    def __init__(self, client: Client, job: str) -> None:
        self._client = client
        self._path = f"/v1/jobs/{quote(job, safe='')}/events"
        self._told: queue.SimpleQueue[Told | SynclineError] = queue.SimpleQueue()
        self._closing = threading.Event()
        threading.Thread(target=self._read, name="follow", daemon=True).start()

    def next(self) -> Told | None:
        """The next event; None when there is none for a moment. Raises what the server answered with."""
        try:
            told = self._told.get(timeout=LOOK_S)
        except queue.Empty:
            return None
        if isinstance(told, SynclineError):
            raise told
        return told

    def close(self) -> None:
        """Nobody wants to know any more."""
        self._closing.set()

    def _read(self) -> None:
        last = ""
        try:
            while not self._closing.is_set():
                for told in self._client.events(self._path, last, self._closing.is_set):
                    last = told.id or last
                    self._told.put(told)
                self._told.put(Told("again", {}, ""))  # the stream has ended: look whether the job has too
                self._closing.wait(RECONNECT_S)
        except SynclineError as error:
            self._told.put(error)
