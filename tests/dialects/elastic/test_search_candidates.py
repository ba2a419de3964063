"""What the text index names is enough: a search that asks it finds what a search through every document finds."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from tests.dialects.elastic.test_search_properties import NOW, WORDS, queries

from syncline.dialects.elastic import query_targets
from syncline.dialects.elastic.documents_shape import shaped
from syncline.dialects.elastic.query_dsl import compiled
from syncline.dialects.elastic.query_fields import Fields
from syncline.dialects.elastic.query_leaves import Ground
from syncline.dialects.elastic.query_targets import IndexTarget
from syncline.model.indexes import Index
from syncline.service import hosting, indexes, jobs
from syncline.service.hosting import Operation
from syncline.wiring import Installation

MANY = 150


def source(dice: random.Random) -> dict[str, Any]:
    def text() -> str:
        return " ".join(dice.choices(WORDS, k=dice.randrange(5)))

    def value() -> Any:
        return dice.choice(
            [text(), text(), dice.randrange(-3, 4), True, None, "2026-01-01", [text(), 2], [text(), text()]]
        )

    fields = {name: value() for name in dice.sample(["a", "b", "c"], dice.randrange(4))}
    if dice.random() < 0.5:
        fields[dice.choice(["a", "b"])] = {dice.choice(["b", "c"]): value()}
    if dice.random() < 0.5:
        fields["_allow_access_control"] = dice.choices(["red", "user:ann", "x1"], k=2)
    if dice.random() < 0.5:
        fields |= {"title": text(), "body": text()}
    return fields


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Installation, Index, Index]]:
    """An index of hosted documents, and one that a connector feeds as well; the text index knows not all of them."""
    home = tmp_path_factory.mktemp("candidates")
    room, dice = Installation(str(home / "state")), random.Random(11)
    found = [indexes.add(room, name) for name in ("hosted", "mixed")]
    folder = home / "files"
    folder.mkdir()
    for n in range(30):
        (folder / f"{n}.txt").write_text(f"{source(dice)}")
    jobs.sync(room, jobs.Order(str(folder), "mixed"))
    for index in found:
        write(room, index, [Operation("index", str(n), source(dice)) for n in range(MANY)])
        hosting.refresh(room, index)
        later = [Operation("index", str(n), source(dice)) for n in range(0, MANY, 7)]
        later += [Operation("delete", str(n)) for n in range(0, MANY, 11)]
        later += [Operation("index", f"new-{n}", source(dice)) for n in range(20)]
        write(room, index, later)
    yield room, found[0], found[1]
    room.close()


def write(room: Installation, index: Index, operations: list[Operation]) -> None:
    hosting.write(room, index, operations, lambda key, made: shaped(Fields(), key, made))


def ids(room: Installation, index: Index, query: dict[str, Any], *, asking: bool) -> list[str]:
    target = IndexTarget(room, index)
    with target.moment():
        node = compiled(Ground(target.fields, target.stats, NOW), query)
        pages = target.docs(node.need() if asking else None)
        return sorted(f"{doc.place} {doc.id}" for page in pages for doc in page if node.matches(doc))


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=queries)
def test_both_ways_find_the_same(
    place: tuple[Installation, Index, Index], monkeypatch: pytest.MonkeyPatch, query: dict[str, Any]
) -> None:
    monkeypatch.setattr(query_targets, "SMALL", 0)
    room, hosted, mixed = place
    for index in (hosted, mixed):
        assert ids(room, index, query, asking=True) == ids(room, index, query, asking=False)


@pytest.mark.parametrize("field", ["title", "body", "a", "a.b", "*"])
@pytest.mark.parametrize("word", ["red", "green", "cafe", "x1", "東京", "absent"])
def test_words_are_found_wherever_they_stand(
    place: tuple[Installation, Index, Index], monkeypatch: pytest.MonkeyPatch, field: str, word: str
) -> None:
    monkeypatch.setattr(query_targets, "SMALL", 0)
    room, hosted, mixed = place
    query = {"multi_match": {"query": word, "fields": [field]}}
    for index in (hosted, mixed):
        assert ids(room, index, query, asking=True) == ids(room, index, query, asking=False)
        for name in ("_allow_access_control", "_allow_access_control.keyword"):
            allowed = {"terms": {name: [word, "user:ann"]}}
            assert ids(room, index, allowed, asking=True) == ids(room, index, allowed, asking=False)


def test_the_text_index_is_asked_where_it_can_tell(
    place: tuple[Installation, Index, Index], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(query_targets, "SMALL", 0)
    room, hosted, mixed = place
    asked = []
    numbers = query_targets.numbers
    monkeypatch.setattr(query_targets, "numbers", lambda *given: asked.append(given[1]) or numbers(*given))
    for index, field, many in ((hosted, "a", 1), (hosted, "*", 2), (mixed, "title", 3), (mixed, "a", 3)):
        ids(room, index, {"multi_match": {"query": "red", "fields": [field]}}, asking=True)
        assert len(asked) == many, (index.name, field)
