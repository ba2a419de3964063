"""Connectors are made, read, listed and deleted as Elasticsearch does it."""

from __future__ import annotations

from typing import Any

import pytest
from tests.dialects.elastic.connector_labs import WORKED, Lab, refused

NULLS = (
    "last_access_control_sync_error",
    "last_access_control_sync_scheduled_at",
    "last_access_control_sync_status",
    "last_incremental_sync_scheduled_at",
    "last_sync_error",
    "last_sync_scheduled_at",
    "last_sync_status",
    "last_synced",
)
NEVER = {"enabled": False, "interval": "0 0 0 * * ?"}


def test_a_new_connector_has_what_nobody_has_set_yet(lab: Lab) -> None:
    id = lab.name("fresh")
    answer = lab.api.put(connector_id=id)
    assert answer.meta.status == 201
    assert answer.body == {"id": id, "result": "created"}
    doc = lab.doc(id)
    filtering = doc.pop("filtering")
    assert doc == {
        "id": id,
        "configuration": {},
        "custom_scheduling": {},
        "is_native": False,
        "name": "",
        "scheduling": {"full": NEVER, "incremental": NEVER, "access_control": NEVER},
        "status": "created",
        "sync_now": False,
        "deleted": False,
        **dict.fromkeys(NULLS),
    }
    [domain] = filtering
    assert domain["domain"] == "DEFAULT"
    assert domain["active"] == domain["draft"]
    made = domain["active"]["advanced_snippet"]["created_at"]
    rule = {"field": "_", "id": "DEFAULT", "order": 0, "policy": "include", "rule": "regex", "value": ".*"}
    assert domain["active"] == {
        "advanced_snippet": {"created_at": made, "updated_at": made, "value": {}},
        "rules": [{**rule, "created_at": made, "updated_at": made}],
        "validation": {"errors": [], "state": "valid"},
    }


def test_what_was_given_is_there_and_what_was_not_is_absent(lab: Lab) -> None:
    id = lab.name("given")
    given = {
        "description": "Some words", "index_name": f"content-{id}", "is_native": True, "language": "nl",
        "name": "A name",
        "service_type": WORKED,
    }  # fmt: skip
    lab.api.put(connector_id=id, **given)
    doc = lab.doc(id)
    assert {name: doc[name] for name in given} == given
    assert doc["status"] == "needs_configuration"
    absent = {"api_key_id", "api_key_secret_id", "error", "features", "last_seen", "pipeline", "sync_cursor"}
    assert not absent & doc.keys()
    assert not {"last_deleted_document_count", "last_indexed_document_count"} & doc.keys()


def test_an_id_is_made_when_none_is_given(lab: Lab) -> None:
    posted, put = lab.api.post(name="posted"), lab.api.put(name="put")
    assert posted.meta.status == put.meta.status == 201
    assert posted["result"] == "created"
    for answer in (posted, put):
        assert len(answer["id"]) == 20
        assert lab.doc(answer["id"])["id"] == answer["id"]
    assert lab.api.post().meta.status == 201


def test_null_is_no_name_of_an_index(lab: Lab) -> None:
    answer = lab.raw.put(f"/_connector/{lab.name('null')}", json={"index_name": None, "is_native": True})
    assert answer.status_code == 201


def test_putting_over_an_id_replaces_everything(lab: Lab) -> None:
    id = lab.connector(description="before")
    lab.api.update_configuration(connector_id=id, configuration={"a": {"label": "A", "value": 1}})
    lab.api.update_error(connector_id=id, error="broken")
    lab.api.update_api_key_id(connector_id=id, api_key_id="k")
    answer = lab.api.put(connector_id=id, name="after")
    assert answer.meta.status == 200
    assert answer.body == {"id": id, "result": "updated"}
    doc = lab.doc(id)
    assert (doc["name"], doc["configuration"], doc["status"]) == ("after", {}, "created")
    assert not {"description", "error", "api_key_id", "index_name", "service_type"} & doc.keys()


def test_putting_over_a_deleted_one_revives_it(lab: Lab) -> None:
    id = lab.connector()
    lab.api.delete(connector_id=id)
    assert lab.api.put(connector_id=id).meta.status == 200
    assert lab.doc(id)["deleted"] is False


BAD_NAMES = (
    "UPPER",
    "_x",
    "-x",
    "+x",
    "..",
    "a b",
    "a,b",
    "a/b",
    'a"b',
    "a*b",
    "a?b",
    "a<b",
    "a|b",
    "a#b",
    "a:b",
    "x" * 256,
)


@pytest.mark.parametrize("name", BAD_NAMES, ids=range(len(BAD_NAMES)))
def test_an_index_cannot_be_called_that(lab: Lab, name: str) -> None:
    id = lab.connector()
    for call in (
        lambda: lab.api.put(connector_id=lab.name("bad"), index_name=name),
        lambda: lab.api.post(index_name=name),
        lambda: lab.api.update_index_name(connector_id=id, index_name=name),
        lambda: lab.api.list(index_name="B,AD" if "," in name else name),
    ):
        said = refused(call, 400, "action_request_validation_exception")
        assert said.reason.startswith("Validation Failed: 1: ")


def test_native_connectors_have_indexes_of_content(lab: Lab) -> None:
    refused(
        lambda: lab.api.put(connector_id=lab.name("native"), is_native=True, index_name="search-x"),
        400,
        "action_request_validation_exception",
        "content-",
    )


