"""The documents of one index, one by one and page by page, for people and programs that look at them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from syncline.model.destinations import Shown
from syncline.model.documents import State
from syncline.model.outcomes import Outcome
from syncline.store.relational.database import load_queries
from syncline.store.relational.outcomes import Outcomes
from syncline.store.relational.tables import dump
from syncline.store.relational.truth import Truth

SQL = load_queries("shelf.sql")


class Waiting(NamedTuple):
    """A deletion that is withheld."""

    id: str
    reason: str
    approved: bool


class Row(NamedTuple):
    """A row of the ledger: what is known of one document. `job` is the number of the job that last wrote it."""

    id: str
    state: State
    job: int


class Shelf:
    """Looks into a truth; changes nothing."""

    def __init__(self, truth: Truth) -> None:
        self._truth = truth

    def one(self, connectors: Sequence[int], id: str) -> list[Shown]:
        """The documents of that id, of those connectors."""
        return self._rows("one", (dump(list(connectors)), id))

    def page(self, after: tuple[int, str], limit: int, chars: int, connector: int | None = None) -> list[Shown]:
        """Documents after (number of a connector, id), in that order; `chars` of each text at most."""
        if connector is None:
            return self._rows("page", (*after, limit, chars))
        return self._rows("page_of", (connector, after[1], limit, chars))

    def twins(
        self, connector: int, field: Literal["parent", "type"], value: str, after: str, limit: int
    ) -> list[Shown]:
        """Entities of a digital twin below that parent, or of that component type, by id, after that one; without their
        texts."""
        return self._rows(f"twins_by_{field}", (connector, value, after, limit))

    def rows(self, connector: int, after: str, limit: int) -> list[Row]:
        """Rows of the ledger by id, after that one."""
        with self._truth.reading():
            rows: Any = self._truth.connection.execute(SQL["rows"], (connector, after, limit))
            return [Row(id, State(state), job) for id, state, job in rows]

    def outcomes(self, job: int, ids: Sequence[str]) -> dict[str, Outcome]:
        """What that job has recorded of those ids; of most it keeps, nothing."""
        return Outcomes(self._truth.database).of(job, ids)

    def withheld(self, connector: int, after: str, limit: int) -> list[Waiting]:
        """Deletions that wait for approval, by id, after that one."""
        with self._truth.reading():
            rows: Any = self._truth.connection.execute(SQL["withheld"], (connector, after, limit))
            return [Waiting(id, reason, bool(approved)) for id, reason, approved in rows]

    def counts(self) -> dict[str, int]:
        """How many documents there are, and how many are kept out, failed, or wait to be deleted."""
        with self._truth.reading():
            row: Any = self._truth.connection.execute(SQL["counts"]).fetchone()
        return dict(zip(("documents", "filtered", "failed", "withheld_deletes"), row, strict=True))

    def text_bytes(self) -> int:
        """How long all texts are together, in bytes. Looks at every document."""
        with self._truth.reading():
            row: Any = self._truth.connection.execute(SQL["text_bytes"]).fetchone()
        return int(row[0])

    def _rows(self, query: str, parameters: tuple[Any, ...]) -> list[Shown]:
        with self._truth.reading():
            return [_shown(row) for row in self._truth.connection.execute(SQL[query], parameters)]


def _shown(row: Sequence[Any]) -> Shown:
    _, connector, id, title, text, chars, metadata, media_type, url, allow, deny, checksum, version, job = row
    return Shown(
        connector=connector,
        id=id,
        title=title,
        text=text,
        chars=chars,
        metadata=json.loads(metadata) if metadata else {},
        media_type=media_type,
        url=url,
        allow=tuple(json.loads(allow)) if allow else (),
        deny=tuple(json.loads(deny)) if deny else (),
        checksum=checksum & 0xFFFF_FFFF_FFFF_FFFF,
        version=version,
        job=job,
    )
