"""Odd searches, put to the evaluator itself: each is answered or refused, whatever is asked of whatever documents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from typing import Any

import pytest
from tests.dialects.elastic.test_fuzz_hosting import Dice

from syncline.dialects.elastic import query_request
from syncline.dialects.elastic.bodies import encoded, parsed
from syncline.dialects.elastic.query_docs import Doc
from syncline.dialects.elastic.query_fields import Fields, check_mapping
from syncline.dialects.elastic.query_run import Run, hits_of
from syncline.dialects.elastic.refusals import Refused
from syncline.dialects.elastic.transport import Call

MAPPINGS: list[dict[str, Any]] = [
    {},
    {"properties": {"a": {"type": "keyword"}, "n": {"type": "long"}, "d": {"type": "date"}, "b": {"type": "boolean"}}},
    {"dynamic": "false", "properties": {"a": {"type": "text"}, "o": {"properties": {"x": {"type": "keyword"}}}}},
]


class Memory:
    """Documents that lie in memory, to be searched."""

    name = "memory"

    def __init__(self, mapping: dict[str, Any], sources: Sequence[dict[str, Any]]) -> None:
        self.fields = Fields(mapping)
        self._docs = [Doc("memory", str(at), source, place=at) for at, source in enumerate(sources)]

    @property
    def stats(self) -> Any:
        return self

    def idf(self, word: str) -> float:
        return 1.0

    def moment(self) -> Any:
        return nullcontext()

    def count(self) -> int:
        return len(self._docs)

    def docs(self, need: Any, *, text: bool = True) -> Iterator[Sequence[Doc]]:
        yield self._docs

    def at(self, places: Sequence[int], *, text: bool = True) -> dict[int, Doc]:
        return {place: self._docs[place] for place in places}

    def get(self, id: str) -> Doc | None:
        return next((doc for doc in self._docs if doc.id == id), None)


def call(body: dict[str, Any]) -> Call:
    nobody: Any = None
    return Call(nobody, nobody, "POST", "/_search", {}, {}, {}, encoded(body))


def source(dice: Dice) -> dict[str, Any]:
    names = ["a", "b", "body", "title", "n", "d", "o"]
    return {name: dice.json() for name in dice.random.sample(names, dice.random.randrange(6))}


@pytest.mark.parametrize("seed", range(4))
def test_an_odd_search_is_answered_or_refused(seed: int, remark: Callable[[str], None]) -> None:
    dice, outcomes = Dice(1000 + seed), Counter[str]()
    for _ in range(700):
        mapping = dice.one(MAPPINGS)
        check_mapping(mapping)
        body = dice.search()
        try:
            search = query_request.parsed(call(parsed(encoded(body))))
            outcome = Run([Memory(mapping, [source(dice) for _ in range(5)])], search, 1_795_305_600.0).outcome()
        except Refused as refused:
            outcomes["refused" if 400 <= refused.status < 500 else "failed"] += 1
        else:
            encoded(hits_of(outcome, search))
            assert len(outcome.hits) <= outcome.total
            outcomes["answered"] += 1
    assert not outcomes["failed"]
    assert outcomes["answered"] > 50
    remark(f"hosting, odd searches: {dict(sorted(outcomes.items()))}")
