"""Many operations at once, each with a result of its own; and scrolls over what they leave."""

from __future__ import annotations

import json
from typing import Any

import pytest
from elasticsearch import helpers
from tests.dialects.elastic.connector_labs import Lab, refused

Operation = dict[str, Any]


def bulk(lab: Lab, index: str | None, *operations: Operation, **query: Any) -> list[Any]:
    """(kind, status, result or type of the error) of each."""
    answer = lab.es.bulk(index=index, operations=list(operations), **query)
    told = [(kind, item) for one in answer["items"] for kind, item in one.items()]
    assert answer["errors"] == any("error" in item for _, item in told)
    return [(kind, item["status"], item.get("result") or item["error"]["type"]) for kind, item in told]


def test_each_operation_has_its_own_result(lab: Lab) -> None:
    index = lab.name("bulk")
    done = bulk(
        lab, index,
        {"index": {"_id": "1"}}, {"a": 1},
        {"create": {"_id": "1"}}, {"a": 2},
        {"update": {"_id": "1"}}, {"doc": {"b": 2}},
        {"update": {"_id": "9"}}, {"doc": {"b": 2}},
        {"update": {"_id": "2"}}, {"doc": {"b": 2}, "doc_as_upsert": True},
        {"delete": {"_id": "7"}},
        {"delete": {"_id": "2"}},
        {"index": {"_id": "3", "if_seq_no": 77, "if_primary_term": 1}}, {},
        {"index": {"_id": "4", "pipeline": "unknown"}}, {},
        {"index": {"_id": "5", "routing": "x"}}, {},
    )  # fmt: skip
    assert done == [
        ("index", 201, "created"),
        ("create", 409, "version_conflict_engine_exception"),
        ("update", 200, "updated"),
        ("update", 404, "document_missing_exception"),
        ("update", 201, "created"),
        ("delete", 404, "not_found"),
        ("delete", 200, "deleted"),
        ("index", 409, "version_conflict_engine_exception"),
        ("index", 400, "illegal_argument_exception"),
        ("index", 400, "illegal_argument_exception"),
    ]
    assert lab.es.get(index=index, id="1")["_source"] == {"a": 1, "b": 2}
    assert lab.es.count(index=index)["count"] == 1


def test_the_last_of_several_operations_on_a_document_wins(lab: Lab) -> None:
    index = lab.name("again")
    answer = lab.es.bulk(
        index=index, operations=[each for n in range(20) for each in ({"index": {"_id": "1"}}, {"n": n})]
    )
    numbers = [item["index"]["_seq_no"] for item in answer["items"]]
    assert numbers == sorted(set(numbers))
    assert [item["index"]["_version"] for item in answer["items"]] == list(range(1, 21))
    assert lab.es.get(index=index, id="1")["_source"] == {"n": 19}
    assert lab.es.count(index=index)["count"] == 1


def test_operations_go_to_the_indexes_they_name(lab: Lab) -> None:
    one, other = lab.name("one"), lab.name("other")
    done = bulk(
        lab, one, {"index": {}}, {"a": 1}, {"index": {"_index": other, "_id": 5}}, {"a": 1},
        {"index": {"_index": "Upper"}}, {}, {"delete": {"_index": lab.name("absent"), "_id": "1"}},
    )  # fmt: skip
    assert [status for _, status, _ in done] == [201, 201, 400, 404]
    assert lab.es.exists(index=other, id="5")
    assert not lab.es.indices.exists(index="absent")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\n",
        b'{"index":{"_id":"1"}}\n{}',
        b'{"index":{"_id":"1"}}\n',
        b'{"shout":{"_id":"1"}}\n{}\n',
        b'{"index":[]}\n{}\n',
        b'{"index":{"_id":{}}}\n{}\n',
        b'{"index":{"_odd":1}}\n{}\n',
        b'["index"]\n{}\n',
        b"not json\n{}\n",
    ],
)
def test_malformed_requests_are_refused_as_a_whole(lab: Lab, raw: bytes) -> None:
    index = lab.name("malformed")
    answer = lab.raw.post(f"/{index}/_bulk", content=raw, headers={"content-type": "application/x-ndjson"})
    assert answer.status_code == 400, answer.text
    assert answer.json()["status"] == 400
    assert not lab.es.indices.exists(index=index)


def test_a_document_that_is_no_json_fails_alone(lab: Lab) -> None:
    index = lab.name("alone")
    raw = b'{"index":{"_id":"1"}}\n{"a":\n{"index":{"_id":"2"}}\n[]\n{"index":{"_id":"3"}}\n{"a":1}\n'
    answer = lab.raw.put(f"/{index}/_bulk", content=raw, headers={"content-type": "application/x-ndjson"}).json()
    assert [item["index"]["status"] for item in answer["items"]] == [400, 400, 201]
    assert answer["items"][0]["index"]["error"]["type"] == "document_parsing_exception"


