"""Documents in a table of a PostgreSQL database, with full-text search and, if wanted, vectors.

    documents ─▶ COPY into a temporary table ─▶ one INSERT … ON CONFLICT and one DELETE, behind a fence ─▶ commit
    columns   ─▶ INSERTs of what is new, behind the fence ─▶ commit
    question  ─▶ one tsquery, one WHERE ─▶ rows ─▶ hits with snippets

The table is the user's: made when it is absent, else looked at column by column. Beside it lies one small table of
ours, `syncline_writers`: which index writes to which table, and the newest attempt of each of its connectors.
"""

from __future__ import annotations

from syncline.destinations.kinds import DestinationKind

KIND = DestinationKind(
    name="postgresql",
    title="PostgreSQL",
    config="syncline.destinations.postgresql.config:PostgreSQLConfig",
    open="syncline.destinations.postgresql.destination:PostgreSQLDestination",
    place=("table",),
    code=("embedder",),
)

__all__ = ["KIND"]
