"""Hits as search results: entities, each with the passage that was found and where it comes from."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from syncline.dialects.airweave.calls import Call
from syncline.dialects.airweave.filters import CREATED, FIRST_CHUNK, FOLDER, PATHS, UPDATED
from syncline.dialects.airweave.known import sync_id
from syncline.dialects.airweave.sources import entity_type, short_name
from syncline.dialects.airweave.times import naive, unix
from syncline.model.connectors import Connector
from syncline.model.indexes import Index
from syncline.model.search import Condition, Hit, Reader, Request
from syncline.service import searching

WHOLE_CHARS: Final = 8_000  # a longer text is shown by the passage that was found
PASSAGE_CHARS: Final = 4_000
PATIENCE_S: Final = 0.1  # that a search has with another process that writes
EVERYBODY: Final = Reader(unrestricted=True)  # `access` tells who may see a result

_SIGNS: Final = re.compile(r'["“”„«»＂+*]|(?<!\S)-+|(?<![^\s])(?:title|text):')


def plain(query: str) -> str:
    """The words of a question that is no search language: signs and fields have no meaning in it."""
    return " ".join(_SIGNS.sub(" ", query).split())


def connectors_of(call: Call, index: Index) -> list[Connector]:
    """Those that feed it."""
    with call.room() as room:
        return room.control().connectors_of(index.name)


def find(
    call: Call,
    index: Index,
    connectors: Sequence[Connector],
    query: str,
    condition: Condition | None,
    limit: int,
    offset: int = 0,
) -> list[dict[str, Any]]:
    """The results for a question, best first."""
    words = plain(query)
    if not words:
        return []
    return _asked(call, index, connectors, words, condition, limit, offset)


def fetch(
    call: Call, index: Index, connectors: Sequence[Connector], condition: Condition, limit: int
) -> list[dict[str, Any]]:
    """The documents for which that holds."""
    return _asked(call, index, connectors, "", condition, limit, 0)


def count(call: Call, index: Index, query: str, condition: Condition | None) -> int:
    """How many there are."""
    filters = [] if condition is None else [condition]
    with call.room() as room:
        if not room.has_index(index.name):
            return 0
        request = Request(text=plain(query), limit=1, filters=filters, reader=EVERYBODY, snippet_chars=0)
        return searching.search(room, index.name, request, patience_s=PATIENCE_S).total


def _asked(
    call: Call,
    index: Index,
    connectors: Sequence[Connector],
    text: str,
    condition: Condition | None,
    limit: int,
    offset: int,
) -> list[dict[str, Any]]:
    request = Request(
        text=text,
        limit=limit,
        offset=offset,
        filters=[] if condition is None else [condition],
        reader=EVERYBODY,
        snippet_chars=PASSAGE_CHARS,
        whole=True,
    )
    with call.room() as room:
        if not room.has_index(index.name):
            return []
        found = searching.search(room, index.name, request, patience_s=PATIENCE_S)
    by_number = {connector.number: connector for connector in connectors}
    return [_result(hit, by_number.get(hit.connector_number)) for hit in found.hits]


def _result(hit: Hit, connector: Connector | None) -> dict[str, Any]:
    kind = "" if connector is None else connector.kind
    name = hit.title or hit.id
    passage = hit.text if hit.text and len(hit.text) <= WHOLE_CHARS else hit.snippet
    return {
        "entity_id": f"{hit.id}{FIRST_CHUNK}",
        "name": name,
        "relevance_score": float(hit.score),
        "breadcrumbs": _breadcrumbs(hit.id) if kind in PATHS else [],
        "created_at": _moment(hit.metadata, CREATED),
        "updated_at": _moment(hit.metadata, UPDATED),
        "textual_representation": f"# {name}\n\nSource: {short_name(kind) or hit.connector}\n\n{passage}",
        "airweave_system_metadata": {
            "source_name": short_name(kind) or hit.connector,
            "entity_type": entity_type(kind),
            "sync_id": None if connector is None else sync_id(connector.id),
            "sync_job_id": None,
            "chunk_index": 0,
            "original_entity_id": hit.id,
        },
        "access": {"viewers": list(hit.allow) or None, "is_public": not hit.allow},
        "web_url": hit.url or "",
        "url": None,
        "raw_source_fields": dict(hit.metadata),
    }


def _breadcrumbs(id: str) -> list[dict[str, str]]:
    """The folders on the way to it, from the outermost."""
    folders = id.split("/")[:-1]
    paths = ["/".join(folders[: depth + 1]) + "/" for depth in range(len(folders))]
    return [
        {"entity_id": path, "name": name, "entity_type": FOLDER}
        for path, name in zip(paths, folders, strict=True)
        if name
    ]


def _moment(metadata: Mapping[str, Any], keys: Sequence[str]) -> str | None:
    for key in keys:
        said = metadata.get(key)
        if isinstance(said, str):
            try:
                return naive(unix(datetime.fromisoformat(said)))
            except (ValueError, OverflowError):
                continue
        if isinstance(said, int | float) and not isinstance(said, bool) and 0 < said < 1e11:
            return datetime.fromtimestamp(said, UTC).replace(tzinfo=None).isoformat()
    return None
