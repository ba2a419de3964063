"""The questions of the search benchmark, and what is made of the answers."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any

import pytest
from bench.report import Build, FileChange, QueryClass
from bench.search.queries import ask, kinds, summary
from bench.search.race import _expect, _rewritten, _unmatched
from bench.search.sampler import Sampler
from bench.small_documents import document
from tests.bench.reports import search


def asked(seed: int = 1) -> dict[str, list[Any]]:
    return dict(kinds(random.Random(seed), 100, 1, 5))


def test_there_are_as_many_questions_of_each_kind_as_asked_for():
    assert {len(queries) for queries in asked().values()} == {5}
    assert len(asked()) == 7


def test_the_same_seed_asks_the_same():
    assert asked() == asked() != asked(2)


def test_questions_have_the_form_their_kind_promises():
    by_kind = asked()
    assert [len(text.split()) for text, _ in by_kind["three frequent words"]] == [3] * 5
    assert all(len(text) == 5 and text.endswith("*") for text, _ in by_kind["prefix of four letters"])
    assert all(filters for _, filters in by_kind["two frequent words, filtered"])


def test_every_phrase_stands_in_a_document():
    texts = [f" {document(i, 1).text} " for i in range(100)]
    for quoted, _ in asked()["phrase of two words"]:
        phrase = quoted.strip('"')
        assert any(f" {phrase} " in text for text in texts)


def test_an_answer_is_timed_and_counted():
    fake: Any = SimpleNamespace(search=lambda text, filters: SimpleNamespace(total=len(text)))
    ms, total = ask(fake, ("four", ()))
    assert total == 4
    assert ms >= 0
    line = summary("kind", [(float(n), n % 2) for n in range(100)])
    assert (line["p50_ms"], line["p95_ms"], line["p99_ms"], line["unmatched"]) == (49.0, 94.0, 98.0, 50)


@pytest.mark.parametrize(
    ("name", "unmatched", "wrong"),
    [
        ("one frequent word", 0, False),
        ("one frequent word", 20, True),
        ("phrase of two words", 1, True),
        ("two medium words", 20, False),
    ],
)
def test_silence_is_wrong_where_there_must_be_an_answer(name, unmatched, wrong):
    assert bool(_unmatched(QueryClass(name, 20, 1, 1, 1, 1, 0, unmatched))) is wrong


def test_a_document_lost_or_written_twice_is_a_problem():
    section = search()
    for counters, wrong in (({"kept": 10}, False), ({"kept": 9, "updated": 1}, True), ({}, True)):
        section.problems = []
        _expect(section, "second sync", Build(1, 1, 1, 1, "succeeded", counters, []), {"kept": 10})
        assert bool(section.problems) is wrong, counters


def test_a_table_of_documents_must_keep_its_rows_and_a_job_may_be_added():
    change = FileChange("a", 1, 1, False, {"document": 5000, "job": 1}, {"document": 5000, "job": 2}, True)
    assert _rewritten([change]) == []
    change.rows_after["document"] = 5001
    assert _rewritten([change]) == ["second sync: a, table document: 5000 rows became 5001"]


def test_a_sampler_takes_at_least_the_last_moment():
    with Sampler(lambda: 7) as sampler:
        pass
    last = sampler.samples[-1]
    assert last["written"] == 7
    assert 0 < last["anonymous_mb"] <= last["rss_mb"]
