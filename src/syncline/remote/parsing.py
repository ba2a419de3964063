"""JSON of the API, read back into the nouns of the model."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from syncline.model.connectors import Connector, Guard
from syncline.model.indexes import Index
from syncline.model.jobs import Job, JobState, JobType, Trigger
from syncline.model.outcomes import Counters, Kind, Outcome
from syncline.model.reports import Chapter, Plan, Progress, Story
from syncline.model.search import All, AnyOf, Condition, Filter, Hit, Not, Results

_PROGRESS = ("stage", "listed", "to_write", "written", "planned", "rate", "eta_s")


def when(text: str | None) -> float | None:
    """Unix seconds of an ISO time; None for None."""
    return None if text is None else datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def job(told: Mapping[str, Any]) -> Job:
    """One job."""
    return Job(
        number=told["number"],
        id=told["id"],
        connector_id=told["connector_id"],
        type=JobType(told["type"]),
        trigger=Trigger(told["trigger"]),
        state=JobState(told["state"]),
        force=bool(told.get("force")),
        attempt=told["attempt"],
        created_at=when(told["created_at"]) or 0.0,
        started_at=when(told["started_at"]),
        ended_at=when(told["ended_at"]),
        counters=counters(told),
        progress=dict(told.get("progress") or {}),
        error=told["error"],
        notes=list(told["notes"]),
        index=told["index"],
        cause=told["cause"],
    )


def counters(told: Mapping[str, Any]) -> Counters:
    """Those among other things."""
    return Counters({name: told[name] for name in Counters.NAMES if name in told})


def progress(told: Mapping[str, Any]) -> Progress:
    """How far a job is, of the job as the API shows it."""
    at = told["progress"] or {}
    known = {name: at[name] for name in _PROGRESS if name in at}
    return Progress(**{"stage": told["state"], **known}, counters=counters(at or told))


def connector(told: Mapping[str, Any]) -> Connector:
    """One connector; its secrets are asterisks."""
    guard = told["guard"]
    return Connector(
        number=0,
        id=told["id"],
        name=told["name"],
        index=told["index"],
        kind=told["kind"],
        config=told["settings"],
        guard=Guard(guard["max_deletes"], guard["max_percent"]),
        created_at=when(told["created_at"]) or 0.0,
        description=told.get("description", ""),
        paused=bool(told.get("paused")),
    )


def index(told: Mapping[str, Any]) -> Index:
    """One index; the secrets of its destination are asterisks."""
    return Index(
        number=0,
        id=told["id"],
        name=told["name"],
        description=told["description"],
        revision=told["revision"],
        created_at=when(told["created_at"]) or 0.0,
        destination=told.get("destination", "embedded"),
        settings=told.get("settings", {}),
    )


def outcome(told: Mapping[str, Any]) -> Outcome:
    """What became of one document."""
    return Outcome(told["id"], Kind(told["kind"]), told["stage"], told["code"], told["message"], told["remedy"])


def plan(told: Mapping[str, Any]) -> Plan:
    """What a sync would do."""
    lists = ("insert", "update", "delete", "withhold", "fail")
    totals = told["totals"]
    notes = list(told["notes"])
    notes += [
        f"{totals[name]:,} to {name}: the first {len(told[name]):,} are named"
        for name in lists
        if totals[name] > len(told[name])
    ]
    return Plan(
        **{name: told[name] for name in lists},
        keep=totals["keep"],
        filtered=totals["filtered"],
        reasons=told["reasons"],
        notes=notes,
        complete=told["complete"],
    )


def results(told: Mapping[str, Any]) -> Results:
    """An answer of a search."""
    hits = [
        Hit(
            id=hit["id"],
            connector=hit["connector"],
            score=hit["score"],
            title=hit["title"],
            snippet=hit["snippet"],
            metadata=hit["metadata"],
            url=hit["url"],
        )
        for hit in told["results"]
    ]
    facets = {
        field: [(each["value"], each["count"]) for each in values] for field, values in told.get("facets", {}).items()
    }
    return Results(told["total"], hits, facets)


def said_condition(one: Condition) -> dict[str, Any]:
    """A condition, as it is asked for."""
    match one:
        case Filter():
            return one._asdict()
        case All():
            return {"all": [said_condition(inner) for inner in one.conditions]}
        case AnyOf():
            return {"any": [said_condition(inner) for inner in one.conditions]}
        case Not():
            return {"not": said_condition(one.condition)}


def story(told: Mapping[str, Any]) -> Story:
    """The story of one document."""
    chapters = [
        Chapter(
            at=line["at"] if isinstance(line["at"], int | float | None) else when(line["at"]),
            job=line["job"],
            event=line["event"],
            detail=line["detail"],
            code=line["code"],
            remedy=line["remedy"],
        )
        for line in told["history"]
    ]
    return Story(told["id"], told["connector"], told["index"], told["state"], told["summary"], chapters)
