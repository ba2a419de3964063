"""The ingest pipelines that connectors use: files become text, white space is reduced, and the flags that say so go."""

from __future__ import annotations

import binascii
import re
from collections.abc import Sequence
from typing import Any, Final

from syncline.dialects.elastic import indices
from syncline.dialects.elastic.refusals import Refused, illegal
from syncline.model.indexes import Index
from syncline.service import hosting
from syncline.wiring import Installation

KNOWN: Final = ("search-default-ingestion", "ent-search-generic-ingestion")
NONE: Final = "_none"
_FILE: Final = "_attachment"
_FLAGS: Final = (
    _FILE, "_attachment_indexed_chars", "_extracted_attachment", "_extract_binary_content", "_reduce_whitespace",
    "_run_ml_inference",
)  # fmt: skip
_SPACE: Final = re.compile(r"\s+")
_ERRORS: Final = "_ingestion_errors"


def of(said: Any, index: Index) -> bool:
    """Whether there is a pipeline for it: the one said, or that of the index. Raises Refused for an unknown one."""
    settings = index.extras.get(indices.EXTRAS, {}).get("settings", {})
    name = said if said not in (None, "") else settings.get("default_pipeline", NONE)
    if name != NONE and name not in KNOWN:
        raise illegal(f"pipeline with id [{name!s:.200}] does not exist")
    return bool(name != NONE)


def run(room: Installation, index: Index, sources: Sequence[dict[str, Any]], wanted: bool) -> list[dict[str, Any]]:
    """The objects as the pipeline leaves them."""
    if not wanted:
        return list(sources)
    made = [_without_flags(source) for source in sources]
    files = [(at, file) for at, source in enumerate(sources) if (file := _file_of(source)) is not None]
    _extract(room, index, sources, made, files)
    for source, after in zip(sources, made, strict=True):
        if source.get("_reduce_whitespace") is True and isinstance(after.get("body"), str):
            after["body"] = _SPACE.sub(" ", after["body"]).strip()
    return made


def _without_flags(source: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in source.items() if name not in _FLAGS}


def _file_of(source: dict[str, Any]) -> bytes | str | None:
    """The file in it, or what is wrong with it; None when there is none to be read."""
    said = source.get(_FILE)
    if source.get("_extract_binary_content") is not True or not isinstance(said, str) or not said:
        return None
    try:
        return binascii.a2b_base64("".join(said.split()).encode("ascii"), strict_mode=True)
    except ValueError:
        return f"the field [{_FILE}] is not base64"


def _extract(
    room: Installation,
    index: Index,
    sources: Sequence[dict[str, Any]],
    made: Sequence[dict[str, Any]],
    files: Sequence[tuple[int, bytes | str]],
) -> None:
    readable = [(at, file) for at, file in files if isinstance(file, bytes)]
    for at, file in files:
        if isinstance(file, str):
            made[at][_ERRORS] = [file]
    if not readable:
        return
    connector = hosting.ensure(room, index)
    texts = hosting.texts_of(room, connector, [(_name_of(sources[at]), file) for at, file in readable])
    for (at, _), text in zip(readable, texts, strict=True):
        if isinstance(text, str):
            made[at]["body"] = text.strip()
        else:
            made[at][_ERRORS] = [text.error.message]


def _name_of(source: dict[str, Any]) -> str:
    """A name by whose ending the kind of the file can be told."""
    for key in ("path", "name", "filename", "title", "url", "id", "_id"):
        value = source.get(key)
        if isinstance(value, str) and "." in value[-8:]:
            return value.rpartition("/")[2]
    return "file"


__all__ = ["KNOWN", "NONE", "Refused", "of", "run"]
