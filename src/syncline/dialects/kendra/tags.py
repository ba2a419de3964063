"""TagResource, UntagResource, ListTagsForResource: of indexes and data sources, by their ARNs.

An ARN is arn:aws:kendra:REGION:ACCOUNT:index/INDEX or …:index/INDEX/data-source/ID. Clients build it themselves, so any
partition, region and account will do.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

from syncline.dialects.aws import Fault
from syncline.dialects.kendra.ground import DIALECT, Function, Ground, Place, Request, extras_of, invalid
from syncline.model.connectors import Connector
from syncline.service import connectors, indexes

MOST: Final = 200
_ARN: Final = re.compile(
    r"arn:aws[a-z0-9-]*:kendra:[a-z0-9-]*:[0-9]*:index/([a-zA-Z0-9-]{36})(?:/data-source/([a-zA-Z0-9_-]{1,100}))?"
)
_RESERVED: Final = "aws:"

Tags = list[dict[str, str]]


def operations(ground: Ground) -> dict[str, Function]:
    """The three."""
    return {
        "TagResource": partial(tag, ground),
        "UntagResource": partial(untag, ground),
        "ListTagsForResource": partial(show, ground),
    }


def tag(ground: Ground, request: Request) -> dict[str, Any]:
    """Set; keys that differ only in case are one."""
    new = checked(request["Tags"])
    _change(ground, request, lambda before: checked(_without(before, [one["Key"] for one in new]) + new))
    return {}


def untag(ground: Ground, request: Request) -> dict[str, Any]:
    """Take off; those that are not there are no error."""
    _change(ground, request, lambda before: _without(before, request["TagKeys"]))
    return {}


def show(ground: Ground, request: Request) -> dict[str, Any]:
    """All of them."""
    with _resource(ground, request) as (place, source):
        return {"Tags": extras_of(source or place.index).get("tags", [])}


def checked(tags: Sequence[Mapping[str, str]]) -> Tags:
    """Tags as they are kept. Raises ValidationException."""
    keys = [one["Key"].casefold() for one in tags]
    if len(set(keys)) < len(keys):
        raise invalid("A tag key is given twice. Keys that differ only in case are the same.")
    if any(key.startswith(_RESERVED) for key in keys):
        raise invalid(f"Tag keys that begin with {_RESERVED} are reserved.")
    if len(tags) > MOST:
        raise invalid(f"A resource has at most {MOST} tags.")
    return [{"Key": one["Key"], "Value": one["Value"]} for one in tags]


def _without(tags: Tags, keys: Iterable[str]) -> Tags:
    gone = {key.casefold() for key in keys}
    return [one for one in tags if one["Key"].casefold() not in gone]


def _change(ground: Ground, request: Request, change: Callable[[Tags], Tags]) -> None:
    def changed(extras: Mapping[str, Any]) -> dict[str, Any]:
        return {**extras, "tags": change(extras.get("tags", []))}

    with _resource(ground, request) as (place, source):
        if source is None:
            indexes.annotate(place.room, place.index, DIALECT, changed)
        else:
            connectors.annotate(place.room, source, DIALECT, changed)


@contextmanager
def _resource(ground: Ground, request: Request) -> Iterator[tuple[Place, Connector | None]]:
    """The index, and the data source if the ARN names one. Raises ResourceUnavailableException."""
    arn = request["ResourceARN"]
    found = _ARN.fullmatch(arn)
    if found is None:
        raise invalid("ResourceARN is not the ARN of an index or a data source.")
    index_id, id = found.groups()
    with ground.room() as room:
        try:
            place = ground.place(request, room, index_id)
            source = None if id is None else place.data_source(id)
        except Fault as fault:
            if fault.code != "ResourceNotFoundException":
                raise
            raise Fault("ResourceUnavailableException", f"There is no resource {arn}.") from None
        yield place, source
