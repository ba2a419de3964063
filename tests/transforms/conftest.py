"""One Extract for each module, and a way to put a single document through it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from syncline.model.documents import Document
from syncline.model.news import Refused
from syncline.model.ports import Unwanted
from syncline.transforms.extract import Extract

Answer = Document | Refused | Unwanted


@pytest.fixture(scope="module")
def extract() -> Iterator[Extract]:
    transform = Extract(workers=1)
    yield transform
    transform.close()


@pytest.fixture(scope="module")
def read(extract: Extract) -> Callable[..., Any]:
    """read("a.md", b"...", title="…") is the one answer to that document."""

    def one(id: str, content: bytes, **fields: Any) -> Answer:
        (answer,) = extract.apply([Document(id, content, **fields)])
        return answer

    return one
