"""Documents one by one: what is written is read at once, found after a refresh, and a document of Syncline's."""

from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from elasticsearch import ConflictError
from tests.dialects.elastic.connector_labs import Lab, refused, until

Source = dict[str, Any]

ODD: list[Source] = [
    {},
    {"a": None, "b": [], "c": {}, "d": [None]},
    {"nested": {"deep": [{"x": 1}, {"x": [2, 3]}]}, "dotted.name": {"x.y": "z"}},
    {"number": 1, "float": 1.0, "big": 9_007_199_254_740_993, "tiny": 1e-300, "yes": True, "no": False},
    {"body": "", "title": "", "text": "a", "content": "b"},
    {"body": "first", "title": "A title", "more": "further words", "emoji": "🙂", "nul": "a\u0000b"},
    {"body": 5, "title": ["several", "titles"], "_allow_access_control": ["ann", "staff"]},
    {"z": 1, "a": 2, "m": {"z": 1, "a": 2}},
    {"": "nameless", "_": "hidden", "a": {"": {"": 1}}, ".": "dot", "a.": "b"},
]


@pytest.mark.parametrize("at", range(len(ODD)))
def test_what_is_written_is_read_back_as_it_was(lab: Lab, at: int) -> None:
    index, source = lab.name("odd"), ODD[at]
    written = lab.es.index(index=index, id="1", document=source)
    assert (written["result"], written["_version"], written.meta.status) == ("created", 1, 201)
    found = lab.es.get(index=index, id="1")
    assert found["_source"] == source
    assert list(found["_source"]) == list(source)
    assert type(found["_source"].get("float", 1.0)) is float
    assert lab.es.get_source(index=index, id="1").body == source
    assert lab.es.exists(index=index, id="1")
    lab.es.indices.refresh(index=index)
    assert [hit["_source"] for hit in lab.es.search(index=index)["hits"]["hits"]] == [source]


def test_versions_and_numbers_rise_with_every_change(lab: Lab) -> None:
    index = lab.name("versions")
    first = lab.es.index(index=index, id="1", document={"a": 1})
    second = lab.es.index(index=index, id="1", document={"a": 2})
    assert (second["result"], second["_version"]) == ("updated", 2)
    assert second["_seq_no"] > first["_seq_no"]
    assert second["_primary_term"] == 1
    assert lab.es.get(index=index, id="1")["_version"] == 2


def test_the_same_again_changes_nothing(lab: Lab) -> None:
    index = lab.name("same")
    first = lab.es.index(index=index, id="1", document={"a": 1})
    again = lab.es.index(index=index, id="1", document={"a": 1})
    assert (again["result"], again["_version"], again["_seq_no"]) == ("updated", 1, first["_seq_no"])


def test_create_refuses_an_id_that_is_there(lab: Lab) -> None:
    index = lab.name("create")
    lab.es.create(index=index, id="1", document={})
    for call in (
        lambda: lab.es.create(index=index, id="1", document={"a": 2}),
        lambda: lab.es.index(index=index, id="1", document={"a": 2}, op_type="create"),
    ):
        refused(call, 409, "version_conflict_engine_exception", "document already exists (current version [1])")
    assert lab.es.get(index=index, id="1")["_source"] == {}


def test_ids_are_made_for_documents_without_one(lab: Lab) -> None:
    index = lab.name("anonymous")
    ids = {lab.es.index(index=index, document={"n": n})["_id"] for n in range(3)}
    assert len(ids) == 3
    assert lab.es.count(index=index)["count"] == 3


def test_only_the_expected_document_is_replaced(lab: Lab) -> None:
    index = lab.name("expected")
    first = lab.es.index(index=index, id="1", document={"a": 1})
    lab.es.index(index=index, id="1", document={"a": 2}, if_seq_no=first["_seq_no"], if_primary_term=1)
    for call in (
        lambda: lab.es.index(index=index, id="1", document={}, if_seq_no=first["_seq_no"], if_primary_term=1),
        lambda: lab.es.update(index=index, id="1", doc={}, if_seq_no=first["_seq_no"], if_primary_term=1),
        lambda: lab.es.delete(index=index, id="1", if_seq_no=first["_seq_no"], if_primary_term=1),
        lambda: lab.es.index(index=index, id="2", document={}, if_seq_no=0, if_primary_term=1),
    ):
        refused(call, 409, "version_conflict_engine_exception", "version conflict, required seqNo")
    refused(lambda: lab.es.index(index=index, id="1", document={}, if_seq_no=1), 400)
    assert lab.es.get(index=index, id="1")["_source"] == {"a": 2}


def test_locks_let_nobody_overwrite_what_another_has_written(lab: Lab) -> None:
    index, threads, rounds = lab.name("counter"), 4, 10
    lab.es.index(index=index, id="1", document={"n": 0})

    def count_up() -> None:
        done = 0
        while done < rounds:
            held = lab.es.get(index=index, id="1")
            lock = {"if_seq_no": held["_seq_no"], "if_primary_term": held["_primary_term"]}
            try:
                lab.es.update(index=index, id="1", doc={"n": held["_source"]["n"] + 1}, **lock)
            except ConflictError:
                continue
            done += 1

    with ThreadPoolExecutor(threads) as pool:
        for future in [pool.submit(count_up) for _ in range(threads)]:
            future.result(60)
    assert lab.es.get(index=index, id="1")["_source"] == {"n": threads * rounds}


