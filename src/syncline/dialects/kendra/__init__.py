"""Amazon Kendra, as far as documents come into an index and are found there: for clients of AWS, unmodified.

    ground     index and data source by their ids, errors, pages       ─┐
    fields     the fields of an index, and their values                 ├─ what every room stands on
    principals, asking, indices, sources, runs, documents, tags        ─┘ one room for each noun

A data source is a connector, an execution is a job; for data sources that are pushed to, an execution is what
`service/executions` keeps, and its jobs are ours. docs/dialects/kendra.md tells users how to switch.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Final

from syncline.dialects.aws import Wire
from syncline.dialects.host import Host
from syncline.dialects.kendra.ground import DIALECT, Function, Ground, translated

ROOMS: Final = ("indices", "sources", "runs", "documents", "tags", "asking", "principals")


def functions(ground: Ground) -> dict[str, Function]:
    """Every operation there is."""
    found: dict[str, Function] = {}
    for room in ROOMS:
        name = f"{__name__}.{room}"
        if find_spec(name) is not None:
            found |= import_module(name).operations(ground)
    return found


def build(host: Host, *, strict: bool = False) -> Wire:
    """The dialect on a server. Raises ModelMissing."""
    ground = Ground(host)
    wire = Wire(
        DIALECT,
        functions(ground),
        secret_of=host.secret_of,
        caller_of=host.identify_pair,
        translate=translated,
        clock=host.clock,
        strict=strict,
    )
    assert wire.service  # Raises ModelMissing now, rather than with the first request.
    return wire
