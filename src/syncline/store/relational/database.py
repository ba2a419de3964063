"""A database as the store needs it: named statements, transactions, and errors in our own words."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from syncline.model.errors import InternalError

HERE = os.path.dirname(__file__)


class Statement(str):
    """SQL, written for SQLite. `key` ("file.name") is what another dialect knows it by."""

    __slots__ = ("key",)
    key: str


def load_queries(file: str, folder: str = HERE) -> dict[str, Statement]:
    """The statements of a .sql file by the name in the `-- name:` line above each."""
    stem, queries = file.removesuffix(".sql"), dict[str, Statement]()
    with open(os.path.join(folder, file), encoding="utf-8") as lines:
        for block in lines.read().split("-- name: ")[1:]:
            name, _, text = block.partition("\n")
            statement = queries[name.strip()] = Statement(text.strip())
            statement.key = f"{stem}.{name.strip()}"
    return queries


class Violated(InternalError):
    """A statement would have broken a constraint of the tables. `reference`: what it names is not there; otherwise
    there is one like it already. Whoever ran it knows what that means, and says so."""

    def __init__(self, message: str, *, reference: bool) -> None:
        super().__init__(message)
        self.reference = reference


class Rows(Protocol):
    """What a statement has found."""

    def __iter__(self) -> Iterator[Any]: ...
    def fetchone(self) -> Any: ...
    def fetchall(self) -> list[Any]: ...


class Statements(Protocol):
    """Runs statements. An `apsw.Connection` is one."""

    def execute(self, statement: str, parameters: Sequence[Any] = (), /) -> Rows:
        """Run it; `?` and `?N` stand for the parameters."""
        ...

    def executemany(self, statement: str, rows: Iterable[Sequence[Any]], /) -> object:
        """Run it for each row of parameters, all in one go."""
        ...

    def changes(self) -> int:
        """How many rows the last statement has changed."""
        ...


class Database(Protocol):
    """One database, opened. Use it from one thread."""

    path: str

    @property
    def db(self) -> Any:
        """`Statements`, and whatever else the driver offers."""
        ...

    def writing(self, name: str) -> AbstractContextManager[None]:
        """A transaction: all or nothing, one writer at a time. Within another one it is part of that. `name` names its
        crash points. Raises Violated, and what else of the family says why it could not be."""
        ...

    def reading(self) -> AbstractContextManager[None]:
        """Errors of the database are raised as ours within. No transaction."""
        ...

    def moment(self) -> AbstractContextManager[None]:
        """All that is read within is of one moment."""
        ...

    def damage(self) -> str:
        """What is wrong with its files; empty when nothing is, or when that is not ours to find out."""
        ...

    def erase(self) -> bool:
        """Let nothing be left in its files of what was replaced or deleted. False: some may be."""
        ...

    def version(self) -> int:
        """A number that is another one after another connection has written."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


def scalar(db: Statements, statement: str, parameters: Sequence[Any] = ()) -> Any:
    """The first column of the first row; None without one."""
    row = db.execute(statement, parameters).fetchone()
    return None if row is None else row[0]
