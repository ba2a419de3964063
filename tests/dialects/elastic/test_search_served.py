"""Searches over HTTP: what is found, in which order, and how it is shown."""

from __future__ import annotations

from typing import Any

import pytest
from elasticsearch import helpers
from tests.dialects.elastic.connector_labs import Lab, refused

BOOKS: list[dict[str, Any]] = [
    {"title": "The red house", "body": "A house stands on a hill. The house is red.", "year": 1999,
     "tags": ["home", "red"], "author": {"name": "Ann Lee"}, "sold": "2026-01-05", "price": 10.5, "new": True},
    {"title": "Green hills", "body": "Hills and more hills, and one red flower.", "year": 2005, "tags": ["nature"],
     "author": {"name": "Bob Ray"}, "sold": "2026-02-10T12:00:00Z", "price": 7, "new": False},
    {"title": "A café in Paris", "body": "Coffee, croissants and the river.", "year": 2010, "tags": ["food", "paris"],
     "author": {"name": "Zoé Lee"}, "sold": "2026-03-15", "price": 12},
    {"title": "Cooking", "body": "How to cook in a small house.", "year": 2010, "tags": [], "author": {"name": None}},
]  # fmt: skip
INDEX = "books-to-search"


@pytest.fixture
def books(lab: Lab) -> Lab:
    if not lab.es.indices.exists(index=INDEX):
        documents = [{"_index": INDEX, "_id": str(at), **book} for at, book in enumerate(BOOKS)]
        helpers.bulk(lab.es, documents, refresh=True)
    return lab


def ids(lab: Lab, query: Any = None, **more: Any) -> list[str]:
    return [hit["_id"] for hit in lab.es.search(index=INDEX, query=query, **more)["hits"]["hits"]]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"match_all": {}}, "0123"),
        ({"match_none": {}}, ""),
        ({"match": {"title": "HOUSE cafe"}}, "02"),
        ({"match": {"body": {"query": "red house", "operator": "and"}}}, "0"),
        ({"match": {"body": {"query": "red house hill river", "minimum_should_match": "75%"}}}, "0"),
        ({"match": {"year": 2010}}, "23"),
        ({"match_phrase": {"body": "more hills"}}, "1"),
        ({"match_phrase_prefix": {"body": "a small ho"}}, "3"),
        ({"match_bool_prefix": {"title": "green hi"}}, "1"),
        ({"multi_match": {"query": "red", "fields": ["title^3", "tags"]}}, "0"),
        ({"multi_match": {"query": "lee", "fields": ["author.*"]}}, "02"),
        ({"multi_match": {"query": "paris coffee", "type": "cross_fields", "operator": "and"}}, "2"),
        ({"term": {"year": 2010}}, "23"),
        ({"term": {"tags": "red"}}, "0"),
        ({"term": {"title.keyword": "Cooking"}}, "3"),
        ({"term": {"title.keyword": {"value": "cooking", "case_insensitive": True}}}, "3"),
        ({"term": {"new": False}}, "1"),
        ({"terms": {"tags.keyword": ["nature", "food"]}}, "12"),
        ({"terms": {"_id": ["0", "3", "9"]}}, "03"),
        ({"range": {"year": {"gt": 1999, "lte": 2010}}}, "123"),
        ({"range": {"sold": {"gte": "2026-02", "lt": "2026-03-15||/d"}}}, "1"),
        ({"range": {"price": {"gte": 10.5}}}, "02"),
        ({"exists": {"field": "price"}}, "012"),
        ({"exists": {"field": "author"}}, "012"),
        ({"exists": {"field": "tags"}}, "012"),
        ({"ids": {"values": ["1", "2"]}}, "12"),
        ({"term": {"_index": INDEX}}, "0123"),
        ({"terms": {"_index": ["books", "to", "search"]}}, ""),
        ({"prefix": {"_id": "3"}}, "3"),
        ({"prefix": {"title": "coo"}}, "3"),
        ({"prefix": {"author.name.keyword": "Ann"}}, "0"),
        ({"wildcard": {"author.name.keyword": "*Lee"}}, "02"),
        ({"wildcard": {"title": {"value": "H?LLS", "case_insensitive": True}}}, "1"),
        ({"bool": {"must": {"match": {"body": "house"}}, "must_not": [{"term": {"year": 2010}}]}}, "0"),
        ({"bool": {"filter": [{"term": {"year": 2010}}], "should": [{"match": {"title": "cooking"}}]}}, "23"),
        ({"bool": {"must_not": {"exists": {"field": "new"}}}}, "23"),
        ({"constant_score": {"filter": {"term": {"year": 2010}}, "boost": 2}}, "23"),
        ({"dis_max": {"queries": [{"match": {"title": "red"}}, {"match": {"body": "river"}}]}}, "02"),
        ({"query_string": {"query": "title:(red OR café) AND year:[1990 TO 2000]"}}, "0"),
        ({"query_string": {"query": "house -red"}}, "3"),
        ({"query_string": {"query": "+house -red"}}, "3"),
        ({"query_string": {"query": "author.name:Zo* OR year:<2000"}}, "02"),
        ({"query_string": {"query": '"more hills" OR croissants'}}, "12"),
        ({"query_string": {"query": "_exists_:new AND NOT new:true"}}, "1"),
        ({"query_string": {"query": "red house", "default_operator": "AND", "fields": ["body"]}}, "0"),
        ({"simple_query_string": {"query": "house + (red | cook)", "fields": ["body"]}}, "03"),
        ({"simple_query_string": {"query": "house + -red", "fields": ["body"]}}, "3"),
        ({"simple_query_string": {"query": "croiss*"}}, "2"),
    ],
)  # fmt: skip
def test_what_is_found(books: Lab, query: dict[str, Any], expected: str) -> None:
    assert sorted(ids(books, query)) == list(expected)
    assert books.es.count(index=INDEX, query=query)["count"] == len(expected)


