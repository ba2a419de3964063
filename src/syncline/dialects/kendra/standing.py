"""Where a document stands: on its way, in the index, failed, or nowhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from syncline.dialects.kendra.ground import Place, one_line, own_id
from syncline.model.connectors import Connector
from syncline.model.documents import Held, State
from syncline.model.jobs import ACTIVE
from syncline.model.outcomes import Kind
from syncline.model.search import Filter, Reader
from syncline.model.search import Request as Search
from syncline.service import pushing, searching
from syncline.store.relational.truth import HistoryLine

TOO_LARGE: Final = "filtered.too_large"
JOBS: Final = 100  # whose outcomes are on record


class Standing(NamedTuple):
    """A DocumentStatus, and why it has failed."""

    status: str
    code: str = ""
    reason: str = ""

    def shape(self, id: str) -> dict[str, Any]:
        """As a Status."""
        return {
            "DocumentId": id,
            "DocumentStatus": self.status,
            "FailureCode": one_line(self.code),
            "FailureReason": one_line(self.reason),
        }


NOT_FOUND: Final = Standing("NOT_FOUND")
_ORDER: Final[Mapping[str, int]] = {
    name: n for n, name in enumerate(("PROCESSING", "UPDATE_FAILED", "UPDATED", "INDEXED", "FAILED", "NOT_FOUND"))
}


class Standings:
    """Looks documents up in connectors of an index."""

    def __init__(self, place: Place, feeding: Sequence[Connector]) -> None:
        self._place = place
        self._feeding = feeding

    def of(self, id: str, chosen: Sequence[Connector] | None = None) -> Standing:
        """The most telling of what the connectors say."""
        feeding = self._feeding if chosen is None else chosen
        found = [self._in(one, own) for one in feeding if (own := own_id(one, id)) is not None]
        best = min(found, key=lambda one: _ORDER[one.status], default=NOT_FOUND)
        return best if best is not NOT_FOUND else self._renamed(id, feeding)

    def live_in(self, id: str) -> Connector | None:
        """The connector that has brought it."""
        for one in self._feeding:
            own = own_id(one, id)
            row = None if own is None else self._row(one, own)
            if row is not None and row.state == State.LIVE:
                return one
        return None

    def _in(self, connector: Connector, id: str) -> Standing:
        row = self._row(connector, id)
        if self._is_on_its_way(connector, id, row):
            return Standing("PROCESSING")
        if row is None:
            return NOT_FOUND
        line = self._last(connector, id)
        if line is not None and self._place.room.control().job(line.job).state in ACTIVE:
            return Standing("PROCESSING")  # a search finds it for certain when the job has ended
        last = None if line is None else line.outcome
        if row.state == State.LIVE:
            if last is not None and last.kind is Kind.FAILED:
                return Standing("UPDATE_FAILED", last.code, last.message)
            return Standing("UPDATED" if last is not None and last.kind is Kind.UPDATED else "INDEXED")
        if row.state == State.FILTERED and (last is None or last.code != TOO_LARGE):
            return NOT_FOUND  # a pattern of the data source keeps it out
        if last is None:
            return Standing("FAILED")
        return Standing("FAILED", last.code, last.message)

    def _is_on_its_way(self, connector: Connector, id: str, row: Held | None) -> bool:
        held = pushing.held(self._place.room, connector, [id]).get(id) if connector.kind == "push" else None
        if held is None or not held.waits or (row is not None and row.version == held.version):
            return False
        # Jobs read again what follows a document that has failed: it has been read, and failed, when none runs.
        return row is None or self._place.room.control().active_job(connector.number) is not None

    def _row(self, connector: Connector, id: str) -> Held | None:
        if not self._place.room.has_index(self._place.index.name):
            return None
        return self._place.room.index(connector.index).held(connector.number, [id]).get(id)

    def _last(self, connector: Connector, id: str) -> HistoryLine | None:
        numbers = self._place.room.control().job_numbers(connector.number)[:JOBS]
        with self._place.room.reading_truth(connector.index) as truth:
            lines = [] if truth is None else truth.history(id, numbers)
        return lines[-1] if lines else None

    def _renamed(self, id: str, feeding: Sequence[Connector]) -> Standing:
        """Metadata files may give documents ids of their own."""
        renaming = {one.name for one in feeding if one.kind == "s3" and one.config.get("metadata_files")}
        if not renaming or not self._place.room.has_index(self._place.index.name):
            return NOT_FOUND
        wanted = Search(limit=1, filters=[Filter("document_id", "eq", id)], reader=Reader(unrestricted=True))
        hits = searching.search(self._place.room, self._place.index.name, wanted, patience_s=0.1).hits
        mine = [one for one in feeding if hits and one.name == hits[0].connector]
        return self._in(mine[0], hits[0].id) if mine else NOT_FOUND
