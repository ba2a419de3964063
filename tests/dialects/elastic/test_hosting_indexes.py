"""Indexes: made, shown, mapped, removed; and what the server says of itself."""

from __future__ import annotations

from typing import Any

import pytest
from tests.dialects.elastic.connector_labs import Lab, refused, until


def test_it_says_what_it_is(lab: Lab) -> None:
    info = lab.es.info()
    assert info["version"]["number"].startswith("9.")
    assert info["version"]["build_flavor"] == "default"
    assert lab.es.ping()
    assert lab.es.license.get()["license"]["status"] == "active"
    assert lab.es.cluster.health()["status"] == "green"


def test_an_index_is_made_shown_and_removed(lab: Lab) -> None:
    index = lab.name("made")
    mappings = {"properties": {"n": {"type": "long"}, "t": {"type": "text", "fields": {"enum": {"type": "keyword"}}}}}
    settings = {"number_of_replicas": 2, "analysis": {"analyzer": {"a": {"type": "standard"}}}}
    assert not lab.es.indices.exists(index=index)
    made = lab.es.indices.create(index=index, mappings=mappings, settings=settings)
    assert made["acknowledged"]
    assert made["index"] == index
    assert lab.es.indices.exists(index=index)
    shown = lab.es.indices.get(index=index)[index]
    assert shown["mappings"] == mappings
    assert shown["settings"]["index"]["analysis"] == settings["analysis"]
    assert shown["settings"]["index"]["number_of_replicas"] == "2"
    refused(lambda: lab.es.indices.create(index=index), 400, "resource_already_exists_exception")
    lab.es.index(index=index, id="1", document={"n": 1})
    assert lab.es.indices.delete(index=index)["acknowledged"]
    assert not lab.es.indices.exists(index=index)
    refused(lambda: lab.es.search(index=index), 404, "index_not_found_exception", f"no such index [{index}]")
    assert lab.es.indices.create(index=index)["acknowledged"]
    assert lab.es.count(index=index)["count"] == 0


@pytest.mark.parametrize("name", ["Upper", "_under", "a b", "a#b", "a:b", "-a", "x" * 256])
def test_illegal_names_are_refused(lab: Lab, name: str) -> None:
    refused(lambda: lab.es.indices.create(index=name), 400, "invalid_index_name_exception")


@pytest.mark.parametrize("name", [".search-acl-filter-content-x", "with.dots", "ümläut", "x" * 200])
def test_names_that_syncline_would_not_take(lab: Lab, name: str) -> None:
    lab.es.index(index=name, id="1", document={"a": 1})
    assert lab.es.get(index=name, id="1")["_index"] == name
    assert [hit["_index"] for hit in lab.es.search(index=name)["hits"]["hits"]] == [name]
    assert list(lab.es.indices.get(index=name)) == [name]
    assert lab.es.indices.delete(index=name)["acknowledged"]


@pytest.mark.parametrize(
    "body",
    [
        {"mappings": {"runtime": {"a": {"type": "long"}}}},
        {"mappings": {"_source": {"enabled": False}}},
        {"mappings": {"properties": {"a": {"type": "nested"}}}},
        {"mappings": {"properties": {"a": {"type": "dense_vector", "dims": 3}}}},
        {"mappings": {"properties": {"a": {"type": "date", "format": "dd.MM.yyyy"}}}},
        {"mappings": {"properties": []}},
        {"settings": {"similarity": {"default": {"type": "boolean"}}}},
        {"settings": {"default_pipeline": "mine"}},
        {"aliases": {"other": {}}},
        {"odd": {}},
    ],
)
def test_what_would_change_results_is_refused(lab: Lab, body: dict[str, Any]) -> None:
    index = lab.name("refused")
    answer = lab.raw.put(f"/{index}", json=body)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["reason"]
    assert not lab.es.indices.exists(index=index)


def test_mappings_say_how_values_are_compared(lab: Lab) -> None:
    index = lab.name("mapped")
    properties: dict[str, Any] = {
        "code": {"type": "keyword"},
        "n": {"type": "long"},
        "day": {"type": "date"},
        "on": {"type": "boolean"},
        "hidden": {"type": "keyword", "index": False},
    }
    lab.es.indices.create(index=index, mappings={"properties": properties})
    source = {"code": "A B", "n": "5", "day": "2026-03-01", "on": "true", "hidden": "x"}
    lab.es.index(index=index, id="1", document=source)

    def count(query: dict[str, Any]) -> int:
        return int(lab.es.count(index=index, query=query)["count"])

    assert count({"match": {"code": "A"}}) == 0
    assert count({"match": {"code": "A B"}}) == 1
    assert count({"term": {"n": 5}}) == count({"range": {"n": {"gte": 5, "lt": 6}}}) == 1
    assert count({"range": {"day": {"gte": "2026-03", "lt": "2026-04"}}}) == count({"term": {"on": True}}) == 1
    refused(lambda: count({"term": {"hidden": "x"}}), 400, "query_shard_exception", "not indexed")
    refused(lambda: count({"term": {"n": "five"}}), 400, "query_shard_exception")
    for wrong in ({"n": "five"}, {"day": "yesterday"}, {"on": "maybe"}):
        refused(lambda wrong=wrong: lab.es.index(index=index, document=wrong), 400, "document_parsing_exception")
    lab.es.indices.put_mapping(index=index, properties={"more": {"type": "keyword"}})
    assert lab.es.indices.get_mapping(index=index)[index]["mappings"]["properties"] == {
        **properties,
        "more": {"type": "keyword"},
    }
    refused(lambda: lab.es.indices.put_mapping(index=index, properties={"n": {"type": "text"}}), 400)


