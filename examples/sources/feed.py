"""A source of one's own: the entries of a feed, read from a JSON file. Run from the root of the repository:

syncline source test ./examples/sources/feed.py:feed --set path=examples/sources/feed.json
syncline connector add ./examples/sources/feed.py:feed --set path=examples/sources/feed.json --name news
syncline sync news
"""

import json
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, Field

from syncline import Document, source


class FeedConfig(BaseModel):
    """Entries of a JSON Feed."""

    path: str = Field(description="The file the feed is in.")


@source("feed", config=FeedConfig)
def feed(config: FeedConfig) -> Iterator[Document]:
    for item in json.loads(Path(config.path).read_text(encoding="utf-8"))["items"]:
        yield Document(
            id=item["id"],
            title=item["title"],
            text=item["content_text"],
            url=item["url"],
            metadata={"published": item["date_published"], "tags": item["tags"]},
            version=item["date_modified"],
        )
