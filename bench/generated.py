"""The small documents as a source of one's own: `add_connector("bench.generated:documents", {"count": 5000})`."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel, Field

from bench import small_documents
from syncline import Document, source


class GeneratedConfig(BaseModel):
    """How many documents, and which."""

    count: int = Field(ge=0, description="Number of documents.")
    seed: int = Field(1, description="The same seed gives the same documents.")


@source("generated", config=GeneratedConfig, title="Generated documents")
def documents(config: GeneratedConfig) -> Iterator[Document]:
    """`count` documents of about 370 bytes, always the same for a `seed`."""
    for small in small_documents.documents(config.count, config.seed):
        yield Document(
            id=small.id,
            text=small.text,
            title=small.title,
            metadata={"category": small.category, "number": small.number},
        )
