"""What became of each document in each job.

An outcome is a row, unless the document was inserted with many others, of which all would say the same: then a run
says from which row of the ledger to which the job has inserted, and nothing else is written. A row wins over what a run
says. Numbers of ledger rows are never used again, so a run stays true until a row of the ledger goes; then what it said
of that one is written down.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from syncline.model.documents import encode_metadata
from syncline.model.outcomes import Kind, Outcome
from syncline.store.relational.database import Database, load_queries, scalar

SQL: Final = load_queries("outcomes.sql")
FEW: Final = 1000  # rows of runs that are sorted without further ado

_encode = encode_metadata


class Outcomes:
    """Those of one truth. Whoever writes does so in a transaction of the truth."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._db = database.db

    # --- writing

    def record(self, job: int, outcomes: Iterable[Outcome]) -> None:
        """Write them down; each replaces what was known of its document."""
        self._db.executemany(SQL["save"], [(job, *outcome) for outcome in outcomes])

    def inserted(self, job: int, connector: int, first: int, last: int) -> None:
        """The job has inserted the documents of these new rows of the ledger; it has said nothing else of them."""
        run = (job, connector, first, last)
        self._db.execute(SQL["extend"], run)
        if not self._db.changes():
            self._db.execute(SQL["insert"], run)

    def write_down(self, connector: int, seqs: Sequence[int]) -> None:
        """What runs say of rows of the ledger, before these go."""
        self._db.execute(SQL["write_down"], (connector, _encode(list(seqs))))

    def forget(self, jobs: Sequence[int]) -> None:
        """Drop all outcomes of these jobs."""
        numbers = [(job,) for job in jobs]
        self._db.executemany(SQL["forget"], numbers)
        self._db.executemany(SQL["forget_runs"], numbers)

    def drop_runs(self, connector: int) -> None:
        """Drop the runs of a connector that has no row in the ledger any more."""
        self._db.execute(SQL["drop_runs"], (connector,))

    # --- reading: what runs tell is read before the rows, for it may be written down meanwhile, never the other way

    def page(
        self, job: int, kinds: Sequence[Kind], code: str | None, troubles: bool, after: str, limit: int
    ) -> list[Outcome]:
        """See `Truth.outcomes`."""
        wanted = (_encode([kind.value for kind in kinds]) if kinds else None, code)
        plain = not (code or troubles) and (not kinds or Kind.INSERTED in kinds)
        with self._database.reading():
            told = self._told(job, wanted, after, limit) if plain else []
            rows = self._db.execute(SQL["page"], (job, after, *wanted, 1 if troubles else None, limit))
            found = {id: Outcome(id, Kind(kind), *rest) for id, kind, *rest in rows}
        for id in told:
            found.setdefault(id, _inserted(id))
        return [found[id] for id in sorted(found)[:limit]]

    def _told(self, job: int, wanted: tuple[str | None, str | None], after: str, limit: int) -> list[str]:
        """Ids of which runs tell, in order, without those of which a row tells something that is not wanted. (One that
        tells something wanted is in the page anyway.)"""
        found: list[str] = []
        while len(found) < limit:
            ids = self._of_runs(job, after, limit)
            asked = bool(ids) and wanted != (None, None)
            others = set(self._ids("others", (job, _encode(ids), *wanted))) if asked else set()
            found += [id for id in ids if id not in others]
            if len(ids) < limit:
                break
            after = ids[-1]
        return found

    def _of_runs(self, job: int, after: str, limit: int) -> list[str]:
        """Ids in runs, the first `limit` of them. There are two ways: to walk the ledger by id until the page is full,
        which is quick where the job has inserted much of it; and to sort all that the job has inserted. The first is
        given up after as many steps as the second has."""
        ids: list[str] = []
        for connector, rows, first, last in self._db.execute(SQL["extent"], (job,)).fetchall():
            if rows > FEW:
                walked = self._ids("walk", (job, connector, after, rows, first, last, limit))
                if len(walked) == limit or scalar(self._db, SQL["beyond"], (connector, after, rows)) is None:
                    ids += walked
                    continue
            ids += self._ids("gather", (job, connector, after, limit))
        return sorted(ids)[:limit]

    def _ids(self, query: str, parameters: tuple[Any, ...]) -> list[str]:
        return [id for (id,) in self._db.execute(SQL[query], parameters)]

    def of(self, job: int, ids: Sequence[str]) -> dict[str, Outcome]:
        """What the job has recorded of those ids."""
        given = (job, _encode(list(ids)))
        with self._database.reading():
            found = {id: _inserted(id) for id in self._ids("told_of", given)}
            for id, kind, *rest in self._db.execute(SQL["of"], given):
                found[id] = Outcome(id, Kind(kind), *rest)
        return found

    def history(self, id: str, jobs: Sequence[int]) -> list[tuple[int, Outcome]]:
        """What those jobs have recorded of that id, oldest first."""
        found: dict[int, Outcome] = {}
        with self._database.reading():
            for job, _, kind, *rest in self._db.execute(SQL["history"], (id, _encode(list(jobs)))):
                found.setdefault(job, Outcome(id, Kind(kind), *rest))  # rows come before runs
        return list(found.items())

    def kinds(self, jobs: Sequence[int]) -> Iterator[tuple[str, Kind]]:
        """(id, kind) of everything those jobs have recorded, by id, the oldest job first."""
        last = ("", 0)
        with self._database.reading():
            for id, job, _, kind in self._db.execute(SQL["kinds"], (_encode(list(jobs)),)):
                if (id, job) != last:  # rows come before runs
                    last = (id, job)
                    yield id, Kind(kind)


def _inserted(id: str) -> Outcome:
    return Outcome(id, Kind.INSERTED, "index")
