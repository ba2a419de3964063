"""Assets and models as documents.

Metadata is flat: what an asset has several of is in lists that run side by side, so that `properties[3]` has the id
`property_ids[3]`, the unit `units[3]` and the alias `aliases[3]`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from syncline.model.documents import Document
from syncline.sources.sitewise.inventory import PREFIX, SHOWN_CHILDREN, Asset, Model

MEDIA_TYPE: Final = "application/vnd.syncline.twin"
ENTITY: Final = "entity"
COMPONENT_TYPE: Final = "component_type"


class Property(NamedTuple):
    """One property, of a model or of an asset. `kind` is attribute, measurement, transform, metric, or "" where only
    the model knows it."""

    id: str
    name: str
    data_type: str
    unit: str = ""
    alias: str = ""
    kind: str = ""


def of_asset(asset: Asset, version: str, model: Model | None, described: Mapping[str, Any], url: str) -> Document:
    """`described` is what DescribeAsset answers. Raises KeyError or TypeError when that cannot be right."""
    properties = list(_properties(described["assetProperties"], described.get("assetCompositeModels") or ()))
    children = _shown(asset.children)
    metadata: dict[str, Any] = {
        "twin": ENTITY,
        "name": asset.name,
        "description": asset.description,
        "external_id": asset.external_id,
        "parent": asset.parent,
        "component_type": PREFIX + asset.model,
        "model": asset.model,
        "model_name": model.name if model else "",
        "created": _iso(asset.created),
        "updated": _iso(asset.updated),
        "child_count": len(asset.children),
        "hierarchy_ids": [id for id, _ in asset.hierarchies],
        "hierarchies": [name for _, name in asset.hierarchies],
        "child_hierarchies": [hierarchy for hierarchy, _ in children],
        "children": [child for _, child in children],
        **_lists(properties),
    }
    text = _text([asset.name, asset.description, model.name if model else "", asset.external_id], properties)
    return _document(asset.id, asset.name, text, metadata, version, url)


def of_model(
    model: Model, version: str, described: Mapping[str, Any], listed: Iterable[Mapping[str, Any]], url: str
) -> Document:
    """`described` is what DescribeAssetModel answers, `listed` all pages of ListAssetModelProperties. Raises KeyError
    or TypeError when that cannot be right."""
    properties = list(_properties(listed, ()))
    hierarchies = [(one["id"], one["name"], one["childAssetModelId"]) for one in described["assetModelHierarchies"]]
    metadata: dict[str, Any] = {
        "twin": COMPONENT_TYPE,
        "name": model.name,
        "description": model.description,
        "external_id": model.external_id,
        "created": _iso(model.created),
        "updated": _iso(model.updated),
        "hierarchy_ids": [id for id, _, _ in hierarchies],
        "hierarchies": [name for _, name, _ in hierarchies],
        "hierarchy_models": [child for _, _, child in hierarchies],
        "property_kinds": [one.kind for one in properties],
        **_lists(properties),
    }
    names = [name for _, name, _ in hierarchies]
    text = _text([model.name, model.description, model.external_id, ", ".join(names)], properties)
    return _document(PREFIX + model.id, model.name, text, metadata, version, url)


def _document(id: str, title: str, text: str, metadata: dict[str, Any], version: str, url: str) -> Document:
    kept = {name: value for name, value in metadata.items() if value not in ("", [])}
    return Document(id, text=text, title=title, media_type=MEDIA_TYPE, metadata=kept, url=url, version=version)


def _properties(raw: Iterable[Mapping[str, Any]], composites: Iterable[Mapping[str, Any]]) -> Iterator[Property]:
    """Those of composite models are taken with the others, the name of the composite before their own."""
    seen = set[str]()
    for composite, one in [("", one) for one in raw] + [
        (str(part["name"]), one) for part in composites for one in part.get("properties") or ()
    ]:
        if one.get("id") and one["id"] not in seen:
            seen.add(one["id"])
            yield _property(one, composite)


def _property(raw: Mapping[str, Any], composite: str) -> Property:
    path = [str(part.get("name") or "") for part in raw.get("path") or ()]
    inside = path[1:-1] if len(path) > 2 else [composite] if composite else []  # the path begins with the asset itself
    return Property(
        raw["id"],
        "/".join([*filter(None, inside), raw["name"]]),
        raw["dataType"],
        raw.get("unit") or "",
        raw.get("alias") or "",
        next(iter(raw.get("type") or ()), ""),
    )


def _lists(properties: Sequence[Property]) -> dict[str, list[str]]:
    lists = {
        "property_ids": [one.id for one in properties],
        "properties": [one.name for one in properties],
        "data_types": [one.data_type for one in properties],
        "units": [one.unit for one in properties],
        "aliases": [one.alias for one in properties],
    }
    return {name: values for name, values in lists.items() if any(values)}


def _text(about: Iterable[str], properties: Iterable[Property]) -> str:
    """What it can be found by: everything that people have named, one thing a line."""
    lines = [" ".join(filter(None, (one.name, one.unit and f"({one.unit})", one.alias))) for one in properties]
    return "\n".join([*filter(None, about), *lines])


def _shown(children: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    count: dict[str, int] = {}
    shown = []
    for hierarchy, child in children:
        count[hierarchy] = count.get(hierarchy, 0) + 1
        if count[hierarchy] <= SHOWN_CHILDREN:
            shown.append((hierarchy, child))
    return shown


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
