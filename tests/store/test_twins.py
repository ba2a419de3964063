"""Entities of a digital twin are found by parent and by type through indexes, and nothing else is in these."""

from __future__ import annotations

from pathlib import Path

import pytest

from syncline.model.documents import Document
from syncline.model.ports import Batch, Put, Ticket
from syncline.store.relational.shelf import SQL, Shelf
from syncline.store.relational.truth import Truth
from syncline.wiring import Installation

TWIN = "application/vnd.syncline.twin"


@pytest.fixture
def truth(tmp_path: Path) -> Truth:
    room = Installation(str(tmp_path / "state"))
    truth: Truth = room.index("twin", create=True).truth
    truth.begin(Ticket(1, 1, 1))
    documents = [
        Document(f"e{n:03}", text="", media_type=TWIN, metadata={"parent": f"p{n % 3}", "component_type": f"t{n % 2}"})
        for n in range(30)
    ]
    documents.append(Document("other", text="", metadata={"parent": "p0", "component_type": "t0"}))
    truth.commit(Ticket(1, 1, 1), Batch(puts=[Put(one, one.fingerprint(), None) for one in documents]))
    return truth


def test_they_are_found_in_order_and_page_by_page(truth: Truth) -> None:
    shelf = Shelf(truth)
    found = [one.id for one in shelf.twins(1, "parent", "p0", "", 100)]
    assert found == [f"e{n:03}" for n in range(0, 30, 3)]
    assert [one.id for one in shelf.twins(1, "parent", "p0", "e003", 2)] == ["e006", "e009"]
    assert [one.id for one in shelf.twins(1, "type", "t1", "", 3)] == ["e001", "e003", "e005"]
    assert shelf.twins(2, "parent", "p0", "", 10) == []


@pytest.mark.parametrize("field", ["parent", "type"])
def test_no_other_document_is_looked_at(truth: Truth, field: str) -> None:
    plan = truth.database.db.execute(f"explain query plan {SQL[f'twins_by_{field}']}", (1, "x", "", 10))
    told = " ".join(str(row[3]) for row in plan)
    assert f"USING INDEX twins_by_{field}" in told
    assert "SCAN" not in told
