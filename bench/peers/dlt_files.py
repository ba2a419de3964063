"""dlt: filesystem source to DuckDB, merge on file_url, incremental on modification_date.

This is dlt's way to load only what is new. It has no notion of a file that is gone: deletions stay in the table.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Any

from bench.peers.driver import clocked, main


def _rows(items: list[Any]) -> Iterator[list[dict[str, Any]]]:
    yield [
        {
            "file_url": item["file_url"],
            "modification_date": item["modification_date"],
            "content": item.read_bytes().decode(),
        }
        for item in items
    ]


def _sync(tree: str, state: str) -> float:
    os.environ["DLT_DATA_DIR"] = os.path.join(state, "dlt")
    import dlt  # type: ignore[import-not-found,unused-ignore]
    from dlt.sources.filesystem import filesystem  # type: ignore[import-not-found,unused-ignore]

    def work() -> None:
        listing = filesystem(bucket_url=f"file://{tree}", file_glob="**/*.*")
        listing.apply_hints(incremental=dlt.sources.incremental("modification_date"))
        rows = dlt.transformer(_rows, name="docs", primary_key="file_url", write_disposition="merge")
        target = dlt.destinations.duckdb(_database(state))
        working = os.path.join(state, "pipelines")
        pipeline = dlt.pipeline("w1", destination=target, dataset_name="w1", pipelines_dir=working)
        pipeline.run(listing | rows)

    return clocked(work)


def _texts(state: str) -> Iterable[str]:
    import duckdb  # type: ignore[import-not-found,unused-ignore]

    with duckdb.connect(_database(state), read_only=True) as database:
        return [text for (text,) in database.execute("select content from w1.docs").fetchall()]


def _database(state: str) -> str:
    return os.path.join(state, "out.duckdb")


if __name__ == "__main__":
    main(_sync, _texts)
