"""CocoIndex 1.x: `localfs.walk_dir` to one row for each file in its SQLite target, memoised. Nothing is embedded."""

from __future__ import annotations

import os
import pathlib
import sqlite3
from collections.abc import AsyncIterator, Iterable
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from bench.peers.driver import clocked, main


@dataclass
class Row:
    """A row of the target table."""

    id: str
    content: str


def _app(tree: str, state: str) -> Any:
    os.environ["COCOINDEX_DB"] = os.path.join(state, "coco.db")
    import cocoindex as coco  # type: ignore[import-not-found,unused-ignore]
    from cocoindex.connectors import localfs, sqlite  # type: ignore[import-not-found,unused-ignore]
    from cocoindex.resources.file import PatternFilePathMatcher  # type: ignore[import-not-found,unused-ignore]

    target: Any = coco.ContextKey("out")

    async def lifespan(builder: Any) -> AsyncIterator[None]:
        with sqlite.managed_connection(_database(state), load_vec=False) as connection:
            builder.provide(target, connection)
            yield

    async def one(file: Any, table: Any) -> None:
        table.declare_row(row=Row(id=str(file.file_path.path), content=await file.read_text()))

    async def everything(folder: pathlib.Path) -> None:
        schema = await sqlite.TableSchema.from_class(Row, primary_key=["id"])
        table = await sqlite.mount_table_target(target, table_name="docs", table_schema=schema)
        matcher = PatternFilePathMatcher(included_patterns=["**/*.md", "**/*.txt"])
        found = localfs.walk_dir(folder, recursive=True, path_matcher=matcher)
        await coco.mount_each(coco.fn(memo=True)(one), found.items(), table)

    coco.lifespan(lifespan)
    return coco.App(coco.AppConfig(name="W1"), coco.fn(everything), folder=pathlib.Path(tree))


def _sync(tree: str, state: str) -> float:
    return clocked(_app(tree, state).update_blocking)


def _texts(state: str) -> Iterable[str]:
    with closing(sqlite3.connect(_database(state))) as database:
        return [text for (text,) in database.execute("select content from docs")]


def _database(state: str) -> str:
    return os.path.join(state, "out.db")


if __name__ == "__main__":
    main(_sync, _texts)
