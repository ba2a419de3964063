"""Values of properties: read when somebody asks, never copied."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from syncline.sources.sitewise.client import Client


class Moment(NamedTuple):
    """One value with its time, Unix seconds in whole and nanoseconds. `value` None: there was none (a null)."""

    value: str | int | float | bool | None
    seconds: int
    nanos: int


class Timeline(NamedTuple):
    """A page of a history, and where the next one begins."""

    moments: list[Moment]
    token: str | None


def latest(client: Client, asset: str, property: str, halt: threading.Event) -> Moment | None:
    """None when there is none yet. Raises as `Client.call` does."""
    answer = client.call("get_asset_property_value", halt, assetId=asset, propertyId=property)
    return next(_moments([answer.get("propertyValue")]), None)


def history(
    client: Client,
    asset: str,
    property: str,
    begin: datetime,
    end: datetime,
    halt: threading.Event,
    *,
    descending: bool = False,
    token: str | None = None,
    limit: int = 100,
) -> Timeline:
    """Values in a stretch of time, page by page. Raises as `Client.call` does."""
    answer = client.call(
        "get_asset_property_value_history",
        halt,
        assetId=asset,
        propertyId=property,
        startDate=begin,
        endDate=end,
        timeOrdering="DESCENDING" if descending else "ASCENDING",
        maxResults=limit,
        **({"nextToken": token} if token else {}),
    )
    return Timeline(list(_moments(answer.get("assetPropertyValueHistory") or ())), answer.get("nextToken"))


def _moments(raw: Any) -> Iterator[Moment]:
    for one in raw:
        if isinstance(one, Mapping):
            at = one["timestamp"]
            yield Moment(_value(one["value"]), int(at["timeInSeconds"]), int(at.get("offsetInNanos") or 0))


def _value(raw: Mapping[str, Any]) -> str | int | float | bool | None:
    for name in ("stringValue", "booleanValue", "integerValue", "doubleValue"):
        if raw.get(name) is not None:
            found: str | int | float | bool = raw[name]
            return found
    return None