@pytest.mark.parametrize(
    "query",
    [
        {"fuzzy": {"title": "hause"}},
        {"regexp": {"title": "h.*"}},
        {"knn": {"field": "v", "query_vector": [1], "k": 1}},
        {"nested": {"path": "a", "query": {"match_all": {}}}},
        {"function_score": {}},
        {"script_score": {}},
        {"match": {"title": {"query": "hause", "fuzziness": "AUTO"}}},
        {"match": {"title": {"query": "house", "analyzer": "english"}}},
        {"match_phrase": {"title": {"query": "the house", "slop": 2}}},
        {"terms": {"year": {"index": INDEX, "id": "1", "path": "year"}}},
        {"range": {"sold": {"gte": "01.02.2026", "format": "dd.MM.yyyy"}}},
        {"range": {"title": {"gte": "a"}}},
        {"query_string": {"query": "hause~"}},
        {"query_string": {"query": "/ho.*/"}},
        {"query_string": {"query": "(house"}},
        {"simple_query_string": {"query": "hause~1"}},
        {"no_such_query": {}},
        {},
        {"match": {"a": "x", "b": "y"}},
    ],
)
def test_what_is_not_served_is_refused_with_a_reason(books: Lab, query: dict[str, Any]) -> None:
    said = refused(lambda: ids(books, query), 400)
    assert len(said.reason) > 10


@pytest.mark.parametrize(
    "body",
    [
        {"collapse": {"field": "year"}},
        {"suggest": {}},
        {"rescore": {"query": {}}},
        {"runtime_mappings": {"a": {"type": "long"}}},
        {"script_fields": {"a": {}}},
        {"aggs": {"a": {"percentiles": {"field": "year"}}}},
        {"aggs": {"a": {"terms": {"field": "title"}}}},
        {"pit": {"id": "x"}},
        {"explain": True},
        {"sort": ["title"]},
        {"sort": [{"_script": {}}]},
        {"from": 9_999, "size": 2},
        {"size": -1},
        {"odd": 1},
    ],
)
def test_parts_of_a_search_that_are_not_served(books: Lab, body: dict[str, Any]) -> None:
    answer = books.raw.post(f"/{INDEX}/_search", json=body)
    if body == {"suggest": {}}:
        body = {"suggest": {"a": {}}}
        answer = books.raw.post(f"/{INDEX}/_search", json=body)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["reason"]


def test_better_matches_come_first(books: Lab) -> None:
    hits = books.es.search(index=INDEX, query={"match": {"body": "house red hill"}})["hits"]
    assert hits["hits"][0]["_id"] == "0"
    scores = [hit["_score"] for hit in hits["hits"]]
    assert scores == sorted(scores, reverse=True)
    assert hits["max_score"] == scores[0]
    boosted = {
        "bool": {
            "should": [{"match": {"body": "house"}}, {"term": {"title.keyword": {"value": "Cooking", "boost": 50}}}]
        }
    }
    assert ids(books, boosted)[0] == "3"


def test_orders(books: Lab) -> None:
    assert ids(books, sort=[{"year": "desc"}, {"title.keyword": "asc"}]) == ["2", "3", "1", "0"]
    assert ids(books, sort=["price"]) == ["1", "0", "2", "3"]
    assert ids(books, sort=[{"price": {"order": "desc", "missing": "_first"}}]) == ["3", "2", "0", "1"]
    assert ids(books, sort=[{"price": {"order": "asc", "missing": 11}}]) == ["1", "0", "3", "2"]
    assert ids(books, sort=[{"sold": "desc"}]) == ["2", "1", "0", "3"]
    assert ids(books, sort="_doc") == ["0", "1", "2", "3"]
    assert ids(books, {"match": {"body": "red house"}}, sort=["_score"])[0] == "0"
    (first, *_) = books.es.search(index=INDEX, sort=[{"sold": "asc"}, {"_id": "asc"}])["hits"]["hits"]
    assert first["sort"] == [1_767_571_200_000, "0"]
    assert first["_score"] is None


