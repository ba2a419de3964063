"""Destinations to test with: one in memory that keeps every promise, and a coat that fails by a plan.

RemoteIndex(truth, MemoryDestination())                               an index as the engine sees it
RemoteIndex(truth, HostileDestination(destination, [Failure(...)]))   the same, on a bad day
"""

from __future__ import annotations

from collections import Counter as Calls
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, TypeVar

from syncline.model.destinations import Destination, Found, Pastes, Shown
from syncline.model.documents import Document
from syncline.model.errors import DestinationError, JobFenced
from syncline.model.ports import CrashPoint, Ticket, no_crash
from syncline.testing.hostile_ledger import LedgerFault

T = TypeVar("T")


@dataclass
class Place:
    """What is durable of a MemoryDestination: documents by (connector, id), fences by connector."""

    documents: dict[tuple[int, str], Document] = field(default_factory=dict)
    fences: dict[int, int] = field(default_factory=dict)


class MemoryDestination:
    """A Destination over a Place. Several may be opened on the same one, as by several processes.

    begin and write pass the crash points "destination.VERB.before" and ".after".  `writes` counts them.
    """

    def __init__(self, place: Place | None = None, *, crash: CrashPoint = no_crash) -> None:
        self.place = Place() if place is None else place
        self.writes = 0
        self._crash = crash

    def check(self) -> None:
        """Nothing could be wrong."""

    def begin(self, ticket: Ticket, *, empty: bool) -> None:
        """See `Destination`; so with all below."""
        self._crash("destination.begin.before")
        if self.place.fences.get(ticket.connector, 0) > ticket.fence:
            raise JobFenced(f"attempt {ticket.fence} comes late")
        if not empty and ticket.connector not in self.place.fences:
            raise DestinationError("this is another place", code="destination.elsewhere")
        self.place.fences[ticket.connector] = ticket.fence
        if empty:
            self._remove(ticket.connector)
        self._crash("destination.begin.after")

    def write(self, ticket: Ticket, puts: Sequence[Document], deletes: Sequence[str]) -> None:
        if self.place.fences.get(ticket.connector) != ticket.fence:
            raise JobFenced(f"attempt {ticket.fence} comes late")
        self._crash("destination.write.before")
        self.writes += 1
        for document in puts:
            self.place.documents[ticket.connector, document.id] = replace(document)
        for id in deletes:
            self.place.documents.pop((ticket.connector, id), None)
        self._crash("destination.write.after")

    def drop(self, connector: int | None) -> None:
        for number in list(self.place.fences) if connector is None else [connector]:
            self._remove(number)
            self.place.fences.pop(number, None)

    def close(self) -> None:
        """Nothing is held."""

    def stock(self, connector: int, after: str, limit: int) -> list[Found]:
        ids = sorted(id for number, id in self.place.documents if number == connector and id > after)
        return [Found(id, True) for id in ids[:limit]]

    def discard(self, connector: int, ids: Sequence[str]) -> None:
        for id in ids:
            self.place.documents.pop((connector, id), None)

    def one(self, connectors: Sequence[int], id: str) -> list[Shown]:
        found = self.place.documents
        return [_shown(number, found[number, id], None) for number in sorted(connectors) if (number, id) in found]

    def page(self, after: tuple[int, str], limit: int, chars: int, connector: int | None = None) -> list[Shown]:
        keys = sorted(
            key for key in self.place.documents if key > after or (connector is not None and key[1] > after[1])
        )
        chosen = [key for key in keys if connector in (None, key[0])][:limit]
        return [_shown(key[0], self.place.documents[key], chars) for key in chosen]

    def _remove(self, connector: int) -> None:
        for key in [key for key in self.place.documents if key[0] == connector]:
            del self.place.documents[key]


def _shown(connector: int, document: Document, chars: int | None) -> Shown:
    text = document.text or ""
    return Shown(
        connector,
        document.id,
        document.title,
        text[:chars],
        len(text),
        document.metadata,
        document.media_type,
        document.url,
        tuple(sorted(document.allow)),
        tuple(sorted(document.deny)),
        int.from_bytes(document.fingerprint()[:8], "big"),
    )


class Failure(NamedTuple):
    """The `nth` call (1: the first) of `method` fails: nothing was done, or it was and the answer is lost, or as if a
    newer attempt had begun."""

    fault: LedgerFault
    nth: int = 1
    method: str = "write"


class HostileDestination:
    """A coat around a Destination that fails by `plan`. Whatever else the inner one can do is passed through.

    calls  how often each method was called.  struck  failures that took effect so far, in order.
    """

    def __init__(self, inner: Destination, plan: Iterable[Failure]) -> None:
        self.inner = inner
        self.plan = {(failure.method, failure.nth): failure for failure in plan}
        self.calls: Calls[str] = Calls()
        self.struck: list[Failure] = []
        for name in dir(inner):  # set on the instance, where isinstance() with a protocol looks for them
            if not name.startswith("_") and not hasattr(type(self), name) and callable(getattr(inner, name)):
                setattr(self, name, getattr(inner, name))
        if isinstance(inner, Pastes):  # a write like any other
            paste = inner.paste
            self.paste = lambda ticket, sheets: self._call("write", lambda: paste(ticket, sheets))

    def _call(self, method: str, function: Callable[[], T]) -> T:
        self.calls[method] += 1
        failure = self.plan.get((method, self.calls[method]))
        if failure is None:
            return function()
        self.struck.append(failure)
        if failure.fault is LedgerFault.FENCE:
            raise JobFenced("hostile: a newer attempt has taken over")
        if failure.fault is LedgerFault.AMBIGUOUS:
            function()
            raise DestinationError("hostile: the answer was lost", code="destination.connection_lost")
        raise DestinationError("hostile: disk full", code="destination.full")

    def check(self) -> None:
        """As the inner destination, unless it is struck; so with all below."""
        self._call("check", self.inner.check)

    def begin(self, ticket: Ticket, *, empty: bool) -> None:
        self._call("begin", lambda: self.inner.begin(ticket, empty=empty))

    def write(self, ticket: Ticket, puts: Sequence[Document], deletes: Sequence[str]) -> None:
        self._call("write", lambda: self.inner.write(ticket, puts, deletes))

    def drop(self, connector: int | None) -> None:
        self._call("drop", lambda: self.inner.drop(connector))

    def close(self) -> None:
        self.inner.close()

    def __getattr__(self, name: str) -> Any:
        if name == "inner":  # not set yet: while unpickling, say
            raise AttributeError(name)
        return getattr(self.inner, name)
