"""dlt: a table of PostgreSQL to DuckDB through pyarrow, merged by id, incremental on updated_at.

    python -m bench.peers.dlt_tables run URL STATE       sync; prints its own seconds
    python -m bench.peers.dlt_tables verify URL STATE    prints what is in the target

This is dlt's way to load only what is new. It has no notion of a row that is gone: deletions stay in the table.
"""

from __future__ import annotations

import json
import os
import sys

from bench.peers.driver import clocked

VERIFY = (
    "select count(*), count(*) filter (where body like '%zzedited'), count(*) filter (where id % 100 = 13) from ds.w2"
)


def _sync(url: str, state: str) -> float:
    os.environ["DLT_DATA_DIR"] = os.path.join(state, "dlt")
    import dlt  # type: ignore[import-not-found,unused-ignore]
    from dlt.sources.sql_database import sql_table  # type: ignore[import-not-found,unused-ignore]

    def work() -> None:
        table = sql_table(
            credentials=url.replace("postgresql:", "postgresql+psycopg2:"),
            table="w2",
            backend="pyarrow",
            chunk_size=100_000,
            reflection_level="full",
            incremental=dlt.sources.incremental("updated_at"),
            backend_kwargs={"tz": "UTC"},
        )
        table.apply_hints(primary_key="id", write_disposition="merge")
        target = dlt.destinations.duckdb(os.path.join(state, "out.duckdb"))
        working = os.path.join(state, "pipelines")
        dlt.pipeline("w2", destination=target, dataset_name="ds", pipelines_dir=working).run(table)

    return clocked(work)


def _verify(state: str) -> dict[str, int]:
    import duckdb  # type: ignore[import-not-found,unused-ignore]

    with duckdb.connect(os.path.join(state, "out.duckdb"), read_only=True) as database:
        (found,) = database.execute(VERIFY).fetchall()
    return dict(zip(("rows", "edited", "left"), found, strict=True))


if __name__ == "__main__":
    verb, url, state = sys.argv[1:4]
    print(json.dumps({"inner_s": _sync(url, state)} if verb == "run" else _verify(state)))
