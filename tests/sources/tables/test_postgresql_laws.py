"""PostgreSQL is a source: the laws, for a table, for several, for a view, and by a cursor column."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from syncline.testing.suites import SourceSuite


class TableLab:
    """Rows of one table; ids are texts."""

    prefix = ""

    def __init__(self, server: Any, admin: Any) -> None:
        self.server, self.admin = server, admin
        self.table = server.name("lab")
        self.edits = 0
        columns = "id text primary key, body text not null, edit int not null, at timestamptz not null default now()"
        admin.execute(f"create table {self.table} ({columns})")

    def open(self) -> Any:
        return self.server.source(table=self.table)

    def broken(self) -> Any:
        return self.server.source(table=self.table + "_gone")

    def put(self, id_hint: str, content: str) -> str:
        self.edits += 1
        self.admin.value(f"insert into {self.table} values ($1, $2, $3)", id_hint, content, self.edits)
        return self.prefix + id_hint

    def change(self, id: str) -> None:
        self.edits += 1
        sql = f"update {self.table} set body = $2, at = clock_timestamp() where id = $1"
        self.admin.value(sql, id.removeprefix(self.prefix), f"Edit {self.edits}.")

    def remove(self, id: str) -> None:
        self.admin.value(f"delete from {self.table} where id = $1", id.removeprefix(self.prefix))

    def close(self) -> None:
        self.admin.execute(f"drop table {self.table} cascade")


class SeveralLab(TableLab):
    """The same as one of two tables, the other one empty."""

    def __init__(self, server: Any, admin: Any) -> None:
        super().__init__(server, admin)
        self.prefix = self.table + "/"
        self.other = server.name("other")
        admin.execute(f"create table {self.other} (id int primary key, body text)")

    def open(self) -> Any:
        return self.server.source(tables=[self.other, self.table])

    def broken(self) -> Any:
        return self.server.source(tables=[self.other, self.table], user="nobody")

    def close(self) -> None:
        super().close()
        self.admin.execute(f"drop table {self.other}")


class QueryLab(TableLab):
    """A query over it: no primary key, no row versions."""

    def open(self) -> Any:
        return self.server.source(query=f"select id, body from {self.table}", id=["id"])

    def broken(self) -> Any:
        return self.server.source(query="select nothing from nowhere", id=["id"])


class CursorLab(QueryLab):
    """The same query with a column that every change moves on."""

    def open(self) -> Any:
        return self.server.source(
            query=f"select id, body, at from {self.table}", id=["id"], cursor="at", metadata=[], overlap_s=0
        )


class OnPostgreSQL(SourceSuite):
    lab_type: type[TableLab]

    @pytest.fixture
    def lab(self, server: Any, admin: Any) -> Iterator[Any]:
        lab = self.lab_type(server, admin)
        yield lab
        lab.close()


class TestTable(OnPostgreSQL):
    lab_type = TableLab


class TestSeveral(OnPostgreSQL):
    lab_type = SeveralLab


class TestQuery(OnPostgreSQL):
    lab_type = QueryLab


class TestCursor(OnPostgreSQL):
    lab_type = CursorLab
