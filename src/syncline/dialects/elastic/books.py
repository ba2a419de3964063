"""Connector and sync job documents, by their ids: read as they are now, and changed.

    records "connector" {"doc", "link"}  ─┐
    connectors of Syncline ───────────────┴─▶ Entry ──▶ document     Books.entry, rows, shown; store
    records "job" {"doc", "index"}       ─┐
    jobs of Syncline, records "run"      ─┴─▶ Task  ──▶ document     Books.task, tasks, shown_task; store_task

A connector that was made elsewhere has no record until it is changed here. `Stored` is a document as the system indices
".elastic-connectors" and ".elastic-connectors-sync-jobs" hold it, for those who read and write them directly:
`Books(..., worker=True)` then shows the secrets of connectors that are left to workers, to keys that may write.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, NamedTuple

from syncline.dialects.elastic import blank, indices, linking, live, merging, sealing, sources, timetable, words
from syncline.dialects.elastic.direct import (
    PRIMARY_TERM,
    Doc,
    check_document,
    check_rules,
    check_seq_no,
    check_task,
    missing,
    run_here,
    secrets_kept,
    touched_by,
)
from syncline.dialects.elastic.refusals import absent, forbidden
from syncline.dialects.elastic.sealing import DIALECT
from syncline.dialects.elastic.stamps import seconds, stamp
from syncline.dialects.host import Caller, Host
from syncline.model.connectors import Connector
from syncline.model.errors import NotFound
from syncline.model.jobs import Job
from syncline.model.keys import Scope
from syncline.service.hosting import KIND as HOSTED  # whose documents clients write: nobody runs it
from syncline.store.relational.joined import Joined, Wanted, bytes_brought
from syncline.store.relational.records import Record, Records
from syncline.store.relational.tables import dump
from syncline.store.secrets import masked
from syncline.wiring import Installation

LONGEST_CURSOR: Final = 4096  # characters that are shown
CONNECTOR, JOB, RUN, WATCH, COUNT = "connector", "job", "run", "watch", "count"


class Stored(NamedTuple):
    """A document with what an optimistic lock asks for."""

    id: str
    source: Doc
    seq_no: int
    primary_term: int = PRIMARY_TERM


@dataclass(slots=True)
class Entry:
    """One connector. `doc` is as it is stored, secrets sealed; `connector` is the one of ours behind it."""

    id: str
    doc: Doc
    link: linking.Link
    revision: int = 0
    connector: Connector | None = None

    @property
    def deleted(self) -> bool:
        """Softly."""
        return bool(self.doc.get("deleted"))

    @property
    def foreign(self) -> bool:
        """It was made elsewhere."""
        return bool(self.link.get("foreign"))

    @property
    def seq_no(self) -> int:
        """Another one after every change."""
        return self.revision + (0 if self.connector is None else self.connector.revision)


@dataclass(slots=True)
class Task:
    """One sync job. `job` is ours; without it the document is all there is, and somebody else runs it."""

    id: str
    parent: str
    doc: Doc
    revision: int = 0
    job: Job | None = None
    run: Doc = field(default_factory=dict)


class Row(NamedTuple):
    """A connector in a list, as far as lists must know it."""

    id: str
    index_name: str | None
    name: str
    description: str
    service_type: str | None
    deleted: bool


class Books:
    """The documents of one installation, for one caller. Use it in the thread of the room."""

    def __init__(self, host: Host, room: Installation, caller: Caller | None, *, worker: bool = False) -> None:
        self.host = host
        self.room = room
        self.control = room.control()
        self.records = Records(self.control, DIALECT)
        self.joined = Joined(self.control, DIALECT)
        self._caller = caller
        self._worker = worker and (caller is None or caller.may(Scope.WRITE))

    @cached_property
    def outside(self) -> frozenset[str]:
        """Service types that are left to workers although we could run them."""
        return sources.outside(self.host.environ)

    def writing(self) -> AbstractContextManager[None]:
        """Nobody else writes meanwhile; all or nothing."""
        return self.control.writing("elastic")

    def now(self) -> str:
        """As text."""
        return stamp(self.room.clock()) or ""

    def sees(self, index: str | None) -> bool:
        """Whether the caller may see what belongs to the index that clients call that."""
        if self._caller is None or self._caller.indexes is None:
            return True
        return index is not None and self._caller.sees(indices.ours(index))

    def need_index(self, index: str | None) -> None:
        """Raises Refused unless the caller may use it."""
        if index is not None and not self.sees(index):
            raise forbidden(f"action is unauthorized on index [{index:.300}]")

    # --- connectors --------------------------------------------------------------------------------------------------

    def entry(self, id: str) -> Entry | None:
        """By id, softly deleted or not; None also for one that the caller may not see."""
        found = self._recorded(id) or self._unrecorded(id)
        return found if found is not None and self.sees(found.doc.get("index_name")) else None

    def _recorded(self, id: str) -> Entry | None:
        record = self.records.get(CONNECTOR, id)
        return None if record is None else self._entry(record)

    def _entry(self, record: Record) -> Entry | None:
        link = record.body["link"]
        connector = linking.behind(self.room, link)
        if connector is None and link.get("connector") is not None:
            return None  # it has been removed elsewhere
        return Entry(record.id, record.body["doc"], link, record.revision, connector)

    def _unrecorded(self, id: str) -> Entry | None:
        connector = self.control.connector(id)
        if connector is None or connector.id != id or connector.kind == HOSTED:
            return None
        own = connector.extras.get(DIALECT)
        if own:
            known = own.get("id", "")
            return None if own.get("retired") or known == id or not known else self._recorded(known)
        return self._made_elsewhere(connector)

    def _made_elsewhere(self, connector: Connector) -> Entry:
        doc = live.of_connector(self.room, connector)
        return Entry(connector.id, doc, linking.of_foreign(connector), 0, connector)

    def shown(self, entry: Entry, newest: list[Job] | None = None) -> Doc:
        """The document as it is now. Secrets are asterisks, but for workers."""
        doc = self._current(entry, newest)
        if entry.foreign:
            return doc
        if self._worker and entry.connector is None and sources.of(doc.get("service_type"), self.outside) is None:
            return {**doc, **self._opened(CONNECTOR, entry.id, {"doc": {"configuration": doc["configuration"]}})}
        return {**doc, "configuration": masked(doc["configuration"])}

    def _opened(self, kind: str, id: str, body: Mapping[str, Any]) -> Doc:
        clear: Doc = sealing.opened(self.room, kind, id, body).config["doc"]
        return clear

    def _current(self, entry: Entry, newest: list[Job] | None = None) -> Doc:
        """What is stored with what is live over it; secrets are as they are stored."""
        connector = entry.connector
        if connector is None:
            return dict(entry.doc)
        if newest is None:
            newest = [self.control.job(number) for number in sorted(self.joined.newest([connector.number]))]
        doc = dict(entry.doc)
        if entry.foreign and entry.revision:
            doc |= {"configuration": live.of_connector(self.room, connector)["configuration"]}
        else:
            doc["configuration"] = {name: dict(one) for name, one in doc["configuration"].items()}
        doc = live.overlay(self.room, connector, doc, entry.link, newest)
        cursor = self._cursor(connector)
        return doc if cursor is None else {**doc, "sync_cursor": cursor}

    def _cursor(self, connector: Connector) -> Doc | None:
        """Where an incremental job would go on: the source's own words, which mean something to it alone."""
        if connector.kind in ("folder", "push", "s3", "web"):  # they list, and leave none
            return None
        with self.room.reading_truth(connector.index) as truth:
            left = None if truth is None else truth.peek(connector.number)
        if left is not None and left.feed_cursor is not None:
            return {"cursor": left.feed_cursor}
        if left is None or not left.memory or len(dump(left.memory)) > LONGEST_CURSOR:
            return None
        return {"place": dict(left.memory)}

    def rows(self) -> list[Row]:
        """Every connector that the caller may see, in no order."""
        standing = self.control.connectors()
        by_id = {one.id: one for one in standing}
        found = []
        for one in self.joined.connectors():
            linked = None if one.linked is None else by_id.get(one.linked)
            if one.linked is None or linked is not None:
                name = one.name if linked is None or linked.name == one.named else linked.name
                told = one.description if linked is None or linked.description == one.described else linked.description
                found.append(Row(one.id, one.index_name, name or "", told or "", one.service_type, one.deleted))
        names = {index.name: indices.theirs(index) for index in self.control.indexes()}
        found += [
            Row(one.id, names.get(one.index, one.index), one.name, one.description, self._word(one), False)
            for one in standing
            if not one.extras.get(DIALECT) and one.kind != HOSTED
        ]
        return [row for row in found if self.sees(row.index_name)]

    def _word(self, connector: Connector) -> str:
        return sources.word_for(connector.kind, connector.config)

    def entries(self, ids: list[str]) -> Iterator[tuple[Entry, Doc]]:
        """Those connectors and their documents."""
        found = [entry for entry in map(self.entry, ids) if entry is not None]
        numbers = [one.connector.number for one in found if one.connector is not None]
        newest: dict[int, list[Job]] = {}
        for number in self.joined.newest(numbers) if numbers else ():
            job = self.control.job(number)
            newest.setdefault(job.connector_number, []).append(job)
        for entry in found:
            jobs = [] if entry.connector is None else newest.get(entry.connector.number, [])
            yield entry, self.shown(entry, sorted(jobs, key=lambda job: job.number))

    # --- connectors, changed

    def clear(self, entry: Entry) -> Doc:
        """The document as it is now with its secrets in clear, to be changed and stored."""
        doc = self._current(entry)
        if not entry.foreign:
            doc["configuration"] = self._opened(CONNECTOR, entry.id, {"doc": doc})["configuration"]
        return doc

    def store(self, entry: Entry, before: Doc | None, after: Doc, touched: tuple[str, ...] = ()) -> Entry:
        """Keep the document, in clear, and let what is behind it follow. Call it within `writing`; `before` is None for
        a new one. `touched`: what was set by hand ("sync", "state"), so that older jobs say nothing of it any more."""
        self.need_index(after.get("index_name"))
        if entry.foreign or sources.of(after.get("service_type"), self.outside) is not None:
            check_rules(after)
            if after["scheduling"]["access_control"]["enabled"]:
                raise timetable.no_access_control(entry.id)
        link = dict(entry.link)
        link["rested"] = bool(entry.doc.get("deleted")) or bool(link.get("held"))
        link = linking.join(self.host, self.room, entry.id, link, before, after)
        if touched:
            link["touched"] = {**link.get("touched", {}), **dict.fromkeys(touched, self.room.clock())}
        kept = {**after, "configuration": {}} if link.get("foreign") else after
        places = sealing.places_in(kept["configuration"], "doc.configuration")
        known = self._known(entry)
        body = sealing.sealed(self.room, CONNECTOR, entry.id, {"doc": kept, "link": link}, places, known)
        record = self.records.put(CONNECTOR, entry.id, body, self.room.clock())
        stored = self._entry(record)
        assert stored is not None
        return stored

    def _known(self, entry: Entry) -> Any:
        return sealing.opened(self.room, CONNECTOR, entry.id, {"doc": entry.doc}).secrets

    def fresh(self, id: str) -> Entry:
        """A connector that is not there yet. Call it within `writing`."""
        if self.records.get(CONNECTOR, id) is not None:  # a stale one: what was behind it has been removed
            self.records.remove(CONNECTOR, id)
        return Entry(id, {}, linking.blank())

    def forget(self, entry: Entry) -> None:
        """Its record goes. What was behind it must have gone before."""
        self.records.remove(CONNECTOR, entry.id)

    def numbers_of(self, id: str) -> list[int]:
        """Numbers of the connectors of ours whose jobs are those of the connector."""
        entry = self._recorded(id) or self._unrecorded(id)
        found = set(self.joined.connectors_of_runs(id))
        if entry is not None:
            standing = (linking.behind(self.room, {"connector": one}) for one in entry.link.get("retired", []))
            found |= {one.number for one in (entry.connector, *standing) if one is not None}
        return sorted(found)

    # --- sync jobs ---------------------------------------------------------------------------------------------------

    def task(self, id: str) -> Task | None:
        """By id; None also for one that the caller may not see."""
        record = self.records.get(JOB, id)
        if record is not None:
            task = Task(id, record.parent, record.body["doc"], record.revision)
            return task if self.sees(record.body.get("index_name")) else None
        return self._task_of_ours(id)

    def _task_of_ours(self, id: str) -> Task | None:
        if len(id) != 36:
            return None
        with suppress(NotFound):
            job = self.control.find_job(id)
            run = self.records.get(RUN, id)
            kept = {} if run is None else run.body
            seen = self._caller is None or self._caller.sees(job.index)
            if job.id == id and seen and not kept.get("hidden"):
                parent = self._parent(job, run)
                return Task(id, parent, {}, 0 if run is None else run.revision, job, kept)
        return None

    def _parent(self, job: Job, run: Record | None) -> str:
        if run is not None and run.parent:
            return run.parent
        connector = self.control.connector(job.connector_id)
        known = None if connector is None else connector.extras.get(DIALECT, {}).get("id")
        return known or job.connector_id

    def shown_task(self, task: Task) -> Doc:
        """The document as it is now. Secrets are asterisks, but for workers."""
        if task.job is not None:
            snapshot = task.run.get("doc", {}).get("connector") or self._snapshot(task.parent, task.job)
            return live.job(task.job, masked(snapshot), task.run, self._tally(task.job))
        service_type = task.doc.get("connector", {}).get("service_type")
        if self._worker and sources.of(service_type, self.outside) is None:
            return self._opened(JOB, task.id, {"doc": task.doc})
        return masked(task.doc)

    def _snapshot(self, parent: str, job: Job) -> Doc:
        """Of a job that was started elsewhere: the connector as it is today."""
        entry = self._recorded(parent) or self._unrecorded(parent)
        if entry is None:
            return {"id": parent, "index_name": job.index}
        return blank.snapshot(parent, entry.doc, words.type_of(job))

    def _tally(self, job: Job) -> Mapping[str, int]:
        """What it has brought, kept once it has ended."""
        return Tallied(self).of(job)

    def tasks(self, wanted: Wanted, begin: int, many: int) -> tuple[int, list[Task]]:
        """(how many there are, a page of them), newest first."""
        if self._caller is not None and self._caller.indexes is not None:
            wanted = wanted._replace(indexes=list(self._caller.indexes))
        places = self.joined.jobs(wanted, begin, many)
        found = [self.task(place.id) for place in places]
        return self.joined.count_jobs(wanted), [task for task in found if task is not None]

    # --- sync jobs, changed

    def add_task(self, id: str, entry: Entry, doc: Doc) -> None:
        """A job for a worker; its snapshot has secrets in clear. Call it within `writing`."""
        index = doc["connector"].get("index_name")
        places = sealing.places_in(doc["connector"].get("configuration"), "doc.connector.configuration")
        body = {"doc": doc, "index_name": index, "index": None if index is None else indices.ours(index)}
        sealed = sealing.sealed(self.room, JOB, id, body, places)
        self.records.add(JOB, id, sealed, self.room.clock(), entry.id)

    def add_run(self, job: Job, entry: Entry, snapshot: Doc) -> None:
        """What is to be remembered of one of our jobs; it is counted when it has ended. Call it within `writing`."""
        self.records.put(RUN, job.id, {"doc": {"connector": snapshot}}, self.room.clock(), entry.id)
        self.records.put(COUNT, job.id, {}, self.room.clock())

    def store_task(self, task: Task, doc: Doc) -> None:
        """Keep the document of a job that a worker runs; secrets in it are sealed already. Call it within `writing`."""
        record = self.records.get(JOB, task.id)
        if record is None:
            raise absent(task.id)
        self.records.update(JOB, task.id, {**record.body, "doc": doc}, self.room.clock())
        self.watch(task.id, doc)

    def watch(self, id: str, doc: Doc) -> None:
        """Listen for its worker while it is at work."""
        if doc.get("status") in words.HEARD:
            self.records.put(WATCH, id, {"last_seen": seconds(doc.get("last_seen")) or 0.0}, self.room.clock())
        else:
            self.records.remove(WATCH, id)

    def note_run(self, task: Task, change: Callable[[Doc], Doc]) -> None:
        """Change what is remembered of one of our jobs. Call it within `writing`."""
        record = self.records.get(RUN, task.id)
        body = change({} if record is None else record.body)
        self.records.put(RUN, task.id, body, self.room.clock(), task.parent)

    def remove_task(self, task: Task) -> None:
        """Forget it; one of ours is only not listed any more. Call it within `writing`."""
        if task.job is None:
            self.records.remove(JOB, task.id)
            self.records.remove(WATCH, task.id)
        else:
            self.note_run(task, lambda body: {**body, "hidden": True})

    def remove_tasks_of(self, id: str) -> None:
        """All of a connector. Call it within `writing`."""
        for record in list(self.records.all(JOB, id)):
            self.records.remove(WATCH, record.id)
        self.records.remove_of(JOB, id)
        self.joined.hide(self.numbers_of(id), id, self.room.clock())

    # --- as the system indices hold them -----------------------------------------------------------------------------

    def connector(self, id: str) -> Stored | None:
        """A connector document, softly deleted or not."""
        entry = self.entry(id)
        return None if entry is None else Stored(entry.id, self.shown(entry), entry.seq_no)

    def connectors(self) -> Iterator[Stored]:
        """All of them, by id, read a hundred at a time."""
        ids = sorted(row.id for row in self.rows())
        for begin in range(0, len(ids), 100):
            for entry, doc in self.entries(ids[begin : begin + 100]):
                yield Stored(entry.id, doc, entry.seq_no)

    def job(self, id: str) -> Stored | None:
        """A sync job document."""
        task = self.task(id)
        return None if task is None else self._stored_task(task)

    def jobs(self, most: int = 10_000) -> Iterator[Stored]:
        """All of them, newest first, up to so many."""
        begin = 0
        while begin < most:
            _, found = self.tasks(Wanted(), begin, min(500, most - begin))
            if not found:
                return
            yield from map(self._stored_task, found)
            begin += len(found)

    def _stored_task(self, task: Task) -> Stored:
        change = 0 if task.job is None else list(words.STATUS).index(task.job.state) + task.job.attempt
        return Stored(task.id, self.shown_task(task), task.revision + change)

    def update_connector(
        self, id: str, partial: Mapping[str, Any], if_seq_no: int | None = None
    ) -> tuple[Stored, bool]:
        """Merge a partial document into a connector's; returns it, and whether that changed it. Raises Refused: 404,
        409 unless it still has that number, 403 for what only administrators may change, 400 for what would not be a
        connector any more."""
        with self.writing():
            entry = self.entry(id)
            if entry is None:
                raise missing(id)
            check_seq_no(id, entry.seq_no, if_seq_no)
            before = self.clear(entry)
            given = secrets_kept(partial, before)
            after = merging.merged(before, given)
            check_document(after)
            if merging.same(before, after):
                return Stored(id, self.shown(entry), entry.seq_no), False
            self._check_may_change(entry, before, after)
            entry = self.store(entry, before, after, touched_by(given))
            return Stored(id, self.shown(entry), entry.seq_no), True

    def _check_may_change(self, entry: Entry, before: Doc, after: Doc) -> None:
        """Whoever may only write changes nothing of what Syncline reads, or where it writes."""
        changed = [name for name in ("configuration", "index_name", "service_type", "scheduling") if
                   not merging.same(before.get(name), after.get(name))]  # fmt: skip
        ours = entry.connector is not None or any(
            sources.of(doc.get("service_type"), self.outside) is not None for doc in (before, after)
        )
        if changed and ours and self._caller is not None and not self._caller.may(Scope.ADMIN):
            raise forbidden(f"[{changed[0]}] of connector [{entry.id}] may only be changed with the scope [admin]")

    def update_job(self, id: str, partial: Mapping[str, Any], if_seq_no: int | None = None) -> tuple[Stored, bool]:
        """The same for a sync job, which a worker must be running."""
        with self.writing():
            task = self.task(id)
            if task is None:
                raise missing(id)
            current = self._stored_task(task)
            check_seq_no(id, current.seq_no, if_seq_no)
            if task.job is not None:
                raise run_here(id)
            given = {name: value for name, value in partial.items() if name != "connector"}
            after = merging.merged(task.doc, given)
            cursor = partial.get("connector", {}) if isinstance(partial.get("connector"), Mapping) else {}
            if "sync_cursor" in cursor:
                after["connector"] = {**after["connector"], "sync_cursor": cursor["sync_cursor"]}
            check_task(after)
            if merging.same(task.doc, after):
                return current, False
            self.store_task(task, after)
            stored = self.task(id)
            assert stored is not None
            return self._stored_task(stored), True


class Tallied:
    """What our jobs have brought, counted once after each has ended."""

    def __init__(self, books: Books) -> None:
        self._books = books

    def of(self, job: Job) -> Mapping[str, int]:
        """{"total", "bytes"}; empty while it has not ended."""
        if job.active or job.started_at is None:
            return {}
        books = self._books
        run = books.records.get(RUN, job.id)
        if run is not None and "tally" in run.body:
            kept: Mapping[str, int] = run.body["tally"]
            return kept
        tally = self._counted(job)
        with books.writing():
            run = books.records.get(RUN, job.id)
            body = {} if run is None else run.body
            parent = books._parent(job, run)
            books.records.put(RUN, job.id, {**body, "tally": tally}, books.room.clock(), parent)
        return tally

    def _counted(self, job: Job) -> dict[str, int]:
        with self._books.room.reading_truth(job.index) as truth:
            brought = 0 if truth is None else bytes_brought(truth, job.connector_number, job.number)
            held = 0 if truth is None else truth.count(job.connector_number)[1]
        total = live.total_of(job)
        return {"total": held if total is None else total, "bytes": brought}
