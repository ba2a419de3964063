"""Source kinds: what a connector may read, and the settings that takes."""

from __future__ import annotations

from typing import Annotated, Any

from starlette.responses import Response

from syncline.model.errors import NotFound, SynclineError
from syncline.model.keys import Scope
from syncline.server.operations import FIRST, Call, Cursor, Limit, Operations, answered
from syncline.server.paging import Pages
from syncline.server.parameters import Path
from syncline.service import reach

operations = Operations("sources")


def kind_shape(name: str, title: str, problem: str) -> dict[str, Any]:
    """One kind with the JSON schema of its settings; null when it cannot be loaded, and `problem` says why."""
    from syncline.sources import registry

    schema: dict[str, Any] | None = None
    secrets: list[str] = []
    if not problem:
        try:
            schema = registry.find(name).load_config().model_json_schema()
            secrets = list(registry.secret_fields(name))
        except SynclineError as error:
            problem = error.message
        except Exception as error:  # a model of somebody else's that has no schema
            problem = f"its settings have no schema: {type(error).__name__}"
    return {"name": name, "title": title, "settings": schema, "secrets": secrets, "problem": problem}


def _kinds() -> list[dict[str, Any]]:
    from syncline.sources.registry import available

    return [kind_shape(kind.name, kind.title, kind.problem) for kind in available()]


@operations("GET", "/v1/sources", "List source kinds", scope=Scope.READ, answers="SourcePage")
def list_sources(limit: Limit = FIRST, cursor: Cursor = None) -> Response:
    """Built in and installed ones, each with the JSON schema of its settings. Secrets are marked writeOnly."""
    page = Pages("sources", cursor).cut(_kinds(), limit, lambda kind: kind["name"], dict, "")
    return answered(page)


@operations("GET", "/v1/sources/{kind}", "Show a source kind", scope=Scope.READ, answers="Source")
def get_source(call: Call, kind: Annotated[str, Path(description="Name of a source kind.")]) -> Response:
    """With the JSON schema of its settings."""
    reach.check_kind(kind)
    found = next((one for one in _kinds() if one["name"] == kind), None)
    if found is None:
        raise NotFound(f"there is no source kind {kind!r:.200}", remedy="List the sources to see which there are.")
    return call.shown(found)