def test_deleted_is_gone_and_deleting_again_finds_nothing(lab: Lab) -> None:
    index = lab.name("gone")
    lab.es.index(index=index, id="1", document={"a": 1})
    gone = lab.es.delete(index=index, id="1")
    assert (gone["result"], gone["_version"]) == ("deleted", 2)
    again = lab.es.options(ignore_status=404).delete(index=index, id="1")
    assert (again.meta.status, again["result"]) == (404, "not_found")
    missing = lab.es.options(ignore_status=404).get(index=index, id="1")
    assert (missing.meta.status, missing["found"]) == (404, False)
    assert not lab.es.exists(index=index, id="1")
    refused(lambda: lab.es.get_source(index=index, id="1"), 404, "resource_not_found_exception")
    assert lab.es.index(index=index, id="1", document={"a": 1})["result"] == "created"


def test_partial_updates_merge_objects_and_replace_everything_else(lab: Lab) -> None:
    index = lab.name("partial")
    lab.es.index(index=index, id="1", document={"o": {"a": 1, "b": [1]}, "k": 1, "body": "old"})
    done = lab.es.update(index=index, id="1", doc={"o": {"b": [2], "c": None}, "body": "new"}, source=True)
    assert done["result"] == "updated"
    after = {"o": {"a": 1, "b": [2], "c": None}, "k": 1, "body": "new"}
    assert done["get"]["_source"] == after
    assert lab.es.get(index=index, id="1")["_source"] == after
    noop = lab.es.update(index=index, id="1", doc={"k": 1})
    assert (noop["result"], noop["_version"]) == ("noop", 2)
    assert lab.es.update(index=index, id="1", doc={"k": True})["result"] == "updated"


def test_updates_of_absent_documents(lab: Lab) -> None:
    index = lab.name("absent")
    lab.es.indices.create(index=index)
    refused(lambda: lab.es.update(index=index, id="1", doc={"a": 1}), 404, "document_missing_exception", "[1]")
    made = lab.es.update(index=index, id="1", doc={"a": 1}, upsert={"b": 1})
    assert (made["result"], made.meta.status) == ("created", 201)
    assert lab.es.get(index=index, id="1")["_source"] == {"b": 1}
    lab.es.update(index=index, id="2", doc={"a": 1}, doc_as_upsert=True)
    assert lab.es.get(index=index, id="2")["_source"] == {"a": 1}
    refused(lambda: lab.es.update(index=index, id="1", script={"source": "1"}), 400, "illegal_argument_exception")
    refused(lambda: lab.es.update(index=lab.name("nowhere"), id="1", doc={}), 404, "index_not_found_exception")


def test_source_filters_of_single_documents(lab: Lab) -> None:
    index = lab.name("filters")
    lab.es.index(index=index, id="1", document={"a": {"b": 1, "c": 2}, "d": [{"e": 1, "f": 2}], "body": "x"})
    get = lab.es.get
    assert get(index=index, id="1", source_includes=["a.b", "d.e"])["_source"] == {"a": {"b": 1}, "d": [{"e": 1}]}
    assert get(index=index, id="1", source_excludes=["a", "d"])["_source"] == {"body": "x"}
    assert "_source" not in get(index=index, id="1", source=False)
    assert get(index=index, id="1", source=["b*"])["_source"] == {"body": "x"}


def test_many_at_once(lab: Lab) -> None:
    index = lab.name("many")
    for n in range(3):
        lab.es.index(index=index, id=str(n), document={"n": n})
    docs = lab.es.mget(index=index, ids=["2", "9", "0"])["docs"]
    assert [(doc["_id"], doc["found"]) for doc in docs] == [("2", True), ("9", False), ("0", True)]
    docs = lab.es.mget(docs=[{"_index": index, "_id": "1"}, {"_index": lab.name("none"), "_id": "1"}])["docs"]
    assert docs[0]["_source"] == {"n": 1}
    assert docs[1]["error"]["type"] == "index_not_found_exception"


def test_what_is_not_served_is_refused(lab: Lab) -> None:
    index = lab.name("refused")
    lab.es.index(index=index, id="1", document={})
    for call in (
        lambda: lab.es.index(index=index, id="1", document={}, routing="a"),
        lambda: lab.es.index(index=index, id="1", document={}, version=4, version_type="external"),
        lambda: lab.es.index(index=index, id="1", document={}, pipeline="mine"),
        lambda: lab.es.index(index=index, id="1", document={}, refresh="soon"),
        lambda: lab.es.index(index=index, id="x" * 513, document={}),
    ):
        refused(call, 400)
    for raw in (b"[1]", b"{", b"", b'{"a":1,"a":2}'):
        answer = lab.raw.put(f"/{index}/_doc/1", content=raw, headers={"content-type": "application/json"})
        assert answer.status_code == 400, raw


