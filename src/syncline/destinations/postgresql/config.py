"""The settings of a PostgreSQL destination. The only module here that needs pydantic."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

_SCHEMES = ("postgresql://", "postgres://")


class PostgreSQLConfig(BaseModel):
    """A table of a PostgreSQL database that documents are written to."""

    model_config = ConfigDict(extra="forbid")

    url: SecretStr = Field(
        examples=["postgresql://syncline:…@db.example.com/shop?sslmode=require"],
        description="Where the database is, and who writes to it.",
    )
    table: str = Field(
        min_length=1,
        max_length=120,
        examples=["documents", "search.documents"],
        description="Table that holds the documents, with its schema if that is not public. Made when it is absent.",
    )
    language: str = Field(
        "simple",
        pattern=r"[a-z_][a-z0-9_]*",
        examples=["simple", "english", "german", "none"],
        description="Text search configuration of PostgreSQL that words go through; none: no full-text search.",
    )
    embedder: str = Field(
        "",
        examples=["my_package.embedding:embed", "openai-small"],
        description="What makes vectors of texts: module:name, or an entry point of the group syncline.embedders.",
    )
    embedder_settings: dict[str, Any] = Field(
        default_factory=dict, description="What the embedder is called with beside the texts, by name."
    )
    dimensions: int | None = Field(
        None, ge=1, le=16_000, description="Length of the vectors. Needed when there is an embedder."
    )
    connect_timeout_s: float = Field(
        10.0, gt=0, description="Seconds to wait for a connection.", json_schema_extra={"advanced": True}
    )
    lock_timeout_s: float = Field(
        30.0,
        gt=0,
        description="Seconds to wait for a table or a row that another session holds.",
        json_schema_extra={"advanced": True},
    )

    @field_validator("url")
    @classmethod
    def _is_a_url(cls, url: SecretStr) -> SecretStr:
        if not url.get_secret_value().startswith(_SCHEMES):
            raise ValueError("must begin with postgresql://")
        return url

    @field_validator("table")
    @classmethod
    def _is_a_table(cls, table: str) -> str:
        parts = table.split(".")
        if len(parts) > 2 or not all(part.strip() == part and 0 < len(part.encode()) <= 55 for part in parts):
            raise ValueError("must be a table, or schema.table, of at most 55 bytes each")
        if any(ord(sign) < 32 for sign in table):
            raise ValueError("must be a table, or schema.table, of at most 55 bytes each")
        return table

    @model_validator(mode="after")
    def _vectors(self) -> PostgreSQLConfig:
        if bool(self.embedder) != (self.dimensions is not None):
            raise ValueError("give embedder and dimensions together")
        return self
