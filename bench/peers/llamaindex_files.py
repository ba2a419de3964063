"""LlamaIndex IngestionPipeline: docstore strategy UPSERTS_AND_DELETE, SimpleVectorStore, one node for each file.

The embedding is its MockEmbedding of 16 numbers: no model is timed. Stores are persisted to a folder after each run and
loaded before the next; `inner_s` leaves both out.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable

from llama_index.core import Document, MockEmbedding  # type: ignore[import-not-found,unused-ignore]
from llama_index.core.ingestion import (  # type: ignore[import-not-found,unused-ignore]
    DocstoreStrategy,
    IngestionPipeline,
)
from llama_index.core.storage.docstore import SimpleDocumentStore  # type: ignore[import-not-found,unused-ignore]
from llama_index.core.vector_stores import SimpleVectorStore  # type: ignore[import-not-found,unused-ignore]

from bench.peers.driver import clocked, files, main


def _sync(tree: str, state: str) -> float:
    docstore_at, vectors_at = _docstore(state), os.path.join(state, "vectors.json")
    known = os.path.exists(docstore_at)
    docstore = SimpleDocumentStore.from_persist_path(docstore_at) if known else SimpleDocumentStore()
    vectors = SimpleVectorStore.from_persist_path(vectors_at) if known else SimpleVectorStore()
    pipeline = IngestionPipeline(
        transformations=[MockEmbedding(embed_dim=16)],
        docstore=docstore,
        vector_store=vectors,
        docstore_strategy=DocstoreStrategy.UPSERTS_AND_DELETE,
        disable_cache=True,
    )

    def work() -> None:
        documents = [Document(text=text, id_=path, metadata={"source": path}) for path, text in files(tree)]
        pipeline.run(documents=documents)

    inner = clocked(work)
    docstore.persist(docstore_at)
    vectors.persist(vectors_at)
    return inner


def _texts(state: str) -> Iterable[str]:
    with open(_docstore(state), encoding="utf-8") as kept:
        nodes = json.load(kept)["docstore/data"].values()
    return [node["__data__"]["text_resource"]["text"] for node in nodes]


def _docstore(state: str) -> str:
    return os.path.join(state, "docstore.json")


if __name__ == "__main__":
    main(_sync, _texts)
