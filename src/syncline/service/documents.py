"""Documents: why one is, or is not, in the index."""

from __future__ import annotations

from syncline.model.connectors import Connector
from syncline.model.documents import Held, State
from syncline.model.jobs import Job, JobState
from syncline.model.outcomes import Kind
from syncline.model.reports import Chapter, Story
from syncline.service import connectors as connector_service
from syncline.store.relational.control import Control
from syncline.store.relational.truth import HistoryLine, Truth
from syncline.wiring import Installation

_EVENTS = {Kind.WITHHELD: "deletion withheld"}


def why(installation: Installation, id: str, index: str | None, connector: str | None) -> list[Story]:
    """One story for each connector that knows the id."""
    with installation.reading_control() as control:
        if control is None:
            return []
        chosen = [connector_service.get(control, connector)] if connector else control.connectors()
        stories = [_story(installation, control, one, id) for one in chosen if index in (None, one.index)]
    return [story for story in stories if story is not None]


def _story(installation: Installation, control: Control, connector: Connector, id: str) -> Story | None:
    with installation.reading_truth(connector.index) as truth:
        if truth is None:
            return None
        row = truth.held(connector.number, [id]).get(id)
        jobs = {job.number: job for job in control.jobs(connector.number, limit=1000)}
        lines = truth.history(id, list(jobs))
        if row is None and not lines:
            return None
        withheld = _withheld_reason(truth, connector, row)
    chapters = [_chapter(line, jobs) for line in lines] + _kept(row, lines, jobs)
    state, summary = _state(row, lines, withheld)
    return Story(id, connector.name, connector.index, state, summary, chapters)


def _withheld_reason(truth: Truth, connector: Connector, row: Held | None) -> str:
    if row is None or not truth.withheld_count(connector.number):
        return ""
    return next((reason for id, reason, _ in truth.withheld(connector.number) if id == row.id), "")


def _chapter(line: HistoryLine, jobs: dict[int, Job]) -> Chapter:
    outcome, job = line.outcome, jobs[line.job]
    event = "inserted with a warning" if outcome.is_warning and outcome.kind is Kind.INSERTED else outcome.kind.value
    event = _EVENTS.get(outcome.kind, event)
    return Chapter(job.ended_at or job.started_at, job.number, event, outcome.message, outcome.code, outcome.remedy)


def _kept(row: Held | None, lines: list[HistoryLine], jobs: dict[int, Job]) -> list[Chapter]:
    """Keeping costs no write: that the newest job kept it follows from its having said nothing else."""
    done = [job for job in jobs.values() if job.state in (JobState.SUCCEEDED, JobState.INCOMPLETE)]
    newest = max(done, key=lambda job: job.number, default=None)
    if row is None or newest is None or (lines and lines[-1].job >= newest.number):
        return []
    event = "filtered" if row.state == State.FILTERED else "kept"
    return [Chapter(newest.ended_at, newest.number, event, "unchanged since")] if row.state != State.FAILED else []


def _state(row: Held | None, lines: list[HistoryLine], withheld: str) -> tuple[str, str]:
    last = lines[-1].outcome if lines else None
    if row is None:
        return "deleted", "not in the index" + (f": {last.message}" if last is not None and last.message else "")
    if withheld:
        return "withheld", f"in the index, but its deletion waits for approval: {withheld}"
    if row.state == State.FAILED:
        return "failed", f"not in the index: {last.message if last else 'it failed'}; the next job tries again"
    if row.state == State.FILTERED:
        return "filtered", f"not in the index: kept out by {last.message if last else row.recipe}"
    if last is not None and last.kind is Kind.FAILED:
        return "live", f"in the index as it was before: {last.message}; the next job tries again"
    if last is not None and last.is_warning:
        return "live", f"in the index, with a warning: {last.message}"
    return "live", "in the index"
