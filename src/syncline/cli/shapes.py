"""The JSON shapes of what has no `as_dict` of its own. Contracts for scripts; docs/cli.md shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from syncline.model.shapes import iso

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from syncline.api import Syncline
    from syncline.model.connectors import Connector
    from syncline.model.jobs import Job
    from syncline.model.outcomes import Outcome
    from syncline.model.reports import Story
    from syncline.model.search import Hit, Results


def connector_names(api: Syncline) -> Mapping[str, str]:
    """Names of connectors by id."""
    return {connector.id: connector.name for connector in api.connectors()}


def connector_shape(connector: Connector) -> dict[str, Any]:
    """One connector. A secret in `settings` is asterisks."""
    from syncline.store.secrets import masked

    return {
        "name": connector.name,
        "id": connector.id,
        "kind": connector.kind,
        "index": connector.index,
        "settings": masked(connector.config),
        "guard": {"max_deletes": connector.guard.max_deletes, "max_percent": connector.guard.max_percent},
        "created_at": iso(connector.created_at or None),
    }


def error_shape(job: Job, connector: str, outcome: Outcome) -> dict[str, Any]:
    """One document that failed or was taken with a warning."""
    return {
        "job": job.number,
        "job_id": job.id,
        "connector": connector,
        "id": outcome.id,
        "kind": "warning" if outcome.is_warning else outcome.kind.value,
        "stage": outcome.stage,
        "code": outcome.code,
        "message": outcome.message,
        "remedy": outcome.remedy,
    }


def hit_shape(hit: Hit) -> dict[str, Any]:
    """One search result."""
    return {
        "id": hit.id,
        "title": hit.title,
        "score": round(hit.score, 4),
        "snippet": hit.snippet,
        "metadata": hit.metadata,
        "connector": hit.connector,
        "url": hit.url,
    }


def results_shape(results: Results) -> dict[str, Any]:
    """The answer of `search --json`."""
    shape = {"total": results.total, "results": [hit_shape(hit) for hit in results.hits]}
    if not results.facets:
        return shape
    pairs = results.facets.items()
    return {**shape, "facets": {name: [{"value": v, "count": n} for v, n in values] for name, values in pairs}}


def stories_shape(id: str, stories: Sequence[Story]) -> dict[str, Any]:
    """The answer of `why --json`: every story; a single one is also spread out at the top."""
    told = [story.as_dict() for story in stories]
    return {"id": id, **(told[0] if len(told) == 1 else {}), "stories": told}
