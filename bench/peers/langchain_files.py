"""LangChain `index()`: SQLRecordManager (SQLite), InMemoryVectorStore, cleanup "full", one Document for each file.

The embedding is a constant of 16 numbers: no model is timed. The store is dumped to JSON and loaded again, so that the
next process can go on; `inner_s` leaves dump and load out.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator

from langchain_classic.indexes import SQLRecordManager  # type: ignore[import-not-found,unused-ignore]
from langchain_core.documents import Document  # type: ignore[import-not-found,unused-ignore]
from langchain_core.embeddings import Embeddings  # type: ignore[import-not-found,unused-ignore]
from langchain_core.indexing import index  # type: ignore[import-not-found,unused-ignore]
from langchain_core.vectorstores import InMemoryVectorStore  # type: ignore[import-not-found,unused-ignore]

from bench.peers.driver import clocked, files, main


class _Constant(Embeddings):  # type: ignore[misc,unused-ignore]
    """An embedding that costs nothing."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [[float(len(text) % 97)] * 16 for text in texts]

    def embed_query(self, text: str) -> list[float]:
        return [1.0] * 16


def _documents(tree: str) -> Iterator[Document]:
    for path, text in files(tree):
        yield Document(page_content=text, metadata={"source": path})


def _sync(tree: str, state: str) -> float:
    kept = _store(state)
    store = InMemoryVectorStore.load(kept, _Constant()) if os.path.exists(kept) else InMemoryVectorStore(_Constant())
    records = SQLRecordManager("w1", db_url=f"sqlite:///{state}/records.db")
    records.create_schema()

    def work() -> None:
        index(_documents(tree), records, store, cleanup="full", source_id_key="source", key_encoder="blake2b")

    inner = clocked(work)
    store.dump(kept)
    return inner


def _texts(state: str) -> Iterable[str]:
    with open(_store(state), encoding="utf-8") as kept:
        return [entry["text"] for entry in json.load(kept).values()]


def _store(state: str) -> str:
    return os.path.join(state, "store.json")


if __name__ == "__main__":
    main(_sync, _texts)
