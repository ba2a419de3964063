"""The settings of the database kinds. The only module here that needs pydantic."""

from __future__ import annotations

import os
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

Name = Annotated[str, Field(min_length=1)]


class TablesConfig(BaseModel):
    """What is read, and how rows become documents."""

    model_config = ConfigDict(extra="forbid")

    table: str = Field(
        "", examples=["articles", "public.articles"], description="Table or view to read. Its rows are the documents."
    )
    tables: list[Name] = Field(
        default_factory=list,
        examples=[["articles", "comments"]],
        description="Several tables instead of one. The ids then begin with the name of the table and a slash.",
    )
    query: str = Field(
        "",
        examples=["select a.id, a.title, u.name from articles a join users u on u.id = a.author"],
        description="A SELECT instead of a table. Needs `id`, the columns that identify a row of it.",
    )
    id: list[Name] = Field(
        default_factory=list,
        examples=[["id"], ["tenant", "number"]],
        description="Columns that identify a row. Found from the primary key when left out.",
    )
    title: str = Field(
        "",
        examples=["subject", "{number}: {subject}"],
        description="Column that is the title, or a template with columns in braces. Left out: a text column named "
        "title, name or subject, if there is one.",
    )
    body: list[Name] = Field(
        default_factory=list,
        examples=[["summary", "description"]],
        description="Columns that are the text, one under the other; one binary column is taken as a file. Left out: "
        "every text column but the title.",
    )
    template: str = Field(
        "",
        examples=["{question}\n\n{answer}"],
        description="The text as a template with columns in braces, instead of `body`. Write {{ for a brace.",
    )
    metadata: list[Name] | None = Field(
        None, examples=[["state", "price"]], description="Columns to filter by. Left out: every other column."
    )
    names: dict[Name, Name] = Field(
        default_factory=dict,
        examples=[{"dept": "department"}],
        description="Other names for columns of the metadata, by column.",
        json_schema_extra={"advanced": True},
    )
    groups: str = Field(
        "",
        examples=["allowed_groups"],
        description="Column with the groups that may find the row, separated by semicolons. A row without any is found "
        "by nobody. Left out: everybody may find it.",
    )
    url: str = Field(
        "",
        examples=["https://example.com/articles/{id}"],
        description="Where a person can open the row, with columns in braces.",
    )
    include: list[Name] = Field(
        default_factory=list, description="Read only these columns, and those of `id`. Empty reads all of them."
    )
    exclude: list[Name] = Field(default_factory=list, description="Do not read these columns.")
    where: str = Field(
        "",
        examples=["deleted_at is null"],
        description="Take only the rows for which this SQL condition holds.",
    )
    cursor: str = Field(
        "",
        examples=["updated_at"],
        description="Column that every change of a row moves on, such as a time of change. Used where the database "
        "itself cannot say which rows were written.",
    )
    overlap_s: float = Field(
        300.0,
        ge=0,
        description="How long, in seconds, a transaction may take from setting the cursor column to its commit.",
        json_schema_extra={"advanced": True},
    )
    changes: Literal["auto", "scan"] = Field(
        "auto",
        description="How changes are found: auto takes the best way there is, scan reads and hashes every row.",
        json_schema_extra={"advanced": True},
    )
    deletions: bool = Field(
        True,
        description="Look for rows that are gone in every job. Without it, only a job that reads every row finds them.",
        json_schema_extra={"advanced": True},
    )
    fetch_size: int = Field(
        50_000,
        ge=1,
        description="Rows that one statement reads, where an index holds the key.",
        json_schema_extra={"advanced": True},
    )
    accept_older_state: bool = Field(
        False,
        description="Go on although the database shows an older state than the last job has seen. For one job, after "
        "the server was restored from a copy.",
        json_schema_extra={"advanced": True},
    )

    @model_validator(mode="after")
    def _one_thing(self) -> TablesConfig:
        given = [bool(self.table), bool(self.tables), bool(self.query)]
        if sum(given) != 1:
            raise ValueError("give one of table, tables and query")
        if self.query and not self.id:
            raise ValueError("a query needs id: the columns that identify a row of it")
        if self.body and self.template:
            raise ValueError("give body or template, not both")
        if len(set(self.tables)) < len(self.tables):
            raise ValueError("a table is named twice")
        if hidden := {*self.id, self.cursor} & set(self.exclude):
            raise ValueError(f"exclude names {', '.join(sorted(hidden))}, which is needed")
        return self


class ServerConfig(TablesConfig):
    """How a server is reached."""

    database: str = Field("", examples=["shop"], description="Name of the database.")
    user: str = Field("", examples=["reader"], description="User to log in as. One that may only read is enough.")
    password: SecretStr | None = Field(None, description="Password of the user.")
    connect_timeout_s: float = Field(
        10.0, gt=0, description="Seconds to wait for a connection.", json_schema_extra={"advanced": True}
    )
    lock_timeout_s: float = Field(
        30.0,
        gt=0,
        description="Seconds to wait for a table that another session holds for itself.",
        json_schema_extra={"advanced": True},
    )


class PostgreSQLConfig(ServerConfig):
    """Rows of PostgreSQL tables, views or a query."""

    host: str = Field(
        "", examples=["db.example.com", "/run/postgresql"], description="Server, or the directory of its socket."
    )
    port: int = Field(5432, ge=1, le=65535, description="Port of the server.")
    dsn: SecretStr | None = Field(
        None,
        examples=["postgresql://reader:…@db.example.com/shop?sslmode=require"],
        description="Connection string instead of host, port, database, user and password.",
    )
    sslmode: Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"] = Field(
        "prefer", description="Whether the connection is encrypted and the server's certificate verified."
    )

    @model_validator(mode="after")
    def _reachable(self) -> PostgreSQLConfig:
        if not self.dsn and not self.database:
            raise ValueError("give database (with host, user and password as needed), or dsn")
        if self.dsn and (self.host or self.user or self.password or self.database):
            raise ValueError("give dsn or the parts of it, not both")
        return self


class MySQLConfig(ServerConfig):
    """Rows of MySQL or MariaDB tables, views or a query."""

    host: str = Field(
        "localhost", examples=["db.example.com", "/run/mysqld/mysqld.sock"], description="Server or socket."
    )
    port: int = Field(3306, ge=1, le=65535, description="Port of the server.")
    database: str = Field(min_length=1, examples=["shop"], description="Name of the database.")
    tls: Literal["prefer", "require", "verify", "disable"] = Field(
        "prefer", description="Whether the connection is encrypted and the server's certificate verified."
    )


class SQLiteConfig(TablesConfig):
    """Rows of tables, views or a query of an SQLite file."""

    path: str = Field(min_length=1, examples=["/srv/app/app.db"], description="The file. Not a byte of it is changed.")
    lock_timeout_s: float = Field(
        30.0, gt=0, description="Seconds to wait for whoever writes the file.", json_schema_extra={"advanced": True}
    )

    @field_validator("path")
    @classmethod
    def _absolute(cls, path: str) -> str:
        return os.path.abspath(os.path.expanduser(path))


class SQLConfig(TablesConfig):
    """Rows of any database that SQLAlchemy speaks to."""

    dsn: SecretStr = Field(
        examples=["mssql+pyodbc://reader:…@db.example.com/shop", "oracle+oracledb://…"],
        description="URL of the database, as SQLAlchemy wants it. The driver it names must be installed.",
    )
