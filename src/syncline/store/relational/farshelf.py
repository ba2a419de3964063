"""The documents of an index that lie in a destination, with what the ledger here knows of them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from syncline.model.destinations import Shown, Shows
from syncline.store.relational.shelf import Shelf
from syncline.store.relational.truth import Truth

ROWS = 1000


class FarShelf(Shelf):
    """See `Shelf`. `place` None: the destination hands out no documents, and none are shown."""

    def __init__(self, truth: Truth, place: Shows | None) -> None:
        super().__init__(truth)
        self._place = place

    def one(self, connectors: Sequence[int], id: str) -> list[Shown]:
        """See `Shelf.one`."""
        return self._known(self._place.one(connectors, id)) if self._place is not None else []

    def page(self, after: tuple[int, str], limit: int, chars: int, connector: int | None = None) -> list[Shown]:
        """See `Shelf.page`."""
        return self._known(self._place.page(after, limit, chars, connector)) if self._place is not None else []

    def _known(self, found: Sequence[Shown]) -> list[Shown]:
        """With the version of each, and the job that first brought it."""
        shown = []
        for connector, some in groupby(found, key=lambda one: one.connector):
            documents = list(some)
            held = self._truth.held(connector, [one.id for one in documents])
            jobs = self._jobs(connector, [one.id for one in documents])
            for one in documents:
                version = held[one.id].version if one.id in held else None
                shown.append(one._replace(version=version, job=jobs.get(one.id, 0)))
        return shown

    def _jobs(self, connector: int, ids: Sequence[str]) -> dict[str, int]:
        """The rows of the ledger around those ids, which are in order."""
        jobs: dict[str, int] = {}
        after = ids[0][:-1]
        while rows := self.rows(connector, after, ROWS):
            jobs |= {row.id: row.job for row in rows}
            after = rows[-1].id
            if len(rows) < ROWS or after >= ids[-1] or len(jobs) > 20 * ROWS:
                break
        return jobs