def test_refresh_makes_it_found_by_every_search(lab: Lab) -> None:
    index = lab.name("refreshed")
    for mode in (True, "wait_for"):
        word = f"word{mode}".replace("_", "")
        lab.es.index(index=index, id=str(mode), document={"body": f"about {word}"}, refresh=mode)
        assert lab.es.count(index=index, query={"match": {"body": word}})["count"] == 1
        found = lab.native.get("/v1/search", params={"index": index, "q": word}).json()
        assert [hit["id"] for hit in found["results"]] == [str(mode)]


def test_hosted_documents_are_documents_of_syncline(lab: Lab) -> None:
    index = lab.name("ours")
    source = {
        "title": "Refund policy",
        "body": "Money back within thirty days.",
        "url": "https://example.com/refunds",
        "author": {"name": "Ann"},
        "pages": 3,
        "tags": ["legal", "money"],
    }
    lab.es.index(index=index, id="r/1", document=source)
    shown = lab.native.get(f"/v1/documents/{index}/r/1").json()
    assert (shown["title"], shown["url"]) == ("Refund policy", "https://example.com/refunds")
    assert shown["metadata"] == {"author.name": "Ann", "pages": 3, "tags": ["legal", "money"]}
    body = {"index": index, "query": "money", "filters": [{"field": "pages", "op": "range", "value": [2, 4]}]}
    hits = lab.native.post("/v1/search", json=body).json()
    assert [hit["id"] for hit in hits["results"]] == ["r/1"], hits
    connectors = lab.native.get("/v1/connectors", params={"limit": 200}).json()["items"]
    (own,) = [one for one in connectors if one["index"] == index]
    assert own["kind"] == "hosted"
    assert own["id"] not in {one["id"] for one in lab.api.list(size=1000)["results"]}


def test_access_control_becomes_who_may_see_it(lab: Lab) -> None:
    index = lab.name("restricted")
    lab.es.index(index=index, id="all", document={"body": "secret plans"})
    lab.es.index(index=index, id="ann", document={"body": "secret plans", "_allow_access_control": ["ann", "staff"]})

    def found(**reader: Any) -> list[str]:
        body = {"index": index, "query": "plans", **reader}
        return sorted(hit["id"] for hit in lab.native.post("/v1/search", json=body).json()["results"])

    assert found(user="bob", groups=[]) == ["all"]
    assert found(user="ann", groups=[]) == ["all", "ann"]
    assert found(user="bob", groups=["staff"]) == ["all", "ann"]
    body = {"index": index, "query": "staff", "user": "ann", "groups": []}
    assert lab.native.post("/v1/search", json=body).json()["total"] == 0
    wrong = {"body": "x", "_allow_access_control": [5]}
    refused(lambda: lab.es.index(index=index, id="x", document=wrong), 400, "document_parsing_exception")


def test_a_job_of_the_hosted_connector_deletes_nothing(lab: Lab) -> None:
    index = lab.name("kept")
    lab.es.index(index=index, id="1", document={"a": 1})
    connectors = lab.native.get("/v1/connectors", params={"limit": 200}).json()["items"]
    (own,) = [one for one in connectors if one["index"] == index]
    started = lab.native.post(f"/v1/connectors/{own['name']}/sync", json={"type": "full", "force": True})
    assert started.status_code in (201, 202), started.text
    job = until(lambda: _ended(lab, started.json()["job"]["id"]))
    assert (job["state"], job["error"]["code"]) == ("failed", "source.hosted")
    assert lab.es.count(index=index)["count"] == 1


def _ended(lab: Lab, id: str) -> Any:
    job = lab.native.get(f"/v1/jobs/{id}").json()
    return job if job["ended_at"] else None


def test_files_in_documents_become_text(lab: Lab) -> None:
    index = lab.name("files")
    page = base64.b64encode(b"<html><body><p>Hello   from a <b>page</b></p></body></html>").decode()
    source = {
        "path": "a/page.html",
        "_attachment": page,
        "_extract_binary_content": True,
        "_reduce_whitespace": True,
        "_run_ml_inference": True,
    }
    lab.es.index(index=index, id="1", document=source, pipeline="search-default-ingestion")
    assert lab.es.get(index=index, id="1")["_source"] == {"path": "a/page.html", "body": "Hello from a page"}
    lab.es.index(index=index, id="2", document={"body": " a  b ", "_reduce_whitespace": True}, pipeline="_none")
    assert lab.es.get(index=index, id="2")["_source"] == {"body": " a  b ", "_reduce_whitespace": True}
    spoilt = {"_attachment": "%%%", "_extract_binary_content": True}
    lab.es.index(index=index, id="3", document=spoilt, pipeline="ent-search-generic-ingestion")
    assert "_ingestion_errors" in lab.es.get(index=index, id="3")["_source"]