def test_an_index_has_one_connector(lab: Lab) -> None:
    first = lab.connector()
    index = lab.doc(first)["index_name"]
    for call in (
        lambda: lab.api.put(connector_id=lab.name("second"), index_name=index),
        lambda: lab.api.post(index_name=index),
    ):
        refused(call, 400, "status_exception", f"Index name [{index}] is used by another connector.")
    assert lab.api.put(connector_id=first, index_name=index).meta.status == 200
    lab.api.delete(connector_id=first)
    assert lab.api.post(index_name=index).meta.status == 201


@pytest.mark.parametrize(
    ("body", "type"),
    [
        ({"nope": 1}, "x_content_parse_exception"),
        ({"name": 5}, "x_content_parse_exception"),
        ({"name": ["a"]}, "x_content_parse_exception"),
        ({"is_native": "maybe"}, "x_content_parse_exception"),
        ({"index_name": {}}, "x_content_parse_exception"),
        ([1], "x_content_parse_exception"),
    ],
    ids=range(6),
)
def test_bodies_that_cannot_be_understood(lab: Lab, body: Any, type: str) -> None:
    answer = lab.raw.put(f"/_connector/{lab.name('odd')}", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == type


def test_absent_connectors(lab: Lab) -> None:
    for call in (lambda: lab.doc("nobody"), lambda: lab.api.delete(connector_id="nobody")):
        refused(call, 404, "resource_not_found_exception", "connector [nobody] not found")
    refused(lambda: lab.api.delete(connector_id="nobody", hard=True), 404, "resource_not_found_exception")


def test_a_deleted_connector_is_there_for_those_who_ask_for_it(lab: Lab) -> None:
    id = lab.connector()
    assert lab.api.delete(connector_id=id).body == {"acknowledged": True}
    refused(lambda: lab.doc(id), 404, "resource_not_found_exception")
    assert lab.doc(id, include_deleted=True)["deleted"] is True
    refused(lambda: lab.api.delete(connector_id=id), 404)
    assert id not in ids(lab)
    assert id in ids(lab, include_deleted=True)
    assert lab.api.delete(connector_id=id, hard=True).body == {"acknowledged": True}
    refused(lambda: lab.doc(id, include_deleted=True), 404)


def test_jobs_outlive_their_connector_unless_they_are_to_go_too(lab: Lab) -> None:
    kept, gone = lab.connector(), lab.connector()
    for id in (kept, gone):
        lab.posted(id)
    lab.api.delete(connector_id=kept)
    lab.api.delete(connector_id=gone, delete_sync_jobs=True)
    assert lab.api.sync_job_list(connector_id=kept)["count"] == 1
    assert lab.api.sync_job_list(connector_id=gone)["count"] == 0


def ids(lab: Lab, **more: Any) -> list[str]:
    return [one["id"] for one in lab.api.list(size=1000, **more)["results"]]


def test_a_list_is_sorted_by_index_and_paged(lab: Lab) -> None:
    stem = lab.name("sorted")
    for letter in "cab":
        lab.connector(name=f"{stem}-{letter}", index_name=f"{stem}-{letter}")
    lab.connector(name=f"{stem}-0", index_name=None)
    found = lab.api.list(query=stem)
    assert found["count"] == 4
    assert [one["name"].removeprefix(f"{stem}-") for one in found["results"]] == ["a", "b", "c", "0"]
    page = lab.api.list(query=stem, from_=1, size=2)
    assert page["count"] == 4
    assert [one["name"].removeprefix(f"{stem}-") for one in page["results"]] == ["b", "c"]
    assert lab.api.list(query=stem, size=0).body == {"count": 4, "results": []}


def test_filters_of_a_list_hold_together_and_their_entries_apart(lab: Lab) -> None:
    stem = lab.name("filtered")
    one = lab.connector(name=f"{stem}-one", service_type=f"{stem}-a", description=f"about {stem}")
    two = lab.connector(name=f"{stem}-two", service_type=f"{stem}-b")
    index = lab.doc(one)["index_name"]
    assert ids(lab, service_type=f"{stem}-a,{stem}-b") == sorted(
        [one, two], key=lambda it: str(lab.doc(it)["index_name"])
    )
    assert ids(lab, service_type=[f"{stem}-a"], connector_name=f"{stem}-two") == []
    assert ids(lab, connector_name=f"{stem}-one,{stem}-two", index_name=index) == [one]
    assert ids(lab, query=f"about {stem}") == [one]
    assert ids(lab, query=index) == [one]
    assert ids(lab, query=stem.upper()) == []


@pytest.mark.parametrize(
    "query", ["from=-1", "size=-1", "from=x", "size=1.5", "from=9999&size=2", "include_deleted=maybe", "odd=1"]
)
def test_a_list_cannot_be_asked_for_like_that(lab: Lab, query: str) -> None:
    answer = lab.raw.get(f"/_connector?{query}")
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "illegal_argument_exception"


def test_ids_may_hold_anything_but_nothing(lab: Lab) -> None:
    for id in ("a/b", "ü ö", "100%", "a+b", "_sync_jobs", "x" * 300):
        id = f"{lab.name('odd')}-{id}"
        assert lab.api.put(connector_id=id).meta.status == 201
        assert lab.doc(id)["id"] == id
        assert lab.api.check_in(connector_id=id)["result"] == "updated"
