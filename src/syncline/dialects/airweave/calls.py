"""One request at work, as every function of the dialect gets it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Final

from anyio import CapacityLimiter
from starlette.responses import Response

from syncline.dialects.airweave.faults import Fault
from syncline.dialects.airweave.sources import Catalogue
from syncline.dialects.host import Caller, Host
from syncline.dialects.names import as_uuid
from syncline.model.keys import Scope
from syncline.wiring import Installation

NAME: Final = "airweave"
ORGANIZATION: Final = as_uuid("organization")  # one data directory is one organisation


@dataclass(slots=True)
class Call:
    """Who asks, and what.

    path     the variable parts of the path.
    query    the model of the query, filled in.
    body     the model of the body, filled in; None when there is none.
    counts   documents of a connector, by its number, as of the job of that number.
    slow     the threads for what waits for others.
    aborts   called when the client has gone or the server ends.
    """

    host: Host
    sources: Catalogue
    caller: Caller
    path: Mapping[str, str]
    query: Any = None
    body: Any = None
    counts: dict[int, tuple[int, int]] = field(default_factory=dict)
    slow: CapacityLimiter | None = None
    aborts: list[Callable[[], None]] = field(default_factory=list)

    def room(self) -> AbstractContextManager[Installation]:
        """An Installation for this request."""
        return self.host.room()

    def need(self, scope: Scope) -> None:
        """Raises Forbidden unless the key may."""
        self.caller.need(scope)

    def need_everything(self) -> None:
        """Raises Fault unless the key is for all indexes: for what concerns all of them."""
        if self.caller.indexes is not None:
            raise Fault(403, "This concerns every collection, and the API key is bound to some of them")


def answered(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """JSON."""
    raw = json.dumps(body, ensure_ascii=False, separators=(",", ":"), default=str).encode("utf-8", "replace")
    return Response(raw, status, dict(headers or {}), "application/json")
