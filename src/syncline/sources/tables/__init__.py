"""Documents from the rows of databases.

    settings ─▶ Database.open ─▶ Session (one connection, one snapshot) ─▶ raw rows by key
                                                                             │ hashed before they are parsed
    TableSource ◀── entries (id, version, raw row) ◀── Codec ◀───────────────┘

`source.py` decides how each table is read and never knows which database it is; `session.py` is what a dialect must be
able to do; a dialect knows nothing of documents. Nothing is written to the database, not even a temporary object.
"""

from __future__ import annotations

from syncline.sources.kinds import SourceKind

_PLACE = ("table", "tables", "query")

POSTGRESQL = SourceKind(
    name="postgresql",
    title="PostgreSQL",
    config="syncline.sources.tables.config:PostgreSQLConfig",
    open="syncline.sources.tables.kinds:open_postgresql",
    identity=("host", "port", "database", *_PLACE),
)

SQLITE = SourceKind(
    name="sqlite",
    title="SQLite",
    config="syncline.sources.tables.config:SQLiteConfig",
    open="syncline.sources.tables.kinds:open_sqlite",
    identity=("path", *_PLACE),
    paths=("path",),
)
MYSQL = SourceKind(
    name="mysql",
    title="MySQL, MariaDB",
    config="syncline.sources.tables.config:MySQLConfig",
    open="syncline.sources.tables.kinds:open_mysql",
    identity=("host", "port", "database", *_PLACE),
)
SQL = SourceKind(
    name="sql",
    title="Other databases (SQLAlchemy)",
    config="syncline.sources.tables.config:SQLConfig",
    open="syncline.sources.tables.kinds:open_sql",
    identity=("dsn", *_PLACE),
    anything=True,  # a DSN chooses its driver, and some drivers open files
)

__all__ = ["MYSQL", "POSTGRESQL", "SQL", "SQLITE"]
