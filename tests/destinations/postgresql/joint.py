"""Indexes whose ledger lies in the database of their documents: a schema of the store, and one of tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.store.postgres.conftest import Base

from syncline.destinations.joined import JoinedIndex
from syncline.model.ports import Resume, Ticket
from syncline.testing.suites import DestinationLab

from .conftest import Place


class Joint(Place):
    """A `Place` whose indexes have their ledger in `base`."""

    def __init__(
        self, folder: Path, base: Base, server: Any, admin: Any, kind: type[JoinedIndex] = JoinedIndex
    ) -> None:
        super().__init__(folder, server, admin)
        self.base, self.kind = base, kind

    def index(self, name: str = "index", *, crash: Any = None, **settings: Any) -> JoinedIndex:
        more = {} if crash is None else {"crash": crash}
        store = self.base.store(**more)
        store.make(name, name, 1.0)
        truth = store.truth(name)
        self._opened.append(truth)
        made = self.kind(truth, self.destination(index=name, crash=crash, **settings), **more)
        made.sleep = self.slept.append
        return made

    def ledger(self, columns: str = "id, state", number: int = 1) -> list[Any]:
        """The rows of the ledger of the index of that number, by id."""
        query = f'select {columns} from "{self.base.schema}_{number}".ledger order by connector, id'
        return [tuple(row) for row in self.ask(query)]


class Together(JoinedIndex):
    """One that is to be joined in every attempt."""

    def begin(self, ticket: Ticket) -> Resume:
        resume = super().begin(ticket)
        assert self.apart == ""
        return resume


class JointLab(DestinationLab):
    """A table and an index of the store for each lab."""

    def __init__(self, folder: Path, place: Joint, name: str = "documents") -> None:
        self.place, self.name = place, name
        super().__init__(folder, lambda crash: place.destination(crash=crash))

    def index(self, crash: Any = None) -> Any:
        return self.place.index(self.name, crash=crash, table=f"{self.place.schema}.{self.name}")

    def another(self, name: str) -> DestinationLab:
        folder = Path(self.folder) / name
        folder.mkdir()
        return JointLab(folder, self.place, f"t{len(list(Path(self.folder).iterdir()))}")
