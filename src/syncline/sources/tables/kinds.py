"""The database kinds, and how each of them is opened."""

from __future__ import annotations

from typing import Any

from syncline.sources.tables.source import TableSource


def open_postgresql(settings: Any) -> TableSource:
    """A source on a PostgreSQL server."""
    from syncline.sources.tables.postgresql.session import PostgreSQL

    return TableSource(settings, PostgreSQL(settings))


def open_sqlite(settings: Any) -> TableSource:
    """A source on a file of SQLite."""
    from syncline.sources.tables.sqlite import SQLite

    return TableSource(settings, SQLite(settings))


def open_mysql(settings: Any) -> TableSource:
    """A source on a MySQL or MariaDB server."""
    from syncline.sources.tables.mysql import MySQL

    return TableSource(settings, MySQL(settings))


def open_sql(settings: Any) -> TableSource:
    """A source on whatever SQLAlchemy speaks to."""
    from syncline.sources.tables.sql import AnySQL

    return TableSource(settings, AnySQL(settings))