def test_strict_and_closed_mappings(lab: Lab) -> None:
    strict, closed = lab.name("strict"), lab.name("closed")
    lab.es.indices.create(index=strict, mappings={"dynamic": "strict", "properties": {"a": {"type": "text"}}})
    lab.es.index(index=strict, document={"a": "x"})
    refused(lambda: lab.es.index(index=strict, document={"b": 1}), 400, "strict_dynamic_mapping_exception")
    lab.es.indices.create(index=closed, mappings={"dynamic": False, "properties": {"a": {"type": "text"}}})
    lab.es.index(index=closed, id="1", document={"a": "x", "b": "x"})
    assert lab.es.count(index=closed, query={"match": {"b": "x"}})["count"] == 0
    assert lab.es.get(index=closed, id="1")["_source"] == {"a": "x", "b": "x"}


def test_templates_give_new_texts_their_parts(lab: Lab) -> None:
    index = lab.name("templates")
    whole = {"type": "text", "fields": {"enum": {"type": "keyword", "ignore_above": 10}}}
    lab.es.indices.create(
        index=index,
        mappings={"dynamic_templates": [{"texts": {"match_mapping_type": "string", "mapping": whole}}]},
    )
    lab.es.index(index=index, id="1", document={"a": "Two Words", "b": "much too long"})
    for query, count in (
        ({"term": {"a.enum": "Two Words"}}, 1),
        ({"term": {"a": "words"}}, 1),
        ({"term": {"b.enum": "much too long"}}, 0),
        ({"match": {"b": "long"}}, 1),
    ):
        assert lab.es.count(index=index, query=query)["count"] == count, query


def test_several_indexes_by_list_and_pattern(lab: Lab) -> None:
    stem = lab.name("group")
    for end in ("a", "b", "c"):
        lab.es.index(index=f"{stem}-{end}", id=end, document={"end": end})

    def ids(index: str, **flags: Any) -> list[str]:
        hits = lab.es.search(index=index, sort=[{"end.keyword": "asc"}], **flags)["hits"]["hits"]
        return [hit["_id"] for hit in hits]

    assert ids(f"{stem}-a,{stem}-c") == ["a", "c"]
    assert ids(f"{stem}-*") == ["a", "b", "c"]
    assert ids(f"{stem}-*,-{stem}-b") == ["a", "c"]
    assert ids(f"{stem}-a,{stem}-x", ignore_unavailable=True) == ["a"]
    assert ids(f"{stem}-x*") == []
    refused(lambda: ids(f"{stem}-a,{stem}-x"), 404, "index_not_found_exception")
    refused(lambda: ids(f"{stem}-x*", allow_no_indices=False), 404, "index_not_found_exception")
    assert lab.es.indices.refresh(index=f"{stem}-*")["_shards"]["successful"] == 3
    assert sorted(lab.es.indices.get(index=f"{stem}-*")) == [f"{stem}-a", f"{stem}-b", f"{stem}-c"]
    assert lab.es.indices.get(index=f"{stem}-x", ignore_unavailable=True).body == {}
    refused(lambda: lab.es.indices.delete(index=f"{stem}-*"), 400)


def test_an_index_that_a_connector_of_syncline_fills(lab: Lab) -> None:
    index = lab.name("filled")
    folder = lab.folder({"a.md": "# Apples\n\nGreen and red apples.", "b.txt": "Bananas are yellow."})
    made = lab.native.post(
        "/v1/connectors", json={"name": index, "kind": "folder", "index": index, "settings": {"path": str(folder)}}
    )
    assert made.status_code == 201, made.text
    lab.native.post(f"/v1/connectors/{index}/sync", json={})
    until(lambda: lab.es.indices.exists(index=index) and lab.es.count(index=index)["count"] == 2, "two documents")
    (hit,) = lab.es.search(index=index, query={"match": {"body": "apple apples"}}, highlight={"fields": {"body": {}}})[
        "hits"
    ]["hits"]
    assert (hit["_id"], hit["_source"]["id"]) == ("a.md", "a.md")
    assert hit["_source"]["extension"] == "md"
    assert "<em>apples</em>" in hit["highlight"]["body"][0]
    assert lab.es.get(index=index, id="b.txt")["_source"]["body"] == "Bananas are yellow."
    assert lab.es.count(index=index, query={"term": {"extension.keyword": "txt"}})["count"] == 1
    assert lab.es.count(index=index, query={"query_string": {"query": "bananas OR apples"}})["count"] == 2
    refused(lambda: lab.es.delete(index=index, id="a.md"), 400, "illegal_argument_exception", "connector of Syncline")
    done = lab.es.options(ignore_status=409).delete_by_query(index=index, query={"match_all": {}})
    assert (done["deleted"], len(done["failures"])) == (0, 2)
    refused(lambda: lab.es.indices.delete(index=index), 400, "illegal_argument_exception", "connectors of Syncline")
    lab.es.index(index=index, id="a.md", document={"title": "Mine"})
    assert lab.es.get(index=index, id="a.md")["_source"] == {"title": "Mine"}
    assert lab.es.count(index=index)["count"] == 3
    assert lab.es.delete(index=index, id="a.md")["result"] == "deleted"
    assert lab.es.get(index=index, id="a.md")["_source"]["title"] == "Apples"
    assert lab.es.count(index=index)["count"] == 2
