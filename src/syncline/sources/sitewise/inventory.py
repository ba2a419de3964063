"""Everything there is in SiteWise at one time, without the properties: read to its end, or not at all."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple, Protocol

import xxhash

from syncline.sources.s3.crew import Budget, Operation, in_parallel, watched
from syncline.sources.sitewise import problems
from syncline.sources.sitewise.client import Client, NotThere, Trouble

ROOT: Final = "$ROOT"  # the parent of an asset that has none
PREFIX: Final = "iotsitewise.assetmodel:"
FORMAT: Final = "1"  # in every version: documents are made in this way
SHOWN_CHILDREN: Final = 51  # of each hierarchy; one more than IoT TwinMaker shows, so that it is known that there are


class Model(NamedTuple):
    """One asset model of the listing. Times are Unix seconds."""

    id: str
    name: str
    description: str
    external_id: str
    created: float
    updated: float
    revision: str

    @property
    def version(self) -> str:
        """Changes when anything of the model does."""
        return f"{FORMAT}.{_digest(self)}"


@dataclass(slots=True)
class Asset:
    """One asset of the listing. Times are Unix seconds; `children` are (hierarchy, asset) in order."""

    id: str
    name: str
    description: str
    external_id: str
    model: str
    created: float
    updated: float
    hierarchies: tuple[tuple[str, str], ...]
    parent: str = ROOT
    children: list[tuple[str, str]] = field(default_factory=list)
    name_holder: str = ""  # the sibling that has its name, where names must differ

    def version(self, model: Model | None) -> str:
        """Changes when the asset, its model, its parent or its children do."""
        of_model = "" if model is None else f"{model.id}.{model.updated}.{model.revision}"
        own = (self.name, self.description, self.external_id, self.created, self.updated, self.hierarchies)
        return f"{FORMAT}.{_digest([*own, of_model, self.parent, self.children, self.name_holder])}"


@dataclass(slots=True)
class Inventory:
    """All of it. `account` is "" when there is nothing to tell it by."""

    models: dict[str, Model]
    assets: dict[str, Asset]
    account: str


class Limits(Protocol):
    """What is read of the settings here."""

    max_assets: int
    parallel: int


def read(client: Client, limits: Limits, stage: Callable[[], Operation]) -> Inventory:
    """`stage` makes an Operation that somebody may interrupt. Raises SynclineError when any part of it cannot be read;
    Halted."""
    account, models = watched(lambda halt: _models(client, halt), stage())
    assets: dict[str, Asset] = {}
    for found in _each(list(models), lambda model, halt: _assets(client, model, halt), limits, stage()):
        assets |= {asset.id: asset for asset in found}
        if len(assets) > limits.max_assets:
            raise problems.too_many(client.name, limits.max_assets)
    _relate(client, assets, limits, stage)
    return Inventory(models, assets, account)


def look(client: Client, halt: threading.Event) -> None:
    """Raises SynclineError unless models and assets may be listed; Halted."""
    try:
        client.call("list_asset_models", halt, needs="assetModelSummaries", maxResults=1)
        client.call("list_assets", halt, needs="assetSummaries", maxResults=1, filter="TOP_LEVEL")
    except Trouble as trouble:
        raise trouble.error from trouble
    except NotThere:
        raise problems.damaged(client.name, "a listing is not there") from None


def unique_names(assets: Mapping[str, Asset], held: Mapping[str, str]) -> dict[str, str]:
    """Note in each asset which sibling has its name; returns who has those that are wanted by several, by parent and
    name. `held` is what was returned last time: who has a name keeps it. Else it is whose last change is oldest."""
    siblings: dict[str, list[Asset]] = {}
    for asset in assets.values():
        if asset.parent != ROOT:
            siblings.setdefault(f"{asset.parent}/{asset.name}", []).append(asset)
    holders: dict[str, str] = {}
    for place, rivals in siblings.items():
        if len(rivals) > 1:
            first = min(rivals, key=lambda one: (one.id != held.get(place), one.updated, one.id))
            holders[place] = first.id
            for rival in rivals:
                rival.name_holder = "" if rival is first else first.id
    return holders


# --- reading ---------------------------------------------------------------------------------------------------------


def _models(client: Client, halt: threading.Event) -> tuple[str, dict[str, Model]]:
    account, found = "", dict[str, Model]()
    for page in _pages(client, "list_asset_models", "assetModelSummaries", halt):
        for raw in page:
            model = _understood(client, _model, raw)
            found[model.id] = model
            account = account or _account(str(raw.get("arn", "")))
    return account, found


def _assets(client: Client, model: str, halt: threading.Event) -> list[Asset]:
    found: list[Asset] = []
    try:
        for page in _pages(client, "list_assets", "assetSummaries", halt, assetModelId=model, filter="ALL"):
            found += [_understood(client, _asset, raw) for raw in page]
    except NotThere:
        _check_gone(client, model, halt)
        return []  # it was deleted a moment ago, and had no assets then
    return found


def _check_gone(client: Client, model: str, halt: threading.Event) -> None:
    """Raises SynclineError when the model is there though its assets are said not to be."""
    try:
        client.call("describe_asset_model", halt, assetModelId=model, excludeProperties=True)
    except NotThere:
        return
    except Trouble as trouble:
        raise trouble.error from trouble
    raise problems.damaged(client.name, f"the assets of the model {model} are not there, and the model is")


def _relate(client: Client, assets: dict[str, Asset], limits: Limits, stage: Callable[[], Operation]) -> None:
    """Give every asset its parent and its children. One that only its parent names was made meanwhile: it is there."""

    def children(one: tuple[str, str], halt: threading.Event) -> tuple[str, str, list[Asset] | None]:
        return (*one, _children(client, *one, halt))

    links: set[tuple[str, str, str]] = set()
    asked, new = set[str](), list(assets.values())
    while new:
        asked |= {asset.id for asset in new}
        pairs = [(asset.id, hierarchy) for asset in new for hierarchy, _ in asset.hierarchies]
        for id, hierarchy, found in _each(pairs, children, limits, stage()):
            if found is None:
                assets.pop(id, None)
            for child in found or ():
                assets.setdefault(child.id, child)
                links.add((id, hierarchy, child.id))
        new = [asset for asset in assets.values() if asset.id not in asked]
    for id, hierarchy, child_id in sorted(links):
        if id in assets and child_id in assets and id != child_id:
            assets[child_id].parent = id
            assets[id].children.append((hierarchy, child_id))


def _children(client: Client, asset: str, hierarchy: str, halt: threading.Event) -> list[Asset] | None:
    """None when the asset was deleted a moment ago."""
    given = {"assetId": asset, "hierarchyId": hierarchy, "traversalDirection": "CHILD"}
    try:
        pages = _pages(client, "list_associated_assets", "assetSummaries", halt, **given)
        return [_understood(client, _asset, raw) for page in pages for raw in page]
    except NotThere:
        return None


def _pages(client: Client, method: str, member: str, halt: threading.Event, **given: Any) -> Iterator[list[Any]]:
    try:
        yield from client.pages(method, member, halt, **given)
    except Trouble as trouble:  # of a listing every page is needed
        raise trouble.error from trouble


def _each(
    things: Sequence[Any], work: Callable[[Any, threading.Event], Any], limits: Limits, operation: Operation
) -> Iterator[Any]:
    def one(thing: Any, _: Budget) -> tuple[Any, int]:
        return work(thing, operation.halt), 0

    if not things:
        return iter(())
    return in_parallel(things, one, limits.parallel, 1, operation)


# --- understanding ---------------------------------------------------------------------------------------------------


def _understood(client: Client, make: Callable[[Mapping[str, Any]], Any], raw: Any) -> Any:
    try:
        return make(raw)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise problems.damaged(client.name, f"an entry of a listing lacks {error}") from None


def _model(raw: Mapping[str, Any]) -> Model:
    return Model(
        raw["id"],
        raw["name"],
        raw.get("description") or "",
        raw.get("externalId") or "",
        seconds(raw["creationDate"]),
        seconds(raw["lastUpdateDate"]),
        str(raw.get("version") or ""),
    )


def _asset(raw: Mapping[str, Any]) -> Asset:
    return Asset(
        id=raw["id"],
        name=raw["name"],
        description=raw.get("description") or "",
        external_id=raw.get("externalId") or "",
        model=raw["assetModelId"],
        created=seconds(raw["creationDate"]),
        updated=seconds(raw["lastUpdateDate"]),
        hierarchies=tuple((one["id"], one["name"]) for one in raw["hierarchies"] if one.get("id")),
    )


def seconds(moment: datetime) -> float:
    """Unix seconds, to the millisecond."""
    return round(moment.timestamp(), 3)


def _account(arn: str) -> str:
    parts = arn.split(":")
    return parts[4] if len(parts) > 5 else ""


def _digest(value: Any) -> str:
    return xxhash.xxh3_128_hexdigest(json.dumps(value, ensure_ascii=True, separators=(",", ":")).encode())