def test_pipelines_of_connectors_take_their_flags_away(lab: Lab) -> None:
    index = lab.name("flags")
    document = {"body": " many   spaces ", "_reduce_whitespace": True, "_extract_binary_content": True, "k": 1}
    done = bulk(lab, index, {"index": {"_id": "1"}}, document, pipeline="search-default-ingestion")
    assert done == [("index", 201, "created")]
    assert lab.es.get(index=index, id="1")["_source"] == {"body": "many spaces", "k": 1}


def test_helpers_of_the_client_write_and_read_everything(lab: Lab) -> None:
    index = lab.name("helpers")
    documents = [{"_index": index, "_id": f"{n:04}", "n": n, "body": f"document number {n}"} for n in range(1200)]
    assert helpers.bulk(lab.es, documents, chunk_size=500, refresh=True) == (1200, [])
    assert lab.es.count(index=index)["count"] == 1200
    found = list(helpers.scan(lab.es, index=index, size=250, _source=["n"]))
    assert sorted(hit["_source"]["n"] for hit in found) == list(range(1200))
    assert all(set(hit["_source"]) == {"n"} for hit in found)
    some = helpers.scan(lab.es, index=index, size=100, query={"query": {"range": {"n": {"lt": 300}}}, "sort": ["n"]},
                        preserve_order=True)  # fmt: skip
    assert [hit["_source"]["n"] for hit in some] == list(range(300))
    deletions = ({"_op_type": "delete", "_index": index, "_id": f"{n:04}"} for n in range(600))
    assert helpers.bulk(lab.es, deletions, refresh="wait_for") == (600, [])
    assert lab.es.count(index=index)["count"] == 600
    done = lab.es.delete_by_query(index=index, query={"range": {"n": {"gte": 1000}}}, refresh=True)
    assert (done["deleted"], done["total"], done["failures"]) == (200, 200, [])
    assert lab.es.count(index=index)["count"] == 400


def test_scrolls_end_and_are_closed(lab: Lab) -> None:
    index = lab.name("scrolls")
    helpers.bulk(lab.es, [{"_index": index, "_id": str(n), "n": n} for n in range(25)])
    first = lab.es.search(index=index, scroll="1m", size=10, query={"match_all": {}})
    assert (len(first["hits"]["hits"]), first["hits"]["total"]["value"]) == (10, 25)
    lab.es.delete(index=index, id=lab.es.search(index=index, size=25)["hits"]["hits"][-1]["_id"])
    lab.es.index(index=index, id="new", document={"n": 99})
    second = lab.es.scroll(scroll_id=first["_scroll_id"], scroll="1m")
    third = lab.es.scroll(scroll_id=first["_scroll_id"])
    assert (len(second["hits"]["hits"]), len(third["hits"]["hits"])) == (10, 4)
    assert lab.es.scroll(scroll_id=first["_scroll_id"])["hits"]["hits"] == []
    assert lab.es.clear_scroll(scroll_id=first["_scroll_id"])["num_freed"] == 1
    refused(lambda: lab.es.scroll(scroll_id=first["_scroll_id"]), 404, "search_context_missing_exception")
    for query in ({"size": 0}, {"from_": 5}, {"sort": ["n"], "search_after": [1]}):
        refused(lambda query=query: lab.es.search(index=index, scroll="1m", **query), 400)
    other = lab.client(*lab.key("read"))
    own = lab.es.search(index=index, scroll="1m", size=1)["_scroll_id"]
    refused(lambda: other.scroll(scroll_id=own), 404)
    assert json.loads(json.dumps(other.search(index=index, scroll="5s", size=1).body))["_scroll_id"]


def test_read_keys_write_nothing(lab: Lab) -> None:
    index = lab.name("readonly")
    lab.es.index(index=index, id="1", document={"a": 1})
    reader = lab.client(*lab.key("read"))
    assert reader.get(index=index, id="1")["found"]
    assert reader.search(index=index, query={"match_all": {}})["hits"]["total"]["value"] == 1
    for call in (
        lambda: reader.index(index=index, id="2", document={}),
        lambda: reader.bulk(index=index, operations=[{"index": {}}, {}]),
        lambda: reader.delete(index=index, id="1"),
        lambda: reader.indices.create(index=lab.name("no")),
    ):
        refused(call, 403, "security_exception")


def test_keys_bound_to_an_index_see_no_other(lab: Lab) -> None:
    mine, other = lab.name("mine"), lab.name("theirs")
    for index in (mine, other):
        lab.es.index(index=index, id="1", document={"word": "same"})
    bound = lab.client(*lab.key("write", indexes=[mine]))
    assert [hit["_index"] for hit in bound.search(query={"match_all": {}})["hits"]["hits"]] == [mine]
    assert bound.count(index="*")["count"] == 1
    for call in (
        lambda: bound.get(index=other, id="1"),
        lambda: bound.search(index=f"{mine},{other}"),
        lambda: bound.index(index=other, id="2", document={}),
        lambda: bound.indices.create(index=lab.name("new")),
    ):
        refused(call, 403, "security_exception")
    (item,) = bound.bulk(operations=[{"index": {"_index": other}}, {}])["items"]
    assert item["index"]["status"] == 403
