"""The Python API: the same verbs as the command line, which is built on it.

from syncline import Syncline

with Syncline("state") as syncline:
    result = syncline.sync("docs")
    for hit in syncline.search("refund policy").hits:
        print(hit.id, hit.snippet)
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from syncline.model.connectors import Connector, Guard
from syncline.model.errors import NotFound
from syncline.model.indexes import Index
from syncline.model.jobs import Job, JobState
from syncline.model.outcomes import Kind, Outcome
from syncline.model.reports import Plan, Progress, Story, SyncResult, VerifyReport
from syncline.model.search import Condition, Facet, Reader, Request, Results, Sort
from syncline.runner.joblog import read_log
from syncline.service import connectors, jobs
from syncline.service import indexes as index_service
from syncline.wiring import DEFAULT_INDEX, Installation


class Syncline:
    """One data directory, opened. Safe to use from one thread at a time; several processes may open the same one."""

    def __init__(self, data_dir: str | os.PathLike[str] | None = None) -> None:
        """`data_dir` holds all state and is made when it is first needed; default: $SYNCLINE_DATA_DIR or ".syncline".
        Raises DataDirectoryError when it is of a newer version or cannot be used."""
        self._installation = Installation(os.fspath(data_dir or os.environ.get("SYNCLINE_DATA_DIR") or ".syncline"))

    @property
    def data_dir(self) -> str:
        """Absolute path of the data directory."""
        return self._installation.data_dir

    def close(self) -> None:
        """Let go of files. Nothing is lost without it."""
        self._installation.close()

    def __enter__(self) -> Syncline:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def init(self) -> str:
        """Make the data directory and the default index. Returns its absolute path. Harmless when it exists."""
        self._installation.control()
        self._installation.index(DEFAULT_INDEX, create=True)
        return self._installation.data_dir

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
        """Run one job to its end, here. `target` is a connector's name or id, or a folder's path (the connector is
        made on first use; `settings` are its config fields such as include and exclude, kept for the next time).
        `full` reads every document again. `stop` is polled; when it turns true the job ends as stopped.
        `on_hang` is called, from another thread and once the job is written down as stopped, when a connector does
        not let go in time; it is expected to end the process.
        Raises NotFound, ConfigInvalid, JobActive; a job that failed is reported in the result, not raised."""
        order = jobs.Order(
            target,
            index,
            full,
            settings,
            on_progress=on_progress,
            on_start=on_start,
            stop=stop or jobs.never,
            on_hang=on_hang,
        )
        return jobs.sync(self._installation, order)

    def plan(
        self,
        target: str,
        *,
        index: str | None = None,
        full: bool = False,
        settings: Mapping[str, Any] | None = None,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> Plan:
        """What `sync` with the same arguments would do. Changes not one byte of state.
        Raises what would end the job, and NotFound, ConfigInvalid as `sync` does."""
        return jobs.plan(self._installation, jobs.Order(target, index, full, settings, on_progress=on_progress))

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
        """Ranked results, or in the order of `sort`. Documents with an `allow` list are found only by those principals,
        or with `unrestricted`. All `filters` must hold; All, AnyOf and Not join them. `limit` 0 only counts."""
        reader = Reader(user, tuple(groups), unrestricted)
        request = Request(
            text, limit, offset, tuple(filters), reader, highlight, sort=tuple(sort), facets=tuple(facets)
        )
        from syncline.service import searching

        return searching.search(self._installation, index, request)

    def why(self, id: str, *, index: str | None = None, connector: str | None = None) -> list[Story]:
        """The whole story of one document: one Story for each connector that knows the id. Empty list: nobody does."""
        from syncline.service import documents

        return documents.why(self._installation, id, index, connector)

    def add_connector(
        self,
        kind: str,
        settings: Mapping[str, Any],
        *,
        name: str | None = None,
        index: str | None = None,
        guard: Guard | None = None,
    ) -> Connector:
        """Make a connector. `kind` is "folder", an entry point's name or an import path "module:name".
        Raises ConfigInvalid (naming each wrong field) or UsageError when the name is taken."""
        control = self._installation.control()
        draft = connectors.draft(control, kind, settings, name=name, index=index, guard=guard)
        return connectors.add(self._installation, draft)

    def add_index(
        self,
        name: str,
        *,
        destination: str = "embedded",
        settings: Mapping[str, Any] | None = None,
        description: str = "",
    ) -> Index:
        """Make an index, empty. `destination` is where its documents land: a kind, or an import path "module:name";
        `settings` are its. Raises UsageError when the name is taken, NotFound, ConfigInvalid."""
        return index_service.add(
            self._installation, name, description, destination=destination, settings=settings or {}
        )

    def list_indexes(self) -> list[Index]:
        """All of them, by name."""
        return index_service.all(self._installation) if self._installation.exists else []

    def index(self, ref: str) -> Index:
        """By name or id. Raises NotFound."""
        return index_service.get(self._installation, ref)

    def update_index(
        self, ref: str, *, description: str | None = None, settings: Mapping[str, Any] | None = None
    ) -> Index:
        """Change what is given; of `settings`, None takes one back to its default. Raises ConfigInvalid."""
        return index_service.update(self._installation, self.index(ref), description=description, settings=settings)

    def check_index(self, ref: str) -> list[str]:
        """Prove that its destination can be reached and written. Raises what is wrong; returns what is worth knowing
        besides."""
        from syncline.service import landing

        return landing.check(self._installation, self.index(ref))

    def remove_index(self, ref: str, *, cascade: bool = False, abandon: bool = False) -> list[str]:
        """Remove it with its documents; with `cascade` also the connectors that feed it, whose names are returned. With
        `abandon`, documents that lie elsewhere are left there. Raises IndexInUse, JobActive, DestinationError."""
        found = self.index(ref)
        removed = index_service.remove(self._installation, found, cascade=cascade, abandon=abandon)
        return [connector.name for connector in removed]

    def connectors(self) -> list[Connector]:
        """All of them, by name."""
        with self._installation.reading_control() as control:
            return [] if control is None else control.connectors()

    def connector(self, ref: str) -> Connector:
        """By name, id, or the path of a folder. Raises NotFound."""
        with self._installation.reading_control() as control:
            return connectors.get(control, ref)

    def check_connector(self, ref: str) -> None:
        """Prove that its source can be read. Raises what is wrong."""
        jobs.open_source(self._installation, self.connector(ref)).check()

    def remove_connector(self, ref: str) -> int:
        """Remove it with its documents. Returns how many documents went. Raises JobActive while it runs."""
        return connectors.remove(self._installation, self.connector(ref))

    def approve(self, ref: str) -> int:
        """Let the connector's next job make the deletions that are withheld now, and no others beyond the guard.
        Returns how many are approved."""
        found = self.connector(ref)
        return self._installation.index(found.index).truth.approve(found.number)

    def withheld(self, ref: str) -> list[str]:
        """Ids whose deletion waits for approval."""
        found = self.connector(ref)
        with self._installation.reading_truth(found.index) as truth:
            return [] if truth is None else [id for id, _, _ in truth.withheld(found.number)]

    def jobs(self, *, connector: str | None = None, state: JobState | None = None, limit: int = 50) -> list[Job]:
        """Newest first."""
        with self._installation.reading_control() as control:
            if control is None:
                return []
            number = None if connector is None else connectors.get(control, connector).number
            return control.jobs(number, state, limit)

    def job(self, ref: str | int) -> Job:
        """By number, id, or a unique beginning of the id. Raises NotFound."""
        with self._installation.reading_control() as control:
            if control is None:
                raise NotFound(f"there is no job {ref}", remedy="Nothing has been synced yet.")
            return control.find_job(str(ref))

    def stop(self, ref: str | int) -> Job:
        """Ask a job to stop; returns it as it stands. A job whose process is dead is stopped at once."""
        self.job(ref)
        return jobs.stop(self._installation, str(ref))

    def logs(self, ref: str | int) -> Iterator[str]:
        """The lines of a job's log, oldest first: JSON objects."""
        return read_log(self._installation.log_path(self.job(ref).number))

    def outcomes(
        self,
        ref: str | int,
        *,
        kinds: Sequence[Kind] = (),
        code: str | None = None,
        limit: int = 100,
        after: str = "",
    ) -> list[Outcome]:
        """What became of single documents in a job, by id, after the id `after`. Kept documents are not listed."""
        job = self.job(ref)
        return jobs.outcomes(self._installation, job, kinds=kinds, code=code, after=after, limit=limit)

    def errors(self, ref: str | int | None = None, *, limit: int = 100) -> list[tuple[Job, Outcome]]:
        """Failed documents and warnings of one job, or of the newest job of each connector."""
        return jobs.troubles(self._installation, None if ref is None else self.job(ref), limit)

    def verify(
        self,
        *,
        index: str | None = None,
        repair: bool = False,
        source: bool = False,
        on_progress: Callable[[str, int, int], None] | None = None,
    ) -> VerifyReport:
        """Prove that index = ledger = truth, and with `source` that the truth is what the sources hold now."""
        from syncline.service import care

        return care.verify(self._installation, index, repair=repair, source=source, tell=on_progress or care.silent)

    def rebuild_index(self, *, index: str | None = None) -> int:
        """Build the text index again from the documents. Returns how many it holds."""
        from syncline.service import care

        return care.rebuild(self._installation, index)

    def indexes(self) -> list[str]:
        """Names of the indexes in this data directory."""
        return self._installation.indexes()
