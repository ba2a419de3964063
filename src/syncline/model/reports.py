"""What the verbs answer. JSON shapes are contracts for scripts; docs/cli.md shows them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from syncline.model.connectors import Connector
from syncline.model.jobs import Job, JobState
from syncline.model.outcomes import Counters


@dataclass(slots=True)
class Progress:
    """A job as it goes. `planned` is the number of documents expected in all (None: not known yet)."""

    stage: str = "listing"  # listing, applying, deleting, indexing, done
    counters: Counters = field(default_factory=Counters)
    listed: int = 0
    to_write: int = 0  # documents found new or changed so far
    written: int = 0  # of those, how many are done
    planned: int | None = None
    rate: float = 0.0  # documents a second, over the last few seconds
    eta_s: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """All of it, JSON-safe."""
        return {
            "stage": self.stage,
            "listed": self.listed,
            "to_write": self.to_write,
            "written": self.written,
            "planned": self.planned,
            "rate": round(self.rate, 1),
            "eta_s": None if self.eta_s is None else round(self.eta_s, 1),
            **self.counters.as_dict(),
        }


@dataclass(slots=True)
class SyncResult:
    """How a job ended. `error` is SynclineError.as_dict() when it failed."""

    job_id: str
    number: int
    status: JobState
    counters: Counters
    duration_s: float
    connector: str = ""
    index: str = ""
    error: dict[str, Any] | None = None
    notes: list[str] = field(default_factory=list)  # scopes that could not be listed, and the like

    @classmethod
    def of(cls, job: Job, connector: Connector, now: float) -> SyncResult:
        """How `job` stands; `now` is Unix seconds, for one that has not ended."""
        return cls(
            job_id=job.id,
            number=job.number,
            status=job.state,
            counters=job.counters,
            duration_s=job.duration_s(now),
            connector=connector.name,
            index=connector.index,
            error=job.error,
            notes=job.notes,
        )

    def as_dict(self) -> dict[str, Any]:
        """The contract of `sync --json`."""
        counters = self.counters.as_dict()
        return {
            "job_id": self.job_id,
            "status": self.status.value,
            **counters,
            "duration_s": round(self.duration_s, 3),
            "number": self.number,
            "connector": self.connector,
            "index": self.index,
            "error": self.error,
            "notes": self.notes,
        }


@dataclass(slots=True)
class Plan:
    """What a sync would do. `reasons` maps an id to why it is inserted, updated, deleted or withheld."""

    insert: list[str] = field(default_factory=list)
    update: list[str] = field(default_factory=list)
    delete: list[str] = field(default_factory=list)
    withhold: list[str] = field(default_factory=list)
    fail: list[str] = field(default_factory=list)
    keep: int = 0
    filtered: int = 0
    reasons: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)  # of the notes, those that say what could not be listed
    complete: bool = True  # False: the source could not be listed to its end

    def as_dict(self) -> dict[str, Any]:
        """The contract of `plan --json`."""
        return {
            "insert": self.insert,
            "update": self.update,
            "delete": self.delete,
            "keep": self.keep,
            "reasons": self.reasons,
            "withhold": self.withhold,
            "fail": self.fail,
            "filtered": self.filtered,
            "notes": self.notes,
            "complete": self.complete,
        }


@dataclass(slots=True)
class Chapter:
    """One line of a document's story. `at` is Unix seconds."""

    at: float | None
    job: int | None
    event: str
    detail: str = ""
    code: str = ""
    remedy: str = ""


@dataclass(slots=True)
class Story:
    """Why a document is, or is not, in the index."""

    id: str
    connector: str
    index: str
    state: str  # live, filtered, failed, withheld, deleted, unknown
    summary: str
    chapters: list[Chapter] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """The contract of `why --json`."""
        return {
            "id": self.id,
            "connector": self.connector,
            "index": self.index,
            "state": self.state,
            "summary": self.summary,
            "history": [
                {"at": c.at, "job": c.job, "event": c.event, "detail": c.detail, "code": c.code, "remedy": c.remedy}
                for c in self.chapters
            ],
        }


@dataclass(slots=True)
class VerifyReport:
    """Whether index = ledger = truth (= source). `problems` holds one line each; `repaired` says what was mended."""

    index: str
    documents: int = 0
    ledger_rows: int = 0
    searchable: int = 0
    source_checked: int = 0
    problems: list[str] = field(default_factory=list)
    repaired: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """True when nothing is wrong now."""
        return len(self.problems) == len(self.repaired)

    def as_dict(self) -> dict[str, Any]:
        """The contract of `verify --json`."""
        return {
            "index": self.index,
            "ok": self.ok,
            "documents": self.documents,
            "ledger_rows": self.ledger_rows,
            "searchable": self.searchable,
            "source_checked": self.source_checked,
            "problems": self.problems,
            "repaired": self.repaired,
        }