def test_pages_fit_together(books: Lab) -> None:
    order: Any = [{"year": "desc"}, {"_id": "asc"}]
    everything = ids(books, sort=order)
    assert [id for at in range(4) for id in ids(books, sort=order, from_=at, size=1)] == everything
    after, found = None, list[str]()
    while True:
        hits = books.es.search(index=INDEX, sort=order, size=1, **({"search_after": after} if after else {}))["hits"][
            "hits"
        ]
        if not hits:
            break
        found.append(hits[0]["_id"])
        after = hits[0]["sort"]
    assert found == everything


def test_totals(books: Lab) -> None:
    def total(**more: Any) -> Any:
        return books.es.search(index=INDEX, query={"match": {"body": "house hills"}}, size=0, **more)["hits"].get(
            "total"
        )

    assert total() == {"value": 3, "relation": "eq"}
    assert total(track_total_hits=2) == {"value": 2, "relation": "gte"}
    assert total(track_total_hits=False) is None
    assert total(track_total_hits=True, rest_total_hits_as_int=True) == 3


def test_sources_fields_and_numbers(books: Lab) -> None:
    (hit,) = books.es.search(
        index=INDEX, query={"ids": {"values": ["0"]}}, source=["author.*", "y*"], fields=["tags", "author.name"],
        version=True, seq_no_primary_term=True,
    )["hits"]["hits"]  # fmt: skip
    assert hit["_source"] == {"author": {"name": "Ann Lee"}, "year": 1999}
    assert hit["fields"] == {"tags": ["home", "red"], "author.name": ["Ann Lee"]}
    assert (hit["_version"], hit["_primary_term"]) == (1, 1)
    assert hit["_seq_no"] == books.es.get(index=INDEX, id="0")["_seq_no"]
    (hit,) = books.es.search(index=INDEX, q="title:cooking", source=False)["hits"]["hits"]
    assert "_source" not in hit


def test_highlights(books: Lab) -> None:
    def marked(query: Any, **body: Any) -> list[Any]:
        hits = books.es.search(index=INDEX, query=query, highlight=body)["hits"]["hits"]
        return [hit.get("highlight") for hit in hits]

    (found,) = marked({"match": {"title": "CAFE"}}, fields={"title": {}})
    assert found == {"title": ["A <em>café</em> in Paris"]}
    (found,) = marked(
        {"match_phrase": {"body": "more hills"}}, fields={"body": {"pre_tags": ["["], "post_tags": ["]"]}}
    )
    assert found == {"body": ["Hills and [more] [hills], and one red flower."]}
    (found,) = marked({"match": {"title": "cooking"}}, fields={"body": {}, "title": {"number_of_fragments": 0}})
    assert found == {"title": ["<em>Cooking</em>"]}
    (found,) = marked({"query_string": {"query": "croiss*"}}, fields={"*": {"fragment_size": 10, "no_match_size": 3}})
    assert found["body"] == ["Cof"]


def test_aggregations(books: Lab) -> None:
    found = books.es.search(
        index=INDEX,
        size=0,
        query={"range": {"year": {"gte": 2000}}},
        aggs={
            "years": {"terms": {"field": "year"}, "aggs": {"dearest": {"max": {"field": "price"}}}},
            "tags": {"terms": {"field": "tags.keyword", "size": 1, "order": {"_key": "asc"}}},
            "prices": {"stats": {"field": "price"}},
            "names": {"cardinality": {"field": "author.name.keyword"}},
            "priced": {"value_count": {"field": "price"}},
            "unsold": {"missing": {"field": "sold"}},
            "new": {"filter": {"term": {"new": False}}},
        },
    )["aggregations"]
    assert found["years"]["buckets"] == [
        {"key": 2010, "doc_count": 2, "dearest": {"value": 12.0}},
        {"key": 2005, "doc_count": 1, "dearest": {"value": 7.0}},
    ]
    assert found["tags"]["buckets"] == [{"key": "food", "doc_count": 1}]
    assert found["tags"]["sum_other_doc_count"] == 2
    assert found["prices"] == {"count": 2, "min": 7.0, "max": 12.0, "avg": 9.5, "sum": 19.0}
    assert (found["names"]["value"], found["priced"]["value"]) == (2, 2)
    assert (found["unsold"]["doc_count"], found["new"]["doc_count"]) == (1, 1)


def test_what_was_just_written_is_found(lab: Lab) -> None:
    index = lab.name("fresh")
    helpers.bulk(
        lab.es, [{"_index": index, "_id": str(n), "body": f"old word{n % 10}"} for n in range(1500)], refresh=True
    )
    lab.es.index(index=index, id="new", document={"body": "a word3 indeed"})
    lab.es.index(index=index, id="13", document={"body": "changed"})
    lab.es.delete(index=index, id="23")
    query = {"match": {"body": "word3"}}
    assert lab.es.count(index=index, query=query)["count"] == 150 + 1 - 2
    assert {"new"} == {hit["_id"] for hit in helpers.scan(lab.es, index=index, query={"query": query})} & {
        "new",
        "13",
        "23",
    }
